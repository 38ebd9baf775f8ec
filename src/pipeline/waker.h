// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>

#include <cstdint>

#include "base/fd.h"

namespace sockscope {

// One file to wait for, readable when another one is or when a time has come.
class Waker {
 public:
  Result<void> open();
  int fd() const noexcept { return epoll_.get(); }
  // Negative: there is no such file.
  Result<void> add(int file);
  // Whether a file that was added counts.
  void listen_to(int file, bool wanted) noexcept;
  // Once, and no longer for what was asked before; 0: not at all.
  void wake_after(std::uint64_t ns) noexcept;

 private:
  Fd epoll_;
  Fd timer_;
};

}  // namespace sockscope
