// SPDX-License-Identifier: Apache-2.0
#include "format/pcapng.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

namespace sockscope {
namespace {

std::uint32_t number_at(std::string_view text, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t byte = 4; byte-- > 0;)
    value = value << 8 | static_cast<unsigned char>(text[at + byte]);
  return value;
}

// The blocks of a file, each with its length at both ends.
std::vector<std::string> blocks_of(std::string_view file) {
  std::vector<std::string> blocks;
  while (file.size() >= 12) {
    const std::uint32_t size = number_at(file, 4);
    if (size % 4 != 0 || size > file.size() || size < 12 || number_at(file, size - 4) != size)
      break;
    blocks.emplace_back(file.substr(0, size));
    file.remove_prefix(size);
  }
  EXPECT_TRUE(file.empty());
  return blocks;
}

// The options of a block as "code=value".
std::vector<std::string> options_of(std::string_view block, std::size_t at) {
  std::vector<std::string> options;
  while (at + 8 <= block.size()) {
    const std::uint32_t head = number_at(block, at);
    const std::uint32_t size = head >> 16;
    if ((head & 0xffff) == 0) {
      EXPECT_EQ(at + 8, block.size());
      return options;
    }
    options.push_back(std::to_string(head & 0xffff) + "=" +
                      std::string(block.substr(at + 4, size)));
    at += 4 + (size + 3) / 4 * 4;
  }
  ADD_FAILURE() << "no end of options";
  return options;
}

Flow flow_of(std::uint64_t cookie, std::uint32_t pid, const char* comm) {
  Flow flow;
  flow.cookie = cookie;
  flow.owner.pid = pid;
  flow.owner.kind = OwnerKind::kExact;
  std::strncpy(flow.owner.comm.data(), comm, flow.owner.comm.size() - 1);
  return flow;
}

PcapngWriter writer() {
  return {{.link_type = 276, .snap_length = 96, .name = "any", .filter = "udp"},
          [](std::uint32_t index) {
            return std::string(index == 1 ? "lo" : index == 7 ? "eth0" : "");
          }};
}

TEST(Pcapng, Head) {
  std::string out;
  writer().append_head("sockscope 1", out);
  const auto blocks = blocks_of(out);
  ASSERT_EQ(blocks.size(), 2u);
  EXPECT_EQ(blocks[0].substr(0, 4), "\x0a\x0d\x0d\x0a");
  EXPECT_EQ(number_at(blocks[0], 8), 0x1a2b3c4du);
  EXPECT_EQ(options_of(blocks[0], 24), (std::vector<std::string>{"4=sockscope 1"}));
  EXPECT_EQ(number_at(blocks[1], 0), 1u);
  EXPECT_EQ(number_at(blocks[1], 8), 276u);
  EXPECT_EQ(number_at(blocks[1], 12), 96u);
  EXPECT_EQ(options_of(blocks[1], 16),
            (std::vector<std::string>{"2=any", "9=\x09", std::string("11=\0udp", 7)}));
}

// Each interface has one block, before its first packet. Packets without an interface belong to the
// first block.
TEST(Pcapng, PacketsAreOfTheirInterfaces) {
  PcapngWriter any = writer();
  std::string out;
  any.append_head("sockscope 1", out);
  for (const std::uint32_t index : {7u, 0u, 1u, 7u, 9u, 1u}) {
    Packet packet;
    packet.interface_index = index;
    any.append_packet(packet, out);
  }
  const auto blocks = blocks_of(out);
  std::vector<std::string> seen;
  for (std::size_t i = 1; i < blocks.size(); ++i)
    seen.push_back(number_at(blocks[i], 0) == 1 ? options_of(blocks[i], 16)[0]
                                                : std::to_string(number_at(blocks[i], 8)));
  EXPECT_EQ(seen, (std::vector<std::string>{"2=any", "2=eth0", "1", "0", "2=lo", "2", "1", "2=if9",
                                            "3", "2"}));
}

TEST(Pcapng, PacketWithItsProcesses) {
  PcapngWriter file = writer();
  const Flow client = flow_of(11, 42, "cu\nrl");
  const Flow server = flow_of(12, 43, "nginx");
  const std::array<std::byte, 5> bytes = {std::byte{'h'}, std::byte{'e'}, std::byte{'l'},
                                          std::byte{'l'}, std::byte{'o'}};
  Packet packet{
      .wall_ns = 0x1122334455667788, .wire_size = 1500, .bytes = bytes, .sender = &client};
  std::string out;
  file.append_packet(packet, out);
  packet.receiver = &server;
  file.append_packet(packet, out);
  packet.sender = nullptr;
  file.append_packet(packet, out);
  packet.receiver = nullptr;
  file.append_packet(packet, out);
  const auto blocks = blocks_of(out);
  ASSERT_EQ(blocks.size(), 4u);
  for (const std::string& block : blocks) {
    EXPECT_EQ(number_at(block, 0), 6u);
    EXPECT_EQ(number_at(block, 12), 0x11223344u);
    EXPECT_EQ(number_at(block, 16), 0x55667788u);
    EXPECT_EQ(number_at(block, 20), 5u);
    EXPECT_EQ(number_at(block, 24), 1500u);
    EXPECT_EQ(block.substr(28, 8), std::string("hello\0\0\0", 8));
  }
  const std::string sent = "1=tx pid=42 flow=11 owner=exact comm=cu?rl";
  const std::string received = "1=rx pid=43 flow=12 owner=exact comm=nginx";
  EXPECT_EQ(options_of(blocks[0], 36),
            (std::vector<std::string>{sent, std::string("2=\2\0\0\0", 6)}));
  EXPECT_EQ(options_of(blocks[1], 36), (std::vector<std::string>{sent, received}));
  EXPECT_EQ(options_of(blocks[2], 36),
            (std::vector<std::string>{received, std::string("2=\1\0\0\0", 6)}));
  EXPECT_TRUE(options_of(blocks[3], 36).empty());
}

TEST(Pcapng, PacketOfOneOfSeveralProcesses) {
  const std::array<Flow, 3> workers = {flow_of(11, 43, "nginx"), flow_of(12, 42, "nginx"),
                                       flow_of(13, 43, "nginx")};
  const std::array<const Flow*, 3> those = {&workers[0], &workers[1], &workers[2]};
  Packet packet;
  packet.receivers = those;
  std::string out;
  writer().append_packet(packet, out);
  EXPECT_EQ(
      options_of(blocks_of(out)[0], 28),
      (std::vector<std::string>{"1=rx owner=shared pids=42,43", std::string("2=\1\0\0\0", 6)}));
}

TEST(Pcapng, Statistics) {
  std::string out;
  writer().append_statistics({.received = 300, .dropped = 2, .unattributed = 1}, 7, 0x100000002,
                             0x300000004, out);
  const auto blocks = blocks_of(out);
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_EQ(number_at(blocks[0], 0), 5u);
  const std::string zeros(7, '\0');
  EXPECT_EQ(options_of(blocks[0], 20),
            (std::vector<std::string>{
                std::string("2=\1\0\0\0\2\0\0\0", 10), std::string("3=\3\0\0\0\4\0\0\0", 10),
                "4=\x2c\1" + std::string(6, '\0'), "5=\2" + zeros, "8=\7" + zeros}));
}

}  // namespace
}  // namespace sockscope
