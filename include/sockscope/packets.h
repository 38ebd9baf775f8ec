// SPDX-License-Identifier: Apache-2.0
// The packets of this host, with the sockets, and so the processes, that they belong to.
//
// Used together with a Monitor, which reports the sockets: hand its events and snapshots to note().
// Like Monitor, this has no thread, event loop or signal handler of its own, throws nothing, and
// may be used by one thread at a time.
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

// Valid only during the call that hands it over.
struct Packet {
  std::uint64_t wall_ns = 0;         // Unix time, from the kernel
  std::uint32_t wire_size = 0;       // full size in bytes; `bytes` may be shorter
  std::span<const std::byte> bytes;  // from the link header on
  // In the caller's network namespace. 0: the interface named in PacketOptions, or the link header
  // does not say.
  std::uint32_t interface_index = 0;
  // The sockets of this host at the packet's ends; on loopback both are. Null: none, or not known.
  // With cookie 0: one of several sockets that a single process has at this address.
  const Flow* sender = nullptr;
  const Flow* receiver = nullptr;
  // Sockets of several processes that share the address (SO_REUSEPORT, multicast), where the packet
  // does not show which of them it belongs to and the pointer above is null. Otherwise empty.
  std::span<const Flow* const> senders;
  std::span<const Flow* const> receivers;

  // Whether this host is known to have sent or to receive the packet.
  bool is_sent() const noexcept { return sender != nullptr || !senders.empty(); }
  bool is_received() const noexcept { return receiver != nullptr || !receivers.empty(); }
};

struct PacketCounts {
  std::uint64_t received = 0;
  std::uint64_t dropped = 0;       // by the kernel, for want of room, according to libpcap's
                                   // statistics
  std::uint64_t unattributed = 0;  // packets handed over that are neither sent nor received
};

class PacketCapture {
 public:
  // Opens the interface through libpcap. Needs CAP_NET_RAW, for this call only; and CAP_NET_ADMIN
  // to learn which connections netfilter translates, without which their packets belong to no
  // socket. Errors: kNotPermitted, kInvalidArgument (no such interface, invalid filter),
  // kUnsupportedPlatform (no libpcap, or an unknown kind of link), kIo.
  static Result<PacketCapture> open(const PacketOptions& options = {});

  PacketCapture(PacketCapture&&) noexcept;
  PacketCapture& operator=(PacketCapture&&) noexcept;
  ~PacketCapture();

  // Readable when read() has something to do; it does not say when held packets are due.
  int fd() const noexcept;
  std::uint16_t link_type() const noexcept;  // LINKTYPE_ of all packets

  // Takes what the monitor reports. The monitor should report all flows, whichever packets are
  // wanted, with Options::connections and Options::attempts.
  void note(const Event& event);
  void note(const Snapshot& snapshot);
  // True when a packet is held whose owner only a new snapshot can show: UDP sockets are not
  // announced by events.
  bool wants_snapshot() const;

  // Hands over, in order and without waiting, the packets whose owners are known, and those that
  // have been held for a quarter of a second without news about them. Errors: kIo.
  using Handler = std::function<void(const Packet&)>;
  Result<std::size_t> read(const Handler& handler);
  // Like read(), and also hands over what is still held.
  Result<std::size_t> finish(const Handler& handler);
  bool is_holding() const noexcept;  // then read() must be called again soon

  PacketCounts counts() const;

 private:
  struct Impl;
  explicit PacketCapture(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sockscope
