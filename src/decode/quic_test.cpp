// SPDX-License-Identifier: Apache-2.0
#include "decode/quic.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sockscope {
namespace {

std::vector<std::byte> bytes_of(std::string_view hex) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(std::byte(std::stoul(std::string(hex.substr(i, 2)), nullptr, 16)));
  return bytes;
}

// RFC 9001, A.2: a client's first datagram, protected, 1200 bytes.
constexpr std::string_view kClient =
    "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11"
    "d242b123dc9bd8bab936b47d92ec356c0bab7df5976d27cd449f63300099f399";
// RFC 9369, A.2: the same in version 2.
constexpr std::string_view kClientVersion2 =
    "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485"
    "dd04de806071bf03dceebfa162e75d6c96058bdbfb127cdfcbf903388e99ad04";
// RFC 9001, A.3, as if it were padded: a server's packet to a client that has no id.
constexpr std::string_view kServer =
    "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a"
    "5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3ec2493a1839b3";

bool told(std::string_view hex, std::size_t whole_size = 1200) {
  return is_quic_initial(bytes_of(hex), whole_size);
}
std::string with(std::string_view hex, std::size_t byte, std::string_view value) {
  std::string changed(hex);
  return changed.replace(2 * byte, value.size(), value);
}

TEST(Quic, InitialsOfTheRfcs) {
  EXPECT_TRUE(told(kClient));
  EXPECT_TRUE(told(kClientVersion2));
  EXPECT_TRUE(told(kServer));
}

TEST(Quic, Versions) {
  for (const char* version : {"ff00001d", "ff000022", "0a0a0a0a", "fafafafa", "1a2a3a4a"})
    EXPECT_TRUE(told(with(kClient, 1, version))) << version;
  for (const char* version :
       {"00000000", "00000002", "ff00001c", "ff000023", "51303530", "0a0a0a0b"})
    EXPECT_FALSE(told(with(kClient, 1, version))) << version;
}

TEST(Quic, ServersMayClearTheFixedBit) {
  EXPECT_TRUE(told(with(kServer, 0, "8f")));
  EXPECT_FALSE(told(with(kServer, 0, "af")));  // Handshake
}

TEST(Quic, NotAnInitial) {
  EXPECT_FALSE(told(kClient, 1199));                   // too small to demand an answer
  EXPECT_FALSE(told(with(kClient, 0, "40")));          // short header
  EXPECT_FALSE(told(with(kClient, 0, "800a0a0a0a")));  // without the fixed bit: RTP packets begin
                                                       // like this
  for (const char* type : {"d0", "e0", "f0"})          // 0-RTT, Handshake, Retry
    EXPECT_FALSE(told(with(kClient, 0, type))) << type;
  EXPECT_FALSE(told(with(kClientVersion2, 0, "c7")));  // a Retry in version 2
  EXPECT_FALSE(told(with(kClient, 5, "15")));          // an id of 21 bytes
  EXPECT_FALSE(told(with(kClient, 14, "15")));
  EXPECT_FALSE(told("c0000000010000004100" + std::string(64, '0')));  // both ids empty
  EXPECT_FALSE(told(with(kClient, 16, "7fff")));                      // longer than the datagram
  EXPECT_FALSE(told(with(kClient, 16, "4013")));  // shorter than a packet can be
  EXPECT_FALSE(told(with(kClient, 15, "7fff")));  // a token longer than the datagram
}

TEST(Quic, TokenBeyondWhatIsSeen) {
  EXPECT_TRUE(told(with(kClient, 15, "4080")));  // a token of 128 bytes, of which 64 are here
}

TEST(Quic, CutOff) {
  const auto whole = bytes_of(kClient);
  // The header needs at least 16 bytes to be recognised.
  for (std::size_t size = 0; size < 16; ++size)
    EXPECT_FALSE(is_quic_initial(std::span(whole).first(size), 1200)) << size;
  EXPECT_TRUE(is_quic_initial(std::span(whole).first(18), 1200));
}

}  // namespace
}  // namespace sockscope
