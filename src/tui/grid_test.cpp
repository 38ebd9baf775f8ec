// SPDX-License-Identifier: Apache-2.0
#include "tui/grid.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "tui/plot.h"
#include "tui/process_signal.h"

namespace sockscope::tui {
namespace {

TEST(Grid, puts_and_cuts) {
  Grid grid({8, 2});
  EXPECT_EQ(grid.put(1, 0, "abc"), 4);
  EXPECT_EQ(grid.put(6, 0, "xyz"), 8);
  grid.put(-1, 1, "abc");
  grid.put_right(8, 1, "12");
  grid.put(0, 9, "nowhere");
  EXPECT_EQ(grid.text(), " abc  x…\nbc    12\n");
}

TEST(Grid, wide_characters_take_two_cells) {
  Grid grid({6, 1});
  EXPECT_EQ(grid.put(0, 0, "日本x"), 5);
  EXPECT_EQ(grid.at(0, 0).text, "日");
  EXPECT_EQ(grid.at(1, 0).text, "");
  EXPECT_EQ(grid.at(4, 0).text, "x");
  grid.put(1, 0, "y");  // overwriting half of it removes all of it
  EXPECT_EQ(grid.text(), " y本x\n");
  EXPECT_EQ(grid.put(5, 0, "語"), 5);  // no room for half of it
}

TEST(Grid, combining_characters_stay_on_their_base_and_are_not_endless) {
  Grid grid({4, 1});
  std::string text = "e";
  for (int i = 0; i < 100; ++i) text += "\xCC\x81";
  EXPECT_EQ(grid.put(0, 0, text + "x"), 2);
  EXPECT_LE(grid.at(0, 0).text.size(), 24u);
  EXPECT_EQ(grid.at(1, 0).text, "x");
}

TEST(Grid, nothing_but_text_gets_in) {
  Grid grid({40, 1});
  grid.put(0, 0,
           "a\033[31mb\x07\xC2\x9B"
           "31m\xE2\x80\xAE\x7F\xFF");
  for (const char c : grid.text())
    EXPECT_TRUE(c == '\n' || (c >= ' ' && c < 0x7F)) << static_cast<int>(c);
}

TEST(Grid, ascii_likenesses) {
  Grid grid({12, 1});
  grid.put(0, 0, "─│↓▌†…⣿⣀日é");
  grid.to_ascii();
  EXPECT_EQ(grid.text(), "-|v>x~#.???\n");
}

TEST(Grid, text_that_does_not_fit_is_marked) {
  Grid grid({8, 7});
  grid.put(0, 0, "peak 40.9M");
  grid.put(0, 1, "peak 40M  ");  // nothing but spaces is lost
  grid.put(0, 2, "peak 4", {}, 5);
  grid.put(2, 3, "日本日本");  // wide characters
  grid.put_right(8, 4, "netns 4026532");
  grid.put(0, 5, "pid 4026");
  grid.put_right(8, 5, "99");  // over the end of that text
  grid.put(0, 6, "pid 40");
  grid.put_right(8, 6, "9");  // beside it
  EXPECT_EQ(grid.text(), "peak 40…\npeak 40M\npeak…\n  日本 …\nnetns 4…\npid … 99\npid 40 9\n");
}

TEST(Grid, styles_as_runs) {
  Grid grid({6, 2});
  grid.put(1, 1, "ab", {Role::kRx});
  grid.select(1, 2, 4);
  EXPECT_EQ(grid.styles(), "1: 1-1r 2-2r* 3-3.*\n");
}

TEST(Plot, braille_heights) {
  const Series series{0.0, 1.0, 2.0, 3.0, 4.0, std::nullopt};
  EXPECT_EQ(sparkline(series, PlotStyle::kBraille), "⢀⣴⡇");
  EXPECT_EQ(sparkline(series, PlotStyle::kBlock), "▂▆█");
}

TEST(Plot, small_but_not_nothing_shows) {
  const Series series{1e-9, 1e9};
  EXPECT_EQ(sparkline(series, PlotStyle::kBraille), "⣸");
}

TEST(Plot, areas_stand_and_hang) {
  const Series series{2.0, 1.0};
  EXPECT_EQ(area_plot(series, 2, 2, PlotStyle::kBraille), (std::vector<std::string>{"⡇", "⣿"}));
  EXPECT_EQ(area_plot(series, 2, 2, PlotStyle::kBraille, true),
            (std::vector<std::string>{"⣿", "⡇"}));
}

TEST(ProcessSignal, reads_stat_whatever_the_name) {
  const std::string stat =
      "42 (a) b) (c) S 7 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 200\n";
  EXPECT_EQ(start_ticks(stat), 987654u);
  EXPECT_FALSE(start_ticks("nothing"));
  EXPECT_FALSE(start_ticks(""));
}

TEST(ProcessSignal, refuses_another_process_of_that_number) {
  const auto pid = static_cast<std::uint32_t>(::getpid());
  const auto ticks = start_ticks(read_text("/proc/self/stat"));
  ASSERT_TRUE(ticks);
  const std::uint64_t tick_ns = 1'000'000'000 / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  EXPECT_TRUE(send_signal({pid, *ticks * tick_ns + 1}, 0));  // signal 0 only checks
  const auto refused = send_signal({pid, (*ticks - 1) * tick_ns}, 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().detail(), "another process has this number now");
}

}  // namespace
}  // namespace sockscope::tui
