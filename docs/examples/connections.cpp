// SPDX-License-Identifier: Apache-2.0
// Prints each connection of the host as it closes, for ten seconds, then the busiest processes.
#include <sockscope/monitor.h>

#include <chrono>
#include <iostream>
#include <variant>

int main() {
  using namespace sockscope;
  auto monitor = Monitor::open();
  if (!monitor) {
    std::cerr << monitor.error().message() << '\n' << monitor.error().hint() << '\n';
    return 1;
  }
  const auto print = [](const Event& event) {
    if (!std::holds_alternative<event::Close>(event.what)) return;
    const Flow& flow = event.flow;
    std::cout << flow.owner.name() << ' ' << to_string(flow.local) << " -> "
              << to_string(flow.remote) << " sent " << flow.counters.tx_bytes << " received "
              << flow.counters.rx_bytes << std::endl;
  };
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < end)
    if (!monitor->poll(std::chrono::milliseconds(500), print)) return 1;

  const auto snapshot = monitor->snapshot();
  if (!snapshot) return 1;
  for (const Process& process : snapshot->processes)
    std::cout << process.name() << ": " << process.tx_bytes + process.rx_bytes << " bytes\n";
}
