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
#include "track/process_totals.h"

namespace sockscope {

// All flows, open ones and those closed a short while ago, kept by events and by passes over the
// kernel's sockets. Pure: time comes in as an argument. Steady state allocates nothing per event.
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

  // is_running: of the process with this number; null: that cannot be told. What a flow moves once
  // its owner is gone is nobody's until another is known to have it, for kPassesHeld passes at
  // most.
  using IsRunning = std::function<bool(std::uint32_t pid)>;
  explicit FlowTable(Limits limits, IsRunning is_running = nullptr)
      : limits_(limits), is_running_(std::move(is_running)) {}
  static constexpr std::uint32_t kPassesHeld = 3;

  // False for a kOwner event that names the process which is the owner already.
  bool apply(const Event& event);

  // A pass: begin, one sync() per socket the kernel shows, end. Events drained from the ring before
  // begin and before end must have been applied. Open flows from before the pass that were not
  // shown are closed: their close was lost. A later pass that shows one opens it again: iterators
  // of kernels before 6.17 can pass a socket over while others come and go. counts_untold: nothing
  // is known to be lost, so a connection whose end the pass finds, and whose kClose does not come
  // before the next pass ends, is a loss that untold_ends() counts.
  void begin_sync(std::uint64_t now_ns, bool counts_untold = false);
  struct Change {
    bool is_new = false;
    bool is_closed = false;             // now: it is in TIME_WAIT
    TcpState before = TcpState::kNone;  // of one that is not new
  };
  Change sync(const Flow& socket);
  // The same for a socket of which only cookie, state and counters are given. False: it is not in
  // the table, or closed there; a whole sync() is needed.
  bool sync_counters(const Flow& socket);
  // Open flows were not shown in this pass so far.
  bool misses_some() const noexcept;
  // gone: called for each flow that is closed because it was not shown. hides: whether the pass
  // cannot show this flow though it is there; such a one stays open, with the figures it had.
  using Hides = std::function<bool(const Flow&)>;
  void end_sync(const std::function<void(const Flow&)>& gone = nullptr,
                const Hides& hides = nullptr);

  // Fills flows, processes, interval and mono_ns, and starts the next rate interval. With `wanted`,
  // only the flows it accepts, and the processes that have such flows.
  using Wanted = std::function<bool(const Flow&)>;
  void take(std::uint64_t now_ns, const Wanted& wanted, Snapshot& snapshot);

  // Drops closed flows and exited processes that are too old to keep. take() does not.
  void expire(std::uint64_t now_ns, const std::function<bool(std::uint32_t pid)>& is_running);

  bool contains(std::uint64_t cookie) const noexcept { return find(cookie) != kNone; }
  // The flow as a snapshot would show it, without rates. False: there is none.
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
    std::uint64_t interval_tx = 0;  // counters when the running rate interval began
    std::uint64_t interval_rx = 0;
    std::uint64_t interval_segments = 0;
    std::uint32_t interval_retransmits = 0;
    std::uint32_t netns = 0;
    std::uint32_t interface = 0;
    std::optional<bool> ipv6_only;
    Endpoint local;
    Endpoint remote;
    std::uint32_t process = 0;  // slot in processes_
    std::uint32_t former = 0;   // the one that had it before, and keeps what it moved; 0: none
    std::uint32_t opener_pid = 0;
    std::uint32_t uid = 0;
    std::uint32_t pass = 0;       // last pass that showed it
    std::uint32_t newer = kNone;  // list of closed flows, oldest first
    std::uint32_t older = kNone;
    Protocol protocol = Protocol::kTcp;
    Direction direction = Direction::kUnknown;
    TcpState state = TcpState::kNone;
    OwnerKind owner = OwnerKind::kUnknown;
    bool closed = false;
    bool remnant = false;  // in TIME_WAIT when first seen: kept while shown, not in the closed list
    bool missed = false;   // closed because a pass did not show it
    bool untold = false;   // closed by a pass, and no kClose told it so far
    bool in_use = false;
    bool has_uid = false;
    bool has_counters = true;
  };

  // What a flow moved that is in no process's sums yet.
  struct Held {
    std::uint64_t tx_bytes = 0;
    std::uint64_t rx_bytes = 0;
    std::uint64_t retransmits = 0;
    std::uint32_t since = 0;  // pass
  };

  // The kernel keeps a closed connection in TIME_WAIT for a while: so do we. A pass under way may
  // yet show it.
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
  static void set_ends(Entry& entry, const Flow& flow) noexcept;
  void set_owner(Entry& entry, const Flow& flow, std::uint64_t now_ns);
  void hand_over(Entry& entry, std::uint32_t slot, bool is_correction);
  void count(Entry& entry, const Counters& counters);
  static void add(const Held& moved, Process& to) noexcept;
  void credit_held(const Entry& entry);
  bool is_owner_gone(const Entry& entry);
  void reopen(std::uint32_t slot, const Flow& flow, std::uint64_t now_ns);
  void close(std::uint32_t slot, std::uint64_t now_ns);
  void expect_end(std::uint32_t slot);
  void count_untold(Entry& entry) noexcept {
    if (std::exchange(entry.untold, false)) ++untold_ends_;
  }
  void revive(std::uint32_t slot);
  void unlink_closed(std::uint32_t slot);
  void fill(const Entry& entry, Flow& flow) const;

  Limits limits_;
  IsRunning is_running_;
  CookieIndex index_;
  std::vector<std::unique_ptr<Entry[]>> chunks_;
  std::vector<std::uint32_t> free_;
  ProcessTotals processes_;
  std::unordered_map<std::uint64_t, Held> held_;  // by cookie: since their owners are gone
  std::uint32_t oldest_closed_ = kNone;
  std::uint32_t newest_closed_ = kNone;
  std::size_t closed_ = 0;
  std::size_t remnants_ = 0;
  std::vector<std::uint32_t> untold_;  // slots of entries that are, or were, older passes' first
  std::size_t untold_before_ = 0;      // those of older passes
  std::uint64_t untold_ends_ = 0;
  std::uint32_t pass_ = 0;
  bool in_pass_ = false;
  bool counts_untold_ = false;
  std::uint64_t pass_began_ns_ = 0;
  std::uint64_t interval_began_ns_ = 0;
};

}  // namespace sockscope
