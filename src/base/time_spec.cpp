// SPDX-License-Identifier: Apache-2.0
#include "base/time_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/time_words.h"

namespace sockscope {
namespace {

using namespace time_words;
using Days = std::chrono::sys_days;
using Date = std::chrono::year_month_day;
using Text = std::string_view;

constexpr Text kTimes =
    "times: now, today, yesterday 14:00, 14:02:30, mon 09:00, 10m, 3d2h ago, 2026-11-30T14:00, "
    "2026-11-30T14:00+01:00, Nov 30 14:00, @1795269802, boot, boot+5m";
constexpr Text kDurations = "durations: 10m, 3d2h, 1h30m, 90s, 500ms, 2w, 2 days 3 hours";

constexpr Text kWeekdays[] = {"sunday",   "monday", "tuesday", "wednesday",
                              "thursday", "friday", "saturday"};
constexpr Text kMonths[] = {"january", "february", "march",     "april",   "may",      "june",
                            "july",    "august",   "september", "october", "november", "december"};

bool is_misworded(const Parsed<std::int64_t>& parsed) {
  return !parsed && parsed.error().is_wording;
}

// A day, perhaps with a clock time and a zone.
struct DayTime {
  Days day = {};
  std::optional<std::int64_t> clock_ns = {};
  std::optional<std::int64_t> zone_s = {};
};

// Reads one text; what it names may be in the future.
class TimeReader {
 public:
  // The text is plain and outlives this.
  TimeReader(Text text, const TimeContext& context)
      : in_(text), context_(context), now_s_(context.now_ns / kSecond) {
    local_now_s_ = now_s_ + context.utc_offset(now_s_);
    today_ = std::chrono::floor<std::chrono::days>(
        std::chrono::sys_seconds(std::chrono::seconds(local_now_s_)));
  }

  Parsed<std::int64_t> time() {
    const auto moment = start();
    if (is_misworded(moment)) return moment;
    // Also when there is no such time, because what is mistyped is to be reported first.
    const auto shift = take_shift();
    if (is_misworded(shift)) return shift;
    if (!in_.at_end()) return in_.unknown_rest();
    if (!moment) return moment;
    if (!shift) return shift;
    return sum(*moment, *shift);
  }

 private:
  Parsed<std::int64_t> start() {
    if (in_.at_end()) return wrong("it is empty");
    if (in_.take('@')) return unix_time();
    if (in_.take('-')) return relative(-1);
    if (in_.take('+')) return relative(1);
    if (is_clock_ahead(in_)) {
      const auto clock = take_clock(in_);
      if (!clock) return tl::unexpected(clock.error());
      return latest([&](int back) { return today_ - std::chrono::days(back); }, {{}, *clock});
    }
    Cursor ahead = in_;
    const Text digits = ahead.digits();
    if (digits.empty()) return named();
    if (ahead.at_end())
      return wrong("a number needs a unit, such as 10m or 2 days", number_instead(digits));
    const bool is_year = digits.size() == 4 && ahead.peek() == '-';
    ahead.skip_spaces();
    if (is_year || index_of(ahead.word(), kMonths)) return date(std::nullopt);
    return ago();
  }

  // How much after the moment that was named; 0 if nothing follows.
  Parsed<std::int64_t> take_shift() {
    in_.skip_spaces();
    if (in_.at_end()) return 0;
    const bool is_before = in_.peek() == '-';
    if (is_bare_duration_ || (!in_.take('-') && !in_.take('+'))) return in_.unknown_rest();
    in_.skip_spaces();
    const auto duration = take_duration(in_);
    if (!duration) return duration;
    return is_before ? -*duration : *duration;
  }

  Parsed<std::int64_t> unix_time() {
    const Text digits = in_.digits();
    if (digits.empty()) return wrong("after @ come seconds, such as @1795269802.5");
    const auto fraction = take_fraction(in_);
    if (!fraction) return tl::unexpected(fraction.error());
    const std::int64_t moment = sum(to_ns(number(digits)), fraction_of(kSecond, *fraction));
    const std::string instead = fraction->empty() ? as_seconds(digits) : "";
    if (moment <= context_.now_ns || instead.empty()) return moment;
    return tl::unexpected(Failure{false, "is in the future", instead});
  }

  Parsed<std::int64_t> relative(int sign) {
    is_bare_duration_ = true;
    in_.skip_spaces();
    const auto duration = take_duration(in_);
    if (!duration) return duration;
    return sum(context_.now_ns, sign * *duration);
  }

  Parsed<std::int64_t> ago() {
    const auto moment = relative(-1);
    Cursor ahead = in_;
    if (ahead.word() != "ago") return moment;
    in_ = ahead;
    is_bare_duration_ = false;
    return moment;
  }

  Parsed<std::int64_t> named() {
    const Cursor begin = in_;
    const Text word = in_.word();
    if (word == "now") return context_.now_ns;
    if (word == "boot") return context_.boot_ns;
    if (word == "yesterday") return on_day(today_ - std::chrono::days(1));
    if (word == "today") return on_day(today_);
    if (word == "tomorrow") return on_day(today_ + std::chrono::days(1));
    if (const auto index = index_of(word, kWeekdays)) return weekday(std::chrono::weekday(*index));
    if (!index_of(word, kMonths)) return word.empty() ? in_.unknown_rest() : in_.unknown(word);
    in_ = begin;
    return date(std::nullopt);
  }

  Parsed<std::int64_t> on_day(Days day) {
    DayTime at{day};
    if (const auto taken = take_clock_of(at); !taken) return tl::unexpected(taken.error());
    return moment_of_day(at);
  }

  Parsed<std::int64_t> weekday(std::chrono::weekday day) {
    in_.take(',');
    Cursor ahead = in_;
    ahead.skip_spaces();
    const bool is_number = is_digit(ahead.peek()) && !is_clock_ahead(ahead);
    if (is_number || index_of(ahead.word(), kMonths)) {
      in_.skip_spaces();
      return date(day);
    }
    DayTime at;
    if (const auto taken = take_clock_of(at); !taken) return tl::unexpected(taken.error());
    const Days last = today_ - (std::chrono::weekday(today_) - day);
    return latest([&](int back) { return last - std::chrono::weeks(back); }, at);
  }

  // 2026-11-30, Nov 30, 30 Nov 2026, Nov 30 14:00:00 2026.
  Parsed<std::int64_t> date(std::optional<std::chrono::weekday> weekday) {
    const auto form = wrong("a date is 2026-11-30, Nov 30 or Nov 30 2026");
    std::optional<int> year;
    std::int64_t month = 0;
    const auto take_month = [&] {
      in_.skip_spaces();
      const auto index = index_of(in_.word(), kMonths);
      if (index) month = *index + 1;
      return index.has_value();
    };
    Text day = in_.digits();
    const bool is_iso = day.size() == 4 && in_.take('-');
    if (is_iso) {
      year = static_cast<int>(number(day));
      const Text digits = in_.digits();
      if (digits.empty() || digits.size() > 2 || !in_.take('-')) return form;
      month = number(digits);
      day = in_.digits();
    } else {
      if (!take_month()) return form;
      if (day.empty()) {
        in_.skip_spaces();
        day = in_.digits();
      }
      year = take_year(in_);
    }
    if (day.empty() || day.size() > 2) return form;
    if (Cursor ahead = in_; is_iso && ahead.take('t') && is_digit(ahead.peek())) in_ = ahead;

    DayTime at;
    if (const auto taken = take_clock_of(at); !taken) return tl::unexpected(taken.error());
    if (at.clock_ns) {
      const auto zone = take_zone(in_);
      if (!zone) return tl::unexpected(zone.error());
      at.zone_s = *zone;
      if (!year) year = take_year(in_);
    }
    const auto date_in = [&](int y) {
      return Date(std::chrono::year(y), std::chrono::month(static_cast<unsigned>(month)),
                  std::chrono::day(static_cast<unsigned>(number(day))));
    };
    if (!year) {
      const int this_year = static_cast<int>(Date(today_).year());
      const auto date_back = [&](int back) -> std::optional<Days> {
        const Date date = date_in(this_year - back);
        return date.ok() ? std::optional<Days>(date) : std::nullopt;
      };
      return latest(date_back, at, weekday);
    }
    const Date date = date_in(*year);
    if (!date.ok()) return no_such_time("does not exist: the calendar has no such day");
    at.day = date;
    return moment_of_day(at, weekday);
  }

  // The clock time that may follow a day.
  Parsed<void> take_clock_of(DayTime& at) {
    Cursor ahead = in_;
    ahead.skip_spaces();
    if (!is_clock_ahead(ahead)) return {};
    in_ = ahead;
    const auto clock = take_clock(in_);
    if (!clock) return tl::unexpected(clock.error());
    at.clock_ns = *clock;
    return {};
  }

  // The latest of several days that is not in the future. `day_back(0)` is the last of them,
  // `day_back(1)` the one before; nothing where there is none.
  template <typename DayBack>
  Parsed<std::int64_t> latest(const DayBack& day_back, DayTime at,
                              std::optional<std::chrono::weekday> weekday = {}) {
    constexpr int kYearsWithoutLeapDay = 8;
    for (int back = 0; back <= kYearsWithoutLeapDay; ++back) {
      const std::optional<Days> day = day_back(back);
      if (!day) continue;
      at.day = *day;
      const auto moment = moment_of_day(at, weekday);
      if (moment ? *moment <= context_.now_ns : local_seconds(at) <= local_now_s_) return moment;
    }
    return no_such_time("does not exist: the calendar has no such day");
  }

  static std::int64_t local_seconds(const DayTime& at) {
    return at.day.time_since_epoch().count() * 86'400 + at.clock_ns.value_or(0) / kSecond;
  }

  Parsed<std::int64_t> moment_of_day(const DayTime& at,
                                     std::optional<std::chrono::weekday> weekday = {}) {
    const std::int64_t local_s = local_seconds(at);
    if (const std::chrono::weekday real(at.day); weekday && *weekday != real) {
      std::string name(kWeekdays[real.c_encoding()]);
      name[0] = static_cast<char>(name[0] - 'a' + 'A');
      return no_such_time(
          fmt::format("does not exist: {} is a {}", local_text(local_s).substr(0, 10), name));
    }
    const std::int64_t fraction_ns = at.clock_ns.value_or(0) % kSecond;
    if (at.zone_s) return sum(to_ns(local_s - *at.zone_s), fraction_ns);
    const auto moment = moment_of(local_s, context_.utc_offset);
    if (moment) return sum(to_ns(*moment), fraction_ns);
    const ClockGap& gap = moment.error();
    // The day begins after the gap.
    if (!at.clock_ns && gap.after_s < local_s + 86'400) return to_ns(gap.unix_s);
    return no_such_time(fmt::format("does not exist: the clock was put forward from {} to {}",
                                    local_text(gap.before_s), local_text(gap.after_s)));
  }

  Cursor in_;
  const TimeContext& context_;
  std::int64_t now_s_;
  std::int64_t local_now_s_ = 0;
  Days today_;
  bool is_bare_duration_ = false;
};

Parsed<std::int64_t> read_time(Text text, const TimeContext& context) {
  if (trimmed(text).size() > kMostCharacters) return wrong("it is too long");
  const std::string plain = plain_text(text);
  return TimeReader(plain, context).time();
}

std::string future_text(const TimeContext& context) {
  return "is in the future: now is " +
         moment_text(context.now_ns - context.now_ns % kSecond, context.utc_offset);
}

// The failure of a whole text, as a message.
template <typename Read>
std::string explained(Text text, Failure failure, Text kind, Text allowed, const Read& read) {
  // A hint is given only if it would be understood.
  if (is_misworded(read(failure.instead))) failure.instead.clear();
  std::string hint;
  if (!failure.instead.empty()) hint = ": did you mean '" + failure.instead + "'?";
  if (!failure.is_wording) return fmt::format("{} {}{}", quoted(text), failure.what, hint);
  if (hint.empty() && !failure.what.empty()) hint = ": " + failure.what;
  return fmt::format("{} is no {}{} ({})", quoted(text), kind, hint, allowed);
}

using Moment = tl::expected<std::int64_t, std::string>;

Moment any_time(Text text, const TimeContext& context) {
  const auto moment = read_time(text, context);
  if (!moment)
    return tl::unexpected(explained(text, moment.error(), "time", kTimes,
                                    [&](Text instead) { return read_time(instead, context); }));
  if (*moment < 0) return tl::unexpected(quoted(text) + " is before 1970");
  return *moment;
}

Parsed<std::int64_t> read_duration(Text text) {
  if (trimmed(text).size() > kMostCharacters) return wrong("it is too long");
  const std::string plain = plain_text(text);
  Cursor in(plain);
  const auto duration = take_duration(in);
  if (is_misworded(duration)) return duration;
  if (!in.at_end()) return in.unknown_rest();
  return duration;
}

Moment length_of(Text text) {
  const auto duration = read_duration(text);
  if (!duration)
    return tl::unexpected(explained(text, duration.error(), "duration", kDurations, read_duration));
  if (*duration == 0) return tl::unexpected(quoted(text) + " is nothing");
  return *duration;
}

tl::unexpected<std::string> about(Text option, const std::string& error) {
  return tl::unexpected(fmt::format("{}: {}", option, error));
}

}  // namespace

TimeContext current_time_context() {
  const auto now = static_cast<std::int64_t>(clock_ns(CLOCK_REALTIME));
  const auto since_boot = static_cast<std::int64_t>(host_boottime_ns(clock_ns(CLOCK_BOOTTIME)));
  return {.now_ns = now, .boot_ns = now - since_boot};
}

tl::expected<std::int64_t, std::string> parse_time(std::string_view text,
                                                   const TimeContext& context) {
  auto moment = any_time(text, context);
  if (moment && *moment > context.now_ns)
    return tl::unexpected(quoted(text) + " " + future_text(context));
  return moment;
}

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  const auto duration = read_duration(text);
  if (!duration) return std::nullopt;
  return std::chrono::nanoseconds(*duration);
}

tl::expected<TimeRange, std::string> parse_range(const RangeOptions& options,
                                                 const TimeContext& context) {
  if (!options.from && !options.length)
    return tl::unexpected<std::string>(
        options.to ? "--to alone has no beginning: add --from TIME or --for DURATION"
                   : "a range of time is --from TIME, --to TIME, --for DURATION, or two of them");
  if (options.from && options.to && options.length)
    return tl::unexpected<std::string>("of --from, --to and --for only two can be given");

  Moment length = 0;
  if (options.length) length = length_of(*options.length);
  if (!length) return about("--for", length.error());
  Moment to = context.now_ns;
  if (options.to) to = any_time(*options.to, context);
  if (!to) return about("--to", to.error());
  Moment from = *to - *length;
  if (options.from) from = any_time(*options.from, context);
  if (!from) return about("--from", from.error());
  if (options.from && options.length) to = sum(*from, *length);

  const auto range = [&] {
    return fmt::format("from {} to {}", moment_text(*from, context.utc_offset),
                       moment_text(*to, context.utc_offset));
  };
  if (*from < 0) return tl::unexpected<std::string>("the range begins before 1970");
  if (*from > context.now_ns) {
    return options.from ? about("--from", quoted(*options.from) + " " + future_text(context))
                        : tl::unexpected("the range " + future_text(context));
  }
  if (*from > *to) return tl::unexpected("the range ends before it begins: " + range());
  *to = std::min(*to, context.now_ns);
  if (*from == *to) return tl::unexpected("the range is empty: " + range());
  return TimeRange{*from, *to};
}

}  // namespace sockscope
