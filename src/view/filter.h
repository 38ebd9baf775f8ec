// SPDX-License-Identifier: Apache-2.0
// The filter language of --filter and of the / prompt.
//
//   filter  = all { "|" all }                 | binds loosest
//   all     = { term }                        a space is "and"; no term at all matches everything
//   term    = { "!" } ( text | key op value )
//   text    = word | '"' words '"' | "/" regular expression "/"
//   op      = ":" | "=" | "<" | "<=" | ">" | ">="
//
// A text is searched for in the process's name and arguments and in both ends ("10.0.0.7:443",
// "[::1]:443"). Words match as substrings; case never matters, not even in regular expressions
// (RE2).
//
//   comm name                   like a text, in the process's name only; comm=x is the exact name
//   user uid                    number or name
//   proto                       tcp udp (both families) tcp4 tcp6 udp4 udp6 quic
//   state                       est syn fin tw clsw cls lis, or a state's full name, or closed
//   src dst                     address or prefix of the local and the remote end
//   dir                         in out listen unknown
//   owner                       exact inherited found (or bootstrap) kernel unknown
//   exe cmdline unit container pod cgroup parent     like comm, of the process
//   ppid session                numbers, of the process
//   cc                          congestion control, by its name
//   recv_queue send_queue notsent cwnd ssthresh rto_us rttvar_us rwnd_limited sndbuf_limited
//     busy_us delivery_rate lost reordering dsack pmtu mss
//                               numbers, as in the CSV columns of these names
//   pid netns port sport dport  numbers: 80  8000-8100  80,443,8000-8100, or with < <= > >=
//   rx tx (bytes/s) rxbytes txbytes rtt (ms) retr
//                               the same; suffixes k M G T and Ki Mi Gi Ti
//   event                       what happened, by its name: connect, accept, exec, …; also a,b
//   rcode                       of DNS answers: noerror nxdomain servfail refused …; unanswered
//
// The last two test events, all others connections. port is the port of either end, sport the local
// one, dport the remote one. A value that is not known (a rate not yet measured, a round trip time
// of 0, a port or pid of 0, the retransmissions of UDP) equals nothing and is neither less nor
// greater.
#pragma once

#include <sockscope/event.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "view/column_id.h"

namespace sockscope {

class FlowFilter {
 public:
  // The number of a user by name; empty when there is no such user.
  using UserLookup = std::optional<std::uint32_t> (*)(std::string_view name);

  // Matches everything.
  FlowFilter() = default;

  // The error says in one line, safe for a terminal, which part is wrong and why. Text longer than
  // 1,000 bytes is refused. lookup_user is called only here, for names after user:.
  static tl::expected<FlowFilter, std::string> parse(std::string_view text,
                                                     UserLookup lookup_user = nullptr);

  // Terms that test events pass every connection.
  bool matches(const Flow& flow) const;
  bool matches(const Event& event) const;
  bool matches_all() const noexcept {
    return alternatives_.size() == 1 && alternatives_[0].empty();
  }
  // Whether the filter uses something that is only known with this.
  bool needs(Needs what) const { return needs_.contains(what); }
  // Whether the filter names events of this kind, which must be observed then.
  bool names(EventKind kind) const { return named_.contains(kind); }
  bool asks_for_events() const { return asks_for_events_; }

 private:
  friend class FilterParser;
  struct Term {
    bool negated;
    std::function<bool(const Flow&)> test;         // empty: it tests events
    std::function<bool(const Event&)> event_test;  // empty: it tests connections
  };
  std::vector<std::vector<Term>> alternatives_{{}};
  std::set<Needs> needs_;
  std::set<EventKind> named_;
  bool asks_for_events_ = false;
};

}  // namespace sockscope
