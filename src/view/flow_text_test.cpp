// SPDX-License-Identifier: Apache-2.0
#include "view/flow_text.h"

#include <gtest/gtest.h>

#include <cerrno>

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
  flow.app = App::kQuic;
  EXPECT_EQ(protocol_name(flow), "quic");
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

TEST(FailureText, SaysWhyAndAfterHowMuch) {
  Event event;
  const auto text = [&event](int error, std::uint32_t retransmits, std::uint64_t latency_us) {
    event.what = event::ConnectFailed{error, latency_us};
    event.flow.counters.retransmits = retransmits;
    return describe_failure(event);
  };
  EXPECT_EQ(text(ECONNREFUSED, 0, 30), "ECONNREFUSED 30 us");
  EXPECT_EQ(text(ETIMEDOUT, 3, 15'000'000), "ETIMEDOUT SYN×4 15.0 s");
  EXPECT_EQ(text(ECANCELED, 4, 31'200'000), "given up by the program after 5 SYNs, 31.2 s");
  EXPECT_EQ(text(ECANCELED, 0, 12'000), "given up by the program after 12 ms");
  EXPECT_EQ(text(ECANCELED, 0, 0), "given up by the program");
  EXPECT_EQ(text(0, 0, 0), "unknown reason");
  EXPECT_EQ(failure_reason({ECANCELED}), "given up");
  event.flow.has_counters = false;
  EXPECT_EQ(text(ECANCELED, 4, 0), "given up by the program");
}

TEST(OwnerText, SaysFoundWhereJsonSaysBootstrap) {
  EXPECT_EQ(owner_text(OwnerKind::kBootstrap), "found holding it");
  EXPECT_EQ(owner_text(OwnerKind::kExact), "exact");
}

TEST(RemoteNameText, SaysWhereItIsFrom) {
  RemoteName known;
  known.learnt_ns = 2'000'000'000;
  known.server = {{.bytes = {192, 0, 2, 53}, .family = 4}, 53};
  EXPECT_EQ(describe_name_source(known, 5'000'000'000),
            "asked for 3.0 s ago, answered by 192.0.2.53:53");
  known.source = NameSource::kReverse;
  EXPECT_EQ(describe_name_source(known, 5'000'000'000),
            "looked up in reverse 3.0 s ago, answered by 192.0.2.53:53");
  known.source = NameSource::kHost;
  known.pid = 812;
  known.comm = {'n', '\n'};
  EXPECT_EQ(describe_name_source(known, 0),
            "asked for 0 us ago by n? 812, answered by 192.0.2.53:53");
}

TEST(RemoteNameText, KeepsTheDomainAndThePort) {
  Flow flow;
  flow.remote = endpoint("192.0.2.1", 443);
  EXPECT_EQ(shorten_remote_name(flow, 30), "");
  auto name = std::make_shared<RemoteName>();
  name->name = "cdn.example.net";
  flow.remote_name = name;
  EXPECT_EQ(shorten_remote_name(flow, 19), "cdn.example.net:443");
  EXPECT_EQ(shorten_remote_name(flow, 18), "cd…example.net:443");
  EXPECT_EQ(shorten_remote_name(flow, 17), "….example.net:443");
  for (std::size_t width = 6; width < 30; ++width)
    EXPECT_LE(display_width(shorten_remote_name(flow, width)), width);
  EXPECT_EQ(shorten_remote_name(flow, 5), "");
  name->name = "api.payments.example.com";
  EXPECT_EQ(shorten_remote_name(flow, 23), "api.pay…example.com:443");
  EXPECT_EQ(shorten_name(flow, 23), "api.payment…example.com");
  name->name = "www.shop.example.co.uk";
  EXPECT_EQ(shorten_name(flow, 20), "www.sh…example.co.uk");
  for (const char* odd :
       {".", "...........", "a.", ".a", "abcdefghijk", "a..b.co.uk", "x.y.z.a.b"}) {
    name->name = odd;
    for (std::size_t width = 0; width < 12; ++width)
      EXPECT_LE(display_width(shorten_name(flow, width)), width) << odd;
  }
  name->name = "a\x1b[2Jb";
  EXPECT_EQ(shorten_remote_name(flow, 30), "");
}

DnsMessage dns_message(bool is_answer, std::uint16_t rcode, std::vector<DnsAnswer> answers) {
  DnsMessage dns;
  dns.is_answer = is_answer;
  dns.type = dns::kA;
  dns.name = "www.\x1b.example";
  dns.rcode = rcode;
  dns.answer_count = static_cast<std::uint16_t>(answers.size());
  dns.answers = std::move(answers);
  if (is_answer) dns.latency_us = 1200;
  return dns;
}

TEST(DescribeDns, SaysWhatWasAskedAndAnswered) {
  const DnsAnswer alias{"www", dns::kCname, 1, {}, "web.example"};
  const DnsAnswer address{"web.example", dns::kA, 1, endpoint("192.0.2.1", 1).addr, ""};
  EXPECT_EQ(describe_dns(dns_message(false, 0, {})), "A www.?.example");
  EXPECT_EQ(describe_dns(dns_message(true, 3, {})), "A www.?.example NXDOMAIN 1.2 ms");
  EXPECT_EQ(describe_dns(dns_message(true, 0, {})), "A www.?.example → nothing 1.2 ms");
  EXPECT_EQ(describe_dns(dns_message(true, 0, {alias, address})),
            "A www.?.example → 192.0.2.1 +1 1.2 ms");
  EXPECT_EQ(describe_dns(dns_message(true, 0, {alias})), "A www.?.example → web.example 1.2 ms");
  EXPECT_EQ(describe_dns(dns_message(true, 0, {{"www", 16, 1, {}, ""}})),
            "A www.?.example → 1 record 1.2 ms");
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

TEST(ShortenEndpoint, KeepsTheZoneLongerThanTheMiddle) {
  const Endpoint e = endpoint("fe80::5054:ff:fe12:3456%eth0", 443);
  EXPECT_EQ(shorten_endpoint(e, 34), "[fe80::5054:ff:fe12:3456%eth0]:443");
  EXPECT_EQ(shorten_endpoint(e, 33), "[fe80:0…fe12:3456%eth0]:443");
  EXPECT_EQ(shorten_endpoint(e, 26), "[fe80…3456%eth0]:443");
  EXPECT_EQ(shorten_endpoint(e, 19), "[…3456%eth0]:443");
  EXPECT_EQ(shorten_endpoint(e, 15), "[fe80…3456]:443");
  EXPECT_EQ(shorten_endpoint(e, 14), "[…3456]:443");
  EXPECT_EQ(shorten_endpoint(e, 8), "…:443");
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
