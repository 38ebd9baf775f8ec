// SPDX-License-Identifier: Apache-2.0
#include "decode/iflist2.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace sockscope {
namespace {

// A buffer as the kernel of macOS fills it.
class Buffer {
 public:
  template <class T>
  void put(std::size_t at, T value) {
    std::memcpy(&bytes_[start_ + at], &value, sizeof value);
  }
  void begin(std::uint8_t type, std::size_t size) {
    start_ = bytes_.size();
    bytes_.resize(start_ + size);
    put<std::uint16_t>(0, static_cast<std::uint16_t>(size));
    put<std::uint8_t>(2, 5);  // RTM_VERSION
    put<std::uint8_t>(3, type);
  }
  // The i-th counter is base + i.
  void add_interface(const std::string& name, std::uint32_t flags, std::uint64_t base,
                     std::size_t padding = 0) {
    begin(0x12, 160 + 8 + name.size() + padding);
    put<std::uint32_t>(8, flags);
    put<std::uint16_t>(12, 4);
    put<std::uint32_t>(40, 1500);
    put<std::uint64_t>(48, 1'000'000'000);
    std::uint64_t value = base;
    for (const std::size_t at : {24, 32, 40, 48, 64, 72, 96}) put<std::uint64_t>(32 + at, value++);
    put<std::uint8_t>(160 + 5, static_cast<std::uint8_t>(name.size()));
    std::memcpy(&bytes_[start_ + 168], name.data(), name.size());
  }
  std::size_t start() const { return start_; }
  std::vector<Interface> parse() const { return parse_iflist2(bytes_); }
  std::vector<std::byte> bytes_;

 private:
  std::size_t start_ = 0;
};

constexpr std::uint32_t kUpRunning = 0x41;

TEST(ParseIflist2, ReadsEveryField) {
  Buffer buffer;
  buffer.add_interface("en0", kUpRunning, 1ull << 40, 5);
  const auto links = buffer.parse();
  ASSERT_EQ(links.size(), 1u);
  EXPECT_EQ(links[0].name, "en0");  // without the padding behind the name
  EXPECT_TRUE(links[0].is_up);
  EXPECT_EQ(links[0].index, 4u);
  EXPECT_EQ(links[0].mtu, 1500u);
  EXPECT_EQ(links[0].speed_bits, 1'000'000'000u);
  const std::uint64_t base = 1ull << 40;
  EXPECT_EQ(links[0].counters, (InterfaceCounters{.rx_bytes = base + 4,
                                                  .tx_bytes = base + 5,
                                                  .rx_packets = base,
                                                  .tx_packets = base + 2,
                                                  .rx_errors = base + 1,
                                                  .tx_errors = base + 3,
                                                  .rx_drops = base + 6,
                                                  .tx_drops = 0}));
}

TEST(ParseIflist2, UpMeansUpAndRunning) {
  Buffer buffer;
  buffer.add_interface("a", 0x1, 0);
  buffer.add_interface("b", 0x40, 0);
  buffer.add_interface("c", 0x8863, 0);
  const auto links = buffer.parse();
  ASSERT_EQ(links.size(), 3u);
  EXPECT_FALSE(links[0].is_up);
  EXPECT_FALSE(links[1].is_up);
  EXPECT_TRUE(links[2].is_up);
}

TEST(ParseIflist2, StepsOverOtherMessagesAndLoopback) {
  Buffer buffer;
  buffer.begin(0xc, 20);  // RTM_NEWADDR
  buffer.add_interface("lo0", 0x49, 1);
  buffer.begin(0x13, 4);  // RTM_NEWMADDR2, of the least possible size
  buffer.begin(0xe, 33);  // RTM_IFINFO of odd size: the next message is not aligned
  buffer.add_interface("utun3", kUpRunning, 100);
  const auto links = buffer.parse();
  ASSERT_EQ(links.size(), 1u);
  EXPECT_EQ(links[0].name, "utun3");
  EXPECT_EQ(links[0].counters.rx_bytes, 104u);
}

TEST(ParseIflist2, NeverReadsOutside) {
  Buffer buffer;
  buffer.add_interface("en0", kUpRunning, 1);
  buffer.add_interface("en1", kUpRunning, 1);
  const std::size_t second = buffer.start();
  for (std::size_t size = 0; size < buffer.bytes_.size(); ++size) {
    const std::vector<std::byte> cut(buffer.bytes_.begin(),
                                     buffer.bytes_.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(parse_iflist2(cut).size(), size >= second ? 1u : 0u) << size;
  }
}

TEST(ParseIflist2, LengthsThatLieEndTheWalk) {
  for (const unsigned length : {0u, 1u, 3u, 172u, 65535u}) {
    Buffer buffer;
    buffer.add_interface("en0", kUpRunning, 1);
    buffer.add_interface("en1", kUpRunning, 1);
    buffer.put<std::uint16_t>(0, static_cast<std::uint16_t>(length));
    EXPECT_EQ(buffer.parse().size(), 1u) << length;
  }
}

TEST(ParseIflist2, NamesThatDoNotFitAreLeftOut) {
  for (const unsigned length : {0u, 4u, 255u}) {
    Buffer buffer;
    buffer.add_interface("en0", kUpRunning, 1);
    buffer.put<std::uint8_t>(165, static_cast<std::uint8_t>(length));
    buffer.add_interface("en1", kUpRunning, 1);
    const auto links = buffer.parse();
    ASSERT_EQ(links.size(), 1u) << length;
    EXPECT_EQ(links[0].name, "en1");
  }
  Buffer short_message;  // an interface message that ends before the name
  short_message.begin(0x12, 163);
  short_message.add_interface("en1", kUpRunning, 1);
  EXPECT_EQ(short_message.parse().size(), 1u);
}

TEST(ParseIflist2, StartsAnywhereInMemory) {
  Buffer buffer;
  buffer.add_interface("en0", kUpRunning, 1);
  for (std::size_t offset = 0; offset < 8; ++offset) {
    std::vector<std::byte> shifted(offset + buffer.bytes_.size());
    std::copy(buffer.bytes_.begin(), buffer.bytes_.end(),
              shifted.begin() + static_cast<std::ptrdiff_t>(offset));
    EXPECT_EQ(parse_iflist2(std::span(shifted).subspan(offset)).size(), 1u);
  }
}

}  // namespace
}  // namespace sockscope
