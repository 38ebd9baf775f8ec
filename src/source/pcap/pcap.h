// SPDX-License-Identifier: Apache-2.0
// Packets from the network, by libpcap, which is loaded only when it is asked for.
#pragma once

#include <sockscope/error.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace sockscope {

struct PcapOptions {
  std::string interface = "any";        // of the caller's network namespace
  std::string filter;                   // libpcap's language; empty: all packets
  std::uint32_t snap_length = 262'144;  // bytes kept of each packet
  std::size_t buffer_bytes = std::size_t{16} << 20;
  bool at_once = false;  // packets can be read as soon as they come, which costs more for each
};

struct CapturedPacket {
  std::uint64_t wall_ns = 0;  // the kernel's time of it, Unix
  std::uint32_t wire_size = 0;
  std::span<const std::byte> bytes;  // valid until the next call
};

// Single-threaded.
class Pcap {
 public:
  // Needs CAP_NET_RAW, for this call only. Errors: kNotPermitted, kInvalidArgument (no such
  // interface, a filter that is none), kUnsupportedPlatform (no libpcap here), kIo.
  static Result<Pcap> open(const PcapOptions& options);

  Pcap(Pcap&&) noexcept;
  Pcap& operator=(Pcap&&) noexcept;
  ~Pcap();

  // Readable when there are packets: at the latest 50 ms after they came, or at once.
  int fd() const noexcept;
  // LINKTYPE_ of all packets.
  std::uint16_t link_type() const noexcept;

  // Without waiting. False: there is none now. Errors: kIo, as when the interface is gone.
  Result<bool> next(CapturedPacket& packet);

  // Packets that the kernel had no room for, since open().
  std::uint64_t dropped() const;

 private:
  struct Impl;
  explicit Pcap(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sockscope
