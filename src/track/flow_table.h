// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/event.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "track/cookie_index.h"
#include "track/end_pairs.h"
#include "track/process_totals.h"

namespace sockscope {

// All flows: open ones, and those closed a short while ago. Events and passes over the kernel's
// sockets keep it up to date. Pure: time comes in as an argument. In the steady state, events
// allocate nothing.
//
//            connect/accept, seen in a pass                 close, gone in a pass
//   (none) ────────────────────────────────▶ open ────────────────────────────────▶ closed ──▶
//   (none)
//                                             ▲    connect/accept on the same socket  │ keep_closed
//                                             └───────────────────────────────────────┘
class FlowTable {
 public:
  struct Limits {
    std::uint64_t keep_closed_ns = 10'000'000'000;
    std::size_t max_closed = 10'000;
  };

  // is_running: whether the process with this pid runs; null: not known. After a flow's owner has
  // exited, what the flow moves is credited to nobody until another owner is known, or kPassesHeld
  // passes are over.
  using IsRunning = std::function<bool(std::uint32_t pid)>;
  explicit FlowTable(Limits limits, IsRunning is_running = nullptr)
      : limits_(limits), is_running_(std::move(is_running)) {}
  static constexpr std::uint32_t kPassesHeld = 3;

  // False for a kOwner event that names the present owner.
  bool apply(const Event& event);

  // A pass: begin, one sync() for each socket that the kernel shows, end. Before begin and before
  // end, events in the ring must have been drained and applied. Open flows from before the pass
  // that were not shown are closed, because their close event was lost. A later pass that shows
  // such a flow opens it again: before Linux 6.17, iterators can skip a socket while others come
  // and go. counts_untold: nothing is known to be lost; so when the pass finds a connection ended,
  // and no kClose comes before the next pass ends, untold_ends() counts that as a loss.
  void begin_sync(std::uint64_t now_ns, bool counts_untold = false);
  struct Change {
    bool is_new = false;
    bool is_closed = false;             // with this call: it is in TIME_WAIT
    TcpState before = TcpState::kNone;  // previous state, unless it is new
  };
  Change sync(const Flow& socket);
  // The same for a socket of which only cookie, state and counters are known. False: the flow is
  // not in the table, or is closed there, so a full sync() is needed.
  bool sync_counters(const Flow& socket);
  // Whether some open flows have not been shown in this pass so far.
  bool misses_some() const noexcept;
  // gone: called for each flow that is closed because it was not shown. hides: whether the pass
  // cannot show this flow although it exists; then it stays open with its earlier figures.
  using Hides = std::function<bool(const Flow&)>;
  void end_sync(const std::function<void(const Flow&)>& gone = nullptr,
                const Hides& hides = nullptr);

  // Fills in flows, processes, interval and mono_ns, and starts the next rate interval. With
  // `wanted`, only the flows that it accepts, and the processes of those.
  using Wanted = std::function<bool(const Flow&)>;
  void take(std::uint64_t now_ns, const Wanted& wanted, Snapshot& snapshot);

  // Drops closed flows and exited processes that are older than the limits; take() does not.
  void expire(std::uint64_t now_ns, const std::function<bool(std::uint32_t pid)>& is_running);

  // Whether no connect or accept event of this connection was applied, while another source shows
  // it. A socket that connects again has the same cookie.
  bool lacks_opening(const Flow& flow) const noexcept;
  bool contains(std::uint64_t cookie) const noexcept { return find(cookie) != kNone; }
  // The name of the connection; kUnknown: there is none with this cookie, or it is not known.
  ConnectionId conn_id(std::uint64_t cookie) const noexcept;
  // The flow as a snapshot would have it, without rates, and with the other end only if a snapshot
  // has shown it. False: there is none.
  bool read(std::uint64_t cookie, Flow& flow) const;
  std::size_t open_flows() const noexcept { return index_.size() - closed_ - remnants_; }
  std::size_t closed_flows() const noexcept { return closed_; }
  std::uint64_t untold_ends() const noexcept { return untold_ends_; }

 private:
  static constexpr std::uint32_t kNone = CookieIndex::kNone;
  static constexpr std::uint32_t kChunk = 1024;

  struct Entry {
    std::uint64_t cookie = 0;
    std::uint64_t opened_ns = 0;
    std::uint64_t closed_ns = 0;
    Counters counters;
    ConnectionId conn_id = ConnectionId::kUnknown;
    mutable std::shared_ptr<const OtherEnd> other_end;  // as it was shown last
    std::uint64_t interval_tx = 0;  // counters at the beginning of the current rate interval
    std::uint64_t interval_rx = 0;
    std::uint64_t interval_segments = 0;
    std::uint32_t interval_retransmits = 0;
    std::uint32_t netns = 0;
    std::uint32_t interface = 0;
    std::optional<bool> ipv6_only;
    Endpoint local;
    Endpoint remote;
    std::uint32_t process = 0;  // slot in processes_
    std::uint32_t former = 0;   // the previous one, which keeps what it moved; 0: none
    std::uint32_t opener_pid = 0;
    std::uint32_t uid = 0;
    std::uint32_t pass = 0;       // the last pass that showed it
    std::uint32_t newer = kNone;  // list of closed flows, oldest first
    std::uint32_t older = kNone;
    Protocol protocol = Protocol::kTcp;
    Direction direction = Direction::kUnknown;
    TcpState state = TcpState::kNone;
    OwnerKind owner = OwnerKind::kUnknown;
    bool closed = false;
    bool remnant = false;  // in TIME_WAIT when first seen: kept while shown, not in the closed list
    bool missed = false;   // closed because a pass did not show it
    bool untold = false;   // closed by a pass, without a kClose so far
    bool in_use = false;
    bool is_paired = false;  // it is in named_ and unnamed_
    bool has_uid = false;
    bool has_counters = true;
    bool has_opening = false;  // a connect or accept event
  };

  // What a flow moved that no process has been credited with yet.
  struct Held {
    std::uint64_t tx_bytes = 0;
    std::uint64_t rx_bytes = 0;
    std::uint64_t retransmits = 0;
    std::uint32_t since = 0;  // the pass in which that began
  };

  // The kernel keeps a closed connection in TIME_WAIT for a while, and so does this table. A pass
  // in progress may still show it.
  bool still_shown(const Entry& entry) const noexcept {
    return entry.state == TcpState::kTimeWait &&
           (entry.pass == pass_ || (in_pass_ && entry.pass + 1 == pass_));
  }
  Entry& at(std::uint32_t slot) noexcept { return chunks_[slot / kChunk][slot % kChunk]; }
  const Entry& at(std::uint32_t slot) const noexcept {
    return chunks_[slot / kChunk][slot % kChunk];
  }
  bool is_missed(const Entry& entry) const noexcept {
    return entry.in_use && entry.pass != pass_ && !entry.closed && entry.opened_ns < pass_began_ns_;
  }
  std::uint32_t find(std::uint64_t cookie) const noexcept { return index_.find(cookie); }
  std::uint32_t add(const Flow& flow, std::uint64_t now_ns);
  void remove(std::uint32_t slot);
  void set_ends(std::uint32_t slot, const Flow& flow);
  void pair_new();
  void pair(std::uint32_t slot);
  void unpair(std::uint32_t slot);
  std::uint32_t other_of(std::uint32_t slot) const noexcept;
  void set_owner(Entry& entry, const Flow& flow, std::uint64_t now_ns);
  void hand_over(Entry& entry, std::uint32_t slot, bool is_correction);
  void count(Entry& entry, const Counters& counters);
  static void add(const Held& moved, Process& to) noexcept;
  void credit_held(const Entry& entry);
  bool is_owner_gone(const Entry& entry);
  std::uint32_t reopen(std::uint32_t slot, const Flow& flow, std::uint64_t now_ns);
  void close(std::uint32_t slot, std::uint64_t now_ns);
  void expect_end(std::uint32_t slot);
  void count_untold(Entry& entry) noexcept {
    if (std::exchange(entry.untold, false)) ++untold_ends_;
  }
  void revive(std::uint32_t slot);
  void unlink_closed(std::uint32_t slot);
  void fill_owner(const Entry& entry, Owner& owner) const;
  void fill(std::uint32_t slot, Flow& flow) const;
  std::shared_ptr<const OtherEnd> other_end_of(std::uint32_t slot) const;

  Limits limits_;
  IsRunning is_running_;
  CookieIndex index_;
  EndPairs named_;    // by the connection's name
  EndPairs unnamed_;  // by its ends, where one of them has no name
  std::vector<std::unique_ptr<Entry[]>> chunks_;
  std::vector<std::uint32_t> free_;
  ProcessTotals processes_;
  std::unordered_map<std::uint64_t, Held> held_;  // by cookie: flows whose owners have exited
  std::uint32_t oldest_closed_ = kNone;
  std::uint32_t newest_closed_ = kNone;
  std::size_t closed_ = 0;
  std::size_t remnants_ = 0;
  std::vector<std::uint32_t> untold_;  // slots of entries with `untold` now or earlier, older
                                       // passes' first
  std::size_t untold_before_ = 0;      // how many of them are of older passes
  std::uint64_t untold_ends_ = 0;
  std::uint32_t pass_ = 0;
  bool in_pass_ = false;
  bool counts_untold_ = false;
  std::uint64_t pass_began_ns_ = 0;
  std::uint64_t interval_began_ns_ = 0;
};

}  // namespace sockscope
