// SPDX-License-Identifier: Apache-2.0
// A capture file in pcapng's format (draft-ietf-opsawg-pcapng), little-endian.
// Pure: appends whole blocks to a text that the caller writes.
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
  // interface: the one captured on, perhaps "any". name_of: that of an interface which a packet
  // tells; empty: it has none any more.
  using NameOf = std::function<std::string(std::uint32_t index)>;
  PcapngWriter(PcapngInterface interface, NameOf name_of)
      : interface_(std::move(interface)), name_of_(std::move(name_of)) {}

  // The head of the file. application: what wrote it.
  void append_head(std::string_view application, std::string& out);

  // A packet, with a comment for each of its flows: "tx pid=42 flow=4711 owner=exact comm=curl", tx
  // when the process sends it, rx when it receives it; "rx owner=shared pids=42,43" where one of
  // them does. Times are in nanoseconds. Before the first one of an interface comes that interface.
  void append_packet(const Packet& packet, std::string& out);

  // The statistics of all of it, at the end.
  void append_statistics(const PacketCounts& counts, std::uint64_t written,
                         std::uint64_t begin_wall_ns, std::uint64_t end_wall_ns, std::string& out);

 private:
  void append_interface(std::string_view name, std::string& out);
  std::uint32_t number_of(std::uint32_t index, std::string& out);

  PcapngInterface interface_;
  NameOf name_of_;
  std::unordered_map<std::uint32_t, std::uint32_t> numbers_;  // in the file, by index
  std::uint32_t interfaces_ = 0;
};

}  // namespace sockscope
