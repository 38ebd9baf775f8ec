// SPDX-License-Identifier: Apache-2.0
#include "track/process_table.h"

#include <gtest/gtest.h>

#include <cstring>

namespace sockscope {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

ProcessEvent event(ProcessEventKind kind, std::uint32_t pid, std::uint64_t mono_ns,
                   std::uint64_t start_ns = 0) {
  ProcessEvent e;
  e.kind = kind;
  e.pid = e.tid = pid;
  e.mono_ns = mono_ns;
  e.start_ns = start_ns;
  return e;
}

ProcessEvent fork_of(std::uint32_t pid, std::uint32_t parent, std::uint64_t mono_ns,
                     std::uint64_t start_ns = 0) {
  ProcessEvent e = event(ProcessEventKind::kFork, pid, mono_ns, start_ns);
  e.parent_pid = e.parent_tid = parent;
  return e;
}

ProcessEvent exit_of(std::uint32_t pid, std::uint32_t status, std::uint64_t mono_ns,
                     std::uint64_t start_ns = 0) {
  ProcessEvent e = event(ProcessEventKind::kExit, pid, mono_ns, start_ns);
  e.exit_status = status;
  return e;
}

template <class T>
void name(T& it, const char* text) {
  std::strncpy(it.comm.data(), text, it.comm.size() - 1);
}

ProcessInfo process(std::uint32_t pid, const char* comm, std::uint32_t parent = 1,
                    std::uint64_t start_ns = 1000 * kSecond) {
  ProcessInfo info;
  info.pid = pid;
  info.start_ns = start_ns;
  info.parent_pid = parent;
  info.session = 9;
  info.netns = 4026531840;
  info.uid = 1000;
  info.gid = 100;
  name(info, comm);
  info.program = std::make_shared<const Program>(Program{"/bin/" + std::string(comm), comm});
  info.cgroup = std::make_shared<const ControlGroup>(ControlGroup{.path = "/x", .unit = "x"});
  return info;
}

class ProcessTableTest : public testing::Test {
 protected:
  void scan(std::initializer_list<ProcessInfo> processes, std::uint64_t now = 1) {
    table_.begin_scan(now);
    for (const ProcessInfo& info : processes) table_.scan(info);
    table_.end_scan();
  }
  ProcessTable table_{ProcessTable::Limits{}};
};

TEST_F(ProcessTableTest, AChildIsItsParentsCopyUntilItExecs) {
  scan({process(10, "sshd"), process(11, "bash", 10)});
  table_.apply(fork_of(20, 11, 5));
  const ProcessInfo* child = table_.find(20);
  ASSERT_NE(child, nullptr);
  EXPECT_EQ(child->name(), "bash");
  EXPECT_EQ(child->exe(), "/bin/bash");
  EXPECT_EQ(child->uid, 1000u);
  EXPECT_EQ(child->session, 9u);
  EXPECT_EQ(child->netns, 4026531840u);
  EXPECT_EQ(child->unit(), "x");
  EXPECT_EQ(child->parent_pid, 11u);
  EXPECT_EQ(child->parents, "bash < sshd");

  ProcessInfo seen;
  seen.program = std::make_shared<const Program>(Program{"/usr/bin/curl", "curl x"});
  name(seen, "curl");
  table_.apply(event(ProcessEventKind::kExec, 20, 6), &seen);
  child = table_.find(20);
  EXPECT_EQ(child->name(), "curl");
  EXPECT_EQ(child->cmdline(), "curl x");
  EXPECT_EQ(child->unit(), "x");
  EXPECT_EQ(table_.find(11)->name(), "bash");
}

TEST_F(ProcessTableTest, AnExecOfUnknownProgramForgetsTheOneBefore) {
  scan({process(10, "bash")});
  table_.apply(event(ProcessEventKind::kExec, 10, 5));
  EXPECT_EQ(table_.find(10)->exe(), "");
}

TEST_F(ProcessTableTest, ChangesOfIdentity) {
  scan({process(10, "x")});
  ProcessEvent uid = event(ProcessEventKind::kUid, 10, 5);
  uid.real_id = 1;
  uid.effective_id = 2;
  table_.apply(uid);
  ProcessEvent gid = event(ProcessEventKind::kGid, 10, 6);
  gid.effective_id = 3;
  table_.apply(gid);
  table_.apply(event(ProcessEventKind::kSid, 10, 7));
  ProcessEvent comm = event(ProcessEventKind::kComm, 10, 8);
  name(comm, "new");
  table_.apply(comm);
  const ProcessInfo* info = table_.find(10);
  EXPECT_EQ(info->uid, 2u);
  EXPECT_EQ(info->gid, 3u);
  EXPECT_EQ(info->session, 10u);
  EXPECT_EQ(info->name(), "new");
}

TEST_F(ProcessTableTest, ThreadsChangeNothing) {
  scan({process(10, "x")});
  ProcessEvent thread = event(ProcessEventKind::kComm, 10, 5);
  thread.tid = 11;
  name(thread, "worker");
  table_.apply(thread);
  thread.kind = ProcessEventKind::kFork;
  table_.apply(thread);
  thread.kind = ProcessEventKind::kExit;
  table_.apply(thread);
  EXPECT_EQ(table_.find(10)->name(), "x");
  EXPECT_EQ(table_.running(), 1u);
  EXPECT_EQ(table_.find(11), nullptr);
}

TEST_F(ProcessTableTest, ExitedOnesKeepWhatIsKnownOfThemForAWhile) {
  scan({process(10, "x")});
  table_.apply(exit_of(10, 3 << 8, 5 * kSecond));
  EXPECT_EQ(table_.running(), 0u);
  EXPECT_EQ(table_.exited(), 1u);
  table_.expire(64 * kSecond);
  ASSERT_NE(table_.find(10), nullptr);
  EXPECT_TRUE(table_.find(10)->exited);
  EXPECT_EQ(table_.find(10)->exit_status, 3u << 8);
  EXPECT_EQ(table_.find(10)->name(), "x");
  table_.expire(66 * kSecond);
  EXPECT_EQ(table_.find(10), nullptr);
  EXPECT_EQ(table_.exited(), 0u);
}

TEST_F(ProcessTableTest, ThoseThatExitedFirstGoFirst) {
  ProcessTable table({.keep_exited_ns = 60 * kSecond, .max_exited = 2});
  for (std::uint32_t pid = 10; pid < 15; ++pid) table.apply(fork_of(pid, 1, pid));
  for (const std::uint32_t pid : {12u, 10u, 14u}) table.apply(exit_of(pid, 0, 100 + pid));
  EXPECT_EQ(table.find(12), nullptr);
  EXPECT_NE(table.find(10), nullptr);
  EXPECT_NE(table.find(14), nullptr);
  EXPECT_EQ(table.running(), 2u);
  EXPECT_EQ(table.exited(), 2u);
}

TEST_F(ProcessTableTest, NeverMoreThanItMayHold) {
  ProcessTable table({.keep_exited_ns = 60 * kSecond, .max_exited = 100, .max_processes = 3});
  for (std::uint32_t pid = 10; pid < 13; ++pid) table.apply(fork_of(pid, 1, pid));
  table.apply(fork_of(13, 1, 13));
  EXPECT_EQ(table.find(13), nullptr);
  EXPECT_EQ(table.refused(), 1u);
  table.apply(exit_of(10, 0, 20));
  table.apply(fork_of(14, 1, 21));
  EXPECT_EQ(table.find(10), nullptr);
  EXPECT_NE(table.find(14), nullptr);
  EXPECT_EQ(table.running(), 3u);
}

TEST_F(ProcessTableTest, AReusedPidIsAnotherProcess) {
  table_.apply(fork_of(10, 1, 1, 100 * kSecond + 1));
  ProcessEvent comm = event(ProcessEventKind::kComm, 10, 2, 100 * kSecond + 1);
  name(comm, "first");
  table_.apply(comm);
  table_.apply(exit_of(10, 0, 3, 100 * kSecond + 1));
  table_.apply(fork_of(10, 1, 4, 100 * kSecond + 4));
  comm.start_ns = 100 * kSecond + 4;
  name(comm, "second");
  table_.apply(comm);
  EXPECT_EQ(table_.find(10)->name(), "second");
  EXPECT_EQ(table_.find(10, 100 * kSecond + 1)->name(), "first");
  EXPECT_TRUE(table_.find(10, 100 * kSecond + 1)->exited);
  EXPECT_EQ(table_.find(10, 100 * kSecond + 4)->name(), "second");
  EXPECT_EQ(table_.find(10, 7 * kSecond), nullptr);
  table_.expire(1000 * kSecond);
  EXPECT_EQ(table_.find(10, 100 * kSecond + 1), nullptr);
  EXPECT_NE(table_.find(10, 100 * kSecond + 4), nullptr);
}

// /proc has the start in hundredths of a second, the kernel in nanoseconds.
TEST_F(ProcessTableTest, TheSameStartMoreOrLessFinely) {
  scan({process(10, "x", 1, 500 * kSecond)});
  EXPECT_NE(table_.find(10, 500 * kSecond + 9'999'999), nullptr);
  EXPECT_EQ(table_.find(10, 500 * kSecond + 10'000'001), nullptr);
  table_.apply(exit_of(10, 0, 5, 500 * kSecond + 1234));
  EXPECT_EQ(table_.exited(), 1u);
  EXPECT_EQ(table_.running(), 0u);
}

TEST_F(ProcessTableTest, AScanHealsWhatEventsLost) {
  scan({process(10, "stays"), process(11, "goes"), process(12, "reused", 1, 1 * kSecond)});
  scan({process(10, "stays"), process(12, "other", 1, 2 * kSecond), process(13, "came")},
       7 * kSecond);
  EXPECT_EQ(table_.running(), 3u);
  EXPECT_TRUE(table_.find(11)->exited);
  EXPECT_EQ(table_.find(11)->exited_ns, 7 * kSecond);
  EXPECT_EQ(table_.find(12)->name(), "other");
  EXPECT_EQ(table_.find(12, 1 * kSecond)->name(), "reused");
  EXPECT_EQ(table_.find(13)->name(), "came");
}

// An event during a scan is newer than what the scan shows.
TEST_F(ProcessTableTest, EventsDuringAScanStand) {
  scan({process(10, "x")});
  table_.begin_scan(100);
  table_.apply(exit_of(10, 0, 101, 1000 * kSecond));
  table_.apply(fork_of(11, 1, 102, 1001 * kSecond + 1));
  table_.scan(process(10, "x"));
  table_.end_scan();
  EXPECT_TRUE(table_.find(10)->exited);
  EXPECT_FALSE(table_.find(11)->exited);
}

TEST_F(ProcessTableTest, AForkWhoseScanWasFasterIsTheSameProcess) {
  scan({process(10, "x", 1, 1000 * kSecond)});
  table_.apply(fork_of(10, 1, 5, 1000 * kSecond + 77));
  EXPECT_EQ(table_.running(), 1u);
  EXPECT_EQ(table_.exited(), 0u);
}

TEST_F(ProcessTableTest, AForkOfARunningPidMeansThatItsExitWasLost) {
  table_.apply(fork_of(10, 1, 5));
  table_.apply(fork_of(10, 1, 9));
  EXPECT_EQ(table_.running(), 1u);
  EXPECT_EQ(table_.exited(), 1u);
}

TEST_F(ProcessTableTest, WhoHoldsAnEntrySeesItAsItWas) {
  scan({process(10, "before")});
  const auto held = table_.get(10);
  ProcessEvent comm = event(ProcessEventKind::kComm, 10, 5);
  name(comm, "after");
  table_.apply(comm);
  EXPECT_EQ(held->name(), "before");
  EXPECT_EQ(table_.get(10)->name(), "after");
}

TEST_F(ProcessTableTest, CompleteAddsOnlyWhatIsNotKnown) {
  table_.apply(fork_of(10, 1, 5, 3));
  ProcessInfo more = process(10, "curl");
  table_.complete(10, 3, more);
  EXPECT_EQ(table_.find(10)->exe(), "/bin/curl");
  more.program = std::make_shared<const Program>(Program{"/other", ""});
  table_.complete(10, 3, more);
  EXPECT_EQ(table_.find(10)->exe(), "/bin/curl");
}

TEST_F(ProcessTableTest, ItMovesToAnotherCgroup) {
  scan({process(10, "x")});
  const auto group = [](const char* path) {
    return std::make_shared<const ControlGroup>(ControlGroup{.path = path});
  };
  const std::uint64_t start_ns = table_.find(10)->start_ns;
  table_.place(10, start_ns, group("/a"), 7);
  EXPECT_EQ(table_.find(10)->cgroup->path, "/a");
  EXPECT_EQ(table_.find(10)->cgroup_id, 7u);
  const auto held = table_.get(10);
  table_.place(10, start_ns, group("/b"), 8);
  EXPECT_EQ(held->cgroup->path, "/a");
  EXPECT_EQ(held->cgroup_id, 7u);
  EXPECT_EQ(table_.find(10)->cgroup->path, "/b");
  // When nothing is new, nothing is copied.
  const auto placed = table_.get(10);
  table_.place(10, start_ns, group("/b"), 8);
  EXPECT_EQ(table_.get(10), placed);
  table_.place(10, start_ns, nullptr, 9);
  EXPECT_EQ(table_.find(10)->cgroup, nullptr);
  EXPECT_EQ(table_.find(10)->cgroup_id, 9u);
}

// The exit of a process that was not known before is still an exit.
TEST_F(ProcessTableTest, AnUnknownProcessThatExits) {
  table_.apply(exit_of(10, 9, 5, 3));
  EXPECT_EQ(table_.running(), 0u);
  EXPECT_EQ(table_.find(10, 3)->exit_status, 9u);
  table_.apply(event(ProcessEventKind::kComm, 10, 6, 3));  // late
  EXPECT_EQ(table_.running(), 0u);
}

}  // namespace
}  // namespace sockscope
