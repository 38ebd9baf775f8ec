// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/event.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "source/sock_diag/sock_diag.h"

namespace sockscope {

// What the listening TCP sockets of the caller's network namespace drop, according to the kernel's
// count for each of them.
class ListenerWatcher {
 public:
  // Drops from before are not reported. Errors: those of SockDiag::open.
  static Result<ListenerWatcher> open();

  // Reports drops since the previous call, or since the listener was created. The flows have their
  // ends, namespace and user. Errors: kIo.
  struct Dropped {
    Flow listener;
    event::ListenDrop what;
  };
  Result<std::vector<Dropped>> look();

 private:
  struct Count {
    std::uint32_t drops = 0;
    std::uint64_t look = 0;  // the last call that saw the listener
  };
  explicit ListenerWatcher(std::unique_ptr<SockDiag> sockets) : sockets_(std::move(sockets)) {}

  std::unique_ptr<SockDiag> sockets_;
  std::unordered_map<std::uint64_t, Count> counts_;  // by cookie
  std::uint64_t looks_ = 0;
};

}  // namespace sockscope
