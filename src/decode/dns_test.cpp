// SPDX-License-Identifier: Apache-2.0
#include "decode/dns.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace sockscope {
namespace {

using namespace std::string_view_literals;

std::vector<std::byte> bytes(std::string_view text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

std::string u16(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

// www.example.com -> web.example.net -> 192.0.2.7, with EDNS; names compressed as servers do.
const std::string kAnswer = std::string(
    "\x12\x34\x81\x80\0\1\0\2\0\0\0\1"
    "\3www\7example\3com\0\0\1\0\1"                          // at 12; "com" at 24
    "\xc0\x0c\0\5\0\1\0\0\0\x3c\0\x11\3web\7example\3net\0"  // its data at 45
    "\xc0\x2d\0\1\0\1\0\0\0\x1e\0\4\xc0\0\2\7"
    "\0\0\x29\x04\xd0\1\0\0\0\0\0"sv);

TEST(Dns, AnswerWithAliasAndEdns) {
  const auto dns = parse_dns(bytes(kAnswer));
  ASSERT_TRUE(dns);
  EXPECT_EQ(dns->id, 0x1234);
  EXPECT_TRUE(dns->is_answer);
  EXPECT_EQ(dns->name, "www.example.com");
  EXPECT_EQ(dns->type, dns::kA);
  EXPECT_EQ(dns->rcode, 16);  // EDNS's upper bits: BADVERS
  EXPECT_EQ(dns->udp_size, 1232);
  EXPECT_FALSE(dns->is_cut);
  ASSERT_EQ(dns->answers.size(), 2u);
  EXPECT_EQ(dns->answers[0].target, "web.example.net");
  EXPECT_EQ(dns->answers[0].ttl_s, 60u);
  EXPECT_EQ(dns->answers[1].name, "web.example.net");
  EXPECT_EQ(to_string(dns->answers[1].address), "192.0.2.7");
}

TEST(Dns, EveryShorterMessageIsRefusedUnlessTheRestIsKnownToExist) {
  const auto whole = bytes(kAnswer);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::span<const std::byte> part(whole.data(), size);
    EXPECT_FALSE(parse_dns(part)) << size;
    const auto begun = parse_dns(part, whole.size());
    EXPECT_EQ(begun.has_value(), size >= 33) << size;  // header and question
    if (begun) {
      EXPECT_EQ(begun->is_cut, begun->answers.size() < 2) << size;
    }
  }
}

TEST(Dns, NamesThatLeadForwardOrInCirclesAreRefused) {
  const std::string header = std::string("\0\1\1\0\0\1\0\0\0\0\0\0"sv);
  for (const std::string_view name : {"\xc0\x0c"sv, "\xc0\x0e\xc0\x0c"sv, "\1a\xc0\x0c"sv,
                                      "\1a\xc0\x10\xc0\x0c"sv, "\xc0\x00"sv, "\x40q"sv})
    EXPECT_FALSE(parse_dns(bytes(header + std::string(name) + std::string("\0\0\1\0\1"sv))));
}

TEST(Dns, NamesAreAtMost255Bytes) {
  const std::string header = std::string("\0\1\1\0\0\1\0\0\0\0\0\0"sv);
  const std::string label = '\x3f' + std::string(63, 'x');
  const std::string end = std::string("\0\0\1\0\1"sv);
  const auto longest =
      parse_dns(bytes(header + label + label + label + '\x3d' + std::string(61, 'y') + end));
  ASSERT_TRUE(longest);
  EXPECT_EQ(longest->name.size(), 253u);
  EXPECT_FALSE(
      parse_dns(bytes(header + label + label + label + '\x3e' + std::string(62, 'y') + end)));
}

TEST(Dns, DotsWithinLabelsAreToldFromThoseBetweenThem) {
  const auto dns = parse_dns(bytes("\0\1\1\0\0\1\0\0\0\0\0\0\4a.\\b\3com\0\0\1\0\1"sv));
  ASSERT_TRUE(dns);
  EXPECT_EQ(dns->name, "a\\.\\\\b.com");
  const auto root = parse_dns(bytes("\0\1\1\0\0\1\0\0\0\0\0\0\0\0\2\0\1"sv));
  ASSERT_TRUE(root);
  EXPECT_EQ(root->name, ".");
}

TEST(Dns, AddressesOfAnotherSizeAreRefused) {
  for (const unsigned size : {0u, 3u, 5u, 16u}) {
    const std::string message = std::string("\0\1\x81\x80\0\0\0\1\0\0\0\0\0\0\1\0\1\0\0\0\0"sv) +
                                u16(size) + std::string(size, 'x');
    EXPECT_FALSE(parse_dns(bytes(message))) << size;
  }
}

TEST(Dns, OtherOperationsAreNoQueries) {
  EXPECT_FALSE(parse_dns(bytes("\0\1\x28\0\0\1\0\0\0\0\0\0\0\0\6\0\1"sv)));  // UPDATE
}

TEST(Dns, MoreAnswersThanAreKeptAreCounted) {
  std::string message = std::string("\0\1\x81\x80\0\0\1\x2c\0\0\0\0"sv);  // 300
  for (unsigned i = 0; i < 300; ++i)
    message += std::string("\1a\0\0\1\0\1\0\0\0\1\0\4\x0a\0"sv) + u16(i);
  const auto dns = parse_dns(bytes(message));
  ASSERT_TRUE(dns);
  EXPECT_EQ(dns->answers.size(), dns::kMostAnswers);
  EXPECT_EQ(dns->answer_count, 300);
}

struct Received {
  DnsStream stream;
  std::vector<std::string> messages;
  void push(std::uint32_t sequence, std::string_view text, std::size_t whole_size = 0) {
    const auto segment = bytes(text);
    stream.push(sequence, segment, whole_size, [this](std::span<const std::byte> message) {
      messages.emplace_back(reinterpret_cast<const char*>(message.data()), message.size());
    });
  }
};

using Texts = std::vector<std::string>;

TEST(DnsStream, AnyCuttingGivesTheSameMessages) {
  const std::string_view sent = "\0\3one\0\0\0\5three"sv;
  const Texts expected = {"one", "", "three"};
  for (std::size_t first = 0; first <= sent.size(); ++first) {
    for (std::size_t second = first; second <= sent.size(); ++second) {
      Received received;
      const std::uint32_t start = 0xfffffffau;  // numbers wrap around in between
      const auto at = [&](std::size_t offset) {
        return start + static_cast<std::uint32_t>(offset);
      };
      received.push(at(0), sent.substr(0, first));
      received.push(at(first), sent.substr(first, second - first));
      received.push(at(0), sent.substr(0, second));  // again
      received.push(at(first), sent.substr(first));  // partly again
      EXPECT_EQ(received.messages, expected) << first << ' ' << second;
    }
  }
}

TEST(DnsStream, GoesOnBehindWhatIsMissing) {
  Received received;
  received.push(100, "\0\x9lost"sv, 11);  // five bytes were not seen
  received.push(111, "\0\2ok"sv);
  received.push(200, "\0\4half"sv);
  EXPECT_EQ(received.messages, (Texts{"ok", "half"}));
  received.push(206, "\0\x9ha"sv);
  received.push(300, "\0\3end"sv);
  EXPECT_EQ(received.messages.back(), "end");
  EXPECT_EQ(received.stream.buffered(), 0u);
}

TEST(Dns, AQueryIsReadAsItWasMade) {
  const auto bytes = make_dns_query(0xabcd, "80.2.0.192.in-addr.arpa", dns::kPtr);
  EXPECT_EQ(bytes.size(), 12 + 25 + 4u);
  const auto query = parse_dns(bytes);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->id, 0xabcd);
  EXPECT_FALSE(query->is_answer);
  EXPECT_EQ(query->type, dns::kPtr);
  EXPECT_EQ(query->name, "80.2.0.192.in-addr.arpa");
}

}  // namespace
}  // namespace sockscope
