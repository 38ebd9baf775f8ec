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
#include "cli/confinement.h"
#include "cli/output.h"
#include "format/json.h"
#include "view/filter.h"

namespace sockscope {

// Readable when the user wants the program to stop.
Fd take_stop_signals();

// What most commands need: the monitor, with privileges dropped, the filter, and standard output.
class Session {
 public:
  // Reports what goes wrong; the error is the exit code. polls_miss: what a polled source cannot
  // show of this command's results, in addition to connections between two polls; empty: the
  // results are of one moment and need no such connections. is_root_needed: root is needed for more
  // than the monitor.
  static tl::expected<Session, int> open(const Arguments& arguments, const Options& observed,
                                         std::optional<std::string_view> polls_miss,
                                         bool is_root_needed = false, const Allowed& allowed = {});

  int stop_fd() const noexcept { return signals_.get(); }

  // The monitor's doors, completed with what was asked for by name.
  std::vector<Door> doors() const;
  // Waiting events go to `handler`; null: they are not wanted.
  Result<Snapshot> snapshot(const Monitor::Handler& handler);

  // 0; 3 with --strict when something could not be observed; 1 with --expect-match when nothing
  // matched.
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

// Opens the monitor. If its source, or TCP's internals, only see the namespace they run in, this
// moves into the network namespace that was asked for.
Result<Monitor> open_monitor(const Arguments& arguments, const Options& observed);

// Reports that a command that prints events cannot show Flow::internals, where they are asked for.
bool refuses_internals(const Options& observed, std::string_view command);

// The options asked for by name; with the description of processes where the filter or a column
// needs it.
Options asked_options(const Arguments& arguments);

// Compiles --filter. Reports what is wrong with it and returns nothing then.
std::optional<FlowFilter> compile_filter(const Arguments& arguments);

// Keeps the flows that match the filter, and the processes of those; a process's sums still cover
// all of its flows.
void apply_filter(Snapshot& snapshot, const FlowFilter& filter);

// Passes the snapshot to the detectors, and adds their alerts to it.
void note_alerts(Detectors& detectors, Snapshot& snapshot);

HostId this_host();

std::uint64_t wall_now_ns();

}  // namespace sockscope
