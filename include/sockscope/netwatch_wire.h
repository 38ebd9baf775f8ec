// SPDX-License-Identifier: Apache-2.0
// The 48-byte connection record of NetWatch, for readers and writers of it. This process's byte
// order; addresses and ports in network order:
//
//   kind u8 | 3 x 0 | tgid u32 | tid u32 | saddr u32 | daddr u32 | sport u16 | dport u16
//   | comm char[16] | time u64, CLOCK_BOOTTIME nanoseconds
#pragma once

#include <sockscope/event.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace sockscope::netwatch {

enum class RecordKind : std::uint8_t { kConnectV4 = 1, kConnectV6 = 2, kAccept = 3, kClose = 4 };

inline constexpr std::size_t kRecordSize = 48;
using RecordBytes = std::array<std::byte, kRecordSize>;

struct Record {
  RecordKind kind = RecordKind::kConnectV4;
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
  Endpoint local;   // IPv4
  Endpoint remote;  // IPv4
  std::array<char, 16> comm{};
  std::uint64_t boot_ns = 0;

  bool operator==(const Record&) const = default;
};

// Empty when the record cannot hold it: kConnectV6, and ends that are not IPv4.
std::optional<RecordBytes> encode_record(const Record& record) noexcept;

// Reads the first 48 bytes; more may follow. Empty when there are fewer, or when the kind has
// another layout.
std::optional<Record> decode_record(std::span<const std::byte> bytes) noexcept;

// Makes a record of a connect, accept or close of TCP; empty for other events, and where the record
// cannot hold them. A connect over IPv6 to an IPv4-mapped address counts as IPv4. mono_to_boot_ns:
// what to add to a CLOCK_MONOTONIC time to get CLOCK_BOOTTIME. The thread is not known: tid is the
// process's.
std::optional<Record> make_record(const Event& event, std::int64_t mono_to_boot_ns) noexcept;

}  // namespace sockscope::netwatch
