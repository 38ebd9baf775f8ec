// SPDX-License-Identifier: Apache-2.0
// Processes through the Monitor: events of the kernel programs, and owners that follow their
// process.
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "live_support.h"
#include "process_acts.h"

namespace sockscope::live {
namespace {

// Programs read the kernel's fast clock, which is off for a moment whenever the exact one is
// adjusted: 1.6 ms ahead once, in an emulated guest.
constexpr std::uint64_t kFastClock = 10'000'000;

class ProcessActs : public testing::TestWithParam<ProcessAct> {};
INSTANTIATE_TEST_SUITE_P(Act, ProcessActs, testing::ValuesIn(process_acts()),
                         [](const testing::TestParamInfo<ProcessAct>& act) {
                           return act.param.name;
                         });

// The same list as for the connector, so the two streams agree.
TEST_P(ProcessActs, IsSeenWhole) {
  Collector collector(watching_processes());
  const std::uint64_t before = mono_ns();
  auto expected = GetParam().carry_out();
  collector.wait_for(
      [&](const Event& event) {
        return event.kind() == EventKind::kProcess &&
               std::get<ProcessEvent>(event.what).kind == ProcessEventKind::kExit &&
               std::get<ProcessEvent>(event.what).pid == expected.back().pid;
      },
      "the end of the act");
  const std::uint64_t after = mono_ns();
  std::vector<ProcessEvent> all;
  for (const Event& event : collector.events()) {
    if (event.kind() != EventKind::kProcess) continue;
    all.push_back(std::get<ProcessEvent>(event.what));
    if (std::get<ProcessEvent>(event.what).pid != expected.back().pid) continue;
    EXPECT_GE(event.mono_ns, before);
    EXPECT_LE(event.mono_ns, after + kFastClock);
    EXPECT_EQ(event.flow.owner.pid, std::get<ProcessEvent>(event.what).pid);
    ASSERT_TRUE(event.flow.owner.process);
    EXPECT_EQ(event.flow.owner.process->exited,
              std::get<ProcessEvent>(event.what).kind == ProcessEventKind::kExit);
  }
  const auto seen = only_of(all, expected);
  const Door* door = door_of(collector.monitor(), Observation::kProcessExit);
  if (door != nullptr && door->name.starts_with("netlink"))
    expected = as_connector_tells(std::move(expected), seen);
  EXPECT_EQ(seen, expected) << "seen:\n" << as_text(seen) << "expected:\n" << as_text(expected);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.mono_ns + 1'000'000 < b.mono_ns;  // CPUs write at the same time
  }));
}

// ---- what is known of a process

TEST(ProcessOwners, AProcessThatLivesAMomentIsKnownWhole) {
  Collector collector(watching_processes());
  const std::uint64_t began = mono_ns();
  Child child([](Channel& test) {
    test.await();
    ::execl("/bin/echo", "echo", "-n", "two words", nullptr);
  });
  const Identity identity = identity_of(child.pid());
  child.channel().signal();
  child.wait();
  const Event ended = collector.wait_for(
      [&](const Event& event) {
        return event.kind() == EventKind::kProcess &&
               std::get<ProcessEvent>(event.what).kind == ProcessEventKind::kExit &&
               std::get<ProcessEvent>(event.what).pid == identity.pid;
      },
      "exit");
  const ProcessInfo& info = *ended.flow.owner.process;
  EXPECT_EQ(info.pid, identity.pid);
  EXPECT_EQ(info.name(), "echo");
  EXPECT_EQ(info.exe(), std::filesystem::canonical("/bin/echo"));
  EXPECT_EQ(info.cmdline(), "echo -n two words");
  EXPECT_EQ(info.parent_pid, static_cast<std::uint32_t>(::getpid()));
  EXPECT_TRUE(info.parents.starts_with("live_tests")) << info.parents;
  EXPECT_EQ(info.session, static_cast<std::uint32_t>(::getsid(0)));
  EXPECT_EQ(info.netns, own_netns());
  EXPECT_EQ(info.inner_pid, 0u);
  EXPECT_EQ(info.uid, 0u);
  EXPECT_EQ(info.start_ns / (1'000'000'000 / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK))),
            identity.start_ticks);
  EXPECT_TRUE(info.exited);
  EXPECT_EQ(info.exit_status, 0u);
  EXPECT_GE(info.exited_ns, began);
}

TEST(ProcessOwners, ProcessesFromBeforeTheStartAreKnown) {
  const Fd listener = listen_on(loopback(4));
  Child child([&](Channel& test) {
    ::prctl(PR_SET_NAME, "older", 0, 0, 0);
    const Fd client = connect_to(local_of(listener.get()));
    test.put(cookie_of(client.get()));
    test.await();
  });
  const auto cookie = child.channel().get<std::uint64_t>();
  Options options;
  options.describe = true;
  Collector collector(options);
  const auto flow = collector.flow_of(cookie);
  ASSERT_TRUE(flow && flow->owner.process);
  EXPECT_EQ(flow->owner.process->name(), "older");
  char exe[4096] = "";
  ASSERT_GT(::readlink("/proc/self/exe", exe, sizeof exe - 1), 0);
  EXPECT_EQ(flow->owner.process->exe(), exe);
  EXPECT_EQ(flow->owner.process->parent_pid, static_cast<std::uint32_t>(::getpid()));
  child.channel().signal();
  child.wait();
}

TEST(ProcessOwners, NameAndUserFollowSetuidAndExec) {
  const Fd listener = listen_on(loopback(4));
  Collector collector(watching_processes());
  Child child([&](Channel& test) {
    Fd client = connect_to(local_of(listener.get()));
    test.put(cookie_of(client.get()));
    test.await();
    if (::setresgid(4713, 4713, 4713) != 0 || ::setresuid(4711, 4711, 4711) != 0)
      throw std::runtime_error("setresuid");
    ::prctl(PR_SET_NAME, "changed", 0, 0, 0);
    test.signal();
    test.await();
    ::fcntl(client.get(), F_SETFD, 0);
    ::execl("/bin/sleep", "sleep", "100", nullptr);
  });
  const auto cookie = child.channel().get<std::uint64_t>();
  const Fd server = accept_from(listener.get());
  auto flow = collector.flow_of(cookie);
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->owner.uid, 0u);
  EXPECT_EQ(flow->owner.name(), "live_tests");
  child.channel().signal();
  child.channel().await();
  flow = collector.flow_of(cookie);
  EXPECT_EQ(flow->owner.uid, 4711u);
  EXPECT_EQ(flow->owner.process->gid, 4713u);
  EXPECT_EQ(flow->owner.name(), "changed");
  child.channel().signal();
  collector.wait_for(
      [&](const Event& event) {
        return event.kind() == EventKind::kProcess &&
               std::get<ProcessEvent>(event.what).kind == ProcessEventKind::kExec &&
               std::get<ProcessEvent>(event.what).pid == static_cast<std::uint32_t>(child.pid());
      },
      "exec");
  flow = collector.flow_of(cookie);
  EXPECT_EQ(flow->owner.name(), "sleep");
  EXPECT_EQ(flow->owner.process->cmdline(), "sleep 100");
  const Snapshot snapshot = collector.snapshot();
  const auto row = std::find_if(snapshot.processes.begin(), snapshot.processes.end(),
                                [&](const Process& process) {
                                  return process.pid == static_cast<std::uint32_t>(child.pid());
                                });
  ASSERT_NE(row, snapshot.processes.end());
  EXPECT_EQ(row->name(), "sleep");
  EXPECT_EQ(row->uid, 4711u);
  child.kill();
  child.wait();
}

// Descriptions without process events: those who ask only for descriptions still get up-to-date
// ones.
TEST(ProcessOwners, DescriptionsFollowExec) {
  const Fd listener = listen_on(loopback(4));
  Options options;
  options.describe = true;
  Child child([&](Channel& test) {
    test.signal();
    test.await();
    Fd client = connect_to(local_of(listener.get()));
    test.put(cookie_of(client.get()));
    ::fcntl(client.get(), F_SETFD, 0);
    ::execl("/bin/sleep", "sleep", "100", nullptr);
  });
  child.channel().await();
  Collector collector(options);  // sees the process before its exec
  child.channel().signal();
  const auto cookie = child.channel().get<std::uint64_t>();
  const Fd server = accept_from(listener.get());
  const auto deadline = std::chrono::steady_clock::now() + patience();
  std::optional<Flow> flow;
  do {
    flow = collector.flow_of(cookie);
    ASSERT_TRUE(flow && flow->owner.process);
  } while (flow->owner.name() != "sleep" && std::chrono::steady_clock::now() < deadline);
  EXPECT_EQ(flow->owner.name(), "sleep");
  EXPECT_EQ(flow->owner.process->cmdline(), "sleep 100");
  for (const Event& event : collector.events()) EXPECT_NE(event.kind(), EventKind::kProcess);
  child.kill();
  child.wait();
}

TEST(ProcessOwners, InANamespaceOfItsOwnBothPidsAreTold) {
  Collector collector(watching_processes());
  struct Told {
    std::uint64_t cookie;
    std::uint32_t netns;
    pid_t inside;
  };
  Child outer([](Channel& test) {
    if (::unshare(CLONE_NEWPID) != 0) throw std::runtime_error("unshare");
    const pid_t pid = ::fork();
    if (pid == 0) {
      enter_new_netns();
      const Fd listener = listen_on(loopback(4));
      const Fd client = connect_to(local_of(listener.get()));
      test.put(Told{cookie_of(client.get()), own_netns(), ::getpid()});
      test.await();
      ::_exit(0);
    }
    ::waitpid(pid, nullptr, 0);
  });
  const auto told = outer.channel().get<Told>();
  EXPECT_EQ(told.inside, 1);
  const Event connected = collector.wait_for(EventKind::kConnect, told.cookie);
  ASSERT_TRUE(connected.flow.owner.process);
  const ProcessInfo& info = *connected.flow.owner.process;
  EXPECT_EQ(info.inner_pid, 1u);
  EXPECT_EQ(info.parent_pid, static_cast<std::uint32_t>(outer.pid()));
  std::ifstream children("/proc/" + std::to_string(outer.pid()) + "/task/" +
                         std::to_string(outer.pid()) + "/children");
  std::uint32_t outside = 0;
  children >> outside;
  EXPECT_EQ(info.pid, outside);
  const auto flow = collector.flow_of(told.cookie);
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->netns, told.netns);
  outer.channel().signal();
  outer.wait();
}

// ---- one pid, two processes

pid_t fork_with_pid(pid_t pid) {
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  arguments.set_tid = reinterpret_cast<std::uint64_t>(&pid);
  arguments.set_tid_size = 1;
  return static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
}

TEST(ProcessOwners, AReusedPidIsTwoProcessesWithTheirOwnBytes) {
  Collector collector(watching_processes());
  const Fd listener = listen_on(loopback(4));
  pid_t pid = 0;
  const auto send_as = [&](const char* name, std::size_t size) {
    pid = pid == 0 ? ::fork() : fork_with_pid(pid);
    ASSERT_GE(pid, 0) << std::strerror(errno);
    if (pid == 0) {
      ::prctl(PR_SET_NAME, name, 0, 0, 0);
      const Fd client = connect_to(local_of(listener.get()));
      send_bytes(client.get(), size);
      ::_exit(0);
    }
    Fd server = accept_from(listener.get());
    ASSERT_TRUE(read_exactly(server.get(), size));
    wait_for_hangup(server.get());
    server.reset();
    ::waitpid(pid, nullptr, 0);
  };
  send_as("first", 1111);
  const pid_t first = pid;
  send_as("second", 2222);
  ASSERT_EQ(pid, first);
  const Snapshot snapshot = collector.snapshot();
  std::vector<Process> rows;
  for (const Process& process : snapshot.processes)
    if (process.pid == static_cast<std::uint32_t>(pid)) rows.push_back(process);
  ASSERT_EQ(rows.size(), 2u);
  if (rows[0].start_ns > rows[1].start_ns) std::swap(rows[0], rows[1]);
  EXPECT_LT(rows[0].start_ns, rows[1].start_ns);
  EXPECT_EQ(rows[0].name(), "first");
  EXPECT_EQ(rows[0].tx_bytes, 1111u);
  EXPECT_EQ(rows[1].name(), "second");
  EXPECT_EQ(rows[1].tx_bytes, 2222u);
}

// ---- holders

std::set<std::uint32_t> holders_of(const Flow& flow) {
  std::set<std::uint32_t> pids;
  if (flow.holders)
    for (const SocketHolder& holder : *flow.holders) pids.insert(holder.pid);
  return pids;
}

TEST(Holders, ForkedAndPassedOnOnesAreAllListed) {
  const Fd listener = listen_on(loopback(4));
  Fd client = connect_to(local_of(listener.get()));
  const std::uint64_t cookie = cookie_of(client.get());
  Child stranger([](Channel& test) {
    const Fd passed = test.get_fd();
    test.signal();
    test.await();
  });
  Child heir([](Channel& test) { test.await(); });  // forked after connect
  stranger.channel().put_fd(client.get());
  stranger.channel().await();
  Options options;
  options.holders = true;
  Collector collector(options);
  auto flow = collector.flow_of(cookie);
  ASSERT_TRUE(flow && flow->holders);
  const auto me = static_cast<std::uint32_t>(::getpid());
  const auto heir_pid = static_cast<std::uint32_t>(heir.pid());
  const auto stranger_pid = static_cast<std::uint32_t>(stranger.pid());
  EXPECT_EQ(holders_of(*flow), (std::set{me, heir_pid, stranger_pid}));
  for (const SocketHolder& holder : *flow->holders) {
    if (holder.pid == me) {
      EXPECT_EQ(holder.fd, static_cast<std::uint32_t>(client.get()));
    }
    EXPECT_EQ(holder.name(), "live_tests");
  }
  client.reset();
  heir.channel().signal();
  heir.wait();
  flow = collector.flow_of(cookie);
  ASSERT_TRUE(flow);
  EXPECT_EQ(holders_of(*flow), std::set{stranger_pid});
  stranger.channel().signal();
  stranger.wait();
}

// ---- storm

// Both CPUs fork as fast as they can, and nothing is lost although nobody reads quickly.
TEST(ProcessStorm, TheKernelProgramsLoseNothing) {
  constexpr int kForks = 30'000;  // on each of two CPUs
  Options options = watching_processes();
  options.describe = false;
  options.connections = false;
  options.quality = false;
  std::set<std::uint32_t> parents;
  std::uint64_t forks = 0;
  std::uint64_t exits = 0;
  auto monitor = Monitor::open(options);
  ASSERT_TRUE(monitor) << monitor.error().message();
  const auto count = [&](const Event& event) {
    if (event.kind() != EventKind::kProcess ||
        !parents.contains(std::get<ProcessEvent>(event.what).parent_pid))
      return;
    forks += std::get<ProcessEvent>(event.what).kind == ProcessEventKind::kFork;
    exits += std::get<ProcessEvent>(event.what).kind == ProcessEventKind::kExit &&
             std::get<ProcessEvent>(event.what).exit_code() == 0u;
  };
  const auto storm = [](Channel& test) {
    test.await();
    fork_and_reap(kForks);
    test.signal();
    test.await();
  };
  Child first(storm);
  Child second(storm);
  parents = {static_cast<std::uint32_t>(first.pid()), static_cast<std::uint32_t>(second.pid())};
  first.channel().signal();
  second.channel().signal();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (std::chrono::steady_clock::now() < deadline && exits < 2u * kForks)
    ASSERT_TRUE(monitor->poll(std::chrono::milliseconds(100), count));
  EXPECT_EQ(forks, 2u * kForks);
  EXPECT_EQ(exits, 2u * kForks);
  EXPECT_EQ(monitor->loss().ring_full, 0u);
  EXPECT_EQ(monitor->loss().malformed, 0u);
  first.channel().await();
  second.channel().await();
  first.channel().signal();
  second.channel().signal();
  first.wait();
  second.wait();
}

}  // namespace
}  // namespace sockscope::live
