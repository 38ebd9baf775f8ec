// SPDX-License-Identifier: Apache-2.0
// The detectors, one class each: what they remember, and when they raise an alert.
#pragma once

#include <sockscope/alert.h>

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "track/detectors/alert_book.h"
#include "track/detectors/recent_map.h"

namespace sockscope::detectors {

// What all detectors use.
struct Bench {
  const AlertOptions& options;
  AlertBook& book;
  const Detectors::Handler& handler;
};

// The different values seen within a window of time, up to a limit.
template <class T>
class RecentSet {
 public:
  static constexpr std::size_t kMost = 256;
  static constexpr std::size_t kMostBytes = 2 * kMost * 24;  // a vector may reserve twice what it
                                                             // needs
  struct Item {
    T value;
    std::uint64_t first_ns;
    std::uint64_t seen_ns;
  };
  struct Added {
    T& value;  // valid until the next call
    bool is_new;
  };

  // limit: how many are kept, the latest. An equal value that was seen within the window stays.
  Added add(T value, std::uint64_t now_ns, std::uint64_t window_ns, std::size_t limit);
  void remove(T value);
  std::size_t size() const noexcept { return items_.size(); }
  const std::vector<Item>& items() const noexcept { return items_; }
  // When the first of those that add() left was seen first.
  std::uint64_t first_ns() const noexcept;

 private:
  std::vector<Item> items_;
};

struct Port {
  std::uint16_t number = 0;
  bool is_shut = false;
  std::uint8_t times = 1;  // reported
  std::uint32_t attempts = 0;
  bool operator==(const Port& other) const noexcept { return number == other.number; }
};

// A source is, for ports of another host, one process; for ports of this host, an address. A loop
// that starts one process for each port (nc) is a source, too: that of all processes with one name
// and user of which each has tried one port only.
class PortScan {
 public:
  static constexpr std::size_t kMostSources = 4096;
  static constexpr std::size_t kPortsBytes = 65536 / 8;
  enum class Verdict : std::uint8_t {
    kOther,
    kBegins,  // this attempt shows that it and those before it are a scan
    kPart,    // of a scan that goes on
  };
  Verdict take(const Event& event, const Bench& bench);
  void tick(std::uint64_t now_ns, const Bench& bench);
  std::uint64_t forgotten() const noexcept { return sources_.forgotten(); }
  std::size_t bytes() const noexcept { return sources_.size() * kEntryBytes; }
  std::size_t counted_exactly() const noexcept { return exact_; }

 private:
  using Ports = std::bitset<65536>;
  struct Source {
    RecentSet<Port> ports;
    std::unique_ptr<Ports> of_scan;  // while it scans, if there is room
    std::uint64_t tried = 0;         // ports of the scan
    std::uint64_t shut = 0;          // of these
    std::uint64_t attempts = 0;      // at these
    std::uint64_t repeated = 0;      // attempts at these since the last that was new
    std::uint64_t first_ns = 0;
    std::uint64_t last_ns = 0;  // when the scan tried its last new port
    Direction direction = Direction::kInbound;
    Owner owner;
    Address peer;
    Address target;  // inbound: the address of this host that was used last
    bool uses_ftp = false;
    bool is_scanning = false;
    bool is_own = false;    // this host scans itself
    bool has_news = false;  // not yet in the alert
  };
  struct Attempt;
  Verdict judge(Source& source, const Attempt& attempt, const Bench& bench);
  static void add_to_scan(Source& source, const Port& port);
  void tell(Source& source, const Bench& bench);

 public:
  static constexpr std::size_t kEntryBytes =
      RecentMap<Source>::kEntryBytes + RecentSet<Port>::kMostBytes;
  static constexpr std::size_t kMostBytes = kMostSources * kEntryBytes;

 private:
  RecentMap<Source> sources_{kMostSources};
  std::size_t exact_ = 0;
};

class Beaconing {
 public:
  static constexpr std::size_t kMostEndpoints = 4096;
  static constexpr std::size_t kMostNames = 4096;

  void take(const Event& event, const Bench& bench);
  void tick(std::uint64_t now_ns, std::int64_t mono_to_wall_ns, const Bench& bench);
  std::uint64_t forgotten() const noexcept { return endpoints_.forgotten() + names_.forgotten(); }
  std::size_t bytes() const noexcept { return (endpoints_.size() + names_.size()) * kEntryBytes; }

 private:
  static constexpr std::size_t kTimes = 32;
  static constexpr std::size_t kMostNameBytes = 256;
  struct Target {
    std::array<std::uint64_t, kTimes> times{};  // a ring of the latest attempts
    std::uint32_t count = 0;                    // how many of `times` are filled
    std::uint32_t next = 0;
    std::uint64_t last_ns = 0;
    std::uint64_t connected = 0;  // how many attempts succeeded
    Owner owner;
    Endpoint peer;     // for a name: its latest address
    std::string name;  // only for a name
    Key named;         // for an endpoint: the name it was last called by; empty: none
    bool is_passed_over = false;
    bool is_regular = false;
    // Of the attempts that are regular.
    std::uint64_t first_ns = 0;
    std::uint64_t attempts = 0;
    double interval_s = 0;
    double jitter_pct = 0;
    std::uint32_t confirmed = 0;  // how many attempts in a row have kept it regular
    bool has_news = false;
  };
  static std::uint64_t at(const Target& target, std::size_t age) {
    return target.times[(target.next + 2 * kTimes - 1 - age) % kTimes];
  }
  static void judge(Target& target, const AlertOptions& options);
  static void note(Target& target, const Event& event, const AlertOptions& options);
  static bool is_going_on(const Target& target, std::uint64_t now_ns);
  static void tell(const Target& target, const Bench& bench);
  void tell_news(std::uint64_t now_ns, const Bench& bench);
  bool is_timer(const Target& target) const;

 public:
  static constexpr std::size_t kEntryBytes = RecentMap<Target>::kEntryBytes + kMostNameBytes;
  static constexpr std::size_t kMostBytes = (kMostEndpoints + kMostNames) * kEntryBytes;

 private:
  RecentMap<Target> endpoints_{kMostEndpoints};
  RecentMap<Target> names_{kMostNames};  // by program, name and port
  std::int64_t mono_to_wall_ns_ = 0;
};

class DnsTunnel {
 public:
  static constexpr std::size_t kMostDomains = 2048;
  void take(const Event& event, const Bench& bench);  // kDns
  void note_use(const Event& event);                  // kConnect
  void tick(std::uint64_t now_ns, const Bench& bench);
  std::uint64_t forgotten() const noexcept { return domains_.forgotten(); }
  std::size_t bytes() const noexcept { return domains_.size() * kEntryBytes; }

 private:
  struct Domain {
    RecentSet<std::uint32_t> names;
    RecentSet<std::uint32_t> long_names;
    // For each second: how many queries, and how many nanoseconds after its beginning the first
    // one.
    std::array<std::uint32_t, 60> queries{};
    std::array<std::uint32_t, 60> first_after_ns{};
    std::uint64_t second = 0;  // of the latest query
    // As of the last query while they were a tunnel's.
    std::uint64_t first_ns = 0;
    std::uint64_t last_ns = 0;
    double per_minute = 0;
    std::size_t different = 0;
    std::size_t name_bytes = 0;
    Owner owner;
    Endpoint peer;
    std::string name;       // of the domain
    bool has_news = false;  // not yet in the alert
    std::uint64_t told_ns = 0;

    std::uint64_t first_query_ns() const noexcept;

    // That name carried no data: no longer counts it.
    void forgive(std::uint32_t below) {
      names.remove(below);
      long_names.remove(below);
    }
  };

 public:
  static constexpr std::size_t kMostDomainBytes = 255;
  static constexpr std::size_t kEntryBytes =
      RecentMap<Domain>::kEntryBytes + kMostDomainBytes + 2 * RecentSet<std::uint32_t>::kMostBytes;
  static constexpr std::size_t kMostBytes = kMostDomains * kEntryBytes;

 private:
  // What this host asked a server that runs on this host. When that server asks elsewhere, it does
  // so for another program, whose query was already counted. Indexed by hash; a later entry
  // replaces an earlier one.
  struct Asked {
    std::uint32_t name = 0;
    std::uint64_t at_ns = 0;
  };
  using RecentlyAsked = std::array<Asked, 1024>;
  static void note(RecentlyAsked& names, std::uint32_t name, std::uint64_t now_ns);
  static bool is_in(const RecentlyAsked& names, std::uint32_t name, std::uint64_t now_ns);

  RecentlyAsked asked_here_{};
  RecentlyAsked asked_whole_{};
  // A search list makes several names out of one. `name` is the hash of an original name from which
  // the counted name may have been made, and which has not been asked itself yet.
  struct Expansion {
    std::uint32_t name = 0;
    std::uint32_t below = 0;   // as it was counted
    std::uint64_t domain = 0;  // hash of its name
    std::uint64_t at_ns = 0;
  };
  static constexpr std::size_t kProbes = 8;
  static void tell(Domain& domain, const Bench& bench);
  void forgive_expansions_of(std::uint32_t name, std::uint64_t now_ns);
  bool is_expansion(std::string_view name, std::uint64_t now_ns) const;
  void note_expansion(std::string_view name, const Expansion& made);

  std::array<Expansion, 4096> expansions_{};
  RecentMap<Domain> domains_{kMostDomains};
};

class Bandwidth {
 public:
  void take(const Snapshot& snapshot, const Bench& bench);
  void take(const HostFacts& facts, const Bench& bench);

 private:
  // Those above the threshold in the previous reading, with the time since when.
  std::unordered_map<Key, std::uint64_t, Key::Hash> processes_;
  std::unordered_map<Key, std::uint64_t, Key::Hash> interfaces_;
};

class RetransmitStorm {
 public:
  static constexpr std::size_t kMostFlows = 65'536;
  void take(const Snapshot& snapshot, const Bench& bench);
  std::uint64_t forgotten() const noexcept { return forgotten_; }
  std::size_t size() const noexcept { return before_.size(); }

 private:
  struct Sent {
    std::uint64_t segments = 0;
    std::uint32_t retransmits = 0;
  };
  std::unordered_map<std::uint64_t, Sent> before_;  // by cookie
  std::uint64_t before_ns_ = 0;
  std::uint64_t forgotten_ = 0;
};

class ConnectFailures {
 public:
  static constexpr std::size_t kMostPrograms = 2048;
  static constexpr std::size_t kMostProcesses = 4096;

  void take(const Event& event, const Bench& bench);
  // The process scans ports, and that alert says the same and more: its attempts no longer count.
  void forgive(const Owner& owner);
  void tick(std::uint64_t now_ns, const Bench& bench);
  std::uint64_t forgotten() const noexcept {
    return programs_.forgotten() + processes_.forgotten();
  }
  std::size_t bytes() const noexcept {
    return programs_.size() * kEntryBytes + processes_.size() * kProcessBytes;
  }

 private:
  // The window consists of this many parts; when a part is over, all of it is dropped.
  static constexpr std::size_t kParts = 12;
  static constexpr std::size_t kBits = 1024;
  struct Endpoints {  // one bit for each endpoint, by hash
    std::bitset<kBits> failed;
    std::bitset<kBits> made;
  };
  struct Totals {
    double failed = 0;
    double attempts = 0;
    double percent() const noexcept { return attempts == 0 ? 0 : 100 * failed / attempts; }
  };
  struct Attempts {
    std::array<std::uint32_t, kParts> failed{};
    std::array<std::uint32_t, kParts> made{};
    std::array<std::uint64_t, kParts> first_ns{};  // when the first of `failed` failed; 0: none did
    std::uint64_t part = 0;                        // the latest
    Endpoints now, earlier;                        // of this turn and the previous one
    std::uint64_t turn_ns = 0;

    void advance(std::uint64_t part);
    void count(std::size_t endpoint_bit, bool has_failed, std::uint64_t now_ns);
    bool is_peer() const;
    Totals totals() const noexcept;
    bool covers(std::uint64_t each) const noexcept { return each <= part && each + kParts > part; }
    std::uint64_t first_failure_ns() const noexcept;
  };
  struct OfProcess {
    Attempts attempts;
    Key program;
  };
  struct Program {
    Attempts attempts;
    // As of the last failure while there were too many.
    Totals sum;
    std::uint64_t first_ns = 0;
    std::uint64_t last_ns = 0;
    Owner owner;
    Endpoint peer;
    int error = 0;
    bool has_news = false;  // not yet in the alert
    std::uint64_t told_ns = 0;
  };
  static void tell(Program& program, const Bench& bench);

 public:
  static constexpr std::size_t kEntryBytes = RecentMap<Program>::kEntryBytes;
  static constexpr std::size_t kProcessBytes = RecentMap<OfProcess>::kEntryBytes;
  static constexpr std::size_t kMostBytes =
      kMostPrograms * kEntryBytes + kMostProcesses * kProcessBytes;

 private:
  RecentMap<Program> programs_{kMostPrograms};
  RecentMap<OfProcess> processes_{kMostProcesses};
};

// The name that somebody on this host asked for to get the remote end's address. Null: nobody
// asked, or only the name from a reverse lookup is known.
inline const RemoteName* asked_name(const Flow& flow) noexcept {
  const RemoteName* const known = flow.remote_name.get();
  return known != nullptr && known->source != NameSource::kReverse ? known : nullptr;
}

// The domain whose owner answers for the name: its last two labels, or three where the last two are
// short ("co.uk"). Empty: a single label, or a domain without public name servers (arpa, local, …).
std::string_view parent_domain(std::string_view name) noexcept;

}  // namespace sockscope::detectors
