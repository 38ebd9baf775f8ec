// SPDX-License-Identifier: Apache-2.0
// Ways to connect, accept, send and receive over TCP: one act, one assertion of every field.
#include <fcntl.h>
#include <linux/errqueue.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>

#include "acts_conversation.h"
#include "acts_io_uring.h"

namespace sockscope::live {
namespace {

constexpr std::size_t kSize = 12'345;

class TcpActs : public testing::TestWithParam<std::uint8_t> {
 protected:
  Collector collector_;
};
INSTANTIATE_TEST_SUITE_P(Family, TcpActs, testing::Values(4, 6), family_name);

struct Pipe {
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    out = Fd(ends[0]);
    in = Fd(ends[1]);
  }
  Fd out;
  Fd in;
};

TEST_P(TcpActs, SendBothWays) {
  Conversation talk = converse(collector_, GetParam());
  send_bytes(talk.client.get(), kSize);
  ASSERT_TRUE(read_exactly(talk.server.get(), kSize));
  send_bytes(talk.server.get(), 77);
  ASSERT_TRUE(read_exactly(talk.client.get(), 77));
  finish(collector_, talk, kSize, 77);
}

TEST_P(TcpActs, NoOwnerEventWhenNobodyElseUsesIt) {
  Conversation talk = converse(collector_, GetParam());
  send_bytes(talk.client.get(), 5);
  ASSERT_TRUE(read_exactly(talk.server.get(), 5));
  finish(collector_, talk, 5, 0);
  EXPECT_EQ(collector_.count(EventKind::kOwner, talk.client_socket.cookie), 0u);
  EXPECT_EQ(collector_.count(EventKind::kOwner, talk.server_socket.cookie), 0u);
}

TEST_P(TcpActs, NoByteAtAll) {
  Conversation talk = converse(collector_, GetParam());
  finish(collector_, talk, 0, 0);
}

TEST_P(TcpActs, WriteAndRead) {
  Conversation talk = converse(collector_, GetParam());
  std::vector<char> bytes = payload(100);
  ASSERT_EQ(::write(talk.client.get(), bytes.data(), 100), 100);
  ASSERT_EQ(::read(talk.server.get(), bytes.data(), 100), 100);
  finish(collector_, talk, 100, 0);
}

TEST_P(TcpActs, Writev) {
  Conversation talk = converse(collector_, GetParam());
  std::vector<char> first = payload(10), second = payload(20);
  const iovec parts[] = {{first.data(), 10}, {second.data(), 20}};
  ASSERT_EQ(::writev(talk.client.get(), parts, 2), 30);
  ASSERT_TRUE(read_exactly(talk.server.get(), 30));
  finish(collector_, talk, 30, 0);
}

TEST_P(TcpActs, Sendmmsg) {
  Conversation talk = converse(collector_, GetParam());
  std::vector<char> bytes = payload(15);
  iovec part{bytes.data(), bytes.size()};
  std::array<mmsghdr, 3> messages{};
  for (mmsghdr& message : messages) {
    message.msg_hdr.msg_iov = &part;
    message.msg_hdr.msg_iovlen = 1;
  }
  ASSERT_EQ(::sendmmsg(talk.client.get(), messages.data(), messages.size(), 0), 3);
  ASSERT_TRUE(read_exactly(talk.server.get(), 45));
  finish(collector_, talk, 45, 0);
}

TEST_P(TcpActs, Sendfile) {
  Conversation talk = converse(collector_, GetParam());
  const Fd file(::memfd_create("content", MFD_CLOEXEC));
  const std::vector<char> bytes = payload(kSize);
  ASSERT_EQ(::write(file.get(), bytes.data(), kSize), static_cast<ssize_t>(kSize));
  off_t offset = 0;
  ASSERT_EQ(::sendfile(talk.client.get(), file.get(), &offset, kSize), static_cast<ssize_t>(kSize));
  ASSERT_TRUE(read_exactly(talk.server.get(), kSize));
  finish(collector_, talk, kSize, 0);
}

TEST_P(TcpActs, SpliceIntoSocket) {
  Conversation talk = converse(collector_, GetParam());
  const Pipe pipe;
  const std::vector<char> bytes = payload(500);
  ASSERT_EQ(::write(pipe.in.get(), bytes.data(), 500), 500);
  ASSERT_EQ(::splice(pipe.out.get(), nullptr, talk.client.get(), nullptr, 500, 0), 500);
  ASSERT_TRUE(read_exactly(talk.server.get(), 500));
  finish(collector_, talk, 500, 0);
}

TEST_P(TcpActs, SpliceOutOfSocket) {
  Conversation talk = converse(collector_, GetParam());
  const Pipe pipe;
  send_bytes(talk.client.get(), 500);
  ASSERT_EQ(::splice(talk.server.get(), nullptr, pipe.in.get(), nullptr, 500, 0), 500);
  finish(collector_, talk, 500, 0);
}

TEST_P(TcpActs, ZeroCopy) {
  Conversation talk = converse(collector_, GetParam());
  set_option(talk.client.get(), SOL_SOCKET, SO_ZEROCOPY, 1);
  send_bytes(talk.client.get(), 40'000, MSG_ZEROCOPY);
  ASSERT_TRUE(read_exactly(talk.server.get(), 40'000));
  wait_for_hangup(talk.client.get(), 0);  // POLLERR: the notification has arrived
  std::array<char, 128> control;
  msghdr message{};
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ASSERT_GE(::recvmsg(talk.client.get(), &message, MSG_ERRQUEUE), 0);
  finish(collector_, talk, 40'000, 0);
}

TEST_P(TcpActs, PeekIsNotCountedTwice) {
  Conversation talk = converse(collector_, GetParam());
  send_bytes(talk.client.get(), 300);
  std::array<char, 300> buffer;
  ASSERT_EQ(::recv(talk.server.get(), buffer.data(), 300, MSG_PEEK | MSG_WAITALL), 300);
  ASSERT_TRUE(read_exactly(talk.server.get(), 300));
  finish(collector_, talk, 300, 0);
}

TEST_P(TcpActs, DiscardingReceive) {
  Conversation talk = converse(collector_, GetParam());
  send_bytes(talk.client.get(), 300);
  ASSERT_EQ(::recv(talk.server.get(), nullptr, 300, MSG_TRUNC | MSG_WAITALL), 300);
  finish(collector_, talk, 300, 0);
}

TEST_P(TcpActs, UrgentByte) {
  Conversation talk = converse(collector_, GetParam());
  set_option(talk.server.get(), SOL_SOCKET, SO_OOBINLINE, 1);
  send_bytes(talk.client.get(), 5, MSG_OOB);
  ASSERT_TRUE(read_exactly(talk.server.get(), 4));
  ASSERT_TRUE(read_exactly(talk.server.get(), 1));
  finish(collector_, talk, 5, 0);
}

TEST_P(TcpActs, IoUringSendAndReceive) {
  Conversation talk = converse(collector_, GetParam());
  IoUring ring;
  const std::vector<char> bytes = payload(200);
  std::vector<char> buffer(200);
  ASSERT_EQ(ring.run(uring_send(talk.client.get(), bytes)), 200);
  ASSERT_EQ(ring.run(uring_receive(talk.server.get(), buffer)), 200);
  finish(collector_, talk, 200, 0);
}

// The operation runs in a kernel worker thread of the process.
TEST_P(TcpActs, IoUringSendByWorker) {
  Conversation talk = converse(collector_, GetParam());
  IoUring ring;
  const std::vector<char> bytes = payload(200);
  io_uring_sqe operation = uring_send(talk.client.get(), bytes);
  operation.flags = IOSQE_ASYNC;
  ASSERT_EQ(ring.run(operation), 200);
  ASSERT_TRUE(read_exactly(talk.server.get(), 200));
  finish(collector_, talk, 200, 0);
}

TEST_P(TcpActs, IoUringSendByPollingThread) {
  Conversation talk = converse(collector_, GetParam());
  IoUring ring(IORING_SETUP_SQPOLL);
  const std::vector<char> bytes = payload(200);
  ASSERT_EQ(ring.run(uring_send(talk.client.get(), bytes)), 200);
  ASSERT_TRUE(read_exactly(talk.server.get(), 200));
  finish(collector_, talk, 200, 0);
}

TEST_P(TcpActs, IoUringConnectAndAccept) {
  IoUring ring;
  Conversation talk;
  talk.owner = owned_by(own_identity());
  talk.began_ns = mono_ns();
  talk.listener = listen_on(loopback(GetParam()));
  talk.client = open_socket(GetParam(), SOCK_STREAM);
  const Endpoint to = local_of(talk.listener.get());
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(talk.listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  io_uring_sqe connect{};
  connect.opcode = IORING_OP_CONNECT;
  connect.fd = talk.client.get();
  connect.addr = reinterpret_cast<std::uint64_t>(&address);
  connect.off = size;
  ASSERT_EQ(ring.run(connect), 0);
  const int accepted = ring.run(uring_accept(talk.listener.get()));
  ASSERT_GE(accepted, 0);
  talk.server = Fd(accepted);
  talk.client_socket = describe(talk.client.get());
  talk.server_socket = describe_accepted(talk.server.get(), talk.client_socket);
  EXPECT_EQ(talk.client_socket.remote, to);

  expect_event(collector_.wait_for(EventKind::kConnect, talk.client_socket.cookie),
               talk.expected_client(TcpState::kEstablished));
  const Event accept = collector_.wait_for(EventKind::kAccept, talk.server_socket.cookie);
  expect_event(accept, talk.expected_server(TcpState::kEstablished,
                                            untouched_owner(collector_.monitor(), accept)));
  finish(collector_, talk, 0, 0);
}

TEST_P(TcpActs, AcceptWithAddressMakesTheOwnerExact) {
  Conversation talk;
  talk.owner = owned_by(own_identity());
  talk.began_ns = mono_ns();
  talk.listener = listen_on(loopback(GetParam()));
  talk.client = connect_to(local_of(talk.listener.get()));
  talk.server = accept_from(talk.listener.get(), true);
  talk.client_socket = describe(talk.client.get());
  talk.server_socket = describe_accepted(talk.server.get(), talk.client_socket);
  collector_.wait_for(EventKind::kAccept, talk.server_socket.cookie);
  const auto flow = collector_.flow_of(talk.server_socket.cookie);
  ASSERT_TRUE(flow);
  expect_flow(*flow, talk.expected_server(TcpState::kEstablished));
  finish(collector_, talk, 0, 0);
}

TEST_P(TcpActs, NonBlockingConnect) {
  Conversation talk;
  talk.owner = owned_by(own_identity());
  talk.began_ns = mono_ns();
  talk.listener = listen_on(loopback(GetParam()));
  talk.client = open_socket(GetParam(), SOCK_STREAM | SOCK_NONBLOCK);
  ASSERT_EQ(try_connect(talk.client.get(), local_of(talk.listener.get())), EINPROGRESS);
  talk.server = accept_from(talk.listener.get());
  talk.client_socket = describe(talk.client.get());
  talk.server_socket = describe_accepted(talk.server.get(), talk.client_socket);
  expect_event(collector_.wait_for(EventKind::kConnect, talk.client_socket.cookie),
               talk.expected_client(TcpState::kEstablished));
  finish(collector_, talk, 0, 0);
}

// SYN and data in one call. Without a cookie from the server the data follows the handshake.
TEST_P(TcpActs, FastOpenSend) {
  Conversation talk;
  talk.owner = owned_by(own_identity());
  talk.began_ns = mono_ns();
  talk.listener = listen_on(loopback(GetParam()));
  talk.client = open_socket(GetParam(), SOCK_STREAM);
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(talk.listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::vector<char> bytes = payload(50);
  ASSERT_EQ(::sendto(talk.client.get(), bytes.data(), 50, MSG_FASTOPEN,
                     reinterpret_cast<sockaddr*>(&address), size),
            50);
  talk.server = accept_from(talk.listener.get());
  talk.client_socket = describe(talk.client.get());
  talk.server_socket = describe_accepted(talk.server.get(), talk.client_socket);
  expect_event(collector_.wait_for(EventKind::kConnect, talk.client_socket.cookie),
               talk.expected_client(TcpState::kEstablished));
  ASSERT_TRUE(read_exactly(talk.server.get(), 50));
  finish(collector_, talk, 50, 0);
}

// An IPv6 socket that talks IPv4 is shown as what it is on the wire.
TEST(TcpMapped, IsShownAsIpv4) {
  Collector collector;
  Conversation talk;
  talk.owner = owned_by(own_identity());
  talk.began_ns = mono_ns();
  Endpoint any;
  any.addr.family = 6;
  talk.listener = listen_on(any);
  const Socket listening = describe(talk.listener.get());
  Endpoint to = loopback(4, listening.local.port);
  talk.client = open_socket(6, SOCK_STREAM);
  ASSERT_EQ(try_connect(talk.client.get(), to, true), 0);
  talk.server = accept_from(talk.listener.get());
  talk.client_socket = describe(talk.client.get());
  talk.server_socket = describe_accepted(talk.server.get(), talk.client_socket);
  ASSERT_EQ(talk.client_socket.local.addr.family, 4);
  ASSERT_EQ(talk.server_socket.local.addr.family, 4);

  expect_event(collector.wait_for(EventKind::kConnect, talk.client_socket.cookie),
               talk.expected_client(TcpState::kEstablished));
  const Event accept = collector.wait_for(EventKind::kAccept, talk.server_socket.cookie);
  expect_event(accept, talk.expected_server(TcpState::kEstablished,
                                            untouched_owner(collector.monitor(), accept)));
  const auto listener = collector.flow_of(listening.cookie);
  ASSERT_TRUE(listener);
  expect_flow(*listener, {.socket = listening,
                          .owner = talk.owner,
                          .direction = Direction::kListen,
                          .state = TcpState::kListen,
                          .not_before_ns = talk.began_ns});
  send_bytes(talk.client.get(), 9);
  ASSERT_TRUE(read_exactly(talk.server.get(), 9));
  finish(collector, talk, 9, 0);
}

}  // namespace
}  // namespace sockscope::live
