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

// The names by which processes asked for the addresses of remote ends. The clock is the events'.
// Memory is bounded: at most kMostAddresses, each with the last kMostNames that were asked for;
// those that were unused for the longest time are forgotten first.
class RemoteNames {
 public:
  static constexpr std::size_t kMostAddresses = 8'192;
  static constexpr std::size_t kMostNames = 4;

  // Takes a kDns event with an answer that this host received to its own query. Follows aliases
  // from the question on; other records in the answer are ignored.
  void learn(const Event& answer);

  // The name of the flow's remote end. First choice is what its process asked for last before the
  // flow began; then what another process of the same network namespace asked for; then, for a
  // global address, what any process asked for. Inbound flows have no name. For UDP, and for flows
  // older than the monitor, later queries count too.
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
