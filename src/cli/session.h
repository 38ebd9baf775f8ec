// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/alert.h>
#include <sockscope/monitor.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/fd.h"
#include "cli/arguments.h"
#include "cli/output.h"
#include "format/json.h"
#include "view/filter.h"

namespace sockscope {

// Readable when the user wants us to stop.
Fd take_stop_signals();

// What most commands need: the monitor with privileges dropped, the filter, and standard output.
class Session {
 public:
  // Reports what goes wrong; the error is the exit code then. polls_miss: what of this command's
  // results a polled source cannot show, besides the connections between two polls; empty: it is of
  // a moment and misses none of those. is_root_needed: for more than the monitor's work.
  static tl::expected<Session, int> open(const Arguments& arguments, const Options& observed,
                                         std::optional<std::string_view> polls_miss,
                                         bool is_root_needed = false);

  int stop_fd() const noexcept { return signals_.get(); }

  // The monitor's, complete with what was asked for by name.
  std::vector<Door> doors() const;
  // Events that are waiting go to `handler`; null: nobody wants them.
  Result<Snapshot> snapshot(const Monitor::Handler& handler);

  // 0; 3 when --strict and something could not be observed; 1 when --expect-match and nothing was.
  int exit_code(bool has_match = true) const;

 private:
  Session(const Arguments& given, Monitor opened, FlowFilter compiled, Fd signals);
  Fd signals_;

 public:
  const Arguments& arguments;
  Monitor monitor;
  FlowFilter filter;
  HostId host;
  Output output;
};

// The monitor, in the network namespace that was asked for where its source, or TCP's own numbers,
// are of the namespace that one lives in.
Result<Monitor> open_monitor(const Arguments& arguments, const Options& observed);

// Reports that a command which tells events has none of Flow::internals, where they are asked for.
bool refuses_internals(const Options& observed, std::string_view command);

// What was asked for by name, and the description of processes where the filter or a column needs
// it.
Options asked_options(const Arguments& arguments);

// What --filter says. Reports what is wrong with it; empty then.
std::optional<FlowFilter> compile_filter(const Arguments& arguments);

// Leaves the flows that the filter lets through, and the processes that have such flows; a
// process's sums are over all of its flows.
void apply_filter(Snapshot& snapshot, const FlowFilter& filter);

// Lets the detectors see the snapshot, and gives it the alerts there are.
void note_alerts(Detectors& detectors, Snapshot& snapshot);

HostId this_host();

std::uint64_t wall_now_ns();

}  // namespace sockscope
