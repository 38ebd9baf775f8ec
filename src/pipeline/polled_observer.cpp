// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bitset>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/clock.h"
#include "base/kernel_namespace.h"
#include "pipeline/dns_capture.h"
#include "pipeline/observer.h"
#include "pipeline/refusal_capture.h"
#include "pipeline/tracker.h"
#include "source/procfs/socket_owners.h"
#include "source/procfs/socket_tables.h"
#include "source/sock_diag/sock_diag.h"

namespace sockscope {
namespace {

// Most closed connections remembered whose sockets still exist, because their process has not
// closed them.
constexpr std::size_t kMostAwaited = 1 << 16;

bool is_half_open(TcpState state) noexcept {
  return state == TcpState::kSynSent || state == TcpState::kSynRecv ||
         state == TcpState::kNewSynRecv;
}

bool is_connection(const Flow& flow) noexcept {
  return flow.protocol == Protocol::kTcp && flow.state != TcpState::kListen &&
         flow.state != TcpState::kNone;
}

// Adds doors for what no poll can see.
void add_missing(const Options& options, bool with_events, const std::string& source,
                 std::vector<Door>& doors) {
  doors.push_back({Observation::kUdpBytes, source, "the kernel keeps no counters of UDP sockets"});
  doors.push_back({Observation::kForeignSockets, source, "polling shows one network namespace"});
  if (with_events)
    doors.push_back({Observation::kBetweenPolls, source,
                     "unseen, or seen only at their end and without their process"});
  if (options.holders)
    doors.push_back({Observation::kHolders, source, "only eBPF sees all of them", {}});
  if (options.quality) doors.push_back({Observation::kLosses, source, "no events in a poll"});
  if (options.data) doors.push_back({Observation::kEachCall, source, "no events in a poll"});
}

// Reads the kernel's socket tables again and again. Events are the differences between two polls,
// and the kernel's messages about closed sockets.
class PolledObserver : public Observer {
 public:
  PolledObserver(const Options& options, std::unique_ptr<SocketSource> source,
                 const std::string& name)
      : options_(options),
        with_events_(options.connections || options.states || options.attempts || options.data ||
                     options.dns || options.refusals),
        source_(std::move(source)),
        doors_(source_->doors()) {
    doors_.push_back({Observation::kOwners, "/proc/PID/fd", {}});
    add_missing(options, with_events_, name, doors_);
  }

  // A connection began at some time before the poll that found it, and its name may have been asked
  // for while that poll was reading.
  Traits traits() const override {
    return {
        .polls = with_events_,
        .follows_processes = options_.processes,
        .opened_late_ns = static_cast<std::uint64_t>(options_.poll_interval.count()) * 1'000'000};
  }
  std::vector<Door> doors() const override { return doors_; }

  Result<void> start(Tracker& to) override {
    if (options_.refusals) watch_packets(Observation::kRefusedAttempts, refusals_, to);
    if (options_.dns || options_.names) watch_packets(Observation::kDnsMessages, dns_packets_, to);
    return {};
  }

  Result<void> deliver(Tracker& to) override {
    source_->read_closes([&](PolledSocket& socket) {
      closes_came_ = true;
      take_close(socket, to);
    });
    return {};
  }

  void begin_pass(std::uint64_t now_ns) override {
    poll_began_ns_ = now_ns;
    listened_ = listening_;
    listening_.reset();
    ownerless_.clear();
    pending_.clear();
    dns_sockets_.clear();
    owners_.begin(now_ns);
  }

  Result<void> read_sockets(Tracker& to, bool) override {
    return source_->read([&](PolledSocket& socket) { see(socket, to); });
  }

  void gone(const Flow& flow) override {
    if (!with_events_ || !has_polled_) return;
    const TcpState before = flow.state;
    Flow closed = flow;
    if (flow.protocol == Protocol::kTcp) closed.state = TcpState::kClose;
    if (before == TcpState::kSynSent)
      note(event::ConnectFailed{}, closed);
    else if (flow.protocol == Protocol::kUdp || (is_connection(flow) && !is_half_open(before)))
      note(event::Close{.old_state = before}, closed);
    if (options_.states && flow.protocol == Protocol::kTcp)
      note(event::StateChange{before}, closed);
  }

  Result<void> end_pass(Tracker& to, bool at_once) override {
    find_owners(to, at_once);
    if (owners_.was_refused() && !tells_refusal_) {
      tells_refusal_ = true;
      to.add_door(owners_.refused_door());
    }
    owners_.end();
    if (auto done = read_packets(to); !done) return done;
    tell_pending(to);
    has_polled_ = true;
    closes_came_ = false;
    return {};
  }

  Loss loss(bool) override {
    Loss lost = source_->loss();
    lost.ring_full +=
        (refusals_ ? refusals_->dropped() : 0) + (dns_packets_ ? dns_packets_->dropped() : 0);
    return lost;
  }

  int fd() const noexcept override { return source_->closes_fd(); }

  // It is not worth waking up for each closed socket: while they keep coming, look again after a
  // while.
  bool rest(Waker& waker, bool) override {
    if (fd() < 0) return true;
    const bool came = std::exchange(closes_came_, false);
    if (came == closes_wake_) {
      closes_wake_ = !came;
      waker.listen_to(fd(), closes_wake_);
    }
    return closes_wake_;
  }

 private:
  // Packets are not essential: if they are refused, that is reported and everything else goes on.
  template <class Capture>
  void watch_packets(Observation observation, std::optional<Capture>& capture, Tracker& to) {
    auto opened = Capture::open(netns_);
    if (!opened) return to.add_refused(observation, Capture::kDoor, opened.error());
    capture.emplace(std::move(*opened));
    to.add_door({observation, Capture::kDoor, {}, Capture::kLimits});
  }

  Result<void> read_packets(Tracker& to) {
    const auto tell = [&](Event& event) { to.tell(event); };
    if (refusals_)
      if (auto done = refusals_->read(tell); !done) return done;
    if (!dns_packets_) return {};
    Snapshot sockets;
    sockets.mono_ns = poll_began_ns_;
    Flow flow;
    for (const std::uint64_t cookie : dns_sockets_)
      if (to.table().read(cookie, flow)) sockets.flows.push_back(flow);
    return dns_packets_->read(sockets, *to.dns(), tell);
  }

  void see(PolledSocket& socket, Tracker& to) {
    Flow& flow = socket.flow;
    flow.netns = netns_;
    if (dns_packets_ && (flow.protocol == Protocol::kUdp || flow.local.port == dns::kPort ||
                         flow.remote.port == dns::kPort))
      dns_sockets_.push_back(flow.cookie);
    if (flow.state == TcpState::kListen) listening_.set(flow.local.port);
    if (const Owner* owner = owners_.find(socket.inode))
      flow.owner = *owner;
    else if (socket.inode != 0)
      ownerless_.emplace_back(flow.cookie, socket.inode);

    const bool is_open =
        is_connection(flow) && !is_half_open(flow.state) && flow.state != TcpState::kTimeWait;
    const bool is_news = has_polled_ && !to.table().contains(flow.cookie);
    if (is_news && (is_open || flow.protocol == Protocol::kUdp)) flow.opened_ns = poll_began_ns_;
    if (is_news && is_open)
      flow.direction = has_listener(flow.local.port) ? Direction::kInbound : Direction::kOutbound;
    const FlowTable::Change change = to.show(flow);
    if (!with_events_ || !has_polled_) return;

    if (is_open && (change.is_new || is_half_open(change.before))) {
      const bool is_outbound = change.before == TcpState::kSynSent ||
                               (change.before == TcpState::kNone && !has_listener(flow.local.port));
      flow.direction = is_outbound ? Direction::kOutbound : Direction::kInbound;
      flow.opened_ns = poll_began_ns_;
      note(make_what(is_outbound ? EventKind::kConnect : EventKind::kAccept), flow);
      to.apply(pending_.back());
    } else if (change.is_new && flow.state == TcpState::kSynSent && options_.attempts) {
      note(event::Attempt{}, flow);
    } else if (change.is_new && flow.state == TcpState::kTimeWait && !source_->announces_closes()) {
      note(event::Close{}, flow);  // it began and ended between two polls
    } else if (change.is_closed) {
      note(event::Close{.old_state = change.before}, flow);
    }
    const TcpState before = change.is_new ? TcpState::kClose : change.before;
    if (options_.states && flow.protocol == Protocol::kTcp && before != flow.state)
      note(event::StateChange{before}, flow);
  }

  void find_owners(Tracker& to, bool at_once) {
    if (!owners_.find_unknown(mono_now_ns(), at_once)) return;
    Event event;
    event.mono_ns = poll_began_ns_;
    event.what = event::OwnerChange{};
    for (const auto& [cookie, inode] : ownerless_) {
      const Owner* owner = owners_.find(inode);
      if (!owner || !to.table().read(cookie, event.flow)) continue;
      const bool had_one = event.flow.owner.pid != 0;
      event.flow.owner = *owner;
      if (to.apply(event) && had_one && has_polled_) pending_.push_back(event);
    }
  }

  void take_close(const PolledSocket& socket, Tracker& to) {
    const bool is_tcp = socket.flow.protocol == Protocol::kTcp;
    // Never connected and never bound, so there is nothing to report; the same holds after a reset
    // by its own process.
    if (socket.flow.remote.port == 0 && (is_tcp || socket.flow.local.port == 0) &&
        !to.table().contains(socket.flow.cookie))
      return;
    const bool was_told = awaited_.erase(socket.flow.cookie) != 0;
    Flow known;
    const bool is_known = to.table().read(socket.flow.cookie, known);
    if (was_told && !is_known) return;

    Event event;
    event.mono_ns = mono_now_ns();
    event.flow = is_known ? known : socket.flow;
    if (!is_known) {
      known.counters = {};
      known.has_counters = false;
      event.flow.netns = netns_;
      if (is_tcp)
        event.flow.direction =
            has_listener(event.flow.local.port) ? Direction::kInbound : Direction::kOutbound;
    }
    event::Close close{.old_state = is_known ? known.state : TcpState::kNone};
    close.is_final = complete_figures(socket, known, event.flow);
    event.flow.closed = true;
    event.flow.closed_ns = event.mono_ns;
    if (is_tcp) event.flow.state = TcpState::kClose;

    const bool is_over = is_known && known.closed;
    const bool has_failed = is_known && !is_over && known.state == TcpState::kSynSent;
    if (is_known && known.state == TcpState::kListen)
      event.flow.direction = Direction::kListen;
    else if (event.flow.opened_ns != 0)
      close.duration_us = (event.mono_ns - event.flow.opened_ns) / 1000;
    event.what = has_failed ? Event::What(event::ConnectFailed{}) : Event::What(close);
    to.apply(event);
    if (!with_events_ || !has_polled_) return;
    if (is_over) {  // in TIME_WAIT: this poll will report it, or an earlier one did
      if (close.is_final && !was_told) final_.insert(socket.flow.cookie);
      return;
    }
    if (known.state == TcpState::kListen ||
        (is_known && is_tcp && is_half_open(known.state) && !has_failed))
      return;
    to.tell(event);
    if (options_.states && is_tcp) {
      Event change = event;
      change.what = event::StateChange{close.old_state};
      to.tell(change);
    }
  }

  // Fills in the last figures of a socket; returns whether they are final. After a reset by its own
  // process they are already gone. The kernel does not say whether a FIN is counted among the bytes
  // received: it is if it came before the last poll, or, as a rule, if our own FIN was
  // acknowledged.
  bool complete_figures(const PolledSocket& socket, const Flow& known, Flow& flow) const {
    const Flow& last = socket.flow;
    const Counters& before = known.counters;
    Counters now = last.counters;
    const bool is_outbound =
        flow.direction == Direction::kOutbound ||
        (flow.direction == Direction::kUnknown && !has_listener(flow.local.port));
    const bool fin_came = known.state == TcpState::kCloseWait ||
                          known.state == TcpState::kLastAck || known.state == TcpState::kClosing ||
                          socket.acked_bytes > now.tx_bytes + (is_outbound ? 1 : 0);
    if (fin_came && now.rx_bytes > before.rx_bytes) --now.rx_bytes;
    const bool is_final =
        last.has_counters && now.tx_bytes >= before.tx_bytes && now.rx_bytes >= before.rx_bytes;
    flow.counters = is_final ? now : before;
    flow.has_counters = is_final || known.has_counters;
    return is_final;
  }

  // The events of a poll wait until its end, when owners and final figures are known.
  void note(Event::What what, const Flow& flow) {
    pending_.push_back({.mono_ns = poll_began_ns_, .flow = flow, .what = std::move(what)});
  }

  void tell_pending(Tracker& to) {
    Flow flow;
    for (Event& event : pending_) {
      const TcpState state = event.flow.state;
      if (to.table().read(event.flow.cookie, flow)) event.flow = flow;
      event.flow.state = state;
      if (auto* const close = std::get_if<event::Close>(&event.what)) {
        close->is_final = final_.contains(event.flow.cookie);
        event.flow.closed = true;
        event.flow.closed_ns = event.mono_ns;
        if (event.flow.opened_ns != 0)
          close->duration_us = (event.mono_ns - event.flow.opened_ns) / 1000;
        if (source_->announces_closes() && !close->is_final) {
          if (awaited_.size() >= kMostAwaited) awaited_.clear();
          awaited_.insert(event.flow.cookie);
        }
      } else {
        event.flow.closed = false;
        event.flow.closed_ns = 0;
      }
      to.tell(event);
    }
    pending_.clear();
    final_.clear();
  }

  bool has_listener(std::uint16_t port) const { return listening_[port] || listened_[port]; }

  const Options options_;
  const bool with_events_;
  std::unique_ptr<SocketSource> source_;
  SocketOwners owners_;
  const std::uint32_t netns_ = home_netns();
  std::vector<Door> doors_;
  bool tells_refusal_ = false;
  std::optional<RefusalCapture> refusals_;
  std::optional<DnsCapture> dns_packets_;
  std::vector<std::uint64_t> dns_sockets_;  // cookies of sockets that DNS may be spoken with
  std::bitset<65536> listening_;            // local ports of listening sockets in this poll
  std::bitset<65536> listened_;             // and in the previous one
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ownerless_;  // cookie and inode
  std::vector<Event> pending_;
  std::unordered_set<std::uint64_t> final_;    // reported closes whose final figures have come
  std::unordered_set<std::uint64_t> awaited_;  // reported as closed while their sockets still exist
  std::uint64_t poll_began_ns_ = 0;
  bool has_polled_ = false;
  bool closes_came_ = false;
  bool closes_wake_ = true;
};

}  // namespace

ObserverResult open_polled_observer(Source source, const Options& options) {
  std::unique_ptr<SocketSource> sockets;
  if (source == Source::kSockDiag) {
    auto diag =
        SockDiag::open(options.connections || options.states || options.attempts || options.data);
    if (!diag) return tl::make_unexpected(std::move(diag).error());
    sockets = std::move(*diag);
  } else {
    auto tables = SocketTables::open();
    if (!tables) return tl::make_unexpected(std::move(tables).error());
    sockets = std::move(*tables);
  }
  return std::make_unique<PolledObserver>(options, std::move(sockets),
                                          std::string(to_string(source)));
}

}  // namespace sockscope
