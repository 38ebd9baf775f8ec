// SPDX-License-Identifier: Apache-2.0
// The snapshots of the last minutes, for freezing the screen and stepping back. Rows that do not
// change from one snapshot to the next are stored once, so that idle ones cost next to nothing.
#pragma once

#include <sockscope/types.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tui/plot.h"

namespace sockscope::tui {

// A process is identified by pid and start, a flow by its cookie.
struct ProcessId {
  std::uint32_t pid = 0;
  std::uint64_t start_ns = 0;
  auto operator<=>(const ProcessId&) const = default;
};
inline ProcessId id_of(const Process& process) {
  return {process.pid, process.start_ns};
}
inline std::uint64_t id_of(const Flow& flow) {
  return flow.cookie;
}

// Connections without a process are shown in three rows: those of sockets that belong to the
// kernel, which never had a process; those being closed, which their process released before
// anybody looked; and the others, whose process is not known.
inline constexpr ProcessId kUnattributed{0, 0};
inline constexpr ProcessId kBeingClosed{0, 1};
inline constexpr ProcessId kKernel{0, 2};
ProcessId owner_of(const Flow& flow);
// Joins the three into the single one that snapshots have.
void join_unowned(std::vector<Process>& processes);
std::string_view name_of(ProcessId id, std::string_view comm);
inline std::string_view name_of(const Process& process) {
  return name_of(id_of(process), process.name());
}

// How much a row has moved by the time of a sample: the sum of its rates in the samples so far.
struct Moved {
  static constexpr std::uint64_t kNever = UINT64_MAX;

  double bytes = 0;                  // received and sent
  std::uint64_t known_since_ns = 0;  // CLOCK_MONOTONIC; 0: from its beginning, kNever: not known
  bool operator==(const Moved&) const = default;
};

// Rows that several samples share, with a reference count.
template <class Row>
class SharedRows {
 public:
  using Index = std::uint32_t;
  const Row& operator[](Index index) const { return slots_[index].row; }
  const Moved& moved(Index index) const { return slots_[index].moved; }
  Index add(const Row& row, const Moved& moved);
  void keep(Index index) { ++slots_[index].users; }
  void drop(Index index) {
    if (--slots_[index].users == 0) free_.push_back(index);
  }
  std::size_t bytes() const noexcept {
    return slots_.size() * sizeof(Slot) - free_.size() * sizeof(Slot);
  }

 private:
  struct Slot {
    Row row;
    Moved moved;
    std::uint32_t users;
  };
  std::deque<Slot> slots_;
  std::vector<Index> free_;
};

// One snapshot, with its rows ordered by identity.
struct Sample {
  std::uint64_t number = 0;  // 1, 2, 3, … in the order of arrival
  std::uint64_t mono_ns = 0;
  std::uint64_t wall_ns = 0;
  std::optional<double> interval_s;
  Loss lost;
  std::vector<std::uint32_t> flows;
  std::vector<std::uint32_t> processes;
  // Rows of the sample before that are missing in this one.
  std::vector<std::uint32_t> gone_flows;
  std::vector<std::uint32_t> gone_processes;
  // Sums over all processes, or over all connections (History::sum_connections). counted: something
  // was counted.
  bool counted = false;
  bool is_counting = true;  // the source counts bytes
  double rx_rate = 0;
  double tx_rate = 0;
  double retransmit_rate = 0;
  double tx_segment_rate = 0;
  std::size_t open_flows = 0;

  // The share, 0 to 1, of the TCP segments sent in the interval that were sent again; 0 when none
  // was sent. Empty: not counted.
  double tx_segments() const { return tx_segment_rate * interval_s.value_or(0); }
  std::optional<double> retransmit_share() const {
    if (!counted) return std::nullopt;
    return tx_segment_rate > 0 ? std::min(retransmit_rate / tx_segment_rate, 1.0) : 0;
  }
};

// The values of the last `points` intervals of `step_ns`, oldest first, up to the moment at
// `index`. Intervals begin at multiples of their length, so that a plot moves only when one is
// over. `moments` must have mono_ns and interval_s.
template <class Moments, class Read>
Series series_of(const Moments& moments, std::size_t index, std::size_t points,
                 std::uint64_t step_ns, Read read) {
  Series out(points);
  const std::uint64_t last = moments[index].mono_ns / step_ns | 1;  // an odd number, because a cell
                                                                    // shows two
  for (std::size_t i = index + 1; i-- > 0;) {
    const auto& moment = moments[i];
    if (last - moment.mono_ns / step_ns >= points) break;
    const std::optional<double> value = read(moment);
    if (!value) continue;
    // A value holds for the time since the previous moment.
    const auto lasted = static_cast<std::uint64_t>(moment.interval_s.value_or(0) * 1e9);
    const std::uint64_t began = (moment.mono_ns - std::min(lasted, moment.mono_ns)) / step_ns;
    for (std::uint64_t slot = moment.mono_ns / step_ns; last - slot < points; --slot) {
      std::optional<double>& place = out[points - 1 - static_cast<std::size_t>(last - slot)];
      if (!place || *value > *place) place = value;
      if (slot <= began + 1) break;
    }
  }
  return out;
}

class History {
 public:
  struct Limits {
    std::uint64_t span_ns = 600'000'000'000;
    std::size_t bytes = std::size_t{48} << 20;
  };
  explicit History(Limits limits) : limits_(limits) {}
  History() : History(Limits{}) {}

  // From now on the sums of samples are those of the connections that a snapshot has, because it
  // may have only some of those that its processes have.
  void sum_connections() { sums_connections_ = true; }

  // Moves the rows from the snapshot's order into that of their identities.
  void add(const Snapshot& snapshot);

  bool empty() const noexcept { return samples_.empty(); }
  std::size_t size() const noexcept { return samples_.size(); }
  const Sample& operator[](std::size_t index) const { return samples_[index]; }
  const Sample& newest() const { return samples_.back(); }
  // The sample with that number, or the oldest or newest one that is left. There must be one.
  std::size_t index_of(std::uint64_t number) const;
  // The last sample that is not after that time, or the oldest one.
  std::size_t index_at(std::uint64_t wall_ns) const;

  const Flow& flow(std::uint32_t index) const { return flows_[index]; }
  const Process& process(std::uint32_t index) const { return processes_[index]; }
  const Flow* find_flow(const Sample& sample, std::uint64_t cookie) const;
  const Process* find_process(const Sample& sample, ProcessId id) const;

  // Bytes per second in both directions, averaged over about `span_ns` before the sample: as exact
  // as the times of samples allow. Empty: not known for that long.
  std::optional<double> mean_rate(std::size_t index, std::uint64_t cookie,
                                  std::uint64_t span_ns) const;
  std::optional<double> mean_rate(std::size_t index, ProcessId id, std::uint64_t span_ns) const;
  // The same for each flow or process that was there in that time and is missing in the sample.
  void each_gone_flow(std::size_t index, std::uint64_t span_ns,
                      const std::function<void(const Flow&, double mean_rate)>& take) const;
  void each_gone_process(std::size_t index, std::uint64_t span_ns,
                         const std::function<void(const Process&, double mean_rate)>& take) const;
  // Whether it moved any bytes within `span_ns` before the sample.
  bool moved_lately(std::size_t index, std::uint64_t cookie, std::uint64_t span_ns) const;
  bool moved_lately(std::size_t index, ProcessId id, std::uint64_t span_ns) const;

  // A series over samples; see series_of().
  template <class Read>
  Series series(std::size_t index, std::size_t points, std::uint64_t step_ns, Read read) const {
    return series_of(samples_, index, points, step_ns, read);
  }

  std::size_t bytes() const noexcept;

 private:
  void sum_flows(const Snapshot& snapshot, Sample& sample);

  void forget_oldest();
  std::optional<std::size_t> start_of(std::size_t index, std::uint64_t span_ns) const;

  Limits limits_;
  std::deque<Sample> samples_;
  std::uint64_t next_number_ = 1;
  SharedRows<Flow> flows_;
  SharedRows<Process> processes_;
  std::size_t index_bytes_ = 0;
  bool sums_connections_ = false;
  struct SentSegments {
    std::uint64_t all = 0;
    std::uint64_t again = 0;
  };
  std::unordered_map<std::uint64_t, SentSegments> segments_;  // of the newest sample, by cookie
};

}  // namespace sockscope::tui
