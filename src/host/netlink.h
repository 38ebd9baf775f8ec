// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/fd.h"
#include "decode/rtnetlink.h"

namespace sockscope {

// Reads the kernel's tables of links, addresses and routes, in the network namespace of the thread
// that opened it.
class RouteSocket {
 public:
  // Errors: kIo.
  static Result<RouteSocket> open();

  // Hands over each message of a dump of `type` (RTM_GETLINK, …). When the table changes during the
  // dump, `restart` is called and the dump is repeated. Errors: kIo.
  using Take = std::function<void(const NetlinkMessage&)>;
  Result<void> dump(std::uint16_t type, std::uint8_t family, const std::function<void()>& restart,
                    const Take& take);

 private:
  explicit RouteSocket(Fd fd) : fd_(std::move(fd)), buffer_(kBufferSize) {}

  enum class Dumped { kWhole, kInterrupted };
  Result<Dumped> dump_once(std::uint16_t type, std::uint8_t family, const Take& take);

  static constexpr std::size_t kBufferSize = 64 << 10;  // the kernel fills at most half of it
  Fd fd_;
  std::uint32_t sequence_ = 0;
  std::vector<std::byte> buffer_;
};

}  // namespace sockscope
