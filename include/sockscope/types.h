// SPDX-License-Identifier: Apache-2.0
// The values that sockscope works with. Plain data: copy them freely, they hold no resource of the
// kernel.
//
// rx and tx are as seen from this host. Times named *_ns are CLOCK_MONOTONIC nanoseconds unless the
// name says otherwise; 0 means unknown. Process identifiers are thread group ids as the host sees
// them; 0 means unknown.
#pragma once

#include <sockscope/address.h>
#include <sockscope/dns.h>
#include <sockscope/observation.h>
#include <sockscope/process.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sockscope {

enum class Protocol : std::uint8_t { kTcp = 6, kUdp = 17 };

enum class Direction : std::uint8_t {
  kUnknown,   // opened before sockscope started, or UDP
  kOutbound,  // this end connected
  kInbound,   // this end accepted
  kListen,
};

// Where what is known of sockets comes from.
enum class Source : std::uint8_t {
  kAuto,      // only in Options: the first of the next three that the kernel allows
  kEbpf,      // events as they happen
  kSockDiag,  // the kernel's socket tables and counters, polled
  kProcfs,    // /proc/net, polled: no counters
  kCapture,   // not this host's kernel, but the output of another tool (parse_capture)
};

// How Owner::pid is known.
enum class OwnerKind : std::uint8_t {
  kUnknown,
  kExact,      // the process itself was running when it touched the socket
  kInherited,  // taken from the listening socket; nobody used the connection yet
  kBootstrap,  // found holding the socket: when sockscope started, or by a poll
  kKernel,     // no process: the kernel made the socket for itself (a tunnel, a file server); only
               // eBPF shows it
};

// The kernel's numbers.
enum class TcpState : std::uint8_t {
  kNone = 0,  // not TCP
  kEstablished = 1,
  kSynSent = 2,
  kSynRecv = 3,
  kFinWait1 = 4,
  kFinWait2 = 5,
  kTimeWait = 6,
  kClose = 7,
  kCloseWait = 8,
  kLastAck = 9,
  kListen = 10,
  kClosing = 11,
  kNewSynRecv = 12,
};

// The protocol spoken over UDP, as the socket's own datagrams show (Options::udp_peers).
enum class App : std::uint8_t {
  kUnknown,
  kQuic,  // since it is observed, it sent an Initial packet (RFC 9000, RFC 9369 or a draft)
};

// The name of a connection, the same at both of its ends, on whatever hosts they are; different
// from that of any other connection, as far as 64 bits can tell. kUnknown (0): not known.
//
// TCP: a keyed hash of the two initial sequence numbers (docs/decisions/0018), which survive the
// translation of addresses. Known with eBPF, from the moment a connection is established; not of
// connections that were already in TIME_WAIT when they were first seen. UDP: a keyed hash of both
// ends; known for connected sockets, and not the same at both ends where addresses are translated.
// The same ends have the same name again.
enum class ConnectionId : std::uint64_t { kUnknown = 0 };

// The key of those hashes. Hosts with the same key give both ends of a connection between them the
// same name.
using ConnectionKey = std::array<std::uint8_t, 16>;

struct Owner {
  std::uint32_t pid = 0;  // the process that uses the socket; after the close the one that closed
                          // it
  std::uint32_t opener_pid = 0;  // the process that connected, accepted or created it
  std::uint64_t start_ns = 0;    // CLOCK_BOOTTIME start of the process: with pid, its identity
  std::uint64_t cgroup_id = 0;   // cgroup v2
  std::optional<std::uint32_t> uid;
  OwnerKind kind = OwnerKind::kUnknown;
  std::array<char, 16> comm{};  // name of the process, as in the kernel: hostile bytes possible
  std::shared_ptr<const ProcessInfo> process;  // with Options::describe; null: not known

  std::string_view name() const noexcept;  // comm up to its NUL
};

// TCP: the kernel's own counters (tcp_sock), for the whole life of the connection. tx_bytes is the
// payload sent at least once, without retransmissions; rx_bytes is the payload received in order,
// read by the process or not. UDP: the payload of successful calls since sockscope observes the
// socket. One call is one datagram, except for sends on a socket with UDP_SEGMENT set, which count
// as the datagrams they are cut into (a segment size given with the single message, and UDP_GRO,
// are not seen).
struct Counters {
  std::uint64_t tx_bytes = 0;
  std::uint64_t rx_bytes = 0;
  std::uint64_t tx_segments = 0;  // TCP segments; UDP datagrams
  std::uint64_t rx_segments = 0;
  std::uint32_t retransmits = 0;  // TCP segments sent again
  std::uint32_t srtt_us = 0;      // smoothed round trip time; 0: not measured
  std::uint32_t min_rtt_us = 0;   // 0: not measured
};

// The ends that a flow's packets have outside of the host, when netfilter translates addresses: a
// service's address, a published port, masquerading.
struct Translation {
  Endpoint local;
  Endpoint remote;
  bool operator==(const Translation&) const = default;
};

// The other end of a connection, where that is on this host, too.
struct OtherEnd {
  std::uint64_t cookie = 0;
  std::uint32_t netns = 0;
  Endpoint local;   // as the other end knows them: with translated addresses they are not those of
  Endpoint remote;  // this end, exchanged
  Owner owner;      // without Owner::process
};

struct TcpInternals;

struct Flow {
  // The kernel's socket cookie; 0 for sockets that have none. For a remote end of an unconnected
  // UDP socket it is a number made by sockscope, above 2^52.
  std::uint64_t cookie = 0;
  // Nonzero: not a socket, but what the unconnected UDP socket with this cookie exchanged with
  // `remote` (Options::udp_peers). The socket has a flow of its own that counts the same traffic,
  // so sums must leave this one out. Payload and datagrams are counted where they pass between
  // socket and network, since the first of them (`opened_ns`): sent ones as UDP_SEGMENT cuts them
  // (twice for multicast that is looped back to this host), received ones whether they are read or
  // not.
  std::uint64_t peer_of = 0;
  ConnectionId conn_id = ConnectionId::kUnknown;
  App app = App::kUnknown;
  std::uint32_t netns = 0;  // inode number of the network namespace
  Protocol protocol = Protocol::kTcp;
  Direction direction = Direction::kUnknown;
  TcpState state = TcpState::kNone;
  bool closed = false;
  // False: the kernel keeps no counters for it (TIME_WAIT, half-open), and it was not seen earlier.
  bool has_counters = true;
  bool has_segments = true;  // false: of the counters, only bytes and srtt_us are known
  // The number, in its network namespace, of the interface that the socket is bound to
  // (SO_BINDTODEVICE; always for connections between link-local addresses); in event::Dns and
  // event::Refused, of the interface that the packet passed. 0: none, not known (procfs), or a
  // number above 65,535 (eBPF).
  std::uint32_t interface = 0;
  Endpoint local;
  Endpoint remote;  // with an unspecified address: not connected
  // For an IPv6 socket that listens or is not connected: whether it excludes IPv4 (IPV6_V6ONLY).
  // Empty: another kind of socket, or not known (procfs).
  std::optional<bool> ipv6_only;
  Owner owner;
  Counters counters;
  std::uint64_t opened_ns = 0;  // when established, created, or (failed connects) begun
  std::uint64_t closed_ns = 0;
  // Bytes per second between the last two snapshots; empty in the first one.
  std::optional<double> tx_rate;
  std::optional<double> rx_rate;
  // With Options::names: the name that DNS had for the remote end; null: no answer with it was
  // seen.
  std::shared_ptr<const RemoteName> remote_name;
  // With Options::translations: the ends that its packets have; null: the same as here, or not
  // known.
  std::shared_ptr<const Translation> translation;
  // In snapshots: the other end of the connection, of whatever network namespace, found by conn_id
  // (where that is not known, by the addresses within a network namespace). Null: it is not on this
  // host, or not known.
  std::shared_ptr<const OtherEnd> other_end;
  // With Options::tcp_internals, in snapshots: for open TCP sockets of the caller's network
  // namespace, with eBPF also for listening ones of others; null: not asked for, or not known.
  std::shared_ptr<const TcpInternals> internals;
  // With Options::holders, in snapshots: every process that has it open, by pid; null: not asked
  // for.
  std::shared_ptr<const std::vector<SocketHolder>> holders;
};

// What the kernel knows of one TCP socket beyond its counters. Empty: this kernel does not report
// it. For a listening socket only these have a meaning: receive_queue (how many connections wait to
// be accepted), send_queue (how many may), and drops.
struct TcpInternals {
  std::array<char, 16> congestion_control{};
  std::uint32_t congestion_window = 0;                // segments
  std::optional<std::uint32_t> slow_start_threshold;  // empty: TCP has never left slow start
  std::uint32_t mss = 0;                              // bytes, for sending
  std::uint32_t path_mtu = 0;
  std::uint32_t rtt_variance_us = 0;
  std::uint32_t retransmit_timeout_us = 0;
  std::uint32_t receive_space = 0;              // bytes that the receive buffer is tuned for
  std::optional<std::uint32_t> receive_window;  // bytes offered to the peer (Linux 6.2)
  std::uint32_t unacked = 0;                    // segments in flight
  std::uint32_t lost = 0;                       // how many of them TCP considers lost
  std::optional<std::uint32_t> reordering;
  std::uint32_t receive_queue = 0;  // bytes not yet read by the process
  std::uint32_t send_queue = 0;     // bytes not yet acknowledged
  std::optional<std::uint32_t> unsent_bytes;
  // Bytes per second that reached the peer, by the latest measurement (Linux 4.9); empty: none so
  // far.
  std::optional<std::uint64_t> delivery_rate;
  // Time with data in flight, and how much of that time sending was held up by the receiver's
  // window or by our buffer.
  std::optional<std::uint64_t> busy_us;
  std::optional<std::uint64_t> receiver_limited_us;
  std::optional<std::uint64_t> buffer_limited_us;
  // The same two in per cent of busy_us.
  std::optional<double> receiver_limited() const noexcept;
  std::optional<double> buffer_limited() const noexcept;
  std::optional<std::uint32_t> duplicate_acks;  // DSACKs: segments that were sent again needlessly
  std::optional<std::uint32_t> reorderings_seen;
  // For a listener: connections, and requests for connections, that it has dropped since it was
  // created, mainly for want of room. For a connection: segments that found no room.
  std::optional<std::uint32_t> drops;
};

// The sum over the flows of one process, including those already closed.
struct Process {
  std::uint32_t pid = 0;  // 0: the flows without a known owner
  std::uint64_t start_ns = 0;
  std::uint64_t cgroup_id = 0;
  std::optional<std::uint32_t> uid;
  std::array<char, 16> comm{};
  std::shared_ptr<const ProcessInfo> info;  // with Options::describe; null: not known
  std::uint32_t open_flows = 0;             // without listening sockets
  std::uint32_t listeners = 0;
  std::uint64_t closed_flows = 0;  // since sockscope started
  std::uint64_t tx_bytes = 0;      // of all flows seen
  std::uint64_t rx_bytes = 0;
  std::uint64_t retransmits = 0;
  std::uint32_t srtt_us = 0;  // mean over its open TCP flows with measured traffic; 0: none
  // Bytes per second. Empty in the first snapshot, and where none of its flows has counters.
  std::optional<double> tx_rate;
  std::optional<double> rx_rate;
  std::optional<double> retransmit_rate;  // segments per second
  std::optional<double> tx_segment_rate;  // TCP only, including retransmits and bare
                                          // acknowledgements

  std::string_view name() const noexcept;
};

// What was not seen since the monitor was opened, by cause.
struct Loss {
  std::uint64_t ring_full = 0;       // records that found the ring buffer full
  std::uint64_t storage_failed = 0;  // times the kernel had no memory or room to remember an owner
  std::uint64_t malformed = 0;       // records that user space could not read
  std::uint64_t missed_returns = 0;  // calls whose end was not seen, for want of return probes
                                     // (kprobe)
  // Times the kernel found a netlink socket full (at least that many closes were not reported), or
  // events of processes that are known to be lost.
  std::uint64_t netlink_full = 0;
  std::uint64_t udp_peers = 0;  // remote ends of UDP sockets forgotten, beyond max_udp_peers
  // Times the kernel did not run one of our programs: because an interrupt came while the same
  // program was running (known since Linux 5.12, for kprobes since 6.7; looked at once a second),
  // or for reasons of its own (known for the ends of connections, by the second snapshot after that
  // or within two minutes).
  std::uint64_t missed_runs = 0;
  // Times there was no room for news of translated connections (Options::translations).
  std::uint64_t translations = 0;

  std::uint64_t total() const noexcept;
  bool operator==(const Loss&) const = default;
};

// One way to observe something, and what became of it.
struct Door {
  Observation observation{};
  std::string name;         // "tp_btf/inet_sock_set_state"
  std::string refused;      // the kernel's reason; empty: in use
  std::string limits = {};  // what it cannot see exactly; empty: nothing
  std::string advice = {};  // what to do about a refusal; empty: not known
};

// What observing costs this process.
struct Cost {
  std::uint64_t cpu_ns = 0;       // CPU time of the whole calling process since it started
  std::uint64_t events = 0;       // records consumed
  std::uint64_t wakeups = 0;      // times the reader was woken or looked
  std::uint64_t snapshot_ns = 0;  // duration of the last pass over the kernel's sockets
  std::uint64_t resyncs = 0;      // passes that were made because something was lost
};

struct Alert;  // sockscope/alert.h

struct Snapshot {
  std::uint64_t mono_ns = 0;
  std::uint64_t wall_ns = 0;         // Unix time
  std::optional<double> interval_s;  // since the previous snapshot; empty in the first
  Loss lost;
  Source source = Source::kEbpf;
  std::vector<Door> doors;
  std::vector<Flow> flows;  // open ones, and those closed within keep_closed
  std::vector<Process> processes;
  // Filled in by programs that run Detectors; null: nobody does.
  std::shared_ptr<const std::vector<Alert>> alerts;
};

// Stable names in lower case, as printed in JSON; never null. Names of states are in upper case and
// spelled as ss and netstat users know them ("ESTABLISHED"), "" for TcpState::kNone.
std::string_view to_string(Protocol) noexcept;
std::string_view to_string(OwnerKind) noexcept;
std::string_view to_string(Source) noexcept;  // "auto", "ebpf", "sock_diag", "procfs"
std::string_view to_string(TcpState) noexcept;
std::string_view to_string(App) noexcept;        // "quic", "" for kUnknown
std::string_view to_string(Direction) noexcept;  // "" for kUnknown
std::string to_string(ConnectionId);             // 16 hexadecimal digits, "" for kUnknown

}  // namespace sockscope
