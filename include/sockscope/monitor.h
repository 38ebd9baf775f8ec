// SPDX-License-Identifier: Apache-2.0
// Watching a host's sockets: the one class that an embedding program needs.
//
// It has no thread, event loop or signal handler of its own, and throws nothing. A Monitor may be
// moved between threads, but only one thread at a time may use it; different threads may open() and
// use their own monitors at the same time. Every descriptor is close-on-exec. With eBPF a monitor
// holds 50 to 90 descriptors (programs, links, maps: more for more observations), with a polled
// source 3 to 20. open() reports EMFILE where that is too many.
#pragma once

#include <sockscope/error.h>
#include <sockscope/event.h>
#include <sockscope/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sockscope {

struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;  // inclusive
};

// Which flows and events to report. An empty list or option matches everything; all others must
// match. Filtering does not change what is measured.
struct Filter {
  std::vector<std::uint32_t> pids;  // the process that uses the socket
  std::string comm;                 // process name: exact, or /regex/ (RE2)
  std::optional<std::uint32_t> uid;
  std::optional<std::uint32_t> netns;  // inode number
  std::vector<PortRange> any_ports;    // local or remote
  std::vector<PortRange> local_ports;
  std::vector<PortRange> remote_ports;
  std::uint8_t family = 0;  // 4 or 6
  std::optional<Protocol> protocol;
  // Properties of the process; each of them turns Options::describe on.
  std::string cgroup;     // path: this cgroup and those below it
  std::string container;  // name, or the beginning of its id
  std::string unit;       // systemd unit: "nginx.service", or "nginx" for short
};

struct Options {
  // ---- Which

  Filter filter;

  // kAuto: eBPF; where that is refused sock_diag, and where that is refused too, procfs. doors()
  // says why. Any other value never falls back.
  Source source = Source::kAuto;

  // ---- Observe: which events there are. With none of these the monitor still delivers snapshots,
  // at the lowest cost: nothing runs in the kernel until snapshot() asks, owners are those found at
  // open(), and UDP has no bytes.

  bool connections = true;  // connect, accept, connect_failed, close, owner; UDP bytes
  bool quality = true;      // retransmit, reset
  bool attempts = false;
  bool states = false;
  // SYNs to this host that meet no listener, as event::Refused. Polled sources read them through
  // libpcap, which needs CAP_NET_RAW.
  bool refusals = false;
  // What listening TCP sockets drop, as event::ListenDrop. Once a second (less often where that
  // would take more than a twentieth of a CPU) the kernel is asked over netlink, and only about
  // listening sockets of the caller's network namespace. With eBPF also those of other network
  // namespaces are looked at, without entering them; this takes about a microsecond for each socket
  // of those namespaces.
  bool listen_drops = false;
  // Connect and accept events come with the next snapshot() or, if that is sooner, just before the
  // connection's close. Their time is still that of the opening, so it may lie before that of
  // events handed over earlier; and of a connection's owners only those since the first snapshot()
  // that showed it are reported. A connection then costs the host two records instead of four or
  // five. For callers that take a snapshot every few seconds; polled sources ignore it. Not with
  // `data` or `exact_owners`.
  bool late_openings = false;
  // One event per send and receive: costly. The kernel then applies these parts of the filter:
  // process, name (unless it is a regex) and ports.
  bool data = false;
  // Fork, exec, exit and changes of identity of processes, as ProcessEvent. Owners then follow
  // their process: they change their name after an exec, their user after a setuid.
  bool processes = false;
  // DNS queries and answers as event::Dns. With eBPF the kernel then looks at the ports of every
  // packet. Polled sources read the packets of port 53 through libpcap, which needs CAP_NET_RAW for
  // open(), and know the process only of sockets that live until a poll.
  bool dns = false;
  // Who uses a TCP connection is seen at each send and receive, and so at once, even when a socket
  // passes from one process to another. Where only tracepoints are available, this makes sends and
  // receives 5 to 10 % slower. Without it the owner is the process that connects or accepts, that
  // is found with the socket open (at a snapshot, or before an accept is reported: settle_owner),
  // or that closes it last. `data` implies it.
  bool exact_owners = false;

  // ---- Describe: what flows, in events and snapshots, say in addition to their own figures.

  // Owners come with all that is known of their process (Owner::process, Process::info). While
  // connections are observed, processes are then observed too, as with `processes`, but without
  // their events.
  bool describe = false;
  // All arguments of processes (Program::arguments), even where that is a megabyte or more. Without
  // it their first 4 KiB; Program::arguments_truncated says that there were more.
  bool whole_arguments = false;
  // Snapshots list every process that has a socket open (Flow::holders).
  bool holders = false;
  // Snapshots say what the kernel knows of each TCP socket beyond its counters (Flow::internals).
  // This asks the kernel over netlink for each socket, which takes some microseconds.
  bool tcp_internals = false;
  // Flows have the name that their remote end was called by in DNS (Flow::remote_name), taken from
  // the answers seen since open(). Costs as much as `dns`.
  bool names = false;
  // Remote ends without such a name are looked up in reverse (PTR), over UDP, at the name servers
  // of /etc/resolv.conf. Lookups run asynchronously: an event or a snapshot has the names known by
  // then. They are cached and bounded, and never made for loopback, link-local or multicast
  // addresses. These queries are traffic of the calling process, and are observed as such.
  bool resolve = false;
  // Flows say which ends their packets have where netfilter translates addresses
  // (Flow::translation), in this network namespace, from the kernel's news about the connections it
  // tracks. The kernel then produces a message for each of them, also for those that it forwards.
  // With `dns`, also queries of unconnected sockets are seen that are redirected to a port other
  // than 53 (those of connected sockets always are); this takes hooks where such sockets send.
  // Needs CAP_NET_ADMIN, for open() only.
  bool translations = false;
  // A flow for each remote end of unconnected UDP sockets (Flow::peer_of), and which UDP sockets
  // use QUIC (Flow::app). eBPF only: the kernel then looks at the protocol of every packet, and
  // counts every datagram of such a socket a second time. Needs `connections`.
  bool udp_peers = false;

  // The key of the names of connections (Flow::conn_id). Empty: one of this host, until it boots
  // again. Hosts between which connections are to be followed need the same key. Whoever knows it
  // can tell, with much computing, sequence numbers from names.
  std::optional<ConnectionKey> connection_key;

  // ---- Limits: how much is kept at most.

  // Size of the kernel's ring buffer, rounded up to a power of two and at least a page. If the
  // reader cannot run for a second, 16 MiB hold what 15,000 connections a second with both ends on
  // this host produce.
  std::size_t ring_bytes = std::size_t{16} << 20;
  // How many remote ends of UDP sockets the kernel remembers, about 200 bytes each. When there are
  // more, the least recently active are forgotten (Loss::udp_peers, exact as of the last snapshot).
  std::uint32_t max_udp_peers = 16'384;
  // How long closed flows stay in snapshots, and how many at most. Those that the kernel itself
  // still lists in TIME_WAIT come in addition.
  std::chrono::milliseconds keep_closed{10'000};
  std::size_t max_closed = 10'000;

  // ---- Tuning: how it is observed.

  // Kinds of hooks that may be used, separated by commas: tp_btf, fexit, kprobe, cgroup; and kinds
  // of iterators: iter_map, iter_task. Where none of a group is named, all of that group are
  // allowed. Empty: all; the best available is used for each observation. Any other name is
  // kInvalidArgument. When this is set, kAuto means kEbpf.
  std::string doors;
  // Polled sources: time between polls, when events are wanted. The time grows where polling would
  // take more than a twentieth of a CPU.
  std::chrono::milliseconds poll_interval{250};
  // The longest time an event waits in the kernel while others keep coming. An idle host is not
  // polled.
  std::chrono::milliseconds batch{20};
  // How long an accept event, and the events behind it, is held back while its owner is only
  // inherited from the listening socket. In that time the process that serves it, perhaps a child
  // of the one that accepts, may be found: by closing it, by using it (exact_owners), or by having
  // it open. 0: do not wait.
  std::chrono::milliseconds settle_owner{100};
};

// A monitor that was moved from observes nothing: fd() is -1, source() is kAuto, doors() is empty,
// and calls that return a Result return kInvalidArgument.
class [[nodiscard]] Monitor {
 public:
  // Loads and attaches the kernel programs, and reads the sockets that already exist. Observations
  // that are not essential may be refused; doors() says which. eBPF needs CAP_BPF, CAP_PERFMON and
  // CAP_NET_ADMIN (or root) for this call only; after it they can be dropped (drop_privileges()).
  // Options that contradict themselves are kInvalidArgument, whose detail() names the option.
  // Polled sources need nothing, and see owners in the processes that the caller may inspect.
  // Errors: kNotPermitted, kKernelLacksFeature, kLoadFailed, kAttachFailed, kInvalidArgument, kIo.
  static Result<Monitor> open(const Options& options = {});

  Monitor(Monitor&&) noexcept;
  Monitor& operator=(Monitor&&) noexcept;
  ~Monitor();  // detaches and frees everything

  // For poll, epoll or any event loop: readable when consume() has something to do. The monitor
  // owns it. Level-triggered.
  int fd() const noexcept;

  // The event is valid during the call only, and the handler must not use the monitor. Passing a
  // null handler is kInvalidArgument, except to snapshot().
  using Handler = std::function<void(const Event&)>;

  // Hands over all events that are ready, in the kernel's order, without waiting. When events were
  // lost, an event::Gap comes first and all sockets are read anew from the kernel. Returns the
  // number of events handed over. Errors: kIo.
  Result<std::size_t> consume(const Handler& handler);

  // Waits until there is something to consume or the timeout is over (negative: no timeout), then
  // consumes. A signal ends the wait early.
  Result<std::size_t> poll(std::chrono::milliseconds timeout, const Handler& handler);

  // Like consume(), but also hands over events that are held back for their owner to settle. To be
  // called at the end.
  Result<std::size_t> finish(const Handler& handler);

  // The state of all sockets now, read from the kernel. Rates are those since the call before.
  // Waiting events are taken into account first, and handed to `handler` if there is one. Errors:
  // kIo.
  Result<Snapshot> snapshot(const Handler& handler = nullptr);

  // With Options::resolve: waits until the snapshot's remote ends have been looked up, or the time
  // is over, and fills in the names of its flows.
  void wait_for_names(Snapshot& snapshot, std::chrono::milliseconds patience);

  // Fills in Flow::internals where it is missing, as Options::tcp_internals does for every
  // snapshot. It stays null for sockets that are gone by now, or that the kernel does not report.
  void add_tcp_internals(Snapshot& snapshot);

  // What the kernel knows of one TCP connection now. Nothing: the connection is gone, or belongs to
  // a network namespace other than the caller's. With eBPF, listening sockets of other namespaces
  // are known, too, as of the latest snapshot. Needs no privilege. Errors: kIo.
  Result<std::optional<TcpInternals>> tcp_internals(const Flow& flow);

  // With Options::describe: what is known of the latest process with that pid, also when it has no
  // socket, as with ancestors of owners. Null: nothing is known. Processes that exited are kept for
  // a minute.
  std::shared_ptr<const ProcessInfo> process(std::uint32_t pid) const;

  Source source() const noexcept;  // the one in use
  const Loss& loss() const noexcept;
  Cost cost() const noexcept;
  // Valid until the next call.
  const std::vector<Door>& doors() const noexcept;

 private:
  struct Impl;
  explicit Monitor(std::unique_ptr<Impl> impl) noexcept;
  Result<void> check_use(const Handler* handler) const;
  std::unique_ptr<Impl> impl_;
};

// What else to keep of the privileges: CAP_KILL, to send signals to other users' processes.
enum class Keep { kNothing, kKill };

// Gives up, for good, every capability of the calling thread except those that are needed or kept,
// and the right to gain new ones through exec. A polled source keeps CAP_SYS_PTRACE and
// CAP_DAC_READ_SEARCH, which show the open files of other users' processes; eBPF keeps CAP_BPF
// where the kernel (before 5.19) refuses bpf(2) without it, which snapshot() needs too. To be
// called after open(), before other threads exist. Errors: kIo.
Result<void> drop_privileges(Source source = Source::kEbpf, Keep keep = Keep::kNothing);

// "0.1.0"
const char* version() noexcept;

// What to add to a mono_ns time to get Unix nanoseconds, as of now.
std::int64_t mono_to_wall_ns() noexcept;

}  // namespace sockscope
