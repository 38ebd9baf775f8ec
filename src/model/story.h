// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/event.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace sockscope {

struct StoryFigures {
  std::uint64_t connections = 0;
  std::uint64_t failed = 0;
  std::uint64_t tx_bytes = 0;
  std::uint64_t rx_bytes = 0;

  bool operator==(const StoryFigures&) const = default;
  void add(const StoryFigures& other) {
    connections += other.connections;
    failed += other.failed;
    tx_bytes += other.tx_bytes;
    rx_bytes += other.rx_bytes;
  }
};

// A remote end that a process talked to, or tried to. A UDP socket that is not connected counts
// once for each of its remote ends.
struct StoryRemote {
  Protocol protocol = Protocol::kTcp;
  Direction direction = Direction::kUnknown;
  Endpoint end;                  // port 0 if inbound: the ports of clients mean nothing
  std::uint16_t local_port = 0;  // if inbound: the port that clients connected to
  std::string name;              // the name that the process asked DNS for; empty: not known;
                                 // hostile bytes possible
  StoryFigures figures;
  int error = 0;  // errno of the last attempt that failed; 0: not known
  // UDP: a socket was connected to it. Otherwise it is not known which of the two began.
  bool is_connected = false;

  bool is_same_end(const StoryRemote& other) const {
    return protocol == other.protocol && direction == other.direction && end == other.end &&
           local_port == other.local_port && name == other.name;
  }
};

// What a process did on the network, from its start to its end.
struct Story {
  std::shared_ptr<const ProcessInfo> process;  // as at its end; never null
  std::uint64_t mono_ns = 0;                   // of its end
  std::optional<std::uint64_t> duration_us;    // empty: its beginning was not seen
  std::uint32_t exit_status = 0;               // as waitpid(2) tells it
  std::uint64_t connections = 0;  // TCP connections opened or accepted, UDP sockets that moved
                                  // bytes
  std::uint64_t failed = 0;       // connection attempts
  std::uint64_t still_open = 0;   // connections whose end was not seen: another process has them
  std::uint64_t tx_bytes = 0;
  std::uint64_t rx_bytes = 0;
  std::uint64_t retransmits = 0;
  // DNS queries it sent (a repeated query counts once), how many of them were answered with an
  // error (NXDOMAIN, REFUSED, …), and how many got no answer within five seconds or before its end.
  // Empty: DNS is not observed.
  std::optional<std::uint64_t> dns_queries;
  std::optional<std::uint64_t> dns_failed;
  std::optional<std::uint64_t> dns_unanswered;
  std::uint32_t worst_rtt_us =
      0;  // the largest smoothed round trip time at the end of a connection; 0: none measured
  // Most bytes first.
  std::vector<StoryRemote> remotes;
  StoryFigures other;    // of the remote ends beyond kMostRemotes
  StoryFigures unknown;  // of UDP sockets that were not connected, as far as nothing told with whom
                         // they exchanged it

  static constexpr std::size_t kMostRemotes = 256;
};

// Builds stories from events. The kernel reports the exit of a process before its sockets are
// closed, and the end of a connection only when the other side has answered. A story therefore
// waits `patience_ns`, and up to ten times as long while connections are open. Pure; its clock is
// the time of the events and of release().
class StoryBook {
 public:
  using Handler = std::function<void(const Story&)>;

  struct Observed {
    bool dns = false;
    bool udp_peers = false;
  };
  StoryBook(std::uint64_t patience_ns, Observed observed)
      : patience_ns_(patience_ns), observed_(observed) {}

  void apply(const Event& event, const Handler& handler);
  // The process with this pid began at that time. For one whose fork was not seen.
  void began(std::uint32_t pid, std::uint64_t mono_ns) { begun_ = {pid, mono_ns}; }
  // Adds a connection that already exists.
  void add(const Flow& flow);
  // Hands over the stories that have waited long enough. now_ns ~0: all of them.
  void release(std::uint64_t now_ns, const Handler& handler);
  bool is_waiting() const noexcept { return !ended_.empty(); }

 private:
  using Key = std::pair<std::uint32_t, std::uint64_t>;  // pid, start
  struct Query {
    std::uint64_t socket = 0;
    std::uint16_t id = 0;
    std::uint16_t type = 0;
    auto operator<=>(const Query&) const = default;
  };
  // A UDP socket that is closed; its remote ends are told after that.
  struct ClosedUdp {
    std::size_t remote;      // where its figures are: an index as of remote_of()
    std::uint64_t tx_bytes;  // of them, what no remote end has accounted for yet
    std::uint64_t rx_bytes;  // the same
    std::uint64_t closed_ns;
  };
  struct Entry {
    Story story;
    std::uint64_t queries = 0;
    std::uint64_t refused = 0;  // answered with an error
    std::uint64_t unanswered = 0;
    std::set<Query> asked;       // within the last five seconds
    std::uint64_t began_ns = 0;  // CLOCK_MONOTONIC; 0: not seen
    std::uint64_t open = 0;
    std::map<std::uint64_t, ClosedUdp> closed_udp;  // by cookie

    // An index of Story::remotes; kOther: none of them; kUnknown: the flow has no remote end.
    std::size_t remote_of(const Flow& flow);
    StoryFigures& figures_of(std::size_t remote) {
      return remote == kUnknown              ? story.unknown
             : remote < story.remotes.size() ? story.remotes[remote].figures
                                             : story.other;
    }
  };
  static constexpr std::size_t kOther = static_cast<std::size_t>(-1);
  static constexpr std::size_t kUnknown = static_cast<std::size_t>(-2);
  struct Open {
    Key owner;
    std::size_t remote;  // index in the entry's remotes, or kOther
  };

  Entry& entry_of(const Owner& owner) { return entries_[{owner.pid, owner.start_ns}]; }

  void begin(const Flow& flow);
  void take_over(const Flow& flow, const Open& before);
  void take_close(const Flow& flow, std::uint64_t now_ns);
  void take_udp_peer(const Flow& peer);
  void take_dns(const Event& event, const Key& key);

  bool waits_for_peers(const Entry& entry, std::uint64_t now_ns) const;

  std::uint64_t patience_ns_;
  Observed observed_;
  std::pair<std::uint32_t, std::uint64_t> begun_;  // of began(); pid 0: none
  std::map<Key, Entry> entries_;
  std::unordered_map<std::uint64_t, Open> open_;  // by the cookie of a TCP connection
  std::multimap<std::uint64_t, Key> ended_;       // by the time at which they have waited long
                                                  // enough
};

}  // namespace sockscope
