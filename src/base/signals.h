// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>

namespace sockscope {

// True when whoever started this process wants the signal ignored: nohup, a shell's background job.
inline bool is_ignored(int signal) noexcept {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace sockscope
