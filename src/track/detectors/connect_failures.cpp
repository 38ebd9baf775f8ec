// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <numeric>
#include <string>
#include <utility>

#include "base/text.h"
#include "track/detectors/rules.h"

namespace sockscope::detectors {
namespace {

constexpr double kMuch = 5;
// A program with this many endpoints may be a peer in a peer-to-peer network, where many peers are
// always gone. Then the share of endpoints that failed counts, not how often the failed ones are
// tried.
constexpr std::size_t kManyEndpoints = 20;
constexpr std::uint64_t kTurnNs = 600 * kSecond;

std::string key_of(const Owner& owner) {
  return "connect_failures/" + clean_text(owner.name()) + '/' +
         (owner.uid ? std::to_string(*owner.uid) : "-");
}

}  // namespace

// Whether it has tried many endpoints lately, and most of them answered at the last try.
bool ConnectFailures::Attempts::is_peer() const {
  const std::size_t answered = (now.made | earlier.made).count();
  const std::size_t gone = (now.failed | earlier.failed).count();
  return gone + answered >= kManyEndpoints && gone < answered;
}

void ConnectFailures::Attempts::advance(std::uint64_t to) {
  if (to <= part) return;
  for (std::uint64_t each = std::max(part + 1, before(to, kParts - 1)); each <= to; ++each)
    failed[each % kParts] = made[each % kParts] = 0;
  part = to;
}

void ConnectFailures::Attempts::count(std::size_t endpoint_bit, bool has_failed,
                                      std::uint64_t now_ns) {
  const std::size_t at = part % kParts;
  if (has_failed && failed[at] == 0) first_ns[at] = now_ns;
  ++(has_failed ? failed : made)[at];
  if (now_ns >= turn_ns + kTurnNs) {
    earlier = std::exchange(now, {});
    turn_ns = now_ns;
  }
  earlier.failed.reset(endpoint_bit);
  earlier.made.reset(endpoint_bit);
  now.failed.set(endpoint_bit, has_failed);
  now.made.set(endpoint_bit, !has_failed);
}

ConnectFailures::Totals ConnectFailures::Attempts::totals() const noexcept {
  const double all_failed = std::accumulate(failed.begin(), failed.end(), 0.0);
  return {all_failed, std::accumulate(made.begin(), made.end(), all_failed)};
}

std::uint64_t ConnectFailures::Attempts::first_failure_ns() const noexcept {
  std::uint64_t first = UINT64_MAX;
  for (std::size_t i = 0; i < kParts; ++i)
    if (failed[i] != 0) first = std::min(first, first_ns[i]);
  return first;
}

void ConnectFailures::forgive(const Owner& owner) {
  OfProcess* const process = processes_.find(Key().add_process(owner).add_program(owner));
  if (process == nullptr) return;
  const Attempts gone = std::exchange(process->attempts, {});
  Program* const program = programs_.find(process->program);
  if (program == nullptr) return;
  Attempts& left = program->attempts;
  for (std::uint64_t part = before(gone.part, kParts - 1); part <= gone.part; ++part) {
    if (!left.covers(part)) continue;
    const std::size_t at = part % kParts;
    left.failed[at] -= std::min(left.failed[at], gone.failed[at]);
    left.made[at] -= std::min(left.made[at], gone.made[at]);
    if (left.failed[at] == 0 || gone.failed[at] == 0) continue;
    // Another process of the program failed first among those that are left.
    std::uint64_t first_ns = UINT64_MAX;
    processes_.each([&](const OfProcess& other) {
      if (other.program == process->program && other.attempts.covers(part) &&
          other.attempts.failed[at] != 0)
        first_ns = std::min(first_ns, other.attempts.first_ns[at]);
    });
    if (first_ns != UINT64_MAX) left.first_ns[at] = first_ns;
  }
}

void ConnectFailures::take(const Event& event, const Bench& bench) {
  const auto* const failure = std::get_if<event::ConnectFailed>(&event.what);
  const bool has_failed = failure != nullptr;
  if (!has_failed && event.kind() != EventKind::kConnect) return;
  // The program itself gave up: where two address families race, the slower attempt ends like this.
  if (has_failed && failure->error == ECANCELED) return;
  const AlertOptions& options = bench.options;
  const std::uint64_t now = event.mono_ns;
  const Owner& owner = event.flow.owner;
  const std::uint64_t part =
      now / std::max<std::uint64_t>(1, to_ns(options.failures_window_s) / kParts);
  const Key key = Key().add_program(owner);
  Program& program = programs_.use(key, now);
  OfProcess& process = processes_.use(Key().add_process(owner).add_program(owner), now);
  process.program = key;
  const std::size_t bit = Key::Hash()(Key().add(event.flow.remote)) % kBits;
  for (Attempts* const attempts : {&program.attempts, &process.attempts}) {
    attempts->advance(part);
    attempts->count(bit, has_failed, now);
  }
  if (!has_failed) return;

  // Others of the program that connect do not hide a process that cannot.
  const Attempts* of = nullptr;
  Totals sum;
  for (const Attempts* const attempts : {&process.attempts, &program.attempts}) {
    sum = attempts->totals();
    if (sum.failed >= options.failures_count && sum.percent() >= options.failures_pct &&
        !attempts->is_peer()) {
      of = attempts;
      break;
    }
  }
  if (of == nullptr) return;
  program.last_ns = now;
  program.owner = owner;
  program.peer = event.flow.remote;
  program.error = failure->error;
  program.sum = sum;
  program.first_ns = of->first_failure_ns();
  program.has_news = true;
  // A new alert is told at once, what comes after it once a second.
  if (program.told_ns != 0 && now < program.told_ns + kSecond) return;
  if (!bench.book.is_active(key_of(owner))) tell(program, bench);
}

void ConnectFailures::tell(Program& program, const Bench& bench) {
  program.has_news = false;
  program.told_ns = program.last_ns;
  const auto& [failed, attempts] = program.sum;
  Sighting sighting;
  sighting.kind = AlertKind::kConnectFailures;
  if (failed >= kMuch * bench.options.failures_count) sighting.severity = AlertSeverity::kCritical;
  sighting.key = key_of(program.owner);
  sighting.first_ns = program.first_ns;
  sighting.last_ns = program.last_ns;
  sighting.direction = Direction::kOutbound;
  sighting.owner = program.owner;
  sighting.peer = program.peer;
  sighting.figures = {{"failures", failed},
                      {"attempts", attempts},
                      {"percent", program.sum.percent()},
                      {"errno", static_cast<double>(program.error)}};
  bench.book.see(std::move(sighting), bench.handler);
}

void ConnectFailures::tick(std::uint64_t now_ns, const Bench& bench) {
  programs_.each([&](Program& program) {
    if (program.has_news) tell(program, bench);
  });
  const std::uint64_t oldest = before(now_ns, to_ns(bench.options.failures_window_s));
  programs_.forget_before(oldest);
  processes_.forget_before(oldest);
}

}  // namespace sockscope::detectors
