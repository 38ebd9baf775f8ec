// SPDX-License-Identifier: Apache-2.0
#include "model/story.h"

#include <algorithm>

namespace sockscope {
namespace {

// How many times `patience_ns` a story waits while connections are still open.
constexpr std::uint64_t kRounds = 10;
// Most queries of one process that are remembered until their answers come.
constexpr std::size_t kMostAsked = 1024;

}  // namespace

void StoryBook::add(const Flow& flow) {
  if (flow.owner.pid == 0 || flow.closed || flow.protocol != Protocol::kTcp ||
      flow.direction == Direction::kListen || flow.state == TcpState::kListen)
    return;
  Entry& entry = entry_of(flow.owner);
  const Key key{flow.owner.pid, flow.owner.start_ns};
  if (!open_.try_emplace(flow.cookie, key).second) return;
  ++entry.story.connections;
  ++entry.open;
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
  entry->second.asked.erase(query);
  if (message.is_unanswered) ++entry->second.unanswered;
}

void StoryBook::apply(const Event& event, const Handler& handler) {
  const Flow& flow = event.flow;
  const Key key{flow.owner.pid, flow.owner.start_ns};
  switch (event.kind()) {
    case EventKind::kConnect:
    case EventKind::kAccept:
      if (flow.owner.pid != 0) add(flow);
      break;

    // A connection counts for the process that owns it at the end.
    case EventKind::kOwner:
    case EventKind::kClose: {
      if (flow.owner.pid == 0) break;
      const auto open = open_.find(flow.cookie);
      if (open != open_.end() && open->second != key) {
        const auto before = entries_.find(open->second);
        if (before != entries_.end()) {
          --before->second.story.connections;
          --before->second.open;
        }
        open_.erase(open);
        add(flow);
        if (flow.closed) {  // add() accepts only open ones
          ++entry_of(flow.owner).story.connections;
          ++entry_of(flow.owner).open;
          open_.emplace(flow.cookie, key);
        }
      }
      if (event.kind() == EventKind::kOwner) break;
      const bool was_open = open_.erase(flow.cookie) != 0;
      const bool moved = flow.counters.rx_bytes != 0 || flow.counters.tx_bytes != 0;
      if (!was_open && flow.protocol == Protocol::kUdp && !moved) break;
      Entry& entry = entry_of(flow.owner);
      Story& story = entry.story;
      if (!was_open) ++story.connections;
      story.tx_bytes += flow.counters.tx_bytes;
      story.rx_bytes += flow.counters.rx_bytes;
      story.retransmits += flow.counters.retransmits;
      story.worst_rtt_us = std::max(story.worst_rtt_us, flow.counters.srtt_us);
      if (was_open) --entry.open;
      break;
    }

    case EventKind::kDns: take_dns(event, key); break;

    case EventKind::kConnectFailed:
      if (flow.owner.pid != 0) ++entry_of(flow.owner).story.failed;
      break;

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
    case EventKind::kUdpPeer:
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
    if (entry->second.open != 0 && now_ns < longest) {
      ended_.emplace(now_ns + patience_ns_, key);
      continue;
    }
    entry->second.story.still_open = entry->second.open;
    if (looks_at_dns_) {
      entry->second.story.dns_queries = entry->second.queries;
      entry->second.story.dns_unanswered = entry->second.unanswered + entry->second.asked.size();
    }
    handler(entry->second.story);
    entries_.erase(entry);
  }
}

}  // namespace sockscope
