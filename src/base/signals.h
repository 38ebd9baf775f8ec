// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>

namespace sockscope {

// Whoever started this process wants it to ignore the signal: nohup, a shell's background.
inline bool is_ignored(int signal) noexcept {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace sockscope
