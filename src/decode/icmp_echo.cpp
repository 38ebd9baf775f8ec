// SPDX-License-Identifier: Apache-2.0
#include "decode/icmp_echo.h"

#include <cstring>

namespace sockscope {
namespace {

constexpr std::byte kRequest4{8};
constexpr std::byte kReply4{0};
constexpr std::byte kRequest6{128};
constexpr std::byte kReply6{129};
constexpr std::size_t kChecksum = 2;
constexpr std::size_t kIdentifier = 4;
constexpr std::size_t kSequence = 6;
constexpr std::size_t kToken = 8;

std::uint16_t word_at(std::span<const std::byte> bytes, std::size_t at) noexcept {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(bytes[at]) << 8 |
                                    std::to_integer<unsigned>(bytes[at + 1]));
}

void put_word(EchoBytes& bytes, std::size_t at, unsigned value) noexcept {
  bytes[at] = static_cast<std::byte>(value >> 8 & 0xff);
  bytes[at + 1] = static_cast<std::byte>(value & 0xff);
}

}  // namespace

EchoBytes encode_echo_request(std::uint8_t family, const Echo& echo) noexcept {
  EchoBytes bytes{};
  bytes[0] = family == 4 ? kRequest4 : kRequest6;
  put_word(bytes, kIdentifier, echo.identifier);
  put_word(bytes, kSequence, echo.sequence);
  std::memcpy(&bytes[kToken], &echo.token, sizeof echo.token);
  if (family != 4) return bytes;
  std::uint32_t sum = 0;
  for (std::size_t at = 0; at < bytes.size(); at += 2) sum += word_at(bytes, at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  put_word(bytes, kChecksum, ~sum & 0xffff);
  return bytes;
}

std::optional<Echo> decode_echo_reply(std::uint8_t family, bool has_ip_header,
                                      std::span<const std::byte> packet) noexcept {
  if (family == 4 && has_ip_header) {
    if (packet.empty()) return std::nullopt;
    const std::size_t size = (std::to_integer<std::size_t>(packet[0]) & 0xf) * 4;
    if (size < 20 || packet.size() < size) return std::nullopt;
    packet = packet.subspan(size);
  }
  if (packet.size() < kEchoSize || packet[0] != (family == 4 ? kReply4 : kReply6) ||
      packet[1] != std::byte{0})
    return std::nullopt;
  Echo echo;
  echo.identifier = word_at(packet, kIdentifier);
  echo.sequence = word_at(packet, kSequence);
  std::memcpy(&echo.token, &packet[kToken], sizeof echo.token);
  return echo;
}

}  // namespace sockscope
