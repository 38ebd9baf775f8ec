// SPDX-License-Identifier: Apache-2.0
// Which ends a connection has for its socket, and which in its packets, where netfilter translates
// addresses (service addresses, published ports, masquerading). Pure.
#pragma once

#include <sockscope/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "model/connection_ends.h"
#include "model/conntrack_entry.h"

namespace sockscope {

class Translations {
 public:
  static constexpr std::size_t kMost = 131'072;  // connections

  // Of entries that are not translated nothing is kept. When there are too many, some other goes:
  // of those that were there before somebody listened the kernel never tells the end.
  void note(const ConntrackEntry& entry);
  void forget(const ConntrackEntry& entry);

  // What packets have of the connection that a socket has with these ends; null: the same, or not
  // known.
  std::shared_ptr<const Translation> of_socket(Protocol protocol, const Endpoint& local,
                                               const Endpoint& remote) const;
  // The other way round: the ends, local and remote, that the socket has.
  std::optional<std::pair<Endpoint, Endpoint>> socket_of(Protocol protocol, const Endpoint& local,
                                                         const Endpoint& remote) const;

  std::size_t size() const noexcept { return ends_.size() / 2; }
  // Those that went because there were too many.
  std::uint64_t lost() const noexcept { return lost_; }

 private:
  void drop(const ConnectionEnds& ends);  // both of its views

  // By what a socket has. A packet's ends are found by what the socket at its other end would have.
  std::unordered_map<ConnectionEnds, std::shared_ptr<const Translation>, ConnectionEndsHash> ends_;
  std::uint64_t lost_ = 0;
};

}  // namespace sockscope
