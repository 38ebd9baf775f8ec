// SPDX-License-Identifier: Apache-2.0
#include "decode/rtnetlink.h"

#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <vector>

#include "decode/netlink_testing.h"

namespace sockscope {
namespace {

Bytes link_payload() {
  Bytes bytes;
  ifinfomsg header{};
  header.ifi_index = 7;
  header.ifi_flags = IFF_UP | IFF_RUNNING;
  append(bytes, header);
  add_attribute(bytes, IFLA_IFNAME, std::string_view("veth0\0", 6));
  add_value(bytes, IFLA_MTU, std::uint32_t{1400});
  add_value(bytes, IFLA_CARRIER_CHANGES, std::uint32_t{3});
  rtnl_link_stats64 stats{};
  stats.rx_bytes = 1ull << 33;
  stats.tx_bytes = 2;
  stats.rx_packets = 3;
  stats.tx_packets = 4;
  stats.rx_errors = 5;
  stats.tx_errors = 6;
  stats.rx_dropped = 7;
  stats.tx_dropped = 8;
  add_value(bytes, IFLA_STATS64, stats);
  Bytes kind;
  add_attribute(kind, IFLA_INFO_KIND, std::string_view("veth"));
  add_attribute(bytes, IFLA_LINKINFO | NLA_F_NESTED, kind);
  return bytes;
}

TEST(DecodeLink, ReadsEveryField) {
  const auto record = decode_link(link_payload());
  ASSERT_TRUE(record);
  EXPECT_EQ(record->link.index, 7u);
  EXPECT_EQ(record->link.name, "veth0");
  EXPECT_TRUE(record->link.is_up);
  EXPECT_FALSE(record->link.is_loopback);
  EXPECT_TRUE(record->link.is_virtual);
  EXPECT_EQ(record->link.mtu, 1400u);
  EXPECT_EQ(record->carrier_changes, 3u);
  EXPECT_EQ(record->link.counters, (InterfaceCounters{1ull << 33, 2, 3, 4, 5, 6, 7, 8}));
}

TEST(DecodeLink, CutAnywhereIsNeverReadPast) {
  const Bytes bytes = link_payload();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    const auto record = decode_link(cut);
    EXPECT_EQ(record.has_value(), size >= sizeof(ifinfomsg) + sizeof(rtattr) + 6) << size;
  }
}

TEST(DecodeLink, OlderAndNewerStatistics) {
  Bytes bytes;
  ifinfomsg header{};
  header.ifi_index = 1;
  append(bytes, header);
  add_attribute(bytes, IFLA_IFNAME, std::string_view("x"));
  const std::uint64_t two[2] = {11, 12};
  add_value(bytes, IFLA_STATS64, two);
  ASSERT_TRUE(decode_link(bytes));
  EXPECT_EQ(decode_link(bytes)->link.counters.tx_packets, 12u);
  add_attribute(bytes, IFLA_STATS64, Bytes(500, std::byte{1}));
  EXPECT_EQ(decode_link(bytes)->link.counters.tx_drops, 0x0101010101010101u);
}

TEST(DecodeAddress, LocalEndOfAPointToPointLink) {
  Bytes bytes;
  ifaddrmsg header{};
  header.ifa_family = 2;
  header.ifa_prefixlen = 24;
  header.ifa_index = 3;
  append(bytes, header);
  add_value(bytes, IFA_ADDRESS, std::array<std::uint8_t, 4>{10, 0, 0, 1});
  EXPECT_EQ(to_string(decode_address(bytes)->address.address), "10.0.0.1");
  add_value(bytes, IFA_LOCAL, std::array<std::uint8_t, 4>{10, 0, 0, 2});
  const auto record = decode_address(bytes);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->index, 3u);
  EXPECT_EQ(record->address.prefix, 24);
  EXPECT_EQ(to_string(record->address.address), "10.0.0.2");
}

Bytes route_payload(unsigned family, unsigned type) {
  Bytes bytes;
  rtmsg header{};
  header.rtm_family = static_cast<unsigned char>(family);
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_type = static_cast<unsigned char>(type);
  append(bytes, header);
  return bytes;
}

TEST(DecodeRoute, GatewayOfADefaultRoute) {
  Bytes bytes = route_payload(2, RTN_UNICAST);
  add_value(bytes, RTA_GATEWAY, std::array<std::uint8_t, 4>{192, 0, 2, 1});
  add_value(bytes, RTA_OIF, std::uint32_t{4});
  add_value(bytes, RTA_PRIORITY, std::uint32_t{100});
  const auto route = decode_route(bytes);
  ASSERT_TRUE(route);
  ASSERT_TRUE(route->gateway);
  EXPECT_EQ(to_string(*route->gateway), "192.0.2.1");
  EXPECT_EQ(route->index, 4u);
  EXPECT_EQ(route->priority, 100u);
  EXPECT_EQ(route->table, static_cast<std::uint32_t>(RT_TABLE_MAIN));
  EXPECT_EQ(route->prefix, 0);
}

TEST(DecodeRoute, FirstOfSeveralPaths) {
  Bytes hops;
  for (const std::uint8_t last : {std::uint8_t{1}, std::uint8_t{2}}) {
    Bytes gateway;
    add_value(gateway, RTA_GATEWAY, std::array<std::uint8_t, 4>{192, 0, 2, last});
    append(hops, rtnexthop{static_cast<unsigned short>(sizeof(rtnexthop) + gateway.size()), 0, 0,
                           10 + last});
    hops.insert(hops.end(), gateway.begin(), gateway.end());
  }
  Bytes bytes = route_payload(2, RTN_UNICAST);
  add_attribute(bytes, RTA_MULTIPATH, hops);
  const auto route = decode_route(bytes);
  ASSERT_TRUE(route && route->gateway);
  EXPECT_EQ(to_string(*route->gateway), "192.0.2.1");
  EXPECT_EQ(route->index, 11u);
}

TEST(DecodeRoute, Ipv4OverAnIpv6Neighbour) {
  Bytes via;
  append(via, std::uint16_t{10});
  for (const unsigned byte : {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})
    via.push_back(static_cast<std::byte>(byte));
  Bytes bytes = route_payload(2, RTN_UNICAST);
  add_attribute(bytes, RTA_VIA, via);
  const auto route = decode_route(bytes);
  ASSERT_TRUE(route && route->gateway);
  EXPECT_EQ(to_string(*route->gateway), "fe80::1");
}

TEST(DecodeRoute, LeavesOutWhatDoesNotForward) {
  EXPECT_FALSE(decode_route(route_payload(2, RTN_BLACKHOLE)));
  EXPECT_FALSE(decode_route(route_payload(2, RTN_LOCAL)));
  EXPECT_FALSE(decode_route(route_payload(7, RTN_UNICAST)));
  EXPECT_FALSE(decode_route({}));
}

TEST(TakeNetlinkMessage, WalksAndStopsAtLies) {
  Bytes datagram;
  append(datagram, nlmsghdr{sizeof(nlmsghdr) + 5, RTM_NEWLINK, NLM_F_MULTI, 9, 0});
  datagram.resize(datagram.size() + 8);  // 5 and padding
  append(datagram, nlmsghdr{sizeof(nlmsghdr) + 4, NLMSG_ERROR, 0, 9, 0});
  append(datagram, int{-EPERM});
  append(datagram, nlmsghdr{100, RTM_NEWLINK, 0, 9, 0});
  std::span<const std::byte> rest = datagram;
  auto message = take_netlink_message(rest);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->type, RTM_NEWLINK);
  EXPECT_EQ(message->sequence, 9u);
  EXPECT_EQ(message->payload.size(), 5u);
  message = take_netlink_message(rest);
  ASSERT_TRUE(message);
  EXPECT_EQ(netlink_error(*message), EPERM);
  EXPECT_FALSE(take_netlink_message(rest));
  EXPECT_TRUE(rest.empty());
  for (const std::uint32_t length : {0u, 4u, 15u, 17u, 0xffffffffu}) {
    Bytes lies;
    append(lies, nlmsghdr{length, RTM_NEWLINK, 0, 0, 0});
    std::span<const std::byte> bytes = lies;
    EXPECT_FALSE(take_netlink_message(bytes)) << length;
  }
}

}  // namespace
}  // namespace sockscope
