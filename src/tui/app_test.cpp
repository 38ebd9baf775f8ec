// SPDX-License-Identifier: Apache-2.0
#include "tui/app.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <random>

#include "tui/app_testing.h"

namespace sockscope::tui {
namespace {

using Kind = Effect::Kind;

class App : public testing::Test, protected Session {};

TEST_F(App, views_by_number_and_tab) {
  keys("2");
  EXPECT_EQ(state.view, &kConnectionsView);
  key(KeyName::kTab);
  EXPECT_EQ(state.view, &kHostsView);
  key(KeyName::kBackTab);
  key(KeyName::kBackTab);
  EXPECT_EQ(state.view, &kProcessesView);
  key(KeyName::kBackTab);
  EXPECT_EQ(state.view, &kThisHostView);
  key(KeyName::kBackTab);
  EXPECT_EQ(state.view, &kEventsView);
  keys("5");
  EXPECT_EQ(state.view, &kThisHostView);
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

TEST_F(App, without_privileges_the_header_says_what_is_shown) {
  model.source = "procfs";
  model.unobserved.resize(5);
  model.doors = {{Observation::kOtherUsersOwners, "/proc/PID/fd", "may not look"}};
  const auto line = [&](int columns, int rows) {
    state.size = {columns, rows};
    const std::string text = shown(model, state).grid.text();
    const auto begin = text.find('\n') + 1;
    return text.substr(begin, text.find('\n', begin) - begin);
  };
  EXPECT_TRUE(line(80, 24).ends_with("source: procfs, own processes only - sudo for all"));
  EXPECT_TRUE(line(60, 20).ends_with("  procfs - sudo for all")) << line(60, 20);
  EXPECT_TRUE(line(40, 12).ends_with("procfs, own only - sudo for all")) << line(40, 12);
  model.source = "sock_diag";
  EXPECT_TRUE(line(80, 24).ends_with(" sock_diag, own processes only - sudo for all"))
      << line(80, 24);
}

TEST_F(App, details_and_back) {
  keys("jj");
  key(KeyName::kEnter);
  EXPECT_EQ(state.view, &kProcessView);
  EXPECT_EQ(state.process.a, 30211u);
  key(KeyName::kEnter);
  EXPECT_EQ(state.view, &kConnectionView);
  EXPECT_EQ(state.connection.a, 6u);
  key(KeyName::kEscape);
  EXPECT_EQ(state.view, &kProcessView);
  key(KeyName::kEscape);
  EXPECT_EQ(state.view, &kProcessesView);
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
  EXPECT_EQ(state.view, &kConnectionsView);
  ASSERT_EQ(state.table().listing.rows.size(), 1u);
  key(KeyName::kEscape);
  EXPECT_EQ(state.view, &kHostsView);
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
  keys("jjjjjj");
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
  key(KeyName::kEnter);  // only the connects are hidden
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
  EXPECT_EQ(sort_of(state, kProcessesView), ColumnId::kPid);
  click(KeyName::kClick, Hit::Kind::kView, 2);
  EXPECT_EQ(state.view, &kHostsView);
  state.view = &kProcessesView;
  shown(model, state);
  click(KeyName::kDoubleClick, Hit::Kind::kRow, 0);
  EXPECT_EQ(state.view, &kProcessView);
}

TEST_F(App, alerts_lead_to_who_does_it) {
  const Sample& newest = model.history.newest();
  Alert beacon;
  beacon.key = "beaconing/curl";
  beacon.owner = model.history.find_flow(newest, 6)->owner;
  Alert scan;
  scan.key = "port_scan/in";
  scan.direction = Direction::kInbound;
  scan.peer = model.history.find_flow(newest, 1)->remote;
  Alert gone;
  gone.key = "connect_failures/gone";
  gone.kind = AlertKind::kConnectFailures;
  gone.owner.pid = 4'000'000;
  gone.peer = scan.peer;  // others' connections with it are not what the alert is about
  gone.figures = {{"failures", 45}, {"attempts", 45}, {"errno", ECONNREFUSED}};
  gone.ended_ns = newest.mono_ns;
  model.alerts = {beacon, scan, gone};
  model.unobserved.resize(1);
  keys("2A");
  EXPECT_EQ(state.view, &kAlertsView);
  ASSERT_EQ(state.table().listing.rows.size(), 4u);  // newest first
  keys("A");
  EXPECT_EQ(state.view, &kAlertsView);
  key(KeyName::kEnter);
  EXPECT_EQ(state.view, &kConnectionsView);
  EXPECT_EQ(state.scope.name, to_string(scan.peer.addr));
  for (const Row& row : state.table().listing.rows)
    EXPECT_EQ(model.history.flow(row.index).remote.addr, scan.peer.addr);
  key(KeyName::kEnter);
  EXPECT_EQ(state.view, &kConnectionView);
  key(KeyName::kEscape);
  EXPECT_EQ(state.view, &kConnectionsView);
  key(KeyName::kEscape);
  EXPECT_EQ(state.view, &kAlertsView);
  EXPECT_FALSE(state.scope.exists());
  keys("j");
  key(KeyName::kEnter);
  EXPECT_EQ(state.view, &kProcessView);
  EXPECT_EQ(state.process.a, beacon.owner.pid);
  EXPECT_EQ(state.message, detail(beacon));
  key(KeyName::kEscape);
  keys("j");
  key(KeyName::kEnter);
  EXPECT_EQ(state.view, &kAlertView);
  EXPECT_NE(shown(model, state).grid.text().find("ECONNREFUSED"), std::string::npos);
  keys("jk");
  EXPECT_EQ(state.view, &kAlertView);
  key(KeyName::kEscape);
  EXPECT_EQ(state.view, &kAlertsView);
  keys("j");
  key(KeyName::kEnter);  // there are no details of what is not observed
  EXPECT_EQ(state.view, &kAlertsView);
  key(KeyName::kEscape);
  EXPECT_EQ(state.view, &kConnectionsView);
}

TEST_F(App, an_alert_among_the_events_leads_there_too) {
  Alert beacon;
  beacon.owner = model.history.find_flow(model.history.newest(), 6)->owner;
  Event event;
  event.what = event::AlertChange{std::make_shared<const Alert>(beacon)};
  model.events.add(event, model.now_wall_ns);
  keys("4");
  key(KeyName::kEnter);
  EXPECT_EQ(state.view, &kProcessView);
  EXPECT_EQ(state.process.a, beacon.owner.pid);
  key(KeyName::kEscape);
  EXPECT_EQ(state.view, &kEventsView);
}

TEST_F(App, an_alert_without_connections_shows_itself) {
  Alert scan;
  scan.key = "port_scan/in";
  scan.direction = Direction::kInbound;
  scan.peer.addr = {{198, 51, 100, 66}, 4};
  scan.figures = {{"ports", 60}, {"shut", 60}, {"attempts", 60}, {"seconds", 0.02}};
  const auto opens_itself = [&] {
    key(KeyName::kEnter);
    EXPECT_EQ(state.view, &kAlertView);
    EXPECT_NE(shown(model, state).grid.text().find("60 attempts in 20 ms"), std::string::npos);
    EXPECT_EQ(text_of(model, state, state.table(), nullptr),
              "198.51.100.66 scans ports of this host: 60 ports, 60 of them shut, 60 attempts in "
              "20 ms");
    key(KeyName::kEscape);
  };
  model.alerts = {scan};
  keys("A");
  opens_itself();
  EXPECT_EQ(state.view, &kAlertsView);
  // One that is no longer kept.
  model.alerts.clear();
  Event event;
  event.what = event::AlertChange{std::make_shared<const Alert>(scan)};
  model.events.add(event, model.now_wall_ns);
  keys("4");
  opens_itself();
  EXPECT_EQ(state.view, &kEventsView);
}

TEST_F(App, a_click_on_the_alerts_shows_them) {
  Alert scan;
  scan.key = "port_scan/in";
  model.alerts = {scan};
  for (const Size size : {Size{40, 12}, Size{80, 24}, Size{120, 40}, Size{200, 50}}) {
    state = state_of(kProcessesView, size);
    const Screen screen = shown(model, state);
    const auto way = std::find_if(screen.hits.begin(), screen.hits.end(), [](const Hit& hit) {
      return hit.kind == Hit::Kind::kKey &&
             static_cast<Action>(hit.number) == action_of(kAlertsView);
    });
    ASSERT_NE(way, screen.hits.end()) << size.columns;
    press({KeyName::kClick, "", way->from, way->row}, model, state);
    EXPECT_EQ(state.view, &kAlertsView) << size.columns;
  }
}

// Shows the moment on the screen, not what came later.
TEST_F(App, alerts_of_a_frozen_screen) {
  Alert later;
  later.key = "later";
  later.first_ns = model.history.newest().mono_ns + kTestSecond;
  keys(" A");
  model.alerts = {later};
  pass(3);
  EXPECT_TRUE(state.table().listing.rows.empty());
  keys(" ");
  EXPECT_EQ(state.table().listing.rows.size(), 1u);
}

// No sequence of keys may break what must always hold. With sanitizers a key takes milliseconds.
TEST_F(App, random_keys) {
#ifdef __SANITIZE_ADDRESS__
  constexpr int kCount = 4'000;
#else
  constexpr int kCount = 20'000;
#endif
  std::mt19937 random(11);
  constexpr std::string_view kKeys = "qhjkgGZ tTbdsSIF<>aoOlBeKcwx,/?1234+-*y5.:m=\\";
  for (int i = 0; i < kCount; ++i) {
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
