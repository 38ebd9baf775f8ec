// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "source/socket_source.h"

namespace sockscope {

// /proc/net/{tcp,tcp6,udp,udp6}: addresses and states, no counters and no cookies. A socket's
// number is that of its inode; without one (half open, not accepted yet, or nobody's any more) it
// keeps the number its addresses had, or gets one of our own from 2^52 up.
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
