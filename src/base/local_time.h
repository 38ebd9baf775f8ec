// SPDX-License-Identifier: Apache-2.0
// What a calendar and a clock on the wall show, as moments. "Local seconds" are what they show, as
// seconds since they showed 1970-01-01 00:00:00.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>

namespace sockscope {

// How many seconds the clock of a time zone is ahead of UTC at a moment (Unix time).
using UtcOffset = std::int64_t (*)(std::int64_t unix_s);

// Of this process's zone: that of the environment variable TZ, else the host's. Both are read once.
std::int64_t local_utc_offset(std::int64_t unix_s);

// Where the clock was put forward, so that some times are not shown.
struct ClockGap {
  std::int64_t unix_s;
  std::int64_t before_s;  // what the clock would have shown then, in local seconds
  std::int64_t after_s;   // what it showed instead
};

// When the clock showed this, in Unix time. What it showed twice, because it was put back, is the
// first of the two.
tl::expected<std::int64_t, ClockGap> moment_of(std::int64_t local_s, UtcOffset utc_offset);

// "2026-11-30 14:00:00"
std::string local_text(std::int64_t local_s);
// "2026-11-30 14:00:00+01:00", with ".250000000" after the seconds unless that is 0.
std::string moment_text(std::int64_t unix_ns, UtcOffset utc_offset);

}  // namespace sockscope
