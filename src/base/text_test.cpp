// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <gtest/gtest.h>

#include <limits>

namespace sockscope {
namespace {

TEST(CleanText, KeepsPrintableUtf8) {
  EXPECT_EQ(clean_text("curl"), "curl");
  EXPECT_EQ(clean_text("größe 漢字 🚀"), "größe 漢字 🚀");
  EXPECT_EQ(clean_text(""), "");
}

TEST(CleanText, ReplacesControls) {
  EXPECT_EQ(clean_text("a\x1b[31mb"), "a?[31mb");
  EXPECT_EQ(clean_text("a\nb\tc\rd\x7f"), "a?b?c?d?");
  EXPECT_EQ(clean_text(std::string_view("a\0b", 3)), "a?b");
  EXPECT_EQ(clean_text("a\xC2\x9B"
                       "31m"),
            "a?31m");  // C1: one character, CSI
  EXPECT_EQ(clean_text("\xC2\x80\xC2\x9F\xC2\xA0"), "??\xC2\xA0");
}

TEST(CleanText, ReplacesBidirectionalControlsAndSeparators) {
  for (const char* c :
       {"\u202A", "\u202E", "\u2066", "\u2069", "\u200E", "\u200F", "\u061C", "\u2028", "\u2029"}) {
    EXPECT_EQ(clean_text(std::string("a") + c + "b"), "a?b");
  }
  EXPECT_EQ(clean_text("a\u202Fb"), "a\u202Fb");  // the neighbours stay
  EXPECT_EQ(clean_text("a\u2070b"), "a\u2070b");
}

TEST(CleanText, ReplacesWhatIsNotToBeSeen) {
  for (const char* c :
       {"\u00AD", "\u034F", "\u115F", "\u180E", "\u200B", "\u200D", "\u2060", "\u206A", "\u2800",
        "\u3164", "\uFE0F", "\uFEFF", "\uFFA0", "\U000E0041", "\U000E0100"}) {
    EXPECT_EQ(clean_text(std::string("a") + c + "b"), "a?b");
  }
}

TEST(CleanText, ReplacesEachInvalidByte) {
  EXPECT_EQ(clean_text("a\xFF\xFE"
                       "b"),
            "a??b");
  EXPECT_EQ(clean_text("\xC0\xAF"), "??");            // overlong '/'
  EXPECT_EQ(clean_text("\xE0\x80\xAF"), "???");       // overlong
  EXPECT_EQ(clean_text("\xF0\x8F\xBF\xBF"), "????");  // overlong
  EXPECT_EQ(clean_text("\xED\xA0\x80"), "???");       // surrogate
  EXPECT_EQ(clean_text("\xF4\x90\x80\x80"), "????");  // beyond U+10FFFF
  EXPECT_EQ(clean_text("\xE6\xBC"), "??");            // cut short
  EXPECT_EQ(clean_text("\xE6\x1b\xBC"), "???");       // an ESC hidden inside a sequence
  EXPECT_EQ(clean_text("\xF4\x8F\xBF\xBF"), "\xF4\x8F\xBF\xBF");
}

TEST(CleanUtf8, ReplacesOnlyInvalidBytes) {
  EXPECT_EQ(clean_utf8("a\xFF\xE6\xBC"
                       "b"),
            "a\uFFFD\uFFFD\uFFFDb");
  EXPECT_EQ(clean_utf8("a\x1b\n\u202E漢"), "a\x1b\n\u202E漢");
}

TEST(DisplayWidth, CountsCells) {
  EXPECT_EQ(display_width(""), 0u);
  EXPECT_EQ(display_width("curl"), 4u);
  EXPECT_EQ(display_width("größe"), 5u);
  EXPECT_EQ(display_width("e\u0301"), 1u);
  EXPECT_EQ(display_width("漢字"), 4u);
  EXPECT_EQ(display_width("\uFF21"), 2u);  // full-width A
  EXPECT_EQ(display_width("🚀"), 2u);
  EXPECT_EQ(display_width("\u200B"), 0u);
  EXPECT_EQ(display_width("…—†"), 3u);
  EXPECT_EQ(display_width("⣿⣀"), 2u);
}

TEST(ShortenRight, CutsOnlyWhenNeeded) {
  EXPECT_EQ(shorten_right("nginx", 5), "nginx");
  EXPECT_EQ(shorten_right("nginx", 4), "ngi…");
  EXPECT_EQ(shorten_right("nginx", 1), "…");
  EXPECT_EQ(shorten_right("nginx", 0), "");
  EXPECT_EQ(shorten_right("", 0), "");
}

TEST(ShortenRight, NeverSplitsACharacter) {
  EXPECT_EQ(shorten_right("größe", 4), "grö…");
  EXPECT_EQ(shorten_right("漢字漢", 5), "漢字…");
  EXPECT_EQ(shorten_right("漢字漢", 4), "漢…");  // half a character does not fit
  EXPECT_EQ(shorten_right("e\u0301abc", 2), "e\u0301…");
}

TEST(Pad, CountsCellsNotBytes) {
  EXPECT_EQ(pad_left("ö", 3), "  ö");
  EXPECT_EQ(pad_right("漢", 3), "漢 ");
  EXPECT_EQ(pad_left("abcd", 3), "abcd");
  EXPECT_EQ(pad_right("abcd", 3), "abcd");
}

TEST(FormatRate, BitsAreTheDefault) {
  EXPECT_EQ(format_rate(0), "0");
  EXPECT_EQ(format_rate(0.124), "0");
  EXPECT_EQ(format_rate(0.125), "1");
  EXPECT_EQ(format_rate(105), "840");
  EXPECT_EQ(format_rate(1234 / 8.0), "1.2k");
  EXPECT_EQ(format_rate(92'100'000 / 8.0), "92.1M");
}

TEST(FormatRate, KeepsThreeSignificantDigits) {
  const auto f = [](double v) { return format_rate(v, Units::kBytes); };
  EXPECT_EQ(f(999), "999");
  EXPECT_EQ(f(999.4), "999");
  EXPECT_EQ(f(999.6), "1.0k");
  EXPECT_EQ(f(1'800'000), "1.8M");
  EXPECT_EQ(f(9'960), "10.0k");
  EXPECT_EQ(f(24'900'000), "24.9M");
  EXPECT_EQ(f(99'960), "100k");
  EXPECT_EQ(f(210'000), "210k");
  EXPECT_EQ(f(999'700), "1.0M");
  EXPECT_EQ(f(10.4e9), "10.4G");
  EXPECT_EQ(f(3.5e12), "3.5T");
}

TEST(FormatRate, Iec) {
  EXPECT_EQ(format_rate(2048, Units::kIbytes), "2.0Ki");
  EXPECT_EQ(format_rate(256, Units::kIbits), "2.0Ki");
  EXPECT_EQ(format_rate(1010, Units::kIbytes), "1.0Ki");
  EXPECT_EQ(format_rate(50.5 * 1024 * 1024, Units::kIbytes), "50.5Mi");
  EXPECT_EQ(format_rate(3.0 * 1024 * 1024 * 1024, Units::kIbytes), "3.0Gi");
}

TEST(FormatRate, NonsenseIsZero) {
  EXPECT_EQ(format_rate(-5), "0");
  EXPECT_EQ(format_rate(std::numeric_limits<double>::quiet_NaN()), "0");
  EXPECT_EQ(format_rate(std::numeric_limits<double>::infinity()), "0");
}

TEST(FormatBytes, IsSi) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(840), "840 B");
  EXPECT_EQ(format_bytes(1'000), "1.0 kB");
  EXPECT_EQ(format_bytes(41'200), "41 kB");
  EXPECT_EQ(format_bytes(999'499), "999 kB");
  EXPECT_EQ(format_bytes(999'500), "1.0 MB");
  EXPECT_EQ(format_bytes(118'400'000), "118.4 MB");
  EXPECT_EQ(format_bytes(999'960'000), "1.0 GB");
  EXPECT_EQ(format_bytes(std::numeric_limits<std::uint64_t>::max()), "18.4 EB");
}

TEST(FormatMs, OneDecimalThenSeconds) {
  EXPECT_EQ(format_ms(40), "0.0");
  EXPECT_EQ(format_ms(38'200), "38.2");
  EXPECT_EQ(format_ms(999'900), "999.9");
  EXPECT_EQ(format_ms(999'999), "1.0s");
  EXPECT_EQ(format_ms(1'234'000), "1.2s");
}

TEST(FormatDuration, TwoUnitsAtMost) {
  EXPECT_EQ(format_duration_us(120), "120 us");
  EXPECT_EQ(format_duration_us(1'000), "1.0 ms");
  EXPECT_EQ(format_duration_us(9'999), "9.9 ms");
  EXPECT_EQ(format_duration_us(84'500), "84 ms");
  EXPECT_EQ(format_duration_us(999'999), "999 ms");
  EXPECT_EQ(format_duration_us(4'100'000), "4.1 s");
  EXPECT_EQ(format_duration_us(59'999'999), "59.9 s");
  EXPECT_EQ(format_duration_us(130'000'000), "2m10s");
  EXPECT_EQ(format_duration_us(3'599'000'000), "59m59s");
  EXPECT_EQ(format_duration_us((3 * 3600 + 5 * 60 + 59) * 1'000'000ull), "3h05m");
  EXPECT_EQ(format_duration_us((5 * 86400 + 7 * 3600) * 1'000'000ull), "5d07h");
}

TEST(Format, Ages) {
  constexpr std::uint64_t kHour = 3'600'000'000;
  EXPECT_EQ(format_age_us(350), "350 us");
  EXPECT_EQ(format_age_us(999'999), "999 ms");
  EXPECT_EQ(format_age_us(1'000'000), "00:00:01");
  EXPECT_EQ(format_age_us(250'999'999), "00:04:10");
  EXPECT_EQ(format_age_us(100 * kHour - 1), "99:59:59");
  EXPECT_EQ(format_age_us(100 * kHour + 600'000'000), "4d 04:10");
  EXPECT_EQ(format_age_us(240 * kHour), "10d 00h");
  EXPECT_EQ(format_age_us(24 * 999 * kHour + 23 * kHour), "999d 23h");
  EXPECT_EQ(format_short_age_us(17'000), "17 ms");
  EXPECT_EQ(format_short_age_us(18'000'000), "00:18");
  EXPECT_EQ(format_short_age_us(kHour + 602'000'000), "01:10:02");
}

}  // namespace
}  // namespace sockscope
