// SPDX-License-Identifier: Apache-2.0
#include "tui/other_ends.h"

#include <algorithm>
#include <cstring>

namespace sockscope::tui {
namespace {

std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15ull;
  return hash ^ hash >> 32;
}

std::uint64_t hash_of(std::uint32_t netns, const Endpoint& local, const Endpoint& remote) {
  std::uint64_t hash = mixed(netns, std::uint64_t{local.port} << 16 | remote.port);
  for (const Endpoint* end : {&local, &remote}) {
    std::uint64_t halves[2];
    static_assert(sizeof halves == sizeof end->addr.bytes);
    std::memcpy(halves, end->addr.bytes.data(), sizeof halves);
    hash = mixed(mixed(hash, halves[0]), halves[1]);
  }
  return hash;
}

bool is_other_end(const Flow& flow, const Flow& other) {
  return other.local == flow.remote && other.remote == flow.local && other.netns == flow.netns &&
         other.protocol == flow.protocol && other.cookie != flow.cookie &&
         other.closed == flow.closed;
}

}  // namespace

void OtherEnds::make(const History& history, const Sample& sample, const OpenedSince& opened) {
  const std::uint64_t newest = opened.is_on() ? history.newest().number : 0;
  if (sample_ == sample.number && newest_ == newest) return;
  sample_ = sample.number;
  newest_ = newest;
  entries_.clear();
  const auto add = [&](const Flow& flow, std::size_t index, bool is_later) {
    if (flow.owner.pid == 0 || flow.remote.addr.is_unspecified()) return;
    entries_.push_back({hash_of(flow.netns, flow.local, flow.remote),
                        static_cast<std::uint32_t>(index), is_later});
  };
  for (const std::uint32_t index : sample.flows) add(history.flow(index), index, false);
  for (std::size_t i = 0; i < opened.flows().size(); ++i) add(opened.flows()[i], i, true);
  std::stable_sort(entries_.begin(), entries_.end(),
                   [](const Entry& a, const Entry& b) { return a.hash < b.hash; });
}

const Flow* OtherEnds::find(const Flow& flow, const History& history,
                            const OpenedSince& opened) const {
  const std::uint64_t hash = hash_of(flow.netns, flow.remote, flow.local);
  auto at = std::lower_bound(
      entries_.begin(), entries_.end(), hash,
      [](const Entry& entry, std::uint64_t wanted) { return entry.hash < wanted; });
  for (; at != entries_.end() && at->hash == hash; ++at) {
    const Flow& other = at->is_later ? opened.flows()[at->index] : history.flow(at->index);
    if (is_other_end(flow, other)) return &other;
  }
  return nullptr;
}

}  // namespace sockscope::tui
