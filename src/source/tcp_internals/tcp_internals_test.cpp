// SPDX-License-Identifier: Apache-2.0
// Compares what the kernel says over netlink with what it tells the socket's owner.
#include "source/tcp_internals/tcp_internals.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <vector>

#include "decode/tcp_internals.h"

namespace sockscope {
namespace {

class Pair : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    const Fd listener(::socket(GetParam(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    address.ss_family = static_cast<sa_family_t>(GetParam());
    if (GetParam() == AF_INET)
      reinterpret_cast<sockaddr_in*>(&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
      reinterpret_cast<sockaddr_in6*>(&address)->sin6_addr = in6addr_loopback;
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(::listen(listener.get(), 1), 0);
    ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
    client_ = Fd(::socket(GetParam(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(client_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    server_ = Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    flow_.remote = end_of(address);
    ::getsockname(client_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    flow_.local = end_of(address);
    socklen_t width = sizeof flow_.cookie;
    ::getsockopt(client_.get(), SOL_SOCKET, SO_COOKIE, &flow_.cookie, &width);
  }

  Endpoint end_of(const sockaddr_storage& address) const {
    Endpoint end;
    if (GetParam() == AF_INET) {
      const auto& inet = reinterpret_cast<const sockaddr_in&>(address);
      end.addr.family = 4;
      std::memcpy(end.addr.bytes.data(), &inet.sin_addr, 4);
      end.port = ntohs(inet.sin_port);
    } else {
      const auto& inet6 = reinterpret_cast<const sockaddr_in6&>(address);
      end.addr.family = 6;
      std::memcpy(end.addr.bytes.data(), &inet6.sin6_addr, 16);
      end.port = ntohs(inet6.sin6_port);
    }
    return end;
  }

  Fd client_;
  Fd server_;
  Flow flow_;
  TcpInternalsReader reader_;
};

TEST_P(Pair, of_a_socket_bound_to_an_interface) {
  ASSERT_EQ(::setsockopt(client_.get(), SOL_SOCKET, SO_BINDTODEVICE, "lo", 2), 0);
  const auto without = reader_.read(flow_);
  ASSERT_TRUE(without);
  EXPECT_FALSE(*without);
  flow_.interface = ::if_nametoindex("lo");
  const auto told = reader_.read(flow_);
  ASSERT_TRUE(told && *told);
  EXPECT_NE((*told)->mss, 0u);
}

TEST_P(Pair, is_what_the_owner_is_told) {
  const std::vector<char> data(5000);
  ASSERT_EQ(::send(client_.get(), data.data(), data.size(), 0), 5000);  // nobody reads
  const auto told = reader_.read(flow_);
  ASSERT_TRUE(told && *told);
  tcp_info info{};
  socklen_t size = sizeof info;
  ASSERT_EQ(::getsockopt(client_.get(), IPPROTO_TCP, TCP_INFO, &info, &size), 0);
  char name[16] = "";
  socklen_t name_size = sizeof name;
  ASSERT_EQ(::getsockopt(client_.get(), IPPROTO_TCP, TCP_CONGESTION, name, &name_size), 0);
  EXPECT_EQ((*told)->mss, info.tcpi_snd_mss);
  EXPECT_EQ((*told)->path_mtu, info.tcpi_pmtu);
  EXPECT_EQ((*told)->congestion_window, info.tcpi_snd_cwnd);
  EXPECT_EQ((*told)->receive_space, info.tcpi_rcv_space);
  EXPECT_STREQ((*told)->congestion_control.data(), name);
  std::array<char, 512> all{};  // also members that this header does not have
  socklen_t all_size = all.size();
  ASSERT_EQ(::getsockopt(client_.get(), IPPROTO_TCP, TCP_INFO, all.data(), &all_size), 0);
  EXPECT_EQ((*told)->receive_window.has_value(), all_size >= 236);
  if ((*told)->receive_window) {
    std::uint32_t window = 0;
    std::memcpy(&window, all.data() + 232, sizeof window);
    EXPECT_GT(window, 0u);
    EXPECT_EQ(*(*told)->receive_window, window);
  }
  EXPECT_FALSE((*told)->slow_start_threshold);
  Flow other_end = flow_;
  std::swap(other_end.local, other_end.remote);
  socklen_t width = sizeof other_end.cookie;
  ::getsockopt(server_.get(), SOL_SOCKET, SO_COOKIE, &other_end.cookie, &width);
  const auto theirs = reader_.read(other_end);
  ASSERT_TRUE(theirs && *theirs);
  EXPECT_EQ((*theirs)->receive_queue, 5000u);
}

TEST_P(Pair, another_socket_with_these_ends_is_not_ours) {
  ++flow_.cookie;
  const auto told = reader_.read(flow_);
  ASSERT_TRUE(told);
  EXPECT_FALSE(*told);
}

TEST_P(Pair, gone) {
  flow_.local.port = 1;
  const auto told = reader_.read(flow_);
  ASSERT_TRUE(told);
  EXPECT_FALSE(*told);
}

INSTANTIATE_TEST_SUITE_P(TcpInternals, Pair, testing::Values(AF_INET, AF_INET6));

TEST(DecodeTcpInternals, older_kernels_tell_less) {
  struct {
    nlmsghdr header;
    inet_diag_msg head;
    nlattr attribute;
    unsigned char info[240];
  } message{};
  const auto decode = [&](std::size_t info) {
    message.attribute = {static_cast<std::uint16_t>(sizeof(nlattr) + info), INET_DIAG_INFO};
    message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    message.header.nlmsg_len = static_cast<std::uint32_t>(offsetof(decltype(message), info) + info);
    message.head.id.idiag_cookie[0] = 7;
    return decode_tcp_internals({reinterpret_cast<const std::byte*>(&message), sizeof message}, 7);
  };
  EXPECT_FALSE(decode(0));
  EXPECT_FALSE(decode(100));
  ASSERT_TRUE(decode(104));  // ends after total_retrans, Linux 2.6
  EXPECT_FALSE(decode(104)->busy_us);
  EXPECT_FALSE(decode(104)->unsent_bytes);
  EXPECT_TRUE(decode(160)->unsent_bytes);
  message.info[232] = 7;
  EXPECT_FALSE(decode(232)->receive_window);  // ends after snd_wnd, Linux 5.4
  EXPECT_FALSE(decode(235)->receive_window);
  EXPECT_EQ(decode(240)->receive_window, 7u);
}

}  // namespace
}  // namespace sockscope
