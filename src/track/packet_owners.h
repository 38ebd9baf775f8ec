// SPDX-License-Identifier: Apache-2.0
// Finds the flows of this host that a packet belongs to, by the packet's ends. Pure: time comes in
// as an argument.
//
// A packet often arrives before the events of its connection. So it is held for a short while, with
// those behind it, which keeps their order.
#pragma once

#include <sockscope/event.h>
#include <sockscope/packets.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "model/connection_ends.h"
#include "track/translations.h"

namespace sockscope {

struct PacketEnds {
  Protocol protocol = Protocol::kTcp;
  Endpoint source;
  Endpoint destination;
  std::uint64_t at_ns = 0;  // CLOCK_MONOTONIC of the packet's time stamp; 0: not known
};

class PacketOwners {
 public:
  struct Limits {
    std::uint64_t hold_ns = 250'000'000;
    std::size_t held_bytes = std::size_t{32} << 20;
    // Kept for packets that follow the close, and those that were still on their way.
    std::uint64_t keep_closed_ns = 10'000'000'000;
    std::size_t closed = 65'536;
  };
  using Handler = std::function<void(const Packet&)>;

  // netns: only flows of this network namespace are considered, because addresses have another
  // meaning in others. translations: how a packet's ends lead to a socket's; null: they are equal.
  // Must outlive this object.
  PacketOwners(std::uint32_t netns, Limits limits, const Translations* translations = nullptr)
      : netns_(netns), limits_(limits), translations_(translations) {}

  void note(const Event& event);
  // Takes all sockets: flows that are not in the snapshot are closed.
  void note(const Snapshot& snapshot);

  // ends: empty when no socket can own the packet. stays_here: both of its ends are on this host.
  // Hands over this packet, and those before it, as soon as they are decided.
  void offer(const Packet& packet, const std::optional<PacketEnds>& ends, bool stays_here,
             std::uint64_t now_ns, const Handler& handler);
  // Hands over what has been decided by now.
  void release(std::uint64_t now_ns, const Handler& handler);
  // Hands over everything.
  void finish(const Handler& handler) { release(~std::uint64_t{0}, handler); }

  bool is_holding() const noexcept { return !held_.empty(); }
  // True when a packet came after the last snapshot, and no event explained it within a fifth of
  // the holding time.
  bool wants_snapshot(std::uint64_t now_ns) const noexcept;

  std::size_t known_flows() const noexcept { return flows_.size(); }

 private:
  using Key = ConnectionEnds;
  struct Held {
    Packet packet;
    std::vector<std::byte> bytes;
    PacketEnds ends;
    bool stays_here = false;
    bool is_decided = false;  // need not wait any longer
    std::uint64_t since_ns = 0;
  };

  // The sockets at one end of a packet: one, or several that share its address.
  struct Found {
    const Flow* flow = nullptr;
    std::vector<const Flow*> candidates;
    Flow shared;  // what they have in common, when all belong to one process

    bool any() const noexcept { return flow != nullptr || !candidates.empty(); }
  };

  static Key key_of(const Flow& flow);
  void remember(const Flow& flow, std::uint64_t now_ns);
  void forget_closed(std::uint64_t now_ns);
  bool look_up(const Key& key, std::uint64_t at_ns, Found& found) const;
  void find(Protocol protocol, const Endpoint& local, const Endpoint& remote, std::uint64_t at_ns,
            bool listeners_too, Found& found) const;
  bool decide(Packet& packet, const PacketEnds& ends, bool stays_here, bool is_last_call);

  std::uint32_t netns_;
  Limits limits_;
  const Translations* translations_;
  std::unordered_map<Key, std::vector<Flow>, ConnectionEndsHash>
      flows_;  // several share an address
  std::size_t closed_ = 0;
  std::deque<Held> held_;
  std::size_t held_bytes_ = 0;
  std::uint64_t snapshot_ns_ = 0;
  Found sender_;  // of the packet that is handed over
  Found receiver_;
};

}  // namespace sockscope
