// SPDX-License-Identifier: Apache-2.0
// The process table kept by the connector through a storm that it cannot follow, and healed from
// /proc.
#include <sockscope/proc_connector.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <map>

#include "live_support.h"
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

// Start times by pid; zombies are in /proc and have ended.
std::map<std::uint32_t, std::uint64_t> running_in_proc(ProcessReader& reader) {
  std::map<std::uint32_t, std::uint64_t> running;
  reader.for_each_pid([&](std::uint32_t pid) {
    if (const std::uint64_t start = reader.read_start_ns(pid)) running[pid] = start;
  });
  return running;
}

TEST(ProcessTableLive, HealsAfterAStorm) {
  auto connector = ProcConnector::open({.receive_buffer = 64 << 10});
  ASSERT_TRUE(connector) << connector.error().message();
  ASSERT_TRUE(connector->subscribe());
  ProcessReader reader;
  ProcessTable table{ProcessTable::Limits{}};
  scan(reader, table);
  std::array<std::byte, ProcConnector::kBufferSize> buffer;
  const auto apply = [&](const ProcessEvent& event) { table.apply(event); };

  constexpr int kForks = 3000;
  constexpr int kStay = 20;  // of them
  std::vector<pid_t> staying;
  for (int i = 0; i < kForks; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      if (i % (kForks / kStay) == 0) ::pause();
      ::_exit(0);
    }
    if (i % (kForks / kStay) == 0)
      staying.push_back(pid);
    else
      ::waitpid(pid, nullptr, 0);
  }
  while (connector->drain(buffer, apply).value_or(0) != 0) {
  }
  EXPECT_NE(connector->loss(), ProcConnectorLoss{});

  // Others come and go meanwhile: what was there before and after must be in the table.
  const auto before = running_in_proc(reader);
  scan(reader, table);
  ASSERT_TRUE(connector->drain(buffer, apply));
  const auto after = running_in_proc(reader);
  for (const auto& [pid, start] : before) {
    if (!after.contains(pid) || after.at(pid) != start) continue;
    const ProcessInfo* info = table.find(pid, start);
    ASSERT_NE(info, nullptr) << pid;
    EXPECT_FALSE(info->exited) << pid;
  }
  table.for_each_running([&](const ProcessInfo& info) {
    EXPECT_TRUE(before.contains(info.pid) || after.contains(info.pid)) << info.pid;
  });
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
