// SPDX-License-Identifier: Apache-2.0
#include "decode/captures.h"

#include <gtest/gtest.h>

#include <string>

#include "decode/capture_support.h"
#include "decode/endpoint_text.h"

namespace sockscope {
namespace {

std::string ends(const Flow& flow) {
  return to_string(flow.local) + " " + to_string(flow.remote);
}

TEST(ParseEndpoint, ReadsWhatToolsPrint) {
  const auto text = [](std::string_view from, char separator = ':', std::uint8_t family = 4) {
    const auto endpoint = parse_endpoint(from, separator, family);
    return endpoint ? to_string(*endpoint) : std::string("none");
  };
  EXPECT_EQ(text("10.0.0.1:443"), "10.0.0.1:443");
  EXPECT_EQ(text("127.0.0.53%lo:53"), "127.0.0.53:53");
  EXPECT_EQ(text("[::1]:631"), "[::1]:631");
  EXPECT_EQ(text("[fe80::1]%eth0:546"), "[fe80::1%eth0]:546");
  EXPECT_EQ(text("[fe80::1%eth0]:546"), "[fe80::1%eth0]:546");
  EXPECT_EQ(text("[::ffff:192.0.2.1]:80"), "192.0.2.1:80");
  EXPECT_EQ(text("*:80", ':', 6), "[::]:80");
  EXPECT_EQ(text("0.0.0.0:*"), "0.0.0.0:0");
  EXPECT_EQ(text("*:*"), "0.0.0.0:0");
  EXPECT_EQ(text("fe80::1%utun4.1024", '.', 6), "[fe80::1%utun4]:1024");
  for (const char* wrong : {"", ":", "10.0.0.1", "10.0.0.1:", "10.0.0.1:65536", "10.0.0.1:-1",
                            "[::1:80", "[]:80", "[::1]x:80", "1.2.3:80", "x:80", "[::1]",
                            "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:80"})
    EXPECT_EQ(text(wrong), "none") << wrong;
}

TEST(ParseTcpState, KnowsEachSpelling) {
  EXPECT_EQ(parse_tcp_state("ESTAB"), TcpState::kEstablished);
  EXPECT_EQ(parse_tcp_state("Established"), TcpState::kEstablished);
  EXPECT_EQ(parse_tcp_state("TIME-WAIT"), TcpState::kTimeWait);
  EXPECT_EQ(parse_tcp_state("FIN_WAIT_2"), TcpState::kFinWait2);
  EXPECT_EQ(parse_tcp_state("CloseWait"), TcpState::kCloseWait);
  EXPECT_EQ(parse_tcp_state("SYN_RCVD"), TcpState::kSynRecv);
  EXPECT_EQ(parse_tcp_state(""), TcpState::kNone);
  EXPECT_EQ(parse_tcp_state("ESTABLISHED AND MORE THAN THAT"), TcpState::kNone);
}

constexpr std::string_view kSs =
    "Netid State     Recv-Q Send-Q Local Address:Port  Peer Address:Port Process\n"
    "udp   UNCONN    0      0      127.0.0.53%lo:53    0.0.0.0:*     "
    "users:((\"resolved\",pid=7,fd=12))\n"
    "icmp6 UNCONN    0      0      *:58                *:*\n"
    "tcp   LISTEN    0      511    *:80                *:*           users:((\"ng "
    "x\",pid=9,fd=3),(\"ng x\",pid=10,fd=3))\n"
    "\t cubic cwnd:10\n"
    "tcp   ESTAB     0      0      10.0.0.7:48122      203.0.113.10:443 "
    "users:((\"curl\",pid=30211,fd=5)) uid:1000 ino:99 sk:1a4 <->\n"
    "\t cubic wscale:7,7 rto:204 rtt:38.25/1.5 ato:40 mss:1448 cwnd:10 bytes_sent:1200 "
    "bytes_retrans:200"
    " bytes_acked:1000 bytes_received:5000 segs_out:12 segs_in:9 data_segs_out:3 send 3Mbps "
    "retrans:0/2"
    " minrtt:21.4\n"
    "tcp   CLOSE-WAIT 1     0      [::1]:8080          [::1]:40000\n"
    "\t bytes_received:11 segs_in:4\n"
    "tcp   ESTAB     0      0      [::ffff:10.0.0.7]:22 [::ffff:10.0.0.9]:5000\n";

TEST(ParseSs, ReadsSocketsOwnersAndCounters) {
  const Capture capture = parse_ss(kSs);
  EXPECT_EQ(capture.malformed, 0u);
  ASSERT_EQ(capture.flows.size(), 5u);
  const Flow& udp = capture.flows[0];
  EXPECT_EQ(udp.protocol, Protocol::kUdp);
  EXPECT_EQ(ends(udp), "127.0.0.53:53 0.0.0.0:0");
  EXPECT_EQ(udp.state, TcpState::kNone);
  EXPECT_EQ(udp.owner.name(), "resolved");
  EXPECT_FALSE(udp.has_counters);

  const Flow& listener = capture.flows[1];
  EXPECT_EQ(ends(listener), "[::]:80 [::]:0");
  EXPECT_EQ(listener.direction, Direction::kListen);
  EXPECT_EQ(listener.owner.name(), "ng x");
  EXPECT_EQ(listener.owner.pid, 9u);
  EXPECT_EQ(listener.owner.kind, OwnerKind::kBootstrap);
  EXPECT_FALSE(listener.has_counters);

  const Flow& curl = capture.flows[2];
  EXPECT_EQ(ends(curl), "10.0.0.7:48122 203.0.113.10:443");
  EXPECT_EQ(curl.state, TcpState::kEstablished);
  EXPECT_EQ(curl.owner.pid, 30211u);
  EXPECT_EQ(curl.owner.uid, 1000u);
  EXPECT_EQ(curl.cookie, 0x1a4u);
  EXPECT_TRUE(curl.has_counters);
  EXPECT_EQ(curl.counters.tx_bytes, 1000u);
  EXPECT_EQ(curl.counters.rx_bytes, 5000u);
  EXPECT_EQ(curl.counters.tx_segments, 12u);
  EXPECT_EQ(curl.counters.rx_segments, 9u);
  EXPECT_EQ(curl.counters.retransmits, 2u);
  EXPECT_EQ(curl.counters.srtt_us, 38'250u);
  EXPECT_EQ(curl.counters.min_rtt_us, 21'400u);

  EXPECT_EQ(capture.flows[3].counters.rx_bytes, 10u);  // 11 including the FIN
  EXPECT_EQ(capture.flows[3].owner.kind, OwnerKind::kUnknown);
  EXPECT_EQ(ends(capture.flows[4]), "10.0.0.7:22 10.0.0.9:5000");
}

TEST(ParseSs, DoesWithoutTheColumnsThatSsLeavesOut) {
  const Capture one_line = parse_ss(
      "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n"
      "ESTAB 0 0 10.0.0.7:1 10.0.0.8:2 cubic rtt:1/0.5 bytes_sent:7 segs_out:2\n");
  ASSERT_EQ(one_line.flows.size(), 1u);
  EXPECT_EQ(one_line.flows[0].state, TcpState::kEstablished);

  const Capture of_state = parse_ss(
      "Netid Recv-Q Send-Q Local Address:Port Peer Address:Port\n"
      "tcp   0      0      10.0.0.7:1         10.0.0.8:2\n");
  ASSERT_EQ(of_state.flows.size(), 1u);
  EXPECT_EQ(of_state.flows[0].state, TcpState::kNone);
}

TEST(ParseSs, NamesMayHoldAnything) {
  for (const std::string name :
       {"a\") uid:7,\x1b", "x\",pid=1,fd=9", "x\",pid=1,fd=9))", "a),(b", "\",pid="}) {
    const Capture capture = parse_ss("tcp ESTAB 0 0 10.0.0.7:1 10.0.0.8:2 users:((\"" + name +
                                     "\",pid=55,fd=1),(\"b\",pid=56,fd=2)) uid:1000\n");
    ASSERT_EQ(capture.flows.size(), 1u) << name;
    EXPECT_EQ(capture.flows[0].owner.pid, 55u) << name;
    EXPECT_EQ(capture.flows[0].owner.name(), name);
    EXPECT_EQ(capture.flows[0].owner.uid, 1000u) << name;
  }
}

TEST(ParseSs, CountsWhatItDoesNotUnderstand) {
  const Capture capture = parse_ss(
      "tcp WHAT 0 0 10.0.0.7:1 10.0.0.8:2\n"
      "tcp ESTAB x 0 10.0.0.7:1 10.0.0.8:2\n"
      "tcp ESTAB 0 0 10.0.0.7:1\n"
      "tcp ESTAB 0 0 10.0.0.7:1 10.0.0.8\n"
      "\t rtt:5/1 bytes_sent:9\n"
      "tcp\n\n"
      "udp UNCONN 0 0 10.0.0.7:1 0.0.0.0:*");
  EXPECT_EQ(capture.malformed, 5u);
  ASSERT_EQ(capture.flows.size(), 1u);
  EXPECT_EQ(capture.flows[0].counters.srtt_us, 0u);
}

TEST(ParseLsof, ReadsFilesOfProcesses) {
  const Capture capture = parse_lsof(
      "p912\ncsshd\nf3\ntIPv4\nPTCP\nn*:22\nTST=LISTEN\nTQR=0\nTQS=0\n"
      "f4\ntIPv6\nPTCP\nn*:22\nTST=LISTEN\n"
      "p920\ncGoogle\\x20Chrome He\nf20\ntIPv6\nPTCP\nn[2001:db8::7]:50000->[2001:db8::1]:443\n"
      "TST=ESTABLISHED\n"
      "f21\ntIPv4\nPUDP\nn127.0.0.1:5353\n"
      "f22\ntIPv4\nPICMP\nn*:*\n"
      "p921\ncChild\nf20\ntIPv6\nPTCP\nn[2001:db8::7]:50000->[2001:db8::1]:443\nTST=ESTABLISHED\n");
  EXPECT_EQ(capture.malformed, 0u);
  ASSERT_EQ(capture.flows.size(), 4u);
  EXPECT_EQ(ends(capture.flows[0]), "0.0.0.0:22 0.0.0.0:0");
  EXPECT_EQ(capture.flows[0].direction, Direction::kListen);
  EXPECT_EQ(capture.flows[0].owner.name(), "sshd");
  EXPECT_EQ(ends(capture.flows[1]), "[::]:22 [::]:0");
  const Flow& chrome = capture.flows[2];
  EXPECT_EQ(ends(chrome), "[2001:db8::7]:50000 [2001:db8::1]:443");
  EXPECT_EQ(chrome.owner.name(), "Google Chrome He");
  EXPECT_EQ(chrome.owner.pid, 920u);
  EXPECT_EQ(chrome.state, TcpState::kEstablished);
  EXPECT_FALSE(chrome.has_counters);
  EXPECT_EQ(capture.flows[3].protocol, Protocol::kUdp);
}

TEST(ParseLsof, FilesWithoutADescriptorLine) {
  const Capture capture = parse_lsof(
      "p912\ncsshd\ntIPv4\nPTCP\nn127.0.0.1:22\nTST=LISTEN\nTQR=0\n"
      "tIPv6\nPTCP\nn[::1]:23\nTST=LISTEN\nPUDP\nn10.0.0.1:5\nPTCP\np913\n");
  EXPECT_EQ(capture.malformed, 1u);
  ASSERT_EQ(capture.flows.size(), 3u);
  EXPECT_EQ(ends(capture.flows[0]), "127.0.0.1:22 0.0.0.0:0");
  EXPECT_EQ(capture.flows[0].direction, Direction::kListen);
  EXPECT_EQ(ends(capture.flows[1]), "[::1]:23 [::]:0");
  EXPECT_EQ(capture.flows[1].direction, Direction::kListen);
  EXPECT_EQ(capture.flows[2].protocol, Protocol::kUdp);
}

TEST(ParseLsof, SurvivesWhatIsNoFieldOutput) {
  EXPECT_EQ(parse_lsof("").flows.size(), 0u);
  EXPECT_EQ(parse_lsof("\n\n\r\np\nc\nf\nP\nT\nn\n").flows.size(), 0u);
  EXPECT_EQ(parse_lsof("p1\nf1\nPTCP\nnnonsense\nf2\nPTCP\nf3\nPTCP\nn1.1.1.1:1->x\n").malformed,
            3u);
  // Field lines that follow no process: the owner is not known.
  const Capture capture = parse_lsof("PTCP\nn1.1.1.1:1->2.2.2.2:2\nTST=ESTABLISHED");
  ASSERT_EQ(capture.flows.size(), 1u);
  EXPECT_EQ(capture.flows[0].owner.kind, OwnerKind::kUnknown);
}

TEST(ParseNettop, ReadsConnectionsBelowTheirProcess) {
  const Capture capture = parse_nettop(
      "time                          interface  state  bytes_in  bytes_out  rx_dupe  rx_ooo  re-tx "
      " rtt_avg  rcvsize\n"
      "09:31:19.605231 Google Chrome H.589                4836   3844   0  0  0\n"
      "09:31:19.597940    tcp4 192.0.2.7:65448<->198.51.100.9:443  en0  Established  4836  3844  0 "
      " 0  12  1.22 ms  6291456  405248  BE  -  cubic\n"
      "09:31:19.587706    tcp4 *:7000<->*:*                         Listen\n"
      "apsd.354      8208255   5803656  68973  71164  53756\n"
      "tcp6 fe80::1%utun4.1024<->fe80::2%utun4.1025  utun4  Established  7 9 0 0 0  154.16 ms\n"
      "udp6 *.5353<->*.*  en0   100  200\n");
  EXPECT_EQ(capture.malformed, 0u);
  ASSERT_EQ(capture.flows.size(), 4u);
  const Flow& chrome = capture.flows[0];
  EXPECT_EQ(ends(chrome), "192.0.2.7:65448 198.51.100.9:443");
  EXPECT_EQ(chrome.owner.pid, 589u);
  EXPECT_EQ(chrome.owner.name(), "Google Chrome H");
  EXPECT_EQ(chrome.state, TcpState::kEstablished);
  EXPECT_TRUE(chrome.has_counters);
  EXPECT_FALSE(chrome.has_segments);
  EXPECT_EQ(chrome.counters.rx_bytes, 4836u);
  EXPECT_EQ(chrome.counters.tx_bytes, 3844u);
  EXPECT_EQ(chrome.counters.srtt_us, 1'220u);
  EXPECT_EQ(capture.flows[1].direction, Direction::kListen);
  EXPECT_FALSE(capture.flows[1].has_counters);
  EXPECT_EQ(capture.flows[2].owner.name(), "apsd");
  EXPECT_EQ(ends(capture.flows[2]), "[fe80::1%utun4]:1024 [fe80::2%utun4]:1025");
  EXPECT_EQ(capture.flows[2].counters.srtt_us, 154'160u);
  EXPECT_EQ(ends(capture.flows[3]), "[::]:5353 [::]:0");
  EXPECT_EQ(capture.flows[3].counters.rx_bytes, 100u);
}

TEST(ParseNettop, CountsWhatItDoesNotUnderstand) {
  const Capture capture = parse_nettop(
      "tcp4\ntcp4 1.1.1.1:1\ntcp4 1.1.1.1:1<->x\nwithout a pid\n09:31:19.5\n"
      "tcp4 1.1.1.1:1<->2.2.2.2:2 en0 Established -5 7 99999999999999999999 nan ms\n");
  EXPECT_EQ(capture.malformed, 4u);
  ASSERT_EQ(capture.flows.size(), 1u);
  EXPECT_FALSE(capture.flows[0].has_counters);
  EXPECT_EQ(capture.flows[0].counters.srtt_us, 0u);
}

}  // namespace
}  // namespace sockscope
