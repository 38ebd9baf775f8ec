// SPDX-License-Identifier: Apache-2.0
// Sockets that existed before the monitor, sockets of other network namespaces, and a monitor that
// gave up its privileges.
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "acts_conversation.h"

namespace sockscope::live {
namespace {

struct Sockets {
  Socket listener, client, server, udp;
  Identity identity;
};

// Opens one socket of each kind and keeps them until told to send and close them one by one.
class Keeper {
 public:
  Keeper(std::uint8_t family, bool own_netns)
      : child_([family, own_netns](Channel& test) { run(family, own_netns, test); }),
        sockets(child_.channel().get<Sockets>()) {}

  void send_more() { step(); }
  void close_all() {
    step();
    EXPECT_EQ(child_.wait(), 0);
  }

 private:
  static void run(std::uint8_t family, bool own_netns, Channel& test) {
    ::prctl(PR_SET_NAME, "keeper", 0, 0, 0);
    if (own_netns) enter_new_netns();
    Fd listener = listen_on(loopback(family));
    Fd client = connect_to(local_of(listener.get()));
    Fd server = accept_from(listener.get());
    Fd udp = open_socket(family, SOCK_DGRAM);
    bind_to(udp.get(), loopback(family));
    send_bytes(client.get(), 100);
    read_exactly(server.get(), 100);
    test.put(Sockets{describe(listener.get()), describe(client.get()), describe(server.get()),
                     describe(udp.get()), own_identity()});
    test.await();
    send_bytes(server.get(), 23);
    read_exactly(client.get(), 23);
    test.signal();
    test.await();
    client.reset();
    wait_for_hangup(server.get());
    server.reset();
    udp.reset();
    listener.reset();
    test.signal();
  }

  void step() {
    child_.channel().signal();
    child_.channel().await();
  }

  Child child_;

 public:
  const Sockets sockets;
};

// Before Linux 5.12 an older socket has a number made by sockscope until its cookie is known, so it
// is searched by its ends.
const Flow* find(const Snapshot& snapshot, const Socket& socket) {
  for (const Flow& flow : snapshot.flows)
    if (flow.cookie == socket.cookie) return &flow;
  for (const Flow& flow : snapshot.flows)
    if (flow.netns == socket.netns && flow.protocol == socket.protocol &&
        flow.local == socket.local && flow.remote == socket.remote)
      return &flow;
  return nullptr;
}

// A process that was found holding a socket need not have opened it.
ExpectedOwner found(const Identity& identity) {
  return {identity, 0, OwnerKind::kBootstrap};
}

void expect_found(const Snapshot& snapshot, const Sockets& sockets) {
  const auto expect = [&](const Socket& socket, Direction direction,
                          TcpState state) -> const Flow* {
    const Flow* flow = find(snapshot, socket);
    EXPECT_NE(flow, nullptr) << to_string(socket.local);
    if (!flow) return nullptr;
    SCOPED_TRACE(to_string(socket.local) + " " + to_string(socket.remote));
    EXPECT_FALSE(flow->closed);
    expect_flow(*flow, {.socket = socket,
                        .owner = found(sockets.identity),
                        .direction = direction,
                        .state = state,
                        .opened_known = false});
    return flow;
  };
  expect(sockets.listener, Direction::kListen, TcpState::kListen);
  expect(sockets.udp, Direction::kUnknown, TcpState::kNone);
  const Flow* client = expect(sockets.client, Direction::kUnknown, TcpState::kEstablished);
  const Flow* server = expect(sockets.server, Direction::kUnknown, TcpState::kEstablished);
  if (!client || !server) return;
  EXPECT_EQ(client->counters.tx_bytes, 100u);
  EXPECT_EQ(client->counters.rx_bytes, 0u);
  EXPECT_EQ(server->counters.rx_bytes, 100u);
  EXPECT_EQ(server->counters.tx_bytes, 0u);
}

void expect_found_closed(Collector& collector, const Sockets& sockets) {
  const auto expected = [&](const Socket& socket) {
    return Expected{.socket = socket,
                    .owner = found(sockets.identity),
                    .direction = Direction::kUnknown,
                    .state = TcpState::kClose,
                    .opened_known = false};
  };
  const Event client = collector.wait_for(EventKind::kClose, sockets.client.cookie);
  expect_close(client, expected(sockets.client), TcpState::kFinWait2);
  EXPECT_EQ(client.flow.counters.tx_bytes, 100u);
  EXPECT_EQ(client.flow.counters.rx_bytes, 23u);
  const Event server = collector.wait_for(EventKind::kClose, sockets.server.cookie);
  expect_close(server, expected(sockets.server), TcpState::kLastAck);
  EXPECT_EQ(server.flow.counters.tx_bytes, 23u);
  EXPECT_EQ(server.flow.counters.rx_bytes, 100u);
  const Event udp = collector.wait_for(EventKind::kClose, sockets.udp.cookie);
  Expected udp_end = expected(sockets.udp);
  udp_end.state = TcpState::kNone;
  expect_close(udp, udp_end, TcpState::kNone);

  const Snapshot after = collector.snapshot();
  for (const Socket* socket : {&sockets.listener, &sockets.client, &sockets.server, &sockets.udp}) {
    const Flow* flow = find(after, *socket);
    EXPECT_TRUE(!flow || flow->closed) << to_string(socket->local);
  }
}

class Bootstrap : public testing::TestWithParam<std::uint8_t> {};
INSTANTIATE_TEST_SUITE_P(Family, Bootstrap, testing::Values(4, 6), family_name);

TEST_P(Bootstrap, OlderSocketsAreFoundAndTheirEndIsSeen) {
  Keeper keeper(GetParam(), false);
  Collector collector;
  expect_found(collector.snapshot(), keeper.sockets);
  keeper.send_more();
  keeper.close_all();
  expect_found_closed(collector, keeper.sockets);
}

TEST_P(Bootstrap, OlderSocketsOfAnotherNamespace) {
  Keeper keeper(GetParam(), true);
  ASSERT_NE(keeper.sockets.client.netns, own_netns());
  Collector collector;
  expect_found(collector.snapshot(), keeper.sockets);
  keeper.send_more();
  keeper.close_all();
  expect_found_closed(collector, keeper.sockets);
}

TEST_P(Bootstrap, NewerSocketsOfAnotherNamespace) {
  Collector collector;
  Keeper keeper(GetParam(), true);
  const Snapshot snapshot = collector.snapshot();
  for (const Socket* socket : {&keeper.sockets.listener, &keeper.sockets.client,
                               &keeper.sockets.server, &keeper.sockets.udp}) {
    const Flow* flow = find(snapshot, *socket);
    ASSERT_NE(flow, nullptr) << to_string(socket->local);
    EXPECT_FALSE(flow->closed);
    EXPECT_EQ(flow->netns, socket->netns);
    EXPECT_EQ(flow->local, socket->local);
    EXPECT_EQ(flow->remote, socket->remote);
    expect_owner(flow->owner, owned_by(keeper.sockets.identity));
  }
  keeper.send_more();
  keeper.close_all();
  collector.wait_for(EventKind::kClose, keeper.sockets.udp.cookie);
}

TEST_P(Bootstrap, AcceptFromAnOlderListener) {
  const std::uint64_t began = mono_ns();
  const Fd listener = listen_on(loopback(GetParam()));
  Collector collector;
  Conversation talk;
  talk.owner = owned_by(own_identity());
  talk.began_ns = began;
  talk.client = connect_to(local_of(listener.get()));
  talk.server = accept_from(listener.get());
  talk.client_socket = describe(talk.client.get());
  talk.server_socket = describe_accepted(talk.server.get(), talk.client_socket);
  const Event accept = collector.wait_for(EventKind::kAccept, talk.server_socket.cookie);
  expect_event(accept, talk.expected_server(TcpState::kEstablished,
                                            untouched_owner(collector.monitor(), accept)));
  send_bytes(talk.client.get(), 4);
  ASSERT_TRUE(read_exactly(talk.server.get(), 4));
  finish(collector, talk, 4, 0);
}

// No process has the file of such a connection. It belongs to the one that listens, until another
// one is found with it.
TEST_P(Bootstrap, OlderConnectionThatWaitsToBeAccepted) {
  Child server([family = GetParam()](Channel& test) {
    const Fd listener = listen_on(loopback(family));
    test.put(local_of(listener.get()));
    test.await();
    const Fd accepted = accept_from(listener.get());
    test.signal();
    test.await();
  });
  const Fd client = connect_to(server.channel().get<Endpoint>());
  const Socket ends = describe(client.get());
  Socket waiting = ends;
  waiting.cookie = 0;
  std::swap(waiting.local, waiting.remote);
  send_bytes(client.get(), 7);

  Collector collector;
  const auto owner = [&] {
    const Snapshot taken = collector.snapshot();
    const Flow* const flow = find(taken, waiting);
    return flow ? flow->owner : Owner{};
  };
  const Owner before = owner();
  EXPECT_EQ(before.pid, static_cast<std::uint32_t>(server.pid()));
  EXPECT_EQ(before.kind, OwnerKind::kInherited) << to_string(before.kind);

  server.channel().signal();
  server.channel().await();
  Owner after;
  for (int tries = 100; tries-- > 0 && after.kind != OwnerKind::kBootstrap;) {
    ::usleep(50'000);
    after = owner();
  }
  EXPECT_EQ(after.pid, static_cast<std::uint32_t>(server.pid()));
  EXPECT_EQ(after.kind, OwnerKind::kBootstrap) << to_string(after.kind);
  server.channel().signal();
  EXPECT_EQ(server.wait(), 0);
}

// The bytes of an older UDP socket are counted from now on.
TEST_P(Bootstrap, OlderUdpSocket) {
  const Fd receiver = open_socket(GetParam(), SOCK_DGRAM);
  bind_to(receiver.get(), loopback(GetParam()));
  const Fd sender = connect_to(local_of(receiver.get()), SOCK_DGRAM);
  send_bytes(sender.get(), 1'000);
  ASSERT_TRUE(read_exactly(receiver.get(), 1'000));
  Collector collector;
  SOCKSCOPE_SKIP_WHEN(blind_to_udp(collector.monitor()));
  send_bytes(sender.get(), 50);
  ASSERT_TRUE(read_exactly(receiver.get(), 50));
  const Snapshot snapshot = collector.snapshot();
  const Flow* sent = find(snapshot, describe(sender.get()));
  const Flow* received = find(snapshot, describe(receiver.get()));
  ASSERT_TRUE(sent && received);
  EXPECT_EQ(sent->counters.tx_bytes, 50u);
  EXPECT_EQ(sent->counters.tx_segments, 1u);
  EXPECT_EQ(received->counters.rx_bytes, 50u);
  EXPECT_EQ(received->counters.rx_segments, 1u);
}

TEST_P(Bootstrap, WithoutEventsOwnersAreStillFound) {
  Keeper keeper(GetParam(), false);
  Options options;
  options.connections = false;
  options.quality = false;
  Collector collector(options);
  expect_found(collector.snapshot(), keeper.sockets);
  keeper.send_more();
  keeper.close_all();
  const Snapshot after = collector.snapshot();
  for (const Socket* socket : {&keeper.sockets.listener, &keeper.sockets.server}) {
    const Flow* flow = find(after, *socket);
    EXPECT_TRUE(!flow || flow->closed) << to_string(socket->local);
  }
  EXPECT_EQ(collector.events().size(), 0u);
}

// Connections that ended before, which the kernel still keeps, must not push out those that were
// observed.
TEST_P(Bootstrap, RemnantsDoNotDriveOutWhatWasSeen) {
  Fd listener = listen_on(loopback(GetParam()));
  for (int i = 0; i < 1'200; ++i) {
    Fd client = connect_to(local_of(listener.get()));
    Fd server = accept_from(listener.get());
    client.reset();
    wait_for_hangup(server.get());
  }
  Options options;
  options.max_closed = 1'000;
  Collector collector(options);
  Conversation talk = converse(collector, GetParam());
  send_bytes(talk.client.get(), 12);
  ASSERT_TRUE(read_exactly(talk.server.get(), 12));
  talk.client.reset();
  wait_for_hangup(talk.server.get());
  talk.server.reset();
  collector.wait_for(EventKind::kClose, talk.client_socket.cookie);
  collector.wait_for(EventKind::kClose, talk.server_socket.cookie);
  for (int pass = 1; pass <= 2; ++pass) {
    SCOPED_TRACE(pass);
    const Snapshot snapshot = collector.snapshot();
    const Flow* client = find(snapshot, talk.client_socket);
    const Flow* server = find(snapshot, talk.server_socket);
    EXPECT_TRUE(client) << "the client's end is gone";
    EXPECT_TRUE(server) << "the server's end is gone";
    if (client) {
      EXPECT_EQ(client->counters.tx_bytes, 12u);
      EXPECT_TRUE(client->closed);
      // TIME_WAIT, unless the host has no room for more of them.
      expect_flow(*client, talk.expected_client(client->state));
    }
    if (server) {
      EXPECT_EQ(server->counters.rx_bytes, 12u);
      expect_flow(*server, talk.expected_server(TcpState::kClose));
    }
  }
}

// Everything a monitor does after privileges are dropped; the user is changed too.
TEST_P(Bootstrap, WithoutPrivileges) {
  Keeper keeper(GetParam(), false);
  Keeper distant(GetParam(), true);
  Child unprivileged([&](Channel& test) {
    Collector collector;
    const auto dropped = drop_privileges();
    ASSERT_TRUE(dropped) << dropped.error().message();
    Options ebpf;
    ebpf.source = Source::kEbpf;
    ASSERT_FALSE(Monitor::open(ebpf)) << "the privileges are still there";
    expect_found(collector.snapshot(), keeper.sockets);
    expect_found(collector.snapshot(), distant.sockets);
    Conversation talk = converse(collector, GetParam());
    send_bytes(talk.client.get(), 12);
    ASSERT_TRUE(read_exactly(talk.server.get(), 12));
    finish(collector, talk, 12, 0);
    test.signal();
    test.await();
    expect_found_closed(collector, keeper.sockets);
    expect_found_closed(collector, distant.sockets);
  });
  unprivileged.channel().await();
  for (Keeper* each : {&keeper, &distant}) {
    each->send_more();
    each->close_all();
  }
  unprivileged.channel().signal();
  EXPECT_EQ(unprivileged.wait(), 0);
}

}  // namespace
}  // namespace sockscope::live
