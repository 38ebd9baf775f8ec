// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>

#include "tui/testing.h"

namespace sockscope::tui {
namespace {

// The details of curl's connection.
class Details : public testing::Test {
 protected:
  bool says(std::string_view words) {
    return shown(model, state).grid.text().find(words) != std::string::npos;
  }
  // Adds a sample in which the connection has changed.
  template <class Change>
  void next(Change change) {
    Snapshot snapshot = web_host(13);
    for (Flow& flow : snapshot.flows)
      if (flow.cookie == 6) change(flow);
    model.history.add(snapshot);
  }
  Model model = web_model();
  State state = state_of(kConnectionView, {120, 40});
};

TEST_F(Details, name_the_port_of_the_end_that_serves) {
  model.port_name = [](std::uint16_t port, Protocol) {
    return port == 443 || port == 48122 ? "https\033" : "";
  };
  EXPECT_TRUE(says("Remote  203.0.113.10:443 (https?)"));
  EXPECT_FALSE(says("10.0.0.7:48122 (https?)"));
  next([](Flow& flow) { flow.direction = Direction::kInbound; });
  EXPECT_TRUE(says("Local    10.0.0.7:48122 (https?)"));
  EXPECT_FALSE(says("203.0.113.10:443 (https?)"));
  next([](Flow& flow) { flow.direction = Direction::kUnknown; });
  EXPECT_TRUE(says("203.0.113.10:443 (https?)"));
}

TEST_F(Details, a_listener_has_no_remote_end_in_its_title) {
  EXPECT_TRUE(says("▸ Conns ▸ curl 30211 tcp :48122→203.0.113.10:443 "));
  next([](Flow& flow) {
    flow.direction = Direction::kListen;
    flow.remote = {};
    flow.owner = {};
  });
  EXPECT_FALSE(says(":48122→"));
  EXPECT_TRUE(says("] tcp :48122 "));  // [unattributed], and no pid
}

TEST_F(Details, what_an_older_kernel_does_not_tell) {
  EXPECT_TRUE(says("rcvwnd 2.5 MB"));
  model.internals[6]->receive_window.reset();
  EXPECT_TRUE(says("rcvspace 3.1 MB"));
  model.internals[6]->busy_us.reset();
  EXPECT_TRUE(says("busy —"));
}

TEST_F(Details, busy_is_a_share_of_the_life_that_is_known) {
  EXPECT_TRUE(says("busy 74%"));  // 37 of 50 seconds
  next([](Flow& flow) { flow.opened_ns = kTestMono + 10 * kTestSecond; });
  EXPECT_TRUE(says("busy 100%"));  // limited to the connection's life
  next([](Flow& flow) { flow.opened_ns = 0; });
  EXPECT_TRUE(says("busy 37.0 s"));
}

// The details of an event whose connection is in no sample.
class PastConnection : public Details {
 protected:
  void open(const Event& event) {
    model.events.add(event, model.now_wall_ns);
    state = state_of(kEventsView, {80, 24});
    press({KeyName::kEnter}, model, state);
  }
  Event failed(int error) {
    Event event =
        event_of(EventKind::kConnectFailed, *model.history.find_flow(model.history.newest(), 6));
    event.flow.cookie = 999;
    event.flow.remote = endpoint("192.0.2.44", 22);
    event.flow.counters = {.retransmits = 4};
    event.what = event::ConnectFailed{.error = error, .latency_us = 15'000'000};
    return event;
  }
};

TEST_F(PastConnection, says_who_where_to_why_and_how_long_it_took) {
  open(failed(ETIMEDOUT));
  ASSERT_EQ(state.view, &kConnectionView);
  for (const char* words :
       {"▸ Conns ▸ curl 30211 tcp", "Process  curl 30211", "netns host", "Local    10.0.0.7:48122",
        "Remote  192.0.2.44:22", "Why      Connection timed out (ETIMEDOUT)",
        "Took     15.0 s, 5 SYNs", "This connection is over. Its last events:", "failed"})
    EXPECT_TRUE(says(words)) << words << '\n' << shown(model, state).grid.text();
  press({KeyName::kEscape}, model, state);
  open(failed(ECANCELED));
  EXPECT_TRUE(says("Why      given up by the program"));
  press({KeyName::kEscape}, model, state);
  open(failed(0));
  EXPECT_TRUE(says("Why      not known"));
}

TEST_F(PastConnection, of_a_socket_without_a_number_has_what_the_event_says) {
  Event event = failed(0);
  event.flow.cookie = 0;
  event.what = event::Reset{.sent = true};
  open(event);
  EXPECT_TRUE(says("Remote  192.0.2.44:22")) << shown(model, state).grid.text();
  EXPECT_TRUE(says("What     sent, EST"));
  EXPECT_FALSE(says("Its last events"));
}

TEST_F(PastConnection, whose_events_are_forgotten) {
  state.connection.a = 4711;
  EXPECT_TRUE(says("This connection is over, and none of its events is known."));
}

}  // namespace
}  // namespace sockscope::tui
