// SPDX-License-Identifier: Apache-2.0
#include "tui/rows.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "tui/flow_cells.h"
#include "tui/process_tree.h"
#include "tui/wide_panes.h"
#include "view/columns.h"

namespace sockscope::tui {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kNew = 2 * kSecond;

bool moves(const Smoothed& rate) { return rate.rx + rate.tx >= 1; }

// What rows are ordered by, and what decides between equals.
struct Keyed {
  SortKey key;
  Row row;
};

bool before(const Keyed& a, const Keyed& b, bool reverse) {
  const bool a_unknown = std::holds_alternative<std::monostate>(a.key);
  const bool b_unknown = std::holds_alternative<std::monostate>(b.key);
  if (a_unknown != b_unknown) return b_unknown;
  if (a.key == b.key) return a.row.key < b.row.key;
  const bool descending = std::holds_alternative<double>(a.key) != reverse;
  return descending ? b.key < a.key : a.key < b.key;
}

using enum ColumnId;

SortKey rate_key(ColumnId column, const Smoothed& rate) {
  if (column == kRxRate) return rate.rx;
  if (column == kTxRate) return rate.tx;
  return rate.rx + rate.tx;
}
bool is_rate(ColumnId column) {
  return column == kRxRate || column == kTxRate || column == kRate;
}

SortKey sum_key(ColumnId column, const Sum& sum) {
  if (is_rate(column)) return rate_key(column, sum.smoothed);
  const auto value = sum_value(column, sum);
  return value ? value_key(info_of(column).kind, *value, {}) : SortKey();
}

// By name means in the kernel's order.
SortKey interface_key(ColumnId column, const Interface& interface) {
  const InterfaceCounters& counters = interface.counters;
  const auto known = [](const auto& value) {
    return value ? SortKey(static_cast<double>(*value)) : SortKey();
  };
  switch (column) {
    case kLink: return std::string(interface.is_up ? "up" : "down");
    case kSpeed: return known(interface.speed_bits);
    case kRxBytes: return static_cast<double>(counters.rx_bytes);
    case kTxBytes: return static_cast<double>(counters.tx_bytes);
    case kErrors: return static_cast<double>(counters.rx_errors + counters.tx_errors);
    case kDrops: return static_cast<double>(counters.rx_drops + counters.tx_drops);
    case kUse: return known(use_of(interface));
    case kRxRate:
    case kTxRate:
    case kRate:
      if (!interface.rx_rate || !interface.tx_rate) return {};
      return rate_key(column, {*interface.rx_rate, *interface.tx_rate});
    default: return {};
  }
}

class Arranger {
 public:
  Arranger(const Model& model, State& state)
      : model_(model),
        state_(state),
        table_(state.table()),
        history_(model.history),
        index_(shown_index(model, state)),
        sample_(history_[index_]),
        sort_(sort_of(state, state.view)) {
    cells_.now_ns = sample_.mono_ns;
    cells_.user_name = model.user_name;
  }

  // `keep`: rows stay where they are, new ones come last.
  void arrange(bool keep) {
    Listing listing;
    listing.sample = sample_.number;
    switch (state_.view) {
      case View::kProcesses: processes(listing); break;
      case View::kConnections: connections(listing); break;
      case View::kHosts: hosts(listing); break;
      case View::kEvents: events(listing); break;
      case View::kThisHost: interfaces(listing); break;
      case View::kProcess: of_process(listing); break;
      case View::kConnection: break;
    }
    if (state_.view != View::kEvents) order(listing, keep);
    add_later(listing);
    table_.listing = std::move(listing);
  }

 private:
  // Of one process all connections are shown, as below the list of processes.
  bool has_process_scope() const {
    return state_.view == View::kConnections && state_.scope.kind == RowKey::Kind::kProcess;
  }

  // Whether the filter lets the flow through, and how many loopback ones it would but for that.
  bool wanted(const Flow& flow, Listing& listing) const {
    if (!state_.settings.closed && flow.closed) return false;
    if (!state_.settings.loopback && is_loopback(flow) && !has_process_scope()) {
      ++listing.loopback_hidden;
      return false;
    }
    return true;
  }

  void processes(Listing& listing) {
    const auto smoothed = history_.smoothed_processes(index_);
    std::set<ProcessId> matching;
    const bool all = state_.filter.matches_all();
    if (!all) {
      for (const std::uint32_t index : sample_.flows)
        if (state_.filter.matches(history_.flow(index)))
          matching.insert(owner_of(history_.flow(index)));
    }
    const Sample* earlier = nullptr;
    if (sample_.mono_ns - history_[0].mono_ns > kNew)
      for (std::size_t i = index_; i-- > 0;)
        if (sample_.mono_ns - history_[i].mono_ns >= kNew) {
          earlier = &history_[i];
          break;
        }
    const auto* column = find_column<Process>(sort_);
    for (std::size_t i = 0; i < sample_.processes.size(); ++i) {
      const Process& process = history_.process(sample_.processes[i]);
      const ProcessId id = id_of(process);
      ++listing.candidates;
      if (!all && !matching.contains(id)) continue;
      ++listing.matching;
      Row row{RowKey::of(id), sample_.processes[i]};
      // At first nobody knows, and of some nobody ever does.
      row.idle = sample_.interval_s && (process.rx_rate ? !moves(smoothed[i]) : process.open_flows == 0);
      const bool over = process.open_flows == 0 && process.listeners == 0;
      const bool moved = process.rx_rate.value_or(0) + process.tx_rate.value_or(0) > 0;
      if (over && !moved && id.pid != 0) row.mark = 'x';
      if (earlier != nullptr && !over && history_.find_process(*earlier, id) == nullptr)
        row.mark = '+';
      if (row.mark == 'x' && !state_.settings.closed) continue;
      if (row.idle && row.mark != '+' && !state_.settings.idle) {
        ++listing.idle_hidden;
        continue;
      }
      SortKey key = is_rate(sort_) ? rate_key(sort_, smoothed[i])
                    : sort_ == kRxBytes
                        ? SortKey(static_cast<double>(volume_of(state_, process).rx))
                    : sort_ == kTxBytes
                        ? SortKey(static_cast<double>(volume_of(state_, process).tx))
                    : column != nullptr ? sort_key(*column, process, cells_)
                                        : SortKey();
      keyed_.push_back({std::move(key), row});
      rates_.push_back(smoothed[i]);
    }
  }

  char mark_of(const Flow& flow) const {
    if (flow.closed) return 'x';
    const bool is_new = flow.opened_ns != 0 && flow.opened_ns + kNew > sample_.mono_ns &&
                        flow.protocol == Protocol::kTcp && flow.direction != Direction::kListen;
    return is_new ? '+' : ' ';
  }

  // Listening sockets, and sockets without a peer that are silent.
  static bool is_idle(const Flow& flow, const Smoothed& rate) {
    if (moves(rate)) return false;
    return flow.direction == Direction::kListen || flow.remote.addr.is_unspecified() ||
           flow.state == TcpState::kTimeWait;
  }

  SortKey flow_key(const Flow& flow, const Smoothed& rate, const Column<Flow>* column) const {
    if (is_rate(sort_)) return rate_key(sort_, rate);
    if (sort_ == kRxBytes) return static_cast<double>(volume_of(state_, flow).rx);
    if (sort_ == kTxBytes) return static_cast<double>(volume_of(state_, flow).tx);
    return column != nullptr ? sort_key(*column, flow, cells_) : SortKey();
  }

  void connections(Listing& listing) {
    const auto smoothed = history_.smoothed_flows(index_);
    const auto* column = find_column<Flow>(sort_);
    const Grouping grouping = state_.settings.grouping;
    std::map<RowKey, std::size_t> groups;
    for (std::size_t i = 0; i < sample_.flows.size(); ++i) {
      const Flow& flow = history_.flow(sample_.flows[i]);
      if (!in_scope(state_, flow)) continue;
      ++listing.candidates;
      if (!state_.filter.matches(flow) || !wanted(flow, listing)) continue;
      ++listing.matching;
      Row row{RowKey::of(flow), sample_.flows[i]};
      row.mark = mark_of(flow);
      row.idle = flow.rx_rate && !moves(smoothed[i]);
      if (!state_.settings.idle && !has_process_scope() && is_idle(flow, smoothed[i])) {
        ++listing.idle_hidden;
        continue;
      }
      if (grouping != Grouping::kNone) {
        row.depth = 1;
        RowKey key = group_key(flow);
        key.is_group = true;
        const auto [place, is_new] = groups.try_emplace(key, listing.sums.size());
        if (is_new) start_sum(key, flow, grouping, listing);
        add_to(listing.sums[place->second], flow, smoothed[i]);
        group_of_.push_back(place->second);
      }
      keyed_.push_back({flow_key(flow, smoothed[i], column), row});
    }
  }

  void of_process(Listing& listing) {
    const auto smoothed = history_.smoothed_flows(index_);
    const auto* column = find_column<Flow>(sort_);
    for (std::size_t i = 0; i < sample_.flows.size(); ++i) {
      const Flow& flow = history_.flow(sample_.flows[i]);
      if (RowKey::of(owner_of(flow)) != state_.process) continue;
      ++listing.candidates;
      ++listing.matching;
      if (flow.closed && !state_.settings.closed) continue;
      Row row{RowKey::of(flow), sample_.flows[i]};
      row.mark = mark_of(flow);
      row.idle = flow.rx_rate && !moves(smoothed[i]);
      keyed_.push_back({flow_key(flow, smoothed[i], column), row});
    }
  }

  // Those opened since, below all others, so that none of them moves.
  void add_later(Listing& listing) {
    const bool of_process = state_.view == View::kProcess;
    if (!of_process && state_.view != View::kConnections) return;
    const auto& flows = state_.opened.flows();
    for (std::size_t i = 0; i < flows.size(); ++i) {
      const Flow& flow = flows[i];
      const Smoothed rate{flow.rx_rate.value_or(0), flow.tx_rate.value_or(0)};
      if (of_process) {
        if (RowKey::of(owner_of(flow)) != state_.process) continue;
        if (flow.closed && !state_.settings.closed) continue;
      } else {
        if (!in_scope(state_, flow) || !state_.filter.matches(flow) || !wanted(flow, listing)) continue;
        // What stood there while it was open stays.
        if (!state_.settings.idle && !has_process_scope() && !flow.closed && is_idle(flow, rate))
          continue;
      }
      Row row{RowKey::of(flow), static_cast<std::uint32_t>(i)};
      row.is_later = true;
      row.mark = flow.closed ? 'x' : '+';
      listing.rows.push_back(row);
      ++listing.later;
    }
  }

  RowKey group_key(const Flow& flow) const {
    switch (state_.settings.grouping) {
      case Grouping::kProcess: return RowKey::of(owner_of(flow));
      case Grouping::kContainer: return RowKey::of_place(place_of(flow));
      default: return RowKey::of(flow.remote.addr);
    }
  }

  static std::string_view place_of(const Flow& flow) {
    return flow.owner.process ? place_name(*flow.owner.process) : std::string_view();
  }

  static void start_sum(RowKey key, const Flow& flow, Grouping grouping, Listing& listing) {
    Sum sum;
    sum.key = key;
    sum.address = flow.remote.addr;
    switch (grouping) {
      case Grouping::kProcess:
        sum.pid = flow.owner.pid;
        sum.name = name_of(owner_of(flow), flow.owner.name());
        break;
      case Grouping::kContainer:
        sum.name = clean_text(place_of(flow));
        if (sum.name.empty()) sum.name = "[no unit]";
        break;
      default: sum.name = to_string(flow.remote.addr); break;
    }
    listing.sums.push_back(std::move(sum));
  }

  // The bytes of a UDP socket's remote end are the socket's too, so they count once: by the address.
  void add_to(Sum& sum, const Flow& flow, const Smoothed& rate) const {
    const Grouping grouping = state_.settings.grouping;
    if (flow.peer_of != 0 && (grouping == Grouping::kProcess || grouping == Grouping::kContainer))
      return;
    if (!flow.closed) ++sum.flows;
    if (flow.owner.pid != 0) sum.processes.insert(owner_of(flow));
    sum.rx_rate += flow.rx_rate.value_or(0);
    sum.tx_rate += flow.tx_rate.value_or(0);
    sum.smoothed.rx += rate.rx;
    sum.smoothed.tx += rate.tx;
    const Volume volume = volume_of(state_, flow);
    sum.rx_bytes += volume.rx;
    sum.tx_bytes += volume.tx;
    if (flow.remote_name && sum.remote_name.empty()) sum.remote_name = clean_text(flow.remote_name->name);
    sum.retransmits += flow.counters.retransmits;
    if (flow.counters.srtt_us != 0 && !flow.closed) {
      sum.srtt_sum_us += flow.counters.srtt_us;
      ++sum.srtt_count;
    }
  }

  void hosts(Listing& listing) {
    const auto smoothed = history_.smoothed_flows(index_);
    std::map<RowKey, std::size_t> known;
    for (std::size_t i = 0; i < sample_.flows.size(); ++i) {
      const Flow& flow = history_.flow(sample_.flows[i]);
      if (flow.remote.addr.is_unspecified()) continue;
      ++listing.candidates;
      if (!state_.filter.matches(flow) || !wanted(flow, listing)) continue;
      ++listing.matching;
      const RowKey key = RowKey::of(flow.remote.addr);
      const auto [place, is_new] = known.try_emplace(key, listing.sums.size());
      if (is_new) start_sum(key, flow, Grouping::kRemote, listing);
      add_to(listing.sums[place->second], flow, smoothed[i]);
    }
    for (std::size_t i = 0; i < listing.sums.size(); ++i) {
      const Sum& sum = listing.sums[i];
      Row row{sum.key, static_cast<std::uint32_t>(i)};
      row.idle = !moves(sum.smoothed);
      if (sum.flows == 0) row.mark = 'x';
      keyed_.push_back({sum_key(sort_, sum), row});
    }
  }

  void events(Listing& listing) {
    const auto& log = model_.events.all();
    const std::uint64_t last = state_.is_frozen() ? state_.frozen_event : model_.events.last_number();
    for (std::size_t i = log.size(); i-- > 0;) {
      const LoggedEvent& logged = log[i];
      if (logged.number > last) continue;
      ++listing.candidates;
      if ((state_.hidden_events >> static_cast<unsigned>(logged.event.kind) & 1) != 0) continue;
      if (logged.event.kind != EventKind::kGap) {
        if (!state_.filter.matches(logged.event.flow)) continue;
        if (!state_.settings.loopback && logged.event.kind != EventKind::kAlert &&
            is_loopback(logged.event.flow)) {
          ++listing.loopback_hidden;
          continue;
        }
      }
      ++listing.matching;
      listing.rows.push_back(
          {RowKey::of_event(logged.number), static_cast<std::uint32_t>(i)});
    }
  }

  void interfaces(Listing& listing) {
    const auto reading = reading_index(model_, state_);
    if (!reading) return;
    const auto& all = model_.host_readings[*reading].facts.interfaces;
    listing.candidates = listing.matching = all.size();
    for (std::size_t i = 0; i < all.size(); ++i) {
      Row row{RowKey::of(all[i]), static_cast<std::uint32_t>(i)};
      row.idle = !all[i].is_up;
      keyed_.push_back({interface_key(sort_, all[i]), row});
    }
  }

  void order(Listing& listing, bool keep) {
    std::unordered_map<std::uint64_t, std::vector<std::pair<RowKey, std::size_t>>> old;
    if (keep) {
      const auto& rows = table_.listing.rows;
      for (std::size_t i = 0; i < rows.size(); ++i)
        old[rows[i].key.a ^ rows[i].key.b].emplace_back(rows[i].key, i);
    }
    const auto place_of = [&](const RowKey& key) -> std::size_t {
      const auto found = old.find(key.a ^ key.b);
      if (found == old.end()) return SIZE_MAX;
      for (const auto& [known, place] : found->second)
        if (known == key) return place;
      return SIZE_MAX;
    };
    const auto sort = [&](std::vector<Keyed>& rows) {
      std::vector<std::pair<std::size_t, std::size_t>> places;  // old place, index
      places.reserve(rows.size());
      for (std::size_t i = 0; i < rows.size(); ++i)
        places.emplace_back(keep ? place_of(rows[i].row.key) : 0, i);
      std::sort(places.begin(), places.end(), [&](const auto& a, const auto& b) {
        if (a.first != b.first) return a.first < b.first;
        return before(rows[a.second], rows[b.second], table_.reverse);
      });
      std::vector<Row> out;
      out.reserve(rows.size());
      for (const auto& [place, index] : places) out.push_back(rows[index].row);
      return out;
    };
    if (grouping_of(state_) == Grouping::kNone) {
      listing.rows = sort(keyed_);
      return;
    }
    if (state_.view == View::kProcesses) return order_tree(listing, sort);
    std::vector<std::vector<Keyed>> members(listing.sums.size());
    for (std::size_t i = 0; i < keyed_.size(); ++i)
      members[group_of_[i]].push_back(std::move(keyed_[i]));
    std::vector<Keyed> heads;
    for (std::size_t i = 0; i < listing.sums.size(); ++i) {
      Row row{listing.sums[i].key, static_cast<std::uint32_t>(i)};
      row.is_parent = true;
      row.idle = !moves(listing.sums[i].smoothed);
      heads.push_back({sum_key(sort_, listing.sums[i]), row});
    }
    for (const Row& head : sort(heads)) {
      listing.rows.push_back(head);
      if (table_.collapsed.contains(head.key)) continue;
      const auto rows = sort(members[head.index]);
      listing.rows.insert(listing.rows.end(), rows.begin(), rows.end());
    }
  }

  // Parents before their children, children in order, as deep as the tree goes.
  template <class Sort>
  void order_tree(Listing& listing, const Sort& sort) {
    std::vector<std::uint32_t> processes;
    for (const Keyed& keyed : keyed_) processes.push_back(keyed.row.index);
    ProcessTree tree = grow_tree(model_, state_, processes, rates_);
    listing.sums = std::move(tree.sums);
    const auto* column = find_column<Process>(sort_);
    std::vector<std::vector<Keyed>> children(listing.sums.size());
    std::vector<Keyed> roots;
    for (std::size_t i = 0; i < listing.sums.size(); ++i) {
      const Sum& sum = listing.sums[i];
      Row row{sum.key, static_cast<std::uint32_t>(i)};
      row.mark = i < keyed_.size() ? keyed_[i].row.mark : ' ';
      row.idle = !moves(sum.smoothed);
      SortKey key = sum_key(sort_, sum);
      // What sums do not have is the process's own.
      if (std::holds_alternative<std::monostate>(key) && column != nullptr && sum.process)
        key = sort_key(*column, history_.process(*sum.process), cells_);
      const std::size_t parent = tree.parents[i];
      (parent == ProcessTree::kNone ? roots : children[parent]).push_back({std::move(key), row});
    }
    struct Level {
      std::vector<Row> rows;
      std::size_t next = 0;
    };
    std::vector<Level> levels;
    levels.push_back({sort(roots)});
    while (!levels.empty()) {
      if (levels.back().next == levels.back().rows.size()) {
        levels.pop_back();
        continue;
      }
      Row row = levels.back().rows[levels.back().next++];
      row.depth = static_cast<std::uint8_t>(std::min<std::size_t>(levels.size() - 1, 255));
      row.is_parent = !children[row.index].empty();
      listing.rows.push_back(row);
      if (row.is_parent && !table_.collapsed.contains(row.key))
        levels.push_back({sort(children[row.index])});
    }
  }

  const Model& model_;
  State& state_;
  Table& table_;
  const History& history_;
  std::size_t index_;
  const Sample& sample_;
  ColumnId sort_;
  CellOptions cells_;
  std::vector<Keyed> keyed_;
  std::vector<std::size_t> group_of_;
  std::vector<Smoothed> rates_;  // of keyed_, in the view of processes
};

void place_cursor(State& state, std::size_t visible) {
  Table& table = state.table();
  const auto& rows = table.listing.rows;
  const bool follows = state.view == View::kEvents && state.follow_events && !state.is_frozen();
  if (rows.empty()) {
    table.position = table.top = 0;
    return;
  }
  if (!table.touched || !table.selected.exists() || follows) {
    table.position = 0;
  } else {
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const Row& row) {
      return row.key == table.selected;
    });
    table.position = found != rows.end() ? static_cast<std::size_t>(found - rows.begin())
                                         : std::min(table.position, rows.size() - 1);
  }
  table.selected = rows[table.position].key;
  visible = std::max<std::size_t>(visible, 1);
  if (table.position < table.top) table.top = table.position;
  if (table.position >= table.top + visible) table.top = table.position - visible + 1;
  table.top = std::min(table.top, rows.size() - std::min(rows.size(), visible));
}

void arrange_list(const Model& model, State& state, std::size_t visible, std::uint64_t now_ns) {
  Table& table = state.table();
  Arranger(model, state).arrange(table.order.keeps_places(now_ns));
  place_cursor(state, visible);
}

void arrange_pane(const Model& model, State& state, std::uint64_t now_ns) {
  const RowKey selected = state.table().selected;
  const bool is_process = selected.kind == RowKey::Kind::kProcess && !selected.is_group;
  if (const RowKey process = is_process ? selected : RowKey{}; process != state.process) {
    state.process = process;
    Table& table = state.tables[static_cast<std::size_t>(View::kProcess)];
    table.start_over();
  }
  const Frame frame = frame_of(state.view, state.size);
  const View view = std::exchange(state.view, View::kProcess);
  arrange_list(model, state, static_cast<std::size_t>(pane_list_rows(frame)), now_ns);
  state.view = view;
}

}  // namespace

void arrange(const Model& model, State& state, std::size_t visible, std::uint64_t now_ns) {
  if (model.history.empty()) return;
  state.opened.look(model.history);
  if (state.view == View::kConnections || state.view == View::kProcess ||
      state.view == View::kConnection || has_pane(state))
    state.other_ends.make(model.history, shown_sample(model, state), state.opened);
  if (state.view == View::kConnection) return;
  arrange_list(model, state, visible, now_ns);
  if (has_pane(state)) arrange_pane(model, state, now_ns);
}

}  // namespace sockscope::tui
