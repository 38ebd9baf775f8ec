// SPDX-License-Identifier: Apache-2.0
#include "track/translations.h"

#include "model/address.h"

namespace sockscope {
namespace {

// The ends as the sender in this direction has them.
ConnectionEnds ends_of(Protocol protocol, const ConntrackTuple& tuple) {
  return {tuple.source, tuple.destination, protocol};
}

// The ends in the packets of the sender whose direction `other` answers.
std::shared_ptr<const Translation> inverse(const ConntrackTuple& other) {
  return std::make_shared<const Translation>(Translation{other.destination, other.source});
}

}  // namespace

void Translations::note(const ConntrackEntry& entry) {
  forget(entry);  // an earlier connection with the same ends
  if (!entry.is_translated()) return;
  if (size() >= kMost) {
    drop(ConnectionEnds(ends_.begin()->first));
    ++lost_;
  }
  ends_[ends_of(entry.protocol, entry.original)] = inverse(entry.reply);
  ends_[ends_of(entry.protocol, entry.reply)] = inverse(entry.original);
}

void Translations::forget(const ConntrackEntry& entry) {
  drop(ends_of(entry.protocol, entry.original));
  drop(ends_of(entry.protocol, entry.reply));
}

void Translations::drop(const ConnectionEnds& ends) {
  const auto found = ends_.find(ends);
  if (found == ends_.end()) return;
  const ConnectionEnds other{found->second->remote, found->second->local, ends.protocol};
  ends_.erase(found);
  ends_.erase(other);
}

std::shared_ptr<const Translation> Translations::of_socket(Protocol protocol, const Endpoint& local,
                                                           const Endpoint& remote) const {
  if (ends_.empty()) return nullptr;
  ConnectionEnds ends{local, remote, protocol};
  ends.local.addr = without_zone(ends.local.addr);
  ends.remote.addr = without_zone(ends.remote.addr);
  const auto found = ends_.find(ends);
  return found == ends_.end() ? nullptr : found->second;
}

std::optional<std::pair<Endpoint, Endpoint>> Translations::socket_of(Protocol protocol,
                                                                     const Endpoint& local,
                                                                     const Endpoint& remote) const {
  const auto other = of_socket(protocol, remote, local);
  if (!other) return std::nullopt;
  return std::pair{other->remote, other->local};
}

}  // namespace sockscope
