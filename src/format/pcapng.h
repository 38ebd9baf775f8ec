// SPDX-License-Identifier: Apache-2.0
// Writes capture files in the pcapng format (draft-ietf-opsawg-pcapng), little-endian. Pure:
// appends complete blocks to a text, which the caller writes to a file.
#pragma once

#include <sockscope/packets.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sockscope {

struct PcapngInterface {
  std::uint16_t link_type = 0;
  std::uint32_t snap_length = 0;
  std::string name;
  std::string filter;  // libpcap's; empty: none
};

class PcapngWriter {
 public:
  // interface: the one that is captured on, perhaps "any". name_of: the name of the interface with
  // that index; empty: it no longer has one.
  using NameOf = std::function<std::string(std::uint32_t index)>;
  PcapngWriter(PcapngInterface interface, NameOf name_of)
      : interface_(std::move(interface)), name_of_(std::move(name_of)) {}

  // Appends the beginning of the file. application: the program that writes it.
  void append_head(std::string_view application, std::string& out);

  // Appends a packet with a comment for each of its flows: "tx pid=42 flow=4711 owner=exact
  // comm=curl", tx when the process sends it, rx when it receives it; "rx owner=shared pids=42,43"
  // when one of several does. Times are in nanoseconds. The first packet of an interface is
  // preceded by a block that describes the interface.
  void append_packet(const Packet& packet, std::string& out);

  // Appends the statistics of the whole capture, at the end.
  void append_statistics(const PacketCounts& counts, std::uint64_t written,
                         std::uint64_t begin_wall_ns, std::uint64_t end_wall_ns, std::string& out);

 private:
  void append_interface(std::string_view name, std::string& out);
  std::uint32_t number_of(std::uint32_t index, std::string& out);

  PcapngInterface interface_;
  NameOf name_of_;
  std::unordered_map<std::uint32_t, std::uint32_t> numbers_;  // number in the file, by interface
                                                              // index
  std::uint32_t interfaces_ = 0;
};

}  // namespace sockscope
