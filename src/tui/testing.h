// SPDX-License-Identifier: Apache-2.0
// A host like the one on the design page, for the tests of this folder.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "tui/app.h"
#include "tui/model.h"
#include "tui/rows.h"
#include "tui/screen.h"
#include "tui/state.h"
#include "tui/view.h"
#include "view/testing.h"

namespace sockscope::tui {

inline constexpr std::uint64_t kTestSecond = 1'000'000'000;
inline constexpr std::uint64_t kTestWall = 1'795'269'802ull * kTestSecond;  // 14:03:22 UTC
inline constexpr std::uint64_t kTestMono = 100'000 * kTestSecond;

// One process with its flows; rates in bytes per second.
class SnapshotBuilder {
 public:
  explicit SnapshotBuilder(std::uint64_t second) {
    snapshot_.mono_ns = kTestMono + second * kTestSecond;
    snapshot_.wall_ns = kTestWall + second * kTestSecond;
    if (second != 0) snapshot_.interval_s = 1.0;
  }

  SnapshotBuilder& process(std::uint32_t pid, std::string_view name, double rx, double tx,
                           std::uint32_t srtt_us = 0, double retransmits = 0) {
    Process process;
    process.pid = pid;
    process.start_ns = pid == 0 ? 0 : 1'000 * std::uint64_t{pid};
    process.cgroup_id = 4242;
    if (pid != 0) process.uid = pid % 3 == 0 ? 0 : 1000;
    process.comm = comm(name);
    process.rx_bytes = static_cast<std::uint64_t>(rx) * 1000;
    process.tx_bytes = static_cast<std::uint64_t>(tx) * 1000;
    process.srtt_us = srtt_us;
    if (snapshot_.interval_s) {
      process.rx_rate = rx;
      process.tx_rate = tx;
      process.retransmit_rate = retransmits;
      process.tx_segment_rate = (rx + tx) / 50'000;  // large ones
    }
    snapshot_.processes.push_back(process);
    return *this;
  }

  // Describes the process that was added last; to be called before its flows are added.
  SnapshotBuilder& runs(std::string_view cmdline, const ControlGroup& cgroup) {
    Process& process = snapshot_.processes.back();
    ProcessInfo info;
    info.pid = process.pid;
    info.start_ns = process.start_ns;
    info.parent_pid = 1;
    info.parents = "systemd";
    info.session = process.pid;
    info.inner_pid = cgroup.container_id.empty() ? 0 : 7;
    info.program = std::make_shared<Program>(
        Program{"/usr/sbin/" + std::string(process.name()), std::string(cmdline)});
    info.cgroup = std::make_shared<ControlGroup>(cgroup);
    process.info = std::make_shared<ProcessInfo>(info);
    return *this;
  }

  // Adds a flow to the process that was added last.
  SnapshotBuilder& flow(std::uint64_t cookie, const std::string& local, std::uint16_t local_port,
                        const std::string& remote, std::uint16_t remote_port, double rx,
                        double tx) {
    Process& owner = snapshot_.processes.back();
    Flow flow = curl_flow();
    flow.cookie = cookie;
    flow.local = endpoint(local, local_port);
    flow.remote = endpoint(remote, remote_port);
    flow.owner = {.pid = owner.pid,
                  .start_ns = owner.start_ns,
                  .uid = owner.uid,
                  .kind = OwnerKind::kExact,
                  .comm = owner.comm,
                  .process = owner.info};
    flow.opened_ns = kTestMono - 38 * kTestSecond;
    flow.rx_rate.reset();
    flow.tx_rate.reset();
    if (snapshot_.interval_s) {
      flow.rx_rate = rx;
      flow.tx_rate = tx;
    }
    flow.counters.srtt_us = owner.srtt_us == 0 ? 700 : owner.srtt_us;
    flow.counters.min_rtt_us = 600;
    ++owner.open_flows;
    snapshot_.flows.push_back(flow);
    return *this;
  }

  Flow& last_flow() { return snapshot_.flows.back(); }
  Process& last_process() { return snapshot_.processes.back(); }
  const Snapshot& snapshot() {
    join_ends();
    return snapshot_;
  }

 private:
  // As the flow table does.
  void join_ends() {
    for (Flow& flow : snapshot_.flows)
      for (const Flow& other : snapshot_.flows)
        if (!flow.other_end && other.local == flow.remote && other.remote == flow.local &&
            other.netns == flow.netns && other.cookie != flow.cookie && other.closed == flow.closed)
          flow.other_end = std::make_shared<const OtherEnd>(
              OtherEnd{other.cookie, other.netns, other.local, other.remote, other.owner});
  }

  Snapshot snapshot_;
};

// The host of the mock-ups, `second` seconds after the first sample.
inline Snapshot web_host(std::uint64_t second) {
  const double wave = 1 + 0.5 * static_cast<double>(second % 7) / 7;
  SnapshotBuilder b(second);
  b.process(21408, "nginx", 11'512'500 * wave, 1'750'000, 1'800)
      .runs("nginx: master process /usr/sbin/nginx -g daemon off;",
            {.path = "/system.slice/nginx.service", .unit = "nginx.service"})
      .flow(1, "10.0.0.7", 443, "203.0.113.77", 51544, 1'150'000 * wave, 150'000)
      .flow(2, "2001:db8::7", 443, "2a00:1450:4009:81f::70:5a1c", 61002, 110'000, 762'000)
      .flow(3, "10.0.0.7", 443, "198.51.100.12", 40110, 550'000, 51'000)
      .flow(4, "0.0.0.0", 443, "0.0.0.0", 0, 0, 0);
  b.last_flow().direction = Direction::kListen;
  b.last_flow().state = TcpState::kListen;
  b.process(1877, "postgres", 7'675'000, 400'000, 400)
      .flow(5, "127.0.0.1", 5432, "127.0.0.1", 38112, 275'000, 12'000);
  b.process(30211, "curl", 3'112'500 * wave, 26'250, 38'200, 2.1)
      .flow(6, "10.0.0.7", 48122, "203.0.113.10", 443, 3'112'500 * wave, 26'250);
  b.last_flow().counters.tx_segments = 400;
  b.process(912, "kubelet", 387'500, 350'000, 600);
  b.process(15530, "java", 237'500, 137'500, 12'700, 0.3)
      .runs("java -jar shop.jar", {.path = "/system.slice/docker-0123456789abcdef.scope",
                                   .unit = "docker-0123456789abcdef.scope",
                                   .runtime = ContainerRuntime::kDocker,
                                   .container_id = "0123456789abcdef",
                                   .container_name = "shop",
                                   .pod_uid = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"})
      .flow(7, "10.0.0.7", 35770, "192.0.2.10", 443, 51'250, 12'000);
  b.process(2210, "chronyd", 150, 150).flow(8, "10.0.0.7", 323, "192.0.2.123", 123, 150, 150);
  b.last_flow().protocol = Protocol::kUdp;
  b.last_flow().state = TcpState::kNone;
  b.last_flow().counters.srtt_us = 0;
  b.process(733, "sshd", 105, 262, 24'000);
  b.process(8841, "wget", second < 4 ? 50'000 : 0, 0, 51'300)
      .flow(9, "10.0.0.7", 40112, "198.51.100.31", 443, second < 4 ? 50'000 : 0, 0);
  b.last_flow().closed = second >= 4;
  b.last_flow().closed_ns = kTestMono + 4 * kTestSecond;
  b.last_process().open_flows = second >= 4 ? 0 : 1;
  b.process(0, "", 275, 60).flow(10, "10.0.0.7", 50001, "192.0.2.77", 8080, 275, 60);
  b.process(555, "idle-daemon", 0, 0, 900);
  b.last_process().open_flows = 2;
  return b.snapshot();
}

// The host around its sockets, with two of eight cores busy.
inline HostFacts web_facts(std::uint64_t second) {
  HostFacts facts;
  facts.mono_ns = kTestMono + second * kTestSecond;
  facts.wall_ns = kTestWall + second * kTestSecond;
  if (second != 0) facts.interval_s = 1.0;
  const auto link = [&](std::uint32_t index, std::string name, std::optional<std::uint64_t> speed,
                        double rx, double tx, const std::string& address, std::uint8_t prefix) {
    Interface& interface = facts.interfaces.emplace_back();
    interface.index = index;
    interface.name = std::move(name);
    interface.is_up = rx > 0;
    interface.is_loopback = index == 1;
    interface.is_virtual = !speed;
    interface.mtu = index == 1 ? 65536 : 1500;
    interface.speed_bits = speed;
    if (!address.empty())
      interface.addresses = {{endpoint(address, 0).addr, prefix},
                             {endpoint("2001:db8::" + std::to_string(index), 0).addr, 64}};
    interface.counters.rx_bytes = static_cast<std::uint64_t>(rx) * (1000 + second);
    interface.counters.tx_bytes = static_cast<std::uint64_t>(tx) * (1000 + second);
    interface.counters.rx_packets = interface.counters.rx_bytes / 1000;
    interface.counters.tx_packets = interface.counters.tx_bytes / 500;
    interface.rx_bytes_delta = static_cast<std::uint64_t>(rx);
    interface.tx_bytes_delta = static_cast<std::uint64_t>(tx);
    if (second != 0) {
      interface.rx_rate = rx;
      interface.tx_rate = tx;
    }
  };
  const double wave = 1 + 0.5 * static_cast<double>(second % 7) / 7;
  link(1, "lo", std::nullopt, 275'000, 275'000, "127.0.0.1", 8);
  link(2, "eth0", 10'000'000'000, 22'700'000 * wave, 2'675'000, "10.0.0.7", 24);
  facts.interfaces.back().counters.rx_drops = 120 + second;
  facts.interfaces.back().counters.tx_errors = 7;
  link(5, "wg0", std::nullopt, 275'000, 38'700, "10.8.0.1", 24);
  link(6, "docker0", std::nullopt, 0, 0, "172.17.0.1", 16);
  facts.listen_drops = 40 + (second > 5 ? 3 : 0);
  facts.system.cpu_usage_pct = 20.5 + static_cast<double>(second);
  facts.system.cpu_per_core = {99, 64.5, 3, 0, 0, 1, 0, 0};
  facts.system.memory_total_bytes = 33'500'000'000;
  facts.system.memory_used_bytes = 8'100'000'000;
  facts.system.memory_available_bytes = 25'400'000'000;
  facts.system.swap_total_bytes = 4'000'000'000;
  facts.system.swap_used_bytes = 12'000'000;
  facts.system.load_1m = 1.7;
  facts.system.load_5m = 1.25;
  facts.system.load_15m = 0.9;
  facts.disks = {{"/", "/dev/nvme0n1p2", 500'000'000'000, 220'000'000'000, 255'000'000'000, 46.3},
                 {"/boot", "/dev/nvme0n1p1", 1'000'000'000, 150'000'000, 780'000'000, 16.1},
                 {"/var/lib/postgresql", "/dev/mapper/vg0-db", 2'000'000'000'000, 1'850'000'000'000,
                  150'000'000'000, 92.5}};
  facts.disk_io = DiskIo{17'300'000'000, 132'900'000'000};
  facts.probes = true;
  facts.gateway.target = endpoint("10.0.0.1", 0).addr;
  facts.gateway.rtt_ms = 0.41;
  facts.gateway.loss_pct = 0;
  facts.gateway.rtt_history.assign(second, 0.4);
  facts.dns.target = endpoint("2001:db8::53", 0).addr;
  facts.dns.rtt_ms = 12.3;
  facts.dns.loss_pct = 33.3;
  for (std::uint64_t i = 0; i < second; ++i)
    facts.dns.rtt_history.push_back(i % 5 == 2 ? std::nullopt
                                               : std::optional(10.0 + static_cast<double>(i)));
  return facts;
}

inline Event event_of(EventKind kind, const Flow& flow) {
  Event event;
  event.what = make_what(kind);
  event.flow = flow;
  return event;
}

inline Model web_model(std::uint64_t seconds = 12) {
  Model model;
  model.host = "web-03";
  model.version = "0.4.1";
  model.kernel = "6.1.0-38";
  model.home_netns = model.host_netns = 4026531840;
  model.self_cpu = 0.003;
  model.event_rate = 214;
  model.user_name = [](std::uint32_t uid) { return uid == 0 ? std::string("root") : "deploy"; };
  for (std::uint64_t second = 0; second <= seconds; ++second) {
    const Snapshot snapshot = web_host(second);
    model.history.add(snapshot);
    const HostFacts facts = web_facts(second);
    model.host_readings.add(facts, reconcile(facts, snapshot, model.home_netns),
                            model.history.newest().number);
  }
  model.now_ns = model.history.newest().mono_ns;
  model.now_wall_ns = model.history.newest().wall_ns;
  const Sample& last = model.history.newest();
  const auto add = [&](EventKind kind, std::uint64_t cookie, std::uint64_t ms, auto change) {
    Event event = event_of(kind, *model.history.find_flow(last, cookie));
    change(event);
    model.events.add(event, kTestWall + ms * 1'000'000);
  };
  add(EventKind::kConnect, 6, 11, [](Event& e) { e.what = event::Connect{21'400}; });
  add(EventKind::kConnectFailed, 7, 1200, [](Event& e) {
    e.what = event::ConnectFailed{.error = 111, .latency_us = 30};
    e.flow.counters = {};
  });
  add(EventKind::kRetransmit, 6, 3880, [](Event& e) {
    e.what =
        event::Retransmit{.sequence = 118'390'144, .congestion_window = 29, .prior_window = 42};
  });
  add(EventKind::kClose, 9, 4118,
      [](Event& e) { e.what = event::Close{.duration_us = 4'100'000}; });
  add(EventKind::kAccept, 1, 5660, [](Event&) {});
  add(EventKind::kReset, 7, 6550, [](Event& e) { e.what = event::Reset{.sent = true}; });
  Event gap;
  gap.what = event::Gap{{.ring_full = 12}};
  model.events.add(gap, kTestWall + 7'000'000'000);
  TcpInternals& tcp = model.internals[6].emplace();
  std::copy_n("cubic", 5, tcp.congestion_control.begin());
  tcp.congestion_window = 42;
  tcp.slow_start_threshold = 28;
  tcp.mss = 1448;
  tcp.path_mtu = 1500;
  tcp.receive_space = 3'100'000;
  tcp.receive_window = 2'500'000;
  tcp.rtt_variance_us = 4'100;
  tcp.retransmit_timeout_us = 240'000;
  tcp.unacked = 3;
  tcp.busy_us = 37'000'000;
  tcp.receiver_limited_us = 1'110'000;
  tcp.buffer_limited_us = 0;
  tcp.unsent_bytes = 0;
  tcp.duplicate_acks = 0;
  tcp.reorderings_seen = 2;
  model.internals[1] = tcp;
  TcpInternals& other = model.internals[2].emplace(tcp);
  std::copy_n("westwood", 9, other.congestion_control.begin());
  other.rtt_variance_us = 12'345'678;
  other.congestion_window = 13'107;
  other.mss = 65'483;
  other.send_queue = 18'000;
  model.internals[3].reset();
  return model;
}

inline State state_of(const View& view, Size size) {
  State state;
  state.view = &view;
  state.size = size;
  state.process = RowKey::of(ProcessId{21408, 21'408'000});
  state.connection = {RowKey::Kind::kFlow, false, 6, 0, 0};
  if (&view == &kProcessView) state.back = {&kProcessesView};
  if (&view == &kConnectionView) state.back = {&kConnectionsView};
  return state;
}

inline Screen shown(const Model& model, State& state) {
  arrange(model, state, visible_rows(state), model.now_ns);
  return render(model, state);
}

inline Key typed(std::string_view character) {
  return {KeyName::kText, std::string(character)};
}

// Presses a key, as the loop would.
inline std::vector<Effect> press(const Key& key, const Model& model, State& state) {
  const Screen screen = shown(model, state);
  auto effects = handle_key(key, model, screen, model.now_ns, state);
  arrange(model, state, visible_rows(state), model.now_ns);
  return effects;
}

inline void press_all(std::string_view keys, const Model& model, State& state) {
  for (const char key : keys) press(typed(std::string(1, key)), model, state);
}

}  // namespace sockscope::tui
