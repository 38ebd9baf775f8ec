// SPDX-License-Identifier: Apache-2.0
// The full-screen program: collects, draws, listens to keys, until the user has seen enough.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <sockscope/host.h>
#include <sockscope/monitor.h>

#include "snapshot/json.h"
#include "tui/driver.h"
#include "tui/state.h"

namespace sockscope::tui {

struct LoopOptions {
  HostId host;
  std::string kernel;
  std::uint32_t home_netns = 0;
  std::chrono::milliseconds keep_closed{10'000};  // as the monitor was told
  std::size_t unobserved = 0;
  std::function<std::string(std::uint32_t)> user_name;
  std::function<std::string(std::uint16_t, Protocol)> port_name;
  // Read once its figures have been on the screen, with every sample from then on; it sends echo
  // requests only once the view of the host has been, and `probe` is set. Null: host_problem says why.
  HostMonitor* host_monitor = nullptr;
  std::string host_problem;
  bool probe = true;
  AlertOptions thresholds;
  std::string source = "eBPF";  // where observations come from
  std::optional<std::chrono::milliseconds> duration;
  State state;  // to begin with
};

// Returns when the user quits, the duration is over, or a signal asks for it; the terminal is then
// as it was. Errors: those of the monitor.
Result<void> run_loop(Monitor& monitor, Driver driver, LoopOptions options);

}  // namespace sockscope::tui
