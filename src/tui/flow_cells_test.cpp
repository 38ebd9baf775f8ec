// SPDX-License-Identifier: Apache-2.0
#include "tui/flow_cells.h"

#include <gtest/gtest.h>

#include "tui/testing.h"

namespace sockscope::tui {
namespace {

using enum ColumnId;

using Cookies = std::vector<std::uint64_t>;

// One process with more connections than the screen has room for.
Model busy_process(std::uint32_t connections) {
  Model model = web_model(0);
  model.history = History();
  for (std::uint64_t second = 0; second < 2; ++second) {
    SnapshotBuilder b(second);
    b.process(21408, "nginx", 1e6, 1e6);
    for (std::uint32_t i = 1; i <= connections; ++i)
      b.flow(i, "10.0.0.7", 443, "192.0.2.1", static_cast<std::uint16_t>(i), 1e6 - i, 0);
    model.history.add(b.snapshot());
  }
  model.now_ns = model.history.newest().mono_ns;
  return model;
}

Cookies wanted(const Model& model, const View& view, Size size, std::string_view keys = "") {
  State state = state_of(view, size);
  press_all(keys, model, state);
  shown(model, state);
  return looked_into(state);
}

TEST(LookedInto, the_rows_of_the_pane_that_are_on_the_screen) {
  const Model model = busy_process(500);
  const Cookies first = wanted(model, kProcessesView, {160, 50});
  ASSERT_FALSE(first.empty());
  EXPECT_EQ(first.front(), 1u);
  EXPECT_EQ(first.size(),
            static_cast<std::size_t>(pane_list_rows(kProcessesView.frame({160, 50}))));
  State state = state_of(kProcessesView, {160, 50});
  press({KeyName::kTab}, model, state);
  press_all("G", model, state);
  const Cookies last = looked_into(state);
  EXPECT_EQ(last.size(), first.size());
  EXPECT_EQ(last.back(), 500u);
}

TEST(LookedInto, nothing_where_no_column_shows_it) {
  const Model model = busy_process(20);
  EXPECT_TRUE(wanted(model, kProcessesView, {159, 60}).empty());
  EXPECT_FALSE(wanted(model, kProcessesView, {160, 60}).empty());
  EXPECT_TRUE(wanted(model, kConnectionsView, {99, 60}).empty());
  EXPECT_FALSE(wanted(model, kConnectionsView, {100, 60}).empty());
  EXPECT_TRUE(wanted(model, kProcessView, {91, 60}).empty());
  EXPECT_FALSE(wanted(model, kProcessView, {92, 60}).empty());
  for (const View* view : {&kHostsView, &kEventsView, &kThisHostView})
    EXPECT_TRUE(wanted(model, *view, {250, 80}).empty());
}

TEST(LookedInto, where_one_asked_for_a_column) {
  const Model model = busy_process(3);
  EXPECT_TRUE(wanted(model, kConnectionsView, {80, 24}).empty());
  EXPECT_EQ(wanted(model, kConnectionsView, {80, 24}, "Cj "), (Cookies{1, 2, 3}));
  EXPECT_TRUE(wanted(model, kConnectionsView, {80, 24}, "Cj  ").empty());
  EXPECT_TRUE(wanted(model, kConnectionsView, {80, 24}, "C j a").empty());
  EXPECT_EQ(wanted(model, kProcessView, {80, 24}, "C "), (Cookies{1, 2, 3}));
}

TEST(LookedInto, heads_of_groups_are_no_connections) {
  const Model model = busy_process(3);
  EXPECT_EQ(wanted(model, kConnectionsView, {160, 50}, "a"), (Cookies{1, 2, 3}));
}

TEST(LookedInto, details_want_theirs_on_every_screen) {
  const Model model = web_model();
  EXPECT_EQ(wanted(model, kConnectionView, {80, 24}), Cookies{6});
}

TEST(LookedInto, nothing_of_the_past) {
  const Model model = web_model();
  for (const View* view : {&kProcessesView, &kConnectionsView, &kConnectionView})
    EXPECT_TRUE(wanted(model, *view, {160, 50}, " ").empty());
}

std::string cell(const Model& model, const State& state, const Flow& flow, ColumnId id) {
  const ColumnSpec spec{id, 10};
  return flow_cell(model, state, flow, {&spec, 0, 10}).text;
}

TEST(FlowCell, what_the_kernel_did_not_tell_is_not_known) {
  Model model = web_model();
  State state = state_of(kConnectionsView, {160, 50});
  Flow flow = *model.history.find_flow(model.history.newest(), 6);
  EXPECT_EQ(cell(model, state, flow, kRttVariation), "4.1");
  EXPECT_EQ(cell(model, state, flow, kCwnd), "42");
  EXPECT_EQ(cell(model, state, flow, kMss), "1448");
  EXPECT_EQ(cell(model, state, flow, kSendQueue), "0");
  EXPECT_EQ(cell(model, state, flow, kCongestionControl), "cubic");
  model.internals[6]->receive_queue = 4'321'000;
  EXPECT_EQ(cell(model, state, flow, kReceiveQueue), "4.3M");
  model.internals[6]->congestion_control = {'\033', '[', '2', 'J'};  // kernel modules choose their
                                                                     // own names
  EXPECT_EQ(cell(model, state, flow, kCongestionControl).find('\033'), std::string::npos);
  flow.counters.srtt_us = 0;
  EXPECT_EQ(cell(model, state, flow, kRttVariation), "—");
  model.internals[6].reset();
  for (const ColumnId id :
       {kRttVariation, kCwnd, kMss, kReceiveQueue, kSendQueue, kCongestionControl})
    EXPECT_EQ(cell(model, state, flow, id), "—") << info_of(id).heading;
}

TEST(FlowCell, each_of_tcps_numbers_can_be_asked_for) {
  Model model = web_model();
  TcpInternals& tcp = *model.internals[6];
  tcp.unsent_bytes = 5'000;
  tcp.drops = 4;
  tcp.lost = 3;
  tcp.reordering = 9;
  tcp.delivery_rate = 1'000'000;
  State state = state_of(kConnectionsView, {80, 24});
  const Flow& flow = *model.history.find_flow(model.history.newest(), 6);
  const std::pair<ColumnId, const char*> all[] = {{kSocketDrops, "4"},
                                                  {kReceiveQueue, "0"},
                                                  {kSendQueue, "0"},
                                                  {kNotSent, "5.0 kB"},
                                                  {kCwnd, "42"},
                                                  {kSsthresh, "28"},
                                                  {kRto, "240.0"},
                                                  {kRttVariation, "4.1"},
                                                  {kReceiverLimited, "3.0"},
                                                  {kBufferLimited, "0.0"},
                                                  {kBusy, "00:00:37"},
                                                  {kDeliveryRate, "8.0M"},
                                                  {kLost, "3"},
                                                  {kReordering, "9"},
                                                  {kDsack, "0"},
                                                  {kPathMtu, "1500"},
                                                  {kMss, "1448"},
                                                  {kCongestionControl, "cubic"}};
  ASSERT_EQ(std::size(all), tcp_columns().size());
  for (const auto& [id, text] : all) EXPECT_EQ(cell(model, state, flow, id), text);
}

TEST(FlowCell, of_a_listener_only_its_queue) {
  Model model = web_model();
  State state = state_of(kConnectionsView, {160, 50});
  const Flow& flow = *model.history.find_flow(model.history.newest(), 4);
  ASSERT_EQ(flow.state, TcpState::kListen);
  TcpInternals& tcp = model.internals[4].emplace();
  tcp.receive_queue = 17;
  tcp.send_queue = 65'535;
  tcp.congestion_window = 10;
  EXPECT_EQ(cell(model, state, flow, kReceiveQueue), "17");
  EXPECT_EQ(cell(model, state, flow, kSendQueue), "65535");
  EXPECT_EQ(cell(model, state, flow, kCwnd), "—");
}

TEST(FlowCell, many_retransmits_in_little_room) {
  const Model model = web_model();
  const State state = state_of(kConnectionsView, {80, 24});
  Flow flow = *model.history.find_flow(model.history.newest(), 6);
  const ColumnSpec spec{kRetransmits, 4};
  const auto text = [&](std::uint32_t retransmits, std::uint64_t segments) {
    flow.counters.retransmits = retransmits;
    flow.counters.tx_segments = segments;
    return flow_cell(model, state, flow, {&spec, 0, 4}).text;
  };
  EXPECT_EQ(text(999, 10'000), "999!");
  EXPECT_EQ(text(1'000, 10'000'000), "1000");
  EXPECT_EQ(text(1'234, 10'000), "1k!");
  EXPECT_EQ(text(19'342, 900'000), "19k!");
  EXPECT_EQ(text(193'420, 900'000), "193k");
  EXPECT_EQ(text(1'934'200, 900'000'000), "1M");
}

TEST(ProcessCell, retransmits_are_marked_if_they_are_a_share_worth_it) {
  const Model model = web_model();
  const State state = state_of(kProcessesView, {80, 24});
  Process process = *model.history.find_process(model.history.newest(), {21'408, 21'408'000});
  const ColumnSpec spec{kRetransmitRate, 6};
  const auto shown = [&](double retransmits, std::optional<double> segments) {
    process.retransmit_rate = retransmits;
    process.tx_segment_rate = segments;
    return process_cell(model, state, process, {}, {&spec, 0, 6});
  };
  EXPECT_EQ(shown(1, 12'500).text, "1.0");  // one at 70 Mb/s
  EXPECT_EQ(shown(1, 12'500).role, Role::kText);
  EXPECT_EQ(shown(50, 99).text, "50.0");
  EXPECT_EQ(shown(50, {}).text, "50.0");
  EXPECT_EQ(shown(50, 100).text, "50.0!");
  EXPECT_EQ(shown(50, 100).role, Role::kBroken);
  EXPECT_EQ(shown(12'345, 1e5).text, "12.3k!");
  EXPECT_EQ(shown(12'345, 1e7).text, "12.3k");
}

TEST(FlowCell, only_the_hosts_namespace_is_called_that) {
  Model model = web_model();
  State state = state_of(kConnectionsView, {160, 50});
  Flow flow = *model.history.find_flow(model.history.newest(), 6);
  EXPECT_EQ(cell(model, state, flow, kNetns), "host");
  model.home_netns = 77;  // as after `ip netns exec`
  EXPECT_EQ(cell(model, state, flow, kNetns), "host");
  flow.netns = 77;
  EXPECT_EQ(cell(model, state, flow, kNetns), "own");
  flow.netns = 78;
  EXPECT_EQ(cell(model, state, flow, kNetns), "78");
  model.netns_name = [](std::uint32_t inode) { return inode == 78 ? "blue-is-a-long-name" : ""; };
  EXPECT_EQ(cell(model, state, flow, kNetns), "blue-is-a…");
  model.netns_name = nullptr;
  flow.netns = model.host_netns = 0;
  EXPECT_EQ(cell(model, state, flow, kNetns), "—");
}

TEST(FlowLine, who_is_at_the_other_end_on_this_host) {
  Model model = web_model(0);
  model.history = History();
  SnapshotBuilder b(0);
  b.process(1, "client", 1, 1).flow(1, "127.0.0.1", 38112, "127.0.0.1", 8080, 1, 1);
  b.process(15530, "java\033", 1, 1).flow(2, "127.0.0.1", 8080, "127.0.0.1", 38112, 1, 1);
  // The same addresses in another network namespace are different ends.
  b.process(3, "alone", 1, 1).flow(3, "127.0.0.1", 7000, "127.0.0.1", 7001, 1, 1);
  b.process(4, "elsewhere", 1, 1).flow(4, "127.0.0.1", 7001, "127.0.0.1", 7000, 1, 1);
  b.last_flow().netns = 77;
  model.history.add(b.snapshot());
  State state = state_of(kConnectionsView, {80, 24});
  shown(model, state);
  const auto line = [&](std::uint64_t cookie) {
    return flow_line(model, state, *model.history.find_flow(model.history.newest(), cookie));
  };
  EXPECT_NE(line(1).find(" → 127.0.0.1:8080 (java? 15530)  client 1"), std::string::npos)
      << line(1);
  EXPECT_NE(line(2).find(" → 127.0.0.1:38112 (client 1)  java"), std::string::npos) << line(2);
  EXPECT_NE(line(3).find(" → 127.0.0.1:7001  alone 3"), std::string::npos) << line(3);
}

// The REMOTE column of wide screens.
class RemoteCell : public testing::Test {
 protected:
  RemoteCell() {
    SnapshotBuilder b(0);
    b.process(1, "client", 1, 1).flow(1, "127.0.0.1", 38112, "127.0.0.1", 8080, 1, 1);
    b.flow(2, "10.0.0.7", 443, "203.0.113.77", 51544, 1, 1);
    b.last_flow().remote_name = named("client77.isp.example");
    b.flow(3, "10.0.0.7", 443, "203.0.113.78", 51544, 1, 1);
    b.process(15530, "java\033", 1, 1).flow(4, "127.0.0.1", 8080, "127.0.0.1", 38112, 1, 1);
    model.history = History();
    model.history.add(b.snapshot());
    state.settings.loopback = true;
    shown(model, state);
  }
  static std::shared_ptr<const RemoteName> named(std::string name) {
    auto known = std::make_shared<RemoteName>();
    known->name = std::move(name);
    return known;
  }
  std::string text(std::uint64_t cookie, int width) {
    const ColumnSpec spec{ColumnId::kRemote, width};
    const Flow& flow = *find_shown_flow(model, state, cookie);
    return flow_cell(model, state, flow, {&spec, 0, width}).text;
  }
  Model model = web_model(0);
  State state = state_of(kConnectionsView, {160, 50});
};

TEST_F(RemoteCell, says_the_address_and_who_that_is) {
  EXPECT_EQ(text(1, 46), "127.0.0.1:8080  (java? 15530)");
  EXPECT_EQ(text(4, 46), "127.0.0.1:38112  (client 1)");
  EXPECT_EQ(text(2, 46), "203.0.113.77:51544  client77.isp.example");
  EXPECT_EQ(text(3, 46), "203.0.113.78:51544");
}

TEST_F(RemoteCell, of_events_says_no_process) {
  const Flow& flow = *model.history.find_flow(model.history.newest(), 1);
  EXPECT_EQ(event_remote(model, state, flow, 46).text, "127.0.0.1:8080");
}

TEST_F(RemoteCell, what_does_not_fit_is_left_out) {
  EXPECT_EQ(text(1, 29), "127.0.0.1:8080  (java? 15530)");
  EXPECT_EQ(text(1, 28), "127.0.0.1:8080  (java?)");
  EXPECT_EQ(text(1, 22), "127.0.0.1:8080");
  EXPECT_EQ(text(2, 40), "203.0.113.77:51544  client77.isp.example");
  EXPECT_EQ(text(2, 39), "203.0.113.77:51544  client7…isp.example");
  EXPECT_EQ(text(2, 31), "client77.isp.example:51544");
}

TEST_F(RemoteCell, names_only_where_they_are_wanted) {
  state.settings.names = false;
  EXPECT_EQ(text(2, 46), "203.0.113.77:51544");
  EXPECT_EQ(text(1, 46), "127.0.0.1:8080  (java? 15530)");
}

TEST_F(RemoteCell, narrow_screens_have_one_of_them) {
  state.size.columns = 159;
  EXPECT_EQ(text(1, 46), "127.0.0.1:8080");
  EXPECT_EQ(text(2, 46), "client77.isp.example:51544");
}

TEST_F(RemoteCell, is_made_anew_for_another_sample) {
  SnapshotBuilder b(1);
  b.process(1, "client", 1, 1).flow(1, "127.0.0.1", 38112, "127.0.0.1", 8080, 1, 1);
  b.process(7, "other", 1, 1).flow(5, "127.0.0.1", 8080, "127.0.0.1", 38112, 1, 1);
  model.history.add(b.snapshot());
  shown(model, state);
  EXPECT_EQ(text(1, 46), "127.0.0.1:8080  (other 7)");
}

TEST_F(RemoteCell, knows_those_opened_while_frozen) {
  press_all(" ", model, state);
  SnapshotBuilder b(1);
  b.process(1, "client", 1, 1).flow(1, "127.0.0.1", 38112, "127.0.0.1", 8080, 1, 1);
  b.flow(6, "127.0.0.1", 5000, "127.0.0.1", 6000, 1, 1);
  b.last_flow().opened_ns = kTestMono + 1;
  b.process(7, "other", 1, 1).flow(7, "127.0.0.1", 6000, "127.0.0.1", 5000, 1, 1);
  b.last_flow().opened_ns = kTestMono + 1;
  model.history.add(b.snapshot());
  shown(model, state);
  EXPECT_EQ(text(6, 46), "127.0.0.1:6000  (other 7)");
  EXPECT_EQ(text(1, 46), "127.0.0.1:8080  (java? 15530)");  // as it was
}

}  // namespace
}  // namespace sockscope::tui
