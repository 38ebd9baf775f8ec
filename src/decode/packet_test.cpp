// SPDX-License-Identifier: Apache-2.0
#include "decode/packet.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace sockscope {
namespace {

using Bytes = std::vector<std::byte>;

// Hexadecimal digits to bytes; other characters are ignored.
Bytes hex(std::string_view text) {
  Bytes bytes;
  int high = -1;
  for (const char c : text) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) continue;
    if (high >= 0) bytes.push_back(static_cast<std::byte>(high << 4 | digit));
    high = high >= 0 ? -1 : digit;
  }
  return bytes;
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Captured by tcpdump: a SYN of curl to 127.0.0.1:8000, and the first bytes of a DNS query.
constexpr std::string_view kSyn =
    "4500003c 1c464000 40062074 7f000001 7f000001 c3501f40 11223344 00000000 a002ffd7 fe300000"
    "0204ffd7 0402080a 00000001 00000000 01030307";
constexpr std::string_view kUdp4 =
    "4500002b 00000000 4011fbfa c0a80001 0a000007 14e90035 00170000"
    "68656c6c6f2c20776f726c64212121";
constexpr std::string_view kAddresses6 =
    "20010db8000000000000000000000001 20010db8000000000000000000000002";
constexpr std::string_view kMacs = "02000000000a 02000000000b ";

Bytes joined(std::string_view head, std::string_view rest) {
  return hex(std::string(head) + std::string(rest));
}

TEST(Packet, TcpOverEthernet) {
  const Bytes bytes = joined(kMacs, "0800" + std::string(kSyn));
  const auto view = decode_packet(LinkType::kEthernet, bytes, bytes.size());
  ASSERT_TRUE(view);
  EXPECT_EQ(to_string(view->source), "127.0.0.1:50000");
  EXPECT_EQ(to_string(view->destination), "127.0.0.1:8000");
  EXPECT_EQ(view->protocol, 6);
  EXPECT_TRUE(view->has_ports);
  EXPECT_EQ(view->tcp_flags, kTcpSyn);
  EXPECT_EQ(view->tcp_sequence, 0x11223344u);
  EXPECT_EQ(view->payload_size, 0u);
  EXPECT_FALSE(view->is_fragment);
  EXPECT_FALSE(view->is_outgoing);
}

TEST(Packet, LinkTypes) {
  const struct {
    LinkType link;
    std::string head;
  } kHeads[] = {
      {LinkType::kEthernet, std::string(kMacs) + "0800"},
      {LinkType::kEthernet, std::string(kMacs) + "8100 0064 0800"},
      {LinkType::kEthernet, std::string(kMacs) + "88a8 0064 8100 00c8 0800"},
      {LinkType::kLinuxSll, "0004 0001 0006 02000000000a0000 0800"},
      {LinkType::kLinuxSll2, "0800 0000 00000007 0001 04 06 02000000000a0000"},
      {LinkType::kNull, "02000000"},
      {LinkType::kLoop, "00000002"},
      {LinkType::kRaw, ""},
      {LinkType::kIpv4, ""},
  };
  for (const auto& [link, head] : kHeads) {
    const Bytes bytes = joined(head, kUdp4);
    const auto view = decode_packet(link, bytes, bytes.size());
    ASSERT_TRUE(view) << head;
    EXPECT_EQ(to_string(view->source), "192.168.0.1:5353");
    EXPECT_EQ(to_string(view->destination), "10.0.0.7:53");
    EXPECT_EQ(text_of(view->payload), "hello, world!!!");
    EXPECT_EQ(view->payload_size, 15u);
    const bool is_cooked = link == LinkType::kLinuxSll || link == LinkType::kLinuxSll2;
    EXPECT_EQ(view->is_outgoing.has_value(), is_cooked);
    EXPECT_EQ(view->is_outgoing.value_or(false), is_cooked);
    EXPECT_EQ(view->interface_index, link == LinkType::kLinuxSll2 ? 7u : 0u);
    EXPECT_TRUE(is_known(link));
  }
  EXPECT_FALSE(is_known(static_cast<LinkType>(105)));
  EXPECT_FALSE(decode_packet(static_cast<LinkType>(105), hex(kUdp4), 43));
}

TEST(Packet, PaddingOfAShortFrameIsNoPayload) {
  const Bytes bytes = joined(kMacs, "0800" + std::string(kUdp4) + "0000000000");
  const auto view = decode_packet(LinkType::kEthernet, bytes, bytes.size());
  ASSERT_TRUE(view);
  EXPECT_EQ(text_of(view->payload), "hello, world!!!");
}

TEST(Packet, WhatWasCutOffIsCountedAsItWasOnTheWire) {
  const Bytes whole = hex(kUdp4);
  const auto view = decode_packet(LinkType::kRaw, std::span(whole).first(33), whole.size());
  ASSERT_TRUE(view);
  EXPECT_EQ(text_of(view->payload), "hello");
  EXPECT_EQ(view->payload_size, 15u);

  // Ends in the middle of TCP's options.
  const Bytes syn = hex(kSyn);
  const auto cut = decode_packet(LinkType::kRaw, std::span(syn).first(50), syn.size());
  ASSERT_TRUE(cut);
  EXPECT_TRUE(cut->has_ports);
  EXPECT_TRUE(cut->payload.empty());
  EXPECT_EQ(cut->payload_size, 0u);
}

TEST(Packet, Ipv4Options) {
  const Bytes bytes =
      hex("47000027 00000000 40110000 c0a80001 0a000007 94040000 01010101"
          "14e90035 000b0000 616263");
  const auto view = decode_packet(LinkType::kRaw, bytes, bytes.size());
  ASSERT_TRUE(view);
  EXPECT_EQ(view->source.port, 5353);
  EXPECT_EQ(text_of(view->payload), "abc");
}

TEST(Packet, Ipv4Fragments) {
  // UDP's length is that of the whole datagram; the first fragment holds 8 bytes of it.
  const Bytes first =
      hex("45000024 abcd2000 40110000 c0a80001 0a000007 14e90035 07d80000"
          "6162636465666768");
  auto view = decode_packet(LinkType::kRaw, first, first.size());
  ASSERT_TRUE(view);
  EXPECT_TRUE(view->is_fragment);
  EXPECT_TRUE(view->has_ports);
  EXPECT_EQ(view->fragment_id, 0xabcdu);
  EXPECT_EQ(view->payload_size, 8u);

  const Bytes later =
      hex("45000024 abcd00b9 40110000 c0a80001 0a000007 14e90035 07d80000"
          "6162636465666768");
  view = decode_packet(LinkType::kRaw, later, later.size());
  ASSERT_TRUE(view);
  EXPECT_TRUE(view->is_fragment);
  EXPECT_FALSE(view->has_ports);
  EXPECT_EQ(view->source.port, 0);
  EXPECT_EQ(view->fragment_offset, 0xb9 * 8);
  EXPECT_EQ(view->payload_size, 16u);
}

TEST(Packet, Ipv6WithExtensionHeaders) {
  // Before UDP: hop-by-hop and destination options, routing, and an authentication header.
  const Bytes bytes = hex("60000000 003b 00 40" + std::string(kAddresses6) +
                          "3c00 010400000000 2b00 010400000000 3300 000000000000"
                          "1104 0000 00000001 00000001 000000000000000000000000"
                          "14e90035 000b0000 616263");
  const auto view = decode_packet(LinkType::kRaw, bytes, bytes.size());
  ASSERT_TRUE(view);
  EXPECT_EQ(to_string(view->source), "[2001:db8::1]:5353");
  EXPECT_EQ(to_string(view->destination), "[2001:db8::2]:53");
  EXPECT_EQ(view->protocol, 17);
  EXPECT_EQ(text_of(view->payload), "abc");
}

TEST(Packet, Ipv6Fragments) {
  const Bytes first = hex("60000000 0018 2c 40" + std::string(kAddresses6) +
                          "1100 0001 00c0ffee 14e90035 07d80000 6162636465666768");
  auto view = decode_packet(LinkType::kIpv6, first, first.size());
  ASSERT_TRUE(view);
  EXPECT_TRUE(view->is_fragment);
  EXPECT_EQ(view->fragment_id, 0x00c0ffeeu);
  EXPECT_EQ(view->destination.port, 53);

  const Bytes later =
      hex("60000000 0010 2c 40" + std::string(kAddresses6) + "1100 05c8 00c0ffee 14e9003507d80000");
  view = decode_packet(LinkType::kIpv6, later, later.size());
  ASSERT_TRUE(view);
  EXPECT_EQ(view->protocol, 17);
  EXPECT_EQ(view->fragment_offset, 0x5c8);
  EXPECT_FALSE(view->has_ports);
  EXPECT_EQ(view->payload_size, 8u);
}

TEST(Packet, LengthsNotYetKnown) {
  // A packet that the interface is to segment (BIG TCP) has a total length of 0.
  std::string head = "45000000" + std::string(kSyn.substr(8));
  const Bytes bytes = hex(head + "616263");
  const auto view = decode_packet(LinkType::kRaw, bytes, 100'000);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->payload_size, 100'000u - 60);
  EXPECT_EQ(text_of(view->payload), "abc");
}

TEST(Packet, OtherProtocolsHaveNoPorts) {
  const Bytes echo = hex("45000020 00010000 40010000 c0a80001 0a000007 0800f7ff 0001000100000000");
  const auto view = decode_packet(LinkType::kRaw, echo, echo.size());
  ASSERT_TRUE(view);
  EXPECT_EQ(view->protocol, 1);
  EXPECT_FALSE(view->has_ports);
  EXPECT_EQ(view->payload_size, 12u);
  const Bytes arp = joined(kMacs, "0806 0001 0800 0604 0001");
  EXPECT_FALSE(decode_packet(LinkType::kEthernet, arp, arp.size()));
}

TEST(Packet, WhatLies) {
  // Header lengths below the minimum and beyond the end, and a total length shorter than the
  // header.
  for (const char* bytes : {"44000014 00000000 40110000 c0a80001 0a000007",
                            "4f000014 00000000 40110000 c0a80001 0a000007",
                            "45000010 00000000 40110000 c0a80001 0a000007", "45", "", "60", "50"})
    EXPECT_FALSE(decode_packet(LinkType::kRaw, hex(bytes), hex(bytes).size())) << bytes;
  // A TCP header shorter than the minimum: addresses are known, ports are not.
  Bytes bytes = hex(kSyn);
  bytes[32] = std::byte{0x40};
  const auto view = decode_packet(LinkType::kRaw, bytes, bytes.size());
  ASSERT_TRUE(view);
  EXPECT_FALSE(view->has_ports);
  // More extension headers than are followed.
  std::string endless = "60000000 0400 00 40" + std::string(kAddresses6);
  for (int i = 0; i < 128; ++i) endless += "0000010400000000";
  const Bytes chain = hex(endless);
  const auto tired = decode_packet(LinkType::kRaw, chain, chain.size());
  ASSERT_TRUE(tired);
  EXPECT_FALSE(tired->has_ports);
}

// Every prefix of a packet is decoded without reading beyond it (each in its own memory, for the
// sanitizer).
TEST(Packet, EveryPrefix) {
  const Bytes whole =
      hex(std::string(kMacs) + "86dd 60000000 0020 00 40" + std::string(kAddresses6) +
          "2c00 010400000000 1100 0001 00c0ffee"
          "14e90035 07d80000 6162636465666768");
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const Bytes prefix(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const auto view = decode_packet(LinkType::kEthernet, prefix, whole.size());
    EXPECT_EQ(view.has_value(), size >= 54) << size;
    EXPECT_EQ(view && view->has_ports, size >= 78) << size;
  }
}

}  // namespace
}  // namespace sockscope
