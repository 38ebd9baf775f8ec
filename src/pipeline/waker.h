// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>

#include <cstdint>

#include "base/fd.h"

namespace sockscope {

// One file to wait for: readable when another file is, or when a certain time has come.
class Waker {
 public:
  Result<void> open();
  int fd() const noexcept { return epoll_.get(); }
  // Does nothing for a negative descriptor.
  Result<void> add(int file);
  // Whether to wait for a file that was added.
  void listen_to(int file, bool wanted) noexcept;
  // Wakes once, and replaces the time set before; 0: never.
  void wake_after(std::uint64_t ns) noexcept;

 private:
  Fd epoll_;
  Fd timer_;
};

}  // namespace sockscope
