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

// Packets from and to port 53 to messages, to answers that know their query, to names of remote
// ends. Time is that of the packets; memory is bounded: kMostStreams of TCP, and what the tables
// hold.
class DnsWatcher {
 public:
  static constexpr std::size_t kMostStreams = 256;

  // packet: an event::Dns without its message. Calls `tell` for each message that is complete with
  // it, after its names are known. What is no DNS is dropped.
  void take(Event& packet, const DnsPayload& payload,
            const std::function<void(const Event&)>& tell);

  // Tells the queries of this host that no answer came to by now. To be called before what happened
  // then is taken, so that all are told in the order of time.
  void advance(std::uint64_t now_ns, const std::function<void(const Event&)>& tell);
  std::uint64_t next_ns() const noexcept { return queries_.next_ns(); }  // it has something to tell

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
      streams_;  // by payload's, and direction in the lowest bit
};

}  // namespace sockscope
