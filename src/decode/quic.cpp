// SPDX-License-Identifier: Apache-2.0
#include "decode/quic.h"

#include <algorithm>
#include <cstdint>

namespace sockscope {
namespace {

constexpr std::size_t kLeast = 1200;    // RFC 9000, 14.1
constexpr std::size_t kLongestId = 20;  // RFC 9000, 17.2
constexpr std::uint32_t kVersion1 = 1;
constexpr std::uint32_t kVersion2 = 0x6b3343cf;
constexpr std::uint32_t kFirstDraft = 0xff00001d;  // 29
constexpr std::uint32_t kLastDraft = 0xff000022;   // 34, which became version 1

bool is_known(std::uint32_t version) noexcept {
  return version == kVersion1 || version == kVersion2 ||
         (version >= kFirstDraft && version <= kLastDraft);
}

bool is_grease(std::uint32_t version) noexcept {  // versions reserved to exercise negotiation (RFC
                                                  // 9000, 15)
  return (version & 0x0f0f0f0f) == 0x0a0a0a0a;
}

// The length of the variable-length integer at `at`, with its value in `value`; 0: truncated.
std::size_t read_number(std::span<const std::byte> bytes, std::size_t at,
                        std::uint64_t& value) noexcept {
  if (at >= bytes.size()) return 0;
  const std::size_t length = std::size_t{1} << (std::to_integer<unsigned>(bytes[at]) >> 6);
  if (bytes.size() - at < length) return 0;
  value = std::to_integer<std::uint64_t>(bytes[at]) & 0x3f;
  for (std::size_t i = 1; i < length; ++i)
    value = value << 8 | std::to_integer<std::uint64_t>(bytes[at + i]);
  return length;
}

}  // namespace

bool is_quic_initial(std::span<const std::byte> start, std::size_t whole_size) noexcept {
  const auto byte = [&](std::size_t i) { return std::to_integer<std::uint32_t>(start[i]); };
  if (whole_size < kLeast || start.size() < 7 || byte(0) < 0x80) return false;
  const std::uint32_t version = byte(1) << 24 | byte(2) << 16 | byte(3) << 8 | byte(4);
  const std::uint32_t initial = version == kVersion2 ? 1 : 0;
  // A server may clear the fixed bit (RFC 9287), and RTP packets begin the same way. A reserved
  // version, one in 65,536, is not enough to tell them apart.
  const bool has_fixed_bit = (byte(0) & 0x40) != 0;
  if (!is_known(version) && !(has_fixed_bit && is_grease(version))) return false;
  if ((byte(0) >> 4 & 3) != initial) return false;
  std::size_t at = 5;
  std::size_t destination = byte(at);
  if (destination > kLongestId || start.size() - at - 1 <= destination) return false;
  at += 1 + destination;
  const std::size_t source = byte(at);
  if (source > kLongestId || start.size() - at - 1 < source) return false;
  at += 1 + source;
  // A client's first packet is sent to an id that the client made, so at most one of the two ids
  // can be empty (7.2).
  if (destination == 0 && source == 0) return false;
  std::uint64_t token = 0;
  const std::size_t token_size = read_number(start, at, token);
  if (token_size == 0) return false;
  if (token > whole_size - at - token_size) return false;
  at += token_size + static_cast<std::size_t>(token);
  if (at >= start.size()) return true;  // the token extends beyond the captured bytes
  std::uint64_t length = 0;
  const std::size_t length_size = read_number(start, at, length);
  if (length_size == 0) return at + 8 > start.size();
  return length >= 20 && length <= whole_size - at - length_size;  // packet number, sample
}

}  // namespace sockscope
