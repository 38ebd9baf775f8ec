// SPDX-License-Identifier: Apache-2.0
#include "base/local_time.h"

#include <fmt/format.h>
#include <time.h>

#include <chrono>

namespace sockscope {

std::int64_t local_utc_offset(std::int64_t unix_s) {
  const auto time = static_cast<time_t>(unix_s);
  tm parts{};
  return ::localtime_r(&time, &parts) == nullptr ? 0 : parts.tm_gmtoff;
}

tl::expected<std::int64_t, ClockGap> moment_of(std::int64_t local_s, UtcOffset utc_offset) {
  // No zone is further than this from UTC, and none changes its clock twice in such a short time.
  constexpr std::int64_t kFurthest = 16 * 3600;
  const std::int64_t before = utc_offset(local_s - kFurthest);
  const std::int64_t after = utc_offset(local_s + kFurthest);
  for (const std::int64_t offset : {before, after})
    if (utc_offset(local_s - offset) == offset) return local_s - offset;
  // The clock was put forward over that time, later than `early` and not after `late`.
  std::int64_t early = local_s - kFurthest;
  std::int64_t late = local_s + kFurthest;
  while (late - early > 1) {
    const std::int64_t middle = early + (late - early) / 2;
    (utc_offset(middle) == before ? early : late) = middle;
  }
  return tl::unexpected(ClockGap{late, late + before, late + utc_offset(late)});
}

std::string local_text(std::int64_t local_s) {
  using namespace std::chrono;
  const sys_seconds time{seconds(local_s)};
  const sys_days day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

std::string moment_text(std::int64_t unix_ns, UtcOffset utc_offset) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t fraction = (unix_ns % kSecond + kSecond) % kSecond;
  const std::int64_t unix_s = (unix_ns - fraction) / kSecond;
  const std::int64_t offset = utc_offset(unix_s);
  const std::int64_t minutes = (offset < 0 ? -offset : offset) / 60;
  std::string text = local_text(unix_s + offset);
  if (fraction != 0) text += fmt::format(".{:09}", fraction);
  return text + fmt::format("{}{:02}:{:02}", offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

}  // namespace sockscope
