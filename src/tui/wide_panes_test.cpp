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
    state = state_of(View::kProcesses, {160, 50});
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
  EXPECT_TRUE(says("⇥ moves the cursor here"));
  key(KeyName::kTab);
  EXPECT_EQ(state.view, View::kProcesses);
  EXPECT_EQ(focused_view(state), View::kProcess);
  EXPECT_TRUE(says("⇥ moves the cursor back"));
  keys("j");
  EXPECT_EQ(selected(), process);  // the list above stays
  const Flow* second_flow = flow_at_cursor();
  ASSERT_NE(second_flow, nullptr);
  EXPECT_EQ(second_flow->owner.name(), process);
  const std::uint64_t cookie = second_flow->cookie;
  pass(3);  // new rates: the cursor stays with its connection
  EXPECT_EQ(flow_at_cursor()->cookie, cookie);
  key(KeyName::kEnter);
  EXPECT_EQ(state.view, View::kConnection);
  EXPECT_EQ(state.connection.a, cookie);
  keys("k");  // its neighbour in the pane
  EXPECT_NE(state.connection.a, cookie);
  key(KeyName::kEscape);
  EXPECT_EQ(focused_view(state), View::kProcess);
  key(KeyName::kEscape);
  EXPECT_EQ(focused_view(state), View::kProcesses);
  key(KeyName::kBackTab);
  EXPECT_EQ(focused_view(state), View::kProcess);
  keys("1");
  EXPECT_EQ(focused_view(state), View::kProcesses);
}

TEST_F(WidePanes, each_list_has_an_order_of_its_own) {
  const std::string sort(sort_of(state, View::kProcesses));
  key(KeyName::kTab);
  keys("s");
  keys("j");
  key(KeyName::kEnter);
  EXPECT_EQ(sort_of(state, View::kProcesses), sort);
  EXPECT_NE(sort_of(state, View::kProcess), default_sort(View::kProcess, state.size));
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
  EXPECT_EQ(focused_view(state), View::kProcess);
  EXPECT_EQ(focused_table(state).position, 1u);
}

TEST_F(WidePanes, without_room_for_them_tab_is_the_next_view) {
  key(KeyName::kTab);
  state.size = {100, 30};
  shown(model, state);
  EXPECT_EQ(focused_view(state), View::kProcesses);
  key(KeyName::kTab);
  EXPECT_EQ(state.view, View::kConnections);
}

}  // namespace
}  // namespace sockscope::tui
