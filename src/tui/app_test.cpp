// SPDX-License-Identifier: Apache-2.0
#include "tui/app.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <random>
#include <set>

#include "tui/testing.h"

namespace sockscope::tui {
namespace {

using Kind = Effect::Kind;

std::vector<std::string> names(const Model& model, const State& state) {
  std::vector<std::string> out;
  for (const Row& row : state.table().listing.rows)
    if (row.key.kind == RowKey::Kind::kProcess && !row.key.is_group)
      out.emplace_back(model.history.process(row.index).name());
  return out;
}

class App : public testing::Test {
 protected:
  App() { shown(model, state); }
  void keys(std::string_view text) { press_all(text, model, state); }
  std::vector<Effect> key(KeyName name) { return press({name}, model, state); }
  // Seconds pass; the host goes on.
  void pass(std::uint64_t seconds) {
    for (std::uint64_t i = 0; i < seconds; ++i) model.history.add(web_host(++second));
    model.now_ns = model.history.newest().mono_ns;
    model.now_wall_ns = model.history.newest().wall_ns;
    shown(model, state);
  }
  std::string selected() {
    const Process* process =
        model.history.find_process(shown_sample(model, state), state.table().selected.process());
    return process == nullptr ? "" : std::string(process->name());
  }

  Model model = web_model(20);
  std::uint64_t second = 20;
  State state = state_of(View::kProcesses, {80, 24});
};

TEST_F(App, orders_by_received_rate_and_hides_idle_ones) {
  EXPECT_EQ(names(model, state),
            (std::vector<std::string>{"nginx", "postgres", "curl", "kubelet", "java", "", "chronyd",
                                      "sshd"}));
  keys("o");
  EXPECT_EQ(names(model, state).size(), 10u);
}

TEST_F(App, views_by_number_and_tab) {
  keys("2");
  EXPECT_EQ(state.view, View::kConnections);
  key(KeyName::kTab);
  EXPECT_EQ(state.view, View::kHosts);
  key(KeyName::kBackTab);
  key(KeyName::kBackTab);
  EXPECT_EQ(state.view, View::kProcesses);
  key(KeyName::kBackTab);
  EXPECT_EQ(state.view, View::kThisHost);
  key(KeyName::kBackTab);
  EXPECT_EQ(state.view, View::kEvents);
  keys("5");
  EXPECT_EQ(state.view, View::kThisHost);
}

TEST_F(App, quitting_suspending_and_redrawing_are_done_outside) {
  EXPECT_EQ(press(typed("q"), model, state).at(0).kind, Kind::kQuit);
  EXPECT_EQ(press({KeyName::kControl, "c"}, model, state).at(0).kind, Kind::kQuit);
  EXPECT_EQ(press({KeyName::kControl, "z"}, model, state).at(0).kind, Kind::kSuspend);
  EXPECT_EQ(press({KeyName::kControl, "l"}, model, state).at(0).kind, Kind::kRedraw);
}

TEST_F(App, control_c_quits_from_everywhere) {
  for (const char* before : {"?", "s", "K", "/", "b", "d", "w", ",", "x"}) {
    State other = state;
    press_all(before, model, other);
    const auto effects = press({KeyName::kControl, "c"}, model, other);
    ASSERT_EQ(effects.size(), 1u) << before;
    EXPECT_EQ(effects[0].kind, Kind::kQuit) << before;
  }
}

TEST_F(App, cursor_moves_and_stays_within) {
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

TEST_F(App, rows_add_up_to_the_host_or_the_footer_says_so) {
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

TEST_F(App, events_are_followed_whatever_was_done_elsewhere) {
  keys("jj4");
  EXPECT_NE(shown(model, state).grid.text().find("following newest"), std::string::npos);
  keys("j");
  EXPECT_NE(shown(model, state).grid.text().find("not following"), std::string::npos);
  keys("1k4");
  EXPECT_NE(shown(model, state).grid.text().find("not following"), std::string::npos);
  key(KeyName::kEnd);
  EXPECT_NE(shown(model, state).grid.text().find("following newest"), std::string::npos);
}

TEST_F(App, untouched_cursor_is_on_the_first_row_whatever_that_is) {
  keys("S");
  EXPECT_EQ(state.table().position, 0u);
  EXPECT_NE(selected(), "nginx");
}

TEST_F(App, order_is_held_after_the_cursor_moved) {
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
  now.resize(before.size());  // idle ones that move by now come last
  EXPECT_EQ(now, before);
  model.now_ns = model.history.newest().mono_ns + 10 * kTestSecond;
  shown(model, state);
  EXPECT_NE(names(model, state).front(), "nginx");
  EXPECT_EQ(selected(), "postgres");
}

TEST_F(App, selection_keeps_its_identity_over_a_thousand_orders) {
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
    state.table().held_until_ns = 0;
    shown(model, state);
    ASSERT_EQ(state.table().selected, chosen) << i;
    ASSERT_EQ(state.table().listing.rows[state.table().position].key, chosen) << i;
    const std::size_t top = state.table().top;
    ASSERT_TRUE(state.table().position >= top &&
                state.table().position < top + visible_rows(state));
  }
}

TEST_F(App, a_row_that_goes_leaves_the_cursor_where_it_was) {
  keys("jj");
  Snapshot without = web_host(++second);
  std::erase_if(without.processes, [](const Process& p) { return p.name() == "curl"; });
  model.history.add(without);
  model.now_ns = without.mono_ns;
  shown(model, state);
  EXPECT_EQ(state.table().position, 2u);
  EXPECT_EQ(selected(), "kubelet");
}

TEST_F(App, rows_add_up_to_the_host) {
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

TEST_F(App, frozen_shows_the_past_while_the_host_goes_on) {
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

TEST_F(App, frozen_knows_no_later_event) {
  keys(" TTTTTTTTTTTTTTTT4");
  for (const Row& row : state.table().listing.rows)
    EXPECT_LE(model.events.find(row.key.a)->wall_ns, shown_sample(model, state).wall_ns);
  EXPECT_EQ(state.table().listing.rows.size(), 3u);
}

TEST_F(App, goes_to_a_time) {
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
  EXPECT_EQ(parse_time("2026-11-20T09:00:00", now), now - (5 * 3600 + 202) * kTestSecond - 86'400 * kTestSecond);
  for (const char* wrong : {"yesterday", "tomorrow 9:00", "2026-13-01 9:00", "2026-11 9:00", "2026-11-20", "", "-", "-5x", "25:00", "12:60", "12", "12:3:4:5", "x", "-5mm"})
    EXPECT_FALSE(parse_time(wrong, now)) << wrong;
}

TEST_F(App, goes_to_times_that_are_kept_and_says_what_is) {
  setenv("TZ", "UTC", 1);
  const auto enter = [&](std::string_view text) {
    keys("b");
    keys(text);
    key(KeyName::kEnter);
    const std::string error = state.prompt.error;
    if (!error.empty()) key(KeyName::kEscape);
    return error;
  };
  for (const char* before : {"yesterday 9:00", "2020-01-31 9:00", "today 0:00", "-9m", "-1h", "0:01"}) {
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

TEST_F(App, without_privileges_the_header_says_what_is_shown) {
  model.source = "procfs";
  model.unobserved = 5;
  model.doors = {{"owners in other users' processes", "/proc/PID/fd", "may not look"}};
  const auto line = [&](int columns, int rows) {
    state.size = {columns, rows};
    const std::string text = shown(model, state).grid.text();
    const auto begin = text.find('\n') + 1;
    return text.substr(begin, text.find('\n', begin) - begin);
  };
  EXPECT_TRUE(line(80, 24).ends_with("source: procfs, own processes only - sudo for all"));
  EXPECT_TRUE(line(60, 20).ends_with("  procfs - sudo for all")) << line(60, 20);
  EXPECT_TRUE(line(40, 12).ends_with(" procfs")) << line(40, 12);
  model.source = "sock_diag";
  EXPECT_TRUE(line(80, 24).ends_with(" sock_diag, own processes only - sudo for all")) << line(80, 24);
}

TEST_F(App, filter_is_live_and_a_wrong_one_changes_nothing) {
  keys("2l/dport:443");
  const auto few = state.table().listing.rows.size();
  EXPECT_EQ(state.table().listing.matching, few);
  EXPECT_EQ(few, 3u);
  keys(" xyz:");
  EXPECT_NE(state.prompt.error, "");
  EXPECT_EQ(state.table().listing.rows.size(), 0u);  // of the last one that was right
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

TEST_F(App, escape_from_the_prompt_brings_the_filter_before_back) {
  keys("/curl");
  key(KeyName::kEnter);
  keys("/x");
  key(KeyName::kEscape);
  EXPECT_EQ(state.filter_text, "curl");
  EXPECT_EQ(names(model, state), std::vector<std::string>{"curl"});
}

TEST_F(App, details_and_back) {
  keys("jj");
  key(KeyName::kEnter);
  EXPECT_EQ(state.view, View::kProcess);
  EXPECT_EQ(state.process.a, 30211u);
  key(KeyName::kEnter);
  EXPECT_EQ(state.view, View::kConnection);
  EXPECT_EQ(state.connection.a, 6u);
  key(KeyName::kEscape);
  EXPECT_EQ(state.view, View::kProcess);
  key(KeyName::kEscape);
  EXPECT_EQ(state.view, View::kProcesses);
  EXPECT_EQ(selected(), "curl");
}

TEST_F(App, next_connection_from_details) {
  keys("2");
  key(KeyName::kEnter);
  const std::uint64_t first = state.connection.a;
  keys("j");
  EXPECT_NE(state.connection.a, first);
  keys("k");
  EXPECT_EQ(state.connection.a, first);
  keys("kkk");
  EXPECT_EQ(state.connection.a, first);
}

TEST_F(App, a_host_leads_to_its_connections) {
  keys("3");
  key(KeyName::kEnter);
  EXPECT_EQ(state.view, View::kConnections);
  ASSERT_EQ(state.table().listing.rows.size(), 1u);
  key(KeyName::kEscape);
  EXPECT_EQ(state.view, View::kHosts);
}

TEST_F(App, sorting) {
  keys(">");
  EXPECT_EQ(sort_of(state, View::kProcesses), "tx_rate");
  keys("<<<");
  EXPECT_EQ(sort_of(state, View::kProcesses), "conns");
  keys("s");
  EXPECT_EQ(state.overlay, Overlay::kSortPicker);
  key(KeyName::kEnter);
  EXPECT_EQ(sort_of(state, View::kProcesses), "pid");
  EXPECT_EQ(names(model, state).front(), "curl");  // the largest number
  keys("S");
  EXPECT_EQ(names(model, state).front(), "sshd");
}

TEST_F(App, groups_fold) {
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

TEST_F(App, loopback_on_demand_and_said) {
  keys("2");
  EXPECT_EQ(state.table().listing.loopback_hidden, 1u);
  const auto rows = state.table().listing.rows.size();
  keys("l");
  EXPECT_EQ(state.table().listing.rows.size(), rows + 1);
  EXPECT_NE(shown(model, state).grid.text().find("+lo"), std::string::npos);
}

TEST_F(App, signals_need_a_menu_and_a_yes) {
  EXPECT_TRUE(press(typed("K"), model, state).empty());
  EXPECT_TRUE(key(KeyName::kEnter).empty());
  EXPECT_TRUE(press(typed("n"), model, state).empty());
  EXPECT_EQ(state.overlay, Overlay::kNone);
  keys("K");
  key(KeyName::kEnter);
  const auto effects = press(typed("y"), model, state);
  ASSERT_EQ(effects.size(), 1u);
  EXPECT_EQ(effects[0].kind, Kind::kSignal);
  EXPECT_EQ(effects[0].number, SIGTERM);
  EXPECT_EQ(effects[0].process, (ProcessId{21408, 21'408'000}));
}

TEST_F(App, the_signal_goes_to_the_process_that_was_asked_about) {
  keys("K");
  key(KeyName::kEnter);
  Snapshot next = web_host(++second);
  for (Process& process : next.processes)
    if (process.name() == "curl") process.rx_rate = 1e12;
  model.history.add(next);
  model.now_ns = next.mono_ns;
  shown(model, state);
  EXPECT_EQ(press(typed("y"), model, state).at(0).process.pid, 21408u);
}

TEST_F(App, no_signals_when_read_only_or_in_the_past) {
  state.settings.read_only = true;
  keys("K");
  EXPECT_EQ(state.overlay, Overlay::kNone);
  state.settings.read_only = false;
  keys(" K");
  EXPECT_EQ(state.overlay, Overlay::kNone);
}

TEST_F(App, no_signal_to_nobody) {
  keys("jjjjj");
  ASSERT_EQ(state.table().selected.a, 0u);
  keys("K");
  EXPECT_EQ(state.overlay, Overlay::kNone);
}

TEST_F(App, copying_names_the_row) {
  const auto effects = press(typed("c"), model, state);
  ASSERT_EQ(effects.size(), 1u);
  EXPECT_EQ(effects[0].kind, Kind::kCopy);
  EXPECT_EQ(effects[0].text, "nginx 21408");
}

TEST_F(App, writing_asks_for_a_file) {
  keys("w");
  EXPECT_EQ(state.prompt.text, "sockscope-140342.json");
  const auto effects = key(KeyName::kEnter);
  ASSERT_EQ(effects.size(), 1u);
  EXPECT_EQ(effects[0].kind, Kind::kWriteJson);
}

TEST_F(App, interval_within_limits) {
  keys("d");
  for (int i = 0; i < 4; ++i) key(KeyName::kBackspace);
  keys("0.01");
  EXPECT_TRUE(key(KeyName::kEnter).empty());
  EXPECT_NE(state.prompt.error, "");
  for (int i = 0; i < 4; ++i) key(KeyName::kBackspace);
  keys("2.5");
  EXPECT_EQ(key(KeyName::kEnter).at(0).kind, Kind::kInterval);
  EXPECT_EQ(state.settings.interval_ms, 2500u);
}

TEST_F(App, event_types_and_following) {
  keys("4");
  const auto all = state.table().listing.rows.size();
  EXPECT_TRUE(state.follow_events);
  keys("j");
  EXPECT_FALSE(state.follow_events);
  const RowKey chosen = state.table().selected;
  model.events.add(event_of(EventKind::kAccept, model.history.flow(0)), model.now_wall_ns);
  shown(model, state);
  EXPECT_EQ(state.table().selected, chosen);
  keys("g");
  EXPECT_TRUE(state.follow_events);
  keys("e");
  key(KeyName::kEnter);  // no more connects
  key(KeyName::kEscape);
  EXPECT_LT(state.table().listing.rows.size(), all + 1);
}

TEST_F(App, mouse) {
  const Screen screen = shown(model, state);
  const auto click = [&](KeyName name, Hit::Kind kind, std::size_t which) {
    std::size_t seen = 0;
    for (const Hit& hit : screen.hits) {
      if (hit.kind != kind || seen++ != which) continue;
      handle_key({name, "", hit.from, hit.row}, model, screen, model.now_ns, state);
      shown(model, state);
      return;
    }
    FAIL() << "nothing to click on";
  };
  click(KeyName::kClick, Hit::Kind::kRow, 2);
  EXPECT_EQ(selected(), "curl");
  click(KeyName::kClick, Hit::Kind::kHeading, 0);
  EXPECT_EQ(sort_of(state, View::kProcesses), "pid");
  click(KeyName::kClick, Hit::Kind::kView, 2);
  EXPECT_EQ(state.view, View::kHosts);
  state.view = View::kProcesses;
  shown(model, state);
  click(KeyName::kDoubleClick, Hit::Kind::kRow, 0);
  EXPECT_EQ(state.view, View::kProcess);
}

class WidePanes : public App {
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

TEST_F(App, ports_by_name) {
  model.port_name = [](std::uint16_t port, Protocol) {
    return port == 443 ? std::string("https\033") : "";
  };
  keys("2p");
  const std::string text = shown(model, state).grid.text();
  EXPECT_NE(text.find(" 203.0.113.10:https? "), std::string::npos) << text;
  EXPECT_NE(text.find(" 203.0.113.77:51544 "), std::string::npos);
}

TEST_F(App, totals_from_now_on_and_back) {
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
  keys("2");
  EXPECT_NE(total(" java").find("     0 B       0 B"), std::string::npos) << total(" java");
  keys("3");
  EXPECT_NE(total(" 192.0.2.10").find("     0 B       0 B"), std::string::npos);
  keys("1xn");
  EXPECT_NE(total(" sshd").find("     0 B       0 B"), std::string::npos);
  keys("xa");
  EXPECT_NE(total(" sshd").find("105 kB"), std::string::npos);
}

TEST_F(App, names_of_remote_ends_on_and_off) {
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

TEST_F(App, what_is_opened_while_frozen_is_counted) {
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

// No key, in whatever order, breaks what must always hold.
TEST_F(App, random_keys) {
  std::mt19937 random(11);
  constexpr std::string_view kKeys = "qhjkgGZ tTbdsSIF<>aoOlBeKcwx,/?1234+-*y5.:m=\\";
  for (int i = 0; i < 20'000; ++i) {
    Key key;
    const auto which = random() % 40;
    if (which < 22) {
      key = {static_cast<KeyName>(1 + random() % 18)};
    } else if (which < 24) {
      key = {KeyName::kControl, std::string(1, static_cast<char>('a' + random() % 26))};
    } else if (which < 26) {
      key = {random() % 2 != 0 ? KeyName::kClick : KeyName::kDoubleClick, "",
             static_cast<int>(random() % 100), static_cast<int>(random() % 40)};
    } else {
      key = typed(std::string(1, kKeys[random() % kKeys.size()]));
    }
    if (key.name == KeyName::kControl && key.text.empty()) key.text = "a";
    if (random() % 50 == 0)
      state.size = {static_cast<int>(1 + random() % 200), static_cast<int>(1 + random() % 70)};
    press(key, model, state);
    if (random() % 10 == 0) pass(1);
    const Table& table = state.table();
    ASSERT_TRUE(table.listing.rows.empty() || table.position < table.listing.rows.size());
    shown(model, state);
  }
}

}  // namespace
}  // namespace sockscope::tui
