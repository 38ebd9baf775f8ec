// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace sockscope::tui
