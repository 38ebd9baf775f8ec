// SPDX-License-Identifier: Apache-2.0
// What happened lately, for the views that show it.
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

// An event, or a burst of retransmits of one connection.
struct LoggedEvent {
  std::uint64_t number = 0;   // 1, 2, 3, … as they came
  std::uint64_t wall_ns = 0;  // of a burst its beginning
  Event event;                // of a burst the last one
  std::uint32_t count = 1;
  std::uint64_t last_wall_ns = 0;
  std::uint32_t window_before = 0;  // of a burst: the congestion window it began with; 0: not known
};

// The newest events. Where there are too many, the oldest leaves of the kind that there is most of,
// so that no kind drives out the others.
class EventLog {
 public:
  static constexpr std::size_t kMost = 10'000;
  // Retransmits of a connection are one entry while none comes later than this after the one before,
  // and for no longer than that in all.
  static constexpr std::uint64_t kBurstGap = 500'000'000;
  static constexpr std::uint64_t kBurstLength = 10'000'000'000;

  // `shown`: entries up to this number stand on a screen that is frozen, and stay as they are.
  void add(const Event& event, std::uint64_t wall_ns, std::uint64_t shown = 0);

  // By number, the newest last.
  const std::map<std::uint64_t, LoggedEvent>& all() const noexcept { return entries_; }
  std::uint64_t last_number() const noexcept { return last_; }
  // Events, each of a burst, too.
  std::uint64_t added() const noexcept { return added_; }
  const LoggedEvent* find(std::uint64_t number) const {
    const auto found = entries_.find(number);
    return found == entries_.end() ? nullptr : &found->second;
  }

 private:
  bool add_to_burst(const Event& event, std::uint64_t wall_ns, std::uint64_t shown);
  void make_room();

  std::map<std::uint64_t, LoggedEvent> entries_;
  std::array<std::deque<std::uint64_t>, std::variant_size_v<Event::What>> kinds_;  // their numbers
  std::unordered_map<std::uint64_t, std::uint64_t> bursts_;  // the newest of a connection, by cookie
  std::uint64_t last_ = 0;
  std::uint64_t added_ = 0;
};

}  // namespace sockscope::tui
