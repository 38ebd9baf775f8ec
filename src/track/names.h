// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/event.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace sockscope {

// What the addresses of remote ends were called by those who asked for them. Time is that of the
// events. Memory is bounded: at most kMostAddresses, each with the last kMostNames that somebody
// asked for; those longest out of use go first.
class RemoteNames {
 public:
  static constexpr std::size_t kMostAddresses = 8'192;
  static constexpr std::size_t kMostNames = 4;

  // Of a kDns event that is an answer this host received and had asked for. Aliases are followed
  // from the question; records that it does not lead to teach nothing.
  void learn(const Event& answer);

  // The name of the flow's remote end: what its process asked for last before the flow began, else
  // what another process of the same network namespace did, else, of a global address, one of any.
  // Flows that came from outside have none.
  // Of UDP, and of flows older than the monitor, also what was asked for later.
  std::shared_ptr<const RemoteName> find(const Flow& flow);

  std::size_t addresses() const noexcept { return young_.size() + old_.size(); }

 private:
  struct Learnt {
    std::uint64_t first_ns = 0;
    std::uint64_t process_start_ns = 0;
    std::uint32_t netns = 0;
    std::shared_ptr<const RemoteName> name;
  };
  struct Hash {
    std::size_t operator()(const Address& address) const noexcept;
  };
  using Generation = std::unordered_map<Address, std::vector<Learnt>, Hash>;

  std::vector<Learnt>* look_up(const Address& address);
  void remember(const Address& address, Learnt learnt);
  void make_room();

  Generation young_;
  Generation old_;
};

}  // namespace sockscope
