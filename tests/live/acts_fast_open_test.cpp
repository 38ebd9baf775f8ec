// SPDX-License-Identifier: Apache-2.0
// TCP fast open gives a connection to its server before the handshake is over; it may even end
// before that.
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <fstream>

#include "acts_conversation.h"

namespace sockscope::live {
namespace {

constexpr std::size_t kRequest = 321;

// From now on the listener's connections receive only packets with one of these flags.
void let_through(int fd, std::uint8_t flags) {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, flags, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  const sock_fprog program{static_cast<unsigned short>(std::size(code)), code};
  if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0)
    throw std::runtime_error("SO_ATTACH_FILTER");
}

struct Talk {
  Socket client, server;
  Identity identity;
};

// A listener that accepts data with the SYN, in a network namespace where no cookie is required.
// The last packet of the handshake does not arrive.
struct EarlyServer {
  explicit EarlyServer(std::uint8_t of_family) : family(of_family) {
    enter_new_netns();
    std::ofstream("/proc/sys/net/ipv4/tcp_fastopen") << 0x607 << std::flush;
    listener = listen_on(loopback(family));
    let_through(listener.get(), TH_SYN | TH_RST);
  }

  void request() {
    client = open_socket(family, SOCK_STREAM);
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
    const std::vector<char> bytes = payload(kRequest);
    EXPECT_EQ(::sendto(client.get(), bytes.data(), kRequest, MSG_FASTOPEN,
                       reinterpret_cast<sockaddr*>(&address), size),
              static_cast<ssize_t>(kRequest));
    client_socket = describe(client.get());
  }

  // The running process accepts and reads while the handshake is not over.
  Fd serve() const {
    Fd server = accept_from(listener.get(), true);
    EXPECT_TRUE(read_exactly(server.get(), kRequest));
    wait_for_tcp_state(server.get(), TcpState::kSynRecv);
    return server;
  }

  void reset_client() {
    reset_at_close(client.get());
    client.reset();
  }

  Talk talk_of(const Fd& server) const {
    return {client_socket, describe_accepted(server.get(), client_socket), own_identity()};
  }

  std::uint8_t family;
  Fd listener, client;
  Socket client_socket;
};

class FastOpenActs : public testing::TestWithParam<std::uint8_t> {
 protected:
  Expected of_server(const Talk& talk, const ExpectedOwner& owner, TcpState state) const {
    return {.socket = talk.server,
            .owner = owner,
            .direction = Direction::kInbound,
            .state = state,
            .not_before_ns = began_ns_};
  }
  void expect_one(EventKind kind, const Talk& talk) {
    EXPECT_EQ(collector_.count(kind, talk.server.cookie), 1u) << to_string(kind);
  }
  // The server has the request; then `act` ends the connection, whose last state is `left`.
  void serve_and_end(TcpState left, const std::function<void(EarlyServer&, Fd& server)>& act) {
    Child child([&](Channel& test) {
      EarlyServer early(GetParam());
      early.request();
      Fd server = early.serve();
      test.put(early.talk_of(server));
      act(early, server);
      test.await();
    });
    const auto talk = child.channel().get<Talk>();
    const ExpectedOwner owner = owned_by(talk.identity);
    expect_event(collector_.wait_for(EventKind::kAccept, talk.server.cookie),
                 of_server(talk, owner, TcpState::kSynRecv));
    const Event& close = collector_.wait_for(EventKind::kClose, talk.server.cookie);
    expect_close(close, of_server(talk, owner, TcpState::kClose), left);
    EXPECT_EQ(close.flow.counters.rx_bytes, kRequest);
    EXPECT_EQ(close.flow.counters.tx_bytes, 0u);
    expect_one(EventKind::kAccept, talk);
    expect_one(EventKind::kClose, talk);
    child.channel().signal();
    EXPECT_EQ(child.wait(), 0);
  }

  std::uint64_t began_ns_ = mono_ns();
  Collector collector_;
};
INSTANTIATE_TEST_SUITE_P(Family, FastOpenActs, testing::Values(4, 6), family_name);

TEST_P(FastOpenActs, ServerClosesBeforeTheHandshakeIsOver) {
  serve_and_end(TcpState::kFinWait1, [](EarlyServer& early, Fd& server) {
    server.reset();
    early.reset_client();
  });
}

TEST_P(FastOpenActs, ClientResetsBeforeTheHandshakeIsOver) {
  serve_and_end(TcpState::kSynRecv, [](EarlyServer& early, Fd& server) {
    early.reset_client();
    wait_for_hangup(server.get());
  });
}

TEST_P(FastOpenActs, ServerResetsBeforeTheHandshakeIsOver) {
  serve_and_end(TcpState::kSynRecv, [](EarlyServer&, Fd& server) {
    reset_at_close(server.get());
    server.reset();
  });
}

// Nobody accepted it, so it belongs to the listener, with the bytes that came. By then the kernel
// no longer knows when it began.
TEST_P(FastOpenActs, ResetBeforeAnybodyAcceptsIt) {
  Child child([&](Channel& test) {
    EarlyServer early(GetParam());
    early.request();
    test.put(Talk{early.client_socket, {}, own_identity()});
    early.reset_client();
    test.await();
  });
  auto talk = child.channel().get<Talk>();
  const Event& accept = collector_.wait_for_accept_from(talk.client);
  talk.server = {accept.flow.cookie, talk.client.netns, Protocol::kTcp, talk.client.remote,
                 talk.client.local};
  const ExpectedOwner owner = owned_by(talk.identity, OwnerKind::kInherited);
  Expected expected = of_server(talk, owner, TcpState::kSynRecv);
  expected.opened_known = false;
  expect_event(accept, expected);
  const Event& close = collector_.wait_for(EventKind::kClose, talk.server.cookie);
  expected.state = TcpState::kClose;
  expect_close(close, expected, TcpState::kSynRecv);
  EXPECT_EQ(close.flow.counters.rx_bytes, kRequest);
  child.channel().signal();
  EXPECT_EQ(child.wait(), 0);
}

// A worker of a preforking server accepts early; then the handshake ends and everything goes on.
TEST_P(FastOpenActs, AWorkerTakesItEarly) {
  SOCKSCOPE_SKIP_WHEN(blind_to_quiet_owner(collector_.monitor()));
  Child parent([&](Channel& test) {
    EarlyServer early(GetParam());
    Child worker([&](Channel& up) {
      up.await();
      Fd server = early.serve();
      up.put(cookie_of(server.get()));
      up.put(own_identity());
      stop_dropping(server.get());
      send_bytes(server.get(), 5);
      up.await();
    });
    early.request();
    worker.channel().signal();
    Talk talk{early.client_socket, {}, {}};
    talk.server = {worker.channel().get<std::uint64_t>(), talk.client.netns, Protocol::kTcp,
                   talk.client.remote, talk.client.local};
    talk.identity = worker.channel().get<Identity>();
    test.put(talk);
    EXPECT_TRUE(read_exactly(early.client.get(), 5));
    send_bytes(early.client.get(), 7);  // its acknowledgement ends the handshake
    test.await();
    worker.channel().signal();
    EXPECT_EQ(worker.wait(), 0);
  });
  const auto talk = parent.channel().get<Talk>();
  const ExpectedOwner owner = owned_by(talk.identity);
  expect_event(collector_.wait_for(EventKind::kAccept, talk.server.cookie),
               of_server(talk, owner, TcpState::kEstablished));
  const auto open = collector_.flow_of(talk.server.cookie);
  ASSERT_TRUE(open);
  expect_flow(*open, of_server(talk, owner, TcpState::kEstablished));
  parent.channel().signal();
  const Event& close = collector_.wait_for(EventKind::kClose, talk.server.cookie);
  expect_owner(close.flow.owner, owner);
  EXPECT_EQ(close.flow.counters.tx_bytes, 5u);
  expect_one(EventKind::kAccept, talk);
  expect_one(EventKind::kClose, talk);
  EXPECT_EQ(parent.wait(), 0);
}

}  // namespace
}  // namespace sockscope::live
