// SPDX-License-Identifier: Apache-2.0
#include "base/time_spec.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "base/zone_testing.h"

namespace sockscope {
namespace {

constexpr const char* kUtc = "UTC";
constexpr const char* kBerlin = "CET-1CEST,M3.5.0,M10.5.0/3";
constexpr const char* kNewYork = "EST5EDT,M3.2.0,M11.1.0";
constexpr const char* kKolkata = "<+0530>-5:30";                           // no change
constexpr const char* kLordHowe = "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0";  // half an hour
constexpr const char* kCairo = "EET-2EEST,M4.5.5/0,M10.5.4/24";            // at midnight
constexpr const char* kHavana = "CST5CDT,M3.2.0/0,M11.1.0/1";              // 0:00 twice
constexpr const char* kMonday = "2026-11-30 14:02:11.5 +0100";             // in Berlin

// "2026-11-30 14:00:00.5 +0100" by the C library, in Unix nanoseconds.
std::int64_t at(std::string text) {
  std::int64_t fraction = 0;
  if (const auto point = text.find('.'); point != text.npos) {
    const auto space = text.find(' ', point);
    std::string digits = text.substr(point + 1, space - point - 1);
    digits.resize(9, '0');
    fraction = std::stoll(digits);
    text.erase(point, space - point);
  }
  tm parts{};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%d %H:%M:%S %z", &parts);
  EXPECT_TRUE(end != nullptr && *end == '\0') << text;
  const std::int64_t offset = parts.tm_gmtoff;
  return (::timegm(&parts) - offset) * 1'000'000'000 + fraction;
}

// The host started at 09:00 of its Monday.
TimeContext context_at(const char* now) {
  return {.now_ns = at(now), .boot_ns = at("2026-11-30 08:00:00 +0000")};
}

std::string shown(std::int64_t ns) {
  return moment_text(ns, [](std::int64_t) -> std::int64_t { return 0; });
}

struct Case {
  const char* zone;
  const char* now;
  const char* text;
  const char* time;
};

constexpr Case kCases[] = {
    // Named moments and days. 2026-11-30 is a Monday.
    {kBerlin, kMonday, "now", "2026-11-30 14:02:11.5 +0100"},
    {kBerlin, kMonday, " NOW\t", "2026-11-30 14:02:11.5 +0100"},
    {kBerlin, kMonday, "boot", "2026-11-30 09:00:00 +0100"},
    {kBerlin, kMonday, "today", "2026-11-30 00:00:00 +0100"},
    {kBerlin, kMonday, "Today 14:00", "2026-11-30 14:00:00 +0100"},
    {kBerlin, kMonday, "today  9:05", "2026-11-30 09:05:00 +0100"},
    {kBerlin, kMonday, "yesterday", "2026-11-29 00:00:00 +0100"},
    {kBerlin, kMonday, "yesterday 14:00", "2026-11-29 14:00:00 +0100"},
    {kBerlin, kMonday, "yesterday 14:00:30", "2026-11-29 14:00:30 +0100"},
    {kBerlin, kMonday, "YESTERDAY 23:59:59.999999999", "2026-11-29 23:59:59.999999999 +0100"},
    {kBerlin, kMonday, "mon", "2026-11-30 00:00:00 +0100"},
    {kBerlin, kMonday, "Monday 09:00", "2026-11-30 09:00:00 +0100"},
    {kBerlin, kMonday, "mon 14:02:11", "2026-11-30 14:02:11 +0100"},
    {kBerlin, kMonday, "mon 14:03", "2026-11-23 14:03:00 +0100"},  // not come yet
    {kBerlin, kMonday, "tue", "2026-11-24 00:00:00 +0100"},
    {kBerlin, kMonday, "thurs 08:00", "2026-11-26 08:00:00 +0100"},
    {kBerlin, kMonday, "SUN 23:00", "2026-11-29 23:00:00 +0100"},
    // A clock time alone is the latest.
    {kBerlin, kMonday, "14:02", "2026-11-30 14:02:00 +0100"},
    {kBerlin, kMonday, "14:02:11.5", "2026-11-30 14:02:11.5 +0100"},
    {kBerlin, kMonday, "14:02:11,25", "2026-11-30 14:02:11.25 +0100"},
    {kBerlin, kMonday, "14:02:11.500000001", "2026-11-29 14:02:11.500000001 +0100"},
    {kBerlin, kMonday, "14:03", "2026-11-29 14:03:00 +0100"},
    {kBerlin, kMonday, "9:05", "2026-11-30 09:05:00 +0100"},
    {kBerlin, kMonday, "0:00", "2026-11-30 00:00:00 +0100"},
    {kBerlin, kMonday, "23:59:59", "2026-11-29 23:59:59 +0100"},
    // How long ago.
    {kBerlin, kMonday, "10m", "2026-11-30 13:52:11.5 +0100"},
    {kBerlin, kMonday, "10m ago", "2026-11-30 13:52:11.5 +0100"},
    {kBerlin, kMonday, "-10m", "2026-11-30 13:52:11.5 +0100"},
    {kBerlin, kMonday, "now - 10m", "2026-11-30 13:52:11.5 +0100"},
    {kBerlin, kMonday, "3d2h", "2026-11-27 12:02:11.5 +0100"},
    {kBerlin, kMonday, "3d2h ago", "2026-11-27 12:02:11.5 +0100"},
    {kBerlin, kMonday, "2 days 3 hours ago", "2026-11-28 11:02:11.5 +0100"},
    {kBerlin, kMonday, "2 Days 3 hr Ago", "2026-11-28 11:02:11.5 +0100"},
    {kBerlin, kMonday, "1 week", "2026-11-23 14:02:11.5 +0100"},
    {kBerlin, kMonday, "500ms", "2026-11-30 14:02:11 +0100"},
    {kBerlin, kMonday, "1.5h", "2026-11-30 12:32:11.5 +0100"},
    {kBerlin, kMonday, "0s", "2026-11-30 14:02:11.5 +0100"},
    // ISO 8601, with and without a zone.
    {kBerlin, kMonday, "2026-11-30", "2026-11-30 00:00:00 +0100"},
    {kBerlin, kMonday, "2026-11-30T14:00", "2026-11-30 14:00:00 +0100"},
    {kBerlin, kMonday, "2026-11-30 14:00:00.25", "2026-11-30 14:00:00.25 +0100"},
    {kBerlin, kMonday, "2026-11-30t13:00z", "2026-11-30 13:00:00 +0000"},
    {kBerlin, kMonday, "2026-11-20T23:54:50.123456789Z", "2026-11-20 23:54:50.123456789 +0000"},
    {kBerlin, kMonday, "2026-11-30 08:00:00-05:00", "2026-11-30 08:00:00 -0500"},
    {kBerlin, kMonday, "2026-11-30T08:00 -0500", "2026-11-30 08:00:00 -0500"},
    {kBerlin, kMonday, "2026-11-30T18:30+05:30", "2026-11-30 18:30:00 +0530"},
    {kBerlin, kMonday, "2026-11-30T14:00+01", "2026-11-30 14:00:00 +0100"},
    {kBerlin, kMonday, "2026-11-30 13:00 UTC", "2026-11-30 13:00:00 +0000"},
    {kBerlin, kMonday, "2026-1-5", "2026-01-05 00:00:00 +0100"},
    {kBerlin, kMonday, "2026-07-01 12:00", "2026-07-01 12:00:00 +0200"},
    {kBerlin, kMonday, "1970-01-01T00:00Z", "1970-01-01 00:00:00 +0000"},
    // Dates with the name of the month.
    {kBerlin, kMonday, "Nov 30 14:00", "2026-11-30 14:00:00 +0100"},
    {kBerlin, kMonday, "Nov 30 14:03", "2025-11-30 14:03:00 +0100"},
    {kBerlin, kMonday, "nov 30", "2026-11-30 00:00:00 +0100"},
    {kBerlin, kMonday, "30 Nov", "2026-11-30 00:00:00 +0100"},
    {kBerlin, kMonday, "Dec 1", "2025-12-01 00:00:00 +0100"},
    {kBerlin, kMonday, "30 Nov 2025 14:00", "2025-11-30 14:00:00 +0100"},
    {kBerlin, kMonday, "November 30, 2025", "2025-11-30 00:00:00 +0100"},
    {kBerlin, kMonday, "sept 1 08:00", "2026-09-01 08:00:00 +0200"},
    // As date, ps, dmesg -T, mail and the journal write them.
    {kBerlin, kMonday, "Mon Nov 30 14:00:01 2026", "2026-11-30 14:00:01 +0100"},
    {kBerlin, kMonday, "Mon Nov 30 13:00:01 UTC 2026", "2026-11-30 13:00:01 +0000"},
    {kBerlin, kMonday, "Mon, 30 Nov 2026 08:00:01 -0500", "2026-11-30 08:00:01 -0500"},
    {kBerlin, kMonday, "Mon 2026-11-30 14:00:01", "2026-11-30 14:00:01 +0100"},
    {kBerlin, kMonday, "Sun Nov  1 12:00:00 2026", "2026-11-01 12:00:00 +0100"},
    // Unix time.
    {kBerlin, kMonday, "@1795269802", "2026-11-21 14:03:22 +0000"},
    {kBerlin, kMonday, "@1795269802.5", "2026-11-21 14:03:22.5 +0000"},
    {kBerlin, kMonday, "@1795269802.123456789", "2026-11-21 14:03:22.123456789 +0000"},
    {kNewYork, kMonday, "@0", "1970-01-01 00:00:00 +0000"},
    // Before and after.
    {kBerlin, kMonday, "boot+5m", "2026-11-30 09:05:00 +0100"},
    {kBerlin, kMonday, "boot - 1h", "2026-11-30 08:00:00 +0100"},
    {kBerlin, kMonday, "yesterday 14:00 + 10m", "2026-11-29 14:10:00 +0100"},
    {kBerlin, kMonday, "today-1s", "2026-11-29 23:59:59 +0100"},
    {kBerlin, kMonday, "2026-11-30 12:00 +10m", "2026-11-30 12:10:00 +0100"},
    {kBerlin, kMonday, "2026-11-30 12:00 +10 minutes", "2026-11-30 12:10:00 +0100"},
    {kBerlin, kMonday, "2026-11-30 12:00+01:00 -1d", "2026-11-29 12:00:00 +0100"},
    {kBerlin, kMonday, "2026-11-29-1d", "2026-11-28 00:00:00 +0100"},
    {kBerlin, kMonday, "1h ago + 5m", "2026-11-30 13:07:11.5 +0100"},
    // Now exactly at midnight.
    {kBerlin, "2026-12-01 00:00:00 +0100", "today", "2026-12-01 00:00:00 +0100"},
    {kBerlin, "2026-12-01 00:00:00 +0100", "00:00", "2026-12-01 00:00:00 +0100"},
    {kBerlin, "2026-12-01 00:00:00 +0100", "00:01", "2026-11-30 00:01:00 +0100"},
    {kBerlin, "2026-12-01 00:00:00 +0100", "yesterday", "2026-11-30 00:00:00 +0100"},
    {kBerlin, "2026-12-01 00:00:00 +0100", "tue", "2026-12-01 00:00:00 +0100"},
    {kBerlin, "2026-11-30 23:59:59.999999999 +0100", "today", "2026-11-30 00:00:00 +0100"},
    // The same moment is another day elsewhere.
    {kNewYork, "2026-12-01 02:00:00 +0000", "today", "2026-11-30 00:00:00 -0500"},
    {kKolkata, "2026-11-30 20:00:00 +0000", "today", "2026-12-01 00:00:00 +0530"},
    {kKolkata, "2026-11-30 20:00:00 +0000", "yesterday 14:00", "2026-11-30 14:00:00 +0530"},
    {kUtc, "2026-11-30 20:00:00 +0000", "yesterday 14:00", "2026-11-29 14:00:00 +0000"},
    // Across the turn of the year.
    {kUtc, "2027-01-01 00:30:00 +0000", "yesterday 23:00", "2026-12-31 23:00:00 +0000"},
    {kUtc, "2027-01-01 00:30:00 +0000", "23:00", "2026-12-31 23:00:00 +0000"},
    {kUtc, "2027-01-01 00:30:00 +0000", "Dec 31 23:00", "2026-12-31 23:00:00 +0000"},
    {kUtc, "2027-01-01 00:30:00 +0000", "1h", "2026-12-31 23:30:00 +0000"},
    {kUtc, "2027-01-01 00:30:00 +0000", "thu", "2026-12-31 00:00:00 +0000"},
    // Leap days.
    {kUtc, "2028-03-01 12:00:00 +0000", "yesterday", "2028-02-29 00:00:00 +0000"},
    {kUtc, "2027-03-01 12:00:00 +0000", "yesterday", "2027-02-28 00:00:00 +0000"},
    {kUtc, "2028-03-01 12:00:00 +0000", "2028-02-29 08:00", "2028-02-29 08:00:00 +0000"},
    {kUtc, "2028-02-29 07:00:00 +0000", "Feb 29 08:00", "2024-02-29 08:00:00 +0000"},
    {kUtc, "2104-02-28 12:00:00 +0000", "29 Feb", "2096-02-29 00:00:00 +0000"},  // not 2100
    // Berlin, 29 March 2026: 02:00 is 03:00. Days are as long as they are, 1d is 24 hours.
    {kBerlin, "2026-03-29 15:00:00 +0200", "yesterday 14:00", "2026-03-28 14:00:00 +0100"},
    {kBerlin, "2026-03-29 15:00:00 +0200", "1d ago", "2026-03-28 14:00:00 +0100"},
    {kBerlin, "2026-03-29 15:00:00 +0200", "today", "2026-03-29 00:00:00 +0100"},
    {kBerlin, "2026-03-29 15:00:00 +0200", "today 01:59:59.5", "2026-03-29 01:59:59.5 +0100"},
    {kBerlin, "2026-03-29 15:00:00 +0200", "03:00", "2026-03-29 03:00:00 +0200"},
    {kBerlin, "2026-03-29 15:00:00 +0200", "today 01:30 + 1h", "2026-03-29 03:30:00 +0200"},
    {kBerlin, "2026-03-29 01:00:00 +0100", "02:30", "2026-03-28 02:30:00 +0100"},
    {kBerlin, "2026-03-30 15:00:00 +0200", "2026-03-29T02:30+01:00", "2026-03-29 02:30:00 +0100"},
    // 25 October 2026: 03:00 is 02:00 again; what the clock shows twice is the first.
    {kBerlin, "2026-10-25 15:00:00 +0100", "yesterday 14:00", "2026-10-24 14:00:00 +0200"},
    {kBerlin, "2026-10-25 15:00:00 +0100", "today", "2026-10-25 00:00:00 +0200"},
    {kBerlin, "2026-10-25 15:00:00 +0100", "02:30", "2026-10-25 02:30:00 +0200"},
    {kBerlin, "2026-10-25 15:00:00 +0100", "03:00", "2026-10-25 03:00:00 +0100"},
    {kBerlin, "2026-10-25 02:15:00 +0100", "02:30", "2026-10-25 02:30:00 +0200"},
    {kBerlin, "2026-10-25 02:15:00 +0200", "02:30", "2026-10-24 02:30:00 +0200"},
    {kBerlin, "2026-10-26 12:00:00 +0100", "2026-10-25 02:30+01:00", "2026-10-25 02:30:00 +0100"},
    // New York, 8 March and 1 November 2026.
    {kNewYork, "2026-03-08 12:00:00 -0400", "yesterday 12:00", "2026-03-07 12:00:00 -0500"},
    {kNewYork, "2026-03-08 12:00:00 -0400", "24h", "2026-03-07 11:00:00 -0500"},
    {kNewYork, "2026-03-08 12:00:00 -0400", "03:00", "2026-03-08 03:00:00 -0400"},
    {kNewYork, "2026-11-01 12:00:00 -0500", "01:30", "2026-11-01 01:30:00 -0400"},
    {kNewYork, "2026-11-01 12:00:00 -0500", "02:00", "2026-11-01 02:00:00 -0500"},
    {kNewYork, "2026-11-02 12:00:00 -0500", "sun 12:00", "2026-11-01 12:00:00 -0500"},
    // Half an hour, and days that begin where their midnight is not or is twice.
    {kLordHowe, "2026-10-04 12:00:00 +1100", "yesterday 12:00", "2026-10-03 12:00:00 +1030"},
    {kLordHowe, "2026-04-05 12:00:00 +1030", "01:45", "2026-04-05 01:45:00 +1100"},
    {kCairo, "2026-04-24 12:00:00 +0300", "today", "2026-04-24 01:00:00 +0300"},
    {kCairo, "2026-04-25 12:00:00 +0300", "yesterday", "2026-04-24 01:00:00 +0300"},
    {kCairo, "2026-04-25 12:00:00 +0300", "2026-04-24", "2026-04-24 01:00:00 +0300"},
    {kCairo, "2026-10-30 12:00:00 +0200", "today", "2026-10-30 00:00:00 +0200"},
    {kHavana, "2026-11-01 12:00:00 -0500", "today", "2026-11-01 00:00:00 -0400"},
};

TEST(ParseTime, EachForm) {
  static_assert(std::size(kCases) >= 60);
  for (const Case& each : kCases) {
    const ZoneForTest zone(each.zone);
    const auto time = parse_time(each.text, context_at(each.now));
    ASSERT_TRUE(time) << each.text << ": " << time.error();
    EXPECT_EQ(shown(*time), shown(at(each.time))) << each.text << " at " << each.now;
  }
}

constexpr Case kErrors[] = {
    // Mistyped: what is meant, and what is allowed.
    {kBerlin, kMonday, "yesterdy 14:00",
     "'yesterdy 14:00' is no time: did you mean 'yesterday 14:00'? (times: now, "},
    {kBerlin, kMonday, "tody", "'tody' is no time: did you mean 'today'? (times: "},
    {kBerlin, kMonday, "mno 09:00", "did you mean 'mon 09:00'? (times: "},
    {kBerlin, kMonday, "3 dyas ago", "'3 dyas ago' is no time: did you mean '3 days ago'?"},
    {kBerlin, kMonday, "3d2h aog", "did you mean '3d2h ago'?"},
    {kBerlin, kMonday, "Nvo 30", "did you mean 'nov 30'?"},
    {kBerlin, kMonday, "1795269802", "did you mean '@1795269802'?"},
    {kBerlin, kMonday, "1795269802000", "did you mean '@1795269802.000'?"},
    {kBerlin, kMonday, "@1795269802000",
     "'@1795269802000' is in the future: did you mean '@1795269802.000'?"},
    {kBerlin, kMonday, "@1795269802123456789", "did you mean '@1795269802.123456789'?"},
    {kBerlin, kMonday, "20261130", "did you mean '2026-11-30'?"},
    {kBerlin, kMonday, "1402", "did you mean '14:02'?"},
    {kBerlin, kMonday, "10",
     "'10' is no time: a number needs a unit, such as 10m or 2 days (times: "},
    {kBerlin, kMonday, "9999", "'9999' is no time: a number needs a unit"},
    {kBerlin, kMonday, "garbage", "'garbage' is no time (times: now, today, yesterday 14:00, "},
    {kBerlin, kMonday, "gestérn", "'gestérn' is no time (times: "},
    {kBerlin, kMonday, "today 14:00 foo",
     "'today 14:00 foo' is no time: 'foo' is not understood (times: "},
    {kBerlin, kMonday, "14:00 pm", "'pm' is not understood"},
    {kBerlin, kMonday, "2026-11-30 14:00 CET", "'cet' is not understood"},
    {kBerlin, kMonday, "14:00Z", "'z' is not understood"},
    {kBerlin, kMonday, "now now", "'now' is not understood"},
    {kBerlin, kMonday, "14:00:00:00", "':00' is not understood"},
    {kBerlin, kMonday, "", "'' is no time: it is empty (times: "},
    {kBerlin, kMonday, " \t ", "'' is no time: it is empty"},
    // Half of a form, or numbers out of it.
    {kBerlin, kMonday, "25:00",
     "'25:00' is no time: clock times go from 00:00 to 23:59:59.999999999 ("},
    {kBerlin, kMonday, "24:00", "clock times go from"},
    {kBerlin, kMonday, "14:60", "clock times go from"},
    {kBerlin, kMonday, "today 23:59:60", "clock times go from"},
    {kBerlin, kMonday, "14:5", "clock times go from"},
    {kBerlin, kMonday, "99999999999999999999:00", "clock times go from"},
    {kBerlin, kMonday, "14:00:00.1234567890", "at most nine digits come after the point"},
    {kBerlin, kMonday, "2026-11", "a date is 2026-11-30, Nov 30 or Nov 30 2026"},
    {kBerlin, kMonday, "Nov", "a date is"},
    {kBerlin, kMonday, "Nov 2026", "a date is"},
    {kBerlin, kMonday, "2026-11-30T14:00+16:00", "zones go from -15:59 to +15:59"},
    {kBerlin, kMonday, "@", "after @ come seconds"},
    {kBerlin, kMonday, "@-5", "after @ come seconds"},
    {kBerlin, kMonday, "-", "a number is missing"},
    {kBerlin, kMonday, "boot+", "a number is missing"},
    {kBerlin, kMonday, "boot+5", "a number needs a unit"},
    {kBerlin, kMonday, "1h30", "a number needs a unit"},
    {kBerlin, kMonday, "5m5m", "the largest unit comes first, and each only once"},
    {kBerlin, kMonday, "5m3h", "the largest unit comes first"},
    {kBerlin, kMonday, "10m-5m", "'-5m' is not understood"},
    {kBerlin, kMonday, "3 months ago", "months and years are not all equally long"},
    {kBerlin, kMonday, "1y", "months and years are not all equally long"},
    // Worded well, but there is no such time.
    {kBerlin, kMonday, "2026-02-30", "'2026-02-30' does not exist: the calendar has no such day"},
    {kBerlin, kMonday, "2026-13-01", "does not exist: the calendar has no such day"},
    {kBerlin, kMonday, "2026-00-00", "does not exist"},
    {kBerlin, kMonday, "2027-02-29", "does not exist"},
    {kBerlin, kMonday, "Feb 30", "'Feb 30' does not exist: the calendar has no such day"},
    {kBerlin, kMonday, "Tue Nov 30 14:00:00 2026", "does not exist: 2026-11-30 is a Monday"},
    {kBerlin, kMonday, "tomorrow", "'tomorrow' is in the future: now is 2026-11-30 14:02:11+01:00"},
    {kBerlin, kMonday, "today 14:03", "is in the future: now is 2026-11-30 14:02:11+01:00"},
    {kBerlin, kMonday, "2026-11-30T14:00Z", "is in the future: now is 2026-11-30 14:02:11+01:00"},
    {kBerlin, kMonday, "+10m", "is in the future"},
    {kBerlin, kMonday, "now + 1ns", "is in the future"},
    {kBerlin, kMonday, "9999-12-31", "is in the future"},
    {kBerlin, kMonday, "@99999999999", "is in the future"},
    {kBerlin, kMonday, "@99999999999999999999999", "is in the future"},
    {kBerlin, kMonday, "1969-12-31T23:59Z", "'1969-12-31T23:59Z' is before 1970"},
    {kBerlin, kMonday, "1970-01-01", "is before 1970"},  // local midnight is
    {kBerlin, kMonday, "0000-01-01", "is before 1970"},
    {kBerlin, kMonday, "3000w", "'3000w' is before 1970"},
    {kBerlin, kMonday, "15250w ago - 15250w", "is before 1970"},
    {kBerlin, kMonday, "20000w", "'20000w' is too long"},
    {kBerlin, kMonday, "20000w ago", "'20000w ago' is too long"},
    {kBerlin, kMonday, "today+20000w", "'today+20000w' is too long"},
    {kBerlin, kMonday, "today +20000w foo", "'foo' is not understood"},
    {kBerlin, kMonday, "yesterdayx +20000w \xff", "'yesterdayx' is not understood"},
    {kBerlin, kMonday, "99999999999999999999ns", "is too long"},
    {kBerlin, kMonday, "9223372036854775807d", "is too long"},
    // What the clock did not show.
    {kBerlin, "2026-03-30 12:00:00 +0200", "yesterday 02:30",
     "'yesterday 02:30' does not exist: the clock was put forward from 2026-03-29 02:00:00 to "
     "2026-03-29 03:00:00"},
    {kBerlin, "2026-03-30 12:00:00 +0200", "sun 02:00",
     "does not exist: the clock was put forward"},
    {kBerlin, "2026-03-30 01:00:00 +0200", "02:30", "does not exist: the clock was put forward"},
    {kBerlin, "2026-03-29 15:00:00 +0200", "02:59:59.9",
     "does not exist: the clock was put forward"},
    {kBerlin, "2026-03-29 03:10:00 +0200", "02:30", "does not exist: the clock was put forward"},
    {kBerlin, kMonday, "2026-03-29T02:30", "does not exist: the clock was put forward"},
    {kBerlin, kMonday, "Mar 29 02:30", "does not exist: the clock was put forward"},
    {kNewYork, "2026-03-08 12:00:00 -0400", "today 02:30",
     "from 2026-03-08 02:00:00 to 2026-03-08 03:00:00"},
    {kLordHowe, "2026-10-04 12:00:00 +1100", "02:15",
     "from 2026-10-04 02:00:00 to 2026-10-04 02:30:00"},
    {kCairo, "2026-04-24 12:00:00 +0300", "today 00:00",
     "from 2026-04-24 00:00:00 to 2026-04-24 01:00:00"},
};

TEST(ParseTime, EachMistakeIsExplained) {
  for (const Case& each : kErrors) {
    const ZoneForTest zone(each.zone);
    const auto time = parse_time(each.text, context_at(each.now));
    ASSERT_FALSE(time) << each.text << " is " << shown(*time);
    EXPECT_NE(time.error().find(each.time), std::string::npos) << time.error();
  }
}

// Samoa left out 30 December 2011.
TEST(ParseTime, ADayThatWasLeftOutDoesNotExist) {
  TimeContext context{.now_ns = at("2012-01-01 12:00:00 +1400"), .utc_offset = [](std::int64_t s) {
                        return s < 1'325'239'200 ? std::int64_t{-36'000} : std::int64_t{50'400};
                      }};
  EXPECT_EQ(parse_time("Dec 31", context), at("2011-12-31 00:00:00 +1400"));
  EXPECT_EQ(parse_time("Dec 29 23:59:59", context), at("2011-12-29 23:59:59 -1000"));
  for (const char* text : {"Dec 30", "2011-12-30", "fri", "2011-12-30 12:00"}) {
    const auto time = parse_time(text, context);
    ASSERT_FALSE(time) << text;
    EXPECT_NE(time.error().find("from 2011-12-30 00:00:00 to 2011-12-31 00:00:00"),
              std::string::npos)
        << time.error();
  }
  context.now_ns = at("2011-12-31 12:00:00 +1400");
  EXPECT_FALSE(parse_time("yesterday", context));
}

TEST(ParseTime, HostileTextIsAnError) {
  const ZoneForTest zone(kUtc);
  const TimeContext context = context_at(kMonday);
  const std::string nul("now\0", 4);
  for (const std::string& text :
       {nul, std::string("\0", 1), std::string("today\0 14:00", 12), std::string(1 << 20, '9'),
        "@" + std::string(1 << 20, '9'), "@1." + std::string(1 << 20, '0'),
        std::string(1 << 20, '0') + "m", std::string(1 << 20, ' ') + "x", std::string(1 << 20, 'a'),
        std::string("\x1b[31m"), std::string("\xff\xfe"), std::string("today \xe2\x80\xae"),
        std::string(1 << 20, '\xe6'), std::string("20\0-11-30", 10)}) {
    const auto time = parse_time(text, context);
    ASSERT_FALSE(time) << text.substr(0, 20);
    EXPECT_EQ(clean_text(time.error()), time.error());
    EXPECT_LT(time.error().size(), 600u);
    EXPECT_EQ(parse_duration(text), std::nullopt);
    EXPECT_FALSE(parse_range({.from = text}, context));
    EXPECT_FALSE(parse_range({.length = text}, context));
  }
  EXPECT_EQ(parse_time(std::string(1 << 20, ' ') + "now", context), context.now_ns);
}

// The times that sockscope itself prints.
TEST(ParseTime, WhatIsPrintedIsUnderstood) {
  const ZoneForTest zone(kBerlin);
  const TimeContext context = context_at(kMonday);
  for (std::int64_t time = at("2026-10-24 12:00:00.000000001 +0000");
       time < at("2026-10-26 12:00:00 +0000"); time += 599'999'999'999) {
    EXPECT_EQ(parse_time(moment_text(time, local_utc_offset), context), time);
    EXPECT_EQ(parse_time(shown(time), context), time);
  }
}

TEST(CurrentTimeContext, IsThisHosts) {
  const std::string stat = read_text("/proc/stat");
  const auto place = stat.find("btime ");
  ASSERT_NE(place, std::string::npos);
  const TimeContext context = current_time_context();
  constexpr double kSecond = 1e9;
  // The kernel rounds, and a clock may be corrected meanwhile.
  EXPECT_NEAR(static_cast<double>(context.boot_ns) / kSecond, std::stod(stat.substr(place + 6)), 2);
  EXPECT_NEAR(static_cast<double>(context.now_ns) / kSecond,
              static_cast<double>(clock_ns(CLOCK_REALTIME)) / kSecond, 60);
}

TEST(ParseDuration, EachForm) {
  using namespace std::chrono_literals;
  constexpr struct {
    const char* text;
    std::chrono::nanoseconds length;
  } kDurations[] = {
      {"10m", 10min},
      {"3d2h", 74h},
      {"1h30m", 90min},
      {"90s", 90s},
      {"500ms", 500ms},
      {"2w", 336h},
      {"1w2d3h4m5s6ms7us8ns", 219h + 4min + 5s + 6'007'008ns},
      {" 2 days 3 hours ", 51h},
      {"2 days 3 hr", 51h},
      {"1 Week 1 Day", 192h},
      {"1 MIN", 1min},
      {"5 secs 10 msec", 5010ms},
      {"0s", 0s},
      {"1.5h", 90min},
      {"0,25s", 250ms},
      {"1.000000001s", 1'000'000'001ns},
      {"1.9ns", 1ns},
      {"9223372036s", 9'223'372'036s},
      {"9223372036854775806ns", 9'223'372'036'854'775'806ns},
      // As text.h prints them.
      {"120 us", 120us},
      {"4.1 ms", 4100us},
      {"2m10s", 130s},
      {"3h05m", 185min},
      {"5d07h", 127h},
  };
  for (const auto& each : kDurations)
    EXPECT_EQ(parse_duration(each.text), each.length) << each.text;
  for (const char* text : {"",
                           " ",
                           "10",
                           "m",
                           "-10m",
                           "+10m",
                           "10m ago",
                           "10x",
                           "10 m x",
                           "1m2",
                           "1m 1m",
                           "1m 1h",
                           "1mo",
                           "2 months",
                           "1y",
                           "1..5s",
                           ".5s",
                           "1.s",
                           "10:00",
                           "now",
                           "9223372037s",
                           "9223372036s 854775808ns",
                           "1e3s",
                           "0x10s",
                           "1,5,5s"})
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
}

std::string range_of(const RangeOptions& options) {
  const ZoneForTest zone(kBerlin);
  const auto range = parse_range(options, context_at(kMonday));
  if (!range) return range.error();
  return shown(range->from_ns).substr(0, 21) + " | " + shown(range->to_ns).substr(0, 21);
}

TEST(ParseRange, EachWay) {
  EXPECT_EQ(range_of({.from = "13:00", .to = "14:00"}),
            "2026-11-30 12:00:00+0 | 2026-11-30 13:00:00+0");
  EXPECT_EQ(range_of({.from = "yesterday", .to = "today"}),
            "2026-11-28 23:00:00+0 | 2026-11-29 23:00:00+0");
  EXPECT_EQ(range_of({.from = "23:00", .to = "01:00"}),
            "2026-11-29 22:00:00+0 | 2026-11-30 00:00:00+0");
  EXPECT_EQ(range_of({.from = "yesterday 14:00", .length = "10m"}),
            "2026-11-29 13:00:00+0 | 2026-11-29 13:10:00+0");
  EXPECT_EQ(range_of({.to = "13:00", .length = "1h"}),
            "2026-11-30 11:00:00+0 | 2026-11-30 12:00:00+0");
  EXPECT_EQ(range_of({.length = "10m"}), "2026-11-30 12:52:11.5 | 2026-11-30 13:02:11.5");
  EXPECT_EQ(range_of({.from = "14:00"}), "2026-11-30 13:00:00+0 | 2026-11-30 13:02:11.5");
  EXPECT_EQ(range_of({.from = "1h", .to = "now"}), "2026-11-30 12:02:11.5 | 2026-11-30 13:02:11.5");
  EXPECT_EQ(range_of({.from = "1h", .to = "30m"}), "2026-11-30 12:02:11.5 | 2026-11-30 12:32:11.5");
}

TEST(ParseRange, AnEndInTheFutureIsNow) {
  EXPECT_EQ(range_of({.from = "13:00", .to = "today 15:00"}),
            "2026-11-30 12:00:00+0 | 2026-11-30 13:02:11.5");
  EXPECT_EQ(range_of({.from = "today", .to = "tomorrow"}),
            "2026-11-29 23:00:00+0 | 2026-11-30 13:02:11.5");
  EXPECT_EQ(range_of({.from = "14:00", .length = "15000w"}),
            "2026-11-30 13:00:00+0 | 2026-11-30 13:02:11.5");
  EXPECT_EQ(range_of({.to = "today 15:00", .length = "2h"}),
            "2026-11-30 12:00:00+0 | 2026-11-30 13:02:11.5");
}

TEST(ParseRange, EachMistakeIsExplained) {
  EXPECT_EQ(range_of({}),
            "a range of time is --from TIME, --to TIME, --for DURATION, or two of them");
  EXPECT_EQ(range_of({.to = "14:00"}),
            "--to alone has no beginning: add --from TIME or --for DURATION");
  EXPECT_EQ(range_of({.from = "13:00", .to = "14:00", .length = "1h"}),
            "of --from, --to and --for only two can be given");
  EXPECT_EQ(range_of({.from = "14:00", .to = "13:00"}),
            "the range ends before it begins: from 2026-11-30 14:00:00+01:00 to 2026-11-30 "
            "13:00:00+01:00");
  EXPECT_EQ(range_of({.from = "13:00", .to = "15:00"}),
            "the range ends before it begins: from 2026-11-30 13:00:00+01:00 to 2026-11-29 "
            "15:00:00+01:00");
  EXPECT_EQ(range_of({.from = "13:00", .to = "13:00"}),
            "the range is empty: from 2026-11-30 13:00:00+01:00 to 2026-11-30 13:00:00+01:00");
  EXPECT_TRUE(
      range_of({.from = "now"}).starts_with("the range is empty: from 2026-11-30 14:02:11"));
  EXPECT_EQ(range_of({.from = "today 15:00", .to = "today 16:00"}),
            "--from: 'today 15:00' is in the future: now is 2026-11-30 14:02:11+01:00");
  EXPECT_EQ(range_of({.from = "tomorrow"}),
            "--from: 'tomorrow' is in the future: now is 2026-11-30 14:02:11+01:00");
  EXPECT_EQ(range_of({.to = "tomorrow", .length = "10m"}),
            "the range is in the future: now is 2026-11-30 14:02:11+01:00");
  EXPECT_EQ(range_of({.length = "3000w"}), "the range begins before 1970");
  EXPECT_EQ(range_of({.to = "1970-01-02", .length = "2d"}), "the range begins before 1970");
  EXPECT_EQ(range_of({.length = "0s"}), "--for: '0s' is nothing");
  EXPECT_EQ(range_of({.length = "20000w"}), "--for: '20000w' is too long");
  EXPECT_TRUE(range_of({.length = "20000w foo"})
                  .starts_with("--for: '20000w foo' is no duration: 'foo' is not understood ("));
  EXPECT_TRUE(
      range_of({.from = "tody"}).starts_with("--from: 'tody' is no time: did you mean 'today'? ("));
  EXPECT_TRUE(range_of({.from = "1h", .to = "nwo"})
                  .starts_with("--to: 'nwo' is no time: did you mean 'now'? ("));
  EXPECT_EQ(range_of({.length = "10 minuts"}),
            "--for: '10 minuts' is no duration: did you mean '10 minutes'? (durations: 10m, 3d2h, "
            "1h30m, 90s, 500ms, 2w, 2 days 3 hours)");
  EXPECT_TRUE(range_of({.length = "10m ago"})
                  .starts_with("--for: '10m ago' is no duration: 'ago' is not understood ("));
}

}  // namespace
}  // namespace sockscope
