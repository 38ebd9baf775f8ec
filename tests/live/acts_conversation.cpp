// SPDX-License-Identifier: Apache-2.0
#include "acts_conversation.h"

#include <poll.h>

namespace sockscope::live {
namespace {

// The clock is read once for the flow and once for the event.
std::uint64_t read_twice_ns() {
  return static_cast<std::uint64_t>(patience().count()) * 3'333;
}

bool same(const Counters& a, const Counters& b) {
  return a.tx_bytes == b.tx_bytes && a.rx_bytes == b.rx_bytes && a.tx_segments == b.tx_segments &&
         a.rx_segments == b.rx_segments && a.retransmits == b.retransmits &&
         a.srtt_us == b.srtt_us && a.min_rtt_us == b.min_rtt_us;
}

}  // namespace

Conversation converse(Collector& collector, std::uint8_t family) {
  Conversation talk;
  talk.owner = owned_by(own_identity());
  talk.began_ns = mono_ns();
  talk.listener = listen_on(loopback(family));
  talk.client = connect_to(local_of(talk.listener.get()));
  talk.server = accept_from(talk.listener.get());
  talk.client_socket = describe(talk.client.get());
  talk.server_socket = describe_accepted(talk.server.get(), talk.client_socket);

  const Event connect = collector.wait_for(EventKind::kConnect, talk.client_socket.cookie);
  expect_event(connect, talk.expected_client(TcpState::kEstablished));
  EXPECT_LE(connect.mono_ns - connect.flow.opened_ns, read_twice_ns());
  EXPECT_LE(std::get<event::Connect>(connect.what).latency_us,
            (connect.mono_ns - talk.began_ns) / 1000);

  // Nobody has used the accepted socket, and after settle_owner the accept is reported like that.
  const Event accept = collector.wait_for(EventKind::kAccept, talk.server_socket.cookie);
  expect_event(accept, talk.expected_server(TcpState::kEstablished,
                                            untouched_owner(collector.monitor(), accept)));
  EXPECT_LE(accept.mono_ns - accept.flow.opened_ns, read_twice_ns());
  talk.id = connect.flow.conn_id;
  EXPECT_EQ(to_string(accept.flow.conn_id), to_string(talk.id));
  return talk;
}

void expect_open_counters(Collector& collector, int fd) {
  const std::uint64_t cookie = cookie_of(fd);
  // A delayed acknowledgement may come between the question and the snapshot; then both are
  // repeated.
  for (int attempt = 0; attempt < 20; ++attempt) {
    const Counters before = counters_of(fd);
    const auto flow = collector.flow_of(cookie);
    const Counters after = counters_of(fd);
    ASSERT_TRUE(flow);
    if (!same(before, after)) continue;
    EXPECT_EQ(flow->counters.tx_bytes, before.tx_bytes);
    EXPECT_EQ(flow->counters.rx_bytes, before.rx_bytes);
    EXPECT_EQ(flow->counters.tx_segments, before.tx_segments);
    EXPECT_EQ(flow->counters.rx_segments, before.rx_segments);
    EXPECT_EQ(flow->counters.retransmits, before.retransmits);
    EXPECT_EQ(flow->counters.srtt_us, before.srtt_us);
    EXPECT_EQ(flow->counters.min_rtt_us, before.min_rtt_us);
    return;
  }
  FAIL() << "the connection never rests";
}

void finish(Collector& collector, Conversation& talk, std::uint64_t client_bytes,
            std::uint64_t server_bytes) {
  expect_open_counters(collector, talk.client.get());
  expect_open_counters(collector, talk.server.get());
  const auto open_client = collector.flow_of(talk.client_socket.cookie);
  ASSERT_TRUE(open_client);
  expect_flow(*open_client, talk.expected_client(TcpState::kEstablished));
  if (talk.id == ConnectionId::kUnknown) talk.id = open_client->conn_id;
  EXPECT_NE(talk.id, ConnectionId::kUnknown);
  EXPECT_EQ(to_string(open_client->conn_id), to_string(talk.id));
  ASSERT_TRUE(open_client->other_end);
  EXPECT_EQ(open_client->other_end->cookie, talk.server_socket.cookie);
  EXPECT_EQ(open_client->other_end->owner.pid, talk.owner.process.pid);

  const Counters client_before = counters_of(talk.client.get());
  const Counters server_before = counters_of(talk.server.get());
  talk.client.reset();
  wait_for_hangup(talk.server.get());
  EXPECT_FALSE(read_exactly(talk.server.get(), 1)) << "bytes were left unread";
  talk.server.reset();

  const Event client = collector.wait_for(EventKind::kClose, talk.client_socket.cookie);
  expect_close(client, talk.expected_client(TcpState::kClose), TcpState::kFinWait2);
  expect_final_counters(client.flow.counters, client_before, client_bytes, server_bytes);
  const Event server = collector.wait_for(EventKind::kClose, talk.server_socket.cookie);
  expect_close(server, talk.expected_server(TcpState::kClose), TcpState::kLastAck);
  expect_final_counters(server.flow.counters, server_before, server_bytes, client_bytes);

  EXPECT_EQ(to_string(client.flow.conn_id), to_string(talk.id));
  EXPECT_EQ(to_string(server.flow.conn_id), to_string(talk.id));

  EXPECT_EQ(collector.count(EventKind::kClose, talk.client_socket.cookie), 1u);
  EXPECT_EQ(collector.count(EventKind::kClose, talk.server_socket.cookie), 1u);
  for (const Event& event : collector.events()) {
    if (event.flow.cookie != talk.client_socket.cookie &&
        event.flow.cookie != talk.server_socket.cookie)
      continue;
    if (event.kind() == EventKind::kOwner) expect_owner(event.flow.owner, talk.owner);
    const bool is_before = event.kind() == EventKind::kAttempt ||
                           event.flow.state == TcpState::kSynSent ||
                           event.flow.state == TcpState::kSynRecv;
    if (is_before) continue;
    EXPECT_EQ(to_string(event.flow.conn_id), to_string(talk.id)) << to_string(event.kind());
  }
}

}  // namespace sockscope::live
