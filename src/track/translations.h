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

  // Entries without translation are not kept. When there are too many, some other entry is dropped,
  // because the kernel never reports the end of connections that existed before it was listened to.
  void note(const ConntrackEntry& entry);
  void forget(const ConntrackEntry& entry);

  // The ends in the packets of the connection whose socket has these ends; null: the same, or not
  // known.
  std::shared_ptr<const Translation> of_socket(Protocol protocol, const Endpoint& local,
                                               const Endpoint& remote) const;
  // The reverse: the ends, local and remote, of the socket whose packets have these ends.
  std::optional<std::pair<Endpoint, Endpoint>> socket_of(Protocol protocol, const Endpoint& local,
                                                         const Endpoint& remote) const;

  std::size_t size() const noexcept { return ends_.size() / 2; }
  // How many were dropped because there were too many.
  std::uint64_t lost() const noexcept { return lost_; }

 private:
  void drop(const ConnectionEnds& ends);  // seen from both of its ends

  // By the ends of the socket. A packet's ends are found as those that the socket at its other end
  // would have.
  std::unordered_map<ConnectionEnds, std::shared_ptr<const Translation>, ConnectionEndsHash> ends_;
  std::uint64_t lost_ = 0;
};

}  // namespace sockscope
