// SPDX-License-Identifier: Apache-2.0
// Packets of this host with the sockets, and so the processes, they belong to.
//
// Beside a Monitor, which tells of the sockets: hand its events and snapshots to note(). Like
// Monitor: no thread, loop or signal handler of its own, nothing is thrown, used by one thread at a
// time.
#pragma once

#include <sockscope/error.h>
#include <sockscope/event.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace sockscope {

struct PacketOptions {
  std::string interface = "any";        // of the caller's network namespace
  std::string packet_filter;            // in libpcap's language (pcap-filter(7)); empty: all
  std::uint32_t snap_length = 262'144;  // bytes kept of each packet
};

// Valid while it is handed over.
struct Packet {
  std::uint64_t wall_ns = 0;         // Unix, the kernel's
  std::uint32_t wire_size = 0;       // bytes it had; `bytes` may be fewer
  std::span<const std::byte> bytes;  // from the link header on
  // Of the caller's network namespace; 0: that of PacketOptions, or the link header does not tell
  // it.
  std::uint32_t interface_index = 0;
  // The sockets of this host at its ends; both on loopback. Null: none, or not known. With cookie
  // 0: one of several that a single process has at this address.
  const Flow* sender = nullptr;
  const Flow* receiver = nullptr;
  // Those of several processes that share the address (SO_REUSEPORT, multicast): which of them it
  // was the packet does not tell, and the pointer above is null. Else empty.
  std::span<const Flow* const> senders;
  std::span<const Flow* const> receivers;

  // Whether this host is known to have sent it, or to get it.
  bool is_sent() const noexcept { return sender != nullptr || !senders.empty(); }
  bool is_received() const noexcept { return receiver != nullptr || !receivers.empty(); }
};

struct PacketCounts {
  std::uint64_t received = 0;
  std::uint64_t dropped = 0;       // by the kernel: there was no room; by libpcap's statistics
  std::uint64_t unattributed = 0;  // of those handed over, neither sent nor received
};

class PacketCapture {
 public:
  // Opens the interface by libpcap. Needs CAP_NET_RAW, for this call only; and CAP_NET_ADMIN to
  // know which connections netfilter translates, without which their packets are nobody's. Errors:
  // kNotPermitted, kInvalidArgument (no such interface, a filter that is none),
  // kUnsupportedPlatform (no libpcap, or a link of a kind that is not understood), kIo.
  static Result<PacketCapture> open(const PacketOptions& options = {});

  PacketCapture(PacketCapture&&) noexcept;
  PacketCapture& operator=(PacketCapture&&) noexcept;
  ~PacketCapture();

  // Readable when read() has something to do; not for what is held back.
  int fd() const noexcept;
  std::uint16_t link_type() const noexcept;  // LINKTYPE_ of all packets

  // What the monitor tells. It should tell of all flows, whatever is wanted of the packets, with
  // Options::connections and Options::attempts.
  void note(const Event& event);
  void note(const Snapshot& snapshot);
  // Only a new snapshot can tell whose some packet is: a UDP socket is not announced.
  bool wants_snapshot() const;

  // Hands over, in order and without waiting, the packets whose owners are known, and those that
  // were held for a quarter of a second without anything said of them. Errors: kIo.
  using Handler = std::function<void(const Packet&)>;
  Result<std::size_t> read(const Handler& handler);
  // As read(), and what is still held back.
  Result<std::size_t> finish(const Handler& handler);
  bool is_holding() const noexcept;  // then call read() again before long

  PacketCounts counts() const;

 private:
  struct Impl;
  explicit PacketCapture(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sockscope
