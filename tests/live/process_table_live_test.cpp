// SPDX-License-Identifier: Apache-2.0
// The process table, kept up to date by the connector through a storm that it cannot follow, and
// repaired from /proc.
#include <sockscope/proc_connector.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <thread>

#include "base/file.h"
#include "live_support.h"
#include "proc_acks.h"
#include "process_acts.h"
#include "source/processes/process_reader.h"
#include "track/process_table.h"

namespace sockscope::live {
namespace {

constexpr std::chrono::milliseconds kNoWait{0};

void scan(ProcessReader& reader, ProcessTable& table) {
  table.begin_scan(mono_ns());
  reader.for_each_pid([&](std::uint32_t pid) {
    if (const auto info = reader.read(pid)) table.scan(*info);
  });
  table.end_scan();
}

// Start times by pid, without zombies, which are in /proc but have ended.
std::map<std::uint32_t, std::uint64_t> running_in_proc(ProcessReader& reader) {
  std::map<std::uint32_t, std::uint64_t> running;
  reader.for_each_pid([&](std::uint32_t pid) {
    if (const std::uint64_t start = reader.read_start_ns(pid)) running[pid] = start;
  });
  return running;
}

bool is_dead(std::uint32_t pid) {
  const std::string stat = read_text(("/proc/" + std::to_string(pid) + "/stat").c_str());
  const std::size_t name_end = stat.rfind(')');
  return name_end == std::string::npos || stat.compare(name_end, 3, ") Z") == 0 ||
         stat.compare(name_end, 3, ") X") == 0;
}

// Times of events by CPU, in the order of their numbers: what one connector counts as missing,
// another one has. A process that is preempted between taking time and number can make a time older
// than the previous one.
using EventTimes = std::map<std::uint32_t, std::vector<std::uint64_t>>;

// Counts the events between the first and the last of `seen` that only `all` has. since_ns: counts
// from this time on instead of the first event seen. The answer to a subscription says where a
// CPU's numbers stood, so losses before the first event seen are known, too.
std::uint64_t count_between(const EventTimes& all, const EventTimes& seen,
                            std::uint64_t since_ns = ~std::uint64_t{0}) {
  std::uint64_t count = 0;
  for (const auto& [cpu, times] : seen) {
    const std::vector<std::uint64_t>& on_cpu = all.at(cpu);
    const auto first =
        std::min(std::find(on_cpu.begin(), on_cpu.end(), times.front()),
                 std::find_if(on_cpu.begin(), on_cpu.end(),
                              [since_ns](std::uint64_t time) { return time >= since_ns; }));
    const auto last = std::find(on_cpu.rbegin(), on_cpu.rend(), times.back());
    count += static_cast<std::uint64_t>(last.base() - first);
  }
  return count;
}

TEST(ProcessTableLive, CountsWhatAStormLosesAndHeals) {
  constexpr int kForks = 30'000;  // on each of two
  auto connector = ProcConnector::open({.receive_buffer = 64 << 10});
  auto witness = ProcConnector::open({.receive_buffer = 64 << 20});
  ASSERT_TRUE(connector) << connector.error().message();
  ASSERT_TRUE(witness) << witness.error().message();
  ASSERT_TRUE(witness->subscribe());
  ProcAcks acks;
  const std::uint64_t subscribed_ns = mono_ns();
  ASSERT_TRUE(connector->subscribe());
  const std::uint64_t ours = acks.count();
  ProcessReader reader;
  ProcessTable table{ProcessTable::Limits{}};
  scan(reader, table);
  std::array<std::byte, ProcConnector::kBufferSize> buffer;
  EventTimes seen;
  EventTimes all;
  std::uint64_t forks = 0;
  std::set<std::uint32_t> parents;
  const auto apply = [&](const ProcessEvent& event) {
    seen[event.cpu].push_back(event.mono_ns);
    table.apply(event);
  };
  const auto witnessed = [&](const ProcessEvent& event) {
    all[event.cpu].push_back(event.mono_ns);
    forks += event.kind == ProcessEventKind::kFork && parents.contains(event.parent_pid);
  };

  constexpr int kStay = 20;
  const auto storm = [](Channel& test) {
    test.await();
    fork_and_reap(kForks);
    test.signal();
  };
  Child first(storm);
  Child second(storm);
  parents = {static_cast<std::uint32_t>(first.pid()), static_cast<std::uint32_t>(second.pid())};
  first.channel().signal();
  second.channel().signal();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (forks < 2u * kForks && std::chrono::steady_clock::now() < deadline) {
    ASSERT_TRUE(witness->receive(buffer, std::chrono::milliseconds(100), witnessed));
    acks.count();
    if (forks % 2'000 == 0) {
      ASSERT_TRUE(connector->drain(buffer, apply));
    }
  }
  first.channel().await();
  second.channel().await();
  std::vector<pid_t> staying;
  for (int i = 0; i < kStay; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::pause();
      ::_exit(0);
    }
    staying.push_back(pid);
  }
  ASSERT_TRUE(connector->drain(buffer, apply));
  ASSERT_TRUE(witness->drain(buffer, witnessed));
  EXPECT_EQ(forks, 2u * kForks);
  EXPECT_EQ(witness->loss(), ProcConnectorLoss{});
  EXPECT_GT(connector->loss().missing, 0u);
  std::uint64_t received = 0;
  for (const auto& [cpu, times] : seen) received += times.size();
  const std::uint64_t known = received + connector->loss().missing;
  EXPECT_GE(known, count_between(all, seen));
  EXPECT_LE(known, count_between(all, seen, subscribed_ns) + acks.count() - ours);

  // Other processes come and go meanwhile: those that existed both before and after must be in the
  // table.
  const auto before = running_in_proc(reader);
  scan(reader, table);
  ASSERT_TRUE(connector->drain(buffer, apply));
  const auto after = running_in_proc(reader);
  for (const auto& [pid, start] : before) {
    if (!after.contains(pid) || after.at(pid) != start) continue;
    const ProcessInfo* info = table.find(pid, start);
    ASSERT_NE(info, nullptr) << pid;
    // A process's end is reported while it still is in /proc, which it leaves soon. It stays there
    // as a zombie if its parent does not wait for it.
    const auto has_left = [&] { return reader.read_start_ns(pid) != start || is_dead(pid); };
    for (int i = 0; i < 500 && info->exited && !has_left(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_TRUE(!info->exited || has_left()) << pid;
  }
  // The table must have no process that no longer exists. One of others may end between the two
  // looks, but then not again between the next two.
  std::vector<std::uint32_t> ghosts;
  for (int left = 50; left > 0; --left) {
    scan(reader, table);
    ASSERT_TRUE(connector->drain(buffer, apply));
    const auto running = running_in_proc(reader);
    ghosts.clear();
    table.for_each_running([&](const ProcessInfo& info) {
      if (!running.contains(info.pid)) ghosts.push_back(info.pid);
    });
    if (ghosts.empty()) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(ghosts, std::vector<std::uint32_t>{});
  for (const pid_t pid : staying) {
    const ProcessInfo* info = table.find(static_cast<std::uint32_t>(pid));
    ASSERT_NE(info, nullptr);
    EXPECT_EQ(info->parent_pid, static_cast<std::uint32_t>(::getpid()));
    EXPECT_EQ(info->name(), "live_tests");
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  ASSERT_TRUE(connector->receive(buffer, kNoWait, apply));
}

}  // namespace
}  // namespace sockscope::live
