// SPDX-License-Identifier: Apache-2.0
#include "tui/rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "tui/app_testing.h"

namespace sockscope::tui {
namespace {

class Rows : public testing::Test, protected Session {};

TEST_F(Rows, orders_by_received_rate_and_hides_idle_ones) {
  EXPECT_EQ(names(model, state), (std::vector<std::string>{"nginx", "postgres", "curl", "kubelet",
                                                           "java", "", "chronyd", "sshd"}));
  keys("o");
  EXPECT_EQ(names(model, state).size(), 10u);
}

TEST_F(Rows, cursor_moves_and_stays_within) {
  keys("jj");
  EXPECT_EQ(selected(), "curl");
  keys("k");
  EXPECT_EQ(selected(), "postgres");
  keys("G");
  EXPECT_EQ(selected(), "sshd");
  keys("jjj");
  EXPECT_EQ(selected(), "sshd");
  key(KeyName::kHome);
  keys("k");
  EXPECT_EQ(selected(), "nginx");
  key(KeyName::kPageDown);
  EXPECT_EQ(selected(), "sshd");
}

TEST_F(Rows, rows_add_up_to_the_host_or_the_footer_says_so) {
  const auto footer = [&] {
    const std::string text = shown(model, state).grid.text();
    const auto at = text.find(" of 10 processes");
    return text.substr(at, text.find('\n', at) - at);
  };
  const Sample& sample = model.history.newest();
  double rx = 0;
  for (const Row& row : state.table().listing.rows) rx += *model.history.process(row.index).rx_rate;
  EXPECT_NEAR(rx, sample.rx_rate, 1);
  EXPECT_EQ(footer().find(" · ↓"), std::string::npos);
  keys("a");
  EXPECT_EQ(footer().find(" · ↓"), std::string::npos);
  keys("aa/curl");
  EXPECT_NE(footer().find(" · ↓35.6M of 234M "), std::string::npos) << footer();
  EXPECT_NE(footer().find(" ↑210k of 21.3M"), std::string::npos) << footer();
}

TEST_F(Rows, untouched_cursor_is_on_the_first_row_whatever_that_is) {
  keys("S");
  EXPECT_EQ(state.table().position, 0u);
  EXPECT_NE(selected(), "nginx");
}

TEST_F(Rows, order_is_held_after_the_cursor_moved) {
  keys("j");
  const auto before = names(model, state);
  Snapshot upside_down = web_host(++second);
  for (Process& process : upside_down.processes) process.rx_rate = 1e8 / (1 + *process.rx_rate);
  for (int i = 0; i < 4; ++i) {
    upside_down.mono_ns += kTestSecond;
    upside_down.wall_ns += kTestSecond;
    model.history.add(upside_down);
  }
  model.now_ns = model.history.newest().mono_ns - 13 * kTestSecond;  // three seconds after the key
  shown(model, state);
  auto now = names(model, state);
  now.resize(before.size());  // idle processes that have become active come last
  EXPECT_EQ(now, before);
  model.now_ns = model.history.newest().mono_ns + 10 * kTestSecond;
  shown(model, state);
  EXPECT_NE(names(model, state).front(), "nginx");
  EXPECT_EQ(selected(), "postgres");
}

TEST_F(Rows, selection_keeps_its_identity_over_a_thousand_orders) {
  std::mt19937 random(5);
  keys("o");
  keys("jjj");
  const RowKey chosen = state.table().selected;
  for (int i = 0; i < 1000; ++i) {
    Snapshot next = web_host(++second);
    for (Process& process : next.processes) {
      process.rx_rate = static_cast<double>(random() % 1'000'000);
      process.tx_rate = static_cast<double>(random() % 1'000'000);
    }
    std::shuffle(next.processes.begin(), next.processes.end(), random);
    model.history.add(next);
    model.now_ns = next.mono_ns;
    state.table().order.release();
    shown(model, state);
    ASSERT_EQ(state.table().selected, chosen) << i;
    ASSERT_EQ(state.table().listing.rows[state.table().position].key, chosen) << i;
    const std::size_t top = state.table().top;
    ASSERT_TRUE(state.table().position >= top &&
                state.table().position < top + visible_rows(state));
  }
}

TEST_F(Rows, a_row_that_goes_leaves_the_cursor_where_it_was) {
  keys("jj");
  Snapshot without = web_host(++second);
  std::erase_if(without.processes, [](const Process& p) { return p.name() == "curl"; });
  model.history.add(without);
  model.now_ns = without.mono_ns;
  shown(model, state);
  EXPECT_EQ(state.table().position, 2u);
  EXPECT_EQ(selected(), "kubelet");
}

TEST_F(Rows, rows_add_up_to_the_host) {
  keys("o");
  double rx = 0;
  double tx = 0;
  for (const Row& row : state.table().listing.rows) {
    rx += model.history.process(row.index).rx_rate.value_or(0);
    tx += model.history.process(row.index).tx_rate.value_or(0);
  }
  EXPECT_DOUBLE_EQ(rx, model.history.newest().rx_rate);
  EXPECT_DOUBLE_EQ(tx, model.history.newest().tx_rate);
}

TEST_F(Rows, filter_is_live_and_a_wrong_one_changes_nothing) {
  keys("2l/dport:443");
  const auto few = state.table().listing.rows.size();
  EXPECT_EQ(state.table().listing.matching, few);
  EXPECT_EQ(few, 3u);
  keys(" xyz:");
  EXPECT_NE(state.prompt.error, "");
  EXPECT_EQ(state.table().listing.rows.size(), 0u);  // by the last correct filter
  EXPECT_EQ(state.filter_text, "dport:443 xyz");
  for (int i = 0; i < 5; ++i) key(KeyName::kBackspace);
  EXPECT_EQ(state.prompt.error, "");
  EXPECT_EQ(state.table().listing.rows.size(), few);
  key(KeyName::kEnter);
  EXPECT_EQ(state.prompt.kind, PromptKind::kNone);
  EXPECT_EQ(state.filter_text, "dport:443");
  key(KeyName::kEscape);
  EXPECT_EQ(state.filter_text, "");
}

TEST_F(Rows, escape_from_the_prompt_brings_the_filter_before_back) {
  keys("/curl");
  key(KeyName::kEnter);
  keys("/x");
  key(KeyName::kEscape);
  EXPECT_EQ(state.filter_text, "curl");
  EXPECT_EQ(names(model, state), std::vector<std::string>{"curl"});
}

TEST_F(Rows, sorting) {
  keys(">");
  EXPECT_EQ(sort_of(state, kProcessesView), ColumnId::kTxRate);
  keys("<<<");
  EXPECT_EQ(sort_of(state, kProcessesView), ColumnId::kConns);
  keys("s");
  EXPECT_EQ(state.overlay, Overlay::kSortPicker);
  key(KeyName::kEnter);
  EXPECT_EQ(sort_of(state, kProcessesView), ColumnId::kPid);
  EXPECT_EQ(names(model, state).front(), "curl");  // the largest number
  keys("S");
  EXPECT_EQ(names(model, state).front(), "sshd");
}

TEST_F(Rows, groups_fold) {
  keys("2a");
  const auto all = state.table().listing.rows.size();
  EXPECT_TRUE(state.table().listing.rows[0].key.is_group);
  keys("-");
  EXPECT_LT(state.table().listing.rows.size(), all);
  keys("+");
  EXPECT_EQ(state.table().listing.rows.size(), all);
  keys("a");
  EXPECT_EQ(state.settings.grouping, Grouping::kRemote);
  keys("a");
  EXPECT_EQ(state.settings.grouping, Grouping::kContainer);
  std::set<std::string> groups;
  for (const Sum& sum : state.table().listing.sums) groups.insert(sum.name);
  EXPECT_EQ(groups, (std::set<std::string>{"nginx.service", "shop", "[no unit]"}));
  keys("a");
  EXPECT_EQ(state.settings.grouping, Grouping::kNone);
}

TEST_F(Rows, loopback_on_demand_and_said) {
  keys("2");
  EXPECT_EQ(state.table().listing.loopback_hidden, 1u);
  const auto rows = state.table().listing.rows.size();
  keys("l");
  EXPECT_EQ(state.table().listing.rows.size(), rows + 1);
  EXPECT_NE(shown(model, state).grid.text().find("+lo"), std::string::npos);
}

TEST_F(Rows, ports_by_name) {
  model.port_name = [](std::uint16_t port, Protocol) {
    return port == 443 ? std::string("https\033") : "";
  };
  keys("2p");
  const std::string text = shown(model, state).grid.text();
  EXPECT_NE(text.find(" 203.0.113.10:https? "), std::string::npos) << text;
  EXPECT_NE(text.find(" 203.0.113.77:51544 "), std::string::npos);
}

TEST_F(Rows, totals_from_now_on_and_back) {
  state.size = {200, 50};
  const auto total = [&](std::string_view row) {
    const std::string text = shown(model, state).grid.text();
    const auto at = text.find(row);
    return text.substr(at, text.find('\n', at) - at);
  };
  // sshd: 105 bytes received a second make 105 kB, as web_host() counts.
  EXPECT_NE(total(" sshd").find("105 kB"), std::string::npos) << total(" sshd");
  keys("xy");
  EXPECT_NE(total(" sshd").find("     0 B       0 B"), std::string::npos) << total(" sshd");
  keys("22");
  EXPECT_NE(total(" java").find("     0 B       0 B"), std::string::npos) << total(" java");
  keys("3");
  EXPECT_NE(total(" 192.0.2.10").find("     0 B       0 B"), std::string::npos);
  keys("1xn");
  EXPECT_NE(total(" sshd").find("     0 B       0 B"), std::string::npos);
  keys("xa");
  EXPECT_NE(total(" sshd").find("105 kB"), std::string::npos);
}

TEST_F(Rows, names_of_remote_ends_on_and_off) {
  Snapshot named = web_host(++second);
  auto name = std::make_shared<RemoteName>();
  name->name = "api.pay.example";
  for (Flow& flow : named.flows)
    if (flow.cookie == 7) flow.remote_name = name;
  model.history.add(named);
  for (const char* view : {"2", "3"}) {
    keys(view);
    EXPECT_NE(shown(model, state).grid.text().find(" api.pay.example"), std::string::npos) << view;
    keys("n");
    EXPECT_EQ(shown(model, state).grid.text().find("api.pay"), std::string::npos) << view;
    EXPECT_NE(shown(model, state).grid.text().find(" 192.0.2.10"), std::string::npos) << view;
    keys("n");
  }
}

TEST_F(Rows, remote_ends_do_not_hang_on_how_connections_are_grouped) {
  Snapshot with_peer = web_host(++second);
  for (Flow& flow : with_peer.flows)
    if (flow.cookie == 8) flow.peer_of = 77;  // a remote end of a UDP socket
  model.history.add(with_peer);
  keys("2");
  for (int groupings = 0; groupings < 4; ++groupings) {
    keys("a3");
    bool found = false;
    for (const Sum& sum : state.table().listing.sums)
      found = found || (sum.name == "192.0.2.123" && sum.flows == 1);
    EXPECT_TRUE(found) << groupings;
    keys("2");
  }
}

}  // namespace
}  // namespace sockscope::tui
