// SPDX-License-Identifier: Apache-2.0
#include "pipeline/tracker.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <iterator>
#include <utility>

#include "base/file.h"
#include "base/kernel_namespace.h"
#include "model/fields.h"

namespace sockscope {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
// Passes that nobody asked for take at most one part in this many of a CPU's time.
constexpr std::uint64_t kShareOfTime = 20;
constexpr std::uint64_t kShareOfOwners = 40;
constexpr std::uint64_t kCheckInterval = 60 * kSecond;

std::uint64_t nanoseconds(std::chrono::milliseconds time) {
  return static_cast<std::uint64_t>(time.count()) * 1'000'000;
}

bool is_running(std::uint32_t pid) {
  return ::kill(static_cast<pid_t>(pid), 0) == 0 || errno != ESRCH;
}

ConnectionIds connection_ids_of(const std::optional<ConnectionKey>& key, const std::string& root) {
  const std::string boot_id = read_line("/proc/sys/kernel/random/boot_id");
  return {key ? *key : host_connection_key(read_line(root + "/etc/machine-id"), boot_id), boot_id};
}

TrackerHost completed(TrackerHost host) {
  if (!host.is_running) host.is_running = is_running;
  return host;
}

}  // namespace

Tracker::Tracker(const Options& options, const FlowMatcher& matcher,
                 std::unique_ptr<Observer> observer, std::vector<Door> doors, TrackerHost host)
    : options_(options),
      matcher_(matcher),
      observer_(std::move(observer)),
      traits_(observer_->traits()),
      host_(completed(std::move(host))),
      doors_(std::move(doors)),
      ids_(connection_ids_of(options.connection_key, host_.root)),
      table_({nanoseconds(options.keep_closed), options.max_closed},
             is_in_first_pid_namespace() ? host_.is_running : nullptr),
      // Who reports an opening late knows the owner by then.
      settler_(options.late_openings ? 0 : nanoseconds(options.settle_owner)),
      zones_(home_netns()) {
  if (options.dns || options.names) dns_.emplace();
  if (traits_.has_udp_peers) udp_peers_.emplace(options.max_closed);
}

Result<std::unique_ptr<Tracker>> Tracker::open(const Options& options, const FlowMatcher& matcher,
                                               std::unique_ptr<Observer> observer,
                                               std::vector<Door> doors, TrackerHost host) {
  std::unique_ptr<Tracker> tracker(
      new Tracker(options, matcher, std::move(observer), std::move(doors), std::move(host)));
  if (auto done = tracker->start(); !done) return tl::make_unexpected(std::move(done).error());
  return tracker;
}

Result<void> Tracker::start() {
  if (auto done = waker_.open(); !done) return done;
  if (auto done = open_resolver(); !done) return done;
  if (auto done = open_translations(); !done) return done;
  if (auto done = open_listeners(); !done) return done;
  for (Door& door : observer_->doors()) add_door(std::move(door));
  if (auto done = waker_.add(observer_->fd()); !done) return done;
  if (auto done = watch_processes(); !done) return done;
  if (auto done = observer_->start(*this); !done) return done;
  if (listeners_)
    if (auto first = look_at_listeners(); !first)
      return tl::make_unexpected(std::move(first).error());
  if (traits_.polls)
    if (auto done = pass(true); !done) return done;
  next_check_ns_ = host_.now_ns() + kCheckInterval;
  rest(false);
  return {};
}

// Names are not essential: if the resolver is refused, that is reported and everything else goes
// on.
Result<void> Tracker::open_resolver() {
  if (!options_.resolve) return {};
  auto opened = ReverseResolver::open(home_netns());
  if (!opened) {
    add_refused(Observation::kReverseNames, "PTR/udp", opened.error());
    return {};
  }
  resolver_.emplace(std::move(*opened));
  add_door({Observation::kReverseNames, resolver_->door(), {}});
  return waker_.add(resolver_->fd());
}

// The same for translations.
Result<void> Tracker::open_translations() {
  if (!options_.translations) return {};
  auto opened = TranslationWatcher::open();
  if (!opened) {
    if (opened.error().kind() == ErrorKind::kKernelLacksFeature)  // nothing is tracked, so nothing
                                                                  // is missed
      add_door({Observation::kTranslations, Conntrack::kDoor, {}, opened.error().detail()});
    else
      add_refused(Observation::kTranslations, Conntrack::kDoor, opened.error());
    return {};
  }
  translations_ = std::make_unique<TranslationWatcher>(std::move(*opened));
  add_door({Observation::kTranslations, Conntrack::kDoor, {}, Conntrack::kLimits});
  return waker_.add(translations_->fd());
}

// The same for listening sockets.
Result<void> Tracker::open_listeners() {
  if (!options_.listen_drops) return {};
  constexpr const char* kDoor = "sock_diag";
  auto opened = ListenerWatcher::open();
  if (!opened) {
    add_refused(Observation::kListenDrops, kDoor, opened.error());
    return {};
  }
  listeners_.emplace(std::move(*opened));
  add_door({Observation::kListenDrops,
            kDoor,
            {},
            traits_.reads_foreign_listeners ? "" : "not of other network namespaces"});
  return {};
}

Result<std::vector<ListenerWatcher::Dropped>> Tracker::look_at_listeners() {
  std::vector<PolledSocket> foreign;
  if (traits_.reads_foreign_listeners) {
    auto done = observer_->read_foreign_listeners(
        [&](const PolledSocket& listener) { foreign.push_back(listener); });
    if (!done) return tl::make_unexpected(std::move(done).error());
  }
  return listeners_->look(foreign);
}

// The sockets with these cookies, as the observer shows them. Needed when only events are wanted,
// because then nothing has shown the listener before.
Result<void> Tracker::seek(const std::set<std::uint64_t>& cookies) {
  if (auto done = read_owners(); !done) return done;
  sought_ = &cookies;
  auto done = observer_->read_sockets(*this, false);
  sought_ = nullptr;
  return done;
}

Result<void> Tracker::watch_listeners(bool is_last) {
  const std::uint64_t now = host_.now_ns();
  if (!listeners_ || (now < next_look_ns_ && !is_last)) return {};
  next_look_ns_ = now + kSecond;
  if (!handler_) return {};
  const std::uint64_t cpu_before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  auto dropped = look_at_listeners();
  if (!dropped) return tl::make_unexpected(std::move(dropped).error());
  const std::uint64_t rest = kShareOfTime * (clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_before);
  next_look_ns_ = now + std::max(kSecond, rest);
  // Those of other namespaces come with everything that the observer knows of them.
  std::set<std::uint64_t> unknown;
  const std::uint32_t home = dropped->empty() ? 0 : home_netns();
  for (const ListenerWatcher::Dropped& each : *dropped)
    if (each.listener.netns == home && !table_.contains(each.listener.cookie))
      unknown.insert(each.listener.cookie);
  if (!unknown.empty() && !traits_.polls)
    if (auto done = seek(unknown); !done) return done;
  for (ListenerWatcher::Dropped& each : *dropped) {
    Event event;
    event.mono_ns = now;
    if (!read_flow(each.listener.cookie, event.flow)) event.flow = std::move(each.listener);
    event.what = each.what;
    complete(event);
    add(event);
  }
  return {};
}

Result<void> Tracker::watch_processes() {
  if (!wants_description(options_) && !options_.processes) return {};
  processes_.emplace(
      ProcessWatcher::Wanted{.events = traits_.follows_processes,
                             .describe = wants_description(options_)},
      ProcessReader(host_.root,
                    options_.whole_arguments ? SIZE_MAX : ProcessReader::kMostArguments));
  processes_->open_connector(kAllProcessEvents & ~traits_.process_events);
  for (const Door& door : processes_->doors()) add_door(door);
  if (auto done = waker_.add(processes_->fd()); !done) return done;
  auto done = scan_processes();
  if (done) processes_->complete_all();
  return done;
}

void Tracker::add_refused(Observation observation, const char* name, const Error& error) {
  std::string why = error.detail().empty() ? error.message() : error.detail();
  add_door({observation, name, std::move(why), {}, error.hint()});
}

Result<void> Tracker::scan_processes() {
  return processes_->scan(host_.now_ns(),
                          [this](const auto& handle) { return observer_->read_processes(handle); });
}

void Tracker::hand_over(const Event& ready) {
  const bool is_gap = ready.kind() == EventKind::kGap;
  if (!is_gap && !matcher_(ready.flow)) return;
  ++told_;
  const bool is_of_flow =
      !is_gap && ready.kind() != EventKind::kProcess && ready.kind() != EventKind::kDns;
  auto name = resolver_ && is_of_flow ? resolver_->find(ready.flow, host_.now_ns()) : nullptr;
  if (!name) return (*handler_)(ready);
  Event named = ready;
  named.flow.remote_name = std::move(name);
  (*handler_)(named);
}

void Tracker::add(const Event& event) {
  settler_.add(event, [this](const Event& ready) { hand_over(ready); });
}

void Tracker::name(Flow& flow) {
  if (!dns_) return;
  if (traits_.opened_late_ns == 0 || flow.opened_ns == 0) return dns_->name(flow);
  Flow asked = flow;
  asked.opened_ns += traits_.opened_late_ns;
  dns_->name(asked);
  flow.remote_name = asked.remote_name;
}

// The name of an event's connection, unless the record had it.
void Tracker::identify(Event& event) {
  Flow& flow = event.flow;
  if (flow.conn_id != ConnectionId::kUnknown || flow.cookie == 0) return;
  if (flow.protocol == Protocol::kUdp) {
    flow.conn_id = ids_.of_udp(flow);
    return;
  }
  // A socket that connects again has the cookie of the connection before.
  const bool may_be_of_another = flow.state == TcpState::kSynSent ||
                                 flow.state == TcpState::kSynRecv ||
                                 event.kind() == EventKind::kConnectFailed;
  if (!may_be_of_another) flow.conn_id = table_.conn_id(flow.cookie);
}

void Tracker::look_up_names(Snapshot& snapshot) {
  if (!resolver_) return;
  for (Flow& flow : snapshot.flows)
    if (auto name = resolver_->find(flow, snapshot.mono_ns)) flow.remote_name = std::move(name);
  resolver_->work(host_.now_ns());
}

// Adds what is known besides the observation, as of the time of the event.
void Tracker::complete(Event& event) {
  advance_dns(event.mono_ns);
  if (processes_) {
    processes_->advance(event.mono_ns, tell_process_);
    processes_->describe(event.flow.owner);
  }
  zones_.name(event.flow);
  identify(event);
  if (translations_) [[unlikely]] {
    const bool begins = event.kind() == EventKind::kConnect || event.kind() == EventKind::kAccept;
    translations_->translate(event.flow, begins);
  }
  if (event.kind() != EventKind::kDns) name(event.flow);
}

// Reports the opening of a connection that a pass or a close was the first to show. Its time is
// not known where TCP fast open gave it to its server early; then it is now.
void Tracker::tell_opening(const Flow& flow, const Opening& opening) {
  if (!table_.lacks_opening(flow)) return;
  opening_.flow = flow;
  opening_.flow.state = opening.state;
  opening_.flow.counters = {};
  opening_.flow.closed = false;
  opening_.flow.closed_ns = 0;
  opening_.mono_ns = flow.opened_ns != 0 ? flow.opened_ns : host_.now_ns();
  if (flow.direction == Direction::kOutbound)
    opening_.what = event::Connect{.latency_us = opening.latency_us};
  else
    opening_.what = event::Accept{};
  if (handler_) complete(opening_);
  table_.apply(opening_);
  if (handler_) add(opening_);
}

void Tracker::take(Event& event, const Opening& opening) {
  if (opening.state != TcpState::kNone) tell_opening(event.flow, opening);
  last_event_ns_ = event.mono_ns;
  complete(event);
  if (udp_peers_ && event.flow.protocol == Protocol::kUdp) {
    event.flow.app = udp_peers_->app_of(event.flow.cookie);
    peers_due_ |= event.kind() == EventKind::kClose;
  }
  const bool is_news = table_.apply(event);
  if (!handler_) return;
  if (is_news)
    add(event);
  else
    settler_.confirm(event, [this](const Event& ready) { hand_over(ready); });
}

void Tracker::tell(Event& event) {
  count_records(1);
  if (!handler_ || (event.kind() == EventKind::kDns && !options_.dns)) return;
  complete(event);
  add(event);
}

void Tracker::tell_process(const ProcessEvent& happened) {
  if (!handler_ || !options_.processes) return;
  Owner& owner = process_event_.flow.owner;
  process_event_.what = happened;
  process_event_.mono_ns = happened.mono_ns;
  owner = {.pid = happened.pid, .start_ns = happened.start_ns};
  processes_->describe(owner);
  if (owner.process && happened.start_ns == 0) owner.start_ns = owner.process->start_ns;
  add(process_event_);
}

void Tracker::take_dns_packet(Event& packet, const DnsPayload& payload) {
  if (!dns_) return;
  complete(packet);
  dns_->take(packet, payload, [this](const Event& message) { tell_dns(message); });
}

void Tracker::show_queue(const PolledSocket& listener) {
  auto queue = std::make_shared<TcpInternals>();
  queue->receive_queue = listener.waiting;
  queue->send_queue = listener.backlog;
  queue->drops = listener.drops;
  foreign_listeners_[listener.flow.cookie] = std::move(queue);
}

std::shared_ptr<const TcpInternals> Tracker::foreign_listener(std::uint64_t cookie) const {
  const auto found = foreign_listeners_.find(cookie);
  return found == foreign_listeners_.end() ? nullptr : found->second;
}

FlowTable::Change Tracker::show(Flow& socket, const Opening& opening) {
  if (sought_ != nullptr && !sought_->contains(socket.cookie)) return {};
  if (checks_ && !table_.contains(socket.cookie)) return {};
  zones_.name(socket);
  if (socket.protocol == Protocol::kUdp) socket.conn_id = ids_.of_udp(socket);
  if (opening.state != TcpState::kNone) tell_opening(socket, opening);
  return table_.sync(socket);
}

Result<void> Tracker::deliver() {
  const std::uint64_t now = host_.now_ns();
  // netfilter tracks a connection from its first packet on, so this comes before any of its events.
  if (translations_)
    if (auto done = translations_->update(); !done) return done;
  if (processes_) processes_->begin_drain(now);
  if (auto done = observer_->deliver(*this); !done) return done;
  if (processes_) processes_->end_drain(tell_process_);
  advance_dns(now);
  if (handler_) settler_.release(now, [this](const Event& ready) { hand_over(ready); });
  return {};
}

// Finds out what was lost, and reports it as a gap.
void Tracker::note_loss(bool exactly) {
  lost_ = observer_->loss(exactly);
  if (processes_) lost_.netlink_full += processes_->lost();
  lost_.udp_peers = peers_lost_;
  if (translations_) lost_.translations = translations_->lost();
  // Only lost records are made good by a pass: what the kernel could not remember no pass can find.
  if (const std::uint64_t records =
          lost_.ring_full + lost_.malformed + lost_.netlink_full + lost_.missed_runs;
      records != records_lost_) {
    records_lost_ = records;
    resync_wanted_ = true;
    owners_known_ = false;
  }
  lost_.missed_runs += table_.untold_ends();  // already made good by the pass that found them
  if (!handler_ || lost_ == reported_) return;
  Event gap;
  gap.mono_ns = last_event_ns_ != 0 ? last_event_ns_ : host_.now_ns();
  event::Gap& since = gap.what.emplace<event::Gap>();
  for_each_field(kLossFields, [&](const auto& cause) {
    since.lost.*cause.member = lost_.*cause.member - reported_.*cause.member;
  });
  reported_ = lost_;
  add(gap);
}

// Whether the pass must read whole sockets a second time. Either only the figures of a connection
// were shown, and no event has announced it by now. Or, where only passes show what is gone, an
// open flow was not shown; it may have been skipped while others came and went.
bool Tracker::was_passed_over() const {
  return std::any_of(strangers_.begin(), strangers_.end(),
                     [this](std::uint64_t cookie) { return !table_.contains(cookie); }) ||
         (traits_.polls && table_.misses_some());
}

// Finds owners that changed unseen, and those that accepts wait for.
Result<void> Tracker::read_owners() {
  const std::uint64_t began = host_.now_ns();
  if (!traits_.follows_owners || began < owners_not_before_ns_) return {};
  auto done = observer_->read_owners(std::exchange(owners_read_ns_, began));
  const std::uint64_t now = host_.now_ns();
  owners_not_before_ns_ = now + std::max(kSecond / 20, kShareOfOwners * (now - began));
  return done;
}

Result<void> Tracker::pass(bool at_once) {
  const std::uint64_t began = host_.now_ns();
  const std::uint64_t cpu_before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  if (auto done = deliver(); !done) return done;
  if (processes_ && ((resync_wanted_ && traits_.process_events != 0) || processes_->needs_scan()))
    if (auto done = scan_processes(); !done) return done;
  if (auto done = read_owners(); !done) return done;
  const bool only_figures = owners_known_;
  const std::uint64_t read_began = host_.now_ns();
  begin_sync(read_began);
  if (auto done = observer_->read_sockets(*this, only_figures); !done) return done;
  if (auto done = deliver(); !done) return done;
  if (auto done = read_peers(); !done) return done;
  if (was_passed_over()) {
    if (auto done = observer_->read_sockets(*this, false); !done) return done;
    if (auto done = deliver(); !done) return done;
  }
  end_sync(only_figures);
  if (auto done = observer_->end_pass(*this, at_once); !done) return done;

  costs_.snapshot_ns = host_.now_ns() - began;
  resync_wanted_ = false;
  owners_known_ = traits_.follows_owners;
  plan_next(cpu_before);
  note_loss(false);
  return {};
}

// Some kernels do not run our programs in every task, and do not count that. So when only events
// are wanted, this looks from time to time for ends that were not reported. It adds nothing to the
// table.
Result<void> Tracker::check() {
  const std::uint64_t cpu_before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  begin_sync(host_.now_ns());
  checks_ = true;
  auto done = observer_->read_sockets(*this, true);
  checks_ = false;
  if (!done) return done;
  if (done = deliver(); !done) return done;
  end_sync(true);
  if (done = observer_->end_pass(*this, false); !done) return done;
  plan_next(cpu_before);
  note_loss(false);
  return {};
}

void Tracker::begin_sync(std::uint64_t now_ns) {
  table_.begin_sync(now_ns, !traits_.polls && !resync_wanted_);
  strangers_.clear();
  foreign_listeners_.clear();
  observer_->begin_pass(now_ns);
}

void Tracker::end_sync(bool only_figures) {
  FlowTable::Hides hides;
  if (only_figures) hides = [this](const Flow& flow) { return observer_->may_hide(flow); };
  table_.end_sync([this](const Flow& flow) { observer_->gone(flow); }, hides);
}

// Limits how often passes and checks are made, so that they do not become a load of their own while
// losses continue, or with very many sockets.
void Tracker::plan_next(std::uint64_t cpu_before) {
  const std::uint64_t now = host_.now_ns();
  const std::uint64_t rest = kShareOfTime * (clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_before);
  const std::uint64_t interval = traits_.polls ? nanoseconds(options_.poll_interval) : kSecond;
  next_pass_ns_ = now + std::max(interval, rest);
  next_check_ns_ = now + std::max(kCheckInterval, rest);
}

void Tracker::take_peer(UdpPeer& peer, std::uint64_t now_ns) {
  if (Flow socket; peer.interface != 0 && read_flow(peer.socket, socket))
    zones_.name(peer.remote.addr, peer.interface, socket.netns);
  if (!udp_peers_->take(peer, now_ns) || !handler_) return;
  Event gone;
  gone.mono_ns = now_ns;
  gone.what = event::UdpPeerClose{(now_ns - std::min(now_ns, peer.since_ns)) / 1000};
  udp_peers_->fill(peer, std::bind_front(&Tracker::read_flow, this), gone.flow);
  gone.flow.closed_ns = now_ns;
  complete(gone);
  add(gone);
}

Result<void> Tracker::read_peers() {
  if (!udp_peers_) return {};
  const std::uint64_t began = host_.now_ns();
  udp_peers_->begin_pass();
  const auto kept = observer_->read_udp_peers([&](UdpPeer& peer) { take_peer(peer, began); });
  if (!kept) return tl::make_unexpected(kept.error());
  udp_peers_->end_pass([this](std::uint64_t cookie) { return table_.contains(cookie); });
  if (*kept > udp_peers_->open()) peers_lost_ = std::max(peers_lost_, *kept - udp_peers_->open());
  peers_due_ = false;
  const std::uint64_t now = host_.now_ns();
  peers_not_before_ns_ = now + std::max(kSecond / 10, kShareOfTime * (now - began));
  return {};
}

void Tracker::expire(std::uint64_t now_ns) {
  table_.expire(now_ns, host_.is_running);
  if (processes_) processes_->expire(now_ns);
  expire_at_ns_ = now_ns + kSecond;
}

// Prepares for sleeping until there is enough to be worth waking up for.
void Tracker::rest(bool busy) {
  const std::uint64_t now = host_.now_ns();
  const std::uint64_t batch = nanoseconds(options_.batch);
  const bool wakes = observer_->rest(waker_, busy || !settler_.empty());
  std::uint64_t after = wakes ? ~std::uint64_t{0} : batch;
  if (peers_due_) after = std::min(after, std::max(batch, kSecond / 10));
  if (listeners_)
    after = std::min(after, std::max(batch, next_look_ns_ > now ? next_look_ns_ - now : 0));
  if (dns_ && options_.dns && dns_->next_ns() != ~std::uint64_t{0})
    after = std::min(after, std::max(batch, dns_->next_ns() > now ? dns_->next_ns() - now : 0));
  const std::uint64_t next = wants_pass() ? next_pass_ns_ : next_check_ns_;
  after = std::min(after, std::max(traits_.polls ? 1 : batch, next > now ? next - now : 0));
  waker_.wake_after(~after == 0 ? 0 : after);
}

Result<void> Tracker::work(const Handler& handler, bool is_last) {
  handler_ = &handler;
  told_ = 0;
  ++costs_.wakeups;
  const std::uint64_t events_before = costs_.events;
  if (resolver_) resolver_->work(host_.now_ns());
  note_loss(is_last);
  // Must come before waiting accepts are handed over, however late this call is.
  if (settler_.is_due(host_.now_ns(), nanoseconds(options_.batch)))
    if (auto done = read_owners(); !done) return done;
  if (auto done = deliver(); !done) return done;
  const std::uint64_t now = host_.now_ns();
  if (wants_pass()) {
    if (now >= next_pass_ns_ || (is_last && traits_.polls)) {
      if (resync_wanted_) ++costs_.resyncs;
      if (auto done = pass(false); !done) return done;
    }
  } else if (now >= next_check_ns_) {
    if (auto done = options_.late_openings ? pass(false) : check(); !done) return done;
  }
  if (auto done = watch_listeners(is_last); !done) return done;
  if (peers_due_ && (is_last || now >= peers_not_before_ns_))
    if (auto done = read_peers(); !done) return done;
  if (now >= expire_at_ns_) expire(now);
  if (is_last) {
    note_loss(false);
    settler_.release_all([this](const Event& ready) { hand_over(ready); });
  }
  if (resolver_ && !is_last) resolver_->work(host_.now_ns());
  rest(costs_.events != events_before);
  return {};
}

// Applies the filter, which may ask for what is only known of the process.
bool Tracker::wants(const Flow& flow) {
  if (!processes_) return matcher_(flow);
  Flow described = flow;
  processes_->describe(described.owner);
  return matcher_(described);
}

Result<void> Tracker::snapshot(const Handler* handler, Snapshot& snapshot) {
  handler_ = handler;
  if (resolver_) resolver_->work(host_.now_ns());
  note_loss(true);
  if (auto done = pass(true); !done) return done;
  if (auto done = watch_listeners(false); !done) return done;
  const std::uint64_t now = host_.now_ns();
  expire(now);
  std::vector<Flow> peers;
  std::set<std::uint64_t> with_peers;  // sockets shown because one of their remote ends is
  if (udp_peers_) peers = udp_peers_->flows(now, std::bind_front(&Tracker::read_flow, this));
  FlowTable::Wanted wanted;
  if (!matcher_.matches_all()) {
    std::erase_if(peers, [this](const Flow& flow) { return !wants(flow); });
    for (const Flow& flow : peers) with_peers.insert(flow.peer_of);
    wanted = [&](const Flow& flow) { return with_peers.contains(flow.cookie) || wants(flow); };
  }
  table_.take(now, wanted, snapshot);
  for (Flow& flow : snapshot.flows)
    if (udp_peers_ && flow.protocol == Protocol::kUdp) flow.app = udp_peers_->app_of(flow.cookie);
  for (Flow& peer : peers) peer.conn_id = ids_.of_udp(peer);
  std::move(peers.begin(), peers.end(), std::back_inserter(snapshot.flows));
  for (Flow& flow : snapshot.flows) {
    name(flow);
    if (translations_) translations_->translate(flow, false);
    if (processes_) processes_->describe(flow.owner);
  }
  for (Process& process : snapshot.processes)
    if (processes_) processes_->describe(process);
  if (auto done = observer_->complete(snapshot); !done) return done;
  look_up_names(snapshot);
  snapshot.lost = lost_;
  rest(false);
  return {};
}

void Tracker::wait_for_names(Snapshot& snapshot, std::chrono::milliseconds patience) {
  if (!resolver_) return;
  const std::uint64_t until = mono_now_ns() + nanoseconds(patience);
  // Of very many addresses only some are queued at a time.
  do {
    for (std::uint64_t now = mono_now_ns(); !resolver_->is_idle() && now < until;
         now = mono_now_ns()) {
      pollfd wanted{.fd = resolver_->fd(), .events = POLLIN, .revents = 0};
      ::poll(&wanted, 1, static_cast<int>((until - now) / 1'000'000 + 1));
      resolver_->work(mono_now_ns());
    }
    look_up_names(snapshot);
  } while (!resolver_->is_idle() && mono_now_ns() < until);
}

}  // namespace sockscope
