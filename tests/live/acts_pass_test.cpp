// SPDX-License-Identifier: Apache-2.0
// The owner of a connection where nothing runs at a send or receive: the process that is found with
// it open.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <set>
#include <thread>
#include <vector>

#include "acts_conversation.h"

namespace sockscope::live {
namespace {

class PassActs : public testing::TestWithParam<std::uint8_t> {
 protected:
  // A known owner is replaced only when a whole pass did not find the socket with it.
  template <class Fits>
  Flow snapshot_until(std::uint64_t cookie, Fits&& fits) {
    const auto deadline = std::chrono::steady_clock::now() + patience();
    for (;;) {
      const auto flow = collector_.flow_of(cookie);
      if (flow && fits(*flow)) return *flow;
      if (std::chrono::steady_clock::now() > deadline)
        throw std::runtime_error("the flow's owner is " +
                                 std::to_string(flow ? flow->owner.pid : 0) +
                                 last_of_owner(cookie));
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  void pass_often(std::uint64_t cookie) {
    for (int i = 0; i < 6; ++i) {
      collector_.flow_of(cookie);
      std::this_thread::sleep_for(std::chrono::milliseconds(150));
    }
  }
  std::string last_of_owner(std::uint64_t cookie) const {
    return ", after " + std::to_string(collector_.count(EventKind::kOwner, cookie)) + " changes";
  }

  Collector collector_{Options{}};
};
INSTANTIATE_TEST_SUITE_P(Family, PassActs, testing::Values(4, 6), family_name);

TEST_P(PassActs, NothingRunsAtEachCall) {
  EXPECT_EQ(door_of(collector_.monitor(), Observation::kTcpUse), nullptr);
}

// The accept waits for the child that was forked to serve, although the child does nothing.
TEST_P(PassActs, ForkedServerThatWaits) {
  Options options;
  options.settle_owner = std::chrono::seconds(1);  // a fork may take a while
  Collector collector(options);
  const Fd listener = listen_on(loopback(GetParam()));
  const Identity parent = own_identity();
  const Fd client = connect_to(local_of(listener.get()));
  Fd server = accept_from(listener.get());
  const std::uint64_t cookie = cookie_of(server.get());
  Child child([&](Channel& test) {
    ::prctl(PR_SET_NAME, "served", 0, 0, 0);
    test.put(own_identity());
    test.await();
  });
  server.reset();
  const auto served = child.channel().get<Identity>();
  const Event accept = collector.wait_for(EventKind::kAccept, cookie);
  if (blind_to_accepts(collector.monitor()).empty()) {
    // The accepting process was seen at once.
    EXPECT_EQ(accept.flow.owner.pid, parent.pid);
  } else {
    EXPECT_EQ(accept.flow.owner.pid, served.pid);
    EXPECT_EQ(accept.flow.owner.kind, OwnerKind::kBootstrap);
    EXPECT_EQ(accept.flow.owner.name(), "served");
    EXPECT_EQ(accept.flow.owner.opener_pid, parent.pid);
  }
  child.channel().signal();
  EXPECT_EQ(child.wait(), 0);
}

TEST_P(PassActs, WorkerThatAcceptedQuietly) {
  const Fd listener = listen_on(loopback(GetParam()));
  Child worker([&](Channel& test) {
    ::prctl(PR_SET_NAME, "worker", 0, 0, 0);
    test.await();
    const Fd server = accept_from(listener.get());
    test.put(cookie_of(server.get()));
    test.await();
  });
  const auto pid = static_cast<std::uint32_t>(worker.pid());
  const Fd client = connect_to(local_of(listener.get()));
  worker.channel().signal();
  const auto cookie = worker.channel().get<std::uint64_t>();
  const Flow flow = snapshot_until(
      cookie, [](const Flow& found) { return found.owner.kind != OwnerKind::kInherited; });
  EXPECT_EQ(flow.owner.pid, pid);
  EXPECT_EQ(flow.owner.opener_pid, pid);
  EXPECT_EQ(flow.owner.name(), "worker");
  worker.channel().signal();
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_EQ(collector_.wait_for(EventKind::kClose, cookie).flow.owner.pid, pid);
}

TEST_P(PassActs, PassedToAnotherProcess) {
  const Fd listener = listen_on(loopback(GetParam()));
  Child receiver([&](Channel& test) {
    const Fd fd = test.get_fd();
    test.signal();
    test.await();
  });
  Fd client = connect_to(local_of(listener.get()));
  const Fd server = accept_from(listener.get());
  const std::uint64_t cookie = cookie_of(client.get());
  EXPECT_EQ(collector_.wait_for(EventKind::kConnect, cookie).flow.owner.pid, own_identity().pid);
  receiver.channel().put_fd(client.get());
  receiver.channel().await();
  client.reset();
  const auto heir = static_cast<std::uint32_t>(receiver.pid());
  const Flow flow =
      snapshot_until(cookie, [heir](const Flow& found) { return found.owner.pid == heir; });
  EXPECT_EQ(flow.owner.kind, OwnerKind::kBootstrap);
  EXPECT_EQ(flow.owner.opener_pid, own_identity().pid);
  collector_.catch_up();
  EXPECT_EQ(collector_.count(EventKind::kOwner, cookie), 1u);
  receiver.channel().signal();
  EXPECT_EQ(receiver.wait(), 0);
}

TEST_P(PassActs, EachProcessHasWhatItMoved) {
  const auto sent_by = [this](std::uint32_t pid) {
    const Snapshot taken = collector_.snapshot();
    for (const Process& process : taken.processes)
      if (process.pid == pid) return process.tx_bytes;
    return std::uint64_t{0};
  };
  const Fd listener = listen_on(loopback(GetParam()));
  Child receiver([&](Channel& test) {
    const Fd fd = test.get_fd();
    test.signal();
    test.await();
    send_bytes(fd.get(), 500);
    test.signal();
    test.await();
  });
  Fd client = connect_to(local_of(listener.get()));
  const Fd server = accept_from(listener.get());
  const std::uint64_t cookie = cookie_of(client.get());
  const auto heir = static_cast<std::uint32_t>(receiver.pid());
  const std::uint32_t me = own_identity().pid;
  const std::uint64_t before = sent_by(me);
  send_bytes(client.get(), 1000);
  EXPECT_EQ(sent_by(me) - before, 1000u);
  receiver.channel().put_fd(client.get());
  receiver.channel().await();
  client.reset();
  snapshot_until(cookie, [heir](const Flow& found) { return found.owner.pid == heir; });
  receiver.channel().signal();
  receiver.channel().await();
  EXPECT_EQ(sent_by(heir), 500u);
  EXPECT_EQ(sent_by(me) - before, 1000u);
  receiver.channel().signal();
  EXPECT_EQ(receiver.wait(), 0);
  collector_.wait_for(EventKind::kClose, cookie);
  EXPECT_EQ(sent_by(heir), 500u);
  EXPECT_EQ(sent_by(me) - before, 1000u);
}

TEST_P(PassActs, SharedItStaysWithWhoOpenedIt) {
  const Fd listener = listen_on(loopback(GetParam()));
  const Fd client = connect_to(local_of(listener.get()));
  const Fd server = accept_from(listener.get(), true);
  Child child([&](Channel& test) { test.await(); });
  const std::uint64_t cookie = cookie_of(client.get());
  pass_often(cookie);
  const auto flow = collector_.flow_of(cookie);
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->owner.pid, own_identity().pid);
  EXPECT_EQ(flow->owner.kind, OwnerKind::kExact);
  EXPECT_EQ(collector_.count(EventKind::kOwner, cookie), 0u);
  EXPECT_LE(collector_.count(EventKind::kOwner, cookie_of(server.get())), 1u);
  child.channel().signal();
  EXPECT_EQ(child.wait(), 0);
}

// A pass holds each file for a moment, and may be the last to release it. The process that makes
// the pass, even another sockscope, must not be reported as the one that closed it.
TEST_P(PassActs, WhoOnlyLooksClosesNothing) {
  Child other([&](Channel& test) {
    Options options;
    options.connections = options.quality = false;
    options.holders = true;
    Collector looking(options);
    test.signal();
    for (;;) looking.snapshot();  // until it is killed
  });
  other.channel().await();
  const Fd listener = listen_on(loopback(GetParam()));
  std::vector<std::uint64_t> cookies;
  for (int i = 0; i < 3'000; ++i) {
    const Fd client = connect_to(local_of(listener.get()));
    const Fd server = accept_from(listener.get(), true);
    cookies.push_back(cookie_of(client.get()));
    cookies.push_back(cookie_of(server.get()));
  }
  ::kill(other.pid(), SIGKILL);
  other.wait();
  collector_.wait_for(EventKind::kClose, cookies.back());
  std::set<std::uint64_t> ours(cookies.begin(), cookies.end());
  for (const Event& event : collector_.events()) {
    if (event.kind() != EventKind::kClose || ours.erase(event.flow.cookie) == 0) continue;
    EXPECT_EQ(event.flow.owner.pid, own_identity().pid) << event.flow.owner.name();
  }
  EXPECT_TRUE(ours.empty()) << ours.size();
}

TEST_P(PassActs, UdpOfAParentThatClosedIt) {
  Fd fd = open_socket(GetParam(), SOCK_DGRAM);
  bind_to(fd.get(), loopback(GetParam()));
  const std::uint64_t cookie = cookie_of(fd.get());
  Child child([&](Channel& test) { test.await(); });
  const auto heir = static_cast<std::uint32_t>(child.pid());
  EXPECT_EQ(collector_.flow_of(cookie).value().owner.pid, own_identity().pid);
  fd.reset();
  const Flow flow =
      snapshot_until(cookie, [heir](const Flow& found) { return found.owner.pid == heir; });
  EXPECT_EQ(flow.owner.opener_pid, own_identity().pid);
  child.channel().signal();
  EXPECT_EQ(child.wait(), 0);
}

}  // namespace
}  // namespace sockscope::live
