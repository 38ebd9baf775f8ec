// SPDX-License-Identifier: Apache-2.0
// In these tests the other end of a pair of sockets plays the kernel's part.
#include "source/sock_diag/sock_diag.h"

#include <gtest/gtest.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace sockscope {
namespace {

using Bytes = std::vector<std::byte>;

void append(Bytes& bytes, const void* value, std::size_t size) {
  const auto* begin = static_cast<const std::byte*>(value);
  bytes.insert(bytes.end(), begin, begin + size);
}

Bytes message(std::uint16_t type, std::uint32_t sequence, const void* body, std::size_t size,
              std::uint16_t flags = 0) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + size);
  header.nlmsg_type = type;
  header.nlmsg_flags = flags;
  header.nlmsg_seq = sequence;
  Bytes bytes;
  append(bytes, &header, sizeof header);
  append(bytes, body, size);
  return bytes;
}

Bytes socket_message(std::uint32_t sequence, std::uint32_t cookie, std::uint16_t flags = 0) {
  inet_diag_msg socket{};
  socket.idiag_family = 2;
  socket.idiag_state = 1;
  socket.id.idiag_cookie[0] = cookie;
  return message(SOCK_DIAG_BY_FAMILY, sequence, &socket, sizeof socket, flags);
}

Bytes done(std::uint32_t sequence, std::int32_t status = 0, std::uint16_t flags = 0) {
  return message(NLMSG_DONE, sequence, &status, sizeof status, flags);
}

Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

class SockDiagTest : public testing::Test {
 protected:
  SockDiagTest() {
    auto [ours, theirs] = pair();
    kernel_ = std::move(theirs);
    auto [news, theirs_too] = pair();
    news_ = std::move(theirs_too);
    source_ = std::make_unique<SockDiag>(std::move(ours), std::move(news));
  }

  static std::pair<Fd, Fd> pair() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
    const timeval patience{5, 0};
    for (const int end : ends)
      ::setsockopt(end, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return {Fd(ends[0]), Fd(ends[1])};
  }

  static void say(const Fd& to, const Bytes& bytes) {
    ASSERT_EQ(::send(to.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }
  void answer(const Bytes& bytes) { say(kernel_, bytes); }

  Result<void> read() {
    return source_->read([this](PolledSocket& socket) { seen_.push_back(socket.flow.cookie); });
  }

  // The requests received so far: protocol and family of each.
  std::vector<std::pair<int, int>> requests() {
    std::vector<std::pair<int, int>> asked;
    struct {
      nlmsghdr header;
      inet_diag_req_v2 body;
    } request;
    while (::recv(kernel_.get(), &request, sizeof request, MSG_DONTWAIT) == sizeof request) {
      EXPECT_EQ(request.header.nlmsg_type, SOCK_DIAG_BY_FAMILY);
      EXPECT_EQ(request.header.nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
      asked.emplace_back(request.body.sdiag_protocol, request.body.sdiag_family);
    }
    return asked;
  }

  Fd kernel_;
  Fd news_;
  std::unique_ptr<SockDiag> source_;
  std::vector<std::uint64_t> seen_;
};

using Asked = std::vector<std::pair<int, int>>;
using Seen = std::vector<std::uint64_t>;

TEST_F(SockDiagTest, AsksForEachTable) {
  answer(socket_message(1, 10) + socket_message(1, 11));
  answer(socket_message(1, 12) + done(1));
  answer(socket_message(2, 20) + done(2));
  answer(done(3));
  answer(socket_message(4, 40));
  answer(done(4));
  ASSERT_TRUE(read());
  EXPECT_EQ(seen_, (Seen{10, 11, 12, 20, 40}));
  EXPECT_EQ(requests(), (Asked{{6, AF_INET}, {6, AF_INET6}, {17, AF_INET}, {17, AF_INET6}}));
  EXPECT_EQ(source_->loss().total(), 0u);
}

TEST_F(SockDiagTest, AnInterruptedDumpIsAskedForAgain) {
  answer(socket_message(1, 10, NLM_F_DUMP_INTR) + socket_message(1, 11));
  answer(done(1));
  answer(socket_message(2, 10) + done(2, 0, NLM_F_DUMP_INTR));
  answer(socket_message(3, 12) + done(3, -EINTR));
  answer(socket_message(4, 10) + socket_message(4, 13) + done(4));
  answer(done(5));
  answer(done(6));
  answer(done(7));
  ASSERT_TRUE(read());
  EXPECT_EQ(seen_, (Seen{10, 11, 10, 12, 10, 13}));
  EXPECT_EQ(requests().size(), 7u);
}

TEST_F(SockDiagTest, OneThatIsAlwaysInterruptedIsTakenAsItIs) {
  for (std::uint32_t sequence = 1; sequence <= 16; ++sequence)
    answer(socket_message(sequence, sequence) + done(sequence, 0, NLM_F_DUMP_INTR));
  ASSERT_TRUE(read());
  EXPECT_EQ(seen_.size(), 16u);
  EXPECT_EQ(requests().size(), 16u);
}

TEST_F(SockDiagTest, AnswersToOtherRequestsAreLeftOut) {
  answer(socket_message(0, 1) + done(0) + socket_message(1, 10));
  answer(done(1));
  for (std::uint32_t sequence = 2; sequence <= 4; ++sequence)
    answer(socket_message(1, 2) + done(sequence));
  ASSERT_TRUE(read());
  EXPECT_EQ(seen_, (Seen{10}));
}

TEST_F(SockDiagTest, ARefusalIsAnError) {
  const std::int32_t status = -EPERM;
  nlmsgerr error{};
  error.error = status;
  answer(message(NLMSG_ERROR, 1, &error, sizeof error));
  const auto refused = read();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), std::errc::operation_not_permitted);
  // Answers that come late do not confuse the next read.
  answer(done(1));
  for (std::uint32_t sequence = 2; sequence <= 5; ++sequence) answer(done(sequence));
  EXPECT_TRUE(read());
}

TEST_F(SockDiagTest, ASilentKernelIsAnErrorToo) {
  answer(socket_message(1, 10));
  kernel_.reset();
  EXPECT_FALSE(read());
}

TEST_F(SockDiagTest, WhatCannotBeReadIsCounted) {
  Bytes cut = socket_message(1, 10);
  cut.pop_back();
  answer(cut);
  const std::uint32_t nothing = 0;
  answer(message(SOCK_DIAG_BY_FAMILY, 1, &nothing, sizeof nothing) + done(1));
  for (std::uint32_t sequence = 2; sequence <= 4; ++sequence) answer(done(sequence));
  ASSERT_TRUE(read());
  EXPECT_EQ(source_->loss().malformed, 2u);
}

TEST_F(SockDiagTest, NewsOfClosedSockets) {
  std::vector<std::uint64_t> closed;
  const auto take = [&](PolledSocket& socket) { closed.push_back(socket.flow.cookie); };
  source_->read_closes(take);
  EXPECT_TRUE(closed.empty());
  say(news_, socket_message(0, 1));
  say(news_, socket_message(0, 2) + socket_message(0, 3));
  say(news_, message(NLMSG_OVERRUN, 0, nullptr, 0));
  source_->read_closes(take);
  EXPECT_EQ(closed, (Seen{1, 2, 3}));
  EXPECT_EQ(source_->loss().netlink_full, 1u);
  say(news_, Bytes(3));
  source_->read_closes(take);
  EXPECT_EQ(source_->loss().malformed, 1u);
  EXPECT_EQ(closed.size(), 3u);
}

}  // namespace
}  // namespace sockscope
