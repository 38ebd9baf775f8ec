// SPDX-License-Identifier: Apache-2.0
// What listening sockets drop because their queue is full. The truth is the kernel's own count,
// which the holder of the socket can read.
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <thread>

#include "acts_conversation.h"

namespace sockscope::live {
namespace {

std::uint32_t drops_of(int fd) {
  std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
  socklen_t size = sizeof memory;
  EXPECT_EQ(::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory.data(), &size), 0);
  return memory[SK_MEMINFO_DROPS];
}

// Nobody accepts these connections: they fill the queue, and the rest is dropped.
std::vector<Fd> knock(const Endpoint& at, int times) {
  std::vector<Fd> clients;
  for (int i = 0; i < times; ++i) {
    Fd fd = open_socket(at.addr.family, SOCK_STREAM);
    ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
    (void)try_connect(fd.get(), at);
    clients.push_back(std::move(fd));
  }
  return clients;
}

class Listeners : public testing::TestWithParam<std::uint8_t> {
 protected:
  static Options watching() {
    Options options;
    options.listen_drops = true;
    return options;
  }
  // Everything reported for a listener so far.
  static std::uint64_t told_of(const Collector& collector, std::uint64_t cookie) {
    std::uint64_t dropped = 0;
    for (const Event& event : collector.events_of(cookie))
      if (const auto* drop = std::get_if<event::ListenDrop>(&event.what)) dropped += drop->dropped;
    return dropped;
  }
  // The kernel's count at the start of the monitor was between these two.
  struct Before {
    std::uint32_t least;
    std::uint32_t most;
  };
  // Waits until as much was reported as was dropped since. `drops`: the kernel's count, now.
  template <class Drops>
  static void expect_told(Collector& collector, std::uint64_t cookie, Before before, Drops drops) {
    const auto end = std::chrono::steady_clock::now() + patience();
    std::uint64_t truth = 0;
    do {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      truth = drops() - before.most;
      collector.catch_up();
    } while (told_of(collector, cookie) < truth && std::chrono::steady_clock::now() < end);
    EXPECT_GE(told_of(collector, cookie), truth);
    EXPECT_LE(told_of(collector, cookie), drops() - before.least);
  }
  static void expect_told(Collector& collector, int listener, std::uint32_t before) {
    expect_told(collector, cookie_of(listener), {before, before},
                [listener] { return drops_of(listener); });
  }
};
INSTANTIATE_TEST_SUITE_P(Family, Listeners, testing::Values(4, 6), family_name);

TEST_P(Listeners, WhatAFullQueueDropsIsTold) {
  constexpr int kBacklog = 2;
  Fd listener = listen_on(loopback(GetParam()), kBacklog);
  const Endpoint at = local_of(listener.get());
  const std::vector<Fd> earlier = knock(at, kBacklog + 3);
  const std::uint32_t before = drops_of(listener.get());
  ASSERT_GE(before, 1u);

  Collector collector(watching());
  const std::vector<Fd> later = knock(at, 5);
  expect_told(collector, listener.get(), before);

  const std::uint64_t cookie = cookie_of(listener.get());
  ASSERT_GE(collector.count(EventKind::kListenDrop, cookie), 1u);
  for (const Event& event : collector.events_of(cookie)) {
    if (event.kind() != EventKind::kListenDrop) continue;
    const auto& drop = std::get<event::ListenDrop>(event.what);
    EXPECT_EQ(drop.waiting, static_cast<std::uint32_t>(kBacklog + 1));
    EXPECT_EQ(drop.backlog, static_cast<std::uint32_t>(kBacklog));
    EXPECT_EQ(event.flow.local, at);
    EXPECT_EQ(event.flow.direction, Direction::kListen);
    EXPECT_EQ(event.flow.state, TcpState::kListen);
    EXPECT_EQ(event.flow.netns, own_netns());
    EXPECT_EQ(event.flow.owner.pid, own_identity().pid);
    EXPECT_EQ(event.flow.owner.comm, own_identity().comm);
  }
}

// A listener that is created later: everything it ever dropped is reported.
TEST_P(Listeners, ThatOfANewListenerToo) {
  Collector collector(watching());
  Fd listener = listen_on(loopback(GetParam()), 0);
  const std::vector<Fd> clients = knock(local_of(listener.get()), 4);
  expect_told(collector, listener.get(), 0);
  EXPECT_GE(told_of(collector, cookie_of(listener.get())), 1u);
}

// A process in a network namespace of its own, with a listener there whose queue is full.
class Elsewhere {
 public:
  static constexpr int kBacklog = 1;
  struct Told {
    std::uint64_t cookie;
    std::uint32_t netns;
    Endpoint at;
  };
  explicit Elsewhere(std::uint8_t family)
      : child_([family](Channel& test) { run(family, test); }),
        told(child_.channel().get<Told>()) {}
  ~Elsewhere() { child_.channel().put('q'); }

  void knock() { ask('k'); }
  std::uint32_t drops() { return ask('d'); }
  pid_t pid() const { return child_.pid(); }

 private:
  std::uint32_t ask(char what) {
    child_.channel().put(what);
    return child_.channel().get<std::uint32_t>();
  }
  static void run(std::uint8_t family, Channel& test) {
    enter_new_netns();
    const Fd listener = listen_on(loopback(family), kBacklog);
    const Endpoint at = local_of(listener.get());
    std::vector<Fd> clients = live::knock(at, kBacklog + 3);
    test.put(Told{cookie_of(listener.get()), own_netns(), at});
    for (char what; (what = test.get<char>()) != 'q';) {
      if (what == 'k')
        for (Fd& client : live::knock(at, 5)) clients.push_back(std::move(client));
      test.put(drops_of(listener.get()));
    }
  }

  Child child_;

 public:
  const Told told;
};

bool are_foreign_listeners_seen(Collector& collector) {
  const Door* door = door_of(collector.monitor(), Observation::kListenDrops);
  return door != nullptr && door->limits.empty();
}

TEST_P(Listeners, WhatThoseOfOtherNamespacesDropIsTold) {
  Elsewhere elsewhere(GetParam());
  ASSERT_NE(elsewhere.told.netns, own_netns());
  const std::uint32_t least = elsewhere.drops();
  Collector collector(watching());
  if (!are_foreign_listeners_seen(collector)) GTEST_SKIP() << "iterators over maps are refused";
  const std::uint32_t most = elsewhere.drops();
  EXPECT_GE(least, 1u);
  elsewhere.knock();
  const std::uint64_t cookie = elsewhere.told.cookie;
  expect_told(collector, cookie, {least, most}, [&] { return elsewhere.drops(); });
  ASSERT_GE(collector.count(EventKind::kListenDrop, cookie), 1u);
  for (const Event& event : collector.events_of(cookie)) {
    if (event.kind() != EventKind::kListenDrop) continue;
    const auto& drop = std::get<event::ListenDrop>(event.what);
    EXPECT_EQ(drop.waiting, static_cast<std::uint32_t>(Elsewhere::kBacklog + 1));
    EXPECT_EQ(drop.backlog, static_cast<std::uint32_t>(Elsewhere::kBacklog));
    EXPECT_EQ(event.flow.local, elsewhere.told.at);
    EXPECT_EQ(event.flow.direction, Direction::kListen);
    EXPECT_EQ(event.flow.netns, elsewhere.told.netns);
    EXPECT_EQ(event.flow.owner.pid, static_cast<std::uint32_t>(elsewhere.pid()));
    EXPECT_EQ(event.flow.internals, nullptr);
  }
}

TEST_P(Listeners, ThatOfANewListenerInANewNamespaceToo) {
  Collector collector(watching());
  if (!are_foreign_listeners_seen(collector)) GTEST_SKIP() << "iterators over maps are refused";
  Elsewhere elsewhere(GetParam());
  expect_told(collector, elsewhere.told.cookie, {0, 0}, [&] { return elsewhere.drops(); });
  EXPECT_GE(told_of(collector, elsewhere.told.cookie), 1u);
}

TEST_P(Listeners, OfOtherNamespacesHaveTheirQueue) {
  Elsewhere elsewhere(GetParam());
  Options options;
  options.tcp_internals = true;
  options.connections = options.quality = false;
  Collector collector(options);
  const std::uint32_t before = elsewhere.drops();
  const auto flow = collector.flow_of(elsewhere.told.cookie);
  ASSERT_TRUE(flow);
  ASSERT_TRUE(flow->internals);
  EXPECT_EQ(flow->internals->receive_queue, static_cast<std::uint32_t>(Elsewhere::kBacklog + 1));
  EXPECT_EQ(flow->internals->send_queue, static_cast<std::uint32_t>(Elsewhere::kBacklog));
  ASSERT_TRUE(flow->internals->drops);
  EXPECT_GE(*flow->internals->drops, before);
  EXPECT_LE(*flow->internals->drops, elsewhere.drops());
  EXPECT_GE(before, 1u);
  // Not asked for, they are not told.
  options.tcp_internals = false;
  Collector other(options);
  const auto plain = other.flow_of(elsewhere.told.cookie);
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->internals, nullptr);
  const auto asked = other.monitor().tcp_internals(*plain);
  ASSERT_TRUE(asked);
  ASSERT_TRUE(*asked);
  EXPECT_EQ((*asked)->send_queue, static_cast<std::uint32_t>(Elsewhere::kBacklog));
}

TEST_P(Listeners, NotAskedForNothingIsTold) {
  Collector collector;
  Fd listener = listen_on(loopback(GetParam()), 0);
  const std::vector<Fd> clients = knock(local_of(listener.get()), 4);
  std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
  collector.catch_up();
  ASSERT_GE(drops_of(listener.get()), 1u);
  EXPECT_EQ(collector.count(EventKind::kListenDrop, cookie_of(listener.get())), 0u);
  EXPECT_EQ(door_of(collector.monitor(), Observation::kListenDrops), nullptr);
}

TEST_P(Listeners, InternalsHaveTheKernelsCount) {
  Fd listener = listen_on(loopback(GetParam()), 0);
  const std::vector<Fd> clients = knock(local_of(listener.get()), 3);
  Options options;
  options.tcp_internals = true;
  options.connections = options.quality = false;
  Collector collector(options);
  const std::uint32_t before = drops_of(listener.get());
  const auto flow = collector.flow_of(cookie_of(listener.get()));
  ASSERT_TRUE(flow);
  ASSERT_TRUE(flow->internals);
  ASSERT_TRUE(flow->internals->drops);
  EXPECT_GE(*flow->internals->drops, before);
  EXPECT_LE(*flow->internals->drops, drops_of(listener.get()));
  EXPECT_GE(before, 1u);
}

}  // namespace
}  // namespace sockscope::live
