// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sockscope/alert.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <random>
#include <utility>

#include "track/detectors/rules.h"

namespace sockscope {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kBegin = 1'000'000 * kSecond;  // a whole minute, with the offset below
constexpr std::int64_t kToWall = 20 * std::int64_t{kSecond};

Address ip(std::uint32_t number) {
  Address address;
  address.family = 4;
  for (int i = 0; i < 4; ++i)
    address.bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  return address;
}
constexpr std::uint32_t kPublic = 0xcb007101;  // 203.0.113.1
constexpr std::uint32_t kPrivate = 0x0a000001;

Owner owner(std::string_view name, std::uint32_t pid = 7) {
  Owner value;
  value.pid = pid;
  value.uid = 0;
  std::copy_n(name.data(), std::min<std::size_t>(name.size(), 15), value.comm.data());
  return value;
}

class DetectorsTest : public testing::Test {
 protected:
  void at(double seconds) {
    const std::uint64_t wanted = kBegin + static_cast<std::uint64_t>(seconds * 1e9);
    while (ticked + kSecond <= wanted) {
      ticked += kSecond;
      detectors.tick(ticked, kToWall, handler);
    }
    now = std::max(now, wanted);
  }
  void connection(EventKind kind, const Owner& who, std::uint32_t remote, std::uint16_t port,
                  int error = 0, std::shared_ptr<const RemoteName> name = nullptr) {
    Event event;
    event.kind = kind;
    event.mono_ns = now;
    event.error = error;
    event.flow.owner = who;
    event.flow.remote = {ip(remote), kind == EventKind::kAccept ? std::uint16_t{40'000} : port};
    event.flow.local = {ip(kPrivate + 9),
                        kind == EventKind::kAccept ? port : std::uint16_t{40'000}};
    event.flow.remote_name = std::move(name);
    detectors.take(event, handler);
  }
  // of: the server, whom this host asks; or on this host, whom it is asked by.
  void query(const Owner& who, const std::string& name, std::uint32_t of = kPrivate,
             bool is_asked = false) {
    DnsMessage message;
    message.name = name;
    Event event;
    event.kind = EventKind::kDns;
    event.mono_ns = now;
    event.sent = !is_asked;
    event.flow.protocol = Protocol::kUdp;
    event.flow.owner = who;
    event.flow.remote = {ip(of), is_asked ? std::uint16_t{40'000} : dns::kPort};
    event.flow.local = {ip(is_asked ? of : kPrivate + 9),
                        is_asked ? dns::kPort : std::uint16_t{40'000}};
    event.dns = std::make_shared<const DnsMessage>(message);
    detectors.take(event, handler);
  }
  std::vector<Alert> of(AlertKind kind, AlertPhase phase = AlertPhase::kBegan) const {
    std::vector<Alert> some;
    for (const Alert& alert : told)
      if (alert.kind == kind && alert.phase == phase) some.push_back(alert);
    return some;
  }

  std::uint64_t now = kBegin;
  std::uint64_t ticked = kBegin;
  std::vector<Alert> told;
  Detectors::Handler handler = [this](const Alert& alert) { told.push_back(alert); };
  Detectors detectors;
};

TEST_F(DetectorsTest, AScanIsOneAlertThatGetsWorseAndEnds) {
  for (std::uint16_t port = 1; port <= 19; ++port) {
    at(port * 0.01);
    connection(EventKind::kConnectFailed, owner("nmap"), kPublic, port, ECONNREFUSED);
  }
  EXPECT_TRUE(told.empty());
  for (std::uint16_t port = 20; port <= 1000; ++port) {
    at(port * 0.01);
    connection(EventKind::kConnectFailed, owner("nmap"), kPublic, port, ECONNREFUSED);
  }
  at(100);
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[0].phase, AlertPhase::kBegan);
  EXPECT_EQ(told[1].phase, AlertPhase::kWorse);
  EXPECT_EQ(told[2].phase, AlertPhase::kEnded);
  EXPECT_EQ(told[2].figure("ports"), 1000);
  EXPECT_EQ(message(told[0]), "nmap 7 scans ports of 203.0.113.1");
  EXPECT_EQ(told[0].key, "port_scan/out/203.0.113.1");
}

TEST_F(DetectorsTest, OpenPortsOfThisHostAreScannedFromOutside) {
  for (std::uint16_t port = 1; port < 100; ++port)
    connection(EventKind::kAccept, owner("inetd"), kPublic, port);
  EXPECT_TRUE(told.empty());  // so many may be in use
  connection(EventKind::kAccept, owner("inetd"), kPublic, 100);
  ASSERT_EQ(of(AlertKind::kPortScan).size(), 1u);
  EXPECT_EQ(told[0].owner.pid, 0u);
  EXPECT_EQ(message(told[0]), "203.0.113.1 scans ports of this host");
}

TEST_F(DetectorsTest, AScrapeOfManyExportersIsNoScan) {
  for (int round = 0; round < 10; ++round) {
    at(round * 15.0);
    for (std::uint16_t port = 9'100; port < 9'140; ++port)
      connection(port % 20 == 0 ? EventKind::kConnectFailed : EventKind::kConnect,
                 owner("prometheus"), kPrivate, port, ECONNREFUSED);  // two of forty are down
  }
  EXPECT_TRUE(of(AlertKind::kPortScan).empty());
}

// Connections to exporters that answer are kept; what is down is tried each time.
TEST_F(DetectorsTest, ATargetThatIsDownIsOnePortHoweverOftenItIsTried) {
  for (int round = 0; round < 10; ++round) {
    at(round * 5.0);
    for (std::uint16_t port = 9'100; port < 9'140; ++port) {
      const bool is_down = port % 20 == 0;
      if (round == 0 || is_down)
        connection(is_down ? EventKind::kConnectFailed : EventKind::kConnect, owner("prometheus"),
                   kPrivate, port, ECONNREFUSED);
    }
  }
  EXPECT_TRUE(of(AlertKind::kPortScan).empty());
}

TEST_F(DetectorsTest, FtpWithAnyPortForDataIsNoScan) {
  connection(EventKind::kConnect, owner("mirror"), kPublic, 21);
  connection(EventKind::kAccept, owner("vsftpd"), kPublic + 1, 21);
  for (std::uint16_t i = 0; i < 1000; ++i) {
    at(i * 0.05);
    const auto port = static_cast<std::uint16_t>(1'024 + i * 61);
    connection(EventKind::kConnect, owner("mirror"), kPublic, port);
    connection(EventKind::kAccept, owner("vsftpd"), kPublic + 1, port);
  }
  EXPECT_TRUE(of(AlertKind::kPortScan).empty());
  for (std::uint16_t port = 2'000; port < 2'020; ++port)
    connection(EventKind::kConnectFailed, owner("mirror"), kPublic, port, ECONNREFUSED);
  EXPECT_EQ(of(AlertKind::kPortScan).size(), 1u);  // who uses FTP may scan
}

TEST_F(DetectorsTest, ShutPortsOfThisHostToo) {
  Event event;
  event.kind = EventKind::kRefused;
  event.attempts = 3;  // each told one and two that came too fast
  event.flow.direction = Direction::kInbound;
  event.flow.remote = {ip(kPublic), 40'000};
  event.flow.local.addr = ip(kPrivate);
  for (std::uint16_t port = 60'001; port <= 60'020; ++port) {
    event.mono_ns = now += 1'000'000;
    event.flow.local.port = port;
    detectors.take(event, handler);
  }
  ASSERT_EQ(of(AlertKind::kPortScan).size(), 1u);
  EXPECT_EQ(told[0].direction, Direction::kInbound);
  EXPECT_EQ(told[0].figure("ports"), 20);
  EXPECT_EQ(told[0].figure("shut"), 20);
  EXPECT_EQ(told[0].figure("attempts"), 60);
}

TEST_F(DetectorsTest, PassiveFtpAndSlowChangesAreNoScan) {
  for (std::uint16_t i = 0; i < 500; ++i)
    connection(EventKind::kAccept, owner("vsftpd"), kPublic,
               static_cast<std::uint16_t>(40'000 + i));
  for (std::uint16_t i = 1; i < 200; ++i) {
    at(i * 2.0);
    connection(EventKind::kConnect, owner("slow"), kPublic, i);
  }
  EXPECT_TRUE(of(AlertKind::kPortScan).empty());
}

class Beacon : public DetectorsTest, public testing::WithParamInterface<double> {};

TEST_P(Beacon, IsFoundByItsTimes) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> jitter(1 - GetParam(), 1);
  double when = 7;
  for (int i = 0; i < 30; ++i) {
    at(when);
    connection(EventKind::kConnect, owner("implant", static_cast<std::uint32_t>(100 + i)), kPublic,
               443);
    when += 37 * jitter(random);
  }
  at(when);
  ASSERT_EQ(of(AlertKind::kBeaconing).size(), 1u);
  EXPECT_NEAR(of(AlertKind::kBeaconing)[0].figure("interval_s"), 37 * (1 - GetParam() / 2), 4);
  at(when + 3600);
  EXPECT_EQ(of(AlertKind::kBeaconing, AlertPhase::kEnded).size(), 1u);
}
INSTANTIATE_TEST_SUITE_P(Jitter, Beacon, testing::Values(0.0, 0.1, 0.2, 0.4));

TEST_F(DetectorsTest, RetriesOfADeadServerAreNoBeacon) {
  for (int i = 0; i < 60; ++i) {
    at(7 + i * 37.0);
    connection(EventKind::kConnectFailed, owner("agent"), kPublic, 443, ECONNREFUSED);
  }
  EXPECT_TRUE(of(AlertKind::kBeaconing).empty());
}

std::shared_ptr<const RemoteName> called(std::string name, NameSource source) {
  RemoteName known;
  known.name = std::move(name);
  known.source = source;
  return std::make_shared<const RemoteName>(std::move(known));
}

TEST_F(DetectorsTest, ABeaconAtANameIsOneWhereverTheNameLeads) {
  const auto name = called("c2.example.com", NameSource::kProcess);
  for (std::uint32_t i = 0; i < 20; ++i) {
    at(7 + i * 37.0);
    connection(EventKind::kConnect, owner("implant"), kPublic + i * 7 % 5, 443, 0, name);
  }
  ASSERT_EQ(of(AlertKind::kBeaconing).size(), 1u);
  const Alert alert = of(AlertKind::kBeaconing)[0];
  EXPECT_EQ(alert.name, "c2.example.com");
  EXPECT_EQ(alert.key, "beaconing/implant/c2.example.com:443");
  EXPECT_EQ(message(alert), "implant 7 calls c2.example.com:443 every 37.0 s");
  EXPECT_NEAR(alert.figure("interval_s"), 37, 0.01);
}

TEST_F(DetectorsTest, ABeaconWhoseAddressHasANameIsToldOnce) {
  const auto name = called("c2.example.com", NameSource::kHost);
  for (int i = 0; i < 20; ++i) {
    at(7 + i * 37.0);
    connection(EventKind::kConnect, owner("implant"), kPublic, 443, 0, name);
  }
  EXPECT_EQ(of(AlertKind::kBeaconing).size(), 1u);
}

TEST_F(DetectorsTest, ANameThatIsNotAlwaysKnownIsStillTheTarget) {
  const auto name = called("ftp.example.com", NameSource::kProcess);
  for (int i = 0; i < 40; ++i) {
    at(7 + i * 20.0);
    // Known every other time; in between at no regular time.
    connection(EventKind::kConnect, owner("mirror"), kPublic, 21, 0, i % 2 == 0 ? name : nullptr);
    at(7 + i * 20.0 + (i * 7) % 17 + 1);
    connection(EventKind::kConnect, owner("mirror"), kPublic, 21);
  }
  EXPECT_TRUE(of(AlertKind::kBeaconing).empty());
}

TEST_F(DetectorsTest, WhatOwnersOfAddressesCallThemIsNoTarget) {
  for (std::uint32_t i = 0; i < 60; ++i) {
    at(7 + i * 37.0);
    // Each address irregularly, all together regularly.
    connection(EventKind::kConnect, owner("browser"), kPublic + (i * i + i / 3) % 11, 443, 0,
               called("host.isp.example", NameSource::kReverse));
  }
  EXPECT_TRUE(of(AlertKind::kBeaconing).empty());
}

TEST_F(DetectorsTest, RetriesAtANameThatNeverAnswersAreNoBeacon) {
  const auto name = called("gone.example.com", NameSource::kProcess);
  for (std::uint32_t i = 0; i < 60; ++i) {
    at(7 + i * 37.0);
    connection(EventKind::kConnectFailed, owner("agent"), kPublic + i % 3, 443, ETIMEDOUT, name);
  }
  EXPECT_TRUE(of(AlertKind::kBeaconing).empty());
}

// As monitoring does: names count as targets, the addresses they lead to do not count again.
TEST_F(DetectorsTest, AProgramThatCallsManyNamesRegularlyIsNoBeacon) {
  for (std::uint32_t i = 0; i < 40; ++i) {
    for (std::uint32_t n = 0; n < 4; ++n) {
      at(7 + i * 37.0 + n);
      connection(EventKind::kConnect, owner("prober"), kPublic + n * 10 + i % 3, 443, 0,
                 called("site" + std::to_string(n) + ".example.com", NameSource::kProcess));
    }
  }
  EXPECT_TRUE(of(AlertKind::kBeaconing).empty());
}

TEST_F(DetectorsTest, RandomCallsAreNoBeacon) {
  std::mt19937 random(2);
  std::exponential_distribution<double> interval(1.0 / 20);
  double when = 0;
  for (int i = 0; i < 5000; ++i) {
    at(when += 1 + interval(random));
    connection(EventKind::kConnect, owner("browser"), kPublic + static_cast<std::uint32_t>(i % 3),
               443);
  }
  EXPECT_LE(of(AlertKind::kBeaconing).size(), 1u);  // of 28 hours
}

TEST_F(DetectorsTest, DnsTunnelsByNumberAndByLength) {
  for (int i = 0; i < 60; ++i) {
    at(i * 0.5);
    query(owner("dnscat"), "a" + std::to_string(i) + ".T.exAmple.com");
  }
  ASSERT_EQ(of(AlertKind::kDnsTunnel).size(), 1u);
  EXPECT_EQ(told[0].name, "example.com");
  EXPECT_EQ(told[0].owner.pid, 7u);
  for (int i = 0; i < 3; ++i)
    query(owner("iodine"),
          std::string(60, static_cast<char>('a' + i)) + std::string(30, 'x') + ".b.example.co.uk");
  ASSERT_EQ(of(AlertKind::kDnsTunnel).size(), 2u);
  EXPECT_EQ(told[1].name, "example.co.uk");
}

// Hosts of a content network that is on no list.
TEST_F(DetectorsTest, NamesThatAreConnectedToAreNoTunnel) {
  std::mt19937 random(5);
  for (int i = 0; i < 300; ++i) {
    at(i * 0.3);
    const std::string name =
        std::to_string(random()) + std::to_string(random()) + ".cdn.example.com";
    query(owner("browser"), name);
    connection(EventKind::kConnect, owner("browser"), kPublic + static_cast<std::uint32_t>(i % 7),
               443, 0, called(name, NameSource::kProcess));
  }
  EXPECT_TRUE(of(AlertKind::kDnsTunnel).empty());
}

// Of long labels too, that a tunnel may have; the name itself is asked last, or first.
class SearchList : public DetectorsTest, public testing::WithParamInterface<bool> {};

TEST_P(SearchList, IsNoTunnel) {
  std::mt19937 random(4);
  for (int i = 0; i < 200; ++i) {
    at(i * 0.4);
    std::string name;
    for (int digit = 0; digit < 50; ++digit) name += "0123456789abcdef"[random() % 16];
    name += ".ads" + std::to_string(i) + ".example.net";
    const Owner browser = owner("browser");
    const bool is_first = GetParam();
    if (is_first) query(browser, name);
    query(browser, name + ".eng.corp.example.com");
    query(browser, name + ".corp.example.com");
    query(browser, name + ".example.co.uk");
    if (!is_first) query(browser, name);
  }
  ASSERT_EQ(of(AlertKind::kDnsTunnel).size(), 1u);
  EXPECT_EQ(of(AlertKind::kDnsTunnel)[0].name, "example.net");  // that one is asked as it is
}
INSTANTIATE_TEST_SUITE_P(Itself, SearchList, testing::Values(false, true));

TEST_F(DetectorsTest, OneNameInManyCasesIsOneName) {
  std::mt19937 random(3);
  for (int i = 0; i < 300; ++i) {
    at(i * 0.1);
    std::string name = "telemetry.metrics.example.com";
    for (char& c : name)
      if (c >= 'a' && c <= 'z' && random() % 2 == 0) c = static_cast<char>(c - 32);
    query(owner("unbound"), name);
  }
  EXPECT_TRUE(of(AlertKind::kDnsTunnel).empty());
}

TEST_F(DetectorsTest, ListsOfAddressesAreNoTunnel) {
  std::mt19937 random(4);
  for (int i = 0; i < 300; ++i) {
    at(i * 0.1);
    std::string address;
    for (int digit = 0; digit < 32; ++digit) {
      address += "0123456789abcdef"[random() % 16];
      address += '.';
    }
    query(owner("postfix"), address + "zen.list.example");
    query(owner("postfix"), std::to_string(i % 250) + ".2.0.192.zen.list.example");
  }
  EXPECT_TRUE(of(AlertKind::kDnsTunnel).empty());
  for (int i = 0; i < 60; ++i) {
    at(40 + i * 0.5);
    query(owner("dnscat"), "a.b.c." + std::to_string(i) + ".t.example");
  }
  EXPECT_EQ(of(AlertKind::kDnsTunnel).size(), 1u);
}

// Two hundred different ones a minute below one domain.
const std::pair<const char*, const char*> kOrdinaryNames[] = {
    {"lists of domains", "shop{}.de.dbl.list.example"},
    {"of longer ones", "www.mail{}.co.uk.dbl.list.example"},
    {"a search list", "host{}.github.com.corp.example.net"},
    {"a content network", "rr{}---sn-4g5ednsl.googlevideo.com"},
    {"a cloud", "d{}x0c3b.cloudfront.net"},
    {"addresses in reverse", "{}.2.0.192.in-addr.arpa"},
    {"a cluster's search list", "db{}.shop.svc.cluster.local"},
};

TEST_F(DetectorsTest, ManyOrdinaryNamesAreNoTunnel) {
  for (const auto& [what, pattern] : kOrdinaryNames) {
    for (int i = 0; i < 200; ++i) {
      at(i * 0.2);
      query(owner("postfix"), fmt::format(fmt::runtime(pattern), i));
    }
    EXPECT_TRUE(of(AlertKind::kDnsTunnel).empty()) << what;
  }
}

TEST_F(DetectorsTest, ATunnelThatEndsLikeADomainIsStillOne) {
  for (int i = 0; i < 60; ++i) {
    at(i * 0.5);
    query(owner("dnscat"), fmt::format("{:030}.com.t.example.com", i));
  }
  EXPECT_EQ(of(AlertKind::kDnsTunnel).size(), 1u);
}

TEST_F(DetectorsTest, LabelsMayHaveAnyBytes) {
  for (const char* label : {" app", "app ", " ", "  ", "net online", "\x01", "xyz "})
    for (int i = 0; i < 60; ++i) query(owner("odd"), fmt::format("a{}.{}.t.example", i, label));
  EXPECT_EQ(of(AlertKind::kDnsTunnel).size(), 1u);
}

TEST_F(DetectorsTest, AllowedDomainsAreNoTunnel) {
  AlertOptions options;
  options.allowed_domains = {"telemetry.example.com"};
  detectors = Detectors(options);
  const auto ask = [&](const char* pattern) {
    for (int i = 0; i < 60; ++i) {
      at(i * 0.5);
      query(owner("agent"), fmt::format(fmt::runtime(pattern), i));
    }
  };
  ask("a{}.telemetry.example.com");
  EXPECT_TRUE(of(AlertKind::kDnsTunnel).empty());
  ask("b{}.othertelemetry.example.com");
  EXPECT_EQ(of(AlertKind::kDnsTunnel).size(), 1u);
}

TEST_F(DetectorsTest, AForwarderOfThisHostAsksForOthers) {
  constexpr std::uint32_t kLoopback = 0x7f000001;
  for (int i = 0; i < 200; ++i) {
    at(i * 0.2);
    const std::string name = "a" + std::to_string(i) + ".t.example.com";
    query(owner("dnscat", 7), name, kLoopback);
    query(owner("dnsmasq", 8), name, kLoopback, true);
    query(owner("dnsmasq", 8), name);
  }
  ASSERT_EQ(of(AlertKind::kDnsTunnel).size(), 1u);
  const Alert last = detectors.alerts()[0];
  EXPECT_EQ(last.owner.pid, 7u);
  EXPECT_LE(last.figure("queries_per_minute"), 200);
  told.clear();
  for (int i = 0; i < 60; ++i) {  // of its own accord
    at(60 + i * 0.2);
    query(owner("dnsmasq", 8), "b" + std::to_string(i) + ".t.example.net");
  }
  ASSERT_EQ(of(AlertKind::kDnsTunnel).size(), 1u);
  EXPECT_EQ(of(AlertKind::kDnsTunnel)[0].owner.pid, 8u);
}

TEST_F(DetectorsTest, BandwidthTwiceInARow) {
  Snapshot snapshot;
  snapshot.processes.resize(1);
  snapshot.processes[0].pid = 7;
  for (const double rate : {200e6, 1e6, 200e6}) {
    snapshot.mono_ns = now += kSecond;
    snapshot.processes[0].tx_rate = rate;
    detectors.take(snapshot, handler);
  }
  EXPECT_TRUE(told.empty());
  snapshot.mono_ns = now += kSecond;
  detectors.take(snapshot, handler);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].figure("tx_rate"), 200e6);
}

TEST_F(DetectorsTest, RetransmitStormsAreAShareOfWhatIsSent) {
  Snapshot snapshot;
  snapshot.flows.resize(1);
  Flow& flow = snapshot.flows[0];
  flow.cookie = 5;
  flow.remote = {ip(kPublic), 443};
  flow.owner = owner("rsync");
  const auto take = [&](std::uint64_t segments, std::uint32_t retransmits) {
    snapshot.mono_ns = now += kSecond;
    flow.counters.tx_segments = segments;
    flow.counters.retransmits = retransmits;
    detectors.take(snapshot, handler);
  };
  take(1000, 900);      // before sockscope looked
  take(100'000, 1000);  // 0.1 %
  EXPECT_TRUE(told.empty());
  take(100'200, 1019);  // too few
  EXPECT_TRUE(told.empty());
  take(100'400, 1069);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].figure("percent"), 25);
  EXPECT_EQ(told[0].owner.name(), "rsync");
}

TEST_F(DetectorsTest, FailuresOfAProgramNotThoseItGaveUp) {
  for (int i = 0; i < 100; ++i)
    connection(EventKind::kConnectFailed, owner("browser"), kPublic, 443, ECANCELED);
  for (int i = 0; i < 29; ++i)
    connection(EventKind::kConnectFailed, owner("app", static_cast<std::uint32_t>(i + 1)), kPublic,
               5432, ECONNREFUSED);
  EXPECT_TRUE(told.empty());
  connection(EventKind::kConnectFailed, owner("app", 30), kPublic, 5432, ECONNREFUSED);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(detail(told[0]),
            "30 of 30 attempts failed, the last at 203.0.113.1:5432: ECONNREFUSED");
}

TEST_F(DetectorsTest, AmongManyPeersSomeAreAlwaysGone) {
  for (int round = 0; round < 100; ++round) {
    at(round * 5.0);
    for (std::uint32_t peer = 0; peer < 40; ++peer) {
      const bool is_gone = peer % 3 == 0;
      if (is_gone || round == 0)  // the connections to others are kept
        connection(is_gone ? EventKind::kConnectFailed : EventKind::kConnect, owner("peer"),
                   kPublic + peer, 6881, ETIMEDOUT);
    }
  }
  EXPECT_TRUE(told.empty());
  for (std::uint32_t peer = 0; peer < 40; ++peer)  // the network is gone
    connection(EventKind::kConnectFailed, owner("peer"), kPublic + peer, 6881, ENETUNREACH);
  EXPECT_EQ(of(AlertKind::kConnectFailures).size(), 1u);
}

// An hour: what a workstation and a small server do, all with a fixed seed.
TEST_F(DetectorsTest, AnHourOfOrdinaryTrafficRaisesNothing) {
  struct Act {
    double when;
    std::function<void()> act;
  };
  std::vector<Act> acts;
  std::mt19937 random(7);
  const auto uniform = [&](double from, double to) {
    return std::uniform_real_distribution<double>(from, to)(random);
  };
  const auto call = [&](double when, const char* name, std::uint32_t host, std::uint16_t port,
                        EventKind kind = EventKind::kConnect, int error = 0) {
    acts.push_back({when, [=, this] { connection(kind, owner(name), host, port, error); }});
  };
  // A browser: pages at the user's whim, each many connections and names in two seconds.
  for (double when = 5; when < 3600; when += 3 + std::exponential_distribution<>(1 / 40.0)(random))
    for (int i = 0, most = static_cast<int>(uniform(5, 60)); i < most; ++i) {
      const auto host = static_cast<std::uint32_t>(uniform(0, 200));
      const double then = when + uniform(0, 2);
      call(then, "firefox", kPublic + host, 443,
           i % 20 == 0 ? EventKind::kConnectFailed : EventKind::kConnect, ECANCELED);
      acts.push_back({then, [=, this] {
                        for (int k = 0; k < 3; ++k)  // A, AAAA, HTTPS
                          query(owner("firefox"), "cdn" + std::to_string(host % 9) + ".site" +
                                                      std::to_string(host) + ".com");
                      }});
    }
  for (int minute = 0; minute < 60; minute += 5)  // cron
    call(minute * 60 + uniform(0.1, 1.5), "curl", kPublic + 300, 443);
  for (double when = 3; when < 3600;
       when += 15)  // a prober's targets, regular all, one of them down
    for (std::uint32_t target = 0; target < 6; ++target)
      call(when + target * 0.3, "blackbox", kPublic + 400 + target, 443,
           target == 5 ? EventKind::kConnectFailed : EventKind::kConnect, ETIMEDOUT);
  for (double when = 1; when < 3600; when += 10) {  // agents and balancers at home
    call(when, "agent", kPrivate + 5, 8125);
    call(when + 0.2, "haproxy", kPrivate + 6, 80);
    acts.push_back(
        {when, [this] { connection(EventKind::kAccept, owner("sshd"), kPrivate + 7, 22); }});
  }
  for (double when = 2; when < 3600;
       when += uniform(20, 100))  // a poller that keeps its connection, mostly
    call(when, "mail", kPublic + 500, 993);
  for (double when = 1; when < 3600; when += uniform(0.5, 2))  // a mail server's lists
    acts.push_back({when, [this, a = uniform(0, 255), b = uniform(0, 255)] {
                      query(owner("postfix"), std::to_string(static_cast<int>(a)) + ".0." +
                                                  std::to_string(static_cast<int>(b)) +
                                                  ".10.zen.spamhaus.org");
                    }});
  std::stable_sort(acts.begin(), acts.end(),
                   [](const Act& a, const Act& b) { return a.when < b.when; });
  for (const Act& each : acts) {
    at(each.when);
    each.act();
  }
  at(3700);
  for (const Alert& alert : told) ADD_FAILURE() << message(alert) << ": " << detail(alert);
  EXPECT_GT(acts.size(), 5000u);
}

// What cannot be told from a beacon: one program, one public endpoint, a fixed time.
TEST_F(DetectorsTest, ALoneAgentAtAPublicServiceLooksLikeABeacon) {
  for (int i = 0; i < 20; ++i) {
    at(3.5 + i * 10);
    connection(EventKind::kConnect, owner("metrics"), kPublic, 443);
  }
  EXPECT_EQ(of(AlertKind::kBeaconing).size(), 1u);
}

TEST_F(DetectorsTest, FloodsStayWithinTheBounds) {
  std::mt19937 random(3);
  std::size_t most = 0;
  for (std::uint32_t i = 0; i < 400'000; ++i) {
    now += 50'000;
    const auto host = static_cast<std::uint32_t>(random() % 10'000);
    const auto port = static_cast<std::uint16_t>(random());
    switch (random() % 4) {
      case 0:
        connection(EventKind::kAccept, owner("sshd"), kPublic + host, port % 32'768);
        break;
      case 1:
        connection(EventKind::kConnectFailed, owner(std::to_string(host)), kPublic + host % 10,
                   port, ECONNREFUSED);
        break;
      case 2:
        connection(EventKind::kConnect, owner("scan"), kPublic + host, port);
        break;
      default:
        query(owner("x"), std::string(random() % 300, 'q') + '.' + std::to_string(port) + '.' +
                              std::to_string(host) + ".com");
    }
    if (i % 20'000 != 0) continue;
    at(static_cast<double>(now - kBegin) / 1e9);
    most = std::max(most, detectors.bytes());
    EXPECT_LE(detectors.bytes(), Detectors::most_bytes());
    EXPECT_LE(detectors.active(), Detectors::kMost);
    EXPECT_LE(detectors.alerts().size(), Detectors::kMost);
  }
  EXPECT_GT(detectors.forgotten(), 0u);
  EXPECT_GT(most, 1'000'000u);
}

TEST(Thresholds, AreNamedAndBounded) {
  AlertOptions options;
  EXPECT_TRUE(set_threshold(options, "scan.ports", 50));
  EXPECT_EQ(options.scan_ports, 50);
  EXPECT_EQ(set_threshold(options, "scan.ports", 1e6).error().detail(),
            "scan.ports is not between 2 and 256");
  EXPECT_FALSE(set_threshold(options, "scan.port", 5));
  for (const Threshold& each : thresholds()) {
    EXPECT_GE(AlertOptions{}.*each.member, each.least) << each.name;
    EXPECT_LE(AlertOptions{}.*each.member, each.most) << each.name;
  }
}

TEST(ParentDomain, IsWhoAnswers) {
  using detectors::parent_domain;
  EXPECT_EQ(parent_domain("a.b.example.com"), "example.com");
  EXPECT_EQ(parent_domain("a.example.co.uk"), "example.co.uk");
  EXPECT_EQ(parent_domain("4.3.2.1.in-addr.ARPA"), "");
  EXPECT_EQ(parent_domain("web.default.svc.cluster.local"), "");
  EXPECT_EQ(parent_domain("localhost"), "");
  EXPECT_EQ(parent_domain("."), "");
}

}  // namespace
}  // namespace sockscope
