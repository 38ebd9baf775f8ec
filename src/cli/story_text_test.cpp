// SPDX-License-Identifier: Apache-2.0
#include "cli/story_text.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "base/text.h"
#include "model/address.h"

namespace sockscope {
namespace {

using Lines = std::vector<std::string>;

Story story_of(std::string_view name, std::uint32_t pid, std::uint32_t parent, std::uint64_t start,
               std::string arguments = "") {
  auto program = std::make_shared<Program>();
  program->cmdline = std::move(arguments);
  auto process = std::make_shared<ProcessInfo>();
  process->pid = pid;
  process->parent_pid = parent;
  process->start_ns = start;
  process->parents = "sh < init";
  std::ranges::copy(name, process->comm.begin());
  process->program = std::move(program);
  Story story;
  story.process = std::move(process);
  story.duration_us = 84'000;
  return story;
}

StoryRemote remote(const std::string& address, std::uint16_t port, StoryFigures figures) {
  StoryRemote remote;
  remote.direction = Direction::kOutbound;
  remote.end = {*parse_address(address), port};
  remote.figures = figures;
  return remote;
}

TEST(StoryText, TellsLookupsThatFailedAndThoseWithoutAnAnswer) {
  Story story = story_of("getent", 7, 6, 1);
  story.dns_queries = 4;
  story.dns_failed = 2;
  story.dns_unanswered = 1;
  EXPECT_EQ(story_lines(story, 0)[0],
            "getent 7 (sh < init)  84 ms  0 conns, 2 DNS failed, 1 DNS unanswered  exit 0");
}

TEST(StoryText, HasTheCommandLineAndEachRemoteEnd) {
  Story story = story_of("curl", 7, 6, 1, "curl -s http://www.example.com/");
  story.connections = 3;
  story.failed = 1;
  story.tx_bytes = 110;
  story.rx_bytes = 15'000;
  story.remotes = {remote("192.0.2.80", 443, {1, 0, 100, 15'000}), remote("::1", 9, {0, 2, 0, 0}),
                   remote("192.0.2.9", 0, {2, 0, 10, 0}), remote("192.0.2.53", 53, {1, 0, 1, 2})};
  story.remotes[0].name = "www.example.com";
  story.remotes[1].error = ECONNREFUSED;
  story.remotes[2].direction = Direction::kInbound;
  story.remotes[2].local_port = 80;
  story.remotes[3].direction = Direction::kUnknown;
  story.remotes[3].protocol = Protocol::kUdp;
  story.remotes[3].is_connected = true;
  story.remotes.push_back(remote("192.0.2.54", 53, {1, 0, 1, 1}));
  story.remotes[4].direction = Direction::kUnknown;
  story.remotes[4].protocol = Protocol::kUdp;
  story.other = {1, 0, 5, 6};
  story.unknown = {1, 0, 7, 8};
  EXPECT_EQ(
      story_lines(story, 0),
      (Lines{"curl 7 (sh < init)  84 ms  3 conns, 1 failed  tx 110 B rx 15 kB  exit 0",
             "    curl -s http://www.example.com/",
             "    → 192.0.2.80:443 www.example.com  1 conn  tx 100 B rx 15 kB",
             "    → [::1]:9  2 failed (ECONNREFUSED)",
             "    ← 192.0.2.9 at :80  2 conns  tx 10 B rx 0 B",
             "    → 192.0.2.53:53 udp  1 conn  tx 1 B rx 2 B",
             "    ↔ 192.0.2.54:53 udp  1 conn  tx 1 B rx 1 B",
             "    … others  1 conn  tx 5 B rx 6 B", "    … not known  1 conn  tx 7 B rx 8 B"}));
}

TEST(StoryText, OfManyRemoteEndsTellsTheFirst) {
  Story story = story_of("scan", 7, 6, 1);
  for (std::uint16_t port = 1; port <= 20; ++port)
    story.remotes.push_back(remote("192.0.2.80", port, {1, 1, 2, 3}));
  const Lines lines = story_lines(story, 0);
  ASSERT_EQ(lines.size(), 1 + 16 + 1u);
  EXPECT_EQ(lines[16], "    → 192.0.2.80:16  1 conn, 1 failed  tx 2 B rx 3 B");
  EXPECT_EQ(lines[17], "    … 4 more remote ends  4 conns, 4 failed  tx 8 B rx 12 B");
}

TEST(StoryText, ArgumentsFitTheTerminalAndAreClean) {
  Story story = story_of("sh", 7, 6, 1, std::string(900, 'x'));
  EXPECT_EQ(display_width(story_lines(story, 0)[1]), 404u);
  EXPECT_EQ(display_width(story_lines(story, 80)[1]), 80u);
  EXPECT_EQ(display_width(story_lines(story, 5)[1]), 24u);
  story = story_of("sh", 7, 6, 1, "a\nb\x1b[2J");
  story.remotes = {remote("192.0.2.80", 1, {1, 0, 0, 0})};
  story.remotes[0].name = "\x1b[2Jx";
  EXPECT_EQ(story_lines(story, 0)[1], "    a?b?[2J");
  EXPECT_EQ(story_lines(story, 0)[2], "    → 192.0.2.80:1 ?[2Jx  1 conn  tx 0 B rx 0 B");
}

// sh ─┬─ curl
//     ├─ bash ── true
//     └─ sleep
std::vector<Story> family() {
  std::vector<Story> all{story_of("true", 5, 4, 50), story_of("curl", 3, 2, 30, "curl x"),
                         story_of("bash", 4, 2, 40), story_of("sleep", 6, 2, 60),
                         story_of("sh", 2, 1, 20, "sh script")};
  for (Story& story : all) story.duration_us = 1000;
  all[1].connections = 1;
  all[1].tx_bytes = 10;
  all[1].remotes = {remote("192.0.2.80", 80, {1, 0, 10, 0})};
  all[0].failed = 2;
  return all;
}

TEST(StoryTree, HasChildrenBelowTheirParentsAndSums) {
  EXPECT_EQ(
      story_tree(family(), false, 0),
      (Lines{"sh 2 (sh < init)  1.0 ms  0 conns  exit 0",  //
             "│   sh script",
             "│   with all below: 5 processes, 1 connection, 2 failed, tx 10 B rx 0 B",
             "├─ curl 3  1.0 ms  1 conn  tx 10 B rx 0 B  exit 0", "│      curl x",
             "│      → 192.0.2.80:80  1 conn  tx 10 B rx 0 B", "├─ bash 4  1.0 ms  0 conns  exit 0",
             "│  │   with all below: 2 processes, 0 connections, 2 failed, tx 0 B rx 0 B",
             "│  └─ true 5  1.0 ms  0 conns, 2 failed  exit 0",
             "└─ sleep 6  1.0 ms  0 conns  exit 0"}));
}

TEST(StoryTree, OfTalkersHasThoseThatAreAboveThem) {
  const Lines lines = story_tree(family(), true, 0);
  EXPECT_EQ(lines.back(), "   └─ true 5  1.0 ms  0 conns, 2 failed  exit 0");
  for (const std::string& line : lines) EXPECT_EQ(line.find("sleep"), line.npos) << line;
}

TEST(StoryTree, ANumberThatIsUsedAgainIsAnotherProcess) {
  const Lines lines = story_tree(
      {story_of("old", 2, 1, 10), story_of("child", 3, 2, 20), story_of("new", 2, 1, 30)}, false,
      0);
  EXPECT_EQ(lines[2].substr(0, std::string("└─ child").size()), "└─ child");
  EXPECT_TRUE(lines[3].starts_with("new 2")) << lines[3];
  EXPECT_TRUE(story_tree({story_of("self", 2, 2, 10)}, false, 0)[0].starts_with("self 2"));
}

TEST(StoryTree, OfAThousandGenerationsFitsTheMemory) {
  std::vector<Story> chain;
  for (std::uint32_t i = 1; i <= 1000; ++i) chain.push_back(story_of("sh", i + 1, i, i));
  const Lines lines = story_tree(chain, false, 0);
  EXPECT_EQ(lines.size(), 2 * 1000 - 1u);
  EXPECT_LE(display_width(lines.back()), 3 * 42 + 40u);
  EXPECT_NE(lines[1].find("1000 processes"), std::string::npos);
}

}  // namespace
}  // namespace sockscope
