// SPDX-License-Identifier: Apache-2.0
#include "decode/iflist2.h"

#include <cstdint>
#include <cstring>

namespace sockscope {
namespace {

// struct if_msghdr2, packed to 4 bytes.
constexpr std::uint8_t kIfInfo2 = 0x12;  // RTM_IFINFO2
constexpr std::size_t kHeader = 160;
constexpr std::size_t kType = 3;
constexpr std::size_t kFlags = 8;
constexpr std::size_t kIndex = 12;
constexpr std::size_t kData = 32;  // struct if_data64
constexpr std::size_t kMtu = kData + 8;
constexpr std::size_t kSpeed = kData + 16;
constexpr std::size_t kInPackets = kData + 24;
constexpr std::size_t kInErrors = kData + 32;
constexpr std::size_t kOutPackets = kData + 40;
constexpr std::size_t kOutErrors = kData + 48;
constexpr std::size_t kInBytes = kData + 64;
constexpr std::size_t kOutBytes = kData + 72;
constexpr std::size_t kInDrops = kData + 96;
// struct sockaddr_dl, which follows it.
constexpr std::size_t kNameLength = 5;
constexpr std::size_t kName = 8;

constexpr std::uint32_t kUp = 0x1;
constexpr std::uint32_t kLoopback = 0x8;
constexpr std::uint32_t kRunning = 0x40;

template <class T>
T value_at(std::span<const std::byte> bytes, std::size_t at) noexcept {
  T value;
  std::memcpy(&value, &bytes[at], sizeof value);
  return value;
}

// False: there is no name, or it does not fit into the message.
bool decode_message(std::span<const std::byte> message, Interface& link) {
  if (message.size() < kHeader + kName) return false;
  const auto name = message.subspan(kHeader);
  const auto length = std::to_integer<std::size_t>(name[kNameLength]);
  if (length == 0 || length > name.size() - kName) return false;
  link.name.assign(reinterpret_cast<const char*>(&name[kName]), length);
  const auto flags = value_at<std::uint32_t>(message, kFlags);
  link.is_up = (flags & kUp) != 0 && (flags & kRunning) != 0;
  link.is_loopback = (flags & kLoopback) != 0;
  link.index = value_at<std::uint16_t>(message, kIndex);
  link.mtu = value_at<std::uint32_t>(message, kMtu);
  if (const auto speed = value_at<std::uint64_t>(message, kSpeed); speed != 0)
    link.speed_bits = speed;
  link.counters = {.rx_bytes = value_at<std::uint64_t>(message, kInBytes),
                   .tx_bytes = value_at<std::uint64_t>(message, kOutBytes),
                   .rx_packets = value_at<std::uint64_t>(message, kInPackets),
                   .tx_packets = value_at<std::uint64_t>(message, kOutPackets),
                   .rx_errors = value_at<std::uint64_t>(message, kInErrors),
                   .tx_errors = value_at<std::uint64_t>(message, kOutErrors),
                   .rx_drops = value_at<std::uint64_t>(message, kInDrops),
                   .tx_drops = 0};  // not reported by the kernel
  return true;
}

}  // namespace

std::vector<Interface> parse_iflist2(std::span<const std::byte> bytes) {
  constexpr std::size_t kShortest = 4;
  std::vector<Interface> links;
  while (bytes.size() >= kShortest) {
    const auto length = value_at<std::uint16_t>(bytes, 0);
    if (length < kShortest || length > bytes.size()) break;
    Interface link;
    if (std::to_integer<std::uint8_t>(bytes[kType]) == kIfInfo2 &&
        decode_message(bytes.first(length), link) && link.name != "lo0")
      links.push_back(std::move(link));
    bytes = bytes.subspan(length);
  }
  return links;
}

}  // namespace sockscope
