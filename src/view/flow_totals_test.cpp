// SPDX-License-Identifier: Apache-2.0
#include "view/flow_totals.h"

#include <gtest/gtest.h>

namespace sockscope {
namespace {

Flow flow(std::uint64_t cookie, std::optional<double> rx, std::optional<double> tx) {
  Flow flow;
  flow.cookie = cookie;
  flow.direction = Direction::kOutbound;
  flow.rx_rate = rx;
  flow.tx_rate = tx;
  return flow;
}

TEST(FlowTotals, AreThoseOfTheConnectionsWhoseRatesAreKnown) {
  FlowSum sum;
  sum.add(flow(1, 10, 1));
  sum.add(flow(2, {}, {}));
  Flow closed = flow(3, 5, 2);
  closed.closed = true;
  sum.add(closed);
  Flow listener = flow(4, {}, {});
  listener.direction = Direction::kListen;
  sum.add(listener);
  const FlowTotals totals = sum.totals(true);
  EXPECT_EQ(totals.rx_rate, 15);
  EXPECT_EQ(totals.tx_rate, 3);
  EXPECT_EQ(totals.open, 2u);
}

TEST(FlowTotals, WhereNoRateIsKnownThereIsNoSum) {
  FlowSum sum;
  sum.add(flow(1, {}, {}));
  EXPECT_EQ(sum.totals(true).rx_rate, std::nullopt);
  EXPECT_EQ(sum.totals(true).open, 1u);
  EXPECT_EQ(FlowSum().totals(true).rx_rate, 0);
  EXPECT_EQ(FlowSum().totals(false).tx_rate, std::nullopt);
  FlowSum remnants;
  remnants.add(flow(1, 0, 0));
  EXPECT_EQ(remnants.totals(false).rx_rate, std::nullopt);
}

TEST(FlowTotals, RemoteEndsOfAUdpSocketAreNotAddedToIt) {
  Flow socket = flow(1, 30, 3);
  socket.protocol = Protocol::kUdp;
  Flow peer = flow(2, 20, 2);
  peer.protocol = Protocol::kUdp;
  peer.peer_of = 1;
  FlowSum both;
  both.add(peer);
  both.add(socket);
  EXPECT_EQ(both.totals(true).rx_rate, 30);
  EXPECT_EQ(both.totals(true).open, 1u);
  FlowSum peer_alone;
  peer_alone.add(peer);
  EXPECT_EQ(peer_alone.totals(true).tx_rate, 2);
  EXPECT_EQ(peer_alone.totals(true).open, 1u);
}

TEST(TotalsOfProcesses, AreKnownWhereOneProcessWithConnectionsIsCounted) {
  Process moving;
  moving.open_flows = 2;
  moving.rx_rate = 10;
  moving.tx_rate = 20;
  Process listening;
  listening.rx_rate = listening.tx_rate = 0;
  Process not_counted;
  not_counted.open_flows = 1;

  const FlowTotals both = totals_of({moving, not_counted}, true);
  EXPECT_EQ(both.rx_rate, 10);
  EXPECT_EQ(both.tx_rate, 20);
  EXPECT_EQ(both.open, 3u);
  EXPECT_EQ(totals_of({listening}, true).rx_rate, 0);
  EXPECT_FALSE(totals_of({listening, not_counted}, true).rx_rate);
  EXPECT_FALSE(totals_of({moving}, false).rx_rate);
  EXPECT_EQ(totals_of({}, true).tx_rate, 0);
}

}  // namespace
}  // namespace sockscope
