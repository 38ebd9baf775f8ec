// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/event.h>

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "source/sock_diag/sock_diag.h"

namespace sockscope {

// What listening TCP sockets drop, according to the kernel's count for each of them.
class ListenerWatcher {
 public:
  // Errors: those of SockDiag::open.
  static Result<ListenerWatcher> open();

  // Looks at the listeners of the caller's network namespace, and takes those of others. Reports
  // drops since the previous call, or since the listener was created; the first call reports none.
  // The flows have their ends, namespace and user; those of other namespaces are as they were
  // given. Errors: kIo.
  struct Dropped {
    Flow listener;
    event::ListenDrop what;
  };
  Result<std::vector<Dropped>> look(std::span<const PolledSocket> foreign);

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
