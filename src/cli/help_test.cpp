// SPDX-License-Identifier: Apache-2.0
#include "cli/help.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "base/time_spec.h"

namespace sockscope {
namespace {

// The examples in the left column of `sockscope help times`.
TEST(TimesHelp, EachExampleIsATimeOrARange) {
  const auto topic = std::ranges::find(topics(), std::string_view("times"), &Topic::name);
  ASSERT_NE(topic, topics().end());
  const TimeContext context{.now_ns = 1'796'043'731'500'000'000,  // 2026-11-30 13:02:11.5
                            .boot_ns = 1'796'020'000'000'000'000,
                            .utc_offset = [](std::int64_t) -> std::int64_t { return 3600; }};
  int times = 0;
  int ranges = 0;
  std::istringstream text(topic->text());
  for (std::string line; std::getline(text, line);) {
    EXPECT_LE(line.size(), 90u) << line;
    if (!line.starts_with("  ") || line[2] == ' ') continue;
    std::string example = line.substr(2, line.find("  ", 2) - 2);
    if (!example.starts_with("--")) {
      std::istringstream list(example);
      for (std::string each; std::getline(list, each, ','); ++times) {
        const auto time = parse_time(each, context);
        EXPECT_TRUE(time) << time.error();
      }
      continue;
    }
    ++ranges;
    std::erase(example, '\'');
    const auto value_of = [&](const std::string& option) -> std::optional<std::string> {
      const auto begin = example.find(option);
      if (begin == example.npos) return std::nullopt;
      const auto end = example.find(" --", begin);
      return example.substr(begin + option.size(), end - begin - option.size());
    };
    const auto range =
        parse_range({value_of("--from "), value_of("--to "), value_of("--for ")}, context);
    EXPECT_TRUE(range) << example << ": " << range.error();
  }
  EXPECT_EQ(times, 23);
  EXPECT_EQ(ranges, 5);
}

}  // namespace
}  // namespace sockscope
