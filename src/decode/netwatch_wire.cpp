// SPDX-License-Identifier: Apache-2.0
#include <sockscope/netwatch_wire.h>

#include <cstring>

namespace sockscope::netwatch {
namespace {

constexpr std::size_t kTgid = 4;
constexpr std::size_t kTid = 8;
constexpr std::size_t kSource = 12;
constexpr std::size_t kDestination = 16;
constexpr std::size_t kSourcePort = 20;
constexpr std::size_t kDestinationPort = 22;
constexpr std::size_t kComm = 24;
constexpr std::size_t kTime = 40;

bool has_layout(RecordKind kind) noexcept {
  return kind == RecordKind::kConnectV4 || kind == RecordKind::kAccept ||
         kind == RecordKind::kClose;
}

void put_port(RecordBytes& bytes, std::size_t at, std::uint16_t port) noexcept {
  bytes[at] = static_cast<std::byte>(port >> 8);
  bytes[at + 1] = static_cast<std::byte>(port & 0xff);
}

std::uint16_t port_at(std::span<const std::byte> bytes, std::size_t at) noexcept {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(bytes[at]) << 8 |
                                    std::to_integer<unsigned>(bytes[at + 1]));
}

}  // namespace

std::optional<RecordBytes> encode_record(const Record& record) noexcept {
  if (!has_layout(record.kind) || record.local.addr.family != 4 || record.remote.addr.family != 4)
    return std::nullopt;
  RecordBytes bytes{};
  bytes[0] = static_cast<std::byte>(record.kind);
  std::memcpy(&bytes[kTgid], &record.pid, sizeof record.pid);
  std::memcpy(&bytes[kTid], &record.tid, sizeof record.tid);
  std::memcpy(&bytes[kSource], record.local.addr.bytes.data(), 4);
  std::memcpy(&bytes[kDestination], record.remote.addr.bytes.data(), 4);
  put_port(bytes, kSourcePort, record.local.port);
  put_port(bytes, kDestinationPort, record.remote.port);
  std::memcpy(&bytes[kComm], record.comm.data(), record.comm.size());
  std::memcpy(&bytes[kTime], &record.boot_ns, sizeof record.boot_ns);
  return bytes;
}

std::optional<Record> decode_record(std::span<const std::byte> bytes) noexcept {
  if (bytes.size() < kRecordSize) return std::nullopt;
  Record record;
  record.kind = RecordKind{std::to_integer<std::uint8_t>(bytes[0])};
  if (!has_layout(record.kind)) return std::nullopt;
  std::memcpy(&record.pid, &bytes[kTgid], sizeof record.pid);
  std::memcpy(&record.tid, &bytes[kTid], sizeof record.tid);
  record.local.addr.family = 4;
  record.remote.addr.family = 4;
  std::memcpy(record.local.addr.bytes.data(), &bytes[kSource], 4);
  std::memcpy(record.remote.addr.bytes.data(), &bytes[kDestination], 4);
  record.local.port = port_at(bytes, kSourcePort);
  record.remote.port = port_at(bytes, kDestinationPort);
  std::memcpy(record.comm.data(), &bytes[kComm], record.comm.size());
  std::memcpy(&record.boot_ns, &bytes[kTime], sizeof record.boot_ns);
  return record;
}

std::optional<Record> make_record(const Event& event, std::int64_t mono_to_boot_ns) noexcept {
  Record record;
  switch (event.kind()) {
    case EventKind::kConnect: record.kind = RecordKind::kConnectV4; break;
    case EventKind::kAccept: record.kind = RecordKind::kAccept; break;
    case EventKind::kClose: record.kind = RecordKind::kClose; break;
    default: return std::nullopt;
  }
  const Flow& flow = event.flow;
  if (flow.protocol != Protocol::kTcp || flow.local.addr.family != 4 ||
      flow.remote.addr.family != 4)
    return std::nullopt;
  record.pid = flow.owner.pid;
  record.tid = flow.owner.pid;
  record.local = flow.local;
  record.remote = flow.remote;
  record.comm = flow.owner.comm;
  record.boot_ns =
      static_cast<std::uint64_t>(static_cast<std::int64_t>(event.mono_ns) + mono_to_boot_ns);
  return record;
}

}  // namespace sockscope::netwatch
