// SPDX-License-Identifier: Apache-2.0
// SYNs that meet no listener: the kernel refuses them without a socket.
#include <sched.h>
#include <sys/socket.h>

#include <cerrno>

#include "acts_conversation.h"

namespace sockscope::live {
namespace {

std::uint16_t free_port(std::uint8_t family) {
  Fd fd = open_socket(family, SOCK_STREAM);
  bind_to(fd.get(), loopback(family));
  return local_of(fd.get()).port;
}

Options refusals() {
  Options options;
  options.refusals = true;
  return options;
}

std::string blind_to_refusals(const Monitor& monitor) {
  if (door_of(monitor, Observation::kRefusedAttempts) != nullptr) return "";
  return std::string("this kernel does not tell: ") + to_string(Observation::kRefusedAttempts);
}

class Refusals : public testing::TestWithParam<std::uint8_t> {};
INSTANTIATE_TEST_SUITE_P(Family, Refusals, testing::Values(4, 6), family_name);

TEST_P(Refusals, ToldWithTheirEndsAndWithoutAnOwner) {
  Collector collector(refusals());
  SOCKSCOPE_SKIP_WHEN(blind_to_refusals(collector.monitor()));
  const Endpoint shut = loopback(GetParam(), free_port(GetParam()));
  Fd fd = open_socket(GetParam(), SOCK_STREAM);
  bind_to(fd.get(), loopback(GetParam()));
  const Socket client = describe(fd.get());
  const std::uint64_t before_ns = mono_ns();
  ASSERT_EQ(try_connect(fd.get(), shut), ECONNREFUSED);
  const std::uint64_t after_ns = mono_ns();
  const Event& told = collector.wait_for(
      [&](const Event& event) {
        return event.kind() == EventKind::kRefused && event.flow.local.port == shut.port;
      },
      "the refusal");
  EXPECT_EQ(told.flow.local, shut);
  EXPECT_EQ(told.flow.remote, client.local);
  EXPECT_EQ(told.flow.netns, client.netns);
  EXPECT_EQ(told.flow.protocol, Protocol::kTcp);
  EXPECT_EQ(told.flow.direction, Direction::kInbound);
  EXPECT_EQ(told.flow.cookie, 0u);
  EXPECT_EQ(told.flow.owner.pid, 0u);
  EXPECT_FALSE(told.flow.owner.uid);
  EXPECT_EQ(std::get<event::Refused>(told.what).attempts, 1u);
  EXPECT_GE(told.mono_ns, before_ns);
  EXPECT_LE(told.mono_ns, after_ns);
}

TEST_P(Refusals, NotOfPacketsThatAreNoAttempt) {
  Collector collector(refusals());
  SOCKSCOPE_SKIP_WHEN(blind_to_refusals(collector.monitor()));
  std::uint16_t port = 0;
  {
    // Bytes for a connection whose other end exited with unread data: answered with a reset.
    Fd listener = listen_on(loopback(GetParam()));
    port = local_of(listener.get()).port;
    Fd client = connect_to(local_of(listener.get()));
    Fd server = accept_from(listener.get());
    send_bytes(client.get(), 10);
    server.reset();
    (void)::send(client.get(), "x", 1, MSG_NOSIGNAL);
    (void)::send(client.get(), "x", 1, MSG_NOSIGNAL);
  }
  const Endpoint shut = loopback(GetParam(), free_port(GetParam()));
  ASSERT_EQ(try_connect(open_socket(GetParam(), SOCK_STREAM).get(), shut), ECONNREFUSED);
  collector.wait_for(
      [&](const Event& event) {
        return event.kind() == EventKind::kRefused && event.flow.local.port == shut.port;
      },
      "the refusal");
  for (const Event& event : collector.events())
    EXPECT_FALSE(event.kind() == EventKind::kRefused &&
                 (event.flow.local.port == port || event.flow.remote.port == port));
}

// A flood is not reported one by one, but it is counted, and pushes nothing else out of the ring.
TEST(RefusalFlood, IsCountedToTheLastAndLosesNothing) {
  cpu_set_t before;
  cpu_set_t one;
  CPU_ZERO(&one);
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &before)) {
      CPU_SET(cpu, &one);
      break;
    }
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  Collector collector(refusals());
  SOCKSCOPE_SKIP_WHEN(blind_to_refusals(collector.monitor()));
  const Endpoint shut = loopback(4, free_port(4));
  constexpr std::uint64_t kAttempts = 20'000;
  for (std::uint64_t i = 0; i + 1 < kAttempts; ++i)
    ASSERT_EQ(try_connect(open_socket(4, SOCK_STREAM).get(), shut), ECONNREFUSED);
  const timespec turn{0, 200'000'000};
  ::nanosleep(&turn, nullptr);  // the next one is reported, with the number of those that were not
  ASSERT_EQ(try_connect(open_socket(4, SOCK_STREAM).get(), shut), ECONNREFUSED);
  collector.catch_up();
  std::uint64_t told = 0;
  std::uint64_t attempts = 0;  // with those of strangers, which are not told one by one either
  bool are_strangers_told = false;
  for (const Event& event : collector.events()) {
    if (event.kind() != EventKind::kRefused) continue;
    attempts += std::get<event::Refused>(event.what).attempts;
    if (event.flow.local.port == shut.port)
      ++told;
    else
      are_strangers_told = true;
  }
  ::sched_setaffinity(0, sizeof before, &before);
  EXPECT_GE(attempts, kAttempts);
  if (!are_strangers_told) {
    EXPECT_EQ(attempts, kAttempts);
  }
  EXPECT_LT(told, kAttempts);
  EXPECT_EQ(collector.monitor().loss().total(), 0u);
}

}  // namespace
}  // namespace sockscope::live
