// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <random>

#include "track/detectors/detectors_testing.h"
#include "track/detectors/rules.h"

namespace sockscope {
namespace {

class DetectorsTest : public testing::Test, protected WithDetectors {};

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

// Calls at any time come before the regular ones.
TEST_F(DetectorsTest, ABeaconBeginsWithItsFirstRegularCall) {
  double when = 5;
  for (const double pause : {2.0, 31.0, 5.0, 90.0, 13.0, 8.0, 61.0, 3.0, 22.0}) {
    at(when += pause);
    connection(EventKind::kConnect, owner("implant"), kPublic, 443);
  }
  const auto first_ns = static_cast<std::uint64_t>((when + 17) * 1e9) + kBegin;
  for (int i = 0; i < 40; ++i) {
    at(when + 17 + i * 37.0);
    connection(EventKind::kConnect, owner("implant"), kPublic, 443);
  }
  at(when + 17 + 40 * 37.0);
  ASSERT_EQ(of(AlertKind::kBeaconing).size(), 1u);
  EXPECT_EQ(detectors.alerts()[0].first_ns, first_ns);
  EXPECT_EQ(detectors.alerts()[0].figure("attempts"), 40);
}

TEST_F(DetectorsTest, RetriesOfADeadServerAreNoBeacon) {
  for (int i = 0; i < 60; ++i) {
    at(7 + i * 37.0);
    connection(EventKind::kConnectFailed, owner("agent"), kPublic, 443, ECONNREFUSED);
  }
  EXPECT_TRUE(of(AlertKind::kBeaconing).empty());
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
    // The name is known every other time; the attempts between come at irregular times.
    connection(EventKind::kConnect, owner("mirror"), kPublic, 21, 0, i % 2 == 0 ? name : nullptr);
    at(7 + i * 20.0 + (i * 7) % 17 + 1);
    connection(EventKind::kConnect, owner("mirror"), kPublic, 21);
  }
  EXPECT_TRUE(of(AlertKind::kBeaconing).empty());
}

TEST_F(DetectorsTest, WhatOwnersOfAddressesCallThemIsNoTarget) {
  for (std::uint32_t i = 0; i < 60; ++i) {
    at(7 + i * 37.0);
    // Each address irregularly, all of them together regularly.
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

// As monitoring does. The names count as targets, and the addresses they lead to do not count
// again.
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
  EXPECT_LE(of(AlertKind::kBeaconing).size(), 1u);  // for 28 hours
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
  take(1000, 900);      // from before sockscope started
  take(100'000, 1000);  // 0.1 %
  EXPECT_TRUE(told.empty());
  take(100'200, 1019);  // too few
  EXPECT_TRUE(told.empty());
  take(100'400, 1069);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].figure("percent"), 25);
  EXPECT_EQ(told[0].owner.name(), "rsync");
  EXPECT_EQ(told[0].first_ns, now - kSecond);
  EXPECT_EQ(detail(told[0]), "50 of 200 segments on 1 connection, most by rsync 7");
}

TEST_F(DetectorsTest, AStormIsNotOlderThanItsConnection) {
  Snapshot snapshot;
  snapshot.mono_ns = now += kSecond;
  detectors.take(snapshot, handler);
  snapshot.flows.resize(1);
  Flow& flow = snapshot.flows[0];
  flow.cookie = 5;
  flow.remote = {ip(kPublic), 443};
  flow.opened_ns = now + kSecond / 2;
  flow.counters.tx_segments = 200;
  flow.counters.retransmits = 50;
  snapshot.mono_ns = now += kSecond;
  detectors.take(snapshot, handler);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].first_ns, flow.opened_ns);
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

// Not a window's length before the alert.
TEST_F(DetectorsTest, FailuresBeginWithTheFirstThatCounts) {
  at(3);
  connection(EventKind::kConnectFailed, owner("app"), kPublic, 5432, ECONNREFUSED);  // forgotten
  at(100.25);
  const std::uint64_t first_ns = now;
  for (int i = 0; i < 40; ++i) {
    connection(EventKind::kConnectFailed, owner("app"), kPublic, 5432, ECONNREFUSED);
    now += 20'000'000;
  }
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].first_ns, first_ns);
  EXPECT_EQ(told[0].last_ns, first_ns + 29 * 20'000'000);
  at(102);
  const Alert alert = detectors.alerts().at(0);  // the others are told, too
  EXPECT_EQ(alert.figure("failures"), 40);
  EXPECT_EQ(alert.first_ns, first_ns);
  EXPECT_EQ(alert.last_ns, first_ns + 39 * 20'000'000);
}

TEST_F(DetectorsTest, FailuresOfAProcessAreNotHiddenByOthersOfItsProgram) {
  for (int i = 0; i < 240; ++i) {
    at(i * 0.25);
    connection(EventKind::kConnect, owner("python3", 1), kPublic + static_cast<std::uint32_t>(i),
               443);
  }
  at(61);
  const std::uint64_t first_ns = now;
  for (int i = 0; i < 45; ++i)
    connection(EventKind::kConnectFailed, owner("python3", 2), kPublic, 9, ECONNREFUSED);
  at(62);
  ASSERT_EQ(told.size(), 1u);
  const Alert alert = detectors.alerts()[0];
  EXPECT_EQ(alert.owner.pid, 2u);
  EXPECT_EQ(alert.first_ns, first_ns);
  EXPECT_EQ(detail(alert), "45 of 45 attempts failed, the last at 203.0.113.1:9: ECONNREFUSED");
}

TEST_F(DetectorsTest, FailuresOfAScannerDoNotCountAsThoseOfOthers) {
  at(2);
  for (std::uint16_t port = 1; port <= 19; ++port)
    connection(EventKind::kConnectFailed, owner("python3", 1), kPublic, port, ECONNREFUSED);
  now += 1'000;
  const std::uint64_t first_ns = now;
  for (int i = 0; i < 10; ++i)
    connection(EventKind::kConnectFailed, owner("python3", 2), kPublic + 1, 9, ECONNREFUSED);
  now += 1'000;
  connection(EventKind::kConnectFailed, owner("python3", 1), kPublic, 20, ECONNREFUSED);
  ASSERT_EQ(of(AlertKind::kPortScan).size(), 1u);
  at(4);
  for (int i = 0; i < 25; ++i)
    connection(EventKind::kConnectFailed, owner("python3", 2), kPublic + 1, 9, ECONNREFUSED);
  at(6);
  ASSERT_EQ(of(AlertKind::kConnectFailures).size(), 1u);
  const Alert alert = detectors.alerts().back();
  EXPECT_EQ(alert.figure("failures"), 35);
  EXPECT_EQ(alert.first_ns, first_ns);
}

TEST_F(DetectorsTest, AmongManyPeersSomeAreAlwaysGone) {
  for (int round = 0; round < 100; ++round) {
    at(round * 5.0);
    for (std::uint32_t peer = 0; peer < 40; ++peer) {
      const bool is_gone = peer % 3 == 0;
      if (is_gone || round == 0)  // connections to peers that exist are kept open
        connection(is_gone ? EventKind::kConnectFailed : EventKind::kConnect, owner("peer"),
                   kPublic + peer, 6881, ETIMEDOUT);
    }
  }
  EXPECT_TRUE(told.empty());
  for (std::uint32_t peer = 0; peer < 40; ++peer)  // the network is gone
    connection(EventKind::kConnectFailed, owner("peer"), kPublic + peer, 6881, ENETUNREACH);
  EXPECT_EQ(of(AlertKind::kConnectFailures).size(), 1u);
}

// An hour of what a workstation and a small server do, generated with a fixed seed.
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
  // A browser: pages at random times, each with many connections and names within two seconds.
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
       when += 15)  // the targets of a prober: all regular, one of them down
    for (std::uint32_t target = 0; target < 6; ++target)
      call(when + target * 0.3, "blackbox", kPublic + 400 + target, 443,
           target == 5 ? EventKind::kConnectFailed : EventKind::kConnect, ETIMEDOUT);
  for (double when = 1; when < 3600; when += 10) {  // agents and load balancers on private
                                                    // addresses
    call(when, "agent", kPrivate + 5, 8125);
    call(when + 0.2, "haproxy", kPrivate + 6, 80);
    acts.push_back(
        {when, [this] { connection(EventKind::kAccept, owner("sshd"), kPrivate + 7, 22); }});
  }
  for (double when = 2; when < 3600;
       when += uniform(20, 100))  // a poller that mostly keeps its connection open
    call(when, "mail", kPublic + 500, 993);
  for (double when = 1; when < 3600; when += uniform(0.5, 2))  // a mail server that asks lists of
                                                               // addresses
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

// Cannot be told from a beacon: one program, one public endpoint, a fixed interval.
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
      case 0: connection(EventKind::kAccept, owner("sshd"), kPublic + host, port % 32'768); break;
      case 1:
        connection(EventKind::kConnectFailed, owner(std::to_string(host)), kPublic + host % 10,
                   port, ECONNREFUSED);
        break;
      case 2: connection(EventKind::kConnect, owner("scan"), kPublic + host, port); break;
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
