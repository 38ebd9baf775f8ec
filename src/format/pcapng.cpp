// SPDX-License-Identifier: Apache-2.0
#include "format/pcapng.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>
#include <span>

#include "base/text.h"

namespace sockscope {
namespace {

// Numbers defined by the format.
constexpr std::uint32_t kSectionBlock = 0x0a0d0d0a;
constexpr std::uint32_t kInterfaceBlock = 1;
constexpr std::uint32_t kStatisticsBlock = 5;
constexpr std::uint32_t kPacketBlock = 6;
constexpr std::uint32_t kByteOrder = 0x1a2b3c4d;
constexpr std::uint16_t kEnd = 0;
constexpr std::uint16_t kComment = 1;
constexpr std::uint16_t kApplication = 4;  // in a section block
constexpr std::uint16_t kName = 2;         // in an interface block
constexpr std::uint16_t kResolution = 9;
constexpr std::uint16_t kFilter = 11;
constexpr std::uint16_t kFlags = 2;  // in a packet block
constexpr std::uint32_t kInbound = 1;
constexpr std::uint32_t kOutbound = 2;
constexpr std::uint16_t kStartTime = 2;  // in a statistics block
constexpr std::uint16_t kEndTime = 3;
constexpr std::uint16_t kReceived = 4;
constexpr std::uint16_t kDropped = 5;
constexpr std::uint16_t kDelivered = 8;

void put(std::uint64_t value, std::size_t size, std::string& out) {
  for (std::size_t at = 0; at < size; ++at)
    out.push_back(static_cast<char>(value >> 8 * at & 0xff));
}
void put16(std::uint16_t value, std::string& out) {
  put(value, 2, out);
}
void put32(std::uint64_t value, std::string& out) {
  put(value, 4, out);
}
void put_time(std::uint64_t ns, std::string& out) {
  put32(ns >> 32, out);
  put32(ns & 0xffffffff, out);
}
void pad(std::size_t size, std::string& out) {
  out.append((4 - size % 4) % 4, '\0');
}

void put_option(std::uint16_t code, std::string_view value, std::string& out) {
  value = value.substr(0, 0xffff);
  put16(code, out);
  put16(static_cast<std::uint16_t>(value.size()), out);
  out += value;
  pad(value.size(), out);
}

// A block has its length at both ends, which is known only when the block is complete.
class Block {
 public:
  Block(std::uint32_t type, std::string& out) : out_(out), begin_(out.size()) {
    put32(type, out);
    put32(0, out);
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() {
    std::string size;
    put32(out_.size() - begin_ + 4, size);
    out_.replace(begin_ + 4, 4, size);
    out_ += size;
  }

 private:
  std::string& out_;
  std::size_t begin_;
};

// The name comes last, because whoever chose it could imitate the rest of a comment in it.
void put_comment(const Flow& flow, std::string_view direction, std::string& out) {
  const Owner& owner = flow.owner;
  std::string text(direction);
  if (owner.pid != 0) text += fmt::format(" pid={}", owner.pid);
  if (flow.cookie != 0) text += fmt::format(" flow={}", flow.cookie);
  text += fmt::format(" owner={}", to_string(owner.kind));
  if (owner.pid != 0) text += fmt::format(" comm={}", clean_text(owner.name()));
  put_option(kComment, text, out);
}

// For a packet of one of several processes: their pids, in ascending order.
void put_comment(std::span<const Flow* const> flows, std::string_view direction, std::string& out) {
  std::set<std::uint32_t> pids;
  for (const Flow* flow : flows) pids.insert(flow->owner.pid);
  put_option(kComment, fmt::format("{} owner=shared pids={}", direction, fmt::join(pids, ",")),
             out);
}

std::string number(std::uint64_t value) {
  std::string bytes;
  put(value, 8, bytes);
  return bytes;
}

}  // namespace

void PcapngWriter::append_head(std::string_view application, std::string& out) {
  {
    const Block section(kSectionBlock, out);
    put32(kByteOrder, out);
    put16(1, out);  // version 1.0
    put16(0, out);
    put(~std::uint64_t{0}, 8, out);  // the section's length is not known
    put_option(kApplication, application, out);
    put_option(kEnd, "", out);
  }
  append_interface(interface_.name, out);
}

void PcapngWriter::append_interface(std::string_view name, std::string& out) {
  ++interfaces_;
  const Block block(kInterfaceBlock, out);
  put16(interface_.link_type, out);
  put16(0, out);
  put32(interface_.snap_length, out);
  put_option(kName, name, out);
  put_option(kResolution, "\x09", out);  // nanoseconds
  if (!interface_.filter.empty()) put_option(kFilter, '\0' + interface_.filter, out);
  put_option(kEnd, "", out);
}

std::uint32_t PcapngWriter::number_of(std::uint32_t index, std::string& out) {
  if (index == 0) return 0;
  const auto [known, is_new] = numbers_.try_emplace(index, interfaces_);
  if (is_new) {
    const std::string name = name_of_(index);
    append_interface(name.empty() ? fmt::format("if{}", index) : name, out);
  }
  return known->second;
}

void PcapngWriter::append_packet(const Packet& packet, std::string& out) {
  const std::uint32_t interface = number_of(packet.interface_index, out);
  const Block block(kPacketBlock, out);
  put32(interface, out);
  put_time(packet.wall_ns, out);
  put32(packet.bytes.size(), out);
  put32(packet.wire_size, out);
  out.append(reinterpret_cast<const char*>(packet.bytes.data()), packet.bytes.size());
  pad(packet.bytes.size(), out);
  if (packet.sender != nullptr) put_comment(*packet.sender, "tx", out);
  if (!packet.senders.empty()) put_comment(packet.senders, "tx", out);
  if (packet.receiver != nullptr) put_comment(*packet.receiver, "rx", out);
  if (!packet.receivers.empty()) put_comment(packet.receivers, "rx", out);
  if (packet.is_sent() != packet.is_received()) {  // on loopback a packet is both
    std::string flags;
    put32(packet.is_sent() ? kOutbound : kInbound, flags);
    put_option(kFlags, flags, out);
  }
  put_option(kEnd, "", out);
}

void PcapngWriter::append_statistics(const PacketCounts& counts, std::uint64_t written,
                                     std::uint64_t begin_wall_ns, std::uint64_t end_wall_ns,
                                     std::string& out) {
  const Block block(kStatisticsBlock, out);
  put32(0, out);
  put_time(end_wall_ns, out);
  std::string time;
  put_time(begin_wall_ns, time);
  put_option(kStartTime, time, out);
  time.clear();
  put_time(end_wall_ns, time);
  put_option(kEndTime, time, out);
  put_option(kReceived, number(counts.received), out);
  put_option(kDropped, number(counts.dropped), out);
  put_option(kDelivered, number(written), out);
  put_option(kEnd, "", out);
}

}  // namespace sockscope
