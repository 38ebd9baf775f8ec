// SPDX-License-Identifier: Apache-2.0
// A ring buffer that is far too small: what is lost is counted and reported, and the picture
// becomes complete again. The same for unknown records. State left behind by a socket whose end was
// lost is not taken for that of the next one.
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

#include "live_support.h"

namespace sockscope::live {
namespace {

constexpr int kConnections = 400;

Options tiny() {
  Options options;
  options.ring_bytes = 4096;
  return options;
}

// Local and remote port: with one listening address on loopback, enough to tell flows apart.
using Ports = std::pair<std::uint16_t, std::uint16_t>;
using PortSet = std::set<Ports>;

std::uint16_t port_of(const std::string& endpoint) {
  return static_cast<std::uint16_t>(
      std::stoul(endpoint.substr(endpoint.rfind(':') + 1), nullptr, 16));
}

// The kernel's table, as ss shows it: sockets with `port` at either end that are not in TIME_WAIT.
PortSet kernel_table(const char* path, std::uint16_t port) {
  PortSet found;
  std::ifstream table(path);
  std::string line;
  std::getline(table, line);
  while (std::getline(table, line)) {
    std::string number, local, remote, state;
    std::istringstream(line) >> number >> local >> remote >> state;
    if (state == "06" || (port_of(local) != port && port_of(remote) != port)) continue;
    found.emplace(port_of(local), port_of(remote));
  }
  return found;
}

PortSet open_flows(const Snapshot& snapshot, Protocol protocol, std::uint16_t port) {
  PortSet found;
  for (const Flow& flow : snapshot.flows)
    if (!flow.closed && flow.protocol == protocol &&
        (flow.local.port == port || flow.remote.port == port))
      found.emplace(flow.local.port, flow.remote.port);
  return found;
}

const char* table_of(Protocol protocol, std::uint8_t family) {
  if (protocol == Protocol::kTcp) return family == 4 ? "/proc/net/tcp" : "/proc/net/tcp6";
  return family == 4 ? "/proc/net/udp" : "/proc/net/udp6";
}

class LossActs : public testing::TestWithParam<std::uint8_t> {
 protected:
  struct Connection {
    Fd client;
    Fd server;
  };

  void open_connections(int count) {
    for (int i = 0; i < count; ++i) {
      Connection connection;
      connection.client = connect_to(local_of(listener_.get()));
      connection.server = accept_from(listener_.get());
      connections_.push_back(std::move(connection));
    }
  }

  // Each server waits for its client's end before it closes, so that no socket remains in another
  // state.
  void close_connections(std::size_t keep) {
    while (connections_.size() > keep) {
      connections_.back().client.reset();
      wait_for_hangup(connections_.back().server.get());
      connections_.pop_back();
    }
  }

  const Event& wait_for_gap(Collector& collector) {
    return collector.wait_for([](const Event& event) { return event.kind() == EventKind::kGap; },
                              "a gap");
  }

  void expect_picture_heals(Collector& collector, Protocol protocol, std::uint16_t port) {
    collector.snapshot();
    const Snapshot second = collector.snapshot();
    const PortSet truth = kernel_table(table_of(protocol, GetParam()), port);
    EXPECT_EQ(open_flows(second, protocol, port), truth);
  }

  Fd listener_ = listen_on(loopback(GetParam()));
  std::uint16_t port_ = local_of(listener_.get()).port;
  std::vector<Connection> connections_;
};
INSTANTIATE_TEST_SUITE_P(Family, LossActs, testing::Values(4, 6), family_name);

TEST_P(LossActs, NothingIsLostWithEnoughRoom) {
  Collector collector;
  open_connections(kConnections);
  close_connections(0);
  collector.catch_up();
  EXPECT_EQ(collector.monitor().loss().total(), 0u);
  std::size_t connects = 0, accepts = 0, closes = 0;
  for (const Event& event : collector.events()) {
    if (event.flow.local.port != port_ && event.flow.remote.port != port_) continue;
    connects += event.kind() == EventKind::kConnect;
    accepts += event.kind() == EventKind::kAccept;
    closes += event.kind() == EventKind::kClose;
  }
  EXPECT_EQ(connects, static_cast<std::size_t>(kConnections));
  EXPECT_EQ(accepts, static_cast<std::size_t>(kConnections));
  EXPECT_GE(closes, static_cast<std::size_t>(2 * kConnections - 1));  // one may still wait for its
                                                                      // last ACK
}

TEST_P(LossActs, LostOpensAreFoundAgain) {
  Collector collector(tiny());
  open_connections(kConnections);
  const Event gap = wait_for_gap(collector);
  EXPECT_GT(std::get<event::Gap>(gap.what).lost.ring_full, 0u);
  EXPECT_EQ(std::get<event::Gap>(gap.what).lost.storage_failed, 0u);
  EXPECT_EQ(std::get<event::Gap>(gap.what).lost.malformed, 0u);
  EXPECT_GT(gap.mono_ns, collector.opened_ns());
  EXPECT_LE(gap.mono_ns, mono_ns());
  EXPECT_GT(collector.monitor().loss().ring_full, 0u);
  EXPECT_EQ(collector.monitor().loss().malformed, 0u);
  expect_picture_heals(collector, Protocol::kTcp, port_);

  // The hooks remember what the ring could not hold, so owner and direction are right nevertheless.
  const Snapshot snapshot = collector.snapshot();
  EXPECT_GT(snapshot.lost.ring_full, 0u);
  std::size_t clients = 0, servers = 0;
  for (const Flow& flow : snapshot.flows) {
    if (flow.closed || flow.direction == Direction::kListen) continue;
    if (flow.remote.port == port_) {
      ++clients;
      EXPECT_EQ(flow.direction, Direction::kOutbound);
    } else if (flow.local.port == port_) {
      ++servers;
      EXPECT_EQ(flow.direction, Direction::kInbound);
    } else {
      continue;
    }
    EXPECT_EQ(flow.owner.pid, own_identity().pid);
    EXPECT_GT(flow.opened_ns, collector.opened_ns());
  }
  EXPECT_EQ(clients, static_cast<std::size_t>(kConnections));
  EXPECT_EQ(servers, static_cast<std::size_t>(kConnections));
}

TEST_P(LossActs, LostClosesLeaveNoStaleFlows) {
  Collector collector(tiny());
  open_connections(kConnections);
  collector.snapshot();
  ASSERT_EQ(open_flows(collector.snapshot(), Protocol::kTcp, port_).size(),
            static_cast<std::size_t>(2 * kConnections + 1));
  const std::uint64_t lost_before = collector.monitor().loss().ring_full;
  close_connections(10);
  expect_picture_heals(collector, Protocol::kTcp, port_);
  EXPECT_GT(collector.monitor().loss().ring_full, lost_before);
  EXPECT_GE(open_flows(collector.snapshot(), Protocol::kTcp, port_).size(), 21u);
}

TEST_P(LossActs, EachGapTellsWhatWasLostSinceTheOneBefore) {
  Collector collector(tiny());
  for (int round = 0; round < 3; ++round) {
    open_connections(kConnections / 2);
    close_connections(0);
    collector.snapshot();
  }
  Loss sum;
  int gaps = 0;
  collector.wait_for(
      [&](const Event& event) {
        if (event.kind() != EventKind::kGap) return false;
        EXPECT_GT(std::get<event::Gap>(event.what).lost.total(), 0u);
        sum.ring_full += std::get<event::Gap>(event.what).lost.ring_full;
        return ++gaps == 3;
      },
      "a gap for each round");
  // Other processes may cause more losses in the meantime.
  EXPECT_LE(sum.ring_full, collector.monitor().loss().ring_full);
  EXPECT_GE(sum.ring_full, 300u);
}

// Even without a snapshot, consuming repairs the table, and the sums of processes with it.
TEST_P(LossActs, ConsumingReadsTheSocketsAnew) {
  Collector collector(tiny());
  open_connections(kConnections);
  wait_for_gap(collector);
  const std::uint64_t deadline = mono_ns() + 3'000'000'000;
  while (collector.monitor().cost().resyncs == 0 && mono_ns() < deadline)
    ASSERT_TRUE(collector.monitor().poll(std::chrono::milliseconds(100), [](const Event&) {}));
  EXPECT_GT(collector.monitor().cost().resyncs, 0u);
}

TEST_P(LossActs, UdpSockets) {
  Collector collector(tiny());
  const Fd receiver = open_socket(GetParam(), SOCK_DGRAM);
  bind_to(receiver.get(), loopback(GetParam()));
  const Endpoint to = local_of(receiver.get());
  std::vector<Fd> senders;
  for (int i = 0; i < kConnections; ++i) senders.push_back(connect_to(to, SOCK_DGRAM));
  collector.snapshot();
  ASSERT_EQ(open_flows(collector.snapshot(), Protocol::kUdp, to.port).size(),
            static_cast<std::size_t>(kConnections + 1));
  senders.resize(7);
  wait_for_gap(collector);
  expect_picture_heals(collector, Protocol::kUdp, to.port);
  EXPECT_EQ(open_flows(collector.snapshot(), Protocol::kUdp, to.port).size(), 8u);
}

// ---- in the kernel programs' own maps

// The map of the only monitor open in this process; -1: none.
int own_map(bpf_map_type type, const char* name) {
  for (int fd = 0; fd < 1024; ++fd) {
    bpf_map_info info{};
    std::uint32_t size = sizeof info;
    if (::bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && info.type == type &&
        std::strcmp(info.name, name) == 0)
      return fd;
  }
  return -1;
}

// The address of a socket and the state kept for it, which contains its cookie.
using State = std::vector<std::uint64_t>;
std::optional<std::pair<std::uint64_t, State>> find_state(int states, std::uint64_t cookie) {
  bpf_map_info info{};
  std::uint32_t size = sizeof info;
  if (::bpf_obj_get_info_by_fd(states, &info, &size) != 0) return {};
  State state((info.value_size + 7) / 8);
  std::uint64_t key = 0;
  for (const void* before = nullptr; ::bpf_map_get_next_key(states, before, &key) == 0;
       before = &key)
    if (::bpf_map_lookup_elem(states, &key, state.data()) == 0 &&
        std::find(state.begin(), state.end(), cookie) != state.end())
      return std::pair(key, state);
  return {};
}

// When the end of a socket was not seen, the next one at its address finds the old state.
TEST(StaleState, IsNotTakenForThatOfTheNextSocket) {
  Collector collector;
  const Fd listener = listen_on(loopback(4));
  Child other([to = local_of(listener.get())](Channel& test) {
    const Fd client = connect_to(to);
    test.put(cookie_of(client.get()));
    test.await();
  });
  const auto other_cookie = other.channel().get<std::uint64_t>();
  const Fd other_server = accept_from(listener.get());
  Fd client = connect_to(local_of(listener.get()));
  const Fd server = accept_from(listener.get());
  const std::uint64_t cookie = cookie_of(client.get());
  const int states = own_map(BPF_MAP_TYPE_HASH, "states");
  const auto mine = find_state(states, cookie);
  const auto others = find_state(states, other_cookie);
  if (!mine || !others) GTEST_SKIP() << "TCP's states are in the sockets here, not in a hash";
  ASSERT_EQ(::bpf_map_update_elem(states, &mine->first, others->second.data(), BPF_EXIST), 0);
  client.reset();
  EXPECT_NE(collector.wait_for(EventKind::kClose, cookie).flow.owner.pid,
            static_cast<std::uint32_t>(other.pid()));
  EXPECT_EQ(collector.count(EventKind::kClose, other_cookie), 0u);
  other.channel().signal();
  other.wait();
}

// Acts like a kernel program of ours: nothing else can write there.
void write_header(int ring, std::uint16_t type) {
  constexpr std::int32_t kSize = 16;  // type, size, network namespace, time
  const auto first_word = static_cast<std::int32_t>(kSize << 16 | type);
  const bpf_insn program[] = {
      {BPF_ST | BPF_MEM | BPF_W, 10, 0, -kSize, first_word},
      {BPF_ST | BPF_MEM | BPF_W, 10, 0, -kSize + 4, 0},
      {BPF_ST | BPF_MEM | BPF_DW, 10, 0, -kSize + 8, 0},
      {BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, ring},
      {0, 0, 0, 0, 0},
      {BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0},
      {BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -kSize},
      {BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, kSize},
      {BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, BPF_RB_FORCE_WAKEUP},
      {BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ringbuf_output},
      {BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0},
      {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
  };
  const Fd loaded(::bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "write_header", "GPL", program,
                                  std::size(program), nullptr));
  ASSERT_GE(loaded.get(), 0) << std::strerror(errno);
  std::array<char, 64> packet{};
  bpf_test_run_opts run{};
  run.sz = sizeof run;
  run.data_in = packet.data();
  run.data_size_in = packet.size();
  ASSERT_EQ(::bpf_prog_test_run_opts(loaded.get(), &run), 0) << std::strerror(errno);
}

TEST(UnknownRecords, AreCountedAndTold) {
  Collector collector;
  const int ring = own_map(BPF_MAP_TYPE_RINGBUF, "events");
  ASSERT_GE(ring, 0);
  constexpr std::array<std::uint16_t, 3> kTypes = {0, 200, 65535};
  for (const std::uint16_t type : kTypes) write_header(ring, type);
  std::uint64_t told = 0;
  collector.wait_for(
      [&](const Event& event) {
        if (event.kind() == EventKind::kGap)
          told += std::get<event::Gap>(event.what).lost.malformed;
        return told == 3;
      },
      "gaps of three records");
  EXPECT_EQ(collector.monitor().loss().malformed, 3u);
  EXPECT_EQ(collector.snapshot().lost.malformed, 3u);
}

}  // namespace
}  // namespace sockscope::live
