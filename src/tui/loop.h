// SPDX-License-Identifier: Apache-2.0
// The full-screen program: collects, draws and handles keys until the user quits.
#pragma once

#include <sockscope/host.h>
#include <sockscope/monitor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "format/json.h"
#include "tui/driver.h"
#include "tui/model.h"
#include "tui/state.h"

namespace sockscope::tui {

struct LoopOptions {
  HostId host;
  State state;  // the state at the beginning
  Model model;  // what does not change: host, kernel, the monitor's options, names
  // Read with every sample from the moment its figures were first on the screen. Sends echo
  // requests only while the view of the host is shown, and only if `probe` is set. Null: the
  // model's host_problem says why.
  HostMonitor* host_monitor = nullptr;
  bool probe = false;
  AlertOptions thresholds;
  std::optional<std::chrono::milliseconds> duration;
};

// Returns when the user quits, the duration is over, or a signal asks for it; the terminal is then
// as it was before. Errors: those of the monitor.
Result<void> run_loop(Monitor& monitor, Driver driver, LoopOptions options);

}  // namespace sockscope::tui
