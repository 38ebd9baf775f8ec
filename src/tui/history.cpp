// SPDX-License-Identifier: Apache-2.0
#include "tui/history.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace sockscope::tui {
namespace {

bool same(const Counters& a, const Counters& b) {
  return a.tx_bytes == b.tx_bytes && a.rx_bytes == b.rx_bytes && a.tx_segments == b.tx_segments &&
         a.rx_segments == b.rx_segments && a.retransmits == b.retransmits &&
         a.srtt_us == b.srtt_us && a.min_rtt_us == b.min_rtt_us;
}

bool same(const std::shared_ptr<const ProcessInfo>& a,
          const std::shared_ptr<const ProcessInfo>& b) {
  if (a == b) return true;
  return a && b && a->parent_pid == b->parent_pid && a->session == b->session && a->uid == b->uid &&
         a->exited == b->exited && a->program == b->program && a->cgroup == b->cgroup;
}
bool same(const std::shared_ptr<const RemoteName>& a, const std::shared_ptr<const RemoteName>& b) {
  return a == b || (a && b && a->name == b->name && a->learnt_ns == b->learnt_ns);
}

bool same(const std::shared_ptr<const Translation>& a,
          const std::shared_ptr<const Translation>& b) {
  return a == b || (a && b && *a == *b);
}

// Whether a and b show the same.
bool same(const Flow& a, const Flow& b) {
  return a.state == b.state && a.closed == b.closed && same(a.counters, b.counters) &&
         a.tx_rate == b.tx_rate && a.rx_rate == b.rx_rate && a.owner.pid == b.owner.pid &&
         a.owner.start_ns == b.owner.start_ns && a.owner.kind == b.owner.kind &&
         a.owner.comm == b.owner.comm && a.direction == b.direction &&
         a.has_counters == b.has_counters && a.local == b.local && a.remote == b.remote &&
         a.interface == b.interface && a.opened_ns == b.opened_ns && a.closed_ns == b.closed_ns &&
         same(a.owner.process, b.owner.process) && same(a.remote_name, b.remote_name) &&
         same(a.translation, b.translation);
}
bool same(const Process& a, const Process& b) {
  return a.open_flows == b.open_flows && a.listeners == b.listeners &&
         a.closed_flows == b.closed_flows && a.tx_bytes == b.tx_bytes && a.rx_bytes == b.rx_bytes &&
         a.retransmits == b.retransmits && a.srtt_us == b.srtt_us && a.tx_rate == b.tx_rate &&
         a.rx_rate == b.rx_rate && a.retransmit_rate == b.retransmit_rate && a.comm == b.comm &&
         same(a.info, b.info);
}

bool is_being_closed(const Flow& flow) {
  switch (flow.state) {
    case TcpState::kFinWait1:
    case TcpState::kFinWait2:
    case TcpState::kClosing:
    case TcpState::kLastAck:
    case TcpState::kTimeWait: return true;
    default: return false;
  }
}

std::optional<double> less(const std::optional<double>& whole, const std::optional<double>& part) {
  if (!whole) return std::nullopt;
  return std::max(*whole - part.value_or(0), 0.0);
}

// Takes the flows that belong to `part` out of the row of flows without a process. The two rows
// together equal the old one.
void split_unowned(ProcessId part, const std::vector<Flow>& flows,
                   std::vector<Process>& processes) {
  const auto whole = std::find_if(processes.begin(), processes.end(), [](const Process& process) {
    return id_of(process) == kUnattributed;
  });
  if (whole == processes.end()) return;
  Process taken;
  taken.start_ns = part.start_ns;
  if (whole->rx_rate) taken.rx_rate = taken.tx_rate = taken.retransmit_rate = 0;
  bool found = false;
  for (const Flow& flow : flows) {
    if (owner_of(flow) != part || flow.closed) continue;
    found = true;
    ++taken.open_flows;
    taken.rx_bytes += flow.counters.rx_bytes;
    taken.tx_bytes += flow.counters.tx_bytes;
    taken.retransmits += flow.counters.retransmits;
    if (!whole->rx_rate) continue;
    *taken.rx_rate += flow.rx_rate.value_or(0);
    *taken.tx_rate += flow.tx_rate.value_or(0);
  }
  if (!found) return;
  whole->rx_rate = less(whole->rx_rate, taken.rx_rate);
  whole->tx_rate = less(whole->tx_rate, taken.tx_rate);
  whole->open_flows -= std::min(whole->open_flows, taken.open_flows);
  whole->rx_bytes -= std::min(whole->rx_bytes, taken.rx_bytes);
  whole->tx_bytes -= std::min(whole->tx_bytes, taken.tx_bytes);
  whole->retransmits -= std::min(whole->retransmits, taken.retransmits);
  // These two are not known for single connections, so they stay with the row that still has
  // connections.
  if (whole->open_flows == 0) {
    std::swap(whole->srtt_us, taken.srtt_us);
    std::swap(whole->retransmit_rate, taken.retransmit_rate);
    std::swap(whole->tx_segment_rate, taken.tx_segment_rate);
  }
  processes.push_back(taken);
}

// The rows in the order of their identities. Rows equal to earlier ones are shared with them.
template <class Row>
std::vector<std::uint32_t> share(const std::vector<Row>& rows, SharedRows<Row>& shared,
                                 const std::vector<std::uint32_t>* before) {
  std::vector<const Row*> ordered;
  ordered.reserve(rows.size());
  for (const Row& row : rows) ordered.push_back(&row);
  std::sort(ordered.begin(), ordered.end(),
            [](const Row* a, const Row* b) { return id_of(*a) < id_of(*b); });
  std::vector<std::uint32_t> out;
  out.reserve(rows.size());
  std::size_t at = 0;
  for (const Row* row : ordered) {
    const std::size_t count = before == nullptr ? 0 : before->size();
    while (at < count && id_of(shared[(*before)[at]]) < id_of(*row)) ++at;
    if (at < count && id_of(shared[(*before)[at]]) == id_of(*row) &&
        same(shared[(*before)[at]], *row)) {
      shared.keep((*before)[at]);
      out.push_back((*before)[at]);
    } else {
      out.push_back(shared.add(*row));
    }
  }
  return out;
}

template <class Row, class Id>
const Row* find(const std::vector<std::uint32_t>& rows, const SharedRows<Row>& shared, Id id) {
  const auto place = std::lower_bound(
      rows.begin(), rows.end(), id,
      [&](std::uint32_t index, const Id& wanted) { return id_of(shared[index]) < wanted; });
  return place != rows.end() && id_of(shared[*place]) == id ? &shared[*place] : nullptr;
}

// Walks through the samples before `index`, newest first, and averages the rates of its rows.
template <class Row>
std::vector<Smoothed> smooth(const std::deque<Sample>& samples, std::size_t index,
                             const SharedRows<Row>& shared,
                             std::vector<std::uint32_t> Sample::*rows) {
  constexpr double kSeconds = 3;
  const std::vector<std::uint32_t>& wanted = samples[index].*rows;
  std::vector<Smoothed> out(wanted.size());
  double total = 0;
  for (std::size_t i = index + 1; i-- > 0;) {
    const double age =
        static_cast<double>(samples[index].mono_ns - samples[i].mono_ns) / 1e9 / kSeconds;
    if (age > 3 || index - i > 40) break;
    const double weight = std::exp(-age) * samples[i].interval_s.value_or(1);
    total += weight;
    const std::vector<std::uint32_t>& had = samples[i].*rows;
    std::size_t at = 0;
    for (std::size_t k = 0; k < wanted.size(); ++k) {
      const auto id = id_of(shared[wanted[k]]);
      while (at < had.size() && id_of(shared[had[at]]) < id) ++at;
      if (at == had.size()) break;
      const Row& row = shared[had[at]];
      if (id_of(row) != id) continue;
      out[k].rx += weight * row.rx_rate.value_or(0);
      out[k].tx += weight * row.tx_rate.value_or(0);
    }
  }
  if (total > 0) {
    for (Smoothed& value : out) {
      value.rx /= total;
      value.tx /= total;
    }
  }
  return out;
}

}  // namespace

ProcessId owner_of(const Flow& flow) {
  if (flow.owner.pid != 0) return {flow.owner.pid, flow.owner.start_ns};
  if (flow.owner.kind == OwnerKind::kKernel) return kKernel;
  return is_being_closed(flow) ? kExited : kUnattributed;
}

std::string_view name_of(ProcessId id, std::string_view comm) {
  return id == kUnattributed ? "[unattributed]"
         : id == kExited     ? "[exited]"
         : id == kKernel     ? "[kernel]"
                             : comm;
}

void join_unowned(std::vector<Process>& processes) {
  const auto add = [](std::optional<double>& sum, const std::optional<double>& more) {
    if (more) sum = sum.value_or(0) + *more;
  };
  for (const ProcessId id : {kExited, kKernel}) {
    const auto find = [&processes](ProcessId wanted) {
      return std::find_if(processes.begin(), processes.end(),
                          [&](const Process& process) { return id_of(process) == wanted; });
    };
    const auto place = find(id);
    if (place == processes.end()) continue;
    const Process part = *place;
    processes.erase(place);
    auto whole = find(kUnattributed);
    if (whole == processes.end()) whole = processes.insert(processes.begin(), Process{});
    add(whole->rx_rate, part.rx_rate);
    add(whole->tx_rate, part.tx_rate);
    add(whole->retransmit_rate, part.retransmit_rate);
    add(whole->tx_segment_rate, part.tx_segment_rate);
    whole->open_flows += part.open_flows;
    whole->rx_bytes += part.rx_bytes;
    whole->tx_bytes += part.tx_bytes;
    whole->retransmits += part.retransmits;
  }
}

template <class Row>
std::uint32_t SharedRows<Row>::add(const Row& row) {
  if (free_.empty()) {
    slots_.push_back({row, 1});
    return static_cast<std::uint32_t>(slots_.size() - 1);
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  slots_[index] = {row, 1};
  return index;
}

void History::add(const Snapshot& snapshot) {
  Sample sample;
  sample.number = next_number_++;
  sample.mono_ns = snapshot.mono_ns;
  sample.wall_ns = snapshot.wall_ns;
  sample.interval_s = snapshot.interval_s;
  sample.lost = snapshot.lost;
  const Sample* before = samples_.empty() ? nullptr : &samples_.back();
  sample.flows = share(snapshot.flows, flows_, before ? &before->flows : nullptr);
  std::vector<Process> processes = snapshot.processes;
  for (const ProcessId part : {kExited, kKernel}) split_unowned(part, snapshot.flows, processes);
  sample.processes = share(processes, processes_, before ? &before->processes : nullptr);
  // Sockets that only listen move nothing, with any source.
  bool some_counted = false;
  bool some_not = false;
  for (const Process& process : processes) {
    if (!process.rx_rate)
      some_not = true;
    else if (process.open_flows + process.closed_flows != 0)
      some_counted = true;
    sample.rx_rate += process.rx_rate.value_or(0);
    sample.tx_rate += process.tx_rate.value_or(0);
    sample.retransmit_rate += process.retransmit_rate.value_or(0);
    sample.tx_segment_rate += process.tx_segment_rate.value_or(0);
    sample.open_flows += process.open_flows;
  }
  sample.counted = sample.interval_s && (some_counted || !some_not);
  index_bytes_ += sizeof(Sample) + 4 * (sample.flows.size() + sample.processes.size());
  samples_.push_back(std::move(sample));
  while (samples_.size() > 1 &&
         (samples_.back().mono_ns - samples_.front().mono_ns > limits_.span_ns ||
          bytes() > limits_.bytes))
    forget_oldest();
}

void History::forget_oldest() {
  const Sample& oldest = samples_.front();
  index_bytes_ -= sizeof(Sample) + 4 * (oldest.flows.size() + oldest.processes.size());
  for (const std::uint32_t index : oldest.flows) flows_.drop(index);
  for (const std::uint32_t index : oldest.processes) processes_.drop(index);
  samples_.pop_front();
}

std::size_t History::bytes() const noexcept {
  return index_bytes_ + flows_.bytes() + processes_.bytes();
}

std::size_t History::index_of(std::uint64_t number) const {
  if (number <= samples_.front().number) return 0;
  return std::min<std::size_t>(static_cast<std::size_t>(number - samples_.front().number),
                               samples_.size() - 1);
}

std::size_t History::index_at(std::uint64_t wall_ns) const {
  const auto after = std::upper_bound(
      samples_.begin(), samples_.end(), wall_ns,
      [](std::uint64_t time, const Sample& sample) { return time < sample.wall_ns; });
  return after == samples_.begin() ? 0 : static_cast<std::size_t>(after - samples_.begin()) - 1;
}

const Flow* History::find_flow(const Sample& sample, std::uint64_t cookie) const {
  return find(sample.flows, flows_, cookie);
}
const Process* History::find_process(const Sample& sample, ProcessId id) const {
  return find(sample.processes, processes_, id);
}

std::vector<Smoothed> History::smoothed_flows(std::size_t index) const {
  return smooth(samples_, index, flows_, &Sample::flows);
}
std::vector<Smoothed> History::smoothed_processes(std::size_t index) const {
  return smooth(samples_, index, processes_, &Sample::processes);
}

}  // namespace sockscope::tui
