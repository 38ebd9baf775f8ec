// SPDX-License-Identifier: Apache-2.0
#include "model/descendants.h"

namespace sockscope {

bool Descendants::take(const Event& event) {
  const auto* const happened = std::get_if<ProcessEvent>(&event.what);
  if (happened == nullptr) return contains(event.flow.owner.pid);
  if (happened->kind == ProcessEventKind::kFork && !happened->is_thread()) {
    if (contains(happened->parent_pid))
      pids_.insert(happened->pid);
    else
      pids_.erase(happened->pid);
  }
  return contains(happened->pid);
}

}  // namespace sockscope
