// SPDX-License-Identifier: Apache-2.0
#include <sockscope/alert.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

// Reads the bytes as events of any kind, order and time, with ticks and snapshots between them.
// Nothing grows beyond its limits, and every alert has its texts.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sockscope;
  const auto next = [&](auto& value) {
    const std::size_t taken = size < sizeof value ? size : sizeof value;
    std::memcpy(&value, data, taken);
    data += taken;
    size -= taken;
  };
  AlertOptions options;
  for (const Threshold& threshold : thresholds()) {
    std::uint8_t step = 0;
    next(step);
    options.*threshold.member =
        threshold.least + step % 8 * (threshold.most - threshold.least) / 64;
  }
  Detectors detectors(options);
  const auto tell = [](const Alert& alert) {
    if (message(alert).empty() || alert.key.empty()) std::abort();
    (void)detail(alert);
  };
  Snapshot snapshot;
  Event event;
  std::uint64_t now = 1'000'000'000;
  while (size > 2) {
    std::uint8_t what = 0;
    std::uint16_t step = 0;
    next(what);
    next(step);
    now += std::uint64_t{step} * 1'000'000;
    event.what =
        make_what(static_cast<EventKind>(what % (static_cast<unsigned>(EventKind::kAlert))));
    event.mono_ns = what % 7 == 0 ? now - step : now;
    next(event.flow.remote.port);
    next(event.flow.remote.addr.bytes[3]);
    next(event.flow.owner.comm[0]);
    event.flow.owner.pid = what;
    event.flow.remote.addr.family = what % 2 == 0 ? 4 : 6;
    event.flow.cookie = step;
    if (auto* const refused = std::get_if<event::Refused>(&event.what)) refused->attempts = step;
    if (auto* const failed = std::get_if<event::ConnectFailed>(&event.what)) failed->error = what;
    if (auto* const dns = std::get_if<event::Dns>(&event.what)) {
      DnsMessage message;
      std::uint8_t length = 0;
      next(length);
      const std::size_t taken = size < length ? size : length;
      message.name.assign(reinterpret_cast<const char*>(data), taken);
      data += taken;
      size -= taken;
      event.flow.remote.port = dns::kPort;
      dns->message = std::make_shared<const DnsMessage>(std::move(message));
    }
    detectors.take(event, tell);
    if (what % 16 == 1) {
      snapshot.mono_ns = now;
      event.flow.counters.tx_segments += step;
      event.flow.counters.retransmits += what;
      snapshot.flows.assign(1, event.flow);
      snapshot.processes.resize(1);
      snapshot.processes[0].tx_rate = step * 1e6;
      detectors.take(snapshot, tell);
    }
    if (what % 4 == 1) detectors.tick(now, step, tell);
    if (detectors.bytes() > Detectors::most_bytes() || detectors.active() > Detectors::kMost)
      std::abort();
  }
  return 0;
}
