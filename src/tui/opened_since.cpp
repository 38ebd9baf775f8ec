// SPDX-License-Identifier: Apache-2.0
#include "tui/opened_since.h"

#include <algorithm>
#include <utility>

namespace sockscope::tui {

void OpenedSince::start(const Sample& sample) {
  stop();
  sample_ = looked_at_ = sample.number;
  mono_ns_ = sample.mono_ns;
}

const Flow* OpenedSince::find(std::uint64_t cookie) const {
  const auto place = places_.find(cookie);
  return place == places_.end() ? nullptr : &flows_[place->second];
}

void OpenedSince::make_room(const std::function<bool(const Flow&)>& wanted) {
  std::erase_if(flows_, [&wanted](const Flow& flow) { return !wanted(flow); });
  places_.clear();
  for (std::size_t place = 0; place < flows_.size(); ++place)
    places_.emplace(flows_[place].cookie, place);
}

void OpenedSince::look(const History& history, const std::function<bool(const Flow&)>& wanted) {
  if (!is_on() || history.empty()) return;
  const Sample& newest = history.newest();
  if (newest.number == looked_at_) return;
  looked_at_ = newest.number;
  // Or the oldest sample that is left: a connection that both samples have was open all the time.
  const std::vector<std::uint32_t>& before = history[history.index_of(sample_)].flows;
  std::vector<const Flow*> came;
  std::size_t at = 0;
  for (const std::uint32_t index : newest.flows) {
    const Flow& flow = history.flow(index);
    while (at < before.size() && history.flow(before[at]).cookie < flow.cookie) ++at;
    const bool was_there = at < before.size() && history.flow(before[at]).cookie == flow.cookie;
    if (was_there || flow.cookie == 0) continue;
    if (const auto place = places_.find(flow.cookie); place != places_.end())
      flows_[place->second] = flow;
    else if (flow.opened_ns == 0 || flow.opened_ns > mono_ns_)
      came.push_back(&flow);
  }
  for (Flow& flow : flows_) {
    if (flow.closed || history.find_flow(newest, flow.cookie) != nullptr) continue;
    flow.closed = true;
    flow.closed_ns = newest.mono_ns;
    if (flow.rx_rate) flow.rx_rate = 0;
    if (flow.tx_rate) flow.tx_rate = 0;
  }
  std::sort(came.begin(), came.end(), [](const Flow* a, const Flow* b) {
    return a->opened_ns != b->opened_ns ? a->opened_ns < b->opened_ns : a->cookie < b->cookie;
  });
  bool has_made_room = false;
  for (const Flow* flow : came) {
    if (flows_.size() == kMost && !std::exchange(has_made_room, true)) make_room(wanted);
    if (has_made_room && !wanted(*flow)) continue;
    if (flows_.size() == kMost) {
      is_full_ = true;
      return;
    }
    places_.emplace(flow->cookie, flows_.size());
    flows_.push_back(*flow);
  }
}

}  // namespace sockscope::tui
