// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/event.h>

#include <cstdint>
#include <unordered_set>

namespace sockscope {

// A process and all that come from it, by the events of processes: those of everybody, from before
// it has children.
class Descendants {
 public:
  explicit Descendants(std::uint32_t root) : pids_{root} {}

  // Every event, in their order. Whether it is of one of them.
  bool take(const Event& event);
  // Those that ended too, until another process has the number.
  bool contains(std::uint32_t pid) const { return pids_.contains(pid); }

 private:
  std::unordered_set<std::uint32_t> pids_;
};

}  // namespace sockscope
