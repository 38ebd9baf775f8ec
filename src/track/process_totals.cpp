// SPDX-License-Identifier: Apache-2.0
#include "track/process_totals.h"

#include <algorithm>

namespace sockscope {

std::uint32_t ProcessTotals::slot_of(const Owner& owner, std::uint64_t now_ns) {
  std::uint32_t slot = 0;
  if (owner.pid != 0) {
    const auto [place, is_new] = index_.try_emplace({owner.pid, owner.start_ns}, 0);
    if (is_new) {
      if (free_.empty()) {
        place->second = static_cast<std::uint32_t>(entries_.size());
        entries_.emplace_back();
      } else {
        place->second = free_.back();
        free_.pop_back();
        entries_[place->second] = {};
      }
    }
    slot = place->second;
    Process& sums = entries_[slot].sums;
    sums.pid = owner.pid;
    sums.start_ns = owner.start_ns;
    sums.cgroup_id = owner.cgroup_id;
    sums.uid = owner.uid;
    sums.comm = owner.comm;
  }
  entries_[slot].in_use = true;
  entries_[slot].last_used_ns = now_ns;
  return slot;
}

void ProcessTotals::forget(std::uint32_t slot) {
  index_.erase({entries_[slot].sums.pid, entries_[slot].sums.start_ns});
  entries_[slot] = {};
  free_.push_back(slot);
}

void ProcessTotals::expire(std::uint64_t before_ns,
                           const std::function<bool(std::uint32_t)>& is_running) {
  std::vector<std::uint32_t> idle;
  for (std::uint32_t slot = 1; slot < slots(); ++slot) {
    const Entry& entry = entries_[slot];
    if (!entry.in_use || entry.references != 0 || entry.last_used_ns >= before_ns) continue;
    if (is_running(entry.sums.pid))
      idle.push_back(slot);
    else
      forget(slot);
  }
  if (idle.size() <= kMaxIdle) return;
  std::sort(idle.begin(), idle.end(), [this](std::uint32_t a, std::uint32_t b) {
    return entries_[a].last_used_ns < entries_[b].last_used_ns;
  });
  idle.resize(idle.size() - kMaxIdle);
  for (const std::uint32_t slot : idle) forget(slot);
}

}  // namespace sockscope
