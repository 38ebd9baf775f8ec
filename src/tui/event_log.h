// SPDX-License-Identifier: Apache-2.0
// The newest events, for the views that show them.
#pragma once

#include <sockscope/event.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <unordered_map>
#include <variant>

namespace sockscope::tui {

// An event, or a burst of retransmits of one connection: `count` segments.
struct LoggedEvent {
  std::uint64_t number = 0;   // 1, 2, 3, … in the order of arrival
  std::uint64_t wall_ns = 0;  // for a burst, of its first event
  Event event;                // for a burst, its last one
  std::uint32_t count = 1;
  std::uint64_t last_wall_ns = 0;
  std::uint32_t window_before =
      0;  // for a burst: the congestion window at its beginning; 0: not known
};

// When it is full, the oldest event of the most frequent kind is removed, so that no kind displaces
// the others.
class EventLog {
 public:
  static constexpr std::size_t kMost = 10'000;
  // Retransmits of a connection are one entry as long as each comes within kBurstGap of the one
  // before, and all within kBurstLength.
  static constexpr std::uint64_t kBurstGap = 500'000'000;
  static constexpr std::uint64_t kBurstLength = 10'000'000'000;

  // `shown`: entries up to this number do not change, because a frozen screen shows them.
  void add(const Event& event, std::uint64_t wall_ns, std::uint64_t shown = 0);

  // By number, the newest last.
  const std::map<std::uint64_t, LoggedEvent>& all() const noexcept { return entries_; }
  std::uint64_t last_number() const noexcept { return last_; }
  // Counts every event of a burst.
  std::uint64_t added() const noexcept { return added_; }
  const LoggedEvent* find(std::uint64_t number) const {
    const auto found = entries_.find(number);
    return found == entries_.end() ? nullptr : &found->second;
  }

 private:
  bool add_to_burst(const Event& event, std::uint64_t wall_ns, std::uint64_t shown);
  void make_room();

  std::map<std::uint64_t, LoggedEvent> entries_;
  std::array<std::deque<std::uint64_t>, std::variant_size_v<Event::What>>
      kinds_;  // numbers of entries
  std::unordered_map<std::uint64_t, std::uint64_t>
      bursts_;  // newest entry of a connection, by cookie
  std::uint64_t last_ = 0;
  std::uint64_t added_ = 0;
};

}  // namespace sockscope::tui
