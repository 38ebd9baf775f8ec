// SPDX-License-Identifier: Apache-2.0
// UDP sockets: one act, one assertion of every field.
#include <netinet/udp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "acts_expect.h"
#include "acts_io_uring.h"

namespace sockscope::live {
namespace {

class UdpActs : public testing::TestWithParam<std::uint8_t> {
 protected:
  UdpActs()
      : receiver_(open_socket(GetParam(), SOCK_DGRAM)),
        sender_(open_socket(GetParam(), SOCK_DGRAM)) {
    bind_to(receiver_.get(), loopback(GetParam()));
    to_ = local_of(receiver_.get());
  }

  void SetUp() override { SOCKSCOPE_SKIP_WHEN(blind_to_udp(collector_.monitor())); }

  void connect_sender() { ASSERT_EQ(try_connect(sender_.get(), to_), 0); }

  Expected expected(const Socket& socket) const {
    return {.socket = socket,
            .owner = owned_by(own_identity()),
            .not_before_ns = collector_.opened_ns()};
  }

  void expect_datagrams(const Counters& counters, std::uint64_t tx_bytes, std::uint64_t tx,
                        std::uint64_t rx_bytes, std::uint64_t rx) {
    EXPECT_EQ(counters.tx_bytes, tx_bytes);
    EXPECT_EQ(counters.tx_segments, tx);
    EXPECT_EQ(counters.rx_bytes, rx_bytes);
    EXPECT_EQ(counters.rx_segments, rx);
    EXPECT_EQ(counters.retransmits, 0u);
    EXPECT_EQ(counters.srtt_us, 0u);
    EXPECT_EQ(counters.min_rtt_us, 0u);
  }

  // Checks the open flow, closes the socket and checks the close event.
  void finish(Fd& fd, std::uint64_t tx_bytes, std::uint64_t tx, std::uint64_t rx_bytes,
              std::uint64_t rx) {
    const Socket socket = describe(fd.get());
    const auto open = collector_.flow_of(socket.cookie);
    ASSERT_TRUE(open);
    EXPECT_FALSE(open->closed);
    expect_flow(*open, expected(socket));
    expect_datagrams(open->counters, tx_bytes, tx, rx_bytes, rx);
    fd.reset();
    const Event closed = collector_.wait_for(EventKind::kClose, socket.cookie);
    expect_close(closed, expected(socket), TcpState::kNone);
    expect_datagrams(closed.flow.counters, tx_bytes, tx, rx_bytes, rx);
    EXPECT_EQ(collector_.count(EventKind::kClose, socket.cookie), 1u);
    const auto gone = collector_.flow_of(socket.cookie);
    EXPECT_TRUE(!gone || gone->closed);
  }

  void send_to_receiver(std::size_t size) {
    const std::vector<char> bytes = payload(size);
    if (describe(sender_.get()).remote.port != 0) {
      ASSERT_EQ(::send(sender_.get(), bytes.data(), size, 0), static_cast<ssize_t>(size));
      return;
    }
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    ASSERT_EQ(::getsockname(receiver_.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
    ASSERT_EQ(::sendto(sender_.get(), bytes.data(), size, 0,
                       reinterpret_cast<const sockaddr*>(&address), length),
              static_cast<ssize_t>(size));
  }

  bool is_in_packets() const {
    return door_of(collector_.monitor(), Observation::kUdpReceived)->name.starts_with("cgroup_skb");
  }

  void receive(std::size_t size, int flags = 0) {
    std::vector<char> buffer(70'000);
    ASSERT_EQ(::recv(receiver_.get(), buffer.data(), buffer.size(), flags),
              static_cast<ssize_t>(size));
  }

  Collector collector_;
  Fd receiver_;
  Fd sender_;
  Endpoint to_;
};
INSTANTIATE_TEST_SUITE_P(Family, UdpActs, testing::Values(4, 6), family_name);

TEST_P(UdpActs, Unconnected) {
  send_to_receiver(10);
  receive(10);
  send_to_receiver(1'000);
  receive(1'000);
  finish(sender_, 1'010, 2, 0, 0);
  finish(receiver_, 0, 0, 1'010, 2);
}

TEST_P(UdpActs, Connected) {
  connect_sender();
  send_to_receiver(13);
  receive(13);
  finish(sender_, 13, 1, 0, 0);
  finish(receiver_, 0, 0, 13, 1);
}

TEST_P(UdpActs, NeverUsed) {
  finish(receiver_, 0, 0, 0, 0);
}

// The kernel does not list a socket without a port, but it existed.
TEST_P(UdpActs, NeverBound) {
  const Socket socket = describe(sender_.get());
  sender_.reset();
  const Event closed = collector_.wait_for(EventKind::kClose, socket.cookie);
  expect_close(closed, expected(socket), TcpState::kNone);
  expect_datagrams(closed.flow.counters, 0, 0, 0, 0);
}

TEST_P(UdpActs, PeekIsNotCounted) {
  connect_sender();
  send_to_receiver(12);
  receive(12, MSG_PEEK);
  receive(12);
  finish(receiver_, 0, 0, 12, 1);
}

TEST_P(UdpActs, EmptyDatagramIsADatagram) {
  connect_sender();
  send_to_receiver(0);
  receive(0);
  finish(sender_, 0, 1, 0, 0);
  finish(receiver_, 0, 0, 0, 1);
}

// When UDP is counted in packets, what was put into the buffer counts as received.
TEST_P(UdpActs, UnreadDatagramsWereNotReceived) {
  connect_sender();
  send_to_receiver(40);
  send_to_receiver(50);
  receive(40);
  finish(sender_, 90, 2, 0, 0);
  is_in_packets() ? finish(receiver_, 0, 0, 90, 2) : finish(receiver_, 0, 0, 40, 1);
}

// Datagrams that found no room were not received, whatever the sizes of the others.
TEST_P(UdpActs, DatagramsWithoutRoomWereNotReceived) {
  set_option(receiver_.get(), SOL_SOCKET, SO_RCVBUF, 20'000);
  connect_sender();
  std::uint64_t sent = 0;
  for (std::size_t i = 0; i < 500; ++i) {
    const std::size_t size = i * 37 % 1'400 + 1;
    send_to_receiver(size);
    sent += size;
  }
  std::vector<char> buffer(2'000);
  std::uint64_t bytes = 0;
  std::uint32_t datagrams = 0;
  for (ssize_t got; (got = ::recv(receiver_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0;
       ++datagrams)
    bytes += static_cast<std::uint64_t>(got);
  ASSERT_LT(datagrams, 400u);
  finish(sender_, sent, 500, 0, 0);
  finish(receiver_, 0, 0, bytes, datagrams);
}

TEST_P(UdpActs, FailedReceiveIsNotCounted) {
  char byte;
  ASSERT_EQ(::recv(receiver_.get(), &byte, 1, MSG_DONTWAIT), -1);
  finish(receiver_, 0, 0, 0, 0);
}

TEST_P(UdpActs, SendmmsgAndRecvmmsg) {
  connect_sender();
  std::vector<char> bytes = payload(14);
  iovec part{bytes.data(), bytes.size()};
  std::array<mmsghdr, 3> messages{};
  for (mmsghdr& message : messages) {
    message.msg_hdr.msg_iov = &part;
    message.msg_hdr.msg_iovlen = 1;
  }
  ASSERT_EQ(::sendmmsg(sender_.get(), messages.data(), 3, 0), 3);
  ASSERT_EQ(::recvmmsg(receiver_.get(), messages.data(), 3, 0, nullptr), 3);
  finish(sender_, 42, 3, 0, 0);
  finish(receiver_, 0, 0, 42, 3);
}

TEST_P(UdpActs, SegmentedSendIsSeveralDatagrams) {
  connect_sender();
  set_option(sender_.get(), IPPROTO_UDP, UDP_SEGMENT, 1'000);
  send_to_receiver(3'500);
  for (const std::size_t size : {1'000u, 1'000u, 1'000u, 500u}) receive(size);
  finish(sender_, 3'500, 4, 0, 0);
  finish(receiver_, 0, 0, 3'500, 4);
}

// What QUIC servers do: the segment size comes with the call. The hook sees the bytes but no
// control message, so one call counts as one datagram, as types.h says.
TEST_P(UdpActs, SegmentSizeInAControlMessage) {
  connect_sender();
  std::vector<char> bytes = payload(3'500);
  iovec part{bytes.data(), bytes.size()};
  const std::uint16_t segment = 1'000;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof segment)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_UDP;
  header->cmsg_type = UDP_SEGMENT;
  header->cmsg_len = CMSG_LEN(sizeof segment);
  std::memcpy(CMSG_DATA(header), &segment, sizeof segment);
  ASSERT_EQ(::sendmsg(sender_.get(), &message, 0), 3'500);
  for (const std::size_t size : {1'000u, 1'000u, 1'000u, 500u}) receive(size);
  finish(receiver_, 0, 0, 3'500, 4);
  finish(sender_, 3'500, is_in_packets() ? 4 : 1, 0, 0);
}

// When UDP is counted in packets, the datagrams that arrived are counted.
TEST_P(UdpActs, CoalescedReceiveIsOneDatagram) {
  connect_sender();
  set_option(receiver_.get(), IPPROTO_UDP, UDP_GRO, 1);
  set_option(sender_.get(), IPPROTO_UDP, UDP_SEGMENT, 1'000);
  send_to_receiver(3'500);
  std::vector<char> buffer(70'000);
  const ssize_t got = ::recv(receiver_.get(), buffer.data(), buffer.size(), 0);
  if (got == 1'000) GTEST_SKIP() << "this kernel does not coalesce what it sends to itself";
  ASSERT_EQ(got, 3'500);
  finish(sender_, 3'500, 4, 0, 0);
  finish(receiver_, 0, 0, 3'500, is_in_packets() ? 4 : 1);
}

TEST_P(UdpActs, IoUring) {
  connect_sender();
  IoUring ring;
  const std::vector<char> bytes = payload(15);
  std::vector<char> buffer(100);
  ASSERT_EQ(ring.run(uring_send(sender_.get(), bytes)), 15);
  ASSERT_EQ(ring.run(uring_receive(receiver_.get(), buffer)), 15);
  finish(sender_, 15, 1, 0, 0);
  finish(receiver_, 0, 0, 15, 1);
}

// The datagram leaves, an ICMP error comes back, and the next send fails with it.
TEST_P(UdpActs, ClosedPort) {
  connect_sender();
  receiver_.reset();
  send_bytes(sender_.get(), 16);
  pollfd wanted{sender_.get(), 0, 0};
  ASSERT_EQ(::poll(&wanted, 1, 3000), 1);
  ASSERT_EQ(::send(sender_.get(), "again", 5, 0), -1);
  ASSERT_EQ(errno, ECONNREFUSED);
  finish(sender_, 16, 1, 0, 0);
}

TEST_P(UdpActs, BothWays) {
  connect_sender();
  ASSERT_EQ(try_connect(receiver_.get(), local_of(sender_.get())), 0);
  send_bytes(sender_.get(), 100);
  ASSERT_TRUE(read_exactly(receiver_.get(), 100));
  send_bytes(receiver_.get(), 200);
  ASSERT_TRUE(read_exactly(sender_.get(), 200));
  finish(sender_, 100, 1, 200, 1);
  finish(receiver_, 200, 1, 100, 1);
}

TEST_P(UdpActs, ClosedByAnHeir) {
  connect_sender();
  const Socket socket = describe(sender_.get());
  Child heir([&](Channel& test) {
    ::prctl(PR_SET_NAME, "heir", 0, 0, 0);
    test.put(own_identity());
    test.await();
    send_bytes(sender_.get(), 7);
  });
  const auto identity = heir.channel().get<Identity>();
  send_bytes(sender_.get(), 3);
  sender_.reset();
  heir.channel().signal();
  EXPECT_EQ(heir.wait(), 0);
  Expected end = expected(socket);
  end.owner = owned_by(identity, own_identity());
  const Event closed = collector_.wait_for(EventKind::kClose, socket.cookie);
  expect_close(closed, end, TcpState::kNone);
  expect_datagrams(closed.flow.counters, 10, 2, 0, 0);
}

TEST(UdpMapped, IsShownAsIpv4) {
  Collector collector;
  SOCKSCOPE_SKIP_WHEN(blind_to_udp(collector.monitor()));
  const Fd receiver = open_socket(4, SOCK_DGRAM);
  bind_to(receiver.get(), loopback(4));
  Fd sender = open_socket(6, SOCK_DGRAM);
  ASSERT_EQ(try_connect(sender.get(), local_of(receiver.get()), true), 0);
  send_bytes(sender.get(), 8);
  const Socket socket = describe(sender.get());
  ASSERT_EQ(socket.local.addr.family, 4);
  sender.reset();
  const Event closed = collector.wait_for(EventKind::kClose, socket.cookie);
  expect_close(
      closed,
      {.socket = socket, .owner = owned_by(own_identity()), .not_before_ns = collector.opened_ns()},
      TcpState::kNone);
  EXPECT_EQ(closed.flow.counters.tx_bytes, 8u);
}

}  // namespace
}  // namespace sockscope::live
