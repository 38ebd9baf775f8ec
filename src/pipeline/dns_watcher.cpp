// SPDX-License-Identifier: Apache-2.0
#include "pipeline/dns_watcher.h"

#include <algorithm>

namespace sockscope {
DnsStream& DnsWatcher::stream_of(const Event& packet, const DnsPayload& payload) {
  const std::uint64_t key = payload.stream << 1 | (std::get<event::Dns>(packet.what).sent ? 1 : 0);
  if (streams_.size() >= kMostStreams && !streams_.contains(key))
    streams_.erase(
        std::min_element(streams_.begin(), streams_.end(), [](const auto& left, const auto& right) {
          return left.second.used_ns < right.second.used_ns;
        }));
  Stream& found = streams_[key];
  found.used_ns = packet.mono_ns;
  return found.stream;
}

void DnsWatcher::message(Event& packet, std::span<const std::byte> bytes, std::size_t whole_size,
                         const std::function<void(const Event&)>& tell) {
  auto parsed = parse_dns(bytes, whole_size);
  if (!parsed) return;
  const auto message = std::make_shared<DnsMessage>(std::move(*parsed));
  auto& dns = std::get<event::Dns>(packet.what);
  dns.message = message;
  message->latency_us = queries_.note(packet);
  const bool was_asked = message->latency_us.has_value();
  if (was_asked) *message->latency_us /= 1000;
  // Only answers to this host's own queries give names, because others can say anything. With a
  // server behind a loopback address the query may have left for another port (netfilter) and not
  // been seen; but only this host itself can answer from such an address.
  const bool is_for_us = message->is_answer && !dns.sent && packet.flow.remote.port == dns::kPort;
  if (is_for_us && (was_asked || packet.flow.remote.addr.is_loopback())) names_.learn(packet);
  tell(packet);
}

void DnsWatcher::advance(std::uint64_t now_ns, const std::function<void(const Event&)>& tell) {
  queries_.advance(now_ns, [&](const Event& query) {
    Event event = query;
    auto& dns = std::get<event::Dns>(event.what);
    const auto message = std::make_shared<DnsMessage>(*dns.message);
    message->is_unanswered = true;
    dns.message = message;
    event.mono_ns += DnsQueries::kPatienceNs;
    tell(event);
  });
}

void DnsWatcher::take(Event& packet, const DnsPayload& payload,
                      const std::function<void(const Event&)>& tell) {
  if (packet.flow.protocol == Protocol::kUdp) {
    message(packet, payload.bytes, payload.whole_size, tell);
    return;
  }
  if (payload.stream == 0) return;
  stream_of(packet, payload)
      .push(payload.sequence, payload.bytes, payload.whole_size,
            [&](std::span<const std::byte> bytes) { message(packet, bytes, 0, tell); });
}

}  // namespace sockscope
