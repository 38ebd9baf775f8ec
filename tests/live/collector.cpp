// SPDX-License-Identifier: Apache-2.0
// Runs a monitor for live tests, and finds what they ask for.
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "live_support.h"

namespace sockscope::live {
namespace {

// Whether the tests run with Options::late_openings, as `top` does.
bool is_late() {
  return std::getenv("SOCKSCOPE_LATE_OPENINGS") != nullptr;
}

// Other jobs on the host may make any amount of traffic while a test waits, so the ring is large,
// unless a test is about its size. SOCKSCOPE_DOORS chooses the doors of all tests.
Monitor open_monitor(Options options) {
  if (const char* doors = std::getenv("SOCKSCOPE_DOORS")) options.doors = doors;
  if (is_late() && !options.data) {
    options.late_openings = true;
    options.exact_owners = false;
  }
  // A fallback to polling must not pass for eBPF.
  if (options.source == Source::kAuto) options.source = Source::kEbpf;
  if (options.ring_bytes == Options{}.ring_bytes) options.ring_bytes = std::size_t{32} << 20;
  auto monitor = Monitor::open(options);
  if (!monitor)
    throw std::runtime_error(monitor.error().message() + "\n" + monitor.error().detail());
  return std::move(*monitor);
}

std::string last_of(const std::deque<Event>& events) {
  std::ostringstream text;
  for (std::size_t i = events.size() > 20 ? events.size() - 20 : 0; i < events.size(); ++i)
    text << "\n  " << to_string(events[i].kind()) << " cookie " << events[i].flow.cookie << " pid "
         << events[i].flow.owner.pid << " " << to_string(events[i].flow.local) << " "
         << to_string(events[i].flow.remote);
  return text.str();
}

// The other end of a closed connection delays its acknowledgement, and with it the last change of
// state, until a timer's interrupt. On some machines no program runs when an interrupt arrives
// while certain processes run. So whatever one of our programs must see is made to happen here and
// now.
void acknowledge_all() {
  constexpr int kOn = 1;
  for (int fd = 3; fd < 256; ++fd) ::setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &kOn, sizeof kOn);
}

}  // namespace

Collector::Collector(const Options& options)
    : opened_ns_(mono_ns()), monitor_(open_monitor(options)) {}

const Event& Collector::wait_for(const Predicate& fits, std::string_view what,
                                 std::chrono::milliseconds timeout) {
  using Clock = std::chrono::steady_clock;
  // A polled source takes at most a twentieth of a CPU, so on a busy host it polls only every few
  // seconds.
  constexpr int kSlowness = 10;
  const bool polls = monitor_.source() != Source::kEbpf;
  const auto deadline = Clock::now() + timeout * (polls ? kSlowness : 1);
  std::size_t looked_at = 0;
  for (;;) {
    for (; looked_at < events_.size(); ++looked_at)
      if (fits(events_[looked_at])) return events_[looked_at];
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0)
      throw std::runtime_error("in vain waited for " + std::string(what) + "; lost " +
                               std::to_string(monitor_.loss().total()) + ", last of " +
                               std::to_string(events_.size()) + " seen:" + last_of(events_));
    if (is_late()) snapshot();
    constexpr std::chrono::milliseconds kBetweenSnapshots{50};
    if (auto done = monitor_.poll(is_late() ? std::min(left, kBetweenSnapshots) : left, keep_);
        !done)
      throw std::runtime_error(done.error().message());
  }
}

const Event& Collector::wait_for(EventKind kind, std::uint64_t cookie) {
  if (kind == EventKind::kClose) acknowledge_all();
  return wait_for(
      [&](const Event& event) { return event.kind() == kind && event.flow.cookie == cookie; },
      std::string(to_string(kind)) + " of cookie " + std::to_string(cookie));
}

const Event& Collector::wait_for_accept_from(const Socket& client) {
  return wait_for(
      [&](const Event& event) {
        return event.kind() == EventKind::kAccept && event.flow.remote == client.local &&
               event.flow.local == client.remote && event.flow.netns == client.netns;
      },
      "accept from " + to_string(client.local));
}

void Collector::catch_up() {
  std::uint64_t cookie = 0;
  {
    const Fd last = open_socket(4, SOCK_DGRAM);
    bind_to(last.get(), loopback(4));
    cookie = cookie_of(last.get());
  }
  wait_for(EventKind::kClose, cookie);
}

std::vector<Event> Collector::events_of(std::uint64_t cookie) const {
  std::vector<Event> found;
  std::copy_if(events_.begin(), events_.end(), std::back_inserter(found),
               [&](const Event& event) { return event.flow.cookie == cookie; });
  return found;
}

std::size_t Collector::count(EventKind kind, std::uint64_t cookie) const {
  return static_cast<std::size_t>(std::count_if(
      events_.begin(), events_.end(),
      [&](const Event& event) { return event.kind() == kind && event.flow.cookie == cookie; }));
}

Snapshot Collector::snapshot() {
  auto taken = monitor_.snapshot(keep_);
  if (!taken) throw std::runtime_error(taken.error().message());
  return std::move(*taken);
}

std::optional<Flow> Collector::flow_of(std::uint64_t cookie) {
  const Snapshot taken = snapshot();
  for (const Flow& flow : taken.flows)
    if (flow.cookie == cookie) return flow;
  return std::nullopt;
}

const Door* door_of(const Monitor& monitor, Observation observation) {
  const auto& doors = monitor.doors();
  const auto found = std::find_if(doors.begin(), doors.end(), [&](const Door& door) {
    return door.observation == observation && door.refused.empty();
  });
  return found == doors.end() ? nullptr : &*found;
}

std::string blind_to_use(const Monitor& monitor) {
  if (door_of(monitor, Observation::kTcpUse)) return {};
  return std::string("no door for: ") + to_string(Observation::kTcpUse);
}

std::string blind_to_udp(const Monitor& monitor) {
  for (const Observation observation : {Observation::kUdpSent, Observation::kUdpReceived})
    if (!door_of(monitor, observation))
      return std::string("no door for: ") + to_string(observation);
  return {};
}

std::string blind_to_accepts(const Monitor& monitor) {
  for (const Observation observation : {Observation::kAcceptIpv4, Observation::kAcceptIpv6}) {
    const Door* door = door_of(monitor, observation);
    if (!door) return std::string("no door for: ") + to_string(observation);
    if (door->name.starts_with("cgroup/"))
      return door->name + " does not see an accept that wants no address";
  }
  return {};
}

std::string blind_to_quiet_owner(const Monitor& monitor) {
  return blind_to_accepts(monitor).empty() ? std::string() : blind_to_use(monitor);
}

OwnerKind untouched_owner(const Monitor& monitor, const Event& accept) {
  if (blind_to_accepts(monitor).empty()) return OwnerKind::kExact;
  const OwnerKind seen = accept.flow.owner.kind;
  return seen == OwnerKind::kBootstrap ? seen : OwnerKind::kInherited;
}

Options watching_processes() {
  Options options;
  options.processes = true;
  options.describe = true;
  options.settle_owner = std::chrono::milliseconds(0);
  return options;
}

Options exact_owners() {
  Options options;
  options.exact_owners = true;
  return options;
}

std::string family_name(const testing::TestParamInfo<std::uint8_t>& info) {
  return info.param == 4 ? "v4" : "v6";
}

}  // namespace sockscope::live
