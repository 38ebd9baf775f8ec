// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>

#include "tui/app.h"
#include "tui/app_testing.h"

namespace sockscope::tui {
namespace {

// The past: freezing, stepping, going to a time.
class Time : public testing::Test, protected Session {};

TEST_F(Time, frozen_shows_the_past_while_the_host_goes_on) {
  keys(" ");
  ASSERT_TRUE(state.is_frozen());
  const std::uint64_t then = shown_sample(model, state).wall_ns;
  pass(18);
  EXPECT_EQ(shown_sample(model, state).wall_ns, then);
  EXPECT_NE(shown(model, state).grid.text().find("FROZEN 14:03:42 +18s"), std::string::npos)
      << shown(model, state).grid.text();
  keys("T");
  EXPECT_EQ(shown_sample(model, state).wall_ns, then - kTestSecond);
  keys("tt");
  EXPECT_EQ(shown_sample(model, state).wall_ns, then + kTestSecond);
  keys("TTTTTTTTTTTTTTTTTTTTTTTTTTT");
  EXPECT_EQ(shown_sample(model, state).wall_ns, model.history[0].wall_ns);
  key(KeyName::kEnd);
  EXPECT_FALSE(state.is_frozen());
  EXPECT_EQ(shown_sample(model, state).number, model.history.newest().number);
}

TEST_F(Time, frozen_knows_no_later_event) {
  keys(" TTTTTTTTTTTTTTTT4");
  for (const Row& row : state.table().listing.rows)
    EXPECT_LE(model.events.find(row.key.a)->wall_ns, shown_sample(model, state).wall_ns);
  EXPECT_EQ(state.table().listing.rows.size(), 3u);
}

TEST_F(Time, goes_to_a_time) {
  keys("b-5s");
  key(KeyName::kEnter);
  EXPECT_EQ(shown_sample(model, state).wall_ns, model.now_wall_ns - 5 * kTestSecond);
  keys("bsoon");
  key(KeyName::kEnter);
  EXPECT_NE(state.prompt.error, "");
}

TEST(ParseTime, forms) {
  ::setenv("TZ", "UTC", 1);
  const std::uint64_t now = kTestWall;
  EXPECT_EQ(parse_time("-5m", now), now - 300 * kTestSecond);
  EXPECT_EQ(parse_time("-90s", now), now - 90 * kTestSecond);
  EXPECT_EQ(parse_time("-1h", now), now - 3600 * kTestSecond);
  EXPECT_EQ(parse_time("14:02:30", now), now - 52 * kTestSecond);
  EXPECT_EQ(parse_time("14:02", now), now - 82 * kTestSecond);
  EXPECT_EQ(parse_time("14:04", now), now + 38 * kTestSecond - 86'400 * kTestSecond);
  EXPECT_EQ(parse_time("today 14:02", now), now - 82 * kTestSecond);
  EXPECT_EQ(parse_time(" yesterday 14:03:22 ", now), now - 86'400 * kTestSecond);
  EXPECT_EQ(parse_time("yesterday 9:00", now), parse_time("2026-11-20 9:00", now));
  EXPECT_EQ(parse_time("2026-11-20T09:00:00", now),
            now - (5 * 3600 + 202) * kTestSecond - 86'400 * kTestSecond);
  for (const char* wrong :
       {"yesterday", "tomorrow 9:00", "2026-13-01 9:00", "2026-11 9:00", "2026-11-20", "", "-",
        "-5x", "25:00", "12:60", "12", "12:3:4:5", "x", "-5mm"})
    EXPECT_FALSE(parse_time(wrong, now)) << wrong;
}

TEST_F(Time, goes_to_times_that_are_kept_and_says_what_is) {
  setenv("TZ", "UTC", 1);
  const auto enter = [&](std::string_view text) {
    keys("b");
    keys(text);
    key(KeyName::kEnter);
    const std::string error = state.prompt.error;
    if (!error.empty()) key(KeyName::kEscape);
    return error;
  };
  for (const char* before :
       {"yesterday 9:00", "2020-01-31 9:00", "today 0:00", "-9m", "-1h", "0:01"}) {
    EXPECT_EQ(enter(before), "kept since 14:03:22, ten minutes at most") << before;
    EXPECT_FALSE(state.is_frozen());
  }
  EXPECT_EQ(enter("2999-01-01 0:00"), "that is yet to come");
  EXPECT_NE(enter("tomorrow 9:00").find("yesterday 9:00"), std::string::npos);
  EXPECT_FALSE(state.is_frozen());
  EXPECT_EQ(enter("today 14:03:30"), "");
  ASSERT_TRUE(state.is_frozen());
  EXPECT_EQ(shown_sample(model, state).wall_ns, kTestWall + 8 * kTestSecond);
}

TEST_F(Time, what_is_opened_while_frozen_is_counted) {
  keys("2 ");
  EXPECT_EQ(shown(model, state).grid.text().find("opened since"), std::string::npos);
  for (const std::uint64_t cookie : {6, 7, 5}) {  // 5 is loopback's
    const Flow& flow = *model.history.find_flow(model.history.newest(), cookie);
    model.events.add(event_of(EventKind::kConnect, flow), model.now_wall_ns + kTestSecond);
    model.events.add(event_of(EventKind::kClose, flow), model.now_wall_ns + kTestSecond);
  }
  EXPECT_NE(shown(model, state).grid.text().find("+2 opened since"), std::string::npos);
  keys("l");
  EXPECT_NE(shown(model, state).grid.text().find("+3 opened since"), std::string::npos);
  keys("/curl");
  EXPECT_NE(shown(model, state).grid.text().find("+1 opened since"), std::string::npos);
}

}  // namespace
}  // namespace sockscope::tui
