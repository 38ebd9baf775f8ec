// SPDX-License-Identifier: Apache-2.0
// Compares screens with files. SOCKSCOPE_UPDATE_GOLDEN=1 writes them anew; look at them before you
// commit them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/text.h"
#include "tui/testing.h"

namespace sockscope::tui {
namespace {

constexpr Size kSizes[] = {{20, 5},  {40, 10},  {40, 12},  {60, 20},
                           {80, 24}, {120, 40}, {160, 50}, {250, 80}};

std::string all_sizes(const Model& model, const View& view, void (*change)(const Model&, State&)) {
  ::setenv("TZ", "UTC", 1);
  std::string out;
  for (const Size size : kSizes) {
    State state = state_of(view, size);
    shown(model, state);
    if (change != nullptr) change(model, state);
    const Screen screen = shown(model, state);
    out += "== " + std::to_string(size.columns) + 'x' + std::to_string(size.rows) + '\n' +
           screen.grid.text() + "-- styles\n" + screen.grid.styles();
  }
  return out;
}

void compare(const std::string& name, const std::string& actual) {
  const std::string path = std::string(GOLDEN_FOLDER) + '/' + name + ".txt";
  if (std::getenv("SOCKSCOPE_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << actual;
    return;
  }
  std::ifstream file(path);
  ASSERT_TRUE(file) << path << " is missing: run with SOCKSCOPE_UPDATE_GOLDEN=1";
  std::stringstream expected;
  expected << file.rdbuf();
  std::istringstream is(actual), want(expected.str());
  std::string a, b;
  for (int line = 1; std::getline(want, b); ++line) {
    ASSERT_TRUE(std::getline(is, a)) << path << ':' << line << " is missing: " << b;
    ASSERT_EQ(a, b) << path << ':' << line;
  }
  ASSERT_FALSE(std::getline(is, a)) << "one line too many: " << a;
}

TEST(Golden, processes) {
  compare("processes", all_sizes(web_model(), kProcessesView, nullptr));
}
TEST(Golden, connections) {
  compare("connections", all_sizes(web_model(), kConnectionsView, nullptr));
}
TEST(Golden, hosts) {
  compare("hosts", all_sizes(web_model(), kHostsView, nullptr));
}
TEST(Golden, events) {
  compare("events", all_sizes(web_model(), kEventsView, nullptr));
}
TEST(Golden, this_host) {
  compare("this_host", all_sizes(web_model(), kThisHostView, nullptr));
}

// A host that refuses, a name that is not found, a hostile one that gets no answer, and the health
// of the name server.
Model failing() {
  Model model = web_model();
  const Sample& newest = model.history.newest();
  const auto dns = [&](std::string name, std::uint16_t rcode, bool is_unanswered) {
    Event event = event_of(EventKind::kDns, *model.history.find_flow(newest, 6));
    event.mono_ns = newest.mono_ns - kTestSecond;
    event.flow.remote = {{{192, 0, 2, 53}, 4}, dns::kPort};
    DnsMessage message;
    message.name = std::move(name);
    message.rcode = rcode;
    message.is_answer = !is_unanswered;
    message.is_unanswered = is_unanswered;
    if (!is_unanswered) message.latency_us = 4'100;
    event.what = event::Dns{is_unanswered, std::make_shared<const DnsMessage>(message)};
    model.remotes.take(event);
  };
  dns("www.example.net", dns::kNoError, false);
  dns("nosuch.example.net", dns::kNxDomain, false);
  dns("nosuch.example.net", dns::kNxDomain, false);
  dns("\033[31mevil.example", dns::kNoError, true);
  Event failed = event_of(EventKind::kConnectFailed, *model.history.find_flow(newest, 6));
  failed.mono_ns = newest.mono_ns - 2 * kTestSecond;
  failed.what = event::ConnectFailed{.error = 111};
  for (int i = 0; i < 3; ++i) model.remotes.take(failed);
  return model;
}
TEST(Golden, remote_ends_that_fail) {
  const auto failed_first = [](const Model& model, State& state) {
    state.table().sort_by(ColumnId::kFailures, false);
    shown(model, state);
  };
  compare("remote_ends_that_fail",
          all_sizes(failing(), kHostsView, failed_first) +
              all_sizes(failing(), kHostsView,
                        [](const Model& model, State& state) {
                          press_all(" ", model, state);  // in the past this is not known
                        }) +
              all_sizes(failing(), kThisHostView, nullptr));
}

Model awkward_host() {
  Model model = web_model(1);
  HostFacts facts = web_facts(2);
  facts.interfaces[0].name = "\033[31mred\a";
  facts.interfaces[1].rx_rate = facts.interfaces[1].tx_rate = 9e12;
  facts.interfaces[1].counters.rx_drops = UINT64_MAX / 2;
  facts.interfaces[2].addresses.assign(40, facts.interfaces[2].addresses[0]);
  facts.disks[0].mount_point =
      "/mnt/\xE2\x80\xAE"
      "evil\n日本語";
  facts.disks.resize(200, facts.disks[0]);
  facts.system = {};
  facts.system.cpu_per_core.assign(256, 55);
  facts.gateway = {};
  facts.gateway.problem = "no default route with a gateway";
  facts.dns.loss_pct = 100;
  facts.dns.rtt_ms.reset();
  Snapshot snapshot = web_host(2);
  model.history.add(snapshot);
  Reconciliation bytes{1.0, {"eth0", "\033[2J"}, 0, UINT64_MAX / 4, UINT64_MAX / 4, 0, 0, 0};
  bytes.unexplained_rx_bytes = -static_cast<std::int64_t>(bytes.process_rx_bytes);
  bytes.unexplained_tx_bytes = static_cast<std::int64_t>(bytes.interface_tx_bytes);
  model.host_readings.add(std::move(facts), bytes, model.history.newest().number);
  return model;
}
TEST(Golden, awkward_host) {
  compare("awkward_host", all_sizes(awkward_host(), kThisHostView, nullptr));
}
TEST(Golden, host_not_known) {
  Model model = web_model();
  model.host_readings = HostHistory();
  model.host_problem = "cannot list interfaces";
  compare("host_not_known", all_sizes(model, kThisHostView, nullptr));
}

// An active scan from outside, and a beacon that has ended.
Model alerted() {
  Model model = web_model();
  const auto log = [&model](const Alert& alert) {
    Event event;
    event.flow = flow_of(alert);
    event.what = event::AlertChange{std::make_shared<const Alert>(alert)};
    model.events.add(event, model.now_wall_ns);
  };
  Alert scan;
  scan.key = "port_scan/in/198.51.100.66";
  scan.first_ns = kTestMono + 3 * kTestSecond;
  scan.direction = Direction::kInbound;
  scan.severity = AlertSeverity::kCritical;
  scan.peer.addr = {{198, 51, 100, 66}, 4};
  scan.figures = {{"ports", 120}, {"shut", 119}, {"attempts", 121}, {"seconds", 1.5}};
  log(scan);
  model.alerts.push_back(scan);
  Alert beacon;
  beacon.key = "beaconing/curl";
  beacon.first_ns = kTestMono - 600 * kTestSecond;
  beacon.ended_ns = kTestMono + 5 * kTestSecond;
  beacon.kind = AlertKind::kBeaconing;
  beacon.phase = AlertPhase::kEnded;
  beacon.owner = model.history.flow(0).owner;
  beacon.peer = {{{203, 0, 113, 9}, 4}, 443};
  beacon.figures = {{"attempts", 9}, {"interval_s", 60}, {"jitter_pct", 2}};
  log(beacon);
  model.alerts.push_back(beacon);
  return model;
}
TEST(Golden, alerts) {
  compare("alerts", all_sizes(alerted(), kEventsView, nullptr) +
                        all_sizes(alerted(), kProcessesView, nullptr));
}

Model unobserving() {
  Model model = alerted();
  model.unobserved.push_back(
      {Observation::kUdpPeers, "cgroup_skb/egress",
       "Operation not permitted: a hostile \033[31mreason\nand its second line", "",
       "give the program CAP_NET_ADMIN: the kernel lets nobody else hook the packets of the root "
       "control group; no other way shows the remote ends of sockets that are not connected"});
  return model;
}
TEST(Golden, alert_view) {
  compare("alert_view",
          all_sizes(unobserving(), kAlertsView, nullptr) +
              all_sizes(unobserving(), kAlertsView,
                        [](const Model& model, State& state) { press_all("G", model, state); }) +
              all_sizes(web_model(), kAlertsView, nullptr));
}

// Of a process without a socket.
TEST(Golden, alert_details) {
  Model model = web_model();
  Alert alert;
  alert.key = "connect_failures/python3/1000";
  alert.kind = AlertKind::kConnectFailures;
  alert.first_ns = kTestMono + 3 * kTestSecond + 118'000'000;
  alert.last_ns = kTestMono + 4 * kTestSecond;
  alert.direction = Direction::kOutbound;
  alert.owner.pid = 15'099;
  alert.owner.uid = 1000;
  alert.owner.comm = {"py\033[31mthon3"};
  alert.peer = {{{10, 77, 0, 2}, 4}, 9};
  alert.figures = {{"failures", 45}, {"attempts", 45}, {"errno", ECONNREFUSED}};
  model.alerts = {alert};
  compare("alert_details", all_sizes(model, kAlertView, [](const Model& shown, State& state) {
            state.alert = RowKey::of(shown.alerts[0]);
          }));
}

TEST(Golden, process_details) {
  compare("process_details", all_sizes(web_model(), kProcessView, nullptr));
}
TEST(Golden, connection_details) {
  compare("connection_details", all_sizes(web_model(), kConnectionView, nullptr));
}
TEST(Golden, help) {
  compare("help", all_sizes(web_model(), kConnectionsView,
                            [](const Model& m, State& s) { press_all("?", m, s); }));
}
TEST(Golden, sort_picker) {
  compare("sort_picker", all_sizes(web_model(), kProcessesView,
                                   [](const Model& m, State& s) { press_all("s", m, s); }));
}
TEST(Golden, signal_menu) {
  compare("signal_menu", all_sizes(web_model(), kProcessesView,
                                   [](const Model& m, State& s) { press_all("K", m, s); }));
}
TEST(Golden, event_types) {
  compare("event_types", all_sizes(web_model(), kEventsView,
                                   [](const Model& m, State& s) { press_all("ejj", m, s); }));
}
TEST(Golden, column_picker) {
  compare("column_picker", all_sizes(web_model(), kConnectionsView,
                                     [](const Model& m, State& s) { press_all("Cj", m, s); }));
}
TEST(Golden, options) {
  compare("options", all_sizes(web_model(), kProcessesView, [](const Model& m, State& s) {
            s.settings.own_scales = true;
            press_all(",k", m, s);
          }));
}
TEST(Golden, questions) {
  compare("questions", all_sizes(web_model(), kProcessesView,
                                 [](const Model& m, State& s) { press_all("x", m, s); }));
}

// On each screen from 40x12 on, each row of each picker can be read to its end when it is selected.
TEST(Pickers, show_the_whole_meaning_of_the_selected_row) {
  static constexpr std::string_view kEdge = "│";
  const auto words_in_box = [](const std::string& screen) {
    std::istringstream lines(screen);
    std::string all;
    for (std::string line; std::getline(lines, line);) {
      const std::size_t left = line.find(kEdge);
      const std::size_t right = line.rfind(kEdge);
      if (left == right) continue;
      std::istringstream words(line.substr(left + kEdge.size(), right - left - kEdge.size()));
      for (std::string word; words >> word;) all += word + ' ';
    }
    return all;
  };
  for (const Size size : {Size{40, 12}, Size{60, 20}, Size{80, 24}}) {
    const Model model = web_model();
    State state = state_of(kEventsView, size);
    shown(model, state);
    press_all("e", model, state);
    for (const EventKindText& kind : event_kinds()) {
      const std::string screen = words_in_box(shown(model, state).grid.text());
      EXPECT_NE(screen.find(kind.meaning), screen.npos) << kind.meaning << '\n' << screen;
      press_all("j", model, state);
    }
  }
}

TEST(Golden, frozen_and_filtered) {
  Model model = web_model();
  model.now_wall_ns += 18 * kTestSecond;
  compare("frozen", all_sizes(model, kConnectionsView, [](const Model& m, State& s) {
            press_all(" /dport:443", m, s);
            press({KeyName::kEnter}, m, s);
          }));
}
TEST(Golden, wrong_filter) {
  compare("wrong_filter", all_sizes(web_model(), kConnectionsView, [](const Model& m, State& s) {
            press_all("/dprt:443", m, s);
          }));
}
TEST(Golden, process_in_container) {
  compare("process_in_container", all_sizes(web_model(), kProcessView, [](const Model&, State& s) {
            s.process = RowKey::of(ProcessId{15530, 15'530'000});
          }));
}
TEST(Golden, grouped) {
  compare("grouped", all_sizes(web_model(), kConnectionsView, [](const Model& m, State& s) {
            press_all("a", m, s);
            s.message.clear();
          }));
}
TEST(Golden, tree) {
  Model model = web_model();
  ProcessInfo init;
  init.pid = 77;
  init.comm = comm("containerd-shim-runc-v2");
  model.ancestors.emplace(77, std::make_shared<ProcessInfo>(init));
  Snapshot snapshot = web_host(12);
  snapshot.mono_ns += kTestSecond;
  for (Process& process : snapshot.processes) {
    if (!process.info) continue;
    ProcessInfo info = *process.info;
    info.parent_pid = process.pid == 15530 ? 77 : 1;
    process.info = std::make_shared<ProcessInfo>(info);
  }
  model.history.add(snapshot);
  compare("tree", all_sizes(model, kProcessesView, [](const Model& m, State& s) {
            press_all("aa", m, s);
            s.message.clear();
          }));
}
TEST(Golden, ascii) {
  compare("ascii", all_sizes(web_model(), kProcessesView, [](const Model&, State& s) {
            s.settings.ascii = true;
            s.keys.use_ascii();
          }));
}

Model awkward_model() {
  Model model = web_model(0);
  model.history = History();
  model.events = EventLog();
  model.host = "a-host-with-a-very-long-name.of.a.very.long.domain.example";
  for (std::uint64_t second = 0; second < 4; ++second) {
    SnapshotBuilder b(second);
    b.process(4194304, "\033[31mred\033[0m", 9e12, 9e12, 1'200'000, 1234)
        .flow(1, "fe80::1234:5678:9abc:def0", 65535, "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff",
              65535, 9e12, 9e12);
    b.last_flow().counters.retransmits = 4'000'000'000;
    b.last_flow().counters.rx_bytes = UINT64_MAX;
    b.process(2, "日本語のプロセス", 1000, 1000).flow(2, "::1", 1, "::ffff:1.2.3.4", 2, 1000, 1000);
    b.process(3, "e\xCC\x81\xCC\x81\xCC\x81\xCC\x81\xCC\x81", 900, 900)
        .flow(3, "10.1.2.3", 1, "255.255.255.255", 65535, 900, 900);
    b.process(4,
              "\xFF\xFE\x80 \xE2\x80\xAE"
              "evil",
              800, 800)
        .flow(4, "10.1.2.3", 1, "2001:db8::1", 2, 800, 800);
    b.process(5, "fifteen-letters", 700, 700).flow(5, "10.1.2.3", 1, "2001:db8:1::1", 2, 700, 700);
    b.process(6, "\n\r\t\a\b", 600, 600).flow(6, "10.1.2.3", 1, "192.0.2.1", 2, 600, 600);
    model.history.add(b.snapshot());
  }
  for (const std::uint32_t index : model.history.newest().flows)
    model.events.add(event_of(EventKind::kReset, model.history.flow(index)), kTestWall);
  model.now_ns = model.history.newest().mono_ns;
  return model;
}

TEST(Golden, awkward_processes) {
  compare("awkward_processes", all_sizes(awkward_model(), kProcessesView, nullptr));
}
TEST(Golden, awkward_connections) {
  compare("awkward_connections", all_sizes(awkward_model(), kConnectionsView, nullptr));
}
TEST(Golden, awkward_events) {
  compare("awkward_events", all_sizes(awkward_model(), kEventsView, nullptr));
}
TEST(Golden, awkward_details) {
  compare("awkward_details", all_sizes(awkward_model(), kConnectionView,
                                       [](const Model&, State& s) { s.connection.a = 1; }));
}

Model model_with(std::size_t rows) {
  Model model = web_model(0);
  model.history = History();
  model.events = EventLog();
  for (std::uint64_t second = 0; second < 2; ++second) {
    SnapshotBuilder b(second);
    for (std::size_t i = 0; i < rows; ++i) {
      const auto number = static_cast<std::uint32_t>(i + 1);
      b.process(number, "worker-" + std::to_string(number), number * 10.0, 5)
          .flow(number, "10.0.0.7", static_cast<std::uint16_t>(number % 60'000 + 1),
                "10." + std::to_string(number >> 16) + '.' + std::to_string(number >> 8 & 255) +
                    '.' + std::to_string(number & 255),
                443, number * 10.0, 5);
    }
    model.history.add(b.snapshot());
  }
  model.now_ns = model.history.newest().mono_ns;
  return model;
}

TEST(Golden, no_rows) {
  const Model model = model_with(0);
  compare("no_rows",
          all_sizes(model, kProcessesView, nullptr) + all_sizes(model, kConnectionsView, nullptr) +
              all_sizes(model, kHostsView, nullptr) + all_sizes(model, kEventsView, nullptr));
}
TEST(Golden, ten_thousand_rows) {
  const Model model = model_with(10'000);
  compare("ten_thousand_rows", all_sizes(model, kProcessesView, nullptr) +
                                   all_sizes(model, kConnectionsView, [](const Model& m, State& s) {
                                     press_all("G", m, s);
                                   }));
}

// Every view at every size: nothing crashes, and no hostile byte reaches the screen.
TEST(Screen, fits_every_size) {
  Model model = awkward_model();
  model.host_readings = HostHistory();
  const Model host = awkward_host();
  model.host_readings.add(host.host_readings[2].facts, host.host_readings[2].bytes, 1);
  for (const View* view : kViews) {
    for (int columns = 1; columns < 170; columns += columns < 90 ? 1 : 13) {
      for (int rows = 1; rows < 60; rows += rows < 26 ? 1 : 7) {
        State state = state_of(*view, {columns, rows});
        const Screen screen = shown(model, state);
        ASSERT_EQ(screen.grid.size(), (Size{columns, rows}));
        const std::string text = screen.grid.text();
        ASSERT_EQ(text.find('\033'), text.npos);
        ASSERT_EQ(text.find("\xE2\x80\xAE"), text.npos);
        std::istringstream lines(text);
        std::string line;
        while (std::getline(lines, line))
          ASSERT_LE(display_width(line), static_cast<std::size_t>(columns));
      }
    }
  }
}

TEST(Screen, ascii_is_ascii) {
  const Model model = awkward_model();
  for (const View* view : kViews) {
    State state = state_of(*view, {160, 50});
    state.settings.ascii = true;
    for (const char c : shown(model, state).grid.text())
      ASSERT_LT(static_cast<unsigned char>(c), 0x80);
  }
}

TEST(Screen, columns_stay_where_they_are_whatever_is_shown) {
  const Model few = model_with(3);
  const Model many = model_with(10'000);
  for (const View* view : {&kProcessesView, &kConnectionsView, &kHostsView}) {
    for (const Size size : kSizes) {
      State a = state_of(*view, size);
      State b = state_of(*view, size);
      std::vector<std::pair<int, int>> headings[2];
      for (const auto& [model, state, out] : {std::tuple(&few, &a, 0), std::tuple(&many, &b, 1)})
        for (const Hit& hit : shown(*model, *state).hits)
          if (hit.kind == Hit::Kind::kHeading) headings[out].emplace_back(hit.from, hit.to);
      EXPECT_EQ(headings[0], headings[1]);
    }
  }
}

// The header's share of retransmits: its text, and the style of its last character.
std::pair<std::string, char> header_share(double retransmits, std::optional<double> segments,
                                          Size size) {
  Model model = web_model(0);
  model.history = History();
  for (std::uint64_t second = 0; second < 2; ++second) {
    SnapshotBuilder b(second);
    b.process(1, "one", 1, 1).flow(1, "10.0.0.7", 1, "10.0.0.8", 2, 1, 1);
    Process& process = b.last_process();
    if (second == 1 && segments) {
      process.retransmit_rate = retransmits;
      process.tx_segment_rate = *segments;
    } else {
      process.rx_rate = process.tx_rate = process.retransmit_rate = {};
      process.tx_segment_rate = {};
    }
    model.history.add(b.snapshot());
  }
  State state = state_of(kProcessesView, size);
  const Grid grid = shown(model, state).grid;
  const std::string text = grid.text();
  const auto at = text.find(size.columns >= 160 ? "Retrans " : "retr ");
  if (at == text.npos) return {"", ' '};
  const auto end = text.find_first_of(size.columns >= 160 ? " \n" : "\n", text.find(' ', at) + 1);
  std::string words = text.substr(at, end - at);
  const auto role = [&](Role wanted) {
    for (int y = 0; y < size.rows; ++y)
      for (int x = 0; x < size.columns; ++x)
        if (grid.at(x, y).style.role == wanted && grid.at(x, y).text == "%") return true;
    return false;
  };
  return {words, role(Role::kBroken) ? 'b' : role(Role::kLook) ? 'l' : 't'};
}

std::string loss_line(const Model& model, std::string_view keys = "") {
  State state = state_of(kConnectionView, {120, 40});
  press_all(keys, model, state);
  const std::string text = shown(model, state).grid.text();
  const auto at = text.find("Loss ");
  return at == text.npos ? "" : text.substr(at, text.find('\n', at) - at);
}

TEST(Screen, age_of_the_last_retransmit) {
  // An event of 14:03:25.880, seen at 14:03:34.
  Model model = web_model();
  EXPECT_NE(loss_line(model).find("retrans 17 (4.25% of sent)  last 8 s ago  RTO"),
            std::string::npos)
      << loss_line(model);
  // Before the first event or sample.
  model.events = EventLog();
  EXPECT_NE(loss_line(model).find("  last —  RTO"), std::string::npos) << loss_line(model);
  // Only samples show it: between those of 14:03:34 and :35.
  for (std::uint64_t second = 13; second <= 15; ++second) {
    Snapshot snapshot = web_host(second);
    for (Flow& flow : snapshot.flows)
      if (flow.cookie == 6) flow.counters.retransmits = 18;
    model.history.add(snapshot);
  }
  EXPECT_NE(loss_line(model).find("retrans 18 (4.50% of sent)  last 2 s ago"), std::string::npos)
      << loss_line(model);
  EXPECT_NE(loss_line(model, " T").find("  last 1 s ago"), std::string::npos);
  EXPECT_NE(loss_line(model, " TTT").find("retrans 17 (4.25% of sent)  last —"), std::string::npos);
  // An event within that interval is more exact.
  model.events.add(event_of(EventKind::kRetransmit, model.history.flow(0)), kTestWall);
  Event again =
      event_of(EventKind::kRetransmit, *model.history.find_flow(model.history.newest(), 6));
  model.events.add(again, kTestWall + 12'100'000'000);
  EXPECT_NE(loss_line(model).find("  last 2 s ago"), std::string::npos) << loss_line(model);
  model.events = EventLog();
  model.events.add(again, kTestWall + 3'000'000'000);  // an older one does not count
  EXPECT_NE(loss_line(model).find("  last 2 s ago"), std::string::npos) << loss_line(model);
  model.events.add(again, kTestWall + 15'900'000'000);  // after the sample
  EXPECT_NE(loss_line(model).find("  last 0 s ago"), std::string::npos) << loss_line(model);
}

TEST(Screen, retransmits_of_the_host_as_a_share) {
  using Shown = std::pair<std::string, char>;
  EXPECT_EQ(header_share(0, 0, {80, 24}), Shown("retr 0.0%", 't'));
  EXPECT_EQ(header_share(1, 1000, {80, 24}), Shown("retr 0.1%", 't'));
  EXPECT_EQ(header_share(4, 1000, {80, 24}), Shown("retr 0.4%", 'l'));
  EXPECT_EQ(header_share(10, 1000, {80, 24}), Shown("retr 1.0%", 'l'));
  EXPECT_EQ(header_share(11, 1000, {80, 24}), Shown("retr 1.1%!", 'b'));
  EXPECT_EQ(header_share(500, 200, {80, 24}), Shown("retr 100.0%!", 'b'));  // SYN-ACKs sent again
  // The share of a few segments means nothing.
  EXPECT_EQ(header_share(2, 100, {80, 24}), Shown("retr 2.0%!", 'b'));
  EXPECT_EQ(header_share(2, 99, {80, 24}), Shown("retr 2.0%", 't'));
  EXPECT_EQ(header_share(5, 7, {80, 24}), Shown("retr 71.4%", 't'));
  EXPECT_EQ(header_share(5, 7, {160, 50}), Shown("Retrans 71.4%", 't'));
  EXPECT_EQ(header_share(0, {}, {80, 24}), Shown("retr —", 't'));
  EXPECT_EQ(header_share(4, 1000, {120, 40}), Shown("retr 0.4%", 'l'));
  EXPECT_EQ(header_share(0, 1000, {60, 20}), Shown("", ' '));
  EXPECT_EQ(header_share(4, 1000, {60, 20}), Shown("retr 0.4%", 'l'));
  EXPECT_EQ(header_share(11, 1000, {160, 50}), Shown("Retrans 1.1%!", 'b'));
}

}  // namespace
}  // namespace sockscope::tui
