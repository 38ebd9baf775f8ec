// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/types.h>

#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

namespace sockscope {

// Sums per process over its flows. Pid and start time identify a process, so a reused pid is a new
// one. Slot 0 is for flows whose owner is not known.
class ProcessTotals {
 public:
  struct Entry {
    Process sums;                  // take() fills in rates, open_flows, listeners and srtt
    std::uint32_t references = 0;  // how many flows in the flow table point here
    std::uint64_t last_used_ns = 0;
    std::uint32_t asked_pass = 0;  // the pass in which it was last asked whether it runs
    bool runs = true;
    // What flows that closed in the current interval moved in it.
    std::uint64_t closed_tx = 0;
    std::uint64_t closed_rx = 0;
    std::uint64_t closed_retransmits = 0;
    std::uint64_t closed_segments = 0;
    // Whether it had flows with counters, and flows without. With no counted flow, nothing is known
    // of how much the process moves.
    bool had_counted = false;
    bool had_uncounted = false;
    bool in_use = false;
  };

  ProcessTotals() : entries_(1) { entries_[0].in_use = true; }

  // The slot of a flow's owner, made if necessary; name, user and cgroup are those of the latest
  // owner.
  std::uint32_t slot_of(const Owner& owner, std::uint64_t now_ns);

  Entry& operator[](std::uint32_t slot) noexcept { return entries_[slot]; }
  const Entry& operator[](std::uint32_t slot) const noexcept { return entries_[slot]; }
  std::uint32_t slots() const noexcept { return static_cast<std::uint32_t>(entries_.size()); }

  // Forgets processes without flows that were not used since `before_ns` and no longer run. Beyond
  // kMaxIdle also running ones, those that were unused for the longest time first.
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
