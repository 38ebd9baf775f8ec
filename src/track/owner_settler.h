// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/event.h>

#include <cstdint>
#include <vector>

#include "track/cookie_index.h"

namespace sockscope {

// Holds an accept back for a moment while its owner is only inherited from the listener. The
// process that serves the connection, perhaps a child of the one that accepted, becomes known when
// it uses the connection. All events keep their order. The clock is the events': a reader that
// comes late finds the accept and what settles it together, so its own clock would mislead.
class OwnerSettler {
 public:
  explicit OwnerSettler(std::uint64_t patience_ns) : patience_ns_(patience_ns) {}

  // Calls hand_over(const Event&) for the event, now or in a later call.
  template <class HandOver>
  void add(const Event& event, HandOver&& hand_over) {
    settle(event);
    const bool waits = patience_ns_ != 0 && event.kind() == EventKind::kAccept &&
                       event.flow.owner.kind == OwnerKind::kInherited;
    if (empty() && !waits) {
      hand_over(event);
      return;
    }
    push(event, waits);
    release(event.mono_ns, hand_over);
  }

  // A kOwner event that only confirms the assumed owner. It is not handed over, and the accept goes
  // on waiting, because that process may fork another to serve the connection.
  template <class HandOver>
  void confirm(const Event& event, HandOver&& hand_over) {
    if (Event* const accept = find_waiting(event.flow.cookie))
      accept->flow.owner = event.flow.owner;
    release(event.mono_ns, hand_over);
  }

  // Hands over everything.
  template <class HandOver>
  void release_all(HandOver&& hand_over) {
    release(~std::uint64_t{0}, hand_over);
  }

  // Hands over what has waited long enough, and the events behind it. now_ns: no event from before
  // this time will still come.
  template <class HandOver>
  void release(std::uint64_t now_ns, HandOver&& hand_over) {
    while (!empty()) {
      const Held& held = queue_[front_];
      if (held.waits && held.event.mono_ns + patience_ns_ > now_ns) return;
      hand_over(held.event);
      pop();
    }
  }

  // Whether an accept will be handed over within this time without having been settled.
  bool is_due(std::uint64_t now_ns, std::uint64_t within_ns) const noexcept {
    return !empty() && queue_[front_].waits &&
           queue_[front_].event.mono_ns + patience_ns_ <= now_ns + 2 * within_ns;
  }
  bool empty() const noexcept { return front_ == queue_.size(); }

 private:
  struct Held {
    Event event;
    bool waits;
  };

  Event* find_waiting(std::uint64_t cookie);
  void settle(const Event& event);
  void push(const Event& event, bool waits);
  void pop();

  std::uint64_t patience_ns_;
  std::vector<Held> queue_;  // elements before front_ were handed over
  std::size_t front_ = 0;
  std::uint32_t first_ = 0;  // number of queue_[0]; numbers may wrap around
  CookieIndex waiting_;      // cookie → number of its waiting accept
};

}  // namespace sockscope
