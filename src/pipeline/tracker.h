// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/monitor.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "decode/record.h"
#include "model/connection_ids.h"
#include "model/match.h"
#include "pipeline/dns_watcher.h"
#include "pipeline/listener_watcher.h"
#include "pipeline/observer.h"
#include "pipeline/process_watcher.h"
#include "pipeline/reverse_resolver.h"
#include "pipeline/translation_watcher.h"
#include "pipeline/waker.h"
#include "pipeline/zone_names.h"
#include "track/flow_table.h"
#include "track/owner_settler.h"
#include "track/udp_peers.h"

namespace sockscope {

inline bool wants_description(const Options& options) {
  return options.describe || needs_process(options.filter);
}

// What the Tracker asks the host itself; tests replace it.
struct TrackerHost {
  std::function<std::uint64_t()> now_ns = mono_now_ns;  // CLOCK_MONOTONIC
  std::function<bool(std::uint32_t pid)> is_running;    // null: the kernel is asked
  std::string root;                                     // of /proc, for ProcessReader
};

// Behind every Monitor: keeps everything that is known, from what an Observer delivers, and hands
// it over to the Monitor's caller.
class Tracker {
 public:
  using Handler = Monitor::Handler;

  // doors: listed before the observer's own.
  static Result<std::unique_ptr<Tracker>> open(const Options& options, const FlowMatcher& matcher,
                                               std::unique_ptr<Observer> observer,
                                               std::vector<Door> doors, TrackerHost host = {});

  // For the Monitor, whose functions with the same names document them.
  int fd() const noexcept { return waker_.fd(); }
  Result<std::size_t> consume(const Handler& handler) {
    return work(handler, false).map([this] { return told_; });
  }
  Result<std::size_t> finish(const Handler& handler) {
    return work(handler, true).map([this] { return told_; });
  }
  // Fills in everything but wall_ns, source and doors. handler may be null.
  Result<void> snapshot(const Handler* handler, Snapshot& snapshot);
  std::shared_ptr<const ProcessInfo> process(std::uint32_t pid) const {
    return processes_ ? processes_->table().get(pid) : nullptr;
  }
  // Of a listening socket of another network namespace, as of the latest pass; null: not known.
  std::shared_ptr<const TcpInternals> foreign_listener(std::uint64_t cookie) const;
  const Loss& loss() const noexcept { return lost_; }
  const Cost& cost() const noexcept { return costs_; }
  const std::vector<Door>& doors() const noexcept { return doors_; }
  void wait_for_names(Snapshot& snapshot, std::chrono::milliseconds patience);

  // For the Observer. Events are completed in place, and must come in order of time.
  // This one changes the table, and is handed over, after that of its opening if none has come.
  void take(Event& event, const Opening& opening = {});
  void take_process(const ProcessEvent& event, ProcessInfo& seen) {
    if (processes_) processes_->take(event, seen, tell_process_);
  }
  void take_dns_packet(Event& packet, const DnsPayload& payload);
  void take_quic(std::uint64_t socket) {
    if (udp_peers_) udp_peers_->note_quic(socket);
  }
  // Counts records of events, including those that could not be read.
  void count_records(std::size_t count) { costs_.events += count; }
  bool apply(const Event& event) { return table_.apply(event); }
  void tell(Event& event);  // hands over without a change of the table
  // These take the sockets of a pass.
  FlowTable::Change show(Flow& socket, const Opening& opening = {});
  // The queue of a listening socket of another network namespace; show() comes in addition.
  void show_queue(const PolledSocket& listener);
  void show_figures(const Flow& socket) {
    if (sought_ == nullptr && !table_.sync_counters(socket) && !checks_)
      strangers_.push_back(socket.cookie);
  }
  const FlowTable& table() const noexcept { return table_; }
  const ConnectionIds& connection_ids() const noexcept { return ids_; }
  DnsWatcher* dns() noexcept { return dns_ ? &*dns_ : nullptr; }  // null: not wanted
  void add_door(Door door) { doors_.push_back(std::move(door)); }
  void add_refused(Observation observation, const char* name, const Error& error);

 private:
  Tracker(const Options& options, const FlowMatcher& matcher, std::unique_ptr<Observer> observer,
          std::vector<Door> doors, TrackerHost host);
  Result<void> start();
  Result<void> open_resolver();
  Result<void> open_translations();
  Result<void> open_listeners();
  Result<std::vector<ListenerWatcher::Dropped>> look_at_listeners();
  Result<void> watch_listeners(bool is_last);
  Result<void> seek(const std::set<std::uint64_t>& cookies);
  Result<void> watch_processes();
  Result<void> scan_processes();
  Result<void> work(const Handler& handler, bool is_last);
  Result<void> deliver();
  Result<void> pass(bool at_once);
  Result<void> read_owners();
  bool was_passed_over() const;
  bool wants_pass() const noexcept { return traits_.polls || resync_wanted_; }
  Result<void> check();
  void begin_sync(std::uint64_t now_ns);
  void end_sync(bool only_figures);
  void plan_next(std::uint64_t cpu_before);
  Result<void> read_peers();
  void take_peer(UdpPeer& peer, std::uint64_t now_ns);
  bool read_flow(std::uint64_t cookie, Flow& flow) const { return table_.read(cookie, flow); }
  void tell_process(const ProcessEvent& happened);
  void tell_dns(const Event& message) {
    if (handler_ && options_.dns) add(message);
  }
  void advance_dns(std::uint64_t now_ns) {
    if (dns_ && dns_->next_ns() < now_ns)
      dns_->advance(now_ns, [this](const Event& message) { tell_dns(message); });
  }
  void tell_opening(const Flow& flow, const Opening& opening);
  void complete(Event& event);
  void name(Flow& flow);
  void identify(Event& event);
  void look_up_names(Snapshot& snapshot);
  bool wants(const Flow& flow);
  void note_loss(bool exactly);
  void add(const Event& event);
  void hand_over(const Event& ready);
  void expire(std::uint64_t now_ns);
  void rest(bool busy);

  const Options options_;
  FlowMatcher matcher_;
  std::unique_ptr<Observer> observer_;
  const Observer::Traits traits_;
  TrackerHost host_;
  Waker waker_;
  std::vector<Door> doors_;

  ConnectionIds ids_;
  FlowTable table_;
  OwnerSettler settler_;
  ZoneNames zones_;
  std::optional<ProcessWatcher> processes_;
  const ProcessWatcher::Handler tell_process_ = [this](const ProcessEvent& happened) {
    tell_process(happened);
  };
  Event process_event_;
  Event opening_;
  std::optional<DnsWatcher> dns_;  // present when names or messages are wanted
  std::optional<ReverseResolver> resolver_;
  std::unique_ptr<TranslationWatcher> translations_;  // null: not wanted
  std::optional<ListenerWatcher> listeners_;          // present when their drops are wanted
  std::uint64_t next_look_ns_ = 0;                    // at them
  // By cookie.
  std::unordered_map<std::uint64_t, std::shared_ptr<const TcpInternals>> foreign_listeners_;
  const std::set<std::uint64_t>* sought_ = nullptr;  // a pass that is running takes only these
  std::optional<UdpPeers> udp_peers_;
  bool peers_due_ = false;  // a socket closed that may have had remote ends
  std::uint64_t peers_not_before_ns_ = 0;
  std::uint64_t peers_lost_ = 0;

  const Handler* handler_ = nullptr;  // of the current call
  std::size_t told_ = 0;              // number of events handed over to it
  Cost costs_;
  Loss lost_;
  Loss reported_;                   // what gaps have reported
  std::uint64_t records_lost_ = 0;  // for which a pass was asked
  bool resync_wanted_ = false;
  bool owners_known_ = false;  // a whole pass was made and nothing was lost since
  std::vector<std::uint64_t>
      strangers_;  // cookies of connections whose figures were shown, but which no event announced
  std::uint64_t last_event_ns_ = 0;
  std::uint64_t next_pass_ns_ = 0;
  std::uint64_t next_check_ns_ = 0;
  bool checks_ = false;               // check() is running
  std::uint64_t owners_read_ns_ = 0;  // when the latest read began
  std::uint64_t owners_not_before_ns_ = 0;
  std::uint64_t expire_at_ns_ = 0;
};

}  // namespace sockscope
