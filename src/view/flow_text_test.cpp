// SPDX-License-Identifier: Apache-2.0
#include "view/flow_text.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "view/testing.h"

namespace sockscope {
namespace {

TEST(ProtocolName, TellsTheFamily) {
  Flow flow;
  flow.local = endpoint("10.0.0.1", 80);
  EXPECT_EQ(protocol_name(flow), "tcp");
  flow.local = endpoint("::1", 80);
  EXPECT_EQ(protocol_name(flow), "tcp6");
  flow.protocol = Protocol::kUdp;
  EXPECT_EQ(protocol_name(flow), "udp6");
  flow.local = endpoint("10.0.0.1", 80);
  EXPECT_EQ(protocol_name(flow), "udp");
}

TEST(ShortName, FitsFourCells) {
  EXPECT_EQ(short_name(TcpState::kEstablished), "EST");
  EXPECT_EQ(short_name(TcpState::kNewSynRecv), "SYN");
  EXPECT_EQ(short_name(TcpState::kLastAck), "FIN");
  EXPECT_EQ(short_name(TcpState::kTimeWait), "TW");
  EXPECT_EQ(short_name(TcpState::kCloseWait), "CLSW");
  EXPECT_EQ(short_name(TcpState::kClose), "CLS");
  EXPECT_EQ(short_name(TcpState::kListen), "LIS");
  EXPECT_EQ(short_name(TcpState::kNone), "");
}

TEST(ShownState, OfAClosedFlowIsClose) {
  Flow flow;
  flow.state = TcpState::kEstablished;
  EXPECT_EQ(shown_state(flow), TcpState::kEstablished);
  flow.closed = true;
  EXPECT_EQ(shown_state(flow), TcpState::kClose);
}

TEST(ShortenEndpoint, Ipv6KeepsFirstAndLastGroups) {
  const Endpoint e = endpoint("2a00:1450:4009:81f::200e:5a1c", 61002);
  EXPECT_EQ(shorten_endpoint(e, 37), "[2a00:1450:4009:81f::200e:5a1c]:61002");
  EXPECT_EQ(shorten_endpoint(e, 36), "[2a00:1450…200e:5a1c]:61002");
  EXPECT_EQ(shorten_endpoint(e, 27), "[2a00:1450…200e:5a1c]:61002");
  EXPECT_EQ(shorten_endpoint(e, 26), "[2a00…5a1c]:61002");
  EXPECT_EQ(shorten_endpoint(e, 16), "[…5a1c]:61002");
  EXPECT_EQ(shorten_endpoint(e, 12), "…:61002");
  EXPECT_EQ(shorten_endpoint(e, 0), "…:61002");
}

TEST(ShortenEndpoint, ShortIpv6TextIsNotMadeLonger) {
  const Endpoint e = endpoint("2001:db8::7", 443);
  EXPECT_EQ(shorten_endpoint(e, 17), "[2001:db8::7]:443");
  EXPECT_EQ(shorten_endpoint(e, 16), "[2001…7]:443");
}

TEST(ShortenEndpoint, Ipv4KeepsLastOctets) {
  const Endpoint e = endpoint("203.0.113.77", 51544);
  EXPECT_EQ(shorten_endpoint(e, 18), "203.0.113.77:51544");
  EXPECT_EQ(shorten_endpoint(e, 17), "…0.113.77:51544");
  EXPECT_EQ(shorten_endpoint(e, 14), "…113.77:51544");
  EXPECT_EQ(shorten_endpoint(e, 9), "…77:51544");
  EXPECT_EQ(shorten_endpoint(e, 8), "…:51544");
}

TEST(ShortenEndpoint, FitsEveryWidthFromSeven) {
  for (const char* address : {"203.0.113.77", "2a00:1450:4009:81f::200e:5a1c", "::", "0.0.0.0"}) {
    for (std::size_t width = 7; width < 50; ++width) {
      const std::string text = shorten_endpoint(endpoint(address, 65535), width);
      EXPECT_LE(display_width(text), width);
      EXPECT_TRUE(text.ends_with(":65535")) << text;
    }
  }
}

}  // namespace
}  // namespace sockscope
