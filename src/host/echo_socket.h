// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/types.h>

#include <cstdint>
#include <functional>

#include "base/fd.h"

namespace sockscope {

// Sends ICMP echo requests of one address family and receives the replies, without waiting.
class EchoSocket {
 public:
  // Opens an unprivileged socket where the kernel allows it to the user's group, otherwise a raw
  // one. Check error() afterwards.
  explicit EchoSocket(std::uint8_t family);

  // 0, or the errno that says why there is no socket.
  int error() const noexcept { return error_; }
  int fd() const noexcept { return fd_.get(); }

  // index: the interface, for a link-local address. False: it could not be sent.
  bool send(const Address& to, std::uint32_t index, std::uint16_t sequence);

  // wall_ns: the kernel's time stamp; 0: there is none.
  using Take = std::function<void(std::uint16_t sequence, std::uint64_t wall_ns)>;
  void receive(const Take& take);

 private:
  void keep_only_own();

  Fd fd_;
  std::uint8_t family_;
  bool is_raw_ = false;
  int error_ = 0;
  std::uint16_t identifier_ = 0;
  std::uint64_t token_ = 0;
};

}  // namespace sockscope
