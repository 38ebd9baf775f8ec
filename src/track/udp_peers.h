// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "model/udp_peer.h"

namespace sockscope {

// The remote ends of unconnected UDP sockets, and which sockets use QUIC. Fed by passes over what
// the kernel remembers; when a pass no longer shows an end, the kernel has forgotten it. Memory is
// bounded by what one pass shows and max_closed; time comes in as an argument.
class UdpPeers {
 public:
  static constexpr std::size_t kMostQuic = 16'384;  // sockets; beyond it the oldest are forgotten

  explicit UdpPeers(std::size_t max_closed) : max_closed_(max_closed) {}

  void begin_pass() noexcept;
  // True: the socket has closed since the last pass, and these are the final figures.
  bool take(const UdpPeer& peer, std::uint64_t now_ns);
  // keep: whether remote ends of a closed socket with this cookie are still to be shown.
  void end_pass(const std::function<bool(std::uint64_t cookie)>& keep);
  // Remote ends of open sockets, as of the last pass.
  std::size_t open() const noexcept { return open_; }

  // The flow of a remote end, without rates. `socket` reads the flow of the socket that it is part
  // of; false: the socket is not known, and so neither is the owner.
  using ReadSocket = std::function<bool(std::uint64_t cookie, Flow& flow)>;
  bool fill(const UdpPeer& peer, const ReadSocket& socket, Flow& flow) const;
  // The remote ends of known sockets, for a snapshot, with rates since the previous call.
  std::vector<Flow> flows(std::uint64_t now_ns, const ReadSocket& socket);

  void note_quic(std::uint64_t cookie);
  App app_of(std::uint64_t cookie) const {
    return quic_.contains(cookie) ? App::kQuic : App::kUnknown;
  }

 private:
  struct Key {
    std::uint64_t socket = 0;
    Endpoint remote;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const noexcept;
  };
  struct Entry {
    UdpPeer peer;
    std::uint64_t number = 0;
    std::uint64_t closed_ns = 0;
    std::uint64_t interval_tx = 0;  // bytes at the beginning of the current rate interval
    std::uint64_t interval_rx = 0;
    std::uint32_t pass = 0;
  };
  bool fill(const Entry& entry, const ReadSocket& socket, Flow& flow) const;

  std::unordered_map<Key, Entry, Hash> entries_;
  std::unordered_set<std::uint64_t> quic_;
  std::deque<std::uint64_t> quic_order_;
  std::size_t max_closed_;
  std::size_t closed_ = 0;
  std::size_t open_ = 0;
  std::uint64_t last_number_ = std::uint64_t{1} << 52;
  std::uint64_t interval_began_ns_ = 0;
  std::uint32_t pass_ = 0;
};

}  // namespace sockscope
