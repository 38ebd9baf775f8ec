// SPDX-License-Identifier: Apache-2.0
#include "track/udp_peers.h"

#include <cstring>
#include <string_view>

namespace sockscope {

std::size_t UdpPeers::Hash::operator()(const Key& key) const noexcept {
  const auto& bytes = key.remote.addr.bytes;
  const std::size_t address =
      std::hash<std::string_view>{}({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  return address ^ (key.socket << 16 | key.remote.port) * 0x9e3779b97f4a7c15ull;
}

void UdpPeers::begin_pass() noexcept {
  ++pass_;
  open_ = 0;
}

bool UdpPeers::take(const UdpPeer& peer, std::uint64_t now_ns) {
  const Key key{peer.socket, peer.remote};
  auto found = entries_.find(key);
  if (found == entries_.end()) {
    found = entries_.try_emplace(key).first;
    found->second.number = ++last_number_;
  }
  Entry& entry = found->second;
  if (entry.closed_ns != 0) return false;
  if (entry.peer.since_ns != peer.since_ns) {  // the kernel forgot it and started again
    entry.interval_tx = entry.interval_rx = 0;
    if (entry.peer.since_ns != 0) entry.number = ++last_number_;
  }
  entry.peer = peer;
  if (peer.socket_closed && closed_ >= max_closed_) {
    entries_.erase(found);
    return true;
  }
  if (peer.socket_closed) {
    entry.closed_ns = now_ns;
    ++closed_;
    return true;
  }
  if (entry.pass != pass_)
    ++open_;  // an entry that moves within the kernel's table may appear
              // twice
  entry.pass = pass_;
  return false;
}

void UdpPeers::end_pass(const std::function<bool(std::uint64_t)>& keep) {
  std::erase_if(entries_, [&](const auto& item) {
    const Entry& entry = item.second;
    if (entry.closed_ns == 0) return entry.pass != pass_;
    if (keep(entry.peer.socket)) return false;
    --closed_;
    return true;
  });
}

bool UdpPeers::fill(const UdpPeer& peer, const ReadSocket& socket, Flow& flow) const {
  flow = {};
  const bool is_known = socket(peer.socket, flow);
  flow.peer_of = peer.socket;
  flow.ipv6_only.reset();
  flow.protocol = Protocol::kUdp;
  flow.app = app_of(peer.socket);
  flow.remote = peer.remote;
  if (peer.interface != 0) flow.interface = peer.interface;
  // An IPv6 socket that is bound to any address also exchanges IPv4.
  if (flow.local.addr.family != peer.remote.addr.family && flow.local.addr.is_unspecified())
    flow.local.addr = {.family = peer.remote.addr.family};
  flow.counters = peer.counters;
  flow.has_counters = true;
  flow.opened_ns = peer.since_ns;
  flow.closed |= peer.socket_closed;
  flow.cookie = 0;
  return is_known;
}

bool UdpPeers::fill(const Entry& entry, const ReadSocket& socket, Flow& flow) const {
  const bool is_known = fill(entry.peer, socket, flow);
  flow.cookie = entry.number;
  if (entry.closed_ns != 0) flow.closed_ns = entry.closed_ns;
  return is_known;
}

std::vector<Flow> UdpPeers::flows(std::uint64_t now_ns, const ReadSocket& socket) {
  std::vector<Flow> rows;
  rows.reserve(entries_.size());
  const double seconds = static_cast<double>(now_ns - interval_began_ns_) / 1e9;
  for (auto& [key, entry] : entries_) {
    Flow flow;
    const bool is_known = fill(entry, socket, flow);
    const Counters& counters = entry.peer.counters;
    if (interval_began_ns_ != 0) {
      flow.tx_rate = static_cast<double>(counters.tx_bytes - entry.interval_tx) / seconds;
      flow.rx_rate = static_cast<double>(counters.rx_bytes - entry.interval_rx) / seconds;
    }
    entry.interval_tx = counters.tx_bytes;
    entry.interval_rx = counters.rx_bytes;
    if (is_known) rows.push_back(std::move(flow));
  }
  interval_began_ns_ = now_ns;
  return rows;
}

void UdpPeers::note_quic(std::uint64_t cookie) {
  if (!quic_.insert(cookie).second) return;
  quic_order_.push_back(cookie);
  if (quic_order_.size() <= kMostQuic) return;
  quic_.erase(quic_order_.front());
  quic_order_.pop_front();
}

}  // namespace sockscope
