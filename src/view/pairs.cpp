// SPDX-License-Identifier: Apache-2.0
#include "view/pairs.h"

#include <unordered_map>

namespace sockscope {
namespace {

// Whether `flow` is the end to keep.
bool comes_first(const Flow& flow, const Flow& other) {
  const auto opened = [](const Flow& end) { return end.direction == Direction::kOutbound; };
  const auto accepted = [](const Flow& end) { return end.direction == Direction::kInbound; };
  if (opened(flow) != opened(other)) return opened(flow);
  if (accepted(flow) != accepted(other)) return accepted(other);
  return flow.cookie < other.cookie;
}

}  // namespace

void join_pairs(std::vector<Flow>& flows) {
  std::erase_if(flows, [](const Flow& flow) { return flow.remote.addr.is_unspecified(); });
  std::unordered_map<std::uint64_t, const Flow*> by_cookie;
  for (const Flow& flow : flows)
    if (flow.other_end) by_cookie.emplace(flow.cookie, &flow);
  std::vector<Flow> kept;
  kept.reserve(flows.size());
  for (const Flow& flow : flows) {
    const auto other = flow.other_end ? by_cookie.find(flow.other_end->cookie) : by_cookie.end();
    if (other == by_cookie.end() || comes_first(flow, *other->second)) kept.push_back(flow);
  }
  flows = std::move(kept);
}

}  // namespace sockscope
