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
  // Accepts without asking for the address, and touches the connection no more.
  std::unique_ptr<Child> acceptor(int listener) {
    auto child = std::make_unique<Child>([listener](Channel& test) {
      const Fd server = accept_from(listener);
      test.put(cookie_of(server.get()));
      test.await();
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
  std::map<std::uint64_t, std::uint32_t> accepted_by;
  for (const auto& child : acceptors)
    accepted_by[child->channel().get<std::uint64_t>()] = static_cast<std::uint32_t>(child->pid());
  clients.push_back(connect_to(local_of(listener.get())));
  const Fd last = accept_from(listener.get());
  accepted_by[cookie_of(last.get())] = own_identity().pid;

  ASSERT_EQ(accepted_by.size(), kBlocked + 1);
  std::size_t unseen = 0;
  for (const auto& [cookie, pid] : accepted_by) {
    const Event& event = collector_.wait_for(EventKind::kAccept, cookie);
    if (event.flow.owner.pid == pid && event.flow.owner.opener_pid == pid &&
        event.flow.owner.kind == OwnerKind::kExact)
      continue;
    ++unseen;
    EXPECT_EQ(event.flow.owner.kind, OwnerKind::kInherited) << "a wrong owner is called exact";
  }
  collector_.catch_up();
  EXPECT_LE(unseen, collector_.monitor().loss().missed_returns);
}

}  // namespace
}  // namespace sockscope::live
