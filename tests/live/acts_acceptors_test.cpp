// SPDX-License-Identifier: Apache-2.0
// More processes blocked in accept(2) than there are return probes.
#include <sys/syscall.h>

#include <fstream>
#include <map>
#include <memory>

#include "acts_expect.h"

namespace sockscope::live {
namespace {

constexpr std::size_t kBlocked = 25;

bool is_in_accept(pid_t pid) {
  long number = -1;
  std::ifstream("/proc/" + std::to_string(pid) + "/syscall") >> number;
  return number == SYS_accept || number == SYS_accept4;
}

class AcceptorActs : public testing::TestWithParam<std::uint8_t> {
 protected:
  // Accepts without asking for the address, reports it, and does not touch the connection again
  // until asked for its owner.
  std::unique_ptr<Child> acceptor(int listener) {
    auto child = std::make_unique<Child>([listener](Channel& test) {
      const Fd server = accept_from(listener);
      test.signal();
      test.await();
      test.put(describe(server.get()).remote);
    });
    const std::uint64_t deadline =
        mono_ns() + static_cast<std::uint64_t>(patience().count()) * 1'000'000;
    while (!is_in_accept(child->pid()))
      if (mono_ns() > deadline) throw std::runtime_error("the child never came to accept(2)");
    return child;
  }

  Collector collector_;
};
INSTANTIATE_TEST_SUITE_P(Family, AcceptorActs, testing::Values(4, 6), family_name);

// Each accept is seen with its process, or counted as missed.
TEST_P(AcceptorActs, TwentyFiveBlockedAndOneMore) {
  SOCKSCOPE_SKIP_WHEN(blind_to_accepts(collector_.monitor()));
  const Fd listener = listen_on(loopback(GetParam()));
  std::vector<std::unique_ptr<Child>> acceptors;
  while (acceptors.size() < kBlocked) acceptors.push_back(acceptor(listener.get()));
  std::vector<Fd> clients;
  while (clients.size() < kBlocked) clients.push_back(connect_to(local_of(listener.get())));
  for (const auto& child : acceptors) child->channel().await();
  clients.push_back(connect_to(local_of(listener.get())));
  const Fd last = accept_from(listener.get());

  std::map<std::uint16_t, Owner> owners;  // by the client's port
  for (const Fd& client : clients) {
    const Socket socket = describe(client.get());
    owners[socket.local.port] = collector_.wait_for_accept_from(socket).flow.owner;
  }
  ASSERT_EQ(owners.size(), kBlocked + 1);
  std::size_t unseen = 0;
  const auto check = [&](const Endpoint& client, std::uint32_t pid) {
    const Owner& owner = owners[client.port];
    if (owner.pid == pid && owner.opener_pid == pid && owner.kind == OwnerKind::kExact) return;
    ++unseen;
    EXPECT_EQ(owner.kind, OwnerKind::kInherited) << "a wrong owner is called exact";
  };
  for (const auto& child : acceptors) {
    child->channel().signal();
    check(child->channel().get<Endpoint>(), static_cast<std::uint32_t>(child->pid()));
  }
  check(describe(last.get()).remote, own_identity().pid);
  EXPECT_LE(unseen, collector_.monitor().loss().missed_returns);
}

}  // namespace
}  // namespace sockscope::live
