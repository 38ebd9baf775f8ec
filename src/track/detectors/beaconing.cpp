// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/text.h"
#include "track/detectors/rules.h"

namespace sockscope::detectors {
namespace {

// Attempts this close together count as one: a program may try both address families, or open
// several connections at once.
constexpr std::uint64_t kTogetherNs = kSecond / 2;
constexpr double kMinute = 60;
// Programs started by cron connect at most this long after the whole minute.
constexpr std::uint64_t kAfterMinuteNs = 3 * kSecond;
constexpr std::uint64_t kKeepNs = 6 * 3600 * kSecond;

// The standard deviation allowed, in per cent of the mean. Few random intervals easily look
// regular, so fewer attempts are allowed less.
double allowed_jitter(std::size_t attempts, const AlertOptions& options) {
  const auto count = static_cast<double>(attempts);
  if (count < 2 * options.beacon_attempts) return options.beacon_jitter_pct / 4;
  if (count < 4 * options.beacon_attempts) return options.beacon_jitter_pct * 2 / 3;
  return options.beacon_jitter_pct;
}

}  // namespace

// Finds the longest run of the latest attempts that is regular enough for its length.
void Beaconing::judge(Target& target, const AlertOptions& options) {
  std::uint32_t run = 0;
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
    run = static_cast<std::uint32_t>(attempts);
    target.interval_s = mean;
    target.jitter_pct = jitter;
  }
  // A run goes on from where it began, also when that is longer ago than `times` has room for.
  const bool goes_on =
      target.attempts != 0 && run != 0 && (run == kTimes || at(target, run - 1) <= target.first_ns);
  if (goes_on) {
    ++target.attempts;
  } else {
    target.attempts = run;
    target.first_ns = run == 0 ? 0 : at(target, run - 1);
  }
  target.is_regular = run != 0;
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

void Beaconing::note(Target& target, const Event& event, const AlertOptions& options) {
  // The time when the attempt began, because its duration varies with the network, not with the
  // program.
  const auto* const connect = std::get_if<event::Connect>(&event.what);
  const std::uint64_t latency_us =
      connect ? connect->latency_us : std::get<event::ConnectFailed>(event.what).latency_us;
  const std::uint64_t began = before(event.mono_ns, latency_us * 1000);
  if (target.count != 0 && began < target.last_ns + kTogetherNs) return;
  target.times[target.next] = began;
  target.next = (target.next + 1) % kTimes;
  target.count = std::min<std::uint32_t>(target.count + 1, kTimes);
  target.last_ns = began;
  if (connect) ++target.connected;
  target.owner = event.flow.owner;
  target.peer = event.flow.remote;
  judge(target, options);
  target.confirmed = target.is_regular ? target.confirmed + 1 : 0;
  target.has_news = target.confirmed > 1;
}

void Beaconing::take(const Event& event, const Bench& bench) {
  if (event.kind() != EventKind::kConnect && event.kind() != EventKind::kConnectFailed) return;
  const Flow& flow = event.flow;
  if (bench.options.beacon_private == 0 && !flow.remote.addr.is_global()) return;
  Key key;
  key.add_program(flow.owner).add(flow.remote);
  Target& endpoint = endpoints_.use(key, event.mono_ns);
  note(endpoint, event, bench.options);
  // Attempts also count for the name that the program asked for, because a name may lead to another
  // address each time. Names from reverse lookups do not count: the program did not ask for them.
  if (const RemoteName* const asked = asked_name(flow)) {
    const std::string& name = asked->name;
    endpoint.named = Key()
                         .add_program(flow.owner)
                         .add(std::hash<std::string_view>()(name))
                         .add(std::uint64_t{flow.remote.port});
    Target& named = names_.use(endpoint.named, event.mono_ns);
    if (named.name.empty()) named.name = name.substr(0, kMostNameBytes);
    note(named, event, bench.options);
  } else if (Target* const named = names_.find(endpoint.named)) {
    // No answer was seen this time, so the endpoint's last name counts: a target that misses some
    // attempts may look regular.
    note(*named, event, bench.options);
  }
}

bool Beaconing::is_going_on(const Target& target, std::uint64_t now_ns) {
  const double quiet = static_cast<double>(now_ns - std::min(now_ns, target.last_ns)) / 1e9;
  return target.is_regular && quiet < 3 * target.interval_s;
}

void Beaconing::tell(const Target& target, const Bench& bench) {
  Sighting sighting;
  sighting.kind = AlertKind::kBeaconing;
  sighting.key =
      "beaconing/" + clean_text(target.owner.name()) + '/' +
      (target.name.empty() ? to_string(target.peer)
                           : clean_text(target.name) + ':' + std::to_string(target.peer.port));
  sighting.first_ns = target.first_ns;
  sighting.last_ns = target.last_ns;
  sighting.missed_ns = target.last_ns + to_ns(2 * target.interval_s);
  sighting.direction = Direction::kOutbound;
  sighting.owner = target.owner;
  sighting.peer = target.peer;
  sighting.name = target.name;
  sighting.figures = {{"attempts", static_cast<double>(target.attempts)},
                      {"interval_s", target.interval_s},
                      {"jitter_pct", target.jitter_pct}};
  bench.book.see(std::move(sighting), bench.handler);
}

void Beaconing::tell_news(std::uint64_t now_ns, const Bench& bench) {
  // An endpoint is ignored while its last name is itself a regular target.
  endpoints_.each([this](Target& endpoint) {
    const Target* named = names_.find(endpoint.named);
    endpoint.is_passed_over = named != nullptr && named->is_regular;
  });
  std::unordered_map<Key, std::uint32_t, Key::Hash> regular;  // regular targets of each program
  const auto count = [&](const Target& target) {
    if (!target.is_passed_over && is_going_on(target, now_ns))
      ++regular[Key().add_program(target.owner)];
  };
  endpoints_.each(count);
  names_.each(count);
  const auto tell_of = [&](Target& target) {
    if (!std::exchange(target.has_news, false) || target.is_passed_over) return;
    if (target.connected == 0) return;  // retries: connect_failures reports them
    if (regular[Key().add_program(target.owner)] >= bench.options.beacon_targets) return;
    if (bench.options.beacon_timers == 0 && is_timer(target)) return;
    tell(target, bench);
  };
  endpoints_.each(tell_of);
  names_.each(tell_of);
}

void Beaconing::tick(std::uint64_t now_ns, std::int64_t mono_to_wall_ns, const Bench& bench) {
  mono_to_wall_ns_ = mono_to_wall_ns;
  bool has_news = false;
  const auto look = [&has_news](const Target& target) { has_news |= target.has_news; };
  endpoints_.each(look);
  names_.each(look);
  if (has_news) tell_news(now_ns, bench);
  endpoints_.forget_before(before(now_ns, kKeepNs));
  names_.forget_before(before(now_ns, kKeepNs));
}

}  // namespace sockscope::detectors
