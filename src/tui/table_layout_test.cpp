// SPDX-License-Identifier: Apache-2.0
#include "tui/table_layout.h"

#include <gtest/gtest.h>

#include "tui/testing.h"

namespace sockscope::tui {
namespace {

TEST(TableLayout, columns_fit_every_width) {
  for (const View* view : kViews)
    for (int width = kLeastColumns; width <= 300 && !view->columns.empty(); ++width) {
      const auto placed = place_columns(view->columns, width);
      ASSERT_FALSE(placed.empty());
      EXPECT_LE(placed.back().x + placed.back().width, width)
          << "view " << number_of(*view) << " at " << width << ": "
          << placed.back().spec->heading();
    }
}

TEST(TableLayout, what_one_asked_for_is_there_instead_of_what_narrower_screens_do_not_have) {
  State state = state_of(kConnectionsView, {80, 24});
  const auto headings = [&](int width) {
    state.size.columns = width;
    std::string text;
    const auto placed = place_columns(state, kConnectionsView);
    EXPECT_LE(placed.back().x + placed.back().width, width);
    for (const PlacedColumn& column : placed) text += std::string(column.spec->heading()) + ' ';
    return text;
  };
  state.asked_columns = {ColumnId::kRto, ColumnId::kCwnd};
  EXPECT_EQ(headings(80), "COMMAND PROT REMOTE ST ↓RX/s ↑TX/s CWND RTOms ");
  EXPECT_EQ(headings(93), "COMMAND PROT LPORT REMOTE ST ↓RX/s ↑TX/s RTTms RETR CWND RTOms ");
  for (const ColumnSpec& each : tcp_columns()) state.asked_columns.push_back(each.id);
  for (int width = kLeastColumns; width <= 300; ++width) headings(width);
  EXPECT_NE(headings(300).find("PMTU"), std::string::npos);
}

// What the REMOTE column of 80 columns, 24 wide, shows of connections to these addresses and names.
class ShortenedAlike : public testing::Test {
 protected:
  void connect(const char* address, const char* name = nullptr) {
    ++cookie_;
    builder_.flow(cookie_, address[0] == '2' ? "2001:db8::1" : "10.0.0.7", 40000, address, 443, 1,
                  1);
    if (name == nullptr) return;
    auto known = std::make_shared<RemoteName>();
    known->name = name;
    builder_.last_flow().remote_name = std::move(known);
  }
  std::string screen() {
    Model model = web_model(0);
    model.history = History();
    model.history.add(builder_.snapshot());
    State state = state_of(kConnectionsView, {80, 24});
    return shown(model, state).grid.text();
  }
  SnapshotBuilder builder_ = [] {
    SnapshotBuilder b(0);
    b.process(1, "client", 1, 1);
    return b;
  }();
  std::uint64_t cookie_ = 0;
};

TEST_F(ShortenedAlike, one_alone_has_the_usual_form) {
  connect("2001:db8:1:2:3:4:5:6");
  connect("2001:db8:1:2:3:4:5:7");
  const std::string text = screen();
  EXPECT_NE(text.find(" [2001:db8…5:6]:443 "), std::string::npos) << text;
  EXPECT_NE(text.find(" [2001:db8…5:7]:443 "), std::string::npos) << text;
}

TEST_F(ShortenedAlike, addresses_show_more) {
  connect("2001:db8:1:2:3:4:5:6");
  connect("2001:db8:1:2:3:9:5:6");
  connect("2001:db8:1:2:3:4:5:7");
  const std::string text = screen();
  EXPECT_NE(text.find(" …01:db8:1:2:3:4:5:6]:443 "), std::string::npos) << text;
  EXPECT_NE(text.find(" …01:db8:1:2:3:9:5:6]:443 "), std::string::npos) << text;
  EXPECT_NE(text.find(" [2001:db8…5:7]:443 "), std::string::npos) << text;
}

TEST_F(ShortenedAlike, names_show_where_they_differ_but_one_name_twice_does_not) {
  connect("10.1.0.1", "api.service-a.internal.example.com");
  connect("10.1.0.2", "api.service-b.internal.example.com");
  EXPECT_NE(screen().find(" ….service-a.interna…:443 "), std::string::npos) << screen();
  EXPECT_NE(screen().find(" ….service-b.interna…:443 "), std::string::npos);
  connect("10.1.0.3", "web.service.internal.example.com");
  connect("10.1.0.4", "web.service.internal.example.com");
  EXPECT_NE(screen().find(" web.serv…example.com:443 "), std::string::npos) << screen();
}

}  // namespace
}  // namespace sockscope::tui
