// SPDX-License-Identifier: Apache-2.0
// The times that users type after --at, --from and --to, and the durations after --for. All
// commands take the same, and `sockscope help times` explains them. Times are Unix time in
// nanoseconds. The errors are for users: what was typed, what is wrong with it, what is allowed.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "base/local_time.h"

namespace sockscope {

// What a time depends on besides its text. A user who wants the times of another zone sets TZ for
// the command, because the C library knows the rules only of the process's own zone.
struct TimeContext {
  std::int64_t now_ns = 0;
  std::int64_t boot_ns = 0;
  UtcOffset utc_offset = local_utc_offset;
};
// Of this host, now.
TimeContext current_time_context();

// A moment from 1970 until now.
//
//   now  boot                       boot: when the host started
//   today  yesterday  mon           the first moment of that day; mon is the latest Monday
//   today 14:00  yesterday 14:00:30  mon 09:00
//   14:02  14:02:30.5               like every time without a day, or a day without a year: the
//   Nov 30 14:00  30 Nov            latest one that is not in the future
//   Nov 30 2025 14:00  Mon Nov 30 14:00:00 2026
//   10m  3d2h ago  2 days 3 hours ago  -10m
//   2026-11-30  2026-11-30T14:00  2026-11-30 14:00:00.25  2026-11-30T14:00Z  ...+01:00
//   @1795269802.5                   Unix time
//   boot+5m  yesterday 14:00 - 90s  after or before any of these
//
// Days are calendar days in the context's zone, and 1d is exactly 24 hours. A time that the clock
// showed twice is the first; one that it did not show is an error. Case does not matter.
tl::expected<std::int64_t, std::string> parse_time(std::string_view text,
                                                   const TimeContext& context);

// "10m", "3d2h", "1h30m", "1.5h", "500ms", "2 days 3 hr"; from weeks to nanoseconds, the largest
// unit first. Nothing if it is something else, or longer than nanoseconds can count.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

struct RangeOptions {
  std::optional<std::string> from, to, length;  // --from, --to, --for
};
struct TimeRange {
  std::int64_t from_ns = 0;
  std::int64_t to_ns = 0;  // not in it

  bool operator==(const TimeRange&) const = default;
};

// From and to; from, and how long; how long, until to; from until now; or how long until now. An
// end in the future is now. It is an error if there is no beginning, if all three are given, or if
// nothing of the range is in the past; a command with a range of its own looks first whether any
// option is given.
tl::expected<TimeRange, std::string> parse_range(const RangeOptions& options,
                                                 const TimeContext& context);

}  // namespace sockscope
