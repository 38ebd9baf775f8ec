// SPDX-License-Identifier: Apache-2.0
#include "tui/event_log.h"

#include <algorithm>

namespace sockscope::tui {
namespace {

std::uint32_t segments_of(const event::Retransmit& again) {
  return std::max(again.segments, 1u);
}

}  // namespace

void EventLog::add(const Event& event, std::uint64_t wall_ns, std::uint64_t shown) {
  ++added_;
  const auto* const again = std::get_if<event::Retransmit>(&event.what);
  if (again != nullptr && event.flow.cookie != 0) {
    if (add_to_burst(event, wall_ns, shown)) return;
    bursts_[event.flow.cookie] = last_ + 1;
  }
  if (entries_.size() == kMost) make_room();
  LoggedEvent& entry = entries_[++last_];
  entry = {.number = last_, .wall_ns = wall_ns, .event = event, .last_wall_ns = wall_ns};
  if (again != nullptr) {
    entry.count = segments_of(*again);
    entry.window_before = again->prior_window != 0 ? again->prior_window : again->congestion_window;
  }
  kinds_[event.what.index()].push_back(last_);
}

bool EventLog::add_to_burst(const Event& event, std::uint64_t wall_ns, std::uint64_t shown) {
  const auto burst = bursts_.find(event.flow.cookie);
  if (burst == bursts_.end() || burst->second <= shown) return false;
  LoggedEvent& entry = entries_.at(burst->second);
  if (wall_ns > entry.last_wall_ns + kBurstGap || wall_ns > entry.wall_ns + kBurstLength)
    return false;
  entry.event = event;
  entry.count += segments_of(std::get<event::Retransmit>(event.what));
  entry.last_wall_ns = std::max(entry.last_wall_ns, wall_ns);
  return true;
}

void EventLog::make_room() {
  auto& most = *std::max_element(kinds_.begin(), kinds_.end(),
                                 [](const auto& a, const auto& b) { return a.size() < b.size(); });
  const auto oldest = entries_.find(most.front());
  const auto burst = bursts_.find(oldest->second.event.flow.cookie);
  if (burst != bursts_.end() && burst->second == oldest->first) bursts_.erase(burst);
  entries_.erase(oldest);
  most.pop_front();
}

}  // namespace sockscope::tui
