// SPDX-License-Identifier: Apache-2.0
// Polled sources: the same sockets as with eBPF, field by field, and events from differences.
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "live_support.h"

namespace sockscope::live {
namespace {

constexpr std::chrono::milliseconds kNever{3'600'000};

Options polled(Source source, std::chrono::milliseconds interval = std::chrono::milliseconds(10)) {
  Options options;
  options.source = source;
  options.poll_interval = interval;
  options.filter.pids.clear();
  return options;
}

Snapshot snapshot_with(Source source) {
  Options options = polled(source);
  options.connections = false;
  options.quality = false;
  return Collector(options).snapshot();
}

bool is_zombie(std::uint32_t pid) {
  std::string stat;
  std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/stat"), stat);
  const std::size_t end = stat.rfind(") ");
  return end != std::string::npos && stat[end + 2] == 'Z';
}

const Flow* find(const Snapshot& snapshot, const Socket& socket) {
  for (const Flow& flow : snapshot.flows)
    if (flow.protocol == socket.protocol && flow.local == socket.local &&
        flow.remote == socket.remote)
      return &flow;
  return nullptr;
}

std::string name_of(const testing::TestParamInfo<Source>& info) {
  return std::string(to_string(info.param));
}

class Polled : public testing::TestWithParam<Source> {
 protected:
  bool has_counters() const { return GetParam() == Source::kSockDiag; }
};
INSTANTIATE_TEST_SUITE_P(Source, Polled, testing::Values(Source::kSockDiag, Source::kProcfs),
                         name_of);

struct Pair {
  explicit Pair(std::uint8_t family, bool mapped = false) : listener(listen_on(loopback(family))) {
    client = mapped ? open_socket(6, SOCK_STREAM) : open_socket(family, SOCK_STREAM);
    EXPECT_EQ(try_connect(client.get(), local_of(listener.get()), mapped), 0);
    server = accept_from(listener.get());
    client_socket = describe(client.get());
    server_socket = describe_accepted(server.get(), client_socket);
  }
  void exchange() {
    send_bytes(client.get(), 1'000);
    EXPECT_TRUE(read_exactly(server.get(), 1'000));
    send_bytes(server.get(), 23);
    EXPECT_TRUE(read_exactly(client.get(), 23));
  }
  Fd listener, client, server;
  Socket client_socket, server_socket;
};

void expect_same(const Flow& polled, const Flow& ebpf, bool with_counters) {
  SCOPED_TRACE(to_string(ebpf.local) + " " + to_string(ebpf.remote));
  EXPECT_TRUE(!with_counters || polled.cookie == ebpf.cookie);
  EXPECT_EQ(polled.netns, ebpf.netns);
  EXPECT_EQ(polled.protocol, ebpf.protocol);
  EXPECT_EQ(polled.direction, ebpf.direction);
  EXPECT_EQ(polled.state, ebpf.state);
  EXPECT_EQ(polled.closed, ebpf.closed);
  EXPECT_EQ(polled.local, ebpf.local);
  EXPECT_EQ(polled.remote, ebpf.remote);
  EXPECT_EQ(polled.opened_ns, ebpf.opened_ns);
  EXPECT_EQ(polled.owner.pid, ebpf.owner.pid);
  EXPECT_EQ(polled.owner.opener_pid, ebpf.owner.opener_pid);
  EXPECT_EQ(polled.owner.cgroup_id, ebpf.owner.cgroup_id);
  EXPECT_EQ(polled.owner.uid, ebpf.owner.uid);
  EXPECT_EQ(polled.owner.kind, ebpf.owner.kind);
  EXPECT_EQ(polled.owner.comm, ebpf.owner.comm);
  // /proc has the start in clock ticks.
  const auto tick_ns = 1'000'000'000u / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  EXPECT_EQ(polled.owner.start_ns / tick_ns, ebpf.owner.start_ns / tick_ns);
  if (!with_counters) {
    EXPECT_FALSE(polled.has_counters);
    return;
  }
  EXPECT_EQ(polled.has_counters, ebpf.has_counters);
  EXPECT_EQ(polled.counters.tx_bytes, ebpf.counters.tx_bytes);
  EXPECT_EQ(polled.counters.rx_bytes, ebpf.counters.rx_bytes);
  EXPECT_EQ(polled.counters.tx_segments, ebpf.counters.tx_segments);
  EXPECT_EQ(polled.counters.rx_segments, ebpf.counters.rx_segments);
  EXPECT_EQ(polled.counters.retransmits, ebpf.counters.retransmits);
  EXPECT_EQ(polled.counters.srtt_us, ebpf.counters.srtt_us);
  EXPECT_EQ(polled.counters.min_rtt_us, ebpf.counters.min_rtt_us);
}

// A thread may stop sharing its process's files; a first thread may end before the others.
TEST_P(Polled, FilesThatAreNotTheFirstThreads) {
  struct Told {
    Endpoint unshared, left;
  };
  Child child([](Channel& test) {
    static Told told;
    std::thread([&test] {
      if (::unshare(CLONE_FILES) != 0) throw std::runtime_error("unshare");
      const Fd listener = listen_on(loopback(4));
      told.unshared = local_of(listener.get());
      test.put(told.unshared);
      test.await();
      test.put('x');
    }).detach();
    std::thread([&test] {
      (void)test;
      for (;;) ::pause();
    }).detach();
    static const Fd own = listen_on(loopback(6));
    test.put(local_of(own.get()));
    ::syscall(SYS_exit, 0);  // this thread alone
  });
  std::array<Endpoint, 2> ends{child.channel().get<Endpoint>(), child.channel().get<Endpoint>()};
  const auto pid = static_cast<std::uint32_t>(child.pid());
  while (std::ifstream("/proc/" + std::to_string(pid) + "/stat") && !is_zombie(pid))
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const Snapshot snapshot = snapshot_with(GetParam());
  for (const Endpoint& end : ends) {
    const auto flow = std::find_if(snapshot.flows.begin(), snapshot.flows.end(),
                                   [&](const Flow& each) { return each.local == end; });
    ASSERT_NE(flow, snapshot.flows.end()) << to_string(end);
    EXPECT_EQ(flow->owner.pid, pid) << to_string(end);
  }
  child.kill();
  child.wait();
}

TEST_P(Polled, ListenersThatTakeIpv4TooAreToldFromThoseThatDoNot) {
  const Endpoint any{{.family = 6}, 0};
  const auto listener = [&](int only) {
    Fd socket = open_socket(6, SOCK_STREAM);
    set_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, only);
    bind_to(socket.get(), any);
    ::listen(socket.get(), 8);
    return socket;
  };
  const Fd dual = listener(0);
  const Fd only = listener(1);
  for (const Source source : {GetParam(), Source::kEbpf}) {
    SCOPED_TRACE(to_string(source));
    const Snapshot all = snapshot_with(source);
    const Flow* of_dual = find(all, describe(dual.get()));
    const Flow* of_only = find(all, describe(only.get()));
    ASSERT_TRUE(of_dual != nullptr && of_only != nullptr);
    if (source == Source::kProcfs) {  // its tables do not have this
      EXPECT_EQ(of_dual->ipv6_only, std::nullopt);
      continue;
    }
    EXPECT_EQ(of_dual->ipv6_only, false);
    EXPECT_EQ(of_only->ipv6_only, true);
    Options options = polled(source);
    options.filter.family = 4;
    const Snapshot of_ipv4 = Collector(options).snapshot();
    EXPECT_NE(find(of_ipv4, describe(dual.get())), nullptr);
    EXPECT_EQ(find(of_ipv4, describe(only.get())), nullptr);
  }
}

TEST_P(Polled, ShowsWhatEbpfShows) {
  Pair four(4), six(6), mapped(4, true), half_closed(4), ended(4);
  for (Pair* pair : {&four, &six, &mapped, &half_closed, &ended}) pair->exchange();
  half_closed.client.reset();  // CLOSE_WAIT at the other end; the FIN must not count as a byte
  wait_for_hangup(half_closed.server.get());
  ended.client.reset();
  wait_for_hangup(ended.server.get());
  ended.server.reset();  // TIME_WAIT
  const Fd udp = open_socket(6, SOCK_DGRAM);
  bind_to(udp.get(), loopback(6));
  const Fd talking = connect_to(loopback(4, 9), SOCK_DGRAM);
  // Delayed acknowledgements may be up to 200 ms late.
  ::usleep(300'000);

  const Snapshot ebpf = snapshot_with(Source::kEbpf);
  const Snapshot own = snapshot_with(GetParam());
  EXPECT_EQ(ebpf.source, Source::kEbpf);
  EXPECT_EQ(own.source, GetParam());
  std::vector<Socket> sockets = {describe(udp.get()), describe(talking.get())};
  for (const Pair* pair : {&four, &six, &mapped, &half_closed, &ended}) {
    sockets.push_back(describe(pair->listener.get()));
    sockets.push_back(pair->client_socket);
    if (pair != &ended) sockets.push_back(pair->server_socket);
  }
  for (const Socket& socket : sockets) {
    const Flow* expected = find(ebpf, socket);
    const Flow* flow = find(own, socket);
    ASSERT_TRUE(expected) << to_string(socket.local) << " is not shown by eBPF";
    ASSERT_TRUE(flow) << to_string(socket.local) << " is not shown";
    expect_same(*flow, *expected, has_counters());
  }
  const Flow* remnant = find(own, ended.client_socket);
  EXPECT_EQ(remnant->state, TcpState::kTimeWait);
  EXPECT_TRUE(remnant->closed);
  if (!has_counters()) return;
  EXPECT_EQ(find(own, four.client_socket)->cookie, four.client_socket.cookie);
  EXPECT_EQ(find(own, four.client_socket)->counters.tx_bytes, 1'000u);
  EXPECT_EQ(find(own, half_closed.server_socket)->state, TcpState::kCloseWait);
  EXPECT_EQ(find(own, half_closed.server_socket)->counters.rx_bytes, 1'000u);
}

TEST_P(Polled, TellsOfConnectionsAndTheirEnd) {
  Collector collector(polled(GetParam()));
  const Fd listener = listen_on(loopback(4));
  collector.snapshot();
  Pair pair(6);
  const Event connect = collector.wait_for(
      [&](const Event& e) {
        return e.kind() == EventKind::kConnect && e.flow.local == pair.client_socket.local;
      },
      "connect");
  const Event accept = collector.wait_for_accept_from(pair.client_socket);
  const Identity self = own_identity();
  for (const Event* event : {&connect, &accept}) {
    EXPECT_EQ(event->flow.owner.pid, self.pid);
    EXPECT_EQ(event->flow.owner.comm, self.comm);
    EXPECT_EQ(event->flow.state, TcpState::kEstablished);
    EXPECT_GE(event->flow.opened_ns, collector.opened_ns());
  }
  EXPECT_EQ(std::get<event::Connect>(connect.what).latency_us, 0u);
  EXPECT_EQ(connect.flow.direction, Direction::kOutbound);
  EXPECT_EQ(accept.flow.direction, Direction::kInbound);

  pair.exchange();
  collector.snapshot();
  pair.client.reset();
  wait_for_hangup(pair.server.get());
  pair.server.reset();
  for (const Socket* socket : {&pair.client_socket, &pair.server_socket}) {
    const Event close = collector.wait_for(
        [&](const Event& e) {
          return e.kind() == EventKind::kClose && e.flow.local == socket->local &&
                 e.flow.remote == socket->remote;
        },
        "close");
    const bool is_client = socket == &pair.client_socket;
    EXPECT_EQ(close.flow.owner.pid, self.pid);
    EXPECT_TRUE(std::get<event::Close>(close.what).duration_us);
    EXPECT_EQ(close.flow.state, is_client && close.flow.state == TcpState::kTimeWait
                                    ? TcpState::kTimeWait
                                    : TcpState::kClose);
    EXPECT_EQ(close.flow.has_counters, has_counters());
    EXPECT_EQ(std::get<event::Close>(close.what).is_final, has_counters());
    if (!has_counters()) continue;
    EXPECT_EQ(close.flow.cookie, socket->cookie);
    EXPECT_EQ(close.flow.counters.tx_bytes, is_client ? 1'000u : 23u);
    EXPECT_GE(close.flow.counters.rx_bytes, is_client ? 23u : 1'000u);
    EXPECT_LE(close.flow.counters.rx_bytes, is_client ? 24u : 1'001u);  // perhaps including the FIN
  }
  // And only once, however often it is polled.
  for (int i = 0; i < 5; ++i) collector.snapshot();
  for (const EventKind kind : {EventKind::kConnect, EventKind::kAccept, EventKind::kClose}) {
    const auto& events = collector.events();
    EXPECT_EQ(std::count_if(events.begin(), events.end(),
                            [&](const Event& e) {
                              return e.kind() == kind &&
                                     (e.flow.local == pair.client_socket.local ||
                                      e.flow.remote == pair.client_socket.local);
                            }),
              kind == EventKind::kClose ? 2 : 1)
        << to_string(kind);
  }
}

TEST_P(Polled, OlderConnectionsAreNoNews) {
  Pair pair(4);
  Collector collector(polled(GetParam()));
  for (int i = 0; i < 3; ++i) collector.snapshot();
  for (const Event& event : collector.events())
    EXPECT_FALSE(event.flow.local == pair.client_socket.local ||
                 event.flow.remote == pair.client_socket.local)
        << to_string(event.kind());
}

TEST_P(Polled, AttemptsStatesAndFailures) {
  Options options = polled(GetParam());
  options.attempts = options.states = true;
  Collector collector(options);
  const Fd listener = listen_on(loopback(4));
  drop_incoming(listener.get());
  Fd client = open_socket(4, SOCK_STREAM | SOCK_NONBLOCK);
  EXPECT_EQ(try_connect(client.get(), local_of(listener.get())), EINPROGRESS);
  const Endpoint local = local_of(client.get());
  const auto of = [&](EventKind kind) {
    return [&, kind](const Event& e) { return e.kind() == kind && e.flow.local == local; };
  };
  const Event attempt = collector.wait_for(of(EventKind::kAttempt), "attempt");
  EXPECT_EQ(attempt.flow.state, TcpState::kSynSent);
  EXPECT_EQ(attempt.flow.owner.pid, own_identity().pid);
  client.reset();
  const Event failed = collector.wait_for(of(EventKind::kConnectFailed), "connect_failed");
  EXPECT_EQ(std::get<event::ConnectFailed>(failed.what).error, 0);
  const Event change = collector.wait_for(
      [&](const Event& e) {
        return of(EventKind::kState)(e) &&
               std::get<event::StateChange>(e.what).old_state == TcpState::kSynSent;
      },
      "state");
  EXPECT_EQ(change.flow.state, TcpState::kClose);
  EXPECT_EQ(collector.count(EventKind::kClose, attempt.flow.cookie), 0u);
}

TEST_P(Polled, OwnersOfOtherUsersAreFoundAfterPrivilegesAreDropped) {
  Child watcher([&](Channel& test) {
    Options options = polled(GetParam());
    options.quality = false;
    Collector collector(options);
    const auto dropped = drop_privileges(GetParam());
    ASSERT_TRUE(dropped) << dropped.error().message();
    test.signal();
    const auto socket = test.get<Socket>();
    const auto holder = test.get<Identity>();
    const Snapshot snapshot = collector.snapshot();
    const Flow* flow = find(snapshot, socket);
    ASSERT_TRUE(flow);
    EXPECT_EQ(flow->owner.pid, holder.pid);
    EXPECT_EQ(flow->owner.uid, 65534u);
  });
  watcher.channel().await();
  Child holder([](Channel& test) {
    ASSERT_EQ(::setresgid(65534, 65534, 65534), 0);
    ASSERT_EQ(::setresuid(65534, 65534, 65534), 0);
    const Fd listener = listen_on(loopback(4));
    test.put(describe(listener.get()));
    test.await();
  });
  watcher.channel().put(holder.channel().get<Socket>());
  watcher.channel().put(identity_of(holder.pid()));
  EXPECT_EQ(watcher.wait(), 0);
  holder.channel().signal();
  EXPECT_EQ(holder.wait(), 0);
}

TEST_P(Polled, AWishIsNeverReplaced) {
  auto monitor = Monitor::open(polled(GetParam()));
  ASSERT_TRUE(monitor) << monitor.error().message();
  EXPECT_EQ(monitor->source(), GetParam());
  ASSERT_FALSE(monitor->doors().empty());
  EXPECT_EQ(monitor->doors()[0].observation, Observation::kSource);
  EXPECT_EQ(monitor->doors()[0].name, to_string(GetParam()));
}

int open_files() {
  int count = 0;
  for (int fd = 0; fd < 1024; ++fd) count += ::fcntl(fd, F_GETFD) != -1;
  return count;
}

// In a network namespace in which nobody else opens sockets.
TEST_P(Polled, NothingGrowsFromPollToPoll) {
  Child child([&](Channel&) {
    enter_new_netns();
    std::vector<Fd> sockets;
    for (int i = 0; i < 300; ++i) {
      sockets.push_back(open_socket(4, SOCK_DGRAM));
      bind_to(sockets.back().get(), loopback(4));
    }
    Collector collector(polled(GetParam(), kNever));
    collector.snapshot();
    const int files = open_files();
    EXPECT_EQ(collector.snapshot().flows.size(), sockets.size());
    const auto resident = [] {
      rusage usage{};
      ::getrusage(RUSAGE_SELF, &usage);
      return usage.ru_maxrss;
    };
    [[maybe_unused]] const long before = resident();
    for (int i = 0; i < 100; ++i) collector.snapshot();
    EXPECT_EQ(open_files(), files);
#ifndef __SANITIZE_ADDRESS__  // the sanitizer keeps freed memory
    EXPECT_LE(resident(), before + 1'024);
#endif
    EXPECT_EQ(collector.snapshot().flows.size(), sockets.size());
  });
  EXPECT_EQ(child.wait(), 0);
}

// ---- what only sock_diag tells

TEST(SockDiagNews, AConnectionBetweenTwoPollsIsSeenAtItsEnd) {
  const Fd listener = listen_on(loopback(4));
  Collector collector(polled(Source::kSockDiag, kNever));
  Fd client = connect_to(local_of(listener.get()));
  Fd server = accept_from(listener.get());
  const Socket client_socket = describe(client.get());
  const Socket server_socket = describe_accepted(server.get(), client_socket);
  send_bytes(client.get(), 77);
  ASSERT_TRUE(read_exactly(server.get(), 77));
  client.reset();
  wait_for_hangup(server.get());
  server.reset();
  const Event sent = collector.wait_for(EventKind::kClose, client_socket.cookie);
  EXPECT_TRUE(std::get<event::Close>(sent.what).is_final);
  EXPECT_EQ(sent.flow.counters.tx_bytes, 77u);
  EXPECT_EQ(sent.flow.direction, Direction::kOutbound);
  EXPECT_EQ(sent.flow.local, client_socket.local);
  EXPECT_EQ(sent.flow.remote, client_socket.remote);
  EXPECT_EQ(sent.flow.owner.pid, 0u);
  EXPECT_EQ(sent.flow.owner.kind, OwnerKind::kUnknown);
  EXPECT_FALSE(std::get<event::Close>(sent.what).duration_us);
  const Event received = collector.wait_for(EventKind::kClose, server_socket.cookie);
  EXPECT_EQ(received.flow.counters.rx_bytes, 77u);
  EXPECT_EQ(received.flow.direction, Direction::kInbound);
  EXPECT_EQ(collector.count(EventKind::kConnect, client_socket.cookie), 0u);
  const auto shown = collector.flow_of(server_socket.cookie);
  ASSERT_TRUE(shown);
  EXPECT_TRUE(shown->closed);
  EXPECT_EQ(shown->counters.rx_bytes, 77u);
}

// A socket may outlive its connection; its own end is not a second close.
TEST(SockDiagNews, AResetConnectionClosesOnce) {
  Collector collector(polled(Source::kSockDiag));
  Pair pair(4);
  collector.snapshot();
  pair.exchange();
  reset_at_close(pair.server.get());
  pair.server.reset();
  wait_for_hangup(pair.client.get());
  const Event close = collector.wait_for(EventKind::kClose, pair.client_socket.cookie);
  EXPECT_EQ(close.flow.owner.pid, own_identity().pid);
  pair.client.reset();
  collector.catch_up();
  for (int i = 0; i < 3; ++i) collector.snapshot();
  EXPECT_EQ(collector.count(EventKind::kClose, pair.client_socket.cookie), 1u);
  EXPECT_EQ(collector.count(EventKind::kClose, pair.server_socket.cookie), 1u);
}

// The kernel no longer has the figures of a connection that its own process resets.
TEST(SockDiagNews, WhatTheKernelForgotIsThatOfTheLastPoll) {
  Collector collector(polled(Source::kSockDiag, kNever));
  Pair pair(4);
  pair.exchange();
  collector.snapshot();
  reset_at_close(pair.client.get());
  pair.client.reset();
  const Event close = collector.wait_for(EventKind::kClose, pair.client_socket.cookie);
  EXPECT_FALSE(std::get<event::Close>(close.what).is_final);
  EXPECT_TRUE(close.flow.has_counters);
  EXPECT_EQ(close.flow.counters.tx_bytes, 1'000u);
  EXPECT_EQ(close.flow.counters.rx_bytes, 23u);
}

TEST(SockDiagNews, UdpSocketsEndToo) {
  Collector collector(polled(Source::kSockDiag, kNever));
  Fd udp = open_socket(6, SOCK_DGRAM);
  bind_to(udp.get(), loopback(6));
  const Socket socket = describe(udp.get());
  udp.reset();
  const Event close = collector.wait_for(EventKind::kClose, socket.cookie);
  EXPECT_EQ(close.flow.protocol, Protocol::kUdp);
  EXPECT_EQ(close.flow.local, socket.local);
  EXPECT_FALSE(close.flow.has_counters);
}

// How many messages the kernel says it could not deliver to netlink sockets of this process.
std::uint64_t dropped_messages() {
  std::set<std::string> own;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const std::string link = std::filesystem::read_symlink(entry.path(), gone).string();
    if (link.starts_with("socket:[")) own.insert(link.substr(8, link.size() - 9));
  }
  std::ifstream table("/proc/net/netlink");
  std::string line;
  std::getline(table, line);
  std::uint64_t dropped = 0;
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    std::string sk, protocol, port, groups, received, sent, dump, locks, inode;
    std::uint64_t drops = 0;
    fields >> sk >> protocol >> port >> groups >> received >> sent >> dump >> locks >> drops >>
        inode;
    if (own.contains(inode)) dropped += drops;
  }
  return dropped;
}

// More closes than the kernel's buffer can hold while nobody reads.
TEST(SockDiagNews, LossIsTold) {
  Collector collector(polled(Source::kSockDiag, kNever));
  for (int i = 0; i < 500'000 && dropped_messages() == 0; i += 5'000)
    for (int one = 0; one < 5'000; ++one) open_socket(4, SOCK_DGRAM);
  // A worker of the kernel sends the messages when it gets to run.
  for (int tries = 0; tries < 1'000 && dropped_messages() == 0; ++tries)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  ASSERT_GT(dropped_messages(), 0u);
  const Event gap =
      collector.wait_for([](const Event& e) { return e.kind() == EventKind::kGap; }, "a gap");
  EXPECT_GT(std::get<event::Gap>(gap.what).lost.netlink_full, 0u);
  EXPECT_EQ(std::get<event::Gap>(gap.what).lost.total(),
            std::get<event::Gap>(gap.what).lost.netlink_full);
  std::uint64_t dropped = 0;
  for (int quiet = 0, rounds = 0; quiet < 5 && rounds < 200; ++rounds) {  // until the worker has
                                                                          // finished
    collector.snapshot();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    quiet = dropped == dropped_messages() ? quiet + 1 : 0;
    dropped = dropped_messages();
  }
  // Then it continues to work. Closes of others, which come late and many at a time, may push out
  // the one that is looked for.
  for (int left = 4;; --left) {
    try {
      collector.catch_up();
      break;
    } catch (const std::runtime_error&) {
      if (left == 0) throw;
    }
  }
  EXPECT_GE(collector.monitor().loss().netlink_full,
            std::get<event::Gap>(gap.what).lost.netlink_full);
}

}  // namespace
}  // namespace sockscope::live
