// SPDX-License-Identifier: Apache-2.0
#include "track/packet_owners.h"

#include <functional>
#include <string_view>
#include <unordered_set>

#include "model/address.h"

namespace sockscope {
namespace {

std::size_t mix(std::size_t hash, const Endpoint& endpoint) noexcept {
  const std::string_view bytes(reinterpret_cast<const char*>(endpoint.addr.bytes.data()),
                               endpoint.addr.bytes.size());
  return (hash * 31 + std::hash<std::string_view>{}(bytes)) * 31 + endpoint.port;
}

}  // namespace

std::size_t PacketOwners::Hash::operator()(const Key& key) const noexcept {
  return mix(mix(static_cast<std::size_t>(key.protocol), key.local), key.remote);
}

PacketOwners::Key PacketOwners::key_of(const Flow& flow) {
  Key key{.local = flow.local, .remote = flow.remote, .protocol = flow.protocol};
  key.local.addr = without_zone(key.local.addr);
  key.remote.addr = without_zone(key.remote.addr);
  if (flow.remote.addr.is_unspecified() && flow.remote.port == 0) key.remote = {};
  return key;
}

void PacketOwners::remember(const Flow& flow, std::uint64_t now_ns) {
  if (flow.netns != netns_ || flow.local.port == 0) return;
  const auto [slot, is_new] = flows_.try_emplace(key_of(flow), flow);
  Flow& known = slot->second;
  // Sockets that share a port without being connected: the first stays.
  if (!is_new && flow.closed && known.cookie != flow.cookie) return;
  if (!is_new && known.closed) --closed_;
  known = flow;
  if (known.closed) {
    known.closed_ns = now_ns;
    ++closed_;
  }
  if (closed_ > limits_.closed) forget_closed(now_ns);
}

// Those that are old, or when there are too many, all.
void PacketOwners::forget_closed(std::uint64_t now_ns) {
  const bool is_full = closed_ > limits_.closed;
  closed_ -= std::erase_if(flows_, [&](const auto& entry) {
    const Flow& flow = entry.second;
    return flow.closed && (is_full || flow.closed_ns + limits_.keep_closed_ns < now_ns);
  });
}

void PacketOwners::note(const Event& event) {
  switch (event.kind) {
    case EventKind::kClose:
    case EventKind::kConnectFailed: {
      Flow flow = event.flow;
      flow.closed = true;
      return remember(flow, event.mono_ns);
    }
    case EventKind::kConnect:
    case EventKind::kAccept:
    case EventKind::kAttempt:
    case EventKind::kOwner:
      return remember(event.flow, event.mono_ns);
    case EventKind::kRetransmit:
    case EventKind::kReset:
    case EventKind::kState:
    case EventKind::kData:
    case EventKind::kProcess:
    case EventKind::kRefused:
    case EventKind::kUdpPeer:
    case EventKind::kDns:
    case EventKind::kAlert:
    case EventKind::kGap:
      return;
  }
}

void PacketOwners::note(const Snapshot& snapshot) {
  std::unordered_set<Key, Hash> open;
  for (const Flow& flow : snapshot.flows) {
    if (flow.closed || flow.peer_of != 0) continue;
    // What an event told, a pass does not take back: it may have been read before.
    open.insert(key_of(flow));
    remember(flow, snapshot.mono_ns);
  }
  for (auto& [key, flow] : flows_) {
    if (flow.closed || open.contains(key) || flow.state == TcpState::kSynSent) continue;
    flow.closed = true;
    flow.closed_ns = snapshot.mono_ns;
    ++closed_;
  }
  forget_closed(snapshot.mono_ns);
  snapshot_ns_ = snapshot.mono_ns;
}

const Flow* PacketOwners::find(Protocol protocol, const Endpoint& local, const Endpoint& remote,
                               bool listeners_too) const {
  Key key{.local = local, .remote = remote, .protocol = protocol};
  const auto look = [&]() -> const Flow* {
    const auto found = flows_.find(key);
    return found == flows_.end() ? nullptr : &found->second;
  };
  if (const Flow* flow = look()) return flow;
  if (protocol == Protocol::kTcp && !listeners_too) return nullptr;
  key.remote = {};
  if (const Flow* flow = look()) return flow;
  key.local.addr = {};
  key.local.addr.family = local.addr.family;
  if (const Flow* flow = look()) return flow;
  key.local.addr.family = 6;  // an IPv6 socket takes IPv4 too
  return look();
}

// False: something of it may yet be told.
bool PacketOwners::decide(Packet& packet, const PacketEnds& ends, bool stays_here,
                          bool is_last_call) const {
  packet.sender = find(ends.protocol, ends.source, ends.destination, is_last_call);
  packet.receiver = find(ends.protocol, ends.destination, ends.source, is_last_call);
  if (is_last_call) return true;
  if (stays_here) return packet.sender != nullptr && packet.receiver != nullptr;
  return packet.sender != nullptr || packet.receiver != nullptr;
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
