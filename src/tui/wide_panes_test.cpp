// SPDX-License-Identifier: Apache-2.0
#include "tui/wide_panes.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tui/app_testing.h"

namespace sockscope::tui {
namespace {

class WidePanes : public testing::Test, protected Session {
 protected:
  WidePanes() {
    state = state_of(kProcessesView, {160, 50});
    shown(model, state);
  }
  const Flow* flow_at_cursor() {
    const Table& pane = focused_table(state);
    return model.history.find_flow(model.history.newest(), pane.selected.a);
  }
  bool says(std::string_view words) {
    return shown(model, state).grid.text().find(words) != std::string::npos;
  }
};

TEST_F(WidePanes, tab_moves_the_cursor_to_the_connections_and_back) {
  const std::string process = selected();
  EXPECT_TRUE(says("Connections of " + process));
  EXPECT_TRUE(says("⇥ moves focus here"));
  key(KeyName::kTab);
  EXPECT_EQ(state.view, &kProcessesView);
  EXPECT_EQ(&focused_view(state), &kProcessView);
  EXPECT_TRUE(says("⇥ moves focus back"));
  keys("j");
  EXPECT_EQ(selected(), process);  // the list above stays
  const Flow* second_flow = flow_at_cursor();
  ASSERT_NE(second_flow, nullptr);
  EXPECT_EQ(second_flow->owner.name(), process);
  const std::uint64_t cookie = second_flow->cookie;
  pass(3);  // new rates: the cursor stays with its connection
  EXPECT_EQ(flow_at_cursor()->cookie, cookie);
  key(KeyName::kEnter);
  EXPECT_EQ(state.view, &kConnectionView);
  EXPECT_EQ(state.connection.a, cookie);
  keys("k");  // its neighbour in the pane
  EXPECT_NE(state.connection.a, cookie);
  key(KeyName::kEscape);
  EXPECT_EQ(&focused_view(state), &kProcessView);
  key(KeyName::kEscape);
  EXPECT_EQ(&focused_view(state), &kProcessesView);
  key(KeyName::kBackTab);
  EXPECT_EQ(&focused_view(state), &kProcessView);
  keys("1");
  EXPECT_EQ(&focused_view(state), &kProcessesView);
}

TEST_F(WidePanes, each_list_has_an_order_of_its_own) {
  const ColumnId sort = sort_of(state, kProcessesView);
  key(KeyName::kTab);
  keys("s");
  keys("j");
  key(KeyName::kEnter);
  EXPECT_EQ(sort_of(state, kProcessesView), sort);
  EXPECT_NE(sort_of(state, kProcessView), kProcessView.order(state.size));
}

TEST_F(WidePanes, another_process_has_other_connections) {
  key(KeyName::kTab);
  keys("jj");
  key(KeyName::kTab);
  keys("j");
  const std::string process = selected();
  EXPECT_TRUE(says("Connections of " + process));
  key(KeyName::kTab);
  ASSERT_NE(flow_at_cursor(), nullptr);
  EXPECT_EQ(flow_at_cursor()->owner.name(), process);
  EXPECT_EQ(focused_table(state).position, 0u);
}

TEST_F(WidePanes, a_click_moves_the_cursor_there) {
  const Screen screen = shown(model, state);
  const auto hit = std::find_if(screen.hits.begin(), screen.hits.end(), [](const Hit& each) {
    return each.kind == Hit::Kind::kPaneRow && each.number == 1;
  });
  ASSERT_NE(hit, screen.hits.end());
  handle_key({KeyName::kClick, "", hit->from + 5, hit->row}, model, screen, model.now_ns, state);
  EXPECT_EQ(&focused_view(state), &kProcessView);
  EXPECT_EQ(focused_table(state).position, 1u);
}

TEST_F(WidePanes, key_2_shows_the_connections_of_that_process_alone) {
  keys("j");
  const std::string process = selected();
  ASSERT_EQ(process, "postgres");  // its one connection is loopback's
  EXPECT_TRUE(says("⇥ moves focus here, 2 opens full view"));
  keys("2");
  EXPECT_EQ(state.view, &kConnectionsView);
  EXPECT_TRUE(says("of postgres 1877   1 of 1   (Esc back, 2 all)"));
  ASSERT_EQ(state.table().listing.rows.size(), 1u);
  EXPECT_EQ(state.table().listing.rows[0].key.a, 5u);
  key(KeyName::kEscape);
  EXPECT_EQ(state.view, &kProcessesView);
  EXPECT_EQ(selected(), process);
  keys("22");
  EXPECT_FALSE(says("of postgres"));
  EXPECT_GT(state.table().listing.rows.size(), 5u);
  keys("1");
  key(KeyName::kTab);
  keys("2");
  EXPECT_TRUE(says("of postgres"));
  key(KeyName::kEscape);
  EXPECT_EQ(&focused_view(state), &kProcessView);  // where it came from
  keys("21");
  EXPECT_EQ(&focused_view(state), &kProcessesView);
  EXPECT_FALSE(state.scope.exists());
}

TEST_F(WidePanes, its_title_says_the_order) {
  EXPECT_TRUE(says("sort RX/s ▼"));
  key(KeyName::kTab);
  keys("S");
  EXPECT_TRUE(says("sort RX/s ▲"));
}

TEST_F(WidePanes, the_last_lines_say_units_and_window) {
  EXPECT_TRUE(says("bits/s SI (B) · window 60 s (+/-)"));
  keys("B+");
  EXPECT_TRUE(says("bytes/s SI (B) · window 30 s (+/-)"));
  keys("a");  // with groups these keys fold
  EXPECT_TRUE(says("bytes/s SI (B) · window 30 s\n"));
  state.table().sort = ColumnId::kRetransmits;
  EXPECT_TRUE(says("sort retransmits · bytes/s SI (B)"));
  const std::vector<std::string> keys_for_units{"U"};
  ASSERT_TRUE(state.keys.set(Action::kUnits, keys_for_units));
  EXPECT_TRUE(says("bytes/s SI (U)"));
}

TEST_F(WidePanes, drops_are_those_of_the_time_that_is_shown) {
  // web_facts(): 40 connections were dropped, three more after the fifth second; eth0 drops a
  // packet a second.
  model = web_model(0);
  EXPECT_TRUE(says("Listen drops —"));
  EXPECT_FALSE(says("1.0!"));
  model = web_model(5);
  EXPECT_TRUE(says("Listen drops 0/min"));
  EXPECT_TRUE(says("1.0!"));
  model = web_model(12);
  EXPECT_TRUE(says("Listen drops 3/min"));
  keys(" TTTTTTT");
  EXPECT_TRUE(says("Listen drops 0/min"));
}

TEST_F(WidePanes, drops_of_more_than_a_minute_ago_are_over) {
  model = web_model(70);
  EXPECT_TRUE(says("Listen drops 0/min"));
}

TEST_F(WidePanes, without_room_for_them_tab_is_the_next_view) {
  key(KeyName::kTab);
  state.size = {100, 30};
  shown(model, state);
  EXPECT_EQ(&focused_view(state), &kProcessesView);
  key(KeyName::kTab);
  EXPECT_EQ(state.view, &kConnectionsView);
}

}  // namespace
}  // namespace sockscope::tui
