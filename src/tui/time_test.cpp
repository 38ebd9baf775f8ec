// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <initializer_list>
#include <map>

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

// Connections of curl that begin while the screen is frozen.
class WhileFrozen : public testing::Test, protected Session {
 protected:
  WhileFrozen() {
    state.view = &kConnectionsView;
    keys(" ");
    frozen = rows();
  }
  // Lets a second pass, after which these connections (by cookie) are open; with `closed` they are
  // closed.
  void second_with(const std::vector<std::uint64_t>& open, bool closed = false) {
    Snapshot snapshot = web_host(++second);
    const Flow like = snapshot.flows[5];
    for (const std::uint64_t cookie : open) {
      Flow& flow = snapshot.flows.emplace_back(like);
      flow.cookie = cookie;
      flow.remote.port = static_cast<std::uint16_t>(cookie);
      // 90 came before 80.
      flow.opened_ns =
          opened.try_emplace(cookie, kTestMono + second * kTestSecond - cookie).first->second;
      flow.closed = closed;
      if (closed) {  // as the kernel shows it then
        flow.state = TcpState::kTimeWait;
        flow.rx_rate = flow.tx_rate = 0;
      }
      flow.closed_ns = closed ? flow.opened_ns + kTestSecond : 0;
    }
    model.history.add(snapshot);
    model.now_ns = snapshot.mono_ns;
    model.now_wall_ns = snapshot.wall_ns;
    shown(model, state);
  }
  std::vector<std::uint64_t> rows() const {
    std::vector<std::uint64_t> cookies;
    for (const Row& row : state.table().listing.rows) cookies.push_back(row.key.a);
    return cookies;
  }
  std::vector<std::uint64_t> below() const {
    const auto all = rows();
    EXPECT_TRUE(std::equal(frozen.begin(), frozen.end(), all.begin()));
    return {all.begin() + static_cast<std::ptrdiff_t>(frozen.size()), all.end()};
  }
  std::string marks() const {
    std::string marks;
    for (const Row& row : state.table().listing.rows)
      if (row.is_later) marks += row.mark;
    return marks;
  }
  bool says(std::string_view words) {
    return shown(model, state).grid.text().find(words) != std::string::npos;
  }
  std::map<std::uint64_t, std::uint64_t> opened;
  using Cookies = std::vector<std::uint64_t>;
  Cookies frozen;
};

TEST_F(WhileFrozen, what_is_opened_stands_below_in_the_order_it_came) {
  EXPECT_FALSE(says("opened since"));
  second_with({80, 90});
  EXPECT_EQ(below(), (Cookies{90, 80}));
  second_with({70, 80, 90});
  EXPECT_EQ(below(), (Cookies{90, 80, 70}));
  EXPECT_EQ(marks(), "+++");
  EXPECT_TRUE(says("+3 opened since freeze"));
  second_with({80, 90}, true);
  second_with({});
  EXPECT_EQ(below(), (Cookies{90, 80, 70}));  // they stay, although the host no longer lists them
  EXPECT_EQ(marks(), "xxx");
  EXPECT_TRUE(says("closed (kept 10 s)"));
  keys("O");
  EXPECT_EQ(marks(), "");
  keys("O/dport:80");
  EXPECT_EQ(marks(), "x");
}

TEST_F(WhileFrozen, too_many_others_hide_none_of_those_that_are_looked_for) {
  keys("/dport:80");
  std::vector<std::uint64_t> many;
  for (std::uint64_t cookie = 1'000; cookie < 1'000 + 3 * OpenedSince::kMost; ++cookie)
    many.push_back(cookie);
  for (std::size_t from = 0; from < many.size(); from += 3'000)
    second_with({many.begin() + static_cast<std::ptrdiff_t>(from),
                 many.begin() + static_cast<std::ptrdiff_t>(std::min(from + 3'000, many.size()))});
  second_with({80});
  EXPECT_EQ(marks(), "+");
  EXPECT_TRUE(says("+1 opened since"));
}

TEST_F(WhileFrozen, one_of_them_has_details) {
  second_with({80});
  key(KeyName::kEnd);
  keys(" ");
  EXPECT_EQ(marks(), "");  // this sample contains it
  second_with({80, 90});
  Event event = event_of(EventKind::kConnect, *find_shown_flow(model, state, 90));
  event.what = event::Connect{4'321};
  model.events.add(event, model.now_wall_ns);
  keys("G");
  EXPECT_TRUE(says("203.0.113.10:90  curl 30211"));
  key(KeyName::kEnter);
  EXPECT_TRUE(says("Remote  203.0.113.10:90"));
  EXPECT_TRUE(says("ok 4.3 ms"));
  EXPECT_FALSE(says("is over"));
}

TEST_F(WhileFrozen, its_process_has_it_too) {
  second_with({80});
  state.view = &kProcessView;
  state.process = RowKey::of(ProcessId{30211, 30'211'000});
  shown(model, state);
  EXPECT_EQ(rows(), (Cookies{6, 80}));
}

TEST_F(WhileFrozen, other_samples_are_what_they_were) {
  second_with({80});
  keys("T");
  EXPECT_EQ(marks(), "");
  keys("t");
  EXPECT_EQ(marks(), "");
  keys("t");  // the sample that contains it
  const auto there = rows();
  EXPECT_NE(std::find(there.begin(), there.end(), 80u), there.end());
  EXPECT_EQ(marks(), "");
}

TEST_F(WhileFrozen, what_is_opened_after_the_sample_stepped_to_is_counted) {
  keys("T");
  for (const std::uint64_t cookie : {6, 7, 5}) {  // 5 is loopback's
    const Flow& flow = *model.history.find_flow(model.history.newest(), cookie);
    model.events.add(event_of(EventKind::kConnect, flow), model.now_wall_ns + kTestSecond);
    model.events.add(event_of(EventKind::kClose, flow), model.now_wall_ns + kTestSecond);
  }
  EXPECT_TRUE(says("+2 opened since"));
  keys("l");
  EXPECT_TRUE(says("+3 opened since"));
  keys("/curl");
  EXPECT_TRUE(says("+1 opened since"));
}

}  // namespace
}  // namespace sockscope::tui
