// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>

#include "track/detectors/detectors_testing.h"

namespace sockscope {
namespace {

class PortScanTest : public testing::Test, protected WithDetectors {};

TEST_F(PortScanTest, AScanIsOneAlertThatGetsWorseAndEnds) {
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
  EXPECT_EQ(told[0].key, "port_scan/out/203.0.113.1/nmap/7");
  EXPECT_EQ(told[2].first_ns, kBegin + 10'000'000);
  EXPECT_EQ(told[2].last_ns, kBegin + 10'000'000'000);
  EXPECT_EQ(detail(told[2]), "1000 ports, 1000 of them shut, 1000 attempts in 9.9 s");
}

// 60 ports in 20 ms; 30 s later another process of the same program tries one of them 45 times.
TEST_F(PortScanTest, AScanIsThatOfItsProcessAndHidesNoOther) {
  const std::uint64_t first_ns = now += 7;
  for (std::uint16_t port = 1; port <= 60; ++port) {
    connection(EventKind::kConnectFailed, owner("python3", 15'048), kPublic, port, ECONNREFUSED);
    now += 20'000'000 / 59;
  }
  at(1);
  const Alert scan = detectors.alerts().at(0);
  EXPECT_EQ(scan.first_ns, first_ns);
  EXPECT_EQ(detail(scan), "60 ports, 60 of them shut, 60 attempts in 20 ms");
  EXPECT_TRUE(of(AlertKind::kConnectFailures).empty());
  at(30);
  const std::uint64_t failed_ns = now;
  for (int i = 0; i < 45; ++i) {
    connection(EventKind::kConnectFailed, owner("python3", 15'099), kPublic, 9, ECONNREFUSED);
    now += 200'000'000;
  }
  at(40);
  const std::vector<Alert> alerts = detectors.alerts();
  ASSERT_EQ(alerts.size(), 2u);
  EXPECT_EQ(detail(alerts[0]), detail(scan));
  EXPECT_EQ(alerts[0].last_ns, scan.last_ns);
  EXPECT_EQ(alerts[0].owner.pid, 15'048u);
  EXPECT_EQ(alerts[1].kind, AlertKind::kConnectFailures);
  EXPECT_EQ(alerts[1].owner.pid, 15'099u);
  EXPECT_EQ(alerts[1].figure("failures"), 45);
  EXPECT_EQ(alerts[1].figure("attempts"), 45);
  EXPECT_EQ(alerts[1].first_ns, failed_ns);
  at(62);
  EXPECT_EQ(of(AlertKind::kPortScan, AlertPhase::kEnded).size(), 1u);
}

TEST_F(PortScanTest, TwoProcessesOfOneProgramThatScanAreTwoAlerts) {
  for (const std::uint16_t from : {std::uint16_t{1}, std::uint16_t{21}})
    for (const std::uint32_t pid : {21u, 22u})
      for (std::uint16_t port = from; port < from + 20; ++port)
        connection(EventKind::kConnectFailed, owner("python3", pid), kPublic, port, ECONNREFUSED);
  at(1);
  ASSERT_EQ(of(AlertKind::kPortScan).size(), 2u);
  EXPECT_EQ(told.size(), 2u);
  for (const Alert& alert : detectors.alerts()) EXPECT_EQ(alert.figure("attempts"), 40);
}

// for port in $(seq 100); do nc -z 203.0.113.1 $port; done
TEST_F(PortScanTest, AScanByAProcessForEachPort) {
  for (std::uint16_t port = 1; port <= 60; ++port) {
    at(port * 0.1);
    connection(EventKind::kConnectFailed, owner("nc", 1'000u + port), kPublic, port, ECONNREFUSED);
  }
  at(8);
  ASSERT_EQ(told.size(), 1u);
  const Alert alert = detectors.alerts()[0];
  EXPECT_EQ(message(alert), "processes of nc scan ports of 203.0.113.1");
  EXPECT_EQ(detail(alert), "60 ports by a process each, 60 of them shut, 60 attempts in 5.9 s");
  EXPECT_EQ(alert.key, "port_scan/out/203.0.113.1/nc");
}

// Fifteen processes with their own server each, and one that tries ten ports.
TEST_F(PortScanTest, FewPortsOfManyProcessesAreNoScan) {
  for (std::uint16_t i = 0; i < 15; ++i)
    connection(EventKind::kConnectFailed, owner("python3", 100u + i), kPublic,
               static_cast<std::uint16_t>(8'000 + i), ECONNREFUSED);
  for (std::uint16_t port = 1; port <= 10; ++port)
    connection(EventKind::kConnectFailed, owner("python3", 7), kPublic, port, ECONNREFUSED);
  at(1);
  EXPECT_TRUE(told.empty());
}

// What a client does after a scan from its address, or its neighbour behind the same one.
TEST_F(PortScanTest, OrdinaryConnectionsDoNotProlongAScanFromOutside) {
  const auto knock = [this](std::uint16_t port) {
    Event event;
    event.mono_ns = now;
    event.what = event::Refused{1};
    event.flow.direction = Direction::kInbound;
    event.flow.remote = {ip(kPublic), 40'000};
    event.flow.local = {ip(kPrivate), port};
    detectors.take(event, handler);
  };
  for (int i = 0; i < 4; ++i) {
    connection(EventKind::kAccept, owner("nginx"), kPublic, 8'080);  // and before
    knock(8'081);
  }
  at(0.5);
  for (std::uint16_t port = 1; port <= 60; ++port) {
    now += 300'000;
    knock(port);
  }
  at(1);
  const Alert scan = detectors.alerts().at(0);
  EXPECT_EQ(scan.figure("attempts"), 60);
  for (int i = 0; i < 200; ++i) {
    at(2 + i * 0.25);
    connection(EventKind::kAccept, owner("nginx"), kPublic, 443);
    if (i > 40) knock(7'777);  // a dead one, later
  }
  Alert last = detectors.alerts().at(0);
  EXPECT_EQ(last.figure("ports"), 61);  // 443 was tried within seconds of the scan
  EXPECT_EQ(last.figure("attempts"), 61);
  EXPECT_EQ(last.last_ns, kBegin + 2 * kSecond);
  at(63);
  EXPECT_EQ(of(AlertKind::kPortScan, AlertPhase::kEnded).size(), 1u);
  at(70);
  EXPECT_EQ(of(AlertKind::kPortScan).size(), 1u);
}

TEST_F(PortScanTest, AScanThatPausesIsStillOne) {
  const auto scan = [this](std::uint16_t from) {
    for (std::uint16_t port = from; port < from + 50; ++port) {
      now += 1'000'000;
      connection(EventKind::kConnectFailed, owner("nmap"), kPublic, port, ECONNREFUSED);
    }
  };
  scan(1);
  at(20);
  connection(EventKind::kConnectFailed, owner("nmap"), kPublic, 5'000, ECONNREFUSED);
  at(21);
  EXPECT_EQ(detectors.alerts().at(0).figure("ports"), 50);
  at(40);
  scan(51);
  at(45);
  ASSERT_EQ(detectors.alerts().size(), 1u);
  EXPECT_EQ(detectors.alerts()[0].figure("ports"), 101);
  EXPECT_EQ(detectors.alerts()[0].figure("attempts"), 101);
}

// It says when and how often something happened within the window, not since it was first seen.
TEST_F(PortScanTest, AScanBeginsWithItsFirstPort) {
  for (int i = 0; i < 100; ++i) {
    at(i);
    connection(EventKind::kConnectFailed, owner("app"), kPublic, 8'080, ECONNREFUSED);
    connection(EventKind::kConnect, owner("app"), kPublic, 443);
  }
  at(100.5);
  told.clear();
  for (std::uint16_t port = 1; port <= 30; ++port)
    connection(EventKind::kConnectFailed, owner("app"), kPublic, port, ECONNREFUSED);
  at(102);
  ASSERT_EQ(of(AlertKind::kPortScan).size(), 1u);
  EXPECT_EQ(told[0].first_ns, kBegin + 100'500'000'000);
  const std::vector<Alert> alerts = detectors.alerts();
  EXPECT_EQ(detail(alerts.back()), "30 ports, 30 of them shut, 30 attempts in 0 us");
}

TEST_F(PortScanTest, OpenPortsOfThisHostAreScannedFromOutside) {
  for (std::uint16_t port = 1; port < 100; ++port)
    connection(EventKind::kAccept, owner("inetd"), kPublic, port);
  EXPECT_TRUE(told.empty());  // this many are in use at most
  connection(EventKind::kAccept, owner("inetd"), kPublic, 100);
  ASSERT_EQ(of(AlertKind::kPortScan).size(), 1u);
  EXPECT_EQ(told[0].owner.pid, 0u);
  EXPECT_EQ(message(told[0]), "203.0.113.1 scans ports of this host");
}

TEST_F(PortScanTest, AScrapeOfManyExportersIsNoScan) {
  for (int round = 0; round < 10; ++round) {
    at(round * 15.0);
    for (std::uint16_t port = 9'100; port < 9'140; ++port)
      connection(port % 20 == 0 ? EventKind::kConnectFailed : EventKind::kConnect,
                 owner("prometheus"), kPrivate, port, ECONNREFUSED);  // two of forty are down
  }
  EXPECT_TRUE(of(AlertKind::kPortScan).empty());
}

// Connections to exporters that answer are kept open; an exporter that is down is tried each time.
TEST_F(PortScanTest, ATargetThatIsDownIsOnePortHoweverOftenItIsTried) {
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

TEST_F(PortScanTest, FtpWithAnyPortForDataIsNoScan) {
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
  EXPECT_EQ(of(AlertKind::kPortScan).size(), 1u);  // a program that uses FTP can still scan
}

TEST_F(PortScanTest, ShutPortsOfThisHostToo) {
  Event event;
  event.what = event::Refused{3};  // each stands for itself and two unreported ones
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

TEST_F(PortScanTest, PassiveFtpAndSlowChangesAreNoScan) {
  for (std::uint16_t i = 0; i < 500; ++i)
    connection(EventKind::kAccept, owner("vsftpd"), kPublic,
               static_cast<std::uint16_t>(40'000 + i));
  for (std::uint16_t i = 1; i < 200; ++i) {
    at(i * 2.0);
    connection(EventKind::kConnect, owner("slow"), kPublic, i);
  }
  EXPECT_TRUE(of(AlertKind::kPortScan).empty());
}

}  // namespace
}  // namespace sockscope
