// SPDX-License-Identifier: Apache-2.0
// A Tracker with a fake observer and a fake clock, for its tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/tracker.h"

namespace sockscope {
inline constexpr std::uint64_t kMs = 1'000'000;
inline constexpr std::uint64_t kSecond = 1000 * kMs;
inline constexpr std::uint64_t kBegan = 1000 * kSecond;
inline constexpr std::uint32_t kNetns = 7;

// What the fake observer sees, and what it was asked for.
struct World {
  Observer::Traits traits{
      .follows_owners = true, .follows_processes = true, .process_events = kAllProcessEvents};
  std::vector<std::function<void(Tracker&)>> waiting;  // events
  std::vector<Flow> sockets;
  std::map<std::uint64_t, Opening> openings;  // by cookie, of sockets that are always shown whole
  std::vector<Flow> only_figures;  // sockets of which a short read shows only the figures
  std::function<void()> while_reading = [] {};
  std::function<void()> while_reading_owners = [] {};
  std::vector<std::uint64_t> owner_reads;
  std::vector<ProcessInfo> processes;
  std::vector<UdpPeer> peers;
  std::uint64_t peers_kept = 0;
  std::uint32_t hidden_netns = 0;
  Loss loss;

  std::vector<std::string> calls;
  std::vector<Flow> gone;
  bool was_busy = false;
  std::uint64_t now_ns = kBegan;
  std::vector<std::uint32_t> running;
};

class FakeObserver : public Observer {
 public:
  explicit FakeObserver(World& world) : world_(world) {}
  Traits traits() const override { return world_.traits; }
  std::vector<Door> doors() const override { return {{Observation::kTcpSockets, "fake", {}}}; }
  Result<void> deliver(Tracker& to) override {
    for (const auto& happen : std::exchange(world_.waiting, {})) {
      happen(to);
      to.count_records(1);
    }
    return {};
  }
  Result<void> read_owners(std::uint64_t earlier_ns) override {
    world_.owner_reads.push_back(earlier_ns);
    world_.while_reading_owners();
    return {};
  }
  Result<void> read_sockets(Tracker& to, bool only_figures) override {
    world_.calls.push_back(only_figures ? "figures" : "whole");
    for (Flow flow : only_figures ? world_.only_figures : world_.sockets)
      if (const auto opening = world_.openings.find(flow.cookie); opening != world_.openings.end())
        to.show(flow, opening->second);
      else
        only_figures ? to.show_figures(flow) : static_cast<void>(to.show(flow));
    world_.while_reading();
    return {};
  }
  bool may_hide(const Flow& flow) const override { return flow.netns == world_.hidden_netns; }
  void gone(const Flow& flow) override { world_.gone.push_back(flow); }
  Result<bool> read_processes(const HandleProcess& handle) override {
    world_.calls.push_back("processes");
    for (const ProcessInfo& info : world_.processes) handle(info);
    return true;
  }
  Result<std::uint64_t> read_udp_peers(const HandlePeer& handle) override {
    for (UdpPeer& peer : world_.peers) handle(peer);
    std::erase_if(world_.peers, [](const UdpPeer& peer) { return peer.socket_closed; });
    return world_.peers_kept;
  }
  Loss loss(bool) override { return world_.loss; }
  bool rest(Waker&, bool busy) override {
    world_.was_busy = busy;
    return !busy;
  }

 private:
  World& world_;
};

inline std::array<char, 16> comm_of(const std::string& name) {
  std::array<char, 16> comm{};
  std::copy(name.begin(), name.end(), comm.begin());
  return comm;
}

inline Flow flow_of(std::uint64_t cookie, Direction direction = Direction::kOutbound) {
  Flow flow;
  flow.cookie = cookie;
  flow.netns = kNetns;
  flow.state = TcpState::kEstablished;
  flow.direction = direction;
  flow.local = {{.bytes = {10, 0, 0, 1}, .family = 4}, static_cast<std::uint16_t>(30000 + cookie)};
  flow.remote = {{.bytes = {10, 0, 0, 2}, .family = 4}, 443};
  return flow;
}

inline Flow owned_by(Flow flow, std::uint32_t pid, OwnerKind kind = OwnerKind::kExact) {
  flow.owner.pid = pid;
  flow.owner.start_ns = pid * kSecond;
  flow.owner.kind = kind;
  return flow;
}

inline ProcessInfo process_of(std::uint32_t pid, const std::string& name, const std::string& exe,
                              std::uint32_t parent = 1) {
  ProcessInfo info;
  info.pid = pid;
  info.start_ns = pid * kSecond;
  info.parent_pid = parent;
  info.comm = comm_of(name);
  info.uid = 33;
  if (!exe.empty()) info.program = std::make_shared<const Program>(Program{exe, exe + " -x"});
  ControlGroup group;
  group.path = "/system.slice/" + name + ".service";
  group.unit = name + ".service";
  info.cgroup = std::make_shared<const ControlGroup>(group);
  return info;
}

class TrackerTest : public testing::Test {
 protected:
  void open() {
    auto matcher = FlowMatcher::compile(options.filter);
    ASSERT_TRUE(matcher);
    TrackerHost host;
    host.now_ns = [this] { return world.now_ns; };
    host.is_running = [this](std::uint32_t pid) {
      return std::find(world.running.begin(), world.running.end(), pid) != world.running.end();
    };
    host.root = "/nowhere";
    auto opened = Tracker::open(options, *matcher, std::make_unique<FakeObserver>(world),
                                {{Observation::kSource, "ebpf", {}}}, host);
    ASSERT_TRUE(opened);
    tracker = std::move(*opened);
    world.calls.clear();
  }

  void happens(EventKind kind, const Flow& flow, Opening opening = {}) {
    Event event;
    event.what = make_what(kind);
    event.mono_ns = ++world.now_ns;
    event.flow = flow;
    world.waiting.push_back([event, opening](Tracker& to) mutable { to.take(event, opening); });
  }
  void connects(std::uint64_t cookie, std::uint32_t pid) {
    happens(EventKind::kConnect, owned_by(flow_of(cookie), pid));
  }
  void closes(std::uint64_t cookie, std::uint32_t pid, std::uint64_t tx_bytes = 0) {
    Flow flow = owned_by(flow_of(cookie), pid);
    flow.state = TcpState::kClose;
    flow.counters.tx_bytes = tx_bytes;
    happens(EventKind::kClose, flow);
  }
  void happens(ProcessEventKind kind, const ProcessInfo& process) {
    ProcessEvent event;
    event.kind = kind;
    event.mono_ns = ++world.now_ns;
    event.pid = event.tid = process.pid;
    event.start_ns = process.start_ns;
    event.parent_pid = process.parent_pid;
    event.comm = process.comm;
    world.waiting.push_back(
        [event, seen = process](Tracker& to) mutable { to.take_process(event, seen); });
  }

  std::size_t consume() {
    out.clear();
    const auto count = tracker->consume([this](const Event& event) { out.push_back(event); });
    EXPECT_TRUE(count);
    return count.value_or(0);
  }
  Snapshot snapshot() {
    out.clear();
    Snapshot taken;
    const Tracker::Handler keep = [this](const Event& event) { out.push_back(event); };
    EXPECT_TRUE(tracker->snapshot(&keep, taken));
    return taken;
  }
  void passes(std::uint64_t ns) { world.now_ns += ns; }

  std::vector<EventKind> kinds() const {
    std::vector<EventKind> found;
    for (const Event& event : out) found.push_back(event.kind());
    return found;
  }
  static const Flow* find(const Snapshot& taken, std::uint64_t cookie) {
    for (const Flow& flow : taken.flows)
      if (flow.cookie == cookie) return &flow;
    return nullptr;
  }

  Options options;
  World world;
  std::unique_ptr<Tracker> tracker;
  std::vector<Event> out;
};

using Kinds = std::vector<EventKind>;
using Calls = std::vector<std::string>;

}  // namespace sockscope
