// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sockscope/host.h>

namespace sockscope {
namespace {

constexpr std::uint32_t kNetns = 4026531840;

Interface link(const char* name, std::uint64_t rx, std::uint64_t tx) {
  Interface interface;
  interface.name = name;
  interface.is_up = true;
  interface.rx_bytes_delta = rx;
  interface.tx_bytes_delta = tx;
  return interface;
}

Flow flow(std::array<std::uint8_t, 4> local, std::array<std::uint8_t, 4> remote, double rx,
          double tx) {
  Flow result;
  result.netns = kNetns;
  result.local.addr.family = result.remote.addr.family = 4;
  std::copy(local.begin(), local.end(), result.local.addr.bytes.begin());
  std::copy(remote.begin(), remote.end(), result.remote.addr.bytes.begin());
  result.rx_rate = rx;
  result.tx_rate = tx;
  return result;
}

class ReconcileTest : public testing::Test {
 protected:
  ReconcileTest() {
    host_.interval_s = 2;
    snapshot_.interval_s = 2;
    host_.interfaces = {link("lo", 99, 99), link("eth0", 1000, 5000)};
    host_.interfaces[0].is_loopback = true;
    InterfaceAddress own;
    own.address.family = 4;
    own.address.bytes = {10, 0, 0, 7};
    host_.interfaces[1].addresses.push_back(own);
  }
  Reconciliation result() const { return *reconcile(host_, snapshot_, kNetns); }

  HostFacts host_;
  Snapshot snapshot_;
};

TEST_F(ReconcileTest, TheRestIsWhatNoFlowExplains) {
  snapshot_.flows = {flow({10, 0, 0, 7}, {192, 0, 2, 1}, 300, 2400),
                     flow({127, 0, 0, 1}, {127, 0, 0, 1}, 7e6, 7e6),
                     flow({10, 0, 0, 7}, {10, 0, 0, 7}, 7e6, 7e6)};
  snapshot_.flows.push_back(flow({10, 0, 0, 9}, {192, 0, 2, 1}, 7e6, 7e6));
  snapshot_.flows.back().netns = 1;
  EXPECT_EQ(result().counted, std::vector<std::string>{"eth0"});
  EXPECT_EQ(result().interface_rx_bytes, 1000u);
  EXPECT_EQ(result().process_rx_bytes, 600u);
  EXPECT_EQ(result().process_tx_bytes, 4800u);
  EXPECT_EQ(result().unexplained_rx_bytes, 400);
  EXPECT_EQ(result().unexplained_tx_bytes, 200);
}

TEST_F(ReconcileTest, WhatIsPartOfASocketCountsOnce) {
  snapshot_.flows = {flow({10, 0, 0, 7}, {0, 0, 0, 0}, 300, 2400),
                     flow({10, 0, 0, 7}, {192, 0, 2, 1}, 300, 2400)};
  snapshot_.flows.back().peer_of = 7;
  EXPECT_EQ(result().process_rx_bytes, 600u);
  EXPECT_EQ(result().process_tx_bytes, 4800u);
}

TEST_F(ReconcileTest, TheRestMayBeNegative) {
  snapshot_.flows = {flow({10, 0, 0, 7}, {192, 0, 2, 1}, 600, 0)};
  EXPECT_EQ(result().unexplained_rx_bytes, -200);
}

TEST_F(ReconcileTest, SoftwareInterfacesCountOnlyWithoutHardware) {
  host_.interfaces.push_back(link("docker0", 50, 60));
  host_.interfaces.back().is_virtual = true;
  EXPECT_EQ(result().interface_rx_bytes, 1000u);
  host_.interfaces[1].is_virtual = true;
  EXPECT_EQ(result().interface_rx_bytes, 1050u);
  EXPECT_EQ(result().counted.size(), 2u);
}

TEST_F(ReconcileTest, NeedsAnIntervalOfBoth) {
  host_.interval_s.reset();
  EXPECT_FALSE(reconcile(host_, snapshot_, kNetns));
  host_.interval_s = 1;
  snapshot_.interval_s.reset();
  EXPECT_FALSE(reconcile(host_, snapshot_, kNetns));
}

}  // namespace
}  // namespace sockscope
