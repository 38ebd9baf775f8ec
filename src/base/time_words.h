// SPDX-License-Identifier: Apache-2.0
// The parts that times and durations of users (time_spec.h) are made of.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace sockscope::time_words {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kFarthest = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kMostCharacters = 100;  // of a time; none needs as many

// Why a text is no time or no duration.
struct Failure {
  bool is_wording = true;  // or it is worded well, but there is no such time
  // Completes "'14:60' is no time: ", or "'2026-02-30' " if it is not about the wording. Empty if
  // the text is one unknown word.
  std::string what;
  std::string instead = {};  // the text that was perhaps meant; not checked
};
template <typename T>
using Parsed = tl::expected<T, Failure>;

inline tl::unexpected<Failure> wrong(std::string what, std::string instead = {}) {
  return tl::unexpected(Failure{true, std::move(what), std::move(instead)});
}
inline tl::unexpected<Failure> no_such_time(std::string what) {
  return tl::unexpected(Failure{false, std::move(what)});
}

// What does not fit is the farthest number.
std::int64_t sum(std::int64_t a, std::int64_t b);
std::int64_t to_ns(std::int64_t seconds);
std::int64_t number(std::string_view digits);

// The digits after the point of a number, in a unit; what is below a nanosecond is left out.
std::int64_t fraction_of(std::int64_t unit_ns, std::string_view digits);

bool is_digit(char c);
bool is_letter(char c);
std::string_view trimmed(std::string_view text);
// In lower case, with ' ' for every kind of space, and none around it.
std::string plain_text(std::string_view text);
// For a message: in quotation marks, cleaned, and not too long.
std::string quoted(std::string_view text);

// From 0; nothing if it is neither a name nor the beginning of one, three letters at least.
std::optional<unsigned> index_of(std::string_view word, std::span<const std::string_view> names);

// Walks through a plain text. Copy it to look ahead.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ == text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }

  void skip_spaces();
  bool take(char c);
  std::string_view digits();
  std::string_view word();

  // That this word of the text, or the word that follows, was not expected.
  tl::unexpected<Failure> unknown(std::string_view word) const;
  tl::unexpected<Failure> unknown_rest() const;

 private:
  std::string_view take_while(bool (*belongs)(char));

  std::string_view text_;
  std::size_t at_ = 0;
};

// The digits after a point or comma; empty if none follows.
Parsed<std::string_view> take_fraction(Cursor& in);

// "3d2h", "2 days 3 hours", in nanoseconds.
Parsed<std::int64_t> take_duration(Cursor& in);

// "14:02:30.5", in nanoseconds since 00:00.
bool is_clock_ahead(Cursor in);
Parsed<std::int64_t> take_clock(Cursor& in);

// "Z" or "+01:00", in seconds ahead of UTC; nothing if none follows.
Parsed<std::optional<std::int64_t>> take_zone(Cursor& in);

// "2026" behind day and month; nothing if none follows.
std::optional<int> take_year(Cursor& in);

// Seconds for a count of milliseconds, microseconds or nanoseconds since 1970: "@1795269802.000".
// Empty if it cannot be one.
std::string as_seconds(std::string_view digits);
// What a number without a unit was perhaps meant to be.
std::string number_instead(std::string_view digits);

}  // namespace sockscope::time_words
