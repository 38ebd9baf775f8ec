// SPDX-License-Identifier: Apache-2.0
#include "model/story.h"

#include <algorithm>
#include <utility>

namespace sockscope {
namespace {

// How many times `patience_ns` a story waits while connections are still open.
constexpr std::uint64_t kRounds = 10;
// Most queries of one process that are remembered until their answers come.
constexpr std::size_t kMostAsked = 1024;
// Most closed UDP sockets of one process that are remembered until their remote ends are told.
constexpr std::size_t kMostClosedUdp = 1024;
// The longest time after the end of a UDP socket in which its remote ends are told.
constexpr std::uint64_t kPeersLate = 1'000'000'000;

// Also removes the remote ends whose connections all passed to other processes.
void arrange_remotes(std::vector<StoryRemote>& remotes) {
  std::erase_if(remotes,
                [](const StoryRemote& remote) { return remote.figures == StoryFigures(); });
  std::ranges::stable_sort(remotes, std::ranges::greater(), [](const StoryRemote& remote) {
    return std::pair(remote.figures.tx_bytes + remote.figures.rx_bytes, remote.figures.connections);
  });
}

}  // namespace

std::size_t StoryBook::Entry::remote_of(const Flow& flow) {
  StoryRemote remote;
  remote.protocol = flow.protocol;
  remote.direction = flow.direction;
  remote.end = flow.remote;
  if (flow.direction == Direction::kInbound) {
    remote.end.port = 0;
    remote.local_port = flow.local.port;
  }
  if (flow.remote_name) remote.name = flow.remote_name->name;
  if (flow.protocol == Protocol::kUdp && flow.remote.addr.is_unspecified()) return kUnknown;
  auto& remotes = story.remotes;
  const auto known = std::ranges::find_if(
      remotes, [&](const StoryRemote& other) { return other.is_same_end(remote); });
  remote.is_connected = flow.protocol == Protocol::kUdp && flow.peer_of == 0;
  if (known != remotes.end()) {
    known->is_connected |= remote.is_connected;
    return static_cast<std::size_t>(known - remotes.begin());
  }
  if (flow.remote.addr.is_unspecified() || remotes.size() == Story::kMostRemotes) return kOther;
  remotes.push_back(std::move(remote));
  return remotes.size() - 1;
}

void StoryBook::add(const Flow& flow) {
  if (flow.owner.pid == 0 || flow.closed || flow.protocol != Protocol::kTcp ||
      flow.direction == Direction::kListen || flow.state == TcpState::kListen)
    return;
  begin(flow);
}

void StoryBook::begin(const Flow& flow) {
  Entry& entry = entry_of(flow.owner);
  const auto [open, is_new] =
      open_.try_emplace(flow.cookie, Open{{flow.owner.pid, flow.owner.start_ns}, kOther});
  if (!is_new) return;
  open->second.remote = entry.remote_of(flow);
  ++entry.figures_of(open->second.remote).connections;
  ++entry.story.connections;
  ++entry.open;
}

// A connection counts for the process that owns it at the end.
void StoryBook::take_over(const Flow& flow, const Open& before) {
  const auto entry = entries_.find(before.owner);
  if (entry != entries_.end()) {
    --entry->second.figures_of(before.remote).connections;
    --entry->second.story.connections;
    --entry->second.open;
  }
  open_.erase(flow.cookie);
  begin(flow);
}

void StoryBook::take_close(const Flow& flow, std::uint64_t now_ns) {
  const auto open = open_.find(flow.cookie);
  const bool was_open = open != open_.end();
  const Counters& counters = flow.counters;
  const bool moved = counters.rx_bytes != 0 || counters.tx_bytes != 0;
  if (!was_open && flow.protocol == Protocol::kUdp && !moved) return;
  if (was_open && !entries_.contains(open->second.owner)) {  // its story was already handed over
    open_.erase(open);
    return;
  }
  Entry& entry = entry_of(flow.owner);
  Story& story = entry.story;
  const std::size_t remote = was_open ? open->second.remote : entry.remote_of(flow);
  StoryFigures& figures = entry.figures_of(remote);
  const StoryFigures more{was_open ? 0u : 1u, 0, counters.tx_bytes, counters.rx_bytes};
  figures.add(more);
  story.connections += more.connections;
  story.tx_bytes += more.tx_bytes;
  story.rx_bytes += more.rx_bytes;
  story.retransmits += counters.retransmits;
  story.worst_rtt_us = std::max(story.worst_rtt_us, counters.srtt_us);
  if (flow.protocol == Protocol::kUdp) {
    entry.closed_udp[flow.cookie] = {remote, more.tx_bytes, more.rx_bytes, now_ns};
    if (entry.closed_udp.size() > kMostClosedUdp) entry.closed_udp.erase(entry.closed_udp.begin());
  }
  if (!was_open) return;
  --entry.open;
  open_.erase(open);
}

// The bytes of the socket move to its remote end.
void StoryBook::take_udp_peer(const Flow& peer) {
  const auto found = entries_.find({peer.owner.pid, peer.owner.start_ns});
  if (found == entries_.end()) return;  // its story was already handed over
  Entry& entry = found->second;
  const std::size_t remote = entry.remote_of(peer);
  const auto closed = entry.closed_udp.find(peer.peer_of);
  const bool is_known = closed != entry.closed_udp.end();
  if (is_known && closed->second.remote == remote) return;  // it was connected to this end later
  entry.figures_of(remote).add({1, 0, peer.counters.tx_bytes, peer.counters.rx_bytes});
  if (!is_known) return;
  ClosedUdp& socket = closed->second;
  StoryFigures& whole = entry.figures_of(socket.remote);
  const std::uint64_t tx = std::min(socket.tx_bytes, peer.counters.tx_bytes);
  const std::uint64_t rx = std::min(socket.rx_bytes, peer.counters.rx_bytes);
  whole.tx_bytes -= tx;
  whole.rx_bytes -= rx;
  socket.tx_bytes -= tx;
  socket.rx_bytes -= rx;
  if (socket.remote != kUnknown || socket.tx_bytes != 0 || socket.rx_bytes != 0) return;
  --whole.connections;
  entry.closed_udp.erase(closed);
}

bool StoryBook::waits_for_peers(const Entry& entry, std::uint64_t now_ns) const {
  return observed_.udp_peers && std::ranges::any_of(entry.closed_udp, [now_ns](const auto& closed) {
           return closed.second.remote == kUnknown && now_ns < closed.second.closed_ns + kPeersLate;
         });
}

void StoryBook::take_dns(const Event& event, const Key& key) {
  if (event.flow.owner.pid == 0) return;
  const auto& [is_sent, told] = std::get<event::Dns>(event.what);
  const DnsMessage& message = *told;
  const Query query{event.flow.cookie, message.id, message.type};
  if (!message.is_answer && !message.is_unanswered) {
    if (!is_sent) return;
    Entry& entry = entry_of(event.flow.owner);
    if (entry.asked.size() >= kMostAsked || entry.asked.insert(query).second) ++entry.queries;
    return;
  }
  if (message.is_answer && is_sent) return;  // this process is a name server
  // Its story may have been handed over already.
  const auto entry = entries_.find(key);
  if (entry == entries_.end()) return;
  const bool is_full = entry->second.asked.size() >= kMostAsked;
  const bool is_first = entry->second.asked.erase(query) != 0 || is_full;
  if (message.is_unanswered)
    ++entry->second.unanswered;
  else if (is_first && message.rcode != dns::kNoError)
    ++entry->second.refused;
}

void StoryBook::apply(const Event& event, const Handler& handler) {
  const Flow& flow = event.flow;
  const Key key{flow.owner.pid, flow.owner.start_ns};
  switch (event.kind()) {
    case EventKind::kConnect:
    case EventKind::kAccept:
      if (flow.owner.pid != 0) add(flow);
      break;

    case EventKind::kOwner:
    case EventKind::kClose: {
      if (flow.owner.pid == 0) break;
      const auto open = open_.find(flow.cookie);
      if (open != open_.end() && open->second.owner != key) take_over(flow, Open(open->second));
      if (event.kind() == EventKind::kClose) take_close(flow, event.mono_ns);
      break;
    }

    case EventKind::kUdpPeer: take_udp_peer(flow); break;

    case EventKind::kDns: take_dns(event, key); break;

    case EventKind::kConnectFailed: {
      if (flow.owner.pid == 0) break;
      Entry& entry = entry_of(flow.owner);
      const std::size_t remote = entry.remote_of(flow);
      ++entry.figures_of(remote).failed;
      ++entry.story.failed;
      if (remote != kOther)
        entry.story.remotes[remote].error = std::get<event::ConnectFailed>(event.what).error;
      break;
    }

    case EventKind::kProcess: {
      const auto& happened = std::get<ProcessEvent>(event.what);
      if (happened.is_thread()) break;
      if (happened.kind == ProcessEventKind::kFork) {
        entry_of(flow.owner).began_ns = event.mono_ns;
      } else if (happened.kind == ProcessEventKind::kExit && flow.owner.process) {
        Entry& entry = entry_of(flow.owner);
        Story& story = entry.story;
        story.process = flow.owner.process;
        story.mono_ns = event.mono_ns;
        story.exit_status = happened.exit_status;
        if (entry.began_ns == 0 && begun_.first == key.first)
          entry.began_ns = std::exchange(begun_, {}).second;
        if (entry.began_ns != 0) story.duration_us = (event.mono_ns - entry.began_ns) / 1000;
        // Sockets are closed a moment after the exit is reported, so every story waits.
        ended_.emplace(event.mono_ns + patience_ns_, key);
      }
      break;
    }

    case EventKind::kRetransmit:
    case EventKind::kReset:
    case EventKind::kAttempt:
    case EventKind::kState:
    case EventKind::kData:
    case EventKind::kRefused:
    case EventKind::kListenDrop:
    case EventKind::kAlert:
    case EventKind::kGap: break;
  }
  release(event.mono_ns, handler);
}

void StoryBook::release(std::uint64_t now_ns, const Handler& handler) {
  while (!ended_.empty() && ended_.begin()->first <= now_ns) {
    const Key key = ended_.begin()->second;
    ended_.erase(ended_.begin());
    const auto entry = entries_.find(key);
    if (entry == entries_.end()) continue;
    const std::uint64_t longest = entry->second.story.mono_ns + kRounds * patience_ns_;
    if ((entry->second.open != 0 && now_ns < longest) || waits_for_peers(entry->second, now_ns)) {
      ended_.emplace(now_ns + patience_ns_, key);
      continue;
    }
    entry->second.story.still_open = entry->second.open;
    if (observed_.dns) {
      entry->second.story.dns_queries = entry->second.queries;
      entry->second.story.dns_failed = entry->second.refused;
      entry->second.story.dns_unanswered = entry->second.unanswered + entry->second.asked.size();
    }
    arrange_remotes(entry->second.story.remotes);
    handler(entry->second.story);
    entries_.erase(entry);
  }
}

}  // namespace sockscope
