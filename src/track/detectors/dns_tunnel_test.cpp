// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "track/detectors/detectors_testing.h"

namespace sockscope {
namespace {

class DnsTunnelTest : public testing::Test, protected WithDetectors {};

TEST_F(DnsTunnelTest, DnsTunnelsByNumberAndByLength) {
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

// Hosts of a content network that is not in the list.
TEST_F(DnsTunnelTest, NamesThatAreConnectedToAreNoTunnel) {
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

// With labels as long as a tunnel's. The original name is asked last, or first.
class SearchList : public DnsTunnelTest, public testing::WithParamInterface<bool> {};

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
  EXPECT_EQ(of(AlertKind::kDnsTunnel)[0].name, "example.net");  // this one is asked in its original
                                                                // form
}
INSTANTIATE_TEST_SUITE_P(Itself, SearchList, testing::Values(false, true));

TEST_F(DnsTunnelTest, OneNameInManyCasesIsOneName) {
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

TEST_F(DnsTunnelTest, ListsOfAddressesAreNoTunnel) {
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

// Two hundred different names a minute below one domain.
const std::pair<const char*, const char*> kOrdinaryNames[] = {
    {"lists of domains", "shop{}.de.dbl.list.example"},
    {"of longer ones", "www.mail{}.co.uk.dbl.list.example"},
    {"a search list", "host{}.github.com.corp.example.net"},
    {"a content network", "rr{}---sn-4g5ednsl.googlevideo.com"},
    {"a cloud", "d{}x0c3b.cloudfront.net"},
    {"addresses in reverse", "{}.2.0.192.in-addr.arpa"},
    {"a cluster's search list", "db{}.shop.svc.cluster.local"},
};

TEST_F(DnsTunnelTest, ManyOrdinaryNamesAreNoTunnel) {
  for (const auto& [what, pattern] : kOrdinaryNames) {
    for (int i = 0; i < 200; ++i) {
      at(i * 0.2);
      query(owner("postfix"), fmt::format(fmt::runtime(pattern), i));
    }
    EXPECT_TRUE(of(AlertKind::kDnsTunnel).empty()) << what;
  }
}

TEST_F(DnsTunnelTest, ATunnelThatEndsLikeADomainIsStillOne) {
  for (int i = 0; i < 60; ++i) {
    at(i * 0.5);
    query(owner("dnscat"), fmt::format("{:030}.com.t.example.com", i));
  }
  EXPECT_EQ(of(AlertKind::kDnsTunnel).size(), 1u);
}

// Not with the oldest of the names that are kept.
TEST_F(DnsTunnelTest, ATunnelBeginsWithItsFirstQueryOfTheMinute) {
  at(3.5);
  query(owner("dnscat"), "a.b.c.t.example");
  at(100.25);
  const std::uint64_t first_ns = now;
  for (int i = 0; i < 60; ++i) {
    at(100.25 + i * 0.5);
    query(owner("dnscat"), "a.b.c." + std::to_string(i) + ".t.example");
  }
  ASSERT_EQ(of(AlertKind::kDnsTunnel).size(), 1u);
  EXPECT_EQ(told[0].first_ns, first_ns);
}

TEST_F(DnsTunnelTest, QueriesOfTheSameSecondAreToldToo) {
  for (int i = 0; i < 400; ++i) {
    now += 1'000'000;
    query(owner("dnscat"), "a.b.c." + std::to_string(i) + ".t.example");
  }
  const std::uint64_t last_ns = now;
  at(2);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].figure("queries_per_minute"), 51);
  EXPECT_EQ(detectors.alerts()[0].figure("queries_per_minute"), 400);
  EXPECT_EQ(detectors.alerts()[0].last_ns, last_ns);
}

TEST_F(DnsTunnelTest, ATunnelOfLongNamesBeginsWithTheFirstOfThem) {
  query(owner("dnscat"), "short.t.example");
  at(5);
  const std::uint64_t first_ns = now;
  for (int i = 0; i < 3; ++i) {
    at(5 + i * 2.0);
    query(owner("dnscat"),
          std::string(60, 'a') + std::to_string(i) + '.' + std::string(60, 'b') + ".t.example");
  }
  ASSERT_EQ(of(AlertKind::kDnsTunnel).size(), 1u);
  EXPECT_EQ(told[0].first_ns, first_ns);
}

TEST_F(DnsTunnelTest, LabelsMayHaveAnyBytes) {
  for (const char* label : {" app", "app ", " ", "  ", "net online", "\x01", "xyz "})
    for (int i = 0; i < 60; ++i) query(owner("odd"), fmt::format("a{}.{}.t.example", i, label));
  EXPECT_EQ(of(AlertKind::kDnsTunnel).size(), 1u);
}

TEST_F(DnsTunnelTest, AllowedDomainsAreNoTunnel) {
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

TEST_F(DnsTunnelTest, AForwarderOfThisHostAsksForOthers) {
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
  for (int i = 0; i < 60; ++i) {  // not on behalf of another
    at(60 + i * 0.2);
    query(owner("dnsmasq", 8), "b" + std::to_string(i) + ".t.example.net");
  }
  ASSERT_EQ(of(AlertKind::kDnsTunnel).size(), 1u);
  EXPECT_EQ(of(AlertKind::kDnsTunnel)[0].owner.pid, 8u);
}

}  // namespace
}  // namespace sockscope
