// SPDX-License-Identifier: Apache-2.0
// What there is to show. The loop collects it, the views read it.
#pragma once

#include <sockscope/alert.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/remote_health.h"
#include "tui/event_log.h"
#include "tui/history.h"
#include "tui/host_history.h"

namespace sockscope::tui {

struct Model {
  std::string host;
  std::string version;
  std::string kernel;
  std::string source = "eBPF";
  std::vector<Door> unobserved;  // for each thing that is not observed, why not
  std::vector<Door> doors;
  Loss lost;
  double self_cpu = 0;  // as a share of one core
  double event_rate = 0;
  std::uint64_t now_wall_ns = 0;
  std::uint64_t now_ns = 0;
  std::uint32_t home_netns = 0;  // where this program runs
  std::uint32_t host_netns = 0;  // 0: not known
  std::uint64_t keep_closed_ms = 10'000;
  std::function<std::string(std::uint32_t)> user_name;
  std::function<std::string(std::uint32_t)> netns_name;  // by inode number; "": it has none
  // "https"; "" for a port without a name.
  std::function<std::string(std::uint16_t, Protocol)> port_name;
  History history;
  HostHistory host_readings;  // since they were first wanted
  std::string host_problem;   // why there are none; empty: no reason is known
  EventLog events;
  RemoteHealth remotes;       // from the events so far
  std::vector<Alert> alerts;  // active ones, oldest first; then those that have ended
  // Processes of the sample on the screen that have no sockets, by pid; filled while processes are
  // shown as a tree.
  std::map<std::uint32_t, std::shared_ptr<const ProcessInfo>> ancestors;
  // By cookie, for the connections that looked_into() lists, as of the newest sample; empty: the
  // kernel was asked and did not answer.
  std::map<std::uint64_t, std::optional<TcpInternals>> internals;
};

}  // namespace sockscope::tui
