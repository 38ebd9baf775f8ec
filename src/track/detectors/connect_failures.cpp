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

}  // namespace

// Whether the program has tried many endpoints lately, and most of them answered at the last try.
bool ConnectFailures::is_peer(const Program& program) {
  const std::size_t made = (program.now.made | program.before.made).count();
  const std::size_t gone = (program.now.failed | program.before.failed).count();
  return gone + made >= kManyEndpoints && gone < made;
}

void ConnectFailures::take(const Event& event, const Bench& bench) {
  const auto* const failure = std::get_if<event::ConnectFailed>(&event.what);
  const bool has_failed = failure != nullptr;
  if (!has_failed && event.kind() != EventKind::kConnect) return;
  // The program itself gave up: where two address families race, the slower attempt ends like this.
  if (has_failed && failure->error == ECANCELED) return;
  const AlertOptions& options = bench.options;
  const std::uint64_t now = event.mono_ns;
  const std::uint64_t part_ns =
      std::max<std::uint64_t>(1, to_ns(options.failures_window_s) / kParts);
  Program& program = programs_.use(Key().add_program(event.flow.owner), now);
  const std::uint64_t part = now / part_ns;
  if (part > program.part + kParts) {
    program.failed.fill(0);
    program.made.fill(0);
  }
  for (std::uint64_t p = program.part + 1; p <= part && p <= program.part + kParts; ++p)
    program.failed[p % kParts] = program.made[p % kParts] = 0;
  program.part = std::max(program.part, part);
  ++(has_failed ? program.failed : program.made)[part % kParts];
  if (now >= program.turn_ns + kTurnNs) {
    program.before = std::exchange(program.now, {});
    program.turn_ns = now;
  }
  const std::size_t bit = Key::Hash()(Key().add(event.flow.remote)) % kBits;
  program.before.failed.reset(bit);
  program.before.made.reset(bit);
  program.now.failed.set(bit, has_failed);
  program.now.made.set(bit, !has_failed);
  if (!has_failed) return;

  const double failed = std::accumulate(program.failed.begin(), program.failed.end(), 0.0);
  if (failed < options.failures_count) return;
  const double made = std::accumulate(program.made.begin(), program.made.end(), 0.0);
  const double share = 100 * failed / (failed + made);
  if (share < options.failures_pct || is_peer(program)) return;
  if (program.told_ns != 0 && now < program.told_ns + kSecond) return;
  program.told_ns = now;
  const Owner& owner = event.flow.owner;
  if (bench.book.is_active(AlertKind::kPortScan, owner))
    return;  // that alert says the same and
             // more
  Sighting sighting;
  sighting.kind = AlertKind::kConnectFailures;
  if (failed >= kMuch * options.failures_count) sighting.severity = AlertSeverity::kCritical;
  sighting.key = "connect_failures/" + clean_text(owner.name()) + '/' +
                 (owner.uid ? std::to_string(*owner.uid) : "-");
  sighting.first_ns = before(now, to_ns(options.failures_window_s));
  sighting.last_ns = now;
  sighting.direction = Direction::kOutbound;
  sighting.owner = owner;
  sighting.peer = event.flow.remote;
  sighting.figures = {{"failures", failed},
                      {"attempts", failed + made},
                      {"percent", share},
                      {"errno", static_cast<double>(failure->error)}};
  bench.book.see(std::move(sighting), bench.handler);
}

void ConnectFailures::tick(std::uint64_t now_ns, const Bench& bench) {
  programs_.forget_before(before(now_ns, to_ns(bench.options.failures_window_s)));
}

}  // namespace sockscope::detectors
