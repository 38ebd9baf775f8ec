// SPDX-License-Identifier: Apache-2.0
#include "decode/icmp_echo.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace sockscope {
namespace {

constexpr Echo kEcho{.identifier = 0x1234, .sequence = 7, .token = 0};

std::vector<std::byte> bytes(std::initializer_list<unsigned> values) {
  std::vector<std::byte> result;
  for (const unsigned value : values) result.push_back(static_cast<std::byte>(value));
  return result;
}

TEST(IcmpEcho, RequestIsTheseBytes) {
  // 0x0800 + 0x1234 + 0x0007 = 0x1a3b; its complement is 0xe5c4.
  const auto expected = bytes({8, 0, 0xe5, 0xc4, 0x12, 0x34, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0});
  const EchoBytes request = encode_echo_request(4, kEcho);
  EXPECT_TRUE(std::equal(request.begin(), request.end(), expected.begin(), expected.end()));
  const EchoBytes request6 = encode_echo_request(6, kEcho);
  EXPECT_EQ(request6[0], std::byte{128});
  EXPECT_EQ(request6[2], std::byte{0});  // computed by the kernel
}

TEST(IcmpEcho, ReplyWithAndWithoutIpHeader) {
  const auto reply = bytes({0, 0, 0xff, 0xff, 0x12, 0x34, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0});
  EXPECT_EQ(decode_echo_reply(4, false, reply), kEcho);
  std::vector<std::byte> packet(24);  // with one word of options
  packet[0] = std::byte{0x46};
  packet.insert(packet.end(), reply.begin(), reply.end());
  EXPECT_EQ(decode_echo_reply(4, true, packet), kEcho);
  for (std::size_t size = 0; size < packet.size(); ++size)
    EXPECT_FALSE(decode_echo_reply(4, true, std::span(packet).first(size))) << size;
  auto reply6 = reply;
  reply6[0] = std::byte{129};
  EXPECT_EQ(decode_echo_reply(6, false, reply6), kEcho);
}

TEST(IcmpEcho, OtherMessagesAreNoReplies) {
  auto packet = bytes({0, 0, 0, 0, 0x12, 0x34, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0});
  for (const unsigned type : {3u, 8u, 11u, 128u, 129u}) {
    packet[0] = static_cast<std::byte>(type);
    EXPECT_FALSE(decode_echo_reply(4, false, packet)) << type;
  }
  packet[0] = std::byte{0};
  packet[1] = std::byte{1};
  EXPECT_FALSE(decode_echo_reply(4, false, packet));
  EXPECT_FALSE(decode_echo_reply(6, false, packet));
  auto lies = bytes({0x4f});  // claims an IP header of 60 bytes
  EXPECT_FALSE(decode_echo_reply(4, true, lies));
  lies[0] = std::byte{0x41};  // claims one of 4 bytes
  lies.resize(40);
  EXPECT_FALSE(decode_echo_reply(4, true, lies));
}

}  // namespace
}  // namespace sockscope
