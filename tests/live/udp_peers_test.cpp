// SPDX-License-Identifier: Apache-2.0
// The remote ends of unconnected UDP sockets: each of them knows itself what it sent and received.
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>

#include "live_support.h"

namespace sockscope::live {
namespace {

Options with_peers(std::uint32_t most = 4096) {
  Options options;
  options.udp_peers = true;
  options.max_udp_peers = most;
  options.ring_bytes = 1 << 20;
  return options;
}

bool is_made(Monitor& monitor) {
  for (const Door& door : monitor.doors())
    if (door.observation == Observation::kUdpPeers && door.refused.empty()) return true;
  return false;
}

struct Sums {
  std::uint64_t rx_bytes = 0, rx = 0, tx_bytes = 0, tx = 0;
  bool operator==(const Sums&) const = default;
};
void PrintTo(const Sums& sums, std::ostream* out) {
  *out << sums.rx_bytes << " B in " << sums.rx << " received, " << sums.tx_bytes << " B in "
       << sums.tx << " sent";
}
Sums sums_of(const Counters& counters) {
  return {counters.rx_bytes, counters.rx_segments, counters.tx_bytes, counters.tx_segments};
}

// By remote end.
std::map<std::string, Flow> peers_of(const Snapshot& snapshot, std::uint64_t socket) {
  std::map<std::string, Flow> peers;
  for (const Flow& flow : snapshot.flows)
    if (flow.peer_of == socket) {
      EXPECT_TRUE(peers.emplace(to_string(flow.remote), flow).second) << to_string(flow.remote);
    }
  return peers;
}

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};
// mapped: an IPv4 address for an IPv6 socket.
Address address_of(const Endpoint& end, bool mapped = false) {
  Address address;
  if (end.addr.family == 4 && !mapped) {
    auto& in = reinterpret_cast<sockaddr_in&>(address.storage);
    in.sin_family = AF_INET;
    in.sin_port = htons(end.port);
    std::memcpy(&in.sin_addr, end.addr.bytes.data(), 4);
    address.size = sizeof in;
    return address;
  }
  auto& in = reinterpret_cast<sockaddr_in6&>(address.storage);
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(end.port);
  if (mapped) {
    in.sin6_addr.s6_addr[10] = in.sin6_addr.s6_addr[11] = 0xff;
    std::memcpy(&in.sin6_addr.s6_addr[12], end.addr.bytes.data(), 4);
  } else {
    std::memcpy(&in.sin6_addr, end.addr.bytes.data(), 16);
  }
  address.size = sizeof in;
  return address;
}

void send_to(int fd, const Address& to, std::size_t size) {
  const auto bytes = payload(size);
  ASSERT_EQ(
      ::sendto(fd, bytes.data(), size, 0, reinterpret_cast<const sockaddr*>(&to.storage), to.size),
      static_cast<ssize_t>(size));
}

Endpoint any(std::uint8_t family) {
  return {.addr = {.family = family}, .port = 0};
}

class UdpPeersLive : public testing::Test {
 protected:
  void SetUp() override {
    if (!is_made(collector_.monitor())) GTEST_SKIP() << "the kernel has no door for it";
  }
  Collector collector_{with_peers()};
};

TEST_F(UdpPeersLive, ClientsOfADualStackServer) {
  Fd server = open_socket(6, SOCK_DGRAM);
  set_option(server.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
  bind_to(server.get(), any(6));
  const Socket socket = describe(server.get());
  struct Client {
    Fd fd;
    Sums sums;  // as the server sees it
  };
  std::map<std::string, Client> clients;
  for (std::uint32_t i = 0; i < 6; ++i) {
    const std::uint8_t family = i % 2 == 0 ? 4 : 6;
    Fd fd = open_socket(family, SOCK_DGRAM);
    bind_to(fd.get(), loopback(family));
    Client client{std::move(fd), {}};
    Endpoint end = loopback(family, socket.local.port);
    if (family == 4) end.addr.bytes[3] = 1;  // the address that its answers come from
    const Address to = address_of(end);
    for (std::uint32_t k = 0; k <= i; ++k) {
      const std::size_t size = k == 1 ? 0 : 100 * i + k;
      send_to(client.fd.get(), to, size);
      client.sums.rx_bytes += size;
      ++client.sums.rx;
    }
    const Address back = address_of(local_of(client.fd.get()), family == 4);
    send_to(server.get(), back, 10 + i);
    client.sums.tx_bytes += 10 + i;
    client.sums.tx = 1;
    clients.emplace(to_string(local_of(client.fd.get())), std::move(client));
  }
  const Snapshot snapshot = collector_.snapshot();
  const auto peers = peers_of(snapshot, socket.cookie);
  ASSERT_EQ(peers.size(), clients.size());
  for (const auto& [end, client] : clients) {
    const Flow& flow = peers.at(end);
    EXPECT_EQ(sums_of(flow.counters), client.sums) << end;
    EXPECT_EQ(flow.owner.pid, own_identity().pid);
    EXPECT_EQ(flow.owner.comm, own_identity().comm);
    EXPECT_EQ(flow.local.port, socket.local.port);
    EXPECT_EQ(flow.local.addr.family, flow.remote.addr.family);
    EXPECT_EQ(flow.netns, own_netns());
    EXPECT_GE(flow.opened_ns, collector_.opened_ns());
    EXPECT_FALSE(flow.closed);
    // And from the client's side.
    const auto mirror = peers_of(snapshot, cookie_of(client.fd.get()));
    ASSERT_EQ(mirror.size(), 1u) << end;
    EXPECT_EQ(sums_of(mirror.begin()->second.counters),
              (Sums{client.sums.tx_bytes, client.sums.tx, client.sums.rx_bytes, client.sums.rx}));
  }
}

// The socket's own flow still counts everything, and a process's sums count only sockets.
TEST_F(UdpPeersLive, ProcessTotalsCountOnce) {
  Child other([](Channel& channel) {
    Fd server = open_socket(4, SOCK_DGRAM);
    bind_to(server.get(), loopback(4));
    Fd client = open_socket(4, SOCK_DGRAM);
    for (int i = 0; i < 5; ++i) {
      send_to(client.get(), address_of(local_of(server.get())), 100);
      std::array<char, 200> room;
      EXPECT_EQ(::recv(server.get(), room.data(), room.size(), 0), 100);
    }
    channel.signal();
    channel.await();
  });
  other.channel().await();
  const Snapshot snapshot = collector_.snapshot();
  std::size_t peers = 0;
  for (const Flow& flow : snapshot.flows)
    peers += flow.owner.pid == static_cast<std::uint32_t>(other.pid()) && flow.peer_of != 0;
  EXPECT_EQ(peers, 2u);
  for (const Process& process : snapshot.processes) {
    if (process.pid != static_cast<std::uint32_t>(other.pid())) continue;
    EXPECT_EQ(process.tx_bytes, 500u);
    EXPECT_EQ(process.rx_bytes, 500u);
    EXPECT_EQ(process.open_flows, 2u);
  }
  other.channel().signal();
  EXPECT_EQ(other.wait(), 0);
}

// Many datagrams in one call, some peeked at first, some received into too small a buffer: each
// counts once, with its full size.
TEST_F(UdpPeersLive, ManyInOneCallPeekedAndTruncated) {
  Fd server = open_socket(4, SOCK_DGRAM);
  bind_to(server.get(), loopback(4));
  Fd client = open_socket(4, SOCK_DGRAM);
  const Address to = address_of(local_of(server.get()));
  auto bytes = payload(3000);
  std::array<iovec, 8> parts;
  std::array<mmsghdr, 8> messages{};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    parts[i] = {bytes.data(), 300 + i};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_hdr.msg_name = const_cast<sockaddr_storage*>(&to.storage);
    messages[i].msg_hdr.msg_namelen = to.size;
  }
  ASSERT_EQ(::sendmmsg(client.get(), messages.data(), 8, 0), 8);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(::recv(server.get(), bytes.data(), 10, MSG_PEEK), 10);
  for (iovec& part : parts) part.iov_len = 10;
  for (mmsghdr& message : messages) message.msg_hdr.msg_name = nullptr;
  ASSERT_EQ(::recvmmsg(server.get(), messages.data(), 8, 0, nullptr), 8);

  const Snapshot snapshot = collector_.snapshot();
  const std::uint64_t all = 8 * 300 + 28;
  const auto received = peers_of(snapshot, cookie_of(server.get()));
  ASSERT_EQ(received.size(), 1u);
  EXPECT_EQ(sums_of(received.begin()->second.counters), (Sums{all, 8, 0, 0}));
  const auto sent = peers_of(snapshot, cookie_of(client.get()));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sums_of(sent.begin()->second.counters), (Sums{0, 0, all, 8}));
}

TEST_F(UdpPeersLive, SegmentsCountAsDatagrams) {
  Fd server = open_socket(4, SOCK_DGRAM);
  bind_to(server.get(), loopback(4));
  Fd together = open_socket(4, SOCK_DGRAM);
  bind_to(together.get(), loopback(4));
  set_option(together.get(), IPPROTO_UDP, UDP_GRO, 1);
  Fd client = open_socket(4, SOCK_DGRAM);
  set_option(client.get(), IPPROTO_UDP, UDP_SEGMENT, 1000);
  send_to(client.get(), address_of(local_of(server.get())), 4500);    // five
  send_to(client.get(), address_of(local_of(together.get())), 3000);  // three, read as one
  send_to(client.get(), address_of(local_of(server.get())), 900);     // one

  const Snapshot snapshot = collector_.snapshot();
  const auto sent = peers_of(snapshot, cookie_of(client.get()));
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sums_of(sent.at(to_string(local_of(server.get()))).counters), (Sums{0, 0, 5400, 6}));
  EXPECT_EQ(sums_of(sent.at(to_string(local_of(together.get()))).counters), (Sums{0, 0, 3000, 3}));
  EXPECT_EQ(sums_of(peers_of(snapshot, cookie_of(server.get())).begin()->second.counters),
            (Sums{5400, 6, 0, 0}));
  EXPECT_EQ(sums_of(peers_of(snapshot, cookie_of(together.get())).begin()->second.counters),
            (Sums{3000, 3, 0, 0}));
}

TEST_F(UdpPeersLive, ConnectedSocketsHaveNone) {
  Fd server = open_socket(4, SOCK_DGRAM);
  bind_to(server.get(), loopback(4));
  Fd client = connect_to(local_of(server.get()), SOCK_DGRAM);
  send_bytes(client.get(), 100);
  send_to(server.get(), address_of(local_of(client.get())), 50);
  const Snapshot snapshot = collector_.snapshot();
  EXPECT_TRUE(peers_of(snapshot, cookie_of(client.get())).empty());
  EXPECT_EQ(peers_of(snapshot, cookie_of(server.get())).size(), 1u);
}

TEST_F(UdpPeersLive, EndsAreToldWhenTheSocketCloses) {
  Fd server = open_socket(4, SOCK_DGRAM);
  bind_to(server.get(), loopback(4));
  const std::uint64_t cookie = cookie_of(server.get());
  std::map<std::string, std::uint64_t> sizes;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    Fd client = open_socket(4, SOCK_DGRAM);
    bind_to(client.get(), loopback(4));
    sizes[to_string(local_of(client.get()))] = i;
    send_to(client.get(), address_of(local_of(server.get())), i);
  }
  server.reset();
  for (const auto& [end, size] : sizes) {
    const Event& told = collector_.wait_for(
        [&, &end = end](const Event& event) {
          return event.kind() == EventKind::kUdpPeer && event.flow.peer_of == cookie &&
                 to_string(event.flow.remote) == end;
        },
        "the end of " + end);
    EXPECT_EQ(sums_of(told.flow.counters), (Sums{size, 1, 0, 0}));
    EXPECT_EQ(told.flow.owner.pid, own_identity().pid);
    EXPECT_TRUE(told.flow.closed);
    EXPECT_TRUE(std::get<event::UdpPeerClose>(told.what).duration_us);
  }
  // They stay as long as their socket, and the kernel no longer has them.
  const auto peers = peers_of(collector_.snapshot(), cookie);
  EXPECT_EQ(peers.size(), 3u);
  for (const auto& [end, flow] : peers) EXPECT_TRUE(flow.closed) << end;
  const auto& events = collector_.events();
  EXPECT_EQ(std::count_if(events.begin(), events.end(),
                          [&](const Event& event) {
                            return event.kind() == EventKind::kUdpPeer &&
                                   event.flow.peer_of == cookie;
                          }),
            3);
  EXPECT_EQ(collector_.snapshot().lost.udp_peers, 0u);
}

TEST(UdpPeersFlood, WhatDoesNotFitIsCounted) {
  Collector collector(with_peers(1024));
  if (!is_made(collector.monitor())) GTEST_SKIP() << "the kernel has no door for it";
  Fd socket = open_socket(4, SOCK_DGRAM);
  bind_to(socket.get(), any(4));
  constexpr std::uint32_t kEnds = 10'000;
  for (std::uint32_t i = 0; i < kEnds; ++i) {
    Endpoint end = loopback(4, 9);
    end.addr.bytes[2] = static_cast<std::uint8_t>(i >> 8);
    end.addr.bytes[3] = static_cast<std::uint8_t>(i);
    end.addr.bytes[1] = 77;
    send_to(socket.get(), address_of(end), 1);
  }
  const Snapshot snapshot = collector.snapshot();
  const std::uint64_t cookie = cookie_of(socket.get());
  const std::size_t shown = peers_of(snapshot, cookie).size();
  EXPECT_LE(shown, 1024u);
  EXPECT_GT(shown, 256u);
  // Remote ends of other sockets on this host may have come in between.
  EXPECT_GE(snapshot.lost.udp_peers + shown, kEnds - 64);
  EXPECT_LE(snapshot.lost.udp_peers + shown, kEnds + 1024u);
  for (const Flow& flow : snapshot.flows)
    if (flow.cookie == cookie) {
      EXPECT_EQ(flow.counters.tx_bytes, kEnds);
    }
}

// The beginning of RFC 9001, A.2.
constexpr std::array<std::uint8_t, 20> kInitial = {
    0xc0, 0, 0, 0, 1, 8, 0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 8, 0, 0, 0x44, 0x9e, 0x7b, 0x9a};

TEST_F(UdpPeersLive, QuicIsWhatTheSocketSends) {
  Fd server = open_socket(4, SOCK_DGRAM);
  bind_to(server.get(), loopback(4));
  Fd client = connect_to(local_of(server.get()), SOCK_DGRAM);
  std::vector<std::uint8_t> datagram(1200);
  std::copy(kInitial.begin(), kInitial.end(), datagram.begin());
  ASSERT_EQ(::send(client.get(), datagram.data(), datagram.size(), 0), 1200);
  Fd large = open_socket(4, SOCK_DGRAM);
  datagram[0] = 0xe0;  // Handshake
  const Address to = address_of(local_of(server.get()));
  ASSERT_EQ(::sendto(large.get(), datagram.data(), datagram.size(), 0,
                     reinterpret_cast<const sockaddr*>(&to.storage), to.size),
            1200);
  EXPECT_EQ(collector_.flow_of(cookie_of(client.get()))->app, App::kQuic);
  // It received an Initial, but anybody may send it anything.
  EXPECT_EQ(collector_.flow_of(cookie_of(server.get()))->app, App::kUnknown);
  EXPECT_EQ(collector_.flow_of(cookie_of(large.get()))->app, App::kUnknown);
  const std::uint64_t cookie = cookie_of(client.get());
  client.reset();
  EXPECT_EQ(collector_.wait_for(EventKind::kClose, cookie).flow.app, App::kQuic);
  EXPECT_EQ(collector_.flow_of(cookie)->app, App::kQuic);
}

// Short headers (0x40) do not count as tries, and the fixed bit (0x40) may be clear: RFC 9287.
TEST_F(UdpPeersLive, QuicIsToldByTheBitOfTheLongHeader) {
  Fd server = open_socket(4, SOCK_DGRAM);
  bind_to(server.get(), loopback(4));
  Fd client = connect_to(local_of(server.get()), SOCK_DGRAM);
  std::vector<std::uint8_t> datagram(1200);
  std::copy(kInitial.begin(), kInitial.end(), datagram.begin());
  datagram[0] = 0x40;
  for (int i = 0; i < 8; ++i)
    ASSERT_EQ(::send(client.get(), datagram.data(), datagram.size(), 0), 1200);
  EXPECT_EQ(collector_.flow_of(cookie_of(client.get()))->app, App::kUnknown);
  datagram[0] = 0x80;
  ASSERT_EQ(::send(client.get(), datagram.data(), datagram.size(), 0), 1200);
  EXPECT_EQ(collector_.flow_of(cookie_of(client.get()))->app, App::kQuic);
}

}  // namespace
}  // namespace sockscope::live
