// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/alert.h>

#include <cstdint>
#include <deque>
#include <list>
#include <string>
#include <string_view>
#include <vector>

namespace sockscope::detectors {

// What a detector reports each time it sees a condition.
struct Sighting {
  AlertKind kind = AlertKind::kPortScan;
  std::string key;
  std::uint64_t first_ns = 0;
  std::uint64_t last_ns = 0;
  std::uint64_t missed_ns = 0;
  Direction direction = Direction::kUnknown;
  Owner owner;
  Endpoint peer;
  std::string name;
  AlertSeverity severity = AlertSeverity::kWarning;
  std::vector<AlertFigure> figures;
};

// The active and ended alerts: one for each condition, however often it is seen.
class AlertBook {
 public:
  explicit AlertBook(std::uint64_t hold_ns) : hold_ns_(hold_ns) {}

  // False: there are too many alerts; the condition is only counted.
  bool see(Sighting sighting, const Detectors::Handler& handler);
  // True when the condition has an active alert, so that see() makes no new one.
  bool is_active(std::string_view key) const { return find(key) != nullptr; }
  // True when there is an active alert of that kind and direction with that other end.
  bool is_active(AlertKind kind, Direction direction, const Address& peer) const;
  void end(std::string_view key, std::uint64_t now_ns, const Detectors::Handler& handler);
  void tick(std::uint64_t now_ns, const Detectors::Handler& handler);

  std::vector<Alert> alerts() const;
  std::size_t active() const noexcept { return active_.size(); }
  std::size_t kept() const noexcept { return active_.size() + ended_.size(); }
  std::uint64_t suppressed() const noexcept { return suppressed_; }

 private:
  const Alert* find(std::string_view key) const;
  void close(std::list<Alert>::iterator alert, std::uint64_t now_ns,
             const Detectors::Handler& handler);

  std::uint64_t hold_ns_;
  std::list<Alert> active_;  // oldest first
  std::deque<Alert> ended_;  // oldest first
  std::uint64_t suppressed_ = 0;
};

}  // namespace sockscope::detectors
