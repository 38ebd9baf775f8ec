// SPDX-License-Identifier: Apache-2.0
#include "tui/process_tree.h"

#include <map>
#include <unordered_map>
#include <utility>

#include "base/text.h"
#include "tui/flow_cells.h"

namespace sockscope::tui {
namespace {

// Start times from /proc are in ticks; a child must not be older than its parent.
constexpr std::uint64_t kTick = 10'000'000;
constexpr std::uint32_t kFirstOfAll = 2;  // init and kthreadd say nothing as parents

Sum sum_of(const State& state, const Process& process, std::uint32_t index, const Lately& lately) {
  Sum sum;
  sum.key = RowKey::of(id_of(process));
  sum.pid = process.pid;
  sum.name = name_of(process);
  sum.process = index;
  sum.info = process.info;
  sum.flows = process.open_flows;
  if (process.pid != 0) sum.processes.insert(id_of(process));
  sum.rx_rate = process.rx_rate.value_or(0);
  sum.tx_rate = process.tx_rate.value_or(0);
  sum.retransmit_rate = process.retransmit_rate.value_or(0);
  sum.lately = lately;
  const Volume volume = volume_of(state, process);
  sum.rx_bytes = volume.rx;
  sum.tx_bytes = volume.tx;
  sum.retransmits = process.retransmits;
  if (process.srtt_us != 0 && process.open_flows != 0) {
    sum.srtt_sum_us = std::uint64_t{process.srtt_us} * process.open_flows;
    sum.srtt_count = process.open_flows;
  }
  return sum;
}

void add_below(Sum& parent, const Sum& own) {
  parent.flows += own.flows;
  parent.processes.insert(own.processes.begin(), own.processes.end());
  parent.rx_rate += own.rx_rate;
  parent.tx_rate += own.tx_rate;
  parent.retransmit_rate += own.retransmit_rate;
  parent.lately.add(own.lately);
  parent.rx_bytes += own.rx_bytes;
  parent.tx_bytes += own.tx_bytes;
  parent.retransmits += own.retransmits;
  parent.srtt_sum_us += own.srtt_sum_us;
  parent.srtt_count += own.srtt_count;
}

class Grower {
 public:
  Grower(const Model& model, const State& state) : model_(model), state_(state) {}

  void add(const Process& process, std::uint32_t index, const Lately& lately) {
    if (process.pid != 0) note(process);
    tree_.sums.push_back(sum_of(state_, process, index, lately));
    tree_.parents.push_back(ProcessTree::kNone);
  }

  void put_below_parents() {
    for (std::size_t node = 0; node < tree_.sums.size(); ++node) {
      const std::size_t parent = parent_of(node);
      if (parent != ProcessTree::kNone && !is_below(parent, node)) tree_.parents[node] = parent;
    }
  }

  void put_below_places() {
    for (std::size_t node = 0, count = tree_.sums.size(); node < count; ++node) {
      const ProcessInfo* info = tree_.sums[node].info.get();
      const std::string_view name = info == nullptr ? "" : place_name(*info);
      if (name.empty()) continue;
      const RowKey key = place_key(name);
      const auto [place, is_new] = places_.try_emplace(key, tree_.sums.size());
      if (is_new) {
        Sum sum;
        sum.key = key;
        sum.name = clean_text(name);
        tree_.sums.push_back(std::move(sum));
        tree_.parents.push_back(ProcessTree::kNone);
      }
      tree_.parents[node] = place->second;
    }
  }

  void add_gone(const GoneProcess& gone) {
    const ProcessInfo* info = gone.process->info.get();
    if (info == nullptr) return;
    std::size_t node = ProcessTree::kNone;
    if (state_.settings.process_grouping == Grouping::kTree) {
      const auto parent = by_pid_.find(info->parent_pid);
      if (parent != by_pid_.end() && start_of(parent->second) <= gone.process->start_ns + kTick)
        node = parent->second;
    } else if (const auto place = places_.find(place_key(place_name(*info)));
               place != places_.end()) {
      node = place->second;
    }
    for (; node != ProcessTree::kNone; node = tree_.parents[node])
      tree_.sums[node].lately.add(gone.lately);
  }

  // Adds what each process moves to all nodes above it.
  void sum_up(std::size_t processes) {
    const std::vector<Sum> own(tree_.sums.begin(),
                               tree_.sums.begin() + static_cast<std::ptrdiff_t>(processes));
    for (std::size_t node = 0; node < processes; ++node)
      for (std::size_t up = tree_.parents[node]; up != ProcessTree::kNone; up = tree_.parents[up])
        add_below(tree_.sums[up], own[node]);
  }
  ProcessTree take() { return std::move(tree_); }

 private:
  static RowKey place_key(std::string_view name) {
    RowKey key = RowKey::of_place(name);
    key.is_group = true;
    return key;
  }

  std::uint64_t start_of(std::size_t node) const { return tree_.sums[node].key.b; }

  // If two processes had the same pid, only the later one can have children now.
  void note(const Process& process) {
    const auto [place, is_new] = by_pid_.try_emplace(process.pid, tree_.sums.size());
    if (!is_new && start_of(place->second) < process.start_ns) place->second = tree_.sums.size();
  }

  bool is_below(std::size_t node, std::size_t above) const {
    for (; node != ProcessTree::kNone; node = tree_.parents[node])
      if (node == above) return true;
    return false;
  }

  std::size_t parent_of(std::size_t node) {
    const ProcessInfo* info = tree_.sums[node].info.get();
    if (info == nullptr || info->parent_pid <= kFirstOfAll) return ProcessTree::kNone;
    const std::uint32_t pid = info->parent_pid;
    const auto is_older = [&](std::uint64_t start_ns) {
      return start_ns <= start_of(node) + kTick || start_of(node) == 0;
    };
    if (const auto found = by_pid_.find(pid); found != by_pid_.end())
      return is_older(start_of(found->second)) ? found->second : ProcessTree::kNone;
    const auto known = model_.ancestors.find(pid);
    if (known == model_.ancestors.end() || !is_older(known->second->start_ns))
      return ProcessTree::kNone;
    Sum sum;
    sum.key = RowKey::of(ProcessId{pid, known->second->start_ns});
    sum.pid = pid;
    sum.name = std::string(known->second->name());
    sum.info = known->second;
    by_pid_.emplace(pid, tree_.sums.size());
    tree_.sums.push_back(std::move(sum));  // its own parent is searched for later in this loop
    tree_.parents.push_back(ProcessTree::kNone);
    return tree_.sums.size() - 1;
  }

  const Model& model_;
  const State& state_;
  ProcessTree tree_;
  std::unordered_map<std::uint32_t, std::size_t> by_pid_;
  std::map<RowKey, std::size_t> places_;
};

}  // namespace

ProcessTree grow_tree(const Model& model, const State& state,
                      std::span<const std::uint32_t> processes, std::span<const Lately> lately,
                      std::span<const GoneProcess> gone) {
  Grower grower(model, state);
  for (std::size_t i = 0; i < processes.size(); ++i)
    grower.add(model.history.process(processes[i]), processes[i], lately[i]);
  if (state.settings.process_grouping == Grouping::kTree)
    grower.put_below_parents();
  else
    grower.put_below_places();
  grower.sum_up(processes.size());
  for (const GoneProcess& each : gone) grower.add_gone(each);
  return grower.take();
}

}  // namespace sockscope::tui
