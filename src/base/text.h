// SPDX-License-Identifier: Apache-2.0
// Text for people: makes hostile bytes harmless, measures widths on a terminal, prints numbers with
// units. Nothing here depends on the locale.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sockscope {

// Makes a text safe for a terminal: valid UTF-8 without control characters, bidirectional controls
// and line separators. Each such character, and each byte that is not UTF-8, becomes one '?'.
std::string clean_text(std::string_view text);

// Makes a text valid for JSON: each byte that is not UTF-8 becomes U+FFFD; all else is kept,
// including control characters.
std::string clean_utf8(std::string_view text);

// How many terminal cells a cleaned text takes: combining characters 0, East Asian wide and emoji
// 2.
std::size_t display_width(std::string_view text);

// Cleaned text in at most `width` cells; longer text is cut at the right, with "…" at the end.
std::string shorten_right(std::string_view text, std::size_t width);

// Cleaned text filled with spaces up to `width` cells; longer text is left as it is.
std::string pad_left(std::string_view text, std::size_t width);   // aligned right
std::string pad_right(std::string_view text, std::size_t width);  // aligned left

enum class Units : std::uint8_t { kBits, kBytes, kIbits, kIbytes };

// Three significant digits, or two for values below ten: "0", "840", "1.2k", "92.1M", "210k"; with
// IEC units "1.2Ki". The unit itself is not added.
std::string format_rate(double bytes_per_second, Units units = Units::kBits);

// SI: "840 B", "41 kB", "118.4 MB".
std::string format_bytes(std::uint64_t bytes);

// "1 conn", "2 conns".
std::string counted(std::uint64_t count, std::string_view what);

// Milliseconds with one decimal, or seconds from one second on: "38.2", "1.2s".
std::string format_ms(std::uint32_t microseconds);

// Rounded down: "120 us", "4.1 ms", "84 ms", "4.1 s", "2m10s", "3h05m", "5d07h".
std::string format_duration_us(std::uint64_t microseconds);

// An age, rounded down, in at most eight cells up to a thousand days: "00:04:10", after 99 hours
// "4d 04:10", after ten days "12d 04h"; below a second like format_duration_us().
std::string format_age_us(std::uint64_t microseconds);
// The same for use in a sentence: "00:18" below an hour.
std::string format_short_age_us(std::uint64_t microseconds);

// "ECONNREFUSED"; "" for 0 and for a number without a name.
std::string_view errno_name(int error) noexcept;

}  // namespace sockscope
