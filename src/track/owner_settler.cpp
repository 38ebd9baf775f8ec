// SPDX-License-Identifier: Apache-2.0
#include "track/owner_settler.h"

namespace sockscope {

Event* OwnerSettler::find_waiting(std::uint64_t cookie) {
  const std::uint32_t number = waiting_.find(cookie);
  return number == CookieIndex::kNone ? nullptr : &queue_[number - first_].event;
}

void OwnerSettler::settle(const Event& event) {
  if (empty() || (event.kind() != EventKind::kOwner && event.kind() != EventKind::kClose)) return;
  const std::uint32_t number = waiting_.find(event.flow.cookie);
  if (number == CookieIndex::kNone) return;
  Held& held = queue_[number - first_];
  held.event.flow.owner = event.flow.owner;
  held.waits = false;
  waiting_.erase(event.flow.cookie);
}

void OwnerSettler::push(const Event& event, bool waits) {
  if (waits && waiting_.find(event.flow.cookie) == CookieIndex::kNone)
    waiting_.insert(event.flow.cookie, first_ + static_cast<std::uint32_t>(queue_.size()));
  queue_.push_back({event, waits});
}

void OwnerSettler::pop() {
  if (queue_[front_].waits) waiting_.erase(queue_[front_].event.flow.cookie);
  ++front_;
  // Moves the remaining events only when there are no more of them than of those taken out.
  if (front_ * 2 < queue_.size()) return;
  first_ += static_cast<std::uint32_t>(front_);
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(front_));
  front_ = 0;
}

}  // namespace sockscope
