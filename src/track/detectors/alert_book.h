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

// What one condition says of itself when it is seen.
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

// The alerts there are: one for each condition, however often it is seen.
class AlertBook {
 public:
  explicit AlertBook(std::uint64_t hold_ns) : hold_ns_(hold_ns) {}

  // False: there are too many, it is counted only.
  bool see(Sighting sighting, const Detectors::Handler& handler);
  // Whether see() would make a new alert of it.
  bool is_active(std::string_view key) const { return find(key) != nullptr; }
  // A process does it right now.
  bool is_active(AlertKind kind, const Owner& owner) const;
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
