// SPDX-License-Identifier: Apache-2.0
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <set>
#include <vector>

#include <sockscope/monitor.h>

#include "base/clock.h"
#include "base/fd.h"
#include "decode/process_record.h"
#include "decode/quic.h"
#include "decode/record.h"
#include "model/match.h"
#include "pipeline/dns_watcher.h"
#include "pipeline/engine.h"
#include "pipeline/process_watcher.h"
#include "pipeline/zone_names.h"
#include "source/ebpf/programs.h"
#include "source/ebpf/ring_reader.h"
#include "track/flow_table.h"
#include "track/owner_settler.h"
#include "track/udp_peers.h"

namespace sockscope {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

std::uint32_t copy_ranges(const std::vector<PortRange>& from, wire_port_range* to) {
  if (from.size() > WIRE_FILTER_PORTS) return 0;  // too many for the kernel: user space filters
  std::transform(from.begin(), from.end(), to, [](const PortRange& range) {
    return wire_port_range{range.first, range.last};
  });
  return static_cast<std::uint32_t>(from.size());
}

bool wants_description(const Options& options) {
  return options.describe || needs_process(options.filter);
}

bool wants_connections(const Options& options) {
  return options.connections || options.states || options.attempts || options.data;
}

// What is known of a process is true only as long as its execs and changes of user are seen.
bool follows_processes(const Options& options) {
  return options.processes || (wants_description(options) && wants_connections(options));
}

wire_config make_config(const Options& options, const FlowMatcher& matcher) {
  wire_config config{};
  config.home_netns = home_netns();
  config.observe = (options.attempts ? WIRE_OBSERVE_ATTEMPTS : 0u) |
                   (options.states ? WIRE_OBSERVE_STATES : 0u) |
                   (options.data ? WIRE_OBSERVE_DATA : 0u);
  const Filter& filter = options.filter;
  if (filter.pids.size() <= WIRE_FILTER_PIDS) {
    std::copy(filter.pids.begin(), filter.pids.end(), config.pids);
    config.pid_count = static_cast<std::uint32_t>(filter.pids.size());
  }
  if (matcher.has_plain_name())
    std::memcpy(config.comm, filter.comm.data(),
                std::min(filter.comm.size(), sizeof config.comm - 1));
  config.any_port_count = copy_ranges(filter.any_ports, config.any_ports);
  config.local_port_count = copy_ranges(filter.local_ports, config.local_ports);
  config.remote_port_count = copy_ranges(filter.remote_ports, config.remote_ports);
  return config;
}

class EbpfEngine : public Engine {
 public:
  EbpfEngine(const Options& options, FlowMatcher compiled, Programs loaded, RingReader reader,
             bool with_events)
      : batch_ns(static_cast<std::uint64_t>(options.batch.count()) * 1'000'000),
        matcher(std::move(compiled)),
        programs(std::move(loaded)),
        ring(std::move(reader)),
        table({static_cast<std::uint64_t>(options.keep_closed.count()) * 1'000'000,
               options.max_closed}),
        settler(static_cast<std::uint64_t>(options.settle_owner.count()) * 1'000'000),
        follows_dns(options.dns),
        follows_events(with_events),
        counts_udp(programs.is_made(Observation::kUdpSent) &&
                   programs.is_made(Observation::kUdpReceived)) {
    if (options.dns || options.names) dns.emplace();
    if (programs.is_made(Observation::kUdpPeers)) udp_peers.emplace(options.max_closed);
  }

  Result<void> start(const Options& options);
  int fd() const noexcept override { return epoll.get(); }
  Result<std::size_t> consume(const Handler& handler) override;
  Result<std::size_t> finish(const Handler& handler) override;
  Result<void> snapshot(const Handler* handler, Snapshot& snapshot) override;
  std::shared_ptr<const ProcessInfo> process(std::uint32_t pid) const override {
    return processes ? processes->table().get(pid) : nullptr;
  }
  const Loss& loss() const noexcept override { return lost; }
  const Cost& cost() const noexcept override { return costs; }
  const std::vector<Door>& doors() const noexcept override { return all_doors; }

 private:
  Result<void> make_pollable();
  std::size_t hand_over(const Event& ready, const Handler& handler) const;
  std::size_t drain(const Handler* handler);
  Result<void> watch_processes(const Options& options);
  void describe(Snapshot& snapshot);
  Result<void> tell_holders(Snapshot& snapshot) const;
  void note_loss(const Handler* handler);
  Result<void> read_sockets(bool is_short_pass);
  Result<void> sync(const Handler* handler);
  Result<void> read_peers(const Handler* handler);
  std::vector<Flow> take_peers(std::uint64_t now, std::set<std::uint64_t>& sockets);
  void rest_until_more();

  std::uint64_t batch_ns;
  FlowMatcher matcher;
  Programs programs;
  RingReader ring;
  FlowTable table;
  OwnerSettler settler;
  Fd epoll;
  Fd timer;
  Loss lost;
  Loss reported;                   // in gaps
  std::uint64_t records_lost = 0;  // that a pass was asked for
  std::uint64_t runs_not_before_ns = 0;
  Cost costs;
  Event event;
  Event dns_event;
  ZoneNames zones{home_netns()};
  std::optional<DnsWatcher> dns;  // when names or messages are wanted
  bool follows_dns = false;       // and messages are told
  std::optional<UdpPeers> udp_peers;
  bool peers_due = false;  // a socket closed that may have had some
  std::uint64_t peers_not_before_ns = 0;
  std::uint64_t peers_removed = 0;  // from the kernel's map, because their socket is closed
  std::optional<ProcessWatcher> processes;
  std::vector<Door> all_doors;
  bool tells_processes = false;
  bool describes_owners = false;
  bool wants_holders = false;
  bool resync_wanted = false;
  bool follows_events;  // owners are followed by hooks
  bool counts_udp;      // and so are the bytes of UDP
  bool owners_known = false;    // by a whole pass, since when nothing was lost
  std::vector<std::uint64_t> strangers;
  std::uint64_t resync_not_before_ns = 0;
  std::uint64_t expire_at_ns = 0;
};

Result<void> EbpfEngine::make_pollable() {
  epoll = Fd(::epoll_create1(EPOLL_CLOEXEC));
  timer = Fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  if (!epoll || !timer ||
      ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, programs.ring_fd(), &wanted) != 0 ||
      ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, timer.get(), &wanted) != 0)
    return tl::make_unexpected(Error::from_errno(ErrorKind::kIo, errno, "make a pollable file"));
  return {};
}

// What the kernel programs could not hand over comes to light here.
void EbpfEngine::note_loss(const Handler* handler) {
  const wire_control& control = programs.control();
  lost.ring_full = 0;
  for (const std::uint64_t& count : control.lost_ring)
    lost.ring_full += __atomic_load_n(&count, __ATOMIC_RELAXED);
  lost.storage_failed = __atomic_load_n(&control.lost_storage, __ATOMIC_RELAXED);
  lost.missed_returns = __atomic_load_n(&control.missed_returns, __ATOMIC_RELAXED);
  if (const std::uint64_t now = mono_now_ns(); now >= runs_not_before_ns) {
    lost.missed_runs = programs.missed_runs();
    runs_not_before_ns = now + kSecond;
  }
  if (processes) lost.netlink_full = processes->lost();
  // What the kernel could not remember no pass can tell either.
  if (const std::uint64_t records = lost.ring_full + lost.malformed + lost.netlink_full +
                                    lost.missed_runs;
      records != records_lost) {
    records_lost = records;
    resync_wanted = true;
    owners_known = false;
  }
  if (!handler || lost == reported) return;
  Event gap;
  gap.kind = EventKind::kGap;
  gap.mono_ns = event.mono_ns != 0 ? event.mono_ns : mono_now_ns();  // after the last one read
  gap.lost = {.ring_full = lost.ring_full - reported.ring_full,
              .storage_failed = lost.storage_failed - reported.storage_failed,
              .malformed = lost.malformed - reported.malformed,
              .missed_returns = lost.missed_returns - reported.missed_returns,
              .netlink_full = lost.netlink_full - reported.netlink_full,
              .udp_peers = lost.udp_peers - reported.udp_peers,
              .missed_runs = lost.missed_runs - reported.missed_runs};
  settler.add(gap, [&](const Event& ready) { hand_over(ready, *handler); });
  reported = lost;
}

// Returns how many: one, or none when the filter does not want it.
std::size_t EbpfEngine::hand_over(const Event& ready, const Handler& handler) const {
  if (ready.kind != EventKind::kGap && !matcher(ready.flow)) return 0;
  handler(ready);
  return 1;
}

std::size_t EbpfEngine::drain(const Handler* handler) {
  std::size_t handed_over = 0;
  const auto take = [&](const Event& ready) { handed_over += hand_over(ready, *handler); };
  const std::uint64_t now = mono_now_ns();
  Event of_process;
  of_process.kind = EventKind::kProcess;
  const ProcessWatcher::Handler tell = [&](const ProcessEvent& happened) {
    if (!handler || !tells_processes) return;
    of_process.process = happened;
    of_process.mono_ns = happened.mono_ns;
    of_process.flow.owner = {};
    of_process.flow.owner.pid = happened.pid;
    of_process.flow.owner.start_ns = happened.start_ns;
    processes->describe(of_process.flow.owner);
    if (const auto& info = of_process.flow.owner.process; info && happened.start_ns == 0)
      of_process.flow.owner.start_ns = info->start_ns;
    settler.add(of_process, take);
  };
  if (processes) processes->begin_drain(now);
  const auto tell_dns = [&](const Event& message) {
    if (handler && follows_dns) settler.add(message, take);
  };
  costs.events += ring.drain([&](std::span<const std::byte> bytes) {
    if (is_dns_record(bytes)) {
      DnsPayload payload;
      if (!decode_dns_packet(bytes, dns_event, payload)) {
        ++lost.malformed;
        return;
      }
      if (processes) {
        processes->advance(dns_event.mono_ns, tell);
        processes->describe(dns_event.flow.owner);
      }
      zones.name(dns_event.flow);
      dns->take(dns_event, payload, tell_dns);
      return;
    }
    if (is_datagram_record(bytes)) {
      Datagram datagram;
      if (!udp_peers || !decode_datagram(bytes, datagram))
        ++lost.malformed;
      else if (is_quic_initial(datagram.start, datagram.whole_size))
        udp_peers->note_quic(datagram.socket);
      return;
    }
    if (is_process_record(bytes)) {
      if (!processes || !processes->take(bytes, tell)) ++lost.malformed;
      return;
    }
    if (!decode_event(bytes, event)) {
      ++lost.malformed;
      return;
    }
    if (processes) {
      processes->advance(event.mono_ns, tell);
      processes->describe(event.flow.owner);
    }
    if (!counts_udp && event.flow.protocol == Protocol::kUdp) event.flow.has_counters = false;
    zones.name(event.flow);
    if (dns) dns->name(event.flow);
    if (udp_peers && event.flow.protocol == Protocol::kUdp) {
      event.flow.app = udp_peers->app_of(event.flow.cookie);
      peers_due |= event.kind == EventKind::kClose;
    }
    const bool is_news = table.apply(event);
    if (!handler) return;
    is_news ? settler.add(event, take) : settler.confirm(event, take);
  });
  if (processes) processes->end_drain(tell);
  if (handler) settler.release(now, take);
  return handed_over;
}

Result<void> EbpfEngine::watch_processes(const Options& options) {
  describes_owners = wants_description(options);
  tells_processes = options.processes;
  wants_holders = options.holders;
  all_doors = programs.doors();
  if (!describes_owners && !tells_processes) return {};
  auto watcher = ProcessWatcher::open(
      {.events = follows_processes(options), .describe = describes_owners}, &programs);
  if (!watcher) return tl::make_unexpected(std::move(watcher).error());
  processes.emplace(std::move(*watcher));
  all_doors.insert(all_doors.end(), processes->doors().begin(), processes->doors().end());
  epoll_event readable{};
  readable.events = EPOLLIN;
  if (processes->fd() >= 0 &&
      ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, processes->fd(), &readable) != 0)
    return tl::make_unexpected(Error::from_errno(ErrorKind::kIo, errno, "make a pollable file"));
  return {};
}

void EbpfEngine::describe(Snapshot& snapshot) {
  if (!processes) return;
  for (Flow& flow : snapshot.flows) processes->describe(flow.owner);
  for (Process& process : snapshot.processes) processes->describe(process);
}

Result<void> EbpfEngine::tell_holders(Snapshot& snapshot) const {
  if (!wants_holders) return {};
  std::unordered_map<std::uint64_t, std::shared_ptr<std::vector<SocketHolder>>> holders;
  std::uint64_t malformed = 0;
  auto done = programs.read(Observation::kHolders, [&](std::span<const std::byte> bytes) {
    std::uint64_t cookie = 0;
    SocketHolder holder;
    while (!bytes.empty()) {
      const std::size_t size = decode_holder(bytes, cookie, holder);
      if (size == 0) {
        ++malformed;
        return;
      }
      bytes = bytes.subspan(size);
      auto& list = holders[cookie];
      if (!list) list = std::make_shared<std::vector<SocketHolder>>();
      // Files come in the order of processes and of their numbers.
      if (list->empty() || list->back().pid != holder.pid) list->push_back(holder);
    }
  });
  if (!done) return done;
  for (Flow& flow : snapshot.flows) {
    const auto found = holders.find(flow.cookie);
    flow.holders = found != holders.end() && flow.cookie != 0
                       ? found->second
                       : std::make_shared<std::vector<SocketHolder>>();
  }
  return {};
}

// Reads the sockets' tables. A short pass reads only figures of connections that events announced;
// those it shows although nobody announced them are collected in `strangers`.
Result<void> EbpfEngine::read_sockets(bool is_short_pass) {
  __atomic_store_n(&programs.control().short_pass, is_short_pass ? 1 : 0, __ATOMIC_RELEASE);
  strangers.clear();
  Flow flow;
  auto take_records = [&](std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      bool is_short = false;
      const std::size_t size = decode_socket(bytes, flow, is_short);
      if (size == 0) {
        ++lost.malformed;
        return;
      }
      zones.name(flow);
      // Without its hooks UDP is not counted.
      if (!counts_udp && flow.protocol == Protocol::kUdp) flow.has_counters = false;
      if (!is_short)
        table.sync(flow);
      else if (!table.sync_counters(flow))
        strangers.push_back(flow.cookie);
      bytes = bytes.subspan(size);
    }
  };
  auto done = programs.read(Observation::kTcpSockets, take_records);
  if (done) done = programs.read(Observation::kUdpSockets, take_records);
  if (done && programs.control().foreign_netns != 0)
    done = programs.read(Observation::kForeignSockets, take_records);
  return done;
}

Result<void> EbpfEngine::sync(const Handler* handler) {
  const std::uint64_t began = mono_now_ns();
  drain(handler);
  if (processes && (resync_wanted || processes->needs_scan()))
    if (auto done = processes->scan(&programs); !done) return done;
  const bool followed = owners_known;  // by events, since a whole pass
  table.begin_sync(mono_now_ns());
  if (auto done = read_sockets(owners_known); !done) return done;
  drain(handler);
  if (auto done = read_peers(handler); !done) return done;
  // A stranger established itself during the pass, and its event has come by now; or its event was
  // never to be had.
  if (!std::all_of(strangers.begin(), strangers.end(),
                   [this](std::uint64_t cookie) { return table.contains(cookie); })) {
    if (auto done = read_sockets(false); !done) return done;
    drain(handler);
  }
  // A connection that no process has open is not shown, but its close will be told. Listeners and UDP
  // sockets are open in some process as long as they live.
  FlowTable::Hides hides;
  if (programs.shows_only_held_foreign_sockets() && followed)
    hides = [home = home_netns()](const Flow& flow) {
      return flow.netns != home && flow.protocol == Protocol::kTcp &&
             flow.direction != Direction::kListen;
    };
  table.end_sync(nullptr, hides);
  const std::uint64_t now = mono_now_ns();
  costs.snapshot_ns = now - began;
  resync_wanted = false;
  owners_known = follows_events;
  // Healing must not become a load of its own while the loss goes on.
  resync_not_before_ns = now + std::max(kSecond, 20 * costs.snapshot_ns);
  return {};
}

// What the kernel remembers of remote ends of UDP sockets.
Result<void> EbpfEngine::read_peers(const Handler* handler) {
  if (!udp_peers) return {};
  wire_control& control = programs.control();
  const std::uint64_t began = mono_now_ns();
  const std::uint64_t made = __atomic_load_n(&control.peers_made, __ATOMIC_RELAXED);
  const auto read_socket = [this](std::uint64_t cookie, Flow& flow) {
    return table.read(cookie, flow);
  };
  const auto take = [&](const Event& ready) { hand_over(ready, *handler); };
  udp_peers->begin_pass();
  auto removed = programs.read_udp_peers([&](const wire_udp_peer_key& key,
                                             const wire_udp_peer& value, bool is_closed) {
    UdpPeer peer;
    if (!decode_udp_peer(key, value, peer)) {
      ++lost.malformed;
      return;
    }
    peer.socket_closed = is_closed;
    if (Flow socket; peer.interface != 0 && table.read(peer.socket, socket))
      zones.name(peer.remote.addr, peer.interface, socket.netns);
    if (!udp_peers->take(peer, began) || !handler) return;
    Event gone;
    gone.kind = EventKind::kUdpPeer;
    gone.mono_ns = began;
    udp_peers->fill(peer, read_socket, gone.flow);
    gone.flow.closed_ns = began;
    gone.duration_us = (began - std::min(began, peer.since_ns)) / 1000;
    if (processes) processes->describe(gone.flow.owner);
    if (dns) dns->name(gone.flow);
    settler.add(gone, take);
  });
  if (!removed) return tl::make_unexpected(std::move(removed).error());
  peers_removed += *removed;
  udp_peers->end_pass([this](std::uint64_t cookie) { return table.contains(cookie); });
  if (made > peers_removed + udp_peers->open())
    lost.udp_peers = std::max(lost.udp_peers, made - peers_removed - udp_peers->open());
  peers_due = false;
  const std::uint64_t now = mono_now_ns();
  peers_not_before_ns = now + std::max(kSecond / 10, 20 * (now - began));
  return {};
}

// Those that the filter lets through, and the sockets they belong to.
std::vector<Flow> EbpfEngine::take_peers(std::uint64_t now, std::set<std::uint64_t>& sockets) {
  if (!udp_peers) return {};
  auto peers = udp_peers->flows(now, [this](std::uint64_t cookie, Flow& flow) {
    return table.read(cookie, flow);
  });
  std::erase_if(peers, [this](Flow& flow) {
    if (processes) processes->describe(flow.owner);
    return !matcher(flow);
  });
  if (!matcher.matches_all())
    for (const Flow& flow : peers) sockets.insert(flow.peer_of);
  return peers;
}

// Sleep until a batch is worth waking for: while records keep coming look again after batch_ns,
// else let the first record wake us.
void EbpfEngine::rest_until_more() {
  std::uint32_t& waiting = programs.control().reader_waiting;
  __atomic_store_n(&waiting, 1, __ATOMIC_SEQ_CST);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (ring.has_pending()) {
    __atomic_store_n(&waiting, 0, __ATOMIC_SEQ_CST);
    set_timer(timer.get(), batch_ns);
  } else if (peers_due) {
    set_timer(timer.get(), std::max(batch_ns, kSecond / 10));
  } else {
    const std::uint64_t now = mono_now_ns();
    set_timer(timer.get(), !resync_wanted
                               ? 0
                               : std::max(batch_ns, resync_not_before_ns > now
                                                        ? resync_not_before_ns - now
                                                        : std::uint64_t{0}));
  }
}

// The sockets that were there before. After attaching, so that none falls between; those the hooks
// already know keep what they know.
Result<void> EbpfEngine::start(const Options& options) {
  if (auto done = make_pollable(); !done) return done;
  if (auto done = programs.read(Observation::kOlderOwners, [](auto) {}); !done) return done;
  if (auto done = watch_processes(options); !done) return done;
  rest_until_more();
  return {};
}

Result<std::size_t> EbpfEngine::consume(const Handler& handler) {
  ++costs.wakeups;
  const std::uint64_t drained_before = costs.events;
  note_loss(&handler);
  const std::size_t count = drain(&handler);
  const std::uint64_t now = mono_now_ns();
  if (resync_wanted && now >= resync_not_before_ns) {
    if (auto done = sync(&handler); !done) return tl::make_unexpected(std::move(done).error());
    ++costs.resyncs;
  }
  if (peers_due && now >= peers_not_before_ns)
    if (auto done = read_peers(&handler); !done)
      return tl::make_unexpected(std::move(done).error());
  if (now >= expire_at_ns) {
    table.expire(now, is_running);
    if (processes) processes->expire(now);
    expire_at_ns = now + kSecond;
  }
  if (costs.events == drained_before && settler.empty())
    rest_until_more();
  else
    set_timer(timer.get(), batch_ns);
  return count;
}

Result<std::size_t> EbpfEngine::finish(const Handler& handler) {
  runs_not_before_ns = 0;
  auto count = consume(handler);
  if (!count) return count;
  if (peers_due)
    if (auto done = read_peers(&handler); !done)
      return tl::make_unexpected(std::move(done).error());
  settler.release_all([&](const Event& ready) { *count += hand_over(ready, handler); });
  return count;
}

Result<void> EbpfEngine::snapshot(const Handler* handler, Snapshot& snapshot) {
  runs_not_before_ns = 0;
  note_loss(handler);
  if (auto done = sync(handler); !done) return done;
  const std::uint64_t now = mono_now_ns();
  table.expire(now, is_running);
  std::set<std::uint64_t> with_peers;
  std::vector<Flow> peers = take_peers(now, with_peers);
  FlowTable::Wanted wanted;
  if (!matcher.matches_all())
    wanted = [&](const Flow& flow) {
      if (with_peers.contains(flow.cookie)) return true;
      if (!processes) return matcher(flow);
      Flow described = flow;
      processes->describe(described.owner);
      return matcher(described);
    };
  table.take(now, wanted, snapshot);
  if (udp_peers)
    for (Flow& flow : snapshot.flows)
      if (flow.protocol == Protocol::kUdp) flow.app = udp_peers->app_of(flow.cookie);
  std::move(peers.begin(), peers.end(), std::back_inserter(snapshot.flows));
  if (dns)
    for (Flow& flow : snapshot.flows) dns->name(flow);
  describe(snapshot);
  if (auto done = tell_holders(snapshot); !done) return done;
  snapshot.lost = lost;
  if (settler.empty())
    rest_until_more();
  else
    set_timer(timer.get(), batch_ns);
  return {};
}

}  // namespace

EngineResult open_ebpf_engine(const Options& options, const FlowMatcher& matcher) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  Programs::Wanted wanted;
  wanted.connections = wants_connections(options);
  wanted.quality = options.quality;
  wanted.doors = options.doors;
  wanted.processes = follows_processes(options);
  wanted.process_table = options.processes || wants_description(options);
  wanted.holders = options.holders;
  wanted.dns = options.dns || options.names;
  wanted.refusals = options.refusals;
  wanted.udp_peers = options.udp_peers ? std::max(options.max_udp_peers, 1u) : 0;
  const bool events = wanted.connections || wanted.quality || wanted.processes || wanted.dns ||
                      wanted.refusals;
  wanted.ring_bytes = events ? std::bit_ceil(std::max(options.ring_bytes, page)) : page;
  wanted.config = make_config(options, matcher);
  auto programs = Programs::load(wanted);
  if (!programs) return tl::make_unexpected(std::move(programs).error());
  auto ring = RingReader::open(programs->ring_fd(), programs->ring_bytes());
  if (!ring) return tl::make_unexpected(std::move(ring).error());

  auto engine = std::make_unique<EbpfEngine>(options, matcher, std::move(*programs),
                                             std::move(*ring), wanted.connections);
  if (auto done = engine->start(options); !done) return tl::make_unexpected(std::move(done).error());
  return engine;
}

}  // namespace sockscope
