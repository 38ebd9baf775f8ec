// SPDX-License-Identifier: Apache-2.0
// Watching a host's sockets: the one class an embedding program needs.
//
// No thread, event loop or signal handler of its own; nothing is thrown. A Monitor may be moved
// between threads but used by one at a time; different threads may open() and use monitors of their
// own at the same time. Every descriptor is close-on-exec. With eBPF a monitor holds 50 to 90
// (programs, links, maps: the more is observed the more), with a polled source 3 to 20; open() says
// EMFILE where that is too many.
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

// Which flows and events to report. Empty lists and options mean: any. All given ones must hold.
// Filtering does not change what is measured.
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
  // Of the process; each turns Options::describe on.
  std::string cgroup;     // path: that cgroup and those in it
  std::string container;  // name, or the beginning of the id
  std::string unit;       // systemd's: "nginx.service", or "nginx" for it
};

struct Options {
  // ---- Which

  Filter filter;

  // kAuto: eBPF; where it is refused sock_diag, and where that is refused too, procfs. doors()
  // tells why. Any other never falls back.
  Source source = Source::kAuto;

  // ---- Observe: which events there are. Without any of these the monitor still serves snapshots,
  // at the least cost: nothing runs in the kernel until snapshot() asks, owners are those found at
  // open(), UDP has no bytes.

  bool connections = true;  // connect, accept, connect_failed, close, owner; UDP bytes
  bool quality = true;      // retransmit, reset
  bool attempts = false;
  bool states = false;
  // SYNs to this host that meet no listener, as event::Refused. Polled sources read them with
  // libpcap, which needs CAP_NET_RAW.
  bool refusals = false;
  // What listening TCP sockets of the caller's network namespace drop, as event::ListenDrop: once a
  // second they, and no others, are asked for over netlink.
  bool listen_drops = false;
  // One event per send and receive: costly. Process, name (when it is not a regex) and ports of the
  // filter are then applied in the kernel.
  bool data = false;
  // Fork, exec, exit and changes of identity of processes, as ProcessEvent. Owners then follow
  // what becomes of their process: its name after an exec, its user after a setuid.
  bool processes = false;
  // DNS queries and answers as event::Dns. With eBPF the ports of every packet are then looked at
  // in the kernel. Polled sources read packets of port 53 through libpcap, which needs CAP_NET_RAW
  // for open(), and know the process only of sockets that live until a poll.
  bool dns = false;
  // Who uses a TCP connection is seen at each send and receive: at once, also of a socket that
  // passes from process to process. It costs those 5 to 10 % where nothing but tracepoints can be
  // had. Without it the process is that which connects or accepts, is found with the socket open at
  // a snapshot or before an accept is told (settle_owner), or closes it last. `data` implies it.
  bool exact_owners = false;

  // ---- Describe: what flows, in events and snapshots, tell beyond themselves.

  // Owners with all that is known of their process (Owner::process, Process::info). While
  // connections are followed processes are too, as with `processes`, but their events are not told.
  bool describe = false;
  // All arguments of processes (Program::arguments), a megabyte and more where a process has so
  // many; otherwise their first 4 KiB, and Program::arguments_truncated says that there were more.
  bool whole_arguments = false;
  // Snapshots tell every process that has a socket open (Flow::holders).
  bool holders = false;
  // Snapshots tell what the kernel knows of each TCP socket beyond its counters (Flow::internals):
  // a question over netlink for each, some microseconds.
  bool tcp_internals = false;
  // Flows tell what their remote end was called in DNS (Flow::remote_name), from the answers seen
  // since open(). Costs what `dns` does.
  bool names = false;
  // Remote ends without such a name are looked up in reverse (PTR) at the name servers of
  // /etc/resolv.conf, over UDP: asynchronously, so that an event or a snapshot has the names that
  // were there by then; cached and bounded; never loopback, link-local or multicast addresses.
  // These queries are traffic of this very process, and seen as that.
  bool resolve = false;
  // Flows tell which ends their packets have where netfilter translates addresses
  // (Flow::translation), of this network namespace, by what the kernel tells of the connections it
  // tracks. It makes a message of each of them for us then, also of those it forwards. With `dns`
  // also queries of unconnected sockets that are turned to another port than 53 are seen (those of
  // connected ones always are), by hooks where such sockets send. Needs CAP_NET_ADMIN, for open()
  // only.
  bool translations = false;
  // Flows for each remote end of unconnected UDP sockets (Flow::peer_of), and which UDP speaks QUIC
  // (Flow::app). eBPF only: the protocol of every packet is then looked at in the kernel, and every
  // datagram of such a socket counted a second time. Needs `connections`.
  bool udp_peers = false;

  // ---- Limits: what is kept at the most.

  // Size of the kernel's ring buffer, rounded up to a power of two and at least a page. 16 MiB hold
  // what 15,000 connections a second, both ends here, produce while the reader is kept from running
  // for a second.
  std::size_t ring_bytes = std::size_t{16} << 20;
  // How many remote ends of UDP sockets the kernel remembers, about 200 bytes each; of more the
  // least recently active are forgotten (Loss::udp_peers, exact as of the last snapshot).
  std::uint32_t max_udp_peers = 16'384;
  // How long closed flows stay in snapshots, and how many at the most, besides those that the
  // kernel itself still shows in TIME_WAIT.
  std::chrono::milliseconds keep_closed{10'000};
  std::size_t max_closed = 10'000;

  // ---- Tuning: how it is observed.

  // Kinds of doors into the kernel that may be used, comma-separated: tp_btf, fexit, kprobe,
  // cgroup; and of iterators iter_map, iter_task. Naming none of a group allows all of it. Empty:
  // all, the best that is to be had for each observation. A name that is none of these is
  // kInvalidArgument. With any, kAuto means kEbpf.
  std::string doors;
  // Polled sources: time between polls, when events are wanted. It is longer where polls would
  // take more than a twentieth of a CPU.
  std::chrono::milliseconds poll_interval{250};
  // The longest an event waits in the kernel while others keep coming. An idle host is not polled.
  std::chrono::milliseconds batch{20};
  // How long an accept is held back, and the events behind it, because its owner is only inherited
  // from the listening socket: the process that serves it, perhaps a child of the one that accepts,
  // shows itself by closing it, by touching it (exact_owners), or by having it open. 0: not.
  std::chrono::milliseconds settle_owner{100};
};

// A monitor that was moved from observes nothing: fd() is -1, source() kAuto, doors() empty, and
// calls that return a Result are kInvalidArgument.
class [[nodiscard]] Monitor {
 public:
  // Loads and attaches the kernel programs and takes the sockets that are already there. What only
  // adds to the picture may be refused: doors() tells. eBPF needs CAP_BPF, CAP_PERFMON and
  // CAP_NET_ADMIN (or root), for this call only: they can be dropped after it (drop_privileges()).
  // Options that make no sense are kInvalidArgument, whose detail() names the option.
  // Polled sources need nothing, and see owners in the processes that the caller may look into.
  // Errors: kNotPermitted, kKernelLacksFeature, kLoadFailed, kAttachFailed, kInvalidArgument, kIo.
  static Result<Monitor> open(const Options& options = {});

  Monitor(Monitor&&) noexcept;
  Monitor& operator=(Monitor&&) noexcept;
  ~Monitor();  // detaches and frees everything

  // For poll, epoll or any event loop: readable when consume() has something to do. Owned by the
  // monitor. Level-triggered.
  int fd() const noexcept;

  // The event is valid during the call only. The handler must not use the monitor. A null handler
  // is kInvalidArgument, but for snapshot().
  using Handler = std::function<void(const Event&)>;

  // Hands over the events that are there, in the kernel's order, without waiting; when events were
  // lost, an event::Gap comes first and the flow table is read anew from the kernel. Returns the
  // number of events handed over. Errors: kIo.
  Result<std::size_t> consume(const Handler& handler);

  // Waits until there is something to consume, or the timeout is over (negative: forever), then
  // consumes. A signal ends the wait early.
  Result<std::size_t> poll(std::chrono::milliseconds timeout, const Handler& handler);

  // As consume(), and hands over what is still held back for its owner to settle. For the end.
  Result<std::size_t> finish(const Handler& handler);

  // The state of all sockets now, read from the kernel; rates are those since the call before.
  // Events that are waiting are taken into account first, and handed to `handler` when there is
  // one. Errors: kIo.
  Result<Snapshot> snapshot(const Handler& handler = nullptr);

  // With Options::resolve: waits until the remote ends of the snapshot are looked up, or the time
  // is over, and names its flows.
  void wait_for_names(Snapshot& snapshot, std::chrono::milliseconds patience);

  // Fills in Flow::internals where they are not there yet, as Options::tcp_internals does for every
  // snapshot. One that is gone by now, or that the kernel does not tell of, has none.
  void add_tcp_internals(Snapshot& snapshot);

  // What the kernel knows of one TCP connection now. Nothing: it is gone, or lives in another
  // network namespace than the caller. Needs no privilege. Errors: kIo.
  Result<std::optional<TcpInternals>> tcp_internals(const Flow& flow);

  // What is known of the latest process with that pid, with Options::describe: for the ancestors of
  // owners, which need no socket to be known. Null: nothing is. Those that exited are kept a
  // minute.
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

// What else to keep of the privileges: CAP_KILL, to signal other users' processes.
enum class Keep { kNothing, kKill };

// Gives up every capability of the calling thread but what is kept, for good, and the right to gain
// new ones through exec; for a polled source all but CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, which
// show the open files of other users' processes; for eBPF all but CAP_BPF where the kernel
// (before 5.19) refuses bpf(2) without it, also for snapshot(). Call it after open(), before other
// threads exist. Errors: kIo.
Result<void> drop_privileges(Source source = Source::kEbpf, Keep keep = Keep::kNothing);

// "0.1.0"
const char* version() noexcept;

// Offset to add to a mono_ns time to get Unix nanoseconds, as of now.
std::int64_t mono_to_wall_ns() noexcept;

}  // namespace sockscope
