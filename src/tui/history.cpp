// SPDX-License-Identifier: Apache-2.0
#include "tui/history.h"

#include <algorithm>
#include <utility>

#include "view/flow_totals.h"

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
         same(a.translation, b.translation) && a.conn_id == b.conn_id && a.other_end == b.other_end;
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

template <class Row>
Moved moved_by(const Row& row, const Moved* before, const Sample& sample) {
  Moved moved = before == nullptr ? Moved{} : *before;
  if (!row.rx_rate || !row.tx_rate) {
    moved.known_since_ns = Moved::kNever;
    return moved;
  }
  const double seconds = sample.interval_s.value_or(0);
  if (moved.known_since_ns == Moved::kNever)
    moved.known_since_ns =
        sample.mono_ns - std::min(static_cast<std::uint64_t>(seconds * 1e9), sample.mono_ns);
  moved.bytes += (*row.rx_rate + *row.tx_rate) * seconds;
  return moved;
}

// The rows in the order of their identities. Rows equal to earlier ones are shared with them.
// `gone`: receives the earlier rows that are missing now.
template <class Row>
std::vector<std::uint32_t> share(const std::vector<Row>& rows, const Sample& sample,
                                 const std::vector<std::uint32_t>& before, SharedRows<Row>& shared,
                                 std::vector<std::uint32_t>& gone) {
  std::vector<const Row*> ordered;
  ordered.reserve(rows.size());
  for (const Row& row : rows) ordered.push_back(&row);
  std::sort(ordered.begin(), ordered.end(),
            [](const Row* a, const Row* b) { return id_of(*a) < id_of(*b); });
  std::vector<std::uint32_t> out;
  out.reserve(rows.size());
  std::size_t at = 0;
  for (const Row* row : ordered) {
    while (at < before.size() && id_of(shared[before[at]]) < id_of(*row))
      gone.push_back(before[at++]);
    const bool is_known = at < before.size() && id_of(shared[before[at]]) == id_of(*row);
    const std::uint32_t index = is_known ? before[at++] : 0;
    const Moved* const moved_before = is_known ? &shared.moved(index) : nullptr;
    const Moved moved = moved_by(*row, moved_before, sample);
    if (is_known && same(shared[index], *row) && moved == *moved_before) {
      shared.keep(index);
      out.push_back(index);
    } else {
      out.push_back(shared.add(*row, moved));
    }
  }
  gone.insert(gone.end(), before.begin() + static_cast<std::ptrdiff_t>(at), before.end());
  return out;
}

// The index of the row with that identity; empty: there is none.
template <class Row, class Id>
std::optional<std::uint32_t> find(const std::vector<std::uint32_t>& rows,
                                  const SharedRows<Row>& shared, Id id) {
  const auto place = std::lower_bound(
      rows.begin(), rows.end(), id,
      [&](std::uint32_t index, const Id& wanted) { return id_of(shared[index]) < wanted; });
  return place != rows.end() && id_of(shared[*place]) == id ? std::optional(*place) : std::nullopt;
}

// The bytes it had moved by then; 0 if it was not there yet.
template <class Row, class Id>
double bytes_by(const std::vector<std::uint32_t>& rows, const SharedRows<Row>& shared, Id id) {
  const auto index = find(rows, shared, id);
  return index ? shared.moved(*index).bytes : 0;
}

void take(const FlowTotals& totals, Sample& sample) {
  sample.rx_rate = totals.rx_rate.value_or(0);
  sample.tx_rate = totals.tx_rate.value_or(0);
  sample.open_flows = totals.open;
  sample.counted = sample.interval_s && totals.rx_rate;
}

void sum_processes(const std::vector<Process>& processes, Sample& sample) {
  take(totals_of(processes, sample.is_counting), sample);
  for (const Process& process : processes) {
    sample.retransmit_rate += process.retransmit_rate.value_or(0);
    sample.tx_segment_rate += process.tx_segment_rate.value_or(0);
  }
}

}  // namespace

// Connections have no rates of segments, so these are found by comparing their counters with those
// of the sample before.
void History::sum_flows(const Snapshot& snapshot, Sample& sample) {
  std::unordered_map<std::uint64_t, SentSegments> now;
  const auto interval_ns = static_cast<std::uint64_t>(snapshot.interval_s.value_or(0) * 1e9);
  const std::uint64_t began_ns = snapshot.mono_ns - std::min(snapshot.mono_ns, interval_ns);
  SentSegments sent;
  for (const Flow& flow : snapshot.flows) {
    if (flow.protocol != Protocol::kTcp || !flow.has_counters || !flow.has_segments) continue;
    const SentSegments total{flow.counters.tx_segments, flow.counters.retransmits};
    now.emplace(flow.cookie, total);
    const auto before = segments_.find(flow.cookie);
    const bool is_new = before == segments_.end();
    if (is_new && (flow.opened_ns == 0 || flow.opened_ns < began_ns)) continue;
    const SentSegments base = is_new ? SentSegments{} : before->second;
    sent.all += total.all - std::min(total.all, base.all);
    sent.again += total.again - std::min(total.again, base.again);
  }
  segments_ = std::move(now);
  if (snapshot.interval_s && *snapshot.interval_s > 0) {
    sample.tx_segment_rate = static_cast<double>(sent.all) / *snapshot.interval_s;
    sample.retransmit_rate = static_cast<double>(sent.again) / *snapshot.interval_s;
  }
  FlowSum sum;
  for (const Flow& flow : snapshot.flows) sum.add(flow);
  take(sum.totals(sample.is_counting), sample);
}

namespace {

double seconds_between(const Sample& from, const Sample& to) {
  return static_cast<double>(to.mono_ns - from.mono_ns) / 1e9;
}

template <class Row, class Id>
std::optional<double> mean_between(const Sample& from, const Sample& to,
                                   std::vector<std::uint32_t> Sample::*rows,
                                   const SharedRows<Row>& shared, Id id) {
  const auto now = find(to.*rows, shared, id);
  if (!now || shared.moved(*now).known_since_ns > from.mono_ns) return std::nullopt;
  const double bytes = shared.moved(*now).bytes - bytes_by(from.*rows, shared, id);
  return std::max(bytes, 0.0) / seconds_between(from, to);
}

using RowsOf = std::vector<std::uint32_t> Sample::*;

// `rows`: the members with a sample's rows, and with the rows that are gone since the one before.
template <class Row>
void take_gone(const std::deque<Sample>& samples, std::size_t from, std::size_t to,
               std::pair<RowsOf, RowsOf> rows, const SharedRows<Row>& shared,
               const std::function<void(const Row&, double)>& take) {
  for (std::size_t i = from + 1; i <= to; ++i)
    for (const std::uint32_t gone : samples[i].*rows.second) {
      const double before = bytes_by(samples[from].*rows.first, shared, id_of(shared[gone]));
      const double bytes = std::max(shared.moved(gone).bytes - before, 0.0);
      take(shared[gone], bytes / seconds_between(samples[from], samples[to]));
    }
}

std::size_t index_bytes(const Sample& sample) {
  return sizeof(Sample) + 4 * (sample.flows.size() + sample.processes.size() +
                               sample.gone_flows.size() + sample.gone_processes.size());
}

// The last sample that is at least `span_ns` older than that one, otherwise the first of all.
std::size_t sample_before(const std::deque<Sample>& samples, std::size_t index,
                          std::uint64_t span_ns) {
  const std::uint64_t now = samples[index].mono_ns;
  const auto after = std::upper_bound(
      samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(index),
      now - std::min(span_ns, now),
      [](std::uint64_t time, const Sample& sample) { return time < sample.mono_ns; });
  return after == samples.begin() ? 0 : static_cast<std::size_t>(after - samples.begin()) - 1;
}

}  // namespace

ProcessId owner_of(const Flow& flow) {
  if (flow.owner.pid != 0) return {flow.owner.pid, flow.owner.start_ns};
  if (flow.owner.kind == OwnerKind::kKernel) return kKernel;
  return is_being_closed(flow) ? kBeingClosed : kUnattributed;
}

std::string_view name_of(ProcessId id, std::string_view comm) {
  return id == kUnattributed  ? "[unattributed]"
         : id == kBeingClosed ? "[closed]"
         : id == kKernel      ? "[kernel]"
                              : comm;
}

void join_unowned(std::vector<Process>& processes) {
  const auto add = [](std::optional<double>& sum, const std::optional<double>& more) {
    if (more) sum = sum.value_or(0) + *more;
  };
  for (const ProcessId id : {kBeingClosed, kKernel}) {
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
std::uint32_t SharedRows<Row>::add(const Row& row, const Moved& moved) {
  if (free_.empty()) {
    slots_.push_back({row, moved, 1});
    return static_cast<std::uint32_t>(slots_.size() - 1);
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  slots_[index] = {row, moved, 1};
  return index;
}

void History::add(const Snapshot& snapshot) {
  Sample sample;
  sample.number = next_number_++;
  sample.mono_ns = snapshot.mono_ns;
  sample.wall_ns = snapshot.wall_ns;
  sample.interval_s = snapshot.interval_s;
  sample.lost = snapshot.lost;
  static const Sample kNone;
  const Sample& before = samples_.empty() ? kNone : samples_.back();
  sample.flows = share(snapshot.flows, sample, before.flows, flows_, sample.gone_flows);
  std::vector<Process> processes = snapshot.processes;
  for (const ProcessId part : {kBeingClosed, kKernel})
    split_unowned(part, snapshot.flows, processes);
  sample.processes = share(processes, sample, before.processes, processes_, sample.gone_processes);
  sample.is_counting = snapshot.source != Source::kProcfs;
  if (sums_connections_)
    sum_flows(snapshot, sample);
  else
    sum_processes(processes, sample);
  index_bytes_ += index_bytes(sample);
  samples_.push_back(std::move(sample));
  while (samples_.size() > 1 &&
         (samples_.back().mono_ns - samples_.front().mono_ns > limits_.span_ns ||
          bytes() > limits_.bytes))
    forget_oldest();
}

void History::forget_oldest() {
  const Sample& oldest = samples_.front();
  index_bytes_ -= index_bytes(oldest);
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
  const auto index = find(sample.flows, flows_, cookie);
  return index ? &flows_[*index] : nullptr;
}
const Process* History::find_process(const Sample& sample, ProcessId id) const {
  const auto index = find(sample.processes, processes_, id);
  return index ? &processes_[*index] : nullptr;
}

// The sample that is closest to `span_ns` before that one; empty: none is close enough for an
// average over that time.
std::optional<std::size_t> History::start_of(std::size_t index, std::uint64_t span_ns) const {
  const std::uint64_t now = samples_[index].mono_ns;
  if (now < span_ns) return std::nullopt;
  const std::uint64_t wanted = now - span_ns;
  std::size_t at = sample_before(samples_, index, span_ns);
  const auto distance = [&](std::size_t sample) {
    const std::uint64_t time = samples_[sample].mono_ns;
    return time > wanted ? time - wanted : wanted - time;
  };
  if (at + 1 < index && distance(at + 1) < distance(at)) ++at;
  // What happened before the first sample is not known, so it may only be off by jitter.
  const bool is_short = at == 0 && samples_[0].mono_ns > wanted;
  return distance(at) <= span_ns / (is_short ? 100 : 4) ? std::optional(at) : std::nullopt;
}

std::optional<double> History::mean_rate(std::size_t index, std::uint64_t cookie,
                                         std::uint64_t span_ns) const {
  const auto from = start_of(index, span_ns);
  if (!from) return std::nullopt;
  return mean_between(samples_[*from], samples_[index], &Sample::flows, flows_, cookie);
}
std::optional<double> History::mean_rate(std::size_t index, ProcessId id,
                                         std::uint64_t span_ns) const {
  const auto from = start_of(index, span_ns);
  if (!from) return std::nullopt;
  return mean_between(samples_[*from], samples_[index], &Sample::processes, processes_, id);
}

void History::each_gone_flow(std::size_t index, std::uint64_t span_ns,
                             const std::function<void(const Flow&, double)>& take) const {
  if (const auto from = start_of(index, span_ns))
    take_gone(samples_, *from, index, {&Sample::flows, &Sample::gone_flows}, flows_, take);
}
void History::each_gone_process(std::size_t index, std::uint64_t span_ns,
                                const std::function<void(const Process&, double)>& take) const {
  if (const auto from = start_of(index, span_ns))
    take_gone(samples_, *from, index, {&Sample::processes, &Sample::gone_processes}, processes_,
              take);
}

bool History::moved_lately(std::size_t index, std::uint64_t cookie, std::uint64_t span_ns) const {
  const Sample& from = samples_[sample_before(samples_, index, span_ns)];
  return bytes_by(samples_[index].flows, flows_, cookie) > bytes_by(from.flows, flows_, cookie);
}
bool History::moved_lately(std::size_t index, ProcessId id, std::uint64_t span_ns) const {
  const Sample& from = samples_[sample_before(samples_, index, span_ns)];
  return bytes_by(samples_[index].processes, processes_, id) >
         bytes_by(from.processes, processes_, id);
}

}  // namespace sockscope::tui
