// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "source/socket_source.h"

namespace sockscope {

// /proc/net/{tcp,tcp6,udp,udp6}: addresses and states, without counters and cookies. A socket is
// known by its inode. Without one (half open, not yet accepted, or no longer held) it keeps the
// number that its addresses had before, or gets a number made here, from 2^52 up.
class SocketTables : public SocketSource {
 public:
  // Errors: kNotPermitted, kKernelLacksFeature.
  static Result<std::unique_ptr<SocketTables>> open(std::string proc = "/proc");

  explicit SocketTables(std::string proc) : proc_(std::move(proc)) {}

  Result<void> read(const Handle& handle) override;
  const std::vector<Door>& doors() const noexcept override { return doors_; }
  const Loss& loss() const noexcept override { return lost_; }

 private:
  struct Ends {
    Endpoint local;
    Endpoint remote;
    bool operator==(const Ends&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Ends& ends) const noexcept;
  };
  struct Named {
    std::uint64_t number = 0;
    std::uint64_t inode = 0;
    std::uint32_t pass = 0;
    TcpState state = TcpState::kNone;
  };

  bool read_table(const char* name, Protocol protocol, const Handle& handle);
  void name(PolledSocket& socket);

  std::string proc_;
  std::vector<Door> doors_;
  Loss lost_;
  std::unordered_map<Ends, Named, Hash> connected_;
  std::uint32_t pass_ = 0;
  std::uint64_t next_number_ = std::uint64_t{1} << 52;
};

}  // namespace sockscope
