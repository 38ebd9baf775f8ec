// SPDX-License-Identifier: Apache-2.0
#include "base/time_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/ascii.h"
#include "base/suggest.h"
#include "base/text.h"

namespace sockscope::time_words {
namespace {

using Text = std::string_view;

constexpr std::int64_t kNotFixed = 0;
struct Unit {
  std::int64_t ns;
  std::array<Text, 5> names;
};
constexpr Unit kUnits[] = {
    {kNotFixed, {"years", "year", "yrs", "yr", "y"}},
    {kNotFixed, {"months", "month", "mo"}},
    {7 * 86'400 * kSecond, {"w", "week", "weeks"}},
    {86'400 * kSecond, {"d", "day", "days"}},
    {3'600 * kSecond, {"h", "hr", "hrs", "hour", "hours"}},
    {60 * kSecond, {"m", "min", "mins", "minute", "minutes"}},
    {kSecond, {"s", "sec", "secs", "second", "seconds"}},
    {1'000'000, {"ms", "msec", "millisecond", "milliseconds"}},
    {1'000, {"us"}},
    {1, {"ns"}},
};

// Words that a mistyped one may stand for.
constexpr Text kWords[] = {
    "now",       "today",    "yesterday", "boot",      "ago",      "mon",      "tue",
    "wed",       "thu",      "fri",       "sat",       "sun",      "monday",   "tuesday",
    "wednesday", "thursday", "friday",    "saturday",  "sunday",   "jan",      "feb",
    "mar",       "apr",      "may",       "jun",       "jul",      "aug",      "sep",
    "oct",       "nov",      "dec",       "january",   "february", "march",    "april",
    "june",      "july",     "august",    "september", "october",  "november", "december",
    "weeks",     "days",     "hours",     "minutes",   "seconds",  "ms",       "utc"};

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

}  // namespace

std::int64_t sum(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  return __builtin_add_overflow(a, b, &result) ? (b < 0 ? -kFarthest : kFarthest) : result;
}
std::int64_t to_ns(std::int64_t seconds) {
  std::int64_t result = 0;
  return __builtin_mul_overflow(seconds, kSecond, &result) ? (seconds < 0 ? -kFarthest : kFarthest)
                                                           : result;
}

std::int64_t number(Text digits) {
  std::int64_t value = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return parsed.ec == std::errc{} ? value : kFarthest;
}

std::int64_t fraction_of(std::int64_t unit_ns, Text digits) {
  std::int64_t result = 0;
  for (const char digit : digits) {
    unit_ns /= 10;
    result += (digit - '0') * unit_ns;
  }
  return result;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
// Also of other languages, so that their words are named whole.
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || static_cast<unsigned char>(c) >= 0x80;
}
Text trimmed(Text text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string plain_text(Text text) {
  std::string plain = ascii_lower(trimmed(text));
  std::ranges::replace_if(plain, is_space, ' ');
  return plain;
}

std::string quoted(Text text) {
  // Cut before it is cleaned, because cleaning is slow.
  return "'" + shorten_right(clean_text(trimmed(text).substr(0, 4 * kMostCharacters)), 60) + "'";
}

std::optional<unsigned> index_of(Text word, std::span<const Text> names) {
  if (word.size() < 3) return std::nullopt;
  const auto found = std::ranges::find_if(names, [&](Text name) { return name.starts_with(word); });
  if (found == names.end()) return std::nullopt;
  return static_cast<unsigned>(found - names.begin());
}

void Cursor::skip_spaces() {
  take_while(is_space);
}

bool Cursor::take(char c) {
  if (at_end() || peek() != c) return false;
  ++at_;
  return true;
}

Text Cursor::digits() {
  return take_while(is_digit);
}

Text Cursor::word() {
  return take_while(is_letter);
}

tl::unexpected<Failure> Cursor::unknown(Text word) const {
  Failure failure{true, word == text_ ? "" : quoted(word) + " is not understood"};
  const std::string meant = nearest(word, kWords);
  const auto begin = static_cast<std::size_t>(word.data() - text_.data());
  if (!meant.empty()) failure.instead = std::string(text_).replace(begin, word.size(), meant);
  return tl::unexpected(std::move(failure));
}

tl::unexpected<Failure> Cursor::unknown_rest() const {
  Cursor ahead = *this;
  ahead.skip_spaces();
  const Text rest = text_.substr(ahead.at_);
  const Text word = ahead.word();
  return unknown(word.empty() ? rest : word);
}

Text Cursor::take_while(bool (*belongs)(char)) {
  const std::size_t begin = at_;
  while (at_ < text_.size() && belongs(text_[at_])) ++at_;
  return text_.substr(begin, at_ - begin);
}

Parsed<Text> take_fraction(Cursor& in) {
  Cursor ahead = in;
  if (!ahead.take('.') && !ahead.take(',')) return Text();
  const Text digits = ahead.digits();
  if (digits.empty()) return Text();
  if (digits.size() > 9) return wrong("at most nine digits come after the point");
  in = ahead;
  return digits;
}

Parsed<std::int64_t> take_duration(Cursor& in) {
  std::int64_t total = 0;
  std::int64_t larger = kFarthest;
  bool is_too_long = false;
  do {
    const Text digits = in.digits();
    if (digits.empty()) return in.at_end() ? wrong("a number is missing") : in.unknown_rest();
    const auto fraction = take_fraction(in);
    if (!fraction) return tl::unexpected(fraction.error());
    in.skip_spaces();
    const Text word = in.word();
    if (word.empty()) return wrong("a number needs a unit, such as 10m or 2 days");
    const auto* unit = std::ranges::find_if(kUnits, [&](const Unit& each) {
      return std::ranges::find(each.names, word) != each.names.end();
    });
    if (unit == std::end(kUnits)) return in.unknown(word);
    if (unit->ns == kNotFixed)
      return wrong("months and years are not all equally long; take weeks or days, or a date");
    if (unit->ns >= larger) return wrong("the largest unit comes first, and each only once");
    larger = unit->ns;
    const std::int64_t count = number(digits);
    std::int64_t part = 0;
    is_too_long |= count == kFarthest || __builtin_mul_overflow(count, unit->ns, &part) ||
                   __builtin_add_overflow(total, part, &total) ||
                   __builtin_add_overflow(total, fraction_of(unit->ns, *fraction), &total);
    in.skip_spaces();
  } while (is_digit(in.peek()));
  if (is_too_long) return no_such_time("is too long");
  return total;
}

bool is_clock_ahead(Cursor in) {
  return !in.digits().empty() && in.take(':');
}

Parsed<std::int64_t> take_clock(Cursor& in) {
  const auto limits = wrong("clock times go from 00:00 to 23:59:59.999999999");
  const Text hours = in.digits();
  const Text minutes = in.take(':') ? in.digits() : Text();
  if (hours.size() > 2 || minutes.size() != 2 || number(hours) > 23 || number(minutes) > 59)
    return limits;
  std::int64_t clock = (number(hours) * 60 + number(minutes)) * 60 * kSecond;
  if (!in.take(':')) return clock;
  const Text seconds = in.digits();
  if (seconds.size() != 2 || number(seconds) > 59) return limits;
  const auto fraction = take_fraction(in);
  if (!fraction) return tl::unexpected(fraction.error());
  return clock + number(seconds) * kSecond + fraction_of(kSecond, *fraction);
}

Parsed<std::optional<std::int64_t>> take_zone(Cursor& in) {
  using Zone = std::optional<std::int64_t>;
  Cursor ahead = in;
  ahead.skip_spaces();
  const Text word = Cursor(ahead).word();
  if (word == "z" || word == "utc" || word == "gmt") {
    ahead.word();
    in = ahead;
    return Zone(0);
  }
  const bool is_west = ahead.peek() == '-';
  if (!ahead.take('-') && !ahead.take('+')) return Zone();
  Text hours = ahead.digits();
  Text minutes = "00";
  if (hours.size() == 4) {
    minutes = hours.substr(2);
    hours = hours.substr(0, 2);
  } else if (ahead.take(':')) {
    minutes = ahead.digits();
  }
  Cursor behind = ahead;
  behind.skip_spaces();
  // "+10m" is a duration.
  if (hours.size() != 2 || is_letter(behind.peek())) return Zone();
  if (minutes.size() != 2 || number(hours) > 15 || number(minutes) > 59)
    return wrong("zones go from -15:59 to +15:59");
  in = ahead;
  const std::int64_t ahead_s = number(hours) * 3600 + number(minutes) * 60;
  return Zone(is_west ? -ahead_s : ahead_s);
}

std::optional<int> take_year(Cursor& in) {
  Cursor ahead = in;
  ahead.skip_spaces();
  if (ahead.take(',')) ahead.skip_spaces();
  const Text digits = ahead.digits();
  if (digits.size() != 4 || ahead.peek() == ':' || is_letter(ahead.peek())) return std::nullopt;
  in = ahead;
  return static_cast<int>(number(digits));
}

std::string as_seconds(Text digits) {
  for (const std::size_t finer : {3, 6, 9})
    if (digits.size() == finer + 9 || digits.size() == finer + 10)
      return fmt::format("@{}.{}", digits.substr(0, digits.size() - finer),
                         digits.substr(digits.size() - finer));
  return "";
}

std::string number_instead(Text digits) {
  if (digits.size() == 4) return fmt::format("{}:{}", digits.substr(0, 2), digits.substr(2));
  if (digits.size() == 8)
    return fmt::format("{}-{}-{}", digits.substr(0, 4), digits.substr(4, 2), digits.substr(6));
  if (digits.size() == 9 || digits.size() == 10) return fmt::format("@{}", digits);
  return as_seconds(digits);
}

}  // namespace sockscope::time_words
