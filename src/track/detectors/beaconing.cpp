// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_map>

#include "base/text.h"
#include "track/detectors/rules.h"

namespace sockscope::detectors {
namespace {

// Attempts so close behind one another are one: both address families, several connections.
constexpr std::uint64_t kTogetherNs = kSecond / 2;
constexpr double kMinute = 60;
// How long after the whole minute cron's children connect at the latest.
constexpr std::uint64_t kAfterMinuteNs = 3 * kSecond;
constexpr std::uint64_t kKeepNs = 6 * 3600 * kSecond;

// Of the standard deviation, in per cent of the mean: few random intervals look regular easily.
double allowed_jitter(std::size_t attempts, const AlertOptions& options) {
  const auto count = static_cast<double>(attempts);
  if (count < 2 * options.beacon_attempts) return options.beacon_jitter_pct / 3;
  if (count < 4 * options.beacon_attempts) return options.beacon_jitter_pct * 2 / 3;
  return options.beacon_jitter_pct;
}

}  // namespace

// Looks for the longest run of latest attempts that is regular enough for its length.
void Beaconing::judge(Target& target, const AlertOptions& options) {
  target.is_regular = false;
  const auto least = static_cast<std::size_t>(options.beacon_attempts);
  double sum = 0;
  double squares = 0;
  for (std::size_t age = 0; age + 1 < target.count; ++age) {
    const double interval = static_cast<double>(at(target, age) - at(target, age + 1)) / 1e9;
    sum += interval;
    squares += interval * interval;
    const std::size_t attempts = age + 2;
    if (attempts < least) continue;
    const auto count = static_cast<double>(age + 1);
    const double mean = sum / count;
    const double deviation = std::sqrt(std::max(0.0, squares / count - mean * mean));
    const double jitter = 100 * deviation / mean;
    if (mean < options.beacon_interval_s * 0.98 || jitter >= allowed_jitter(attempts, options))
      continue;
    target.is_regular = true;
    target.interval_s = mean;
    target.jitter_pct = jitter;
  }
}

bool Beaconing::is_timer(const Target& target) const {
  const double minutes = target.interval_s / kMinute;
  if (minutes < 0.9 || std::abs(minutes - std::round(minutes)) > 0.05) return false;
  const std::size_t count = std::min<std::size_t>(target.count, 5);
  for (std::size_t age = 0; age < count; ++age) {
    const auto wall =
        static_cast<std::uint64_t>(static_cast<std::int64_t>(at(target, age)) + mono_to_wall_ns_);
    if (wall % (60 * kSecond) >= kAfterMinuteNs) return false;
  }
  return true;
}

void Beaconing::take(const Event& event, const Bench& bench) {
  if (event.kind != EventKind::kConnect && event.kind != EventKind::kConnectFailed) return;
  const Flow& flow = event.flow;
  if (bench.options.beacon_private == 0 && !flow.remote.addr.is_global()) return;
  // When it began: how long it took is the network's jitter, not the program's.
  const std::uint64_t began = before(event.mono_ns, event.latency_us * 1000);
  Key key;
  key.add_program(flow.owner).add(flow.remote);
  Target& target = endpoints_.use(key, event.mono_ns);
  if (target.count != 0 && began < target.last_ns + kTogetherNs) return;
  target.times[target.next] = began;
  target.next = (target.next + 1) % kTimes;
  target.count = std::min<std::uint32_t>(target.count + 1, kTimes);
  target.last_ns = began;
  ++target.attempts;
  if (event.kind == EventKind::kConnect) ++target.connected;
  target.owner = flow.owner;
  target.peer = flow.remote;
  judge(target, bench.options);
  target.confirmed = target.is_regular ? target.confirmed + 1 : 0;
  target.has_news = target.confirmed > 1;
}

void Beaconing::tick(std::uint64_t now_ns, std::int64_t mono_to_wall_ns, const Bench& bench) {
  mono_to_wall_ns_ = mono_to_wall_ns;
  bool has_news = false;
  endpoints_.each([&](Target& target) { has_news |= target.has_news; });
  if (has_news) {
    std::unordered_map<Key, std::uint32_t, Key::Hash> regular;  // endpoints of each program
    endpoints_.each([&](const Target& target) {
      const double quiet = static_cast<double>(now_ns - std::min(now_ns, target.last_ns)) / 1e9;
      if (target.is_regular && quiet < 3 * target.interval_s)
        ++regular[Key().add_program(target.owner)];
    });
    endpoints_.each([&](Target& target) {
      if (!target.has_news) return;
      target.has_news = false;
      if (target.connected == 0) return;  // retries: connect_failures tells of them
      if (regular[Key().add_program(target.owner)] >= bench.options.beacon_targets) return;
      if (bench.options.beacon_timers == 0 && is_timer(target)) return;
      Sighting sighting;
      sighting.kind = AlertKind::kBeaconing;
      sighting.key = "beaconing/" + clean_text(target.owner.name()) + '/' + to_string(target.peer);
      sighting.first_ns = at(target, target.count - 1);
      sighting.last_ns = target.last_ns;
      sighting.missed_ns = target.last_ns + to_ns(2 * target.interval_s);
      sighting.direction = Direction::kOutbound;
      sighting.owner = target.owner;
      sighting.peer = target.peer;
      sighting.figures = {{"attempts", static_cast<double>(target.attempts)},
                          {"interval_s", target.interval_s},
                          {"jitter_pct", target.jitter_pct}};
      bench.book.see(std::move(sighting), bench.handler);
    });
  }
  endpoints_.forget_before(before(now_ns, kKeepNs));
}

}  // namespace sockscope::detectors
