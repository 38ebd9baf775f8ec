// SPDX-License-Identifier: Apache-2.0
#include "track/packet_owners.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <tuple>
#include <unordered_set>

#include "model/address.h"

namespace sockscope {
PacketOwners::Key PacketOwners::key_of(const Flow& flow) {
  Key key{.local = flow.local, .remote = flow.remote, .protocol = flow.protocol};
  key.local.addr = without_zone(key.local.addr);
  key.remote.addr = without_zone(key.remote.addr);
  if (flow.remote.addr.is_unspecified() && flow.remote.port == 0) key.remote = {};
  return key;
}

void PacketOwners::remember(const Flow& flow, std::uint64_t now_ns) {
  if (flow.netns != netns_ || flow.local.port == 0) return;
  std::vector<Flow>& known = flows_[key_of(flow)];
  auto same = std::find_if(known.begin(), known.end(),
                           [&](const Flow& other) { return other.cookie == flow.cookie; });
  // A connection with the same ends as an earlier one replaces it.
  if (same == known.end() && !known.empty() && flow.protocol == Protocol::kTcp &&
      flow.direction != Direction::kListen) {
    if (flow.closed) return;
    same = known.begin();
  }
  if (same == known.end()) same = known.emplace(known.end());
  if (same->closed) --closed_;
  *same = flow;
  if (flow.closed) {
    same->closed_ns = now_ns;
    ++closed_;
  }
  if (closed_ > limits_.closed) forget_closed(now_ns);
}

// Forgets old closed flows, or all of them when there are too many.
void PacketOwners::forget_closed(std::uint64_t now_ns) {
  const bool is_full = closed_ > limits_.closed;
  for (auto entry = flows_.begin(); entry != flows_.end();) {
    closed_ -= std::erase_if(entry->second, [&](const Flow& flow) {
      return flow.closed && (is_full || flow.closed_ns + limits_.keep_closed_ns < now_ns);
    });
    entry = entry->second.empty() ? flows_.erase(entry) : std::next(entry);
  }
}

void PacketOwners::note(const Event& event) {
  switch (event.kind()) {
    case EventKind::kClose:
    case EventKind::kConnectFailed: {
      Flow flow = event.flow;
      flow.closed = true;
      return remember(flow, event.mono_ns);
    }
    case EventKind::kConnect:
    case EventKind::kAccept:
    case EventKind::kAttempt:
    case EventKind::kOwner: return remember(event.flow, event.mono_ns);
    case EventKind::kRetransmit:
    case EventKind::kReset:
    case EventKind::kState:
    case EventKind::kData:
    case EventKind::kProcess:
    case EventKind::kRefused:
    case EventKind::kListenDrop:
    case EventKind::kUdpPeer:
    case EventKind::kDns:
    case EventKind::kAlert:
    case EventKind::kGap: return;
  }
}

void PacketOwners::note(const Snapshot& snapshot) {
  std::unordered_set<std::uint64_t> open;
  for (const Flow& flow : snapshot.flows) {
    if (flow.closed || flow.peer_of != 0) continue;
    // A snapshot does not reopen a flow that an event closed: it may have been read before the
    // event.
    open.insert(flow.cookie);
    remember(flow, snapshot.mono_ns);
  }
  for (auto& [key, flows] : flows_) {
    for (Flow& flow : flows) {
      if (flow.closed || open.contains(flow.cookie) || flow.state == TcpState::kSynSent) continue;
      flow.closed = true;
      flow.closed_ns = snapshot.mono_ns;
      ++closed_;
    }
  }
  forget_closed(snapshot.mono_ns);
  snapshot_ns_ = snapshot.mono_ns;
}

// A UDP socket receives nothing more after its close, but packets of a TCP connection follow for a
// while. Of several closed flows the last one counts, and only when none is open.
bool PacketOwners::look_up(const Key& key, std::uint64_t at_ns, Found& found) const {
  constexpr std::uint64_t kClocksDiffer = 1'000'000;
  const auto known = flows_.find(key);
  if (known == flows_.end()) return false;
  const Flow* last = nullptr;
  for (const Flow& flow : known->second) {
    if (!flow.closed) {
      found.candidates.push_back(&flow);
      continue;
    }
    const bool is_over =
        key.protocol == Protocol::kUdp && at_ns != 0 && at_ns > flow.closed_ns + kClocksDiffer;
    if (!is_over && (last == nullptr || flow.closed_ns > last->closed_ns)) last = &flow;
  }
  if (found.candidates.empty()) {
    found.flow = last;
    return last != nullptr;
  }
  const Flow& first = *found.candidates.front();
  if (found.candidates.size() == 1) {
    found.flow = &first;
  } else if (std::all_of(found.candidates.begin(), found.candidates.end(), [&](const Flow* flow) {
               return flow->owner.pid != 0 && flow->owner.pid == first.owner.pid &&
                      flow->owner.start_ns == first.owner.start_ns;
             })) {
    found.shared = first;
    found.shared.cookie = 0;
    found.flow = &found.shared;
  }
  if (found.flow != nullptr) found.candidates.clear();
  return true;
}

void PacketOwners::find(Protocol protocol, const Endpoint& local, const Endpoint& remote,
                        std::uint64_t at_ns, bool listeners_too, Found& found) const {
  found.flow = nullptr;
  found.candidates.clear();
  Key key{.local = local, .remote = remote, .protocol = protocol};
  if (look_up(key, at_ns, found)) return;
  if (translations_ != nullptr)
    if (const auto own = translations_->socket_of(protocol, local, remote)) {
      std::tie(key.local, key.remote) = *own;
      if (look_up(key, at_ns, found)) return;
    }
  if (protocol == Protocol::kTcp && !listeners_too) return;
  key.remote = {};
  if (look_up(key, at_ns, found)) return;
  key.local.addr = {};
  key.local.addr.family = local.addr.family;
  if (look_up(key, at_ns, found)) return;
  key.local.addr.family = 6;  // an IPv6 socket may accept IPv4 too
  look_up(key, at_ns, found);
}

// False: later events may say more about the packet.
bool PacketOwners::decide(Packet& packet, const PacketEnds& ends, bool stays_here,
                          bool is_last_call) {
  find(ends.protocol, ends.source, ends.destination, ends.at_ns, is_last_call, sender_);
  find(ends.protocol, ends.destination, ends.source, ends.at_ns, is_last_call, receiver_);
  packet.sender = sender_.flow;
  packet.receiver = receiver_.flow;
  packet.senders = sender_.candidates;
  packet.receivers = receiver_.candidates;
  if (is_last_call) return true;
  if (stays_here) return sender_.any() && receiver_.any();
  return sender_.any() || receiver_.any();
}

void PacketOwners::offer(const Packet& packet, const std::optional<PacketEnds>& ends,
                         bool stays_here, std::uint64_t now_ns, const Handler& handler) {
  release(now_ns, handler);
  Packet ready = packet;
  if (held_.empty() && (!ends || decide(ready, *ends, stays_here, false))) {
    handler(ready);
    return;
  }
  Held& held = held_.emplace_back();
  held.packet = packet;
  held.bytes.assign(packet.bytes.begin(), packet.bytes.end());
  held.stays_here = stays_here;
  held.is_decided = !ends;
  held.since_ns = now_ns;
  if (ends) held.ends = *ends;
  held_bytes_ += held.bytes.size();
  while (held_bytes_ > limits_.held_bytes) {
    held_.front().is_decided = true;
    release(now_ns, handler);
  }
}

void PacketOwners::release(std::uint64_t now_ns, const Handler& handler) {
  while (!held_.empty()) {
    Held& front = held_.front();
    const bool is_last_call = front.is_decided || (now_ns >= front.since_ns &&
                                                   now_ns - front.since_ns >= limits_.hold_ns);
    if (front.ends.source.addr.family != 0 &&
        !decide(front.packet, front.ends, front.stays_here, is_last_call))
      return;
    front.packet.bytes = front.bytes;
    handler(front.packet);
    held_bytes_ -= front.bytes.size();
    held_.pop_front();
  }
}

bool PacketOwners::wants_snapshot(std::uint64_t now_ns) const noexcept {
  return !held_.empty() && held_.front().since_ns >= snapshot_ns_ &&
         now_ns >= held_.front().since_ns + limits_.hold_ns / 5;
}

}  // namespace sockscope
