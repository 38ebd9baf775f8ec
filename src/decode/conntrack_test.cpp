// SPDX-License-Identifier: Apache-2.0
#include "decode/conntrack.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <array>

#include "decode/netlink_testing.h"

namespace sockscope {
namespace {

Endpoint end(std::uint8_t last, std::uint16_t port, std::uint8_t family) {
  Endpoint endpoint;
  endpoint.addr.family = family;
  endpoint.addr.bytes = {10, 0, 0, last};
  endpoint.port = port;
  return endpoint;
}

void add_address(Bytes& bytes, unsigned type, const Address& address) {
  const auto* from = reinterpret_cast<const std::byte*>(address.bytes.data());
  add_attribute(bytes, type, Bytes(from, from + (address.family == 4 ? 4 : 16)));
}

void add_tuple(Bytes& bytes, unsigned type, std::uint8_t protocol, const Endpoint& from,
               const Endpoint& to) {
  const bool is_ipv4 = from.addr.family == 4;
  Bytes addresses, ports, tuple;
  add_address(addresses, is_ipv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, from.addr);
  add_address(addresses, is_ipv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, to.addr);
  add_value(ports, CTA_PROTO_NUM, protocol);
  add_value(ports, CTA_PROTO_SRC_PORT, htons(from.port));
  add_value(ports, CTA_PROTO_DST_PORT, htons(to.port));
  add_attribute(tuple, CTA_TUPLE_IP | NLA_F_NESTED, addresses);
  add_attribute(tuple, CTA_TUPLE_PROTO | NLA_F_NESTED, ports);
  add_attribute(bytes, type | NLA_F_NESTED, tuple);
}

// 10.0.0.1:40000 connects to 10.0.0.96:443, which netfilter translates to 10.0.0.2:6443.
Bytes payload(std::uint8_t protocol = 6, std::uint8_t family = 4, std::uint16_t reply_port = 6443) {
  Bytes bytes;
  append(bytes, nfgenmsg{});
  add_tuple(bytes, CTA_TUPLE_ORIG, protocol, end(1, 40'000, family), end(96, 443, family));
  add_tuple(bytes, CTA_TUPLE_REPLY, protocol, end(2, reply_port, family), end(1, 40'000, family));
  add_value(bytes, CTA_STATUS, htonl(0x1a));
  return bytes;
}

TEST(Conntrack, BothDirectionsOfBothFamilies) {
  for (const std::uint8_t family : std::to_array<std::uint8_t>({4, 6})) {
    for (const std::uint8_t protocol : std::to_array<std::uint8_t>({6, 17})) {
      const auto entry = decode_conntrack(payload(protocol, family));
      ASSERT_TRUE(entry);
      EXPECT_EQ(static_cast<std::uint8_t>(entry->protocol), protocol);
      EXPECT_EQ(entry->original, (ConntrackTuple{end(1, 40'000, family), end(96, 443, family)}));
      EXPECT_EQ(entry->reply, (ConntrackTuple{end(2, 6443, family), end(1, 40'000, family)}));
      EXPECT_TRUE(entry->is_translated());
    }
  }
}

TEST(Conntrack, TheMereInverseIsNotTranslated) {
  Bytes bytes;
  append(bytes, nfgenmsg{});
  add_tuple(bytes, CTA_TUPLE_ORIG, 6, end(1, 40'000, 4), end(2, 443, 4));
  add_tuple(bytes, CTA_TUPLE_REPLY, 6, end(2, 443, 4), end(1, 40'000, 4));
  const auto entry = decode_conntrack(bytes);
  ASSERT_TRUE(entry);
  EXPECT_FALSE(entry->is_translated());
}

TEST(Conntrack, OtherProtocolsAndZonesAreNone) {
  EXPECT_FALSE(decode_conntrack(payload(1)));
  Bytes in_zone = payload();
  add_value(in_zone, CTA_ZONE, htons(7));
  EXPECT_FALSE(decode_conntrack(in_zone));
  // Only one direction is in a zone.
  for (const unsigned direction : {CTA_TUPLE_ORIG, CTA_TUPLE_REPLY}) {
    Bytes bytes = payload();
    Bytes zone;
    add_value(zone, CTA_TUPLE_ZONE, htons(7));
    add_attribute(bytes, direction | NLA_F_NESTED, zone);
    EXPECT_FALSE(decode_conntrack(bytes)) << direction;
  }
}

TEST(Conntrack, CutAnywhereItIsNoneOrWhole) {
  const Bytes whole = payload();
  const auto expected = decode_conntrack(whole);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const auto entry = decode_conntrack(cut);
    EXPECT_TRUE(!entry || entry->reply == expected->reply) << size;
  }
}

TEST(Conntrack, PortZeroIsNone) {
  EXPECT_FALSE(decode_conntrack(payload(6, 4, 0)));
}

}  // namespace
}  // namespace sockscope
