// SPDX-License-Identifier: Apache-2.0
// The full-screen program: collects, draws, listens to keys, until the user has seen enough.
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
  State state;  // to begin with
  Model model;  // what stays as it is: host, kernel, what the monitor was told, names
  // Read once its figures have been on the screen, with every sample from then on; it sends echo
  // requests only while the view of the host is, and `probe` is set. Null: the model's host_problem
  // says why.
  HostMonitor* host_monitor = nullptr;
  bool probe = false;
  AlertOptions thresholds;
  std::optional<std::chrono::milliseconds> duration;
};

// Returns when the user quits, the duration is over, or a signal asks for it; the terminal is then
// as it was. Errors: those of the monitor.
Result<void> run_loop(Monitor& monitor, Driver driver, LoopOptions options);

}  // namespace sockscope::tui
