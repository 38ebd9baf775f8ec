// SPDX-License-Identifier: Apache-2.0
// Ways a TCP connection ends: one act, one assertion of every field.
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "acts_conversation.h"

namespace sockscope::live {
namespace {

class CloseActs : public testing::TestWithParam<std::uint8_t> {
 protected:
  // Other jobs on this host may leave any number of connections in TIME_WAIT.
  static Options roomy() {
    Options options = exact_owners();
    options.max_closed = 1'000'000;
    return options;
  }
  Collector collector_{roomy()};

  const Event& close_of(const Socket& socket) {
    return collector_.wait_for(EventKind::kClose, socket.cookie);
  }
  void expect_reset(const Socket& socket, const Expected& expected, bool sent) {
    const Event& event = collector_.wait_for(EventKind::kReset, socket.cookie);
    expect_event(event, expected);
    EXPECT_EQ(std::get<event::Reset>(event.what).sent, sent);
  }
};
INSTANTIATE_TEST_SUITE_P(Family, CloseActs, testing::Values(4, 6), family_name);

void wait_for_unread(int fd, int size) {
  int unread = 0;
  const std::uint64_t deadline = mono_ns() + 3'000'000'000;
  while (unread < size && mono_ns() < deadline) {
    pollfd wanted{fd, POLLIN, 0};
    ::poll(&wanted, 1, 10);
    ASSERT_EQ(::ioctl(fd, FIONREAD, &unread), 0);
  }
  ASSERT_EQ(unread, size);
}

// The kernel keeps no more connections in TIME_WAIT than net.ipv4.tcp_max_tw_buckets.
bool is_in_time_wait(const Socket& socket) {
  char ports[32];
  std::snprintf(ports, sizeof ports, "%04X %04X 06", socket.local.port, socket.remote.port);
  std::ifstream table(socket.local.addr.family == 4 ? "/proc/net/tcp" : "/proc/net/tcp6");
  for (std::string line; std::getline(table, line);) {
    std::string number, local, remote, state;
    std::istringstream(line) >> number >> local >> remote >> state;
    if (local.substr(local.rfind(':') + 1) + " " + remote.substr(remote.rfind(':') + 1) + " " +
            state ==
        ports)
      return true;
  }
  return false;
}

TEST_P(CloseActs, ServerClosesFirst) {
  Conversation talk = converse(collector_, GetParam());
  send_bytes(talk.client.get(), 20);
  ASSERT_TRUE(read_exactly(talk.server.get(), 20));
  send_bytes(talk.server.get(), 30);
  ASSERT_TRUE(read_exactly(talk.client.get(), 30));
  const Counters client_before = counters_of(talk.client.get());
  const Counters server_before = counters_of(talk.server.get());
  talk.server.reset();
  wait_for_hangup(talk.client.get());
  talk.client.reset();

  const Event server = close_of(talk.server_socket);
  expect_close(server, talk.expected_server(TcpState::kClose), TcpState::kFinWait2);
  expect_final_counters(server.flow.counters, server_before, 30, 20);
  const Event client = close_of(talk.client_socket);
  expect_close(client, talk.expected_client(TcpState::kClose), TcpState::kLastAck);
  expect_final_counters(client.flow.counters, client_before, 20, 30);

  // The kernel keeps the end that closed first in TIME_WAIT; what was known of it before stays.
  const auto remnant = collector_.flow_of(talk.server_socket.cookie);
  ASSERT_TRUE(remnant);
  EXPECT_TRUE(remnant->closed);
  expect_flow(*remnant,
              talk.expected_server(is_in_time_wait(talk.server_socket) ? TcpState::kTimeWait
                                                                       : TcpState::kClose));
  EXPECT_EQ(remnant->closed_ns, server.flow.closed_ns);
  expect_final_counters(remnant->counters, server_before, 30, 20);
}

TEST_P(CloseActs, HalfClose) {
  SOCKSCOPE_SKIP_WHEN(blind_to_quiet_owner(collector_.monitor()));
  Conversation talk = converse(collector_, GetParam());
  send_bytes(talk.client.get(), 11);
  ASSERT_TRUE(read_exactly(talk.server.get(), 11));
  ASSERT_EQ(::shutdown(talk.client.get(), SHUT_WR), 0);
  wait_for_hangup(talk.server.get());
  wait_for_tcp_state(talk.client.get(), TcpState::kFinWait2);
  const auto half_client = collector_.flow_of(talk.client_socket.cookie);
  const auto half_server = collector_.flow_of(talk.server_socket.cookie);
  ASSERT_TRUE(half_client && half_server);
  expect_flow(*half_client, talk.expected_client(TcpState::kFinWait2));
  expect_flow(*half_server, talk.expected_server(TcpState::kCloseWait));
  EXPECT_EQ(half_client->counters.tx_bytes, 11u);
  EXPECT_EQ(half_server->counters.rx_bytes, 11u);

  send_bytes(talk.server.get(), 70);
  ASSERT_TRUE(read_exactly(talk.client.get(), 70));
  const Counters client_before = counters_of(talk.client.get());
  const Counters server_before = counters_of(talk.server.get());
  talk.server.reset();
  const Event client = close_of(talk.client_socket);
  expect_close(client, talk.expected_client(TcpState::kClose), TcpState::kFinWait2);
  expect_final_counters(client.flow.counters, client_before, 11, 70);
  const Event server = close_of(talk.server_socket);
  expect_close(server, talk.expected_server(TcpState::kClose), TcpState::kLastAck);
  expect_final_counters(server.flow.counters, server_before, 70, 11);
}

TEST_P(CloseActs, UnreadBytesMakeAReset) {
  Conversation talk = converse(collector_, GetParam());
  send_bytes(talk.client.get(), 333);
  wait_for_unread(talk.server.get(), 333);
  const Counters client_before = counters_of(talk.client.get());
  const Counters server_before = counters_of(talk.server.get());
  talk.server.reset();

  const Event server = close_of(talk.server_socket);
  expect_close(server, talk.expected_server(TcpState::kClose), TcpState::kEstablished);
  expect_final_counters(server.flow.counters, server_before, 0, 333);
  expect_reset(talk.server_socket, talk.expected_server(TcpState::kClose), true);
  expect_reset(talk.client_socket, talk.expected_client(TcpState::kEstablished), false);
  const Event client = close_of(talk.client_socket);
  expect_close(client, talk.expected_client(TcpState::kClose), TcpState::kEstablished);
  expect_final_counters(client.flow.counters, client_before, 333, 0);
}

TEST_P(CloseActs, LingerZero) {
  SOCKSCOPE_SKIP_WHEN(blind_to_quiet_owner(collector_.monitor()));
  Conversation talk = converse(collector_, GetParam());
  send_bytes(talk.client.get(), 100);
  ASSERT_TRUE(read_exactly(talk.server.get(), 100));
  const Counters client_before = counters_of(talk.client.get());
  const Counters server_before = counters_of(talk.server.get());
  reset_at_close(talk.client.get());
  talk.client.reset();

  const Event client = close_of(talk.client_socket);
  expect_close(client, talk.expected_client(TcpState::kClose), TcpState::kEstablished);
  expect_final_counters(client.flow.counters, client_before, 100, 0);
  expect_reset(talk.client_socket, talk.expected_client(TcpState::kClose), true);
  expect_reset(talk.server_socket, talk.expected_server(TcpState::kEstablished), false);
  const Event server = close_of(talk.server_socket);
  expect_close(server, talk.expected_server(TcpState::kClose), TcpState::kEstablished);
  expect_final_counters(server.flow.counters, server_before, 0, 100);
}

// Bytes that still wait in the sender's buffer do not count as sent.
TEST_P(CloseActs, LingerZeroWithFullBuffers) {
  Conversation talk = converse(collector_, GetParam());
  const std::size_t accepted = send_until_full(talk.client.get());
  const Counters client_before = counters_of(talk.client.get());
  const Counters server_before = counters_of(talk.server.get());
  ASSERT_LT(client_before.tx_bytes, accepted);
  reset_at_close(talk.client.get());
  talk.client.reset();
  const Event client = close_of(talk.client_socket);
  expect_close(client, talk.expected_client(TcpState::kClose), TcpState::kEstablished);
  EXPECT_EQ(client.flow.counters.tx_bytes, client_before.tx_bytes);
  EXPECT_EQ(client.flow.counters.rx_bytes, 0u);
  const Event server = close_of(talk.server_socket);
  EXPECT_EQ(server.flow.counters.tx_bytes, 0u);
  EXPECT_EQ(server.flow.counters.rx_bytes, server_before.rx_bytes);
}

TEST_P(CloseActs, FailedSendsAreNotCounted) {
  Conversation talk = converse(collector_, GetParam());
  const std::size_t accepted = send_until_full(talk.client.get());
  talk.client.reset();
  ASSERT_TRUE(read_exactly(talk.server.get(), accepted));
  EXPECT_FALSE(read_exactly(talk.server.get(), 1));
  talk.server.reset();
  const Event client = close_of(talk.client_socket);
  expect_close(client, talk.expected_client(TcpState::kClose), TcpState::kFinWait2);
  EXPECT_EQ(client.flow.counters.tx_bytes, accepted);
  EXPECT_EQ(client.flow.counters.rx_bytes, 0u);
  const Event server = close_of(talk.server_socket);
  expect_close(server, talk.expected_server(TcpState::kClose), TcpState::kLastAck);
  EXPECT_EQ(server.flow.counters.tx_bytes, 0u);
  EXPECT_EQ(server.flow.counters.rx_bytes, accepted);
}

TEST_P(CloseActs, ResetBeforeAccept) {
  const std::uint64_t began = mono_ns();
  const Fd listener = listen_on(loopback(GetParam()));
  Fd client = connect_to(local_of(listener.get()));
  const Socket client_socket = describe(client.get());
  send_bytes(client.get(), 5);
  reset_at_close(client.get());
  client.reset();

  Socket server_socket = client_socket;
  std::swap(server_socket.local, server_socket.remote);
  server_socket.cookie = collector_.wait_for_accept_from(client_socket).flow.cookie;
  Expected expected{.socket = server_socket,
                    .owner = owned_by(own_identity(), OwnerKind::kInherited),
                    .direction = Direction::kInbound,
                    .state = TcpState::kEstablished,
                    .not_before_ns = began};
  expect_event(collector_.wait_for_accept_from(client_socket), expected);
  expect_reset(server_socket, expected, false);
  const Event server = close_of(server_socket);
  expected.state = TcpState::kClose;
  expect_close(server, expected, TcpState::kEstablished);
  EXPECT_EQ(server.flow.counters.tx_bytes, 0u);
  EXPECT_EQ(server.flow.counters.rx_bytes, 5u);

  const Fd accepted = accept_from(listener.get());
  EXPECT_EQ(cookie_of(accepted.get()), server_socket.cookie);
}

TEST_P(CloseActs, NeverAccepted) {
  const std::uint64_t began = mono_ns();
  const ExpectedOwner owner = owned_by(own_identity());
  Fd listener = listen_on(loopback(GetParam()));
  const Fd client = connect_to(local_of(listener.get()));
  const Socket client_socket = describe(client.get());
  send_bytes(client.get(), 5);
  const Event accept = collector_.wait_for_accept_from(client_socket);
  listener.reset();

  Socket server_socket = client_socket;
  std::swap(server_socket.local, server_socket.remote);
  server_socket.cookie = accept.flow.cookie;
  const Event server = close_of(server_socket);
  expect_close(server,
               {.socket = server_socket,
                .owner = owned_by(owner.process, OwnerKind::kInherited),
                .direction = Direction::kInbound,
                .state = TcpState::kClose,
                .not_before_ns = began},
               TcpState::kEstablished);
  EXPECT_EQ(server.flow.counters.tx_bytes, 0u);
  EXPECT_EQ(server.flow.counters.rx_bytes, 5u);
  const Event closed_client = close_of(client_socket);
  expect_close(closed_client,
               {.socket = client_socket,
                .owner = owner,
                .direction = Direction::kOutbound,
                .state = TcpState::kClose,
                .not_before_ns = began},
               TcpState::kEstablished);
  EXPECT_EQ(closed_client.flow.counters.tx_bytes, 5u);
}

struct Announced {
  Socket socket;
  Identity identity;
};

TEST_P(CloseActs, Sigkill) {
  const std::uint64_t began = mono_ns();
  const Fd listener = listen_on(loopback(GetParam()));
  const Endpoint to = local_of(listener.get());
  Child child([&](Channel& test) {
    const Fd client = connect_to(to);
    send_bytes(client.get(), 9);
    test.put(Announced{describe(client.get()), own_identity()});
    test.await();
  });
  const auto announced = child.channel().get<Announced>();
  Fd server = accept_from(listener.get());
  ASSERT_TRUE(read_exactly(server.get(), 9));
  child.kill();
  EXPECT_EQ(child.wait(), -SIGKILL);
  wait_for_hangup(server.get());
  server.reset();
  const Event client = close_of(announced.socket);
  expect_close(client,
               {.socket = announced.socket,
                .owner = owned_by(announced.identity),
                .direction = Direction::kOutbound,
                .state = TcpState::kClose,
                .not_before_ns = began},
               TcpState::kFinWait2);
  EXPECT_EQ(client.flow.counters.tx_bytes, 9u);
  EXPECT_EQ(client.flow.counters.rx_bytes, 0u);
}

// connect() to AF_UNSPEC ends the connection; then the same socket begins another.
TEST_P(CloseActs, DisconnectAndConnectAnew) {
  Conversation talk = converse(collector_, GetParam());
  send_bytes(talk.client.get(), 40);
  ASSERT_TRUE(read_exactly(talk.server.get(), 40));
  const sockaddr unspecified{};
  ASSERT_EQ(::connect(talk.client.get(), &unspecified, sizeof unspecified), 0);
  const Event first = close_of(talk.client_socket);
  expect_close(first, talk.expected_client(TcpState::kClose), TcpState::kEstablished);
  EXPECT_EQ(first.flow.counters.tx_bytes, 40u);

  talk.began_ns = mono_ns();
  ASSERT_EQ(try_connect(talk.client.get(), local_of(talk.listener.get())), 0);
  const Fd second_server = accept_from(talk.listener.get());
  send_bytes(talk.client.get(), 3);
  ASSERT_TRUE(read_exactly(second_server.get(), 3));
  const Socket again = describe(talk.client.get());
  ASSERT_EQ(again.cookie, talk.client_socket.cookie);
  talk.client_socket = again;
  const auto flow = collector_.flow_of(again.cookie);
  ASSERT_TRUE(flow);
  EXPECT_FALSE(flow->closed);
  expect_flow(*flow, talk.expected_client(TcpState::kEstablished));
  EXPECT_EQ(flow->counters.tx_bytes, 3u);
  talk.client.reset();
  wait_for_hangup(second_server.get());
  const Event second = collector_.wait_for(
      [&](const Event& event) {
        return event.kind() == EventKind::kClose && event.flow.cookie == again.cookie &&
               event.mono_ns > first.mono_ns;
      },
      "the second close");
  expect_close(second, talk.expected_client(TcpState::kClose), TcpState::kFinWait2);
  EXPECT_EQ(second.flow.counters.tx_bytes, 3u);
  EXPECT_EQ(collector_.count(EventKind::kConnect, again.cookie), 2u);
}

TEST_P(CloseActs, ListenerGoesAway) {
  const std::uint64_t began = mono_ns();
  Fd listener = listen_on(loopback(GetParam()));
  const Socket socket = describe(listener.get());
  const auto open = collector_.flow_of(socket.cookie);
  ASSERT_TRUE(open);
  EXPECT_FALSE(open->closed);
  expect_flow(*open, {.socket = socket,
                      .owner = owned_by(own_identity()),
                      .direction = Direction::kListen,
                      .state = TcpState::kListen,
                      .not_before_ns = began});
  listener.reset();
  const auto closed = collector_.flow_of(socket.cookie);
  EXPECT_TRUE(!closed || closed->closed);
}

}  // namespace
}  // namespace sockscope::live
