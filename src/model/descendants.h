// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/event.h>

#include <cstdint>
#include <unordered_set>

namespace sockscope {

// A process and everything descended from it, learnt from process events. It must see the events of
// all processes, and begin before the root has children.
class Descendants {
 public:
  explicit Descendants(std::uint32_t root) : pids_{root} {}

  // Takes each event, in order. Returns whether it concerns one of these processes.
  bool take(const Event& event);
  // Also true for processes that have ended, until another process gets the pid.
  bool contains(std::uint32_t pid) const { return pids_.contains(pid); }

 private:
  std::unordered_set<std::uint32_t> pids_;
};

}  // namespace sockscope
