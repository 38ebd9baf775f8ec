// SPDX-License-Identifier: Apache-2.0
// What is different between two times.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/question.h"

namespace sockscope::store {

// What all processes of one name, in one unit or container, exchanged with a remote end and port.
struct Talk {
  std::uint64_t connections = 0;
  std::uint64_t failed = 0;
  Moved moved;
  std::uint64_t srtt_us = 0;  // 0: not measured
  bool is_there = false;
  bool has_counters = false;
};

enum class Change { kNew, kGone, kChanged };

struct Difference {
  Change change = Change::kChanged;
  Flow flow;  // as Edge::flow; the owner is one of these processes
  Talk base;
  Talk with;
  // How many bytes a second more or less there are.
  double rate_change = 0;
};

// Of those that are in both, the ones are told that moved twice as much or half as much a second
// (if that is more than 1 kB/s), or of which another share failed. The largest change comes first.
std::vector<Difference> compare(const std::vector<Edge>& base, double base_seconds,
                                const std::vector<Edge>& with, double with_seconds);

}  // namespace sockscope::store
