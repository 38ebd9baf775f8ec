// SPDX-License-Identifier: Apache-2.0
#include "view/filter.h"

#include <gtest/gtest.h>
#include <sockscope/dns.h>

#include <memory>

#include "view/testing.h"

namespace sockscope {
namespace {

std::optional<std::uint32_t> lookup(std::string_view name) {
  if (name == "deploy") return 1000;
  return std::nullopt;
}

bool matches(std::string_view text, const Flow& flow = curl_flow()) {
  const auto filter = FlowFilter::parse(text, lookup);
  EXPECT_TRUE(filter.has_value()) << text << ": " << (filter ? "" : filter.error());
  return filter && filter->matches(flow);
}

std::string error_of(std::string_view text) {
  const auto filter = FlowFilter::parse(text, lookup);
  return filter ? "no error" : filter.error();
}

Flow listener() {
  Flow flow;
  flow.direction = Direction::kListen;
  flow.state = TcpState::kListen;
  flow.local = endpoint("::", 80);
  flow.remote = endpoint("::", 0);
  return flow;
}

TEST(Filter, EmptyTextMatchesEverything) {
  EXPECT_TRUE(matches(""));
  EXPECT_TRUE(matches("  \t "));
  EXPECT_TRUE(FlowFilter().matches(Flow()));
}

TEST(Filter, WordsAreSubstringsOfNameAndBothEnds) {
  EXPECT_TRUE(matches("cur"));
  EXPECT_TRUE(matches("CURL"));
  EXPECT_TRUE(matches("10.0.0.7"));
  EXPECT_TRUE(matches("113.10:443"));
  EXPECT_TRUE(matches(":443"));
  EXPECT_FALSE(matches("wget"));
  EXPECT_FALSE(matches("10.0.0.8"));
}

TEST(Filter, NamesOfConnectionsAndTheOtherEnd) {
  Flow flow = curl_flow();
  EXPECT_FALSE(matches("conn_id:0000000000000abc", flow));
  EXPECT_FALSE(matches("other_comm:nginx", flow));
  EXPECT_FALSE(matches("other_pid>0", flow));
  flow.conn_id = ConnectionId{0xabc};
  OtherEnd other;
  other.owner.pid = 12;
  other.owner.comm = comm("nginx");
  flow.other_end = std::make_shared<const OtherEnd>(other);
  EXPECT_TRUE(matches("conn_id:0000000000000abc", flow));
  EXPECT_TRUE(matches("conn_id=0000000000000ABC", flow));
  EXPECT_FALSE(matches("conn_id:0000000000000abd", flow));
  EXPECT_TRUE(matches("other_comm:ngi", flow));
  EXPECT_FALSE(matches("other_comm=ngi", flow));
  EXPECT_TRUE(matches("other_comm:/^n.*x$/", flow));
  EXPECT_TRUE(matches("other_pid:12", flow));
  EXPECT_EQ(error_of("conn_id:abc"), "conn_id:abc: 'abc' is not 16 hexadecimal digits");
  EXPECT_EQ(error_of("conn_id:000000000000zabc"),
            "conn_id:000000000000zabc: '000000000000zabc' is not 16 hexadecimal digits");
}

TEST(Filter, WordsMayBePartsOfIpv6Addresses) {
  Flow flow = curl_flow();
  flow.remote = endpoint("fe80:dead::1", 443);
  EXPECT_TRUE(matches("dead::1", flow));
  EXPECT_TRUE(matches("::1", flow));
  EXPECT_TRUE(matches("[fe80:", flow));
  EXPECT_TRUE(matches("FE80", flow));
  EXPECT_FALSE(matches("beef::1", flow));
}

TEST(Filter, AnUnconnectedEndHasNoText) {
  EXPECT_FALSE(matches(":0", listener()));
  EXPECT_TRUE(matches("[::]:80", listener()));
}

TEST(Filter, QuotesKeepSpacesAndOperators) {
  Flow flow = curl_flow();
  flow.owner.comm = comm("Web: a|b c\"");
  EXPECT_TRUE(matches("\"a|b c\"", flow));
  EXPECT_TRUE(matches("\"web: a\"", flow));
  EXPECT_TRUE(matches("comm:\"b c\"", flow));
  EXPECT_TRUE(matches("comm=\"Web: a|b c\\\"\"", flow));
  EXPECT_FALSE(matches("\"c b\"", flow));
}

TEST(Filter, RegularExpressions) {
  EXPECT_TRUE(matches("/^cu.l$/"));
  EXPECT_TRUE(matches("/^CURL$/"));
  EXPECT_TRUE(matches("/:4[0-9]3$/"));
  EXPECT_TRUE(matches("comm:/^(wget|curl)$/"));
  EXPECT_TRUE(matches("name:/url/"));
  EXPECT_FALSE(matches("comm:/443/"));
  EXPECT_FALSE(matches("/^url/"));
  Flow flow = curl_flow();
  flow.owner.comm = comm("kworker/0:1 x");
  EXPECT_TRUE(matches("/r\\/\\d:1 x/", flow));
}

TEST(Filter, RegularExpressionsTakeNoExponentialTime) {
  Flow flow = curl_flow();
  flow.remote = endpoint("1111:1111:1111:1111:1111:1111:1111:1111", 11111);
  EXPECT_FALSE(matches("/((1+:?)+)+z/", flow));
}

TEST(Filter, SpaceIsAnd) {
  EXPECT_TRUE(matches("curl dport:443"));
  EXPECT_FALSE(matches("curl dport:80"));
  EXPECT_FALSE(matches("wget dport:443"));
}

TEST(Filter, BarIsOrAndBindsLoosest) {
  EXPECT_TRUE(matches("wget|curl"));
  EXPECT_TRUE(matches("wget dport:80 | curl dport:443"));
  EXPECT_TRUE(matches("curl | wget dport:80"));  // "and" binds tighter than "|"
  EXPECT_TRUE(matches("dport:80 wget | curl"));
  EXPECT_FALSE(matches("curl dport:80 | wget dport:443"));
}

TEST(Filter, BangNegatesOneTerm) {
  EXPECT_TRUE(matches("!wget"));
  EXPECT_FALSE(matches("!curl"));
  EXPECT_TRUE(matches("!!curl"));
  EXPECT_TRUE(matches("!wget curl"));
  EXPECT_FALSE(matches("!wget dport:80"));  // only wget is negated
  EXPECT_FALSE(matches("!dport:443"));
  EXPECT_TRUE(matches("!/wget/"));
  EXPECT_TRUE(matches("!dport:443 | curl"));
}

TEST(Filter, Comm) {
  EXPECT_TRUE(matches("comm:url"));
  EXPECT_TRUE(matches("name:CURL"));
  EXPECT_FALSE(matches("comm:443"));
  EXPECT_TRUE(matches("comm=curl"));
  EXPECT_FALSE(matches("comm=cur"));
  EXPECT_FALSE(matches("comm=CURL"));
}

TEST(Filter, User) {
  EXPECT_TRUE(matches("user:1000"));
  EXPECT_TRUE(matches("user:deploy"));
  EXPECT_TRUE(matches("uid:1000"));
  EXPECT_FALSE(matches("user:0"));
  Flow flow = curl_flow();
  flow.owner.uid.reset();
  EXPECT_FALSE(matches("user:0", flow));
  EXPECT_TRUE(matches("!user:0", flow));
}

TEST(Filter, PidAndNamespace) {
  EXPECT_TRUE(matches("pid:30211"));
  EXPECT_TRUE(matches("PID:1,30211"));
  EXPECT_FALSE(matches("pid:3021"));
  EXPECT_FALSE(matches("pid:30190"));
  EXPECT_TRUE(matches("pid>30000"));
  EXPECT_TRUE(matches("netns:4026531840"));
  EXPECT_FALSE(matches("netns:4026531841"));
}

TEST(Filter, Protocol) {
  Flow flow = curl_flow();
  EXPECT_TRUE(matches("proto:tcp", flow));
  EXPECT_TRUE(matches("proto:tcp4", flow));
  EXPECT_TRUE(matches("proto=TCP", flow));
  EXPECT_FALSE(matches("proto:tcp6", flow));
  EXPECT_FALSE(matches("proto:udp", flow));
  flow.protocol = Protocol::kUdp;
  flow.local = endpoint("::1", 53);
  EXPECT_TRUE(matches("proto:udp", flow));
  EXPECT_TRUE(matches("proto:udp6", flow));
  EXPECT_FALSE(matches("proto:quic", flow));
  flow.app = App::kQuic;
  EXPECT_TRUE(matches("proto:quic", flow));
  EXPECT_FALSE(matches("proto:udp4", flow));
}

TEST(Filter, State) {
  const auto in = [](TcpState state, std::string_view text) {
    Flow flow = curl_flow();
    flow.state = state;
    return matches(text, flow);
  };
  EXPECT_TRUE(in(TcpState::kEstablished, "state:EST"));
  EXPECT_TRUE(in(TcpState::kEstablished, "state:established"));
  EXPECT_TRUE(in(TcpState::kEstablished, "state:estab"));
  EXPECT_FALSE(in(TcpState::kEstablished, "state:FIN"));
  EXPECT_TRUE(in(TcpState::kSynSent, "state:syn"));
  EXPECT_TRUE(in(TcpState::kNewSynRecv, "state:SYN"));
  EXPECT_TRUE(in(TcpState::kSynSent, "state:syn-sent"));
  EXPECT_FALSE(in(TcpState::kSynRecv, "state:SYN_SENT"));
  EXPECT_TRUE(in(TcpState::kFinWait2, "state:FIN"));
  EXPECT_TRUE(in(TcpState::kClosing, "state:FIN"));
  EXPECT_FALSE(in(TcpState::kFinWait1, "state:FIN_WAIT2"));
  EXPECT_TRUE(in(TcpState::kTimeWait, "state:TW"));
  EXPECT_TRUE(in(TcpState::kCloseWait, "state:clsw"));
  EXPECT_FALSE(in(TcpState::kCloseWait, "state:cls"));
  EXPECT_TRUE(in(TcpState::kListen, "state:lis"));
  EXPECT_FALSE(in(TcpState::kNone, "state:cls"));
}

TEST(Filter, ClosedFlowsAreOnlyClosed) {
  Flow flow = curl_flow();
  EXPECT_FALSE(matches("state:closed", flow));
  flow.closed = true;
  EXPECT_TRUE(matches("state:closed", flow));
  EXPECT_TRUE(matches("state:CLS", flow));
  EXPECT_FALSE(matches("state:EST", flow));
}

TEST(Filter, Ports) {
  EXPECT_TRUE(matches("port:443"));
  EXPECT_TRUE(matches("port:48122"));
  EXPECT_TRUE(matches("sport:48122"));
  EXPECT_FALSE(matches("sport:443"));
  EXPECT_TRUE(matches("dport:443"));
  EXPECT_FALSE(matches("dport:48122"));
  EXPECT_TRUE(matches("dport:440-443"));
  EXPECT_TRUE(matches("dport:443-450"));
  EXPECT_FALSE(matches("dport:444-450"));
  EXPECT_TRUE(matches("dport:80,443,8000-8100"));
  EXPECT_TRUE(matches("port<500"));
  EXPECT_FALSE(matches("dport>443"));
  EXPECT_TRUE(matches("dport>=443"));
}

TEST(Filter, PortZeroIsUnknown) {
  EXPECT_FALSE(matches("dport<100", listener()));
  EXPECT_FALSE(matches("dport:0", listener()));
  EXPECT_TRUE(matches("sport<100", listener()));
  EXPECT_FALSE(matches("pid<100", listener()));
}

TEST(Filter, Addresses) {
  EXPECT_TRUE(matches("src:10.0.0.7"));
  EXPECT_TRUE(matches("src:10.0.0.0/8"));
  EXPECT_TRUE(matches("src:10.99.99.99/8"));
  EXPECT_FALSE(matches("src:11.0.0.0/8"));
  EXPECT_FALSE(matches("dst:10.0.0.0/8"));
  EXPECT_TRUE(matches("dst:203.0.113.8/30"));
  EXPECT_FALSE(matches("dst:203.0.113.12/30"));
  EXPECT_TRUE(matches("dst:0.0.0.0/0"));
  EXPECT_FALSE(matches("dst:::/0"));  // the other family
  EXPECT_TRUE(matches("dst:::ffff:203.0.113.0/120"));
}

TEST(Filter, Ipv6Addresses) {
  Flow flow = curl_flow();
  flow.remote = endpoint("2001:db8:8000::1", 443);
  EXPECT_TRUE(matches("dst:2001:db8::/32", flow));
  EXPECT_TRUE(matches("dst:2001:db8:8000::/33", flow));
  EXPECT_FALSE(matches("dst:2001:db8::/33", flow));
  EXPECT_TRUE(matches("dst:2001:DB8:8000:0::1", flow));
  EXPECT_FALSE(matches("dst:2001:db8:8000::2", flow));
  EXPECT_FALSE(matches("dst:0.0.0.0/0", flow));
  flow.remote = endpoint("fe80::1%eth0", 443);
  EXPECT_TRUE(matches("dst:fe80::1", flow));
  EXPECT_TRUE(matches("dst:fe80::1%eth0", flow));
  EXPECT_FALSE(matches("dst:fe80::1%eth1", flow));
  EXPECT_FALSE(matches("dst:fe80::2%eth0", flow));
}

TEST(Filter, AnUnconnectedEndHasNoAddress) {
  EXPECT_FALSE(matches("dst:::/0", listener()));
  EXPECT_TRUE(matches("src:::", listener()));
}

TEST(Filter, DirectionAndOwner) {
  EXPECT_TRUE(matches("dir:out"));
  EXPECT_TRUE(matches("dir:outbound"));
  EXPECT_FALSE(matches("dir:in"));
  EXPECT_TRUE(matches("dir:listen", listener()));
  EXPECT_TRUE(matches("owner:exact"));
  EXPECT_FALSE(matches("owner:unknown"));
  Flow found = curl_flow();
  found.owner.kind = OwnerKind::kBootstrap;
  EXPECT_TRUE(matches("owner:found", found));
  EXPECT_TRUE(matches("owner:bootstrap", found));
  EXPECT_TRUE(matches("owner:unknown", listener()));
}

TEST(Filter, Comparisons) {
  EXPECT_TRUE(matches("rtt>38"));  // 38.2 ms
  EXPECT_FALSE(matches("rtt>38.2"));
  EXPECT_TRUE(matches("rtt>=38.2"));
  EXPECT_TRUE(matches("rtt=38.2"));
  EXPECT_TRUE(matches("rtt<=38.2"));
  EXPECT_FALSE(matches("rtt<38.2"));
  EXPECT_TRUE(matches("rtt<39"));
  EXPECT_TRUE(matches("retr>16"));
  EXPECT_TRUE(matches("retr:17"));
  EXPECT_TRUE(matches("retr:10-20"));
  EXPECT_FALSE(matches("retr<17"));
}

TEST(Filter, NumberUnits) {
  EXPECT_TRUE(matches("rx>3.1M"));  // 3,112,500
  EXPECT_FALSE(matches("rx>3.2M"));
  EXPECT_FALSE(matches("rx>3Mi"));  // 3,145,728
  EXPECT_TRUE(matches("rx>2.9Mi"));
  EXPECT_TRUE(matches("tx<27k"));  // 26,250
  EXPECT_FALSE(matches("tx<26K"));
  EXPECT_TRUE(matches("tx<26Ki"));
  EXPECT_TRUE(matches("rxbytes:118400k"));
  EXPECT_TRUE(matches("txbytes<1G"));
  EXPECT_TRUE(matches("txbytes<1Gi"));
  EXPECT_TRUE(matches("rxbytes<1T"));
}

TEST(Filter, WhatIsNotKnownComparesToNothing) {
  Flow flow = curl_flow();
  flow.rx_rate.reset();
  flow.counters.srtt_us = 0;
  EXPECT_FALSE(matches("rx>0", flow));
  EXPECT_FALSE(matches("rx<1", flow));
  EXPECT_FALSE(matches("rx:0", flow));
  EXPECT_FALSE(matches("rtt<100", flow));
  EXPECT_FALSE(matches("rtt:0", flow));
  EXPECT_TRUE(matches("!rtt<100", flow));
  flow.rx_rate = 0.0;
  EXPECT_TRUE(matches("rx<1", flow));
  flow.protocol = Protocol::kUdp;
  EXPECT_FALSE(matches("retr<100", flow));
}

TEST(FilterError, UnknownKey) {
  EXPECT_EQ(error_of("prot:tcp"), "unknown key 'prot': did you mean 'proto'?");
  EXPECT_EQ(error_of("curl dprot>5"), "unknown key 'dprot': did you mean 'dport'?");
  EXPECT_TRUE(
      error_of("wibblewobble:1").starts_with("unknown key 'wibblewobble'; keys are pid, comm, "));
}

TEST(FilterError, NamesTheTermAndTheReason) {
  EXPECT_EQ(error_of("curl rtt>fast"), "rtt>fast: 'fast' is not a number");
  EXPECT_EQ(error_of("!rtt>20ms"), "!rtt>20ms: '20ms' is not a number");
  EXPECT_EQ(error_of("rtt>1-2"), "rtt>1-2: '1-2' is not a number");
  EXPECT_EQ(error_of("rtt>-1"), "rtt>-1: '-1' is not a number");
  EXPECT_EQ(error_of("rtt>1e3"), "rtt>1e3: '1e3' is not a number");
  EXPECT_EQ(error_of("port:80-"), "port:80-: '80-' is not a number");
  EXPECT_EQ(error_of("port:80,"), "port:80,: '' is not a number");
  EXPECT_EQ(error_of("port:90-80"), "port:90-80: '90-80' is an empty range");
  EXPECT_EQ(error_of("port:65536"),
            "port:65536: '65536' is more than 65535, the most there can be");
  EXPECT_EQ(error_of("dport:80-70000"),
            "dport:80-70000: '80-70000' is more than 65535, the most there can be");
  EXPECT_EQ(error_of("pid>4194305"),
            "pid>4194305: '4194305' is more than 4194304, the most there can be");
  EXPECT_EQ(error_of("dport>60000"), "no error");
  EXPECT_EQ(error_of("comm>5"), "comm>5: comm is not a number");
  EXPECT_EQ(error_of("user:nobody"), "user:nobody: there is no user 'nobody'");
  EXPECT_EQ(error_of("user:99999999999"), "user:99999999999: there is no user '99999999999'");
  EXPECT_EQ(error_of("dst:example"), "dst:example: 'example' is not an address or prefix");
  EXPECT_EQ(error_of("dst:[::1]"), "dst:[::1]: '[::1]' is not an address or prefix");
  EXPECT_EQ(error_of("dst:::ffff:10.0.0.1/95"),
            "dst:::ffff:10.0.0.1/95: '::ffff:10.0.0.1/95' is not an address or prefix");
  EXPECT_EQ(error_of("dst:10.0.0.0/33"),
            "dst:10.0.0.0/33: '10.0.0.0/33' is not an address or prefix");
  EXPECT_EQ(error_of("dst:10.0.0.0/"), "dst:10.0.0.0/: '10.0.0.0/' is not an address or prefix");
  EXPECT_TRUE(error_of("state:open").starts_with("state:open: 'open' is no state"));
  EXPECT_EQ(error_of("proto:sctp"),
            "proto:sctp: 'sctp' is none of tcp, udp, tcp4, tcp6, udp4, udp6, quic");
  EXPECT_TRUE(error_of("dir:up").starts_with("dir:up: 'up' is none of in, out"));
  EXPECT_TRUE(error_of("owner:me").starts_with("owner:me: 'me' is none of exact"));
}

TEST(FilterError, Syntax) {
  EXPECT_EQ(error_of("| curl"), "there is nothing before '|'");
  EXPECT_EQ(error_of("a || b"), "there is nothing before '|'");
  EXPECT_EQ(error_of("curl |"), "there is nothing after '|'");
  EXPECT_EQ(error_of("curl !"), "there is nothing after '!'");
  EXPECT_EQ(error_of("! curl"), "there is nothing after '!'");
  EXPECT_EQ(error_of("\"curl"), "\"curl: the closing \" is missing");
  EXPECT_EQ(error_of("comm:/curl"), "comm:/curl: the closing / is missing");
  EXPECT_EQ(error_of("/a\\/"), "/a\\/: the closing / is missing");
  EXPECT_EQ(error_of("/usr/bin"), "there must be a space after /usr/");
  EXPECT_EQ(error_of("pid:"),
            "pid:: key, operator and value are written without spaces, as in rtt>20");
  EXPECT_EQ(error_of("rtt > 20"),
            ">: key, operator and value are written without spaces, as in rtt>20");
}

TEST(FilterError, RegularExpressions) {
  EXPECT_TRUE(error_of("/(/").starts_with("/(/: not a regular expression"));
  EXPECT_TRUE(error_of("comm:/[/").starts_with("comm:/[/: not a regular expression"));
  EXPECT_TRUE(error_of("/((a{999}){999}){999}/").find("not a regular") != std::string::npos);
  EXPECT_TRUE(error_of("/a{1,9999}/").starts_with("/a{1,9999}/: not a regular"));
  EXPECT_TRUE(FlowFilter::parse("/\\d{1,999}\\{1000/").has_value());
  EXPECT_EQ(error_of("pid:/1/"), "pid:/1/: pid takes no regular expression");
}

Event happened(Event::What what) {
  Event event;
  event.flow = curl_flow();
  event.what = std::move(what);
  return event;
}

Event of_process(ProcessEventKind kind) {
  ProcessEvent what;
  what.kind = kind;
  return happened(what);
}

Event dns_message(bool is_answer, std::uint16_t rcode, bool is_unanswered = false) {
  auto message = std::make_shared<DnsMessage>();
  message->is_answer = is_answer;
  message->rcode = rcode;
  message->is_unanswered = is_unanswered;
  return happened(event::Dns{.message = message});
}

bool passes(std::string_view text, const Event& event) {
  const auto filter = FlowFilter::parse(text);
  EXPECT_TRUE(filter.has_value()) << text << ": " << (filter ? "" : filter.error());
  return filter && filter->matches(event);
}

TEST(EventFilter, GoesByTheNamesOfEvents) {
  EXPECT_TRUE(passes("event:close", happened(event::Close())));
  EXPECT_TRUE(passes("event=CLOSE", happened(event::Close())));
  EXPECT_FALSE(passes("event:close", happened(event::Connect())));
  EXPECT_TRUE(passes("event:reset,close", happened(event::Close())));
  EXPECT_TRUE(passes("!event:connect", happened(event::Close())));
  EXPECT_TRUE(passes("event:exec", of_process(ProcessEventKind::kExec)));
  EXPECT_FALSE(passes("event:exec", of_process(ProcessEventKind::kExit)));
  EXPECT_TRUE(passes("event:process", of_process(ProcessEventKind::kExit)));
}

TEST(EventFilter, StandsBesideTermsOfConnections) {
  EXPECT_TRUE(passes("event:close comm:curl", happened(event::Close())));
  EXPECT_FALSE(passes("event:close comm:wget", happened(event::Close())));
  EXPECT_TRUE(passes("comm:wget | event:close", happened(event::Close())));
  EXPECT_TRUE(passes("", happened(event::Close())));
}

TEST(EventFilter, OfDnsGoesByCodeAndByNoAnswer) {
  const Event nxdomain = dns_message(true, 3);
  EXPECT_TRUE(passes("rcode:nxdomain", nxdomain));
  EXPECT_TRUE(passes("rcode:servfail,NXDOMAIN", nxdomain));
  EXPECT_FALSE(passes("rcode:noerror", nxdomain));
  EXPECT_TRUE(passes("event:dns !rcode:noerror", nxdomain));
  EXPECT_TRUE(passes("rcode:noerror", dns_message(true, 0)));
  EXPECT_TRUE(passes("rcode:badvers", dns_message(true, 16)));
  EXPECT_FALSE(passes("rcode:noerror", dns_message(false, 0)));  // a query has no code
  EXPECT_TRUE(passes("rcode:unanswered", dns_message(false, 0, true)));
  EXPECT_FALSE(passes("rcode:noerror", dns_message(false, 0, true)));
  EXPECT_FALSE(passes("rcode:noerror", happened(event::Close())));
}

TEST(EventFilter, SaysWhatMustBeObserved) {
  const auto filter = FlowFilter::parse("rcode:refused | event:exec,state !event:data");
  ASSERT_TRUE(filter.has_value());
  for (const EventKind kind : {EventKind::kDns, EventKind::kProcess, EventKind::kState})
    EXPECT_TRUE(filter->names(kind)) << to_string(kind);
  for (const EventKind kind : {EventKind::kData, EventKind::kClose})
    EXPECT_FALSE(filter->names(kind)) << to_string(kind);
  EXPECT_TRUE(filter->asks_for_events());
  EXPECT_TRUE(FlowFilter::parse("!event:data")->asks_for_events());
  EXPECT_FALSE(FlowFilter::parse("comm:curl")->asks_for_events());
}

TEST(EventFilter, SaysNothingOfConnections) {
  EXPECT_TRUE(matches("event:close comm:curl"));
  EXPECT_TRUE(matches("!event:close"));
  EXPECT_FALSE(matches("event:close comm:wget"));
}

TEST(EventFilter, ErrorsNameTheWordsThereAre) {
  EXPECT_EQ(
      error_of("event:conect"),
      "event:conect: 'conect' is none of connect, accept, connect_failed, close, retransmit, "
      "reset, attempt, state, data, process, refused, listen_drop, udp_peer, dns, alert, fork, "
      "exec, uid, gid, sid, ptrace, comm, coredump, exit: did you mean 'connect'?");
  EXPECT_EQ(error_of("rcode:nxdomain,3"),
            "rcode:nxdomain,3: '3' is none of noerror, formerr, servfail, nxdomain, notimp, "
            "refused, yxdomain, yxrrset, nxrrset, notauth, notzone, badvers, badcookie, "
            "unanswered");
  EXPECT_EQ(error_of("event>1"), "event>1: event is not a number");
  EXPECT_EQ(error_of("rcode:/x/"), "rcode:/x/: rcode takes no regular expression");
  EXPECT_EQ(error_of("rcod:nxdomain"), "unknown key 'rcod': did you mean 'rcode'?");
}

TEST(FilterError, TooLong) {
  EXPECT_TRUE(FlowFilter::parse(std::string(1000, 'a')).has_value());
  EXPECT_EQ(error_of(std::string(1001, 'a')), "a filter may have 1,000 characters at most");
}

TEST(FilterError, IsFitForATerminal) {
  EXPECT_EQ(error_of("rtt>\x1b[2J"), "rtt>?[2J: '?[2J' is not a number");
}

TEST(FilterError, UserNamesNeedALookup) {
  EXPECT_FALSE(FlowFilter::parse("user:deploy").has_value());
  EXPECT_TRUE(FlowFilter::parse("user:1000").has_value());
}

}  // namespace
}  // namespace sockscope
