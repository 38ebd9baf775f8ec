// SPDX-License-Identifier: Apache-2.0
// What happens. An Event has a time, a flow, and one of the structures in namespace event. Plain
// data.
#pragma once

#include <sockscope/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <variant>

namespace sockscope {

namespace event {

// An outbound connection is established.
struct Connect {
  std::uint64_t latency_us = 0;  // of the handshake; 0: not known, for example with polled sources
};

// An inbound connection is established.
struct Accept {};

// With eBPF the flow's counters are those of the attempt: its segments are the SYNs.
struct ConnectFailed {
  int error = 0;                 // errno; 0: the kernel does not tell
  std::uint64_t latency_us = 0;  // since the SYN; 0: not known
};

// The flow's counters are final, unless is_final says otherwise.
struct Close {
  TcpState old_state = TcpState::kNone;
  std::optional<std::uint64_t> duration_us;  // empty: opened before sockscope started
  bool is_final = true;  // false (polled sources): the counters are those of the last poll, or none
};

// Segments are sent again. Of the flow's counters only the number of retransmits is filled in.
struct Retransmit {
  // How many: the kernel sends several at once if it leaves it to the network card to cut them
  // (GSO). 0: not known.
  std::uint32_t segments = 0;
  // From eBPF: the TCP sequence number of the first byte sent again, and the congestion window in
  // segments as the kernel has set it by then. Window 0: neither is known.
  std::uint32_t sequence = 0;
  std::uint32_t congestion_window = 0;
  std::uint32_t prior_window = 0;  // the window before the loss that TCP is recovering from; 0: no
                                   // recovery
};

struct Reset {
  bool sent = false;  // by this end
};

// From now on another process uses the connection: the owner of the flow.
struct OwnerChange {};

// A connection attempt begins.
struct Attempt {};

// The flow's state is the new one.
struct StateChange {
  TcpState old_state = TcpState::kNone;
};

// One send or receive.
struct Data {
  bool sent = false;  // by this end
  std::uint64_t bytes = 0;
};

// A SYN to this host met no listener. The flow has its ends, network namespace and interface.
struct Refused {
  // This attempt and the unreported ones before it. Attempts are reported one by one up to about
  // 2,000 a second for each processor.
  std::uint64_t attempts = 1;
};

// A listening TCP socket dropped connections, or requests for connections: its queue was full, or
// there was no memory. The flow is the listener. The kernel counts the drops, and is asked once a
// second.
struct ListenDrop {
  std::uint64_t dropped = 0;  // since the kernel was asked before
  std::uint32_t waiting = 0;  // connections that wait to be accepted now
  std::uint32_t backlog = 0;  // how many may wait
};

// An unconnected UDP socket closed. There is one such event for each remote end that the socket
// had; the flow's counters for that end are final.
struct UdpPeerClose {
  std::optional<std::uint64_t> duration_us;
};

// A DNS query or answer passed a socket of this host, or no answer came. The flow is the socket,
// with the ends of this message. The server is the end with port 53: `remote` where this host asks.
struct Dns {
  bool sent = false;                          // by this end
  std::shared_ptr<const DnsMessage> message;  // never null
};

// A Monitor never reports this. It is for programs that run Detectors and keep one log of
// everything. The flow has the alert's owner and remote end.
struct AlertChange {
  std::shared_ptr<const Alert> alert;  // never null
};

// Something was lost before this event. The flow is empty.
struct Gap {
  Loss lost;  // since the previous gap
};

}  // namespace event

// The kinds of Event::What, in the same order.
enum class EventKind : std::uint8_t {
  kConnect,
  kAccept,
  kConnectFailed,
  kClose,
  kRetransmit,
  kReset,
  kOwner,
  kAttempt,
  kState,
  kData,
  kProcess,
  kRefused,
  kListenDrop,
  kUdpPeer,
  kDns,
  kAlert,
  kGap,
};

struct Event {
  // ProcessEvent: something happened to a process; of the flow only the owner is filled in.
  using What =
      std::variant<event::Connect, event::Accept, event::ConnectFailed, event::Close,
                   event::Retransmit, event::Reset, event::OwnerChange, event::Attempt,
                   event::StateChange, event::Data, ProcessEvent, event::Refused, event::ListenDrop,
                   event::UdpPeerClose, event::Dns, event::AlertChange, event::Gap>;

  std::uint64_t mono_ns = 0;
  // The counters have a meaning only where the structure in `what` says so.
  Flow flow;
  What what = event::Gap{};

  EventKind kind() const noexcept { return static_cast<EventKind>(what.index()); }
};

// An empty structure of that kind.
Event::What make_what(EventKind kind);

// "connect", "connect_failed", …: as in JSON.
std::string_view to_string(EventKind) noexcept;
// The same, but for a ProcessEvent what happened to the process: "exec", "exit", …
std::string_view name_of(const Event&) noexcept;

}  // namespace sockscope
