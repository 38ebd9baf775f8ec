// SPDX-License-Identifier: Apache-2.0
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <bitset>
#include <cerrno>
#include <optional>
#include <unordered_set>

#include "base/clock.h"
#include "base/fd.h"
#include "pipeline/dns_capture.h"
#include "pipeline/engine.h"
#include "pipeline/process_watcher.h"
#include "pipeline/refusal_capture.h"
#include "pipeline/zone_names.h"
#include "source/procfs/socket_owners.h"
#include "source/procfs/socket_tables.h"
#include "source/sock_diag/sock_diag.h"
#include "track/flow_table.h"

namespace sockscope {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
// Of a CPU, polls take one part of so many at the most.
constexpr std::uint64_t kShareOfTime = 20;
// Closed connections whose sockets live on, because their process has not closed them.
constexpr std::size_t kMostAwaited = 1 << 16;

bool is_half_open(TcpState state) noexcept {
  return state == TcpState::kSynSent || state == TcpState::kSynRecv ||
         state == TcpState::kNewSynRecv;
}

bool is_connection(const Flow& flow) noexcept {
  return flow.protocol == Protocol::kTcp && flow.state != TcpState::kListen &&
         flow.state != TcpState::kNone;
}

std::uint64_t nanoseconds(std::chrono::milliseconds time) {
  return static_cast<std::uint64_t>(time.count()) * 1'000'000;
}

// What no poll can tell.
void add_missing(const Options& options, bool with_events, const std::string& source,
                 std::vector<Door>& doors) {
  doors.push_back({Observation::kUdpBytes, source, "the kernel keeps no counters of UDP sockets"});
  doors.push_back({Observation::kForeignSockets, source,
                   "what is polled is one network namespace"});
  if (with_events)
    doors.push_back({Observation::kBetweenPolls, source,
                     "unseen, or seen only at their end and without their process"});
  if (options.holders)
    doors.push_back({Observation::kHolders, source, "only eBPF tells all of them", {}});
  if (options.quality)
    doors.push_back({Observation::kLosses, source, "no events in a poll"});
  if (options.data)
    doors.push_back({Observation::kEachCall, source, "no events in a poll"});
}

// Reads the kernel's socket tables again and again; events are what differs between two polls, and
// what the kernel tells of sockets that are gone.
class PolledEngine : public Engine {
 public:
  PolledEngine(const Options& options, const FlowMatcher& matcher,
               std::unique_ptr<SocketSource> source, const std::string& name)
      : options_(options),
        with_events_(options.connections || options.states || options.attempts || options.data || options.dns ||
                     options.refusals),
        matcher_(matcher),
        source_(std::move(source)),
        table_({nanoseconds(options.keep_closed), options.max_closed}),
        netns_(home_netns()),
        doors_(source_->doors()) {
    doors_.push_back({Observation::kOwners, "/proc/PID/fd", {}});
    add_missing(options, with_events_, name, doors_);
  }

  Result<void> start();
  int fd() const noexcept override { return epoll_.get(); }
  Result<std::size_t> consume(const Handler& handler) override;
  Result<std::size_t> finish(const Handler& handler) override;
  Result<void> snapshot(const Handler* handler, Snapshot& snapshot) override;
  std::shared_ptr<const ProcessInfo> process(std::uint32_t pid) const override {
    return processes_ ? processes_->table().get(pid) : nullptr;
  }
  const Loss& loss() const noexcept override {
    lost_ = source_->loss();
    if (processes_) lost_.netlink_full += processes_->lost();
    lost_.ring_full += packets_lost_;
    return lost_;
  }
  const Cost& cost() const noexcept override { return cost_; }
  const std::vector<Door>& doors() const noexcept override { return doors_; }

 private:
  struct Wanted {
    std::uint64_t cookie;
    std::uint64_t inode;
  };

  // at_once: for somebody who wants to see all that can be known now.
  Result<void> poll(const Handler* handler, bool at_once);
  Result<void> read_tables();
  Result<void> watch_processes();
  template <class Capture>
  void watch_packets(Observation observation, std::optional<Capture>& capture);
  Result<void> read_packets(const Handler* handler);
  Result<void> read_dns(const Handler* handler);
  void name(Flow& flow);
  Result<void> tell_processes(const Handler* handler);
  void see(PolledSocket& socket);
  void find_owners(bool at_once);
  std::size_t take_closes(const Handler* handler);
  void take_close(const PolledSocket& socket, const Handler* handler);
  void complete_figures(const PolledSocket& socket, const Flow& known, Event& event) const;
  void note_gone(const Flow& flow);
  void note(EventKind kind, const Flow& flow, TcpState old_state = TcpState::kNone);
  void tell_pending(const Handler* handler);
  void tell(const Event& event, const Handler* handler);
  void note_loss(const Handler* handler);
  bool has_listener(std::uint16_t port) const { return listening_[port] || listened_[port]; }
  void rest();

  const Options options_;
  const bool with_events_;
  FlowMatcher matcher_;
  std::unique_ptr<SocketSource> source_;
  SocketOwners owners_;
  FlowTable table_;
  std::uint32_t netns_;
  ZoneNames zones_{netns_};
  std::vector<Door> doors_;
  bool tells_refusal_ = false;
  Fd epoll_;
  Fd timer_;
  std::optional<ProcessWatcher> processes_;
  std::optional<RefusalCapture> refusals_;
  std::optional<DnsCapture> dns_packets_;
  std::optional<DnsWatcher> dns_;
  std::vector<std::uint64_t> dns_sockets_;  // cookies of those with which DNS may be spoken
  std::uint64_t packets_lost_ = 0;
  mutable Loss lost_;
  Cost cost_;
  Loss reported_;  // in gaps
  std::bitset<65536> listening_;  // local ports of listening sockets: in this poll
  std::bitset<65536> listened_;   // and in the one before
  std::vector<Wanted> ownerless_;
  std::vector<Event> pending_;
  std::unordered_set<std::uint64_t> final_;    // pending closes whose figures have come
  std::unordered_set<std::uint64_t> awaited_;  // told as closed, while their sockets live on
  std::uint64_t poll_began_ns_ = 0;
  std::uint64_t next_poll_ns_ = 0;
  std::uint64_t expire_at_ns_ = 0;
  std::size_t told_ = 0;
  bool has_polled_ = false;
  bool closes_wake_ = false;
};

Result<void> PolledEngine::start() {
  if (auto done = watch_processes(); !done) return done;
  if (options_.refusals) watch_packets(Observation::kRefusedAttempts, refusals_);
  if (options_.dns || options_.names) watch_packets(Observation::kDnsMessages, dns_packets_);
  if (dns_packets_) dns_.emplace();
  epoll_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  timer_ = Fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  const auto add = [&](int file) {
    return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, file, &wanted) == 0;
  };
  if (!epoll_ || !timer_ || !add(timer_.get()) ||
      (source_->closes_fd() >= 0 && !add(source_->closes_fd())) ||
      (processes_ && processes_->fd() >= 0 && !add(processes_->fd())))
    return tl::make_unexpected(Error::from_errno(ErrorKind::kIo, errno, "make a pollable file"));
  closes_wake_ = source_->closes_fd() >= 0;
  if (!with_events_) return {};
  auto done = poll(nullptr, true);
  rest();
  return done;
}

// A batch of closes is worth waking for, not each: while they keep coming look again after a while.
void PolledEngine::rest() {
  if (!with_events_) return;
  const std::uint64_t now = mono_now_ns();
  std::uint64_t wake_ns = std::max(next_poll_ns_, now + 1);
  if (source_->closes_fd() >= 0 && !closes_wake_)
    wake_ns = std::min(wake_ns, now + nanoseconds(options_.batch));
  set_timer(timer_.get(), wake_ns - now);
}

// What happens to processes is told as it happens, between the polls.
Result<void> PolledEngine::watch_processes() {
  const bool describes = options_.describe || needs_process(options_.filter);
  if (!describes && !options_.processes) return {};
  auto watcher =
      ProcessWatcher::open({.events = options_.processes, .describe = describes}, nullptr);
  if (!watcher) return tl::make_unexpected(std::move(watcher).error());
  processes_.emplace(std::move(*watcher));
  doors_.insert(doors_.end(), processes_->doors().begin(), processes_->doors().end());
  return {};
}

// Packets only add to the picture: refused, that is said and all else goes on.
template <class Capture>
void PolledEngine::watch_packets(Observation observation, std::optional<Capture>& capture) {
  auto opened = Capture::open(netns_);
  if (!opened) {
    const Error& error = opened.error();
    doors_.push_back({observation, Capture::kDoor,
                      error.detail().empty() ? error.message() : error.detail(), {}, error.hint()});
    return;
  }
  capture.emplace(std::move(*opened));
  doors_.push_back({observation, Capture::kDoor, {}, Capture::kLimits});
}

Result<void> PolledEngine::read_packets(const Handler* handler) {
  if (refusals_)
    if (auto done = refusals_->read([&](const Event& event) { tell(event, handler); }); !done)
      return done;
  auto done = read_dns(handler);
  packets_lost_ =
      (refusals_ ? refusals_->dropped() : 0) + (dns_packets_ ? dns_packets_->dropped() : 0);
  return done;
}

Result<void> PolledEngine::read_dns(const Handler* handler) {
  if (!dns_) return {};
  Snapshot sockets;
  sockets.mono_ns = poll_began_ns_;
  Flow flow;
  for (const std::uint64_t cookie : dns_sockets_)
    if (table_.read(cookie, flow)) sockets.flows.push_back(flow);
  return dns_packets_->read(sockets, *dns_, [&](const Event& message) {
    if (options_.dns) tell(message, handler);
  });
}

// A connection began at some time before the poll that found it, and its name may have been asked
// for while that poll read.
void PolledEngine::name(Flow& flow) {
  if (!dns_) return;
  Flow asked = flow;
  if (asked.opened_ns != 0) asked.opened_ns += nanoseconds(options_.poll_interval);
  dns_->name(asked);
  flow.remote_name = asked.remote_name;
}

Result<void> PolledEngine::tell_processes(const Handler* handler) {
  if (!processes_ || processes_->fd() < 0) return {};
  Event event;
  event.kind = EventKind::kProcess;
  processes_->begin_drain(mono_now_ns());
  processes_->end_drain([&](const ProcessEvent& happened) {
    event.process = happened;
    event.mono_ns = happened.mono_ns;
    event.flow.owner = {};
    event.flow.owner.pid = happened.pid;
    event.flow.owner.start_ns = happened.start_ns;
    tell(event, handler);
  });
  return processes_->needs_scan() ? processes_->scan(nullptr) : Result<void>();
}

void PolledEngine::tell(const Event& event, const Handler* handler) {
  ++cost_.events;
  if ((processes_ || dns_) && handler && event.kind != EventKind::kGap) {
    Event described = event;
    if (processes_) processes_->describe(described.flow.owner);
    if (event.kind != EventKind::kDns) name(described.flow);
    if (!matcher_(described.flow)) return;
    (*handler)(described);
    ++told_;
    return;
  }
  if (!handler || (event.kind != EventKind::kGap && !matcher_(event.flow))) return;
  (*handler)(event);
  ++told_;
}

void PolledEngine::note_loss(const Handler* handler) {
  const Loss& lost = loss();
  if (!handler || lost == reported_) return;
  Event gap;
  gap.kind = EventKind::kGap;
  gap.mono_ns = mono_now_ns();
  gap.lost.ring_full = lost.ring_full - reported_.ring_full;
  gap.lost.malformed = lost.malformed - reported_.malformed;
  gap.lost.netlink_full = lost.netlink_full - reported_.netlink_full;
  reported_ = lost;
  tell(gap, handler);
}

// Events of a poll wait until its end, when owners and final figures are known.
void PolledEngine::note(EventKind kind, const Flow& flow, TcpState old_state) {
  Event event;
  event.kind = kind;
  event.mono_ns = poll_began_ns_;
  event.old_state = old_state;
  event.flow = flow;
  pending_.push_back(std::move(event));
}

void PolledEngine::note_gone(const Flow& flow) {
  const TcpState before = flow.state;
  Flow gone = flow;
  if (flow.protocol == Protocol::kTcp) gone.state = TcpState::kClose;
  if (before == TcpState::kSynSent)
    note(EventKind::kConnectFailed, gone, before);
  else if (flow.protocol == Protocol::kUdp || (is_connection(flow) && !is_half_open(before)))
    note(EventKind::kClose, gone, before);
  if (options_.states && flow.protocol == Protocol::kTcp) note(EventKind::kState, gone, before);
}

void PolledEngine::see(PolledSocket& socket) {
  Flow& flow = socket.flow;
  flow.netns = netns_;
  zones_.name(flow);
  if (dns_ && (flow.protocol == Protocol::kUdp || flow.local.port == dns::kPort ||
               flow.remote.port == dns::kPort))
    dns_sockets_.push_back(flow.cookie);
  if (flow.state == TcpState::kListen) listening_.set(flow.local.port);
  if (const Owner* owner = owners_.find(socket.inode))
    flow.owner = *owner;
  else if (socket.inode != 0)
    ownerless_.push_back({flow.cookie, socket.inode});

  const bool is_open = is_connection(flow) && !is_half_open(flow.state) &&
                       flow.state != TcpState::kTimeWait;
  const bool is_news = has_polled_ && !table_.contains(flow.cookie);
  if (is_news && (is_open || flow.protocol == Protocol::kUdp)) flow.opened_ns = poll_began_ns_;
  if (is_news && is_open)
    flow.direction =
        has_listener(flow.local.port) ? Direction::kInbound : Direction::kOutbound;
  const FlowTable::Change change = table_.sync(flow);
  if (!with_events_ || !has_polled_) return;

  if (is_open && (change.is_new || is_half_open(change.before))) {
    const bool is_outbound = change.before == TcpState::kSynSent ||
                             (change.before == TcpState::kNone && !has_listener(flow.local.port));
    flow.direction = is_outbound ? Direction::kOutbound : Direction::kInbound;
    flow.opened_ns = poll_began_ns_;
    note(is_outbound ? EventKind::kConnect : EventKind::kAccept, flow);
    table_.apply(pending_.back());
  } else if (change.is_new && flow.state == TcpState::kSynSent && options_.attempts) {
    note(EventKind::kAttempt, flow);
  } else if (change.is_new && flow.state == TcpState::kTimeWait && !source_->announces_closes()) {
    note(EventKind::kClose, flow);  // all that is left of one that came and went
  } else if (change.is_closed) {
    note(EventKind::kClose, flow, change.before);
  }
  const TcpState before = change.is_new ? TcpState::kClose : change.before;
  if (options_.states && flow.protocol == Protocol::kTcp && before != flow.state)
    note(EventKind::kState, flow, before);
}

Result<void> PolledEngine::read_tables() {
  return source_->read([this](PolledSocket& socket) { see(socket); });
}

void PolledEngine::find_owners(bool at_once) {
  if (!owners_.find_unknown(mono_now_ns(), at_once)) return;
  Event event;
  event.kind = EventKind::kOwner;
  event.mono_ns = poll_began_ns_;
  for (const auto& [cookie, inode] : ownerless_) {
    const Owner* owner = owners_.find(inode);
    if (!owner || !table_.read(cookie, event.flow)) continue;
    const bool had_one = event.flow.owner.pid != 0;
    event.flow.owner = *owner;
    if (table_.apply(event) && had_one && has_polled_) pending_.push_back(event);
  }
}

Result<void> PolledEngine::poll(const Handler* handler, bool at_once) {
  const std::uint64_t cpu_before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  take_closes(handler);
  poll_began_ns_ = mono_now_ns();
  listened_ = listening_;
  listening_.reset();
  ownerless_.clear();
  pending_.clear();
  dns_sockets_.clear();
  owners_.begin(poll_began_ns_);
  if (processes_) processes_->begin_drain(poll_began_ns_);
  table_.begin_sync(poll_began_ns_);
  if (auto done = read_tables(); !done) return done;
  // What is missing may only have been passed over while others came and went.
  if (with_events_ && table_.misses_some())
    if (auto done = read_tables(); !done) return done;
  find_owners(at_once);
  if (owners_.was_refused() && !tells_refusal_) {
    tells_refusal_ = true;
    doors_.push_back(owners_.refused_door());
  }
  take_closes(handler);
  if (with_events_ && has_polled_)
    table_.end_sync([this](const Flow& flow) { note_gone(flow); });
  else
    table_.end_sync();
  owners_.end();
  if (auto done = read_packets(handler); !done) return done;
  tell_pending(handler);
  note_loss(handler);

  const std::uint64_t now = mono_now_ns();
  has_polled_ = true;
  cost_.snapshot_ns = now - poll_began_ns_;
  next_poll_ns_ = now + std::max(nanoseconds(options_.poll_interval),
                                 kShareOfTime * (clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_before));
  if (now >= expire_at_ns_) {
    table_.expire(now, is_running);
    expire_at_ns_ = now + kSecond;
  }
  return {};
}

void PolledEngine::tell_pending(const Handler* handler) {
  Flow flow;
  for (Event& event : pending_) {
    const TcpState state = event.flow.state;
    if (table_.read(event.flow.cookie, flow)) event.flow = flow;
    event.flow.state = state;
    if (event.kind == EventKind::kClose) {
      event.is_final = final_.contains(event.flow.cookie);
      event.flow.closed = true;
      event.flow.closed_ns = event.mono_ns;
      if (event.flow.opened_ns != 0)
        event.duration_us = (event.mono_ns - event.flow.opened_ns) / 1000;
      if (source_->announces_closes() && !event.is_final) {
        if (awaited_.size() >= kMostAwaited) awaited_.clear();
        awaited_.insert(event.flow.cookie);
      }
    } else {
      event.flow.closed = false;
      event.flow.closed_ns = 0;
    }
    tell(event, handler);
  }
  pending_.clear();
  final_.clear();
}

std::size_t PolledEngine::take_closes(const Handler* handler) {
  std::size_t count = 0;
  source_->read_closes([&](PolledSocket& socket) {
    ++count;
    take_close(socket, handler);
  });
  return count;
}

// The last figures of a socket. Those of one that was reset by its own process are gone by now, and
// whether a FIN is among the bytes received is not said: it is when it came before the last poll,
// or, as a rule, when our own was acknowledged.
void PolledEngine::complete_figures(const PolledSocket& socket, const Flow& known,
                                    Event& event) const {
  const Flow& last = socket.flow;
  const Counters& before = known.counters;
  Counters now = last.counters;
  const bool is_outbound = event.flow.direction == Direction::kOutbound ||
                           (event.flow.direction == Direction::kUnknown &&
                            !has_listener(event.flow.local.port));
  const bool fin_came = known.state == TcpState::kCloseWait || known.state == TcpState::kLastAck ||
                        known.state == TcpState::kClosing ||
                        socket.acked_bytes > now.tx_bytes + (is_outbound ? 1 : 0);
  if (fin_came && now.rx_bytes > before.rx_bytes) --now.rx_bytes;
  event.is_final = last.has_counters && now.tx_bytes >= before.tx_bytes &&
                   now.rx_bytes >= before.rx_bytes;
  event.flow.counters = event.is_final ? now : before;
  event.flow.has_counters = event.is_final || known.has_counters;
}

void PolledEngine::take_close(const PolledSocket& socket, const Handler* handler) {
  const bool is_tcp = socket.flow.protocol == Protocol::kTcp;
  // Never connected, never bound: or reset by its own process, and nothing is left to tell.
  if (socket.flow.remote.port == 0 && (is_tcp || socket.flow.local.port == 0) &&
      !table_.contains(socket.flow.cookie))
    return;
  const bool was_told = awaited_.erase(socket.flow.cookie) != 0;
  Flow known;
  const bool is_known = table_.read(socket.flow.cookie, known);
  if (was_told && !is_known) return;

  Event event;
  event.kind = EventKind::kClose;
  event.mono_ns = mono_now_ns();
  event.flow = is_known ? known : socket.flow;
  if (!is_known) {
    known.counters = {};
    known.has_counters = false;
    event.flow.netns = netns_;
    zones_.name(event.flow);
    if (is_tcp)
      event.flow.direction =
          has_listener(event.flow.local.port) ? Direction::kInbound : Direction::kOutbound;
  }
  complete_figures(socket, known, event);
  event.old_state = is_known ? known.state : TcpState::kNone;
  event.flow.closed = true;
  event.flow.closed_ns = event.mono_ns;
  if (is_tcp) event.flow.state = TcpState::kClose;

  const bool is_over = is_known && known.closed;
  if (is_known && known.state == TcpState::kListen) {
    event.flow.direction = Direction::kListen;
  } else if (is_known && !is_over && known.state == TcpState::kSynSent) {
    event.kind = EventKind::kConnectFailed;
  } else if (event.flow.opened_ns != 0) {
    event.duration_us = (event.mono_ns - event.flow.opened_ns) / 1000;
  }
  table_.apply(event);
  if (!with_events_ || !has_polled_) return;
  if (is_over) {  // in TIME_WAIT; this poll is about to tell of it, or one before did
    if (event.is_final && !was_told) final_.insert(socket.flow.cookie);
    return;
  }
  if (known.state == TcpState::kListen || (is_known && is_tcp && is_half_open(known.state) &&
                                           event.kind == EventKind::kClose))
    return;
  tell(event, handler);
  if (options_.states && is_tcp) {
    Event change = event;
    change.kind = EventKind::kState;
    tell(change, handler);
  }
}

Result<std::size_t> PolledEngine::consume(const Handler& handler) {
  ++cost_.wakeups;
  told_ = 0;
  if (auto done = tell_processes(&handler); !done)
    return tl::make_unexpected(std::move(done).error());
  if (mono_now_ns() >= next_poll_ns_) {
    if (auto done = poll(&handler, false); !done) return tl::make_unexpected(std::move(done).error());
  } else {
    const bool came = take_closes(&handler) != 0;
    note_loss(&handler);
    if (came == closes_wake_ && source_->closes_fd() >= 0) {
      closes_wake_ = !came;
      epoll_event wanted{};
      wanted.events = closes_wake_ ? static_cast<std::uint32_t>(EPOLLIN) : 0u;
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, source_->closes_fd(), &wanted);
    }
  }
  rest();
  return told_;
}

Result<std::size_t> PolledEngine::finish(const Handler& handler) {
  told_ = 0;
  if (auto done = poll(&handler, false); !done) return tl::make_unexpected(std::move(done).error());
  return told_;
}

Result<void> PolledEngine::snapshot(const Handler* handler, Snapshot& snapshot) {
  if (auto done = poll(handler, true); !done) return done;
  FlowTable::Wanted wanted;
  if (processes_ && !matcher_.matches_all())
    wanted = [this](const Flow& flow) {
      Flow described = flow;
      processes_->describe(described.owner);
      return matcher_(described);
    };
  else if (!matcher_.matches_all())
    wanted = std::cref(matcher_);
  table_.take(mono_now_ns(), wanted, snapshot);
  for (Flow& flow : snapshot.flows)
    if (processes_) processes_->describe(flow.owner);
  for (Flow& flow : snapshot.flows) name(flow);
  for (Process& process : snapshot.processes)
    if (processes_) processes_->describe(process);
  snapshot.lost = loss();
  rest();
  return {};
}

}  // namespace

EngineResult open_polled_engine(Source source, const Options& options, const FlowMatcher& matcher) {
  std::unique_ptr<SocketSource> sockets;
  if (source == Source::kSockDiag) {
    auto diag = SockDiag::open(options.connections || options.states || options.attempts ||
                               options.data);
    if (!diag) return tl::make_unexpected(std::move(diag).error());
    sockets = std::move(*diag);
  } else {
    auto tables = SocketTables::open();
    if (!tables) return tl::make_unexpected(std::move(tables).error());
    sockets = std::move(*tables);
  }
  auto engine = std::make_unique<PolledEngine>(options, matcher, std::move(sockets),
                                               std::string(to_string(source)));
  if (auto done = engine->start(); !done) return tl::make_unexpected(std::move(done).error());
  return engine;
}

}  // namespace sockscope
