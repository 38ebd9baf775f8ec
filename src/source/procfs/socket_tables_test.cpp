// SPDX-License-Identifier: Apache-2.0
#include "source/procfs/socket_tables.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "source/procfs/testing.h"

namespace sockscope {
namespace {

// A line as the kernel prints it: 127.0.0.1:local to 127.0.0.1:remote; remote 0: not connected.
std::string line(unsigned local, unsigned remote, unsigned state, std::uint64_t inode) {
  return fmt::format(
      "   0: 0100007F:{:04X} {}:{:04X} {:02X} 00000000:00000000 {}:00000000 00000000  1000        "
      "0 "
      "{} 1 0000000000000000 20 4 30 10 -1\n",
      local, remote == 0 ? "00000000" : "0100007F", remote, state, state == 6 ? "03" : "00", inode);
}

class SocketTablesTest : public testing::Test {
 protected:
  std::vector<Flow> read() {
    std::vector<Flow> flows;
    const auto done = tables.read([&](PolledSocket& socket) { flows.push_back(socket.flow); });
    EXPECT_TRUE(done) << done.error().message();
    return flows;
  }
  std::uint64_t only_number() {
    const auto flows = read();
    EXPECT_EQ(flows.size(), 1u);
    return flows.empty() ? 0 : flows[0].cookie;
  }

  ProcTree proc;
  SocketTables tables{proc.path()};
};

constexpr std::uint64_t kOwnNumbers = std::uint64_t{1} << 52;

TEST_F(SocketTablesTest, AllFourTables) {
  proc.write_table("tcp", line(80, 0, 10, 7) + line(80, 5000, 1, 8));
  proc.write_table("udp", line(53, 0, 7, 9));
  proc.write_table(
      "udp6",
      "  1: 00000000000000000000000000000000:0035 00000000000000000000000000000000:0000 "
      "07 00000000:00000000 00:00000000 00000000     0        0 10 2 0 0\n");
  const auto flows = read();
  ASSERT_EQ(flows.size(), 4u);
  EXPECT_EQ(flows[0].cookie, 7u);
  EXPECT_EQ(flows[0].state, TcpState::kListen);
  EXPECT_EQ(to_string(flows[1].remote), "127.0.0.1:5000");
  EXPECT_EQ(flows[2].protocol, Protocol::kUdp);
  EXPECT_EQ(to_string(flows[3].local), "[::]:53");
  EXPECT_EQ(flows[3].cookie, 10u);
}

TEST_F(SocketTablesTest, AConnectionKeepsItsNumberWhenItsProcessHasClosedIt) {
  proc.write_table("tcp", line(80, 5000, 1, 8));
  EXPECT_EQ(only_number(), 8u);
  for (const unsigned state : {4u, 5u, 6u}) {
    proc.write_table("tcp", line(80, 5000, state, 0));
    EXPECT_EQ(only_number(), 8u) << state;
  }
}

TEST_F(SocketTablesTest, AConnectionKeepsItsNumberWhenItIsAccepted) {
  proc.write_table("tcp", line(80, 5000, 3, 0));
  const std::uint64_t number = only_number();
  EXPECT_GE(number, kOwnNumbers);
  proc.write_table("tcp", line(80, 5000, 1, 0));
  EXPECT_EQ(only_number(), number);
  proc.write_table("tcp", line(80, 5000, 1, 8));
  EXPECT_EQ(only_number(), number);
}

TEST_F(SocketTablesTest, TheSameAddressesAgainAreAnotherConnection) {
  proc.write_table("tcp", line(80, 5000, 1, 8));
  EXPECT_EQ(only_number(), 8u);
  proc.write_table("tcp", line(80, 5000, 1, 9));
  EXPECT_EQ(only_number(), 9u);
  proc.write_table("tcp", line(80, 5000, 6, 0));
  EXPECT_EQ(only_number(), 9u);
  proc.write_table("tcp", line(80, 5000, 1, 0));
  const std::uint64_t reused = only_number();
  EXPECT_GE(reused, kOwnNumbers);
  proc.write_table("tcp", "");
  EXPECT_TRUE(read().empty());
  proc.write_table("tcp", line(80, 5000, 6, 0));
  EXPECT_GT(only_number(), reused);
}

TEST_F(SocketTablesTest, SocketsThatShareAnAddressAreSeveral) {
  proc.write_table("tcp", line(80, 0, 10, 7) + line(80, 0, 10, 8));
  proc.write_table("udp", line(53, 0, 7, 9) + line(53, 0, 7, 10));
  const auto flows = read();
  ASSERT_EQ(flows.size(), 4u);
  for (std::size_t i = 0; i < flows.size(); ++i) EXPECT_EQ(flows[i].cookie, 7 + i);
}

// Larger than the buffer, so that reads end within lines.
TEST_F(SocketTablesTest, ManyLines) {
  std::string text;
  for (unsigned i = 1; i <= 5'000; ++i) text += line(80, 10'000 + i, 1, i);
  proc.write_table("tcp", text);
  const auto flows = read();
  ASSERT_EQ(flows.size(), 5'000u);
  for (std::size_t i = 0; i < flows.size(); ++i) ASSERT_EQ(flows[i].cookie, i + 1);
  EXPECT_EQ(tables.loss().total(), 0u);
}

TEST_F(SocketTablesTest, HostileTextIsCountedAndLosesNothingElse) {
  proc.write_table("tcp", line(80, 5000, 1, 8) + "\n" + std::string(300'000, 'x') + "\n" +
                              line(80, 5001, 1, 9) + "   3: 0100007F:0050 0100007F:13");
  const auto flows = read();
  ASSERT_EQ(flows.size(), 2u);
  EXPECT_EQ(flows[1].cookie, 9u);
  EXPECT_GE(tables.loss().malformed, 3u);
}

TEST_F(SocketTablesTest, WithoutProcThereIsAClearError) {
  const auto refused = SocketTables::open(proc.path() + "/missing");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kKernelLacksFeature);
  EXPECT_FALSE(refused.error().hint().empty());
  EXPECT_TRUE(SocketTables::open(proc.path()));
}

}  // namespace
}  // namespace sockscope
