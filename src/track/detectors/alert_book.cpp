// SPDX-License-Identifier: Apache-2.0
#include "track/detectors/alert_book.h"

#include <algorithm>

namespace sockscope::detectors {

const Alert* AlertBook::find(std::string_view key) const {
  const auto found = std::find_if(active_.begin(), active_.end(),
                                  [key](const Alert& alert) { return alert.key == key; });
  return found == active_.end() ? nullptr : &*found;
}

bool AlertBook::is_active(AlertKind kind, Direction direction, const Address& peer) const {
  return std::any_of(active_.begin(), active_.end(), [&](const Alert& alert) {
    return alert.kind == kind && alert.direction == direction && alert.peer.addr == peer;
  });
}

bool AlertBook::see(Sighting sighting, const Detectors::Handler& handler) {
  const auto known = std::find_if(active_.begin(), active_.end(),
                                  [&](const Alert& alert) { return alert.key == sighting.key; });
  if (known != active_.end()) {
    const bool is_worse = sighting.severity > known->severity;
    known->last_ns = sighting.last_ns;
    known->missed_ns = sighting.missed_ns;
    known->owner = std::move(sighting.owner);
    known->peer = sighting.peer;
    known->figures = std::move(sighting.figures);
    if (!is_worse) return true;
    known->severity = sighting.severity;
    known->phase = AlertPhase::kWorse;
    if (handler) handler(*known);
    return true;
  }
  if (active_.size() == Detectors::kMost) {
    ++suppressed_;
    return false;
  }
  active_.push_back({.key = std::move(sighting.key),
                     .kind = sighting.kind,
                     .severity = sighting.severity,
                     .phase = AlertPhase::kBegan,
                     .first_ns = sighting.first_ns,
                     .last_ns = sighting.last_ns,
                     .missed_ns = sighting.missed_ns,
                     .ended_ns = 0,
                     .direction = sighting.direction,
                     .owner = std::move(sighting.owner),
                     .peer = sighting.peer,
                     .name = std::move(sighting.name),
                     .figures = std::move(sighting.figures)});
  if (handler) handler(active_.back());
  return true;
}

void AlertBook::close(std::list<Alert>::iterator alert, std::uint64_t now_ns,
                      const Detectors::Handler& handler) {
  alert->phase = AlertPhase::kEnded;
  alert->ended_ns = now_ns;
  if (handler) handler(*alert);
  ended_.push_back(std::move(*alert));
  active_.erase(alert);
  if (ended_.size() > Detectors::kMost) ended_.pop_front();
}

void AlertBook::end(std::string_view key, std::uint64_t now_ns, const Detectors::Handler& handler) {
  for (auto alert = active_.begin(); alert != active_.end(); ++alert)
    if (alert->key == key) return close(alert, now_ns, handler);
}

void AlertBook::tick(std::uint64_t now_ns, const Detectors::Handler& handler) {
  for (auto alert = active_.begin(); alert != active_.end();) {
    const auto next = std::next(alert);
    if (std::max(alert->last_ns, alert->missed_ns) + hold_ns_ <= now_ns)
      close(alert, now_ns, handler);
    alert = next;
  }
}

std::vector<Alert> AlertBook::alerts() const {
  std::vector<Alert> all(active_.begin(), active_.end());
  const std::size_t room = Detectors::kMost - std::min(Detectors::kMost, all.size());
  const std::size_t skipped = ended_.size() - std::min(room, ended_.size());
  all.insert(all.end(), ended_.begin() + static_cast<std::ptrdiff_t>(skipped), ended_.end());
  return all;
}

}  // namespace sockscope::detectors
