// SPDX-License-Identifier: Apache-2.0
// Packets from the network, through libpcap, which is loaded on first use.
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
  bool at_once = false;  // packets can be read as soon as they arrive, which costs more for each
};

struct CapturedPacket {
  std::uint64_t wall_ns = 0;  // the kernel's time stamp, Unix time
  std::uint32_t wire_size = 0;
  std::span<const std::byte> bytes;  // valid until the next call
};

// Single-threaded.
class Pcap {
 public:
  // Needs CAP_NET_RAW, for this call only. Errors: kNotPermitted, kInvalidArgument (no such
  // interface, invalid filter), kUnsupportedPlatform (no libpcap), kIo.
  static Result<Pcap> open(const PcapOptions& options);

  Pcap(Pcap&&) noexcept;
  Pcap& operator=(Pcap&&) noexcept;
  ~Pcap();

  // Readable when there are packets: at most 50 ms after they arrived, or at once.
  int fd() const noexcept;
  // LINKTYPE_ of all packets.
  std::uint16_t link_type() const noexcept;

  // Does not wait. False: there is no packet now. Errors: kIo, for example when the interface is
  // gone.
  Result<bool> next(CapturedPacket& packet);

  // Packets that the kernel had no room for, since open().
  std::uint64_t dropped() const;

 private:
  struct Impl;
  explicit Pcap(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sockscope
