// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/event.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>

#include "decode/dns.h"
#include "decode/record.h"
#include "track/dns_queries.h"
#include "track/names.h"

namespace sockscope {

// Turns packets from and to port 53 into messages, matches answers with queries, and learns names
// of remote ends. The clock is the packets'. Memory is bounded: kMostStreams TCP connections, and
// the limits of the tables.
class DnsWatcher {
 public:
  static constexpr std::size_t kMostStreams = 256;

  // packet: an event::Dns without its message. Calls `tell` for each message that this packet
  // completes, after names were learnt from it. What is not DNS is ignored.
  void take(Event& packet, const DnsPayload& payload,
            const std::function<void(const Event&)>& tell);

  // Reports this host's queries that got no answer in time. To be called before later events are
  // taken, so that everything is reported in order of time.
  void advance(std::uint64_t now_ns, const std::function<void(const Event&)>& tell);
  std::uint64_t next_ns() const noexcept {
    return queries_.next_ns();
  }  // when advance() has
     // something to report

  void name(Flow& flow) { flow.remote_name = names_.find(flow); }
  std::size_t streams() const noexcept { return streams_.size(); }

 private:
  struct Stream {
    DnsStream stream;
    std::uint64_t used_ns = 0;
  };
  DnsStream& stream_of(const Event& packet, const DnsPayload& payload);
  void message(Event& packet, std::span<const std::byte> bytes, std::size_t whole_size,
               const std::function<void(const Event&)>& tell);

  DnsQueries queries_;
  RemoteNames names_;
  std::unordered_map<std::uint64_t, Stream>
      streams_;  // by DnsPayload::stream, with the direction in the lowest bit
};

}  // namespace sockscope
