// SPDX-License-Identifier: Apache-2.0
#include "source/procfs/socket_owners.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "source/procfs/testing.h"

namespace sockscope {
namespace {

constexpr std::uint64_t kHour = 3'600'000'000'000;

class SocketOwnersTest : public testing::Test {
 protected:
  SocketOwnersTest() {
    proc.add_process(300, "web) server", 5'000, 33);
    proc.add_fd(300, 0, "/dev/null");
    proc.add_fd(300, 1, "pipe:[1000]");
    proc.add_socket(300, 3, 1000);
    proc.add_socket(300, 4, 1001);
    proc.add_process(400, "client", 6'000, 1000);
    proc.add_socket(400, 5, 2000);
  }

  // Makes a poll that sees these sockets; returns the pids of their owners, 0 for unknown.
  std::vector<std::uint32_t> poll(const std::vector<std::uint64_t>& inodes) {
    now_ += kHour;  // no search is delayed
    owners.begin(now_);
    for (const std::uint64_t inode : inodes) owners.find(inode);
    owners.find_unknown(now_);
    std::vector<std::uint32_t> pids;
    for (const std::uint64_t inode : inodes) {
      const Owner* owner = owners.find(inode);
      pids.push_back(owner ? owner->pid : 0);
    }
    owners.end();
    return pids;
  }

  ProcTree proc;
  SocketOwners owners{proc.path()};
  std::uint64_t now_ = 0;
};

using Pids = std::vector<std::uint32_t>;

TEST_F(SocketOwnersTest, FindsTheHoldersWithAllThatIsKnownOfThem) {
  EXPECT_EQ(poll({1000, 1001, 2000, 3000, 0}), (Pids{300, 300, 400, 0, 0}));
  const Owner* owner = owners.find(1000);
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->name(), "web) server");
  EXPECT_EQ(owner->uid, 33u);
  EXPECT_EQ(owner->opener_pid, 0u);
  EXPECT_EQ(owner->kind, OwnerKind::kBootstrap);
  const auto ticks = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  EXPECT_EQ(owner->start_ns, 5'000u * (1'000'000'000 / ticks));
}

TEST_F(SocketOwnersTest, WalksOnlyWhenThereAreUnknownSockets) {
  poll({1000, 2000});
  const std::uint64_t walks = owners.walks();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(poll({1000, 2000}), (Pids{300, 400}));
  EXPECT_EQ(owners.walks(), walks);
  EXPECT_EQ(poll({1000, 1001, 2000}), (Pids{300, 300, 400}));
  EXPECT_EQ(owners.walks(), walks + 1);
}

TEST_F(SocketOwnersTest, WhatNobodyHoldsIsNotLookedForForEver) {
  for (int i = 0; i < 20; ++i) EXPECT_EQ(poll({1000, 3000}), (Pids{300, 0}));
  EXPECT_LT(owners.walks(), 5u);
}

TEST_F(SocketOwnersTest, ASearchThatTookLongIsPutOff) {
  owners.begin(1);
  owners.find(1000);
  EXPECT_TRUE(owners.find_unknown(1));
  owners.end();
  owners.begin(2);
  owners.find(2000);
  EXPECT_FALSE(owners.find_unknown(2));
  EXPECT_TRUE(owners.find_unknown(2, true));
  owners.end();
  owners.begin(3);
  owners.find(1001);
  EXPECT_FALSE(owners.find_unknown(3));
  owners.end();
  EXPECT_EQ(poll({1001}), (Pids{300}));
}

TEST_F(SocketOwnersTest, NothingGrowsFromPollToPoll) {
  std::uint64_t inode = 10'000;
  for (int i = 0; i < 50; ++i) {
    proc.remove_fd(400, 5);
    proc.add_socket(400, 5, ++inode);
    EXPECT_EQ(poll({inode}), (Pids{400}));
    EXPECT_EQ(owners.known_inodes(), 1u);
    EXPECT_EQ(owners.known_processes(), 1u);
  }
}

TEST_F(SocketOwnersTest, AProcessThatEndedIsNotTheOwnerAnyMore) {
  proc.add_process(500, "child", 7'000);
  proc.add_socket(500, 3, 1000);
  EXPECT_EQ(poll({1000, 1001}), (Pids{300, 300}));
  proc.remove_process(300);
  EXPECT_EQ(poll({1000, 1001}), (Pids{500, 0}));
}

TEST_F(SocketOwnersTest, AReusedPidIsAnotherProcess) {
  EXPECT_EQ(poll({1000}), (Pids{300}));
  proc.remove_process(300);
  proc.add_process(300, "other", 9'000);
  EXPECT_EQ(poll({1000}), (Pids{0}));
  proc.add_socket(300, 7, 1000);
  EXPECT_EQ(poll({1000}), (Pids{300}));
  EXPECT_EQ(owners.find(1000)->name(), "other");
}

TEST_F(SocketOwnersTest, AServerHandsAConnectionToItsChild) {
  EXPECT_EQ(poll({1000, 1001}), (Pids{300, 300}));
  proc.add_process(500, "child", 7'000);
  proc.add_socket(500, 4, 1001);
  proc.remove_fd(300, 4);
  EXPECT_EQ(poll({1000, 1001}), (Pids{300, 500}));
}

TEST_F(SocketOwnersTest, ANewNameIsSeen) {
  EXPECT_EQ(poll({1000}), (Pids{300}));
  proc.add_process(300, "renamed", 5'000, 33);
  EXPECT_EQ(poll({1000}), (Pids{300}));
  EXPECT_EQ(owners.find(1000)->name(), "renamed");
}

TEST_F(SocketOwnersTest, OfSeveralHoldersTheOneWithTheLeastPid) {
  proc.add_socket(400, 9, 1000);
  EXPECT_EQ(poll({1000}), (Pids{300}));
}

TEST_F(SocketOwnersTest, AThreadWithFilesOfItsOwn) {
  proc.add_thread_socket(300, 300, 3, 1000);
  proc.add_thread_socket(300, 301, 7, 5000);
  EXPECT_EQ(poll({1000, 5000}), (Pids{300, 300}));
  EXPECT_EQ(poll({1000, 5000}), (Pids{300, 300}));
  // The thread is gone, and another process has the socket.
  proc.remove_thread(300, 301);
  proc.add_socket(400, 6, 5000);
  EXPECT_EQ(poll({1000, 5000}), (Pids{300, 400}));
}

TEST_F(SocketOwnersTest, TheFirstThreadHasEnded) {
  proc.add_process(500, "server", 7'000);
  proc.add_thread_socket(500, 502, 4, 6000);
  EXPECT_EQ(poll({6000}), (Pids{500}));
}

TEST_F(SocketOwnersTest, ABrokenTreeHasNoOwners) {
  proc.write("600/stat", "600 (cut");
  proc.write("600/fd/x", "");
  proc.add_socket(600, 3, 4000);
  proc.write("700", "a file");
  EXPECT_EQ(poll({4000}), (Pids{0}));
}

}  // namespace
}  // namespace sockscope
