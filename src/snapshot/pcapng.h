// SPDX-License-Identifier: Apache-2.0
// A capture file in pcapng's format (draft-ietf-opsawg-pcapng), little-endian, of one interface.
// Pure: appends whole blocks to a text that the caller writes.
#pragma once

#include <sockscope/packets.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace sockscope {

struct PcapngInterface {
  std::uint16_t link_type = 0;
  std::uint32_t snap_length = 0;
  std::string_view name;
  std::string_view filter;  // libpcap's; empty: none
};

// The head of the file. application: what wrote it.
void append_pcapng_head(const PcapngInterface& interface, std::string_view application,
                        std::string& out);

// A packet, with a comment for each of its flows: "tx pid=42 comm=curl flow=4711 owner=exact", tx
// when the process sends it, rx when it receives it. Times are in nanoseconds.
void append_pcapng_packet(const Packet& packet, std::string& out);

// The interface's statistics, at the end.
void append_pcapng_statistics(const PacketCounts& counts, std::uint64_t written,
                              std::uint64_t begin_wall_ns, std::uint64_t end_wall_ns,
                              std::string& out);

}  // namespace sockscope
