// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/types.h>

#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

namespace sockscope {

// Sums per process over its flows. A process is pid and start time, so that a reused pid is a new
// process. Slot 0 stands for flows whose owner is not known.
class ProcessTotals {
 public:
  struct Entry {
    Process sums;                  // rates and open_flows, listeners, srtt are filled by take()
    std::uint32_t references = 0;  // flows in the flow table that point here
    std::uint64_t last_used_ns = 0;
    std::uint32_t asked_pass = 0;  // when it was last asked whether it runs
    bool runs = true;
    // What flows that closed in the running interval moved in it.
    std::uint64_t closed_tx = 0;
    std::uint64_t closed_rx = 0;
    std::uint64_t closed_retransmits = 0;
    std::uint64_t closed_segments = 0;
    // What its flows were, of those that move bytes: without any that is counted, nothing is known
    // of how much it moves.
    bool had_counted = false;
    bool had_uncounted = false;
    bool in_use = false;
  };

  ProcessTotals() : entries_(1) { entries_[0].in_use = true; }

  // The slot of a flow's owner, made when it is new; name, user and cgroup follow the latest owner.
  std::uint32_t slot_of(const Owner& owner, std::uint64_t now_ns);

  Entry& operator[](std::uint32_t slot) noexcept { return entries_[slot]; }
  const Entry& operator[](std::uint32_t slot) const noexcept { return entries_[slot]; }
  std::uint32_t slots() const noexcept { return static_cast<std::uint32_t>(entries_.size()); }

  // Forgets processes without flows that were not used since `before_ns` and no longer run, and
  // past kMaxIdle the longest unused ones even when they do.
  void expire(std::uint64_t before_ns, const std::function<bool(std::uint32_t pid)>& is_running);

  static constexpr std::size_t kMaxIdle = 10'000;

 private:
  struct Key {
    std::uint32_t pid;
    std::uint64_t start_ns;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const noexcept {
      return (key.start_ns ^ key.pid) * 0x9e3779b97f4a7c15u;
    }
  };

  void forget(std::uint32_t slot);

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
  std::unordered_map<Key, std::uint32_t, Hash> index_;
};

}  // namespace sockscope
