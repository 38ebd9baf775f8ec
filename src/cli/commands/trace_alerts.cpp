// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "cli/commands/trace.h"
#include "cli/report.h"

namespace sockscope {
namespace {

constexpr std::chrono::seconds kTick{1};

class AlertsCommand {
 public:
  AlertsCommand(const TraceArguments& arguments, Session& session)
      : arguments_(arguments),
        session_(session),
        detectors_(arguments.thresholds),
        json_(mono_to_wall_ns()),
        start_ns_(mono_now_ns()) {}

  int run();

 private:
  bool is_json() const { return arguments_.is_json(); }
  bool is_done() const { return arguments_.is_enough(printed_); }
  void print(const Alert& alert);
  void take(const Event& event);
  Result<void> tick();

  const TraceArguments& arguments_;
  Session& session_;
  Detectors detectors_;
  EventWriter json_;
  std::uint64_t start_ns_;
  std::uint64_t printed_ = 0;
  bool is_even_ = false;
};

void AlertsCommand::print(const Alert& alert) {
  if (is_done()) return;
  ++printed_;
  if (is_json()) return json_.alert(alert, session_.output.text());
  const std::uint64_t mono_ns = alert.phase == AlertPhase::kEnded ? alert.ended_ns : alert.last_ns;
  const auto wall_ns =
      static_cast<std::uint64_t>(static_cast<std::int64_t>(mono_ns) + mono_to_wall_ns());
  session_.output.line(fmt::format(
      "{:<{}} {:<5} {:<8} {:<16} {}: {}",
      time_text(arguments_.time, wall_ns, mono_ns > start_ns_ ? mono_ns - start_ns_ : 0),
      time_text_width(arguments_.time), to_string(alert.phase), to_string(alert.severity),
      to_string(alert.kind), message(alert), detail(alert)));
}

void AlertsCommand::take(const Event& event) {
  if (event.kind == EventKind::kGap) {
    if (is_json())
      json_.event(event, session_.output.text());
    else
      session_.output.line(fmt::format("gap: lost {}", event.lost.total()));
  } else if (session_.filter.matches(event.flow)) {
    detectors_.take(event, [this](const Alert& alert) { print(alert); });
  }
}

// Rates and retransmits come from passes over the sockets, every other time.
Result<void> AlertsCommand::tick() {
  const auto show = [this](const Alert& alert) { print(alert); };
  is_even_ = !is_even_;
  if (is_even_) {
    auto snapshot = session_.monitor.snapshot([this](const Event& event) { take(event); });
    if (!snapshot) return tl::make_unexpected(std::move(snapshot).error());
    apply_filter(*snapshot, session_.filter);
    detectors_.take(*snapshot, show);
  }
  json_.set_clock_offset(mono_to_wall_ns());
  detectors_.tick(mono_now_ns(), mono_to_wall_ns(), show);
  return {};
}

int AlertsCommand::run() {
  using Clock = std::chrono::steady_clock;
  if (is_json())
    json_.start(session_.host, wall_now_ns(), session_.monitor.source(), session_.monitor.doors(),
                session_.output.text());
  else
    session_.output.line(fmt::format("{:<{}} {:<5} {:<8} {:<16} {}", "TIME",
                                     time_text_width(arguments_.time), "ALERT", "SEVERITY",
                                     "CATEGORY", "WHAT"));
  if (auto done = tick(); !done) return report(done.error());
  if (!session_.output.flush()) return session_.output.exit_code();
  const auto end =
      arguments_.duration ? Clock::now() + *arguments_.duration : Clock::time_point::max();
  auto next = Clock::now() + kTick;
  while (!is_done()) {
    const Session::Wake wake = session_.wait_until(std::min(next, end));
    if (wake == Session::Wake::kReaderGone) return kExitDone;
    if (wake == Session::Wake::kStop) break;
    if (wake == Session::Wake::kEvents) {
      const auto done = session_.monitor.consume([this](const Event& event) { take(event); });
      if (!done) return report(done.error());
    } else {
      if (auto done = tick(); !done) return report(done.error());
      while (next <= Clock::now()) next += kTick;
    }
    if (!session_.output.flush()) return session_.output.exit_code();
    if (Clock::now() >= end) break;
  }
  const Loss& lost = session_.monitor.loss();
  if (is_json()) json_.end(wall_now_ns(), printed_, lost, session_.output.text());
  if (!session_.output.flush()) return session_.output.exit_code();
  if (!is_json() && !arguments_.quiet)
    fmt::print(stderr,
               "sockscope: {} alerts active, {} suppressed, {} sources forgotten, lost {}\n",
               detectors_.active(), detectors_.suppressed(), detectors_.forgotten(), lost.total());
  return session_.exit_code();
}

}  // namespace

int trace_alerts(const TraceArguments& arguments, Session& session) {
  return AlertsCommand(arguments, session).run();
}

}  // namespace sockscope
