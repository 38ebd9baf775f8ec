// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "cli/commands/trace.h"
#include "cli/every_interval.h"
#include "cli/report.h"

namespace sockscope {
namespace {

constexpr std::chrono::seconds kTick{1};

class AlertLines : public TextSink {
 public:
  AlertLines(Output& output, TimeFormat time)
      : TextSink(output), time_(time), start_ns_(mono_now_ns()) {}

  void begin(const Beginning&) override {
    output_.line(fmt::format("{:<{}} {:<5} {:<8} {:<16} {}", "TIME", time_text_width(time_),
                             "ALERT", "SEVERITY", "CATEGORY", "WHAT"));
  }
  void alert(const Alert& alert) override {
    const std::uint64_t mono_ns =
        alert.phase == AlertPhase::kEnded ? alert.ended_ns : alert.last_ns;
    const auto wall_ns =
        static_cast<std::uint64_t>(static_cast<std::int64_t>(mono_ns) + mono_to_wall_ns());
    output_.line(
        fmt::format("{:<{}} {:<5} {:<8} {:<16} {}: {}",
                    time_text(time_, wall_ns, mono_ns > start_ns_ ? mono_ns - start_ns_ : 0),
                    time_text_width(time_), to_string(alert.phase), to_string(alert.severity),
                    to_string(alert.kind), message(alert), detail(alert)));
  }
  void event(const Event& event) override {
    output_.line(fmt::format("gap: lost {}", std::get<event::Gap>(event.what).lost.total()));
  }

 private:
  TimeFormat time_;
  std::uint64_t start_ns_;
};

}  // namespace

int trace_alerts(const TraceArguments& arguments, Session& session) {
  Monitor& monitor = session.monitor;
  Sinks sinks = make_sinks(arguments, session.output, session.host, [&] {
    return std::make_unique<AlertLines>(session.output, arguments.time);
  });
  Detectors detectors(arguments.thresholds);
  std::uint64_t printed = 0;
  const auto show = [&](const Alert& alert) {
    if (arguments.is_enough(printed)) return;
    ++printed;
    sinks.tell(&Sink::alert, alert);
  };
  const auto take = [&](const Event& event) {
    if (event.kind() == EventKind::kGap)
      sinks.tell(&Sink::event, event);
    else if (session.filter.matches(event.flow))
      detectors.take(event, show);
  };
  bool is_even = false;
  const auto tick = [&]() -> Result<bool> {
    // Rates and retransmits need a pass over the sockets; one is made every other time.
    is_even = !is_even;
    if (is_even) {
      auto snapshot = session.snapshot(take);
      if (!snapshot) return tl::make_unexpected(std::move(snapshot).error());
      apply_filter(*snapshot, session.filter);
      detectors.take(*snapshot, show);
    }
    detectors.tick(mono_now_ns(), mono_to_wall_ns(), show);
    return !arguments.is_enough(printed);
  };
  const auto step = [&](Wake wake) -> Result<bool> {
    if (wake == Wake::kTime) return tick();
    return monitor.consume(take).map([&](std::size_t) { return !arguments.is_enough(printed); });
  };
  sinks.tell(&Sink::begin, {session.host, monitor.source(), session.doors()});
  const auto first = tick();
  if (!first) return report(first.error());
  if (!sinks.flush()) return sinks.exit_code();
  if (*first) {
    const auto ended = every_interval({.interval = kTick, .duration = arguments.duration},
                                      session.stop_fd(), {monitor.fd()}, sinks, step);
    if (!ended) return report(ended.error());
    if (*ended == Wake::kReaderGone) return sinks.exit_code();
  }
  sinks.tell(&Sink::end, {printed, monitor.loss()});
  if (!sinks.flush()) return sinks.exit_code();
  if (!arguments.is_json() && !arguments.quiet)
    report(fmt::format("{} active, {} suppressed, {} forgotten, lost {}",
                       counted(detectors.active(), "alert"), detectors.suppressed(),
                       counted(detectors.forgotten(), "source"), monitor.loss().total()));
  return session.exit_code();
}

}  // namespace sockscope
