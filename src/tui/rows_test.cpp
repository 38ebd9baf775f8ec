// SPDX-License-Identifier: Apache-2.0
#include "tui/rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <sstream>

#include "tui/app_testing.h"

namespace sockscope::tui {
namespace {

class Rows : public testing::Test, protected Session {};

TEST_F(Rows, orders_by_both_rates_and_hides_idle_ones) {
  EXPECT_EQ(names(model, state), (std::vector<std::string>{"nginx", "postgres", "curl", "kubelet",
                                                           "java", "sshd", "", "chronyd"}));
  keys("o");
  EXPECT_EQ(names(model, state).size(), 10u);
}

TEST_F(Rows, cursor_moves_and_stays_within) {
  keys("jj");
  EXPECT_EQ(selected(), "curl");
  keys("k");
  EXPECT_EQ(selected(), "postgres");
  keys("G");
  EXPECT_EQ(selected(), "chronyd");
  keys("jjj");
  EXPECT_EQ(selected(), "chronyd");
  key(KeyName::kHome);
  keys("k");
  EXPECT_EQ(selected(), "nginx");
  key(KeyName::kPageDown);
  EXPECT_EQ(selected(), "chronyd");
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

TEST_F(Rows, every_order_is_that_of_the_figures_on_the_screen) {
  std::mt19937 random(3);
  state.size = {160, 50};
  keys("o");
  for (const ColumnId column : {ColumnId::kRate, ColumnId::kRxRate, ColumnId::kTxRate,
                                ColumnId::kRate10s, ColumnId::kRetransmitRate}) {
    state.table().sort_by(column, false);
    for (int i = 0; i < 30; ++i) {
      Snapshot next = web_host(++second);
      for (Process& process : next.processes) {
        process.rx_rate = static_cast<double>(random() % 1'000'000);
        process.tx_rate = static_cast<double>(random() % 1'000'000);
        process.retransmit_rate = static_cast<double>(random() % 100);
      }
      model.history.add(next);
      model.now_ns = next.mono_ns;
      shown(model, state);
      std::vector<double> figures;
      for (const Row& row : state.table().listing.rows) {
        const Process& process = model.history.process(row.index);
        figures.push_back(column == ColumnId::kRxRate           ? *process.rx_rate
                          : column == ColumnId::kTxRate         ? *process.tx_rate
                          : column == ColumnId::kRetransmitRate ? *process.retransmit_rate
                          : column == ColumnId::kRate
                              ? *process.rx_rate + *process.tx_rate
                              : *model.history.mean_rate(model.history.size() - 1, id_of(process),
                                                         10 * kTestSecond));
      }
      ASSERT_TRUE(std::is_sorted(figures.rbegin(), figures.rend())) << info_of(column).heading;
    }
  }
}

TEST_F(Rows, of_equals_the_one_that_moves_more_comes_first) {
  model.history = History();
  SnapshotBuilder b(1);
  b.process(1, "silent", 0, 0).flow(1, "10.0.0.7", 1, "192.0.2.1", 2, 0, 0);
  b.process(2, "sends", 0, 5).flow(2, "10.0.0.7", 2, "192.0.2.1", 2, 0, 5);
  b.process(3, "sends more", 0, 7).flow(3, "10.0.0.7", 3, "192.0.2.1", 2, 0, 7);
  model.history.add(b.snapshot());
  keys("2");
  std::vector<std::uint64_t> cookies;
  for (const Row& row : state.table().listing.rows) cookies.push_back(row.key.a);
  EXPECT_EQ(cookies, (std::vector<std::uint64_t>{3, 2, 1}));
}

TEST_F(Rows, the_first_order_is_the_same_on_every_screen) {
  for (const View* view : {&kProcessesView, &kConnectionsView, &kHostsView, &kProcessView})
    for (int columns = 41; columns <= 250; ++columns)
      ASSERT_EQ(view->order({columns, 50}), view->order({40, 12})) << columns;
  // The order is that of a column that is on the screen.
  for (const View* view : {&kProcessesView, &kConnectionsView, &kHostsView, &kProcessView})
    for (int columns = kLeastColumns; columns <= 250; ++columns) {
      const auto placed = place_columns(view->columns, columns);
      ASSERT_TRUE(std::any_of(placed.begin(), placed.end(),
                              [&](const PlacedColumn& column) {
                                return column.id() == view->order({columns, 50});
                              }))
          << number_of(*view) << " at " << columns;
    }
}

// Of two processes that moved bytes in the same second, one still runs.
TEST_F(Rows, what_runs_stays_as_long_as_what_is_over) {
  model.history = History();
  const auto lines = [&](std::uint64_t now) {
    SnapshotBuilder b(now);
    const double rate = now == 2 ? 100 : 0;
    b.process(7, "runs", rate, 0).process(8, "over", rate, 0);
    b.last_process().open_flows = now == 2 ? 1 : 0;
    auto info = std::make_shared<ProcessInfo>();
    Snapshot snapshot = b.snapshot();
    snapshot.processes[0].info = info;
    auto exited = std::make_shared<ProcessInfo>();
    exited->exited = true;
    snapshot.processes[1].info = exited;
    model.history.add(snapshot);
    model.now_ns = snapshot.mono_ns;
    shown(model, state);
    std::string out;
    for (const Row& row : state.table().listing.rows) {
      if (row.mark != ' ') out += row.mark;
      out += std::string(model.history.process(row.index).name()) + ' ';
    }
    return out;
  };
  EXPECT_EQ(lines(1), "");
  EXPECT_EQ(lines(2), "runs over ");
  for (std::uint64_t now = 3; now < 12; ++now) EXPECT_EQ(lines(now), "runs xover ") << now;
  EXPECT_EQ(lines(12), "");
}

TEST_F(Rows, remote_ends_keep_what_connections_moved_that_are_gone) {
  model.history = History();
  for (std::uint64_t now = 0; now <= 61; ++now) {
    SnapshotBuilder b(now);
    b.process(7, "curl", 0, 0).flow(1, "10.0.0.7", 1, "192.0.2.1", 443, 10, 0);
    // Each lives for one second.
    b.flow(1000 + now, "10.0.0.7", 2, "192.0.2.1", 443, 900, 90);
    model.history.add(b.snapshot());
    model.now_ns = b.snapshot().mono_ns;
  }
  for (const char* key : {"3", "2aa"}) {
    keys(key);
    state.size = {120, 40};
    shown(model, state);
    const auto& sums = state.table().listing.sums;
    ASSERT_EQ(sums.size(), 1u);
    EXPECT_DOUBLE_EQ(sums[0].lately.rate_10s.value_or(0), 1000);
    EXPECT_DOUBLE_EQ(sums[0].lately.rate_60s.value_or(0), 1000);
  }
}

TEST_F(Rows, plots_of_one_scale_or_of_their_own) {
  const auto high = [&] {  // rows whose plot is more than three quarters as high as a row
    std::size_t count = 0;
    std::istringstream lines(shown(model, state).grid.text());
    for (std::string line; std::getline(lines, line);)
      count += line.find("Mb/s") == line.npos &&
               (line.find("⣿") != line.npos || line.find("⣾") != line.npos);
    return count;
  };
  EXPECT_EQ(high(), 1u);
  EXPECT_NE(shown(model, state).grid.text().find("60s ≤"), std::string::npos);
  keys("y");
  EXPECT_GT(high(), 5u);
  EXPECT_NE(shown(model, state).grid.text().find("60s each"), std::string::npos);
  keys("+");
  EXPECT_NE(shown(model, state).grid.text().find("30s each"), std::string::npos);
  keys("y");
  EXPECT_EQ(high(), 1u);
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

TEST_F(Rows, a_view_just_opened_and_the_top_of_a_list_are_sorted) {
  const auto turn_over = [&] {
    Snapshot upside_down = web_host(++second);
    for (Process& process : upside_down.processes) process.rx_rate = 1e8 / (1 + *process.rx_rate);
    model.history.add(upside_down);
  };
  for (const char* const way : {"jjg", "jj21"}) {
    state.table().order.release();
    model.history.add(web_host(++second));
    model.now_ns = model.history.newest().mono_ns;
    shown(model, state);
    EXPECT_EQ(names(model, state).front(), "nginx") << way;
    model.now_ns += kTestSecond / 2;  // half a second before the next sample
    keys(way);
    turn_over();
    model.now_ns += kTestSecond / 2;
    shown(model, state);
    EXPECT_NE(names(model, state).front(), "nginx") << way;
  }
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

TEST_F(Rows, events_are_filtered_by_their_kind) {
  keys("4l");
  const std::size_t all = state.table().listing.rows.size();
  keys("/event:close");
  const auto& rows = state.table().listing.rows;
  EXPECT_LT(rows.size(), all);
  std::size_t closes = 0;
  for (const Row& row : rows) {
    const EventKind kind = model.events.find(row.key.a)->event.kind();
    EXPECT_TRUE(kind == EventKind::kClose || kind == EventKind::kGap) << to_string(kind);
    closes += kind == EventKind::kClose ? 1 : 0;
  }
  EXPECT_GT(closes, 0u);
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
  EXPECT_EQ(sort_of(state, kProcessesView), ColumnId::kRate10s);
  keys("<<");
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
  state.size = {204, 50};
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
