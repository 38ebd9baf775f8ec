// SPDX-License-Identifier: Apache-2.0
// Files that are written, and what they answer.
#include "store/question.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "model/address.h"
#include "store/folder.h"
#include "store/hour_file.h"
#include "store/recorder.h"
#include "store/writer.h"

namespace sockscope::store {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kBoot = 1'795'000'000 * kSecond;  // Unix time

std::uint64_t wall(std::uint64_t second) {
  return kBoot + second * kSecond;
}

Flow connection(std::uint64_t cookie, const char* remote, std::uint32_t pid, const char* name) {
  Flow flow;
  flow.cookie = cookie;
  flow.conn_id = ConnectionId{cookie};
  flow.netns = 5;
  flow.direction = Direction::kOutbound;
  flow.state = TcpState::kEstablished;
  flow.opened_ns = 1;
  flow.local = {*parse_address("10.0.0.7"), 40000};
  flow.remote = {*parse_address(remote), 443};
  flow.owner.pid = pid;
  flow.owner.start_ns = pid;
  flow.owner.uid = 1000;
  flow.owner.kind = OwnerKind::kExact;
  std::strncpy(flow.owner.comm.data(), name, flow.owner.comm.size() - 1);
  auto info = std::make_shared<ProcessInfo>();
  auto program = std::make_shared<Program>();
  auto group = std::make_shared<ControlGroup>();
  program->exe = std::string("/usr/bin/") + name;
  program->cmdline = std::string(name) + " --secret";
  group->unit = std::string(name) + ".service";
  info->parents = "bash < sshd";
  info->program = std::move(program);
  info->cgroup = std::move(group);
  flow.owner.process = std::move(info);
  return flow;
}

class StoredHistory : public testing::Test {
 protected:
  StoredHistory() {
    std::string pattern = (fs::temp_directory_path() / "sockscope-history-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
  }
  ~StoredHistory() override { fs::remove_all(folder); }

  // A file from this second of the boot on.
  void begin(std::uint64_t second, bool with_arguments = false) {
    end(second);
    const std::string path = folder + '/' + std::to_string(1000 + second) + ".scope";
    auto made = HourFile::create(
        path, {.host = "h\xff", .boot_id = "b", .program = "p", .with_arguments = with_arguments},
        {second * kSecond, wall(second)});
    ASSERT_TRUE(made) << made.error().message();
    file.emplace(std::move(*made));
  }
  void end(std::uint64_t second) {
    if (!file) return;
    ASSERT_TRUE(file->close(second * kSecond));
    file.reset();
  }
  void write(const row::Any& row) {
    const auto done = file->write(row);
    ASSERT_TRUE(done) << done.error().message() << done.error().detail();
  }
  void sample(std::uint64_t second, std::int64_t stepped_ns = 0) {
    write(row::Sample{.key = first_key_at(second * kSecond),
                      .wall_ns = wall(second) + static_cast<std::uint64_t>(stepped_ns),
                      .mono_ns = second * kSecond});
  }
  static Key key(std::uint64_t second) { return first_key_at(second * kSecond); }
  Answer answer(Range range = {}, const std::function<bool(const Flow&)>& wanted = nullptr) {
    auto asked = ask(folder, range, wanted);
    EXPECT_TRUE(asked) << asked.error().message();
    return asked ? std::move(*asked) : Answer();
  }
  std::uint64_t sent(Range range) {
    std::uint64_t sum = 0;
    for (const Edge& edge : answer(range).edges) sum += edge.moved.tx_bytes;
    return sum;
  }

  std::string folder;
  std::string fixture_path;
  std::optional<HourFile> file;
};

TEST_F(StoredHistory, TellsTheProcessAsItWas) {
  begin(10);
  Flow flow = connection(1, "203.0.113.7", 42, "curl");
  flow.counters.tx_bytes = 5;
  flow.closed_ns = 11 * kSecond;
  auto name = std::make_shared<RemoteName>();
  name->name = "www.example.com";
  flow.remote_name = name;
  write(row::Flow{.key = key(11), .flow = flow, .is_whole = true});
  end(20);
  const Answer told = answer();
  ASSERT_EQ(told.edges.size(), 1u);
  const Edge& edge = told.edges[0];
  EXPECT_EQ(edge.connections, 1u);
  EXPECT_EQ(edge.moved.tx_bytes, 5u);
  EXPECT_EQ(edge.first_ns, wall(11));
  const Flow& told_flow = edge.flow;
  EXPECT_EQ(told_flow.owner.pid, 42u);
  EXPECT_EQ(told_flow.owner.name(), "curl");
  EXPECT_EQ(told_flow.owner.uid, 1000u);
  EXPECT_EQ(told_flow.owner.process->exe(), "/usr/bin/curl");
  EXPECT_EQ(told_flow.owner.process->unit(), "curl.service");
  EXPECT_EQ(told_flow.owner.process->parents, "bash < sshd");
  EXPECT_EQ(told_flow.owner.process->cmdline(), "");  // not kept unless asked for
  EXPECT_EQ(to_string(told_flow.remote), "203.0.113.7:443");
  EXPECT_EQ(told_flow.remote_name->name, "www.example.com");
  EXPECT_TRUE(told.missing.empty());
  EXPECT_TRUE(told.unreadable.empty());
}

TEST_F(StoredHistory, KeepsArgumentsOnlyIfAsked) {
  begin(10, true);
  write(row::Flow{
      .key = key(11), .flow = connection(1, "203.0.113.7", 42, "curl"), .is_whole = true});
  end(20);
  EXPECT_EQ(answer().edges.at(0).flow.owner.process->cmdline(), "curl --secret");
}

TEST_F(StoredHistory, WindowsAddUpToTheWhole) {
  begin(0);
  const Flow flow = connection(1, "203.0.113.7", 42, "curl");
  write(row::Flow{.key = key(1), .flow = flow});
  for (std::uint64_t second = 2; second <= 20; ++second) {
    if (second == 10) {
      write(row::Total{.flow = key(1), .owner = flow.owner, .has_counters = true});
      begin(10);
      write(row::Flow{.key = key(10), .flow = flow, .before = {.tx_bytes = 44}});
    }
    write(row::Delta{.key = key(second),
                     .flow = second < 10 ? key(1) : key(10),
                     .owner = flow.owner,
                     .moved = {.tx_bytes = second}});
    sample(second);
  }
  end(21);
  EXPECT_EQ(sent({}), 20u * 21 / 2 - 1);
  for (std::uint64_t cut = 0; cut <= 22; ++cut)
    EXPECT_EQ(sent({0, wall(cut)}) + sent({wall(cut), UINT64_MAX}), 20u * 21 / 2 - 1) << cut;
  EXPECT_EQ(sent({wall(5), wall(8)}), 5u + 6 + 7);
  EXPECT_EQ(answer({wall(5), wall(8)}).edges.at(0).connections, 1u);
}

TEST_F(StoredHistory, AnIdleConnectionIsThereAsLongAsItIsOpen) {
  begin(0);
  const Flow flow = connection(1, "203.0.113.7", 42, "curl");
  write(row::Flow{.key = key(5), .flow = flow});
  write(row::Total{
      .flow = key(5), .owner = flow.owner, .closed_ns = 50 * kSecond, .has_counters = true});
  end(100);
  EXPECT_EQ(answer({wall(1), wall(4)}).edges.size(), 0u);
  EXPECT_EQ(answer({wall(30), wall(31)}).edges.at(0).connections, 1u);
  EXPECT_EQ(answer({wall(60), wall(61)}).edges.size(), 0u);
}

TEST_F(StoredHistory, FailuresAreCounted) {
  begin(0);
  for (const int second : {3, 4})
    write(row::Failure{.key = key(static_cast<std::uint64_t>(second)),
                       .flow = connection(1, "203.0.113.7", 42, "curl"),
                       .error = 111});
  end(10);
  const Answer told = answer();
  ASSERT_EQ(told.edges.size(), 1u);
  EXPECT_EQ(told.edges[0].failed, 2u);
  EXPECT_EQ(told.edges[0].error, 111);
  EXPECT_FALSE(told.edges[0].has_counters);
}

TEST_F(StoredHistory, OnlyWhatIsWantedIsToldPerProcess) {
  begin(0);
  write(
      row::Flow{.key = key(1), .flow = connection(1, "203.0.113.7", 42, "curl"), .is_whole = true});
  write(
      row::Flow{.key = key(2), .flow = connection(2, "203.0.113.7", 43, "wget"), .is_whole = true});
  end(10);
  const Answer told = answer({}, [](const Flow& flow) { return flow.owner.name() == "wget"; });
  ASSERT_EQ(told.edges.size(), 1u);
  EXPECT_EQ(told.edges[0].flow.owner.pid, 43u);
}

TEST_F(StoredHistory, RangesFollowAWallClockThatWasSet) {
  begin(0);
  const Flow flow = connection(1, "203.0.113.7", 42, "curl");
  write(row::Flow{.key = key(1), .flow = flow});
  constexpr auto kHour = static_cast<std::int64_t>(3600 * kSecond);
  for (std::uint64_t second = 2; second < 10; ++second) {
    sample(second, second < 5 ? 0 : kHour);
    write(row::Delta{
        .key = key(second), .flow = key(1), .owner = flow.owner, .moved = {.tx_bytes = 1}});
  }
  end(10);
  EXPECT_EQ(sent({wall(0), wall(100)}), 3u);
  EXPECT_EQ(sent({wall(3600), wall(3700)}), 5u);
  EXPECT_EQ(sent({}), 8u);
}

TEST_F(StoredHistory, TimesWithoutARecorderAreMissing) {
  begin(0);
  sample(5);
  end(6);
  begin(100);
  write(row::Gap{.key = key(103), .from_ns = 101 * kSecond, .reason = "full", .count = 7});
  end(110);
  const Answer told = answer();
  ASSERT_EQ(told.missing.size(), 2u);
  EXPECT_EQ(told.missing[0].from_ns, wall(6));
  EXPECT_EQ(told.missing[0].to_ns, wall(100));
  EXPECT_EQ(told.missing[1].reason, "full");
  EXPECT_EQ(told.missing[1].from_ns, wall(101));
  EXPECT_EQ(told.missing[1].to_ns, wall(103));
  EXPECT_EQ(told.missing[1].count, 7u);
  EXPECT_EQ(answer({wall(104), wall(105)}).missing.size(), 0u);
}

TEST_F(StoredHistory, ADamagedFileIsNamedAndTheOthersAnswer) {
  begin(0);
  write(
      row::Flow{.key = key(1), .flow = connection(1, "203.0.113.7", 42, "curl"), .is_whole = true});
  end(10);
  std::ofstream(folder + "/1001.scope") << std::string(9000, 'x');
  std::ofstream(folder + "/1002.scope") << "";
  const Answer told = answer();
  EXPECT_EQ(told.edges.size(), 1u);
  ASSERT_EQ(told.unreadable.size(), 2u);
  EXPECT_NE(told.unreadable[0].find("1001.scope"), std::string::npos);
  const auto facts = facts_of(folder, true);
  ASSERT_TRUE(facts);
  ASSERT_EQ(facts->size(), 3u);
  EXPECT_EQ((*facts)[0].problem, "");
  EXPECT_NE((*facts)[1].problem, "");
  EXPECT_NE((*facts)[2].problem, "");
}

TEST_F(StoredHistory, DamageWithinAFileIsTold) {
  begin(0);
  Flow flow = connection(1, "203.0.113.7", 42, "curl");
  auto name = std::make_shared<RemoteName>();
  name->name = "www.example.com";
  flow.remote_name = name;
  write(row::Flow{.key = key(1), .flow = flow});
  write(row::Delta{.key = key(2), .flow = key(1), .owner = flow.owner, .moved = {.tx_bytes = 3}});
  write(row::Failure{.key = key(3), .flow = flow, .error = 111});
  write(row::Gap{.key = key(4), .from_ns = 3 * kSecond, .reason = "full", .count = 7});
  end(10);
  EXPECT_TRUE(answer().unreadable.empty());
  const std::string path = folder + "/1000.scope";
  fs::copy_file(path, folder + "/whole");
  for (const std::string table :
       {"process", "address", "name", "flow", "delta", "failure", "gap", "clock", "info"}) {
    fs::copy_file(folder + "/whole", path, fs::copy_options::overwrite_existing);
    std::int64_t page = 0;
    {
      auto database = Database::open(path, Database::Access::kRead);
      page = database->number("SELECT rootpage FROM sqlite_master WHERE name='" + table + "'")
                 ->value();
    }
    constexpr std::int64_t kPageBytes = 8192;
    std::fstream damaged(path, std::ios::in | std::ios::out | std::ios::binary);
    damaged.seekp((page - 1) * kPageBytes) << std::string(kPageBytes, 'x');
    damaged.close();
    EXPECT_EQ(answer().unreadable.size(), 1u) << table;
  }
}

TEST_F(StoredHistory, ANewerFormatIsRefusedInASentence) {
  begin(0);
  end(10);
  auto database = Database::open(folder + "/1000.scope", Database::Access::kWrite);
  ASSERT_TRUE(database->run("PRAGMA user_version=99"));
  const Answer told = answer();
  ASSERT_EQ(told.unreadable.size(), 1u);
  EXPECT_NE(
      told.unreadable[0].find("its format is 99, and this version of sockscope knows up to 1"),
      std::string::npos)
      << told.unreadable[0];
}

TEST_F(StoredHistory, VerifyFindsDeltasThatDoNotAddUp) {
  begin(0);
  const Flow flow = connection(1, "203.0.113.7", 42, "curl");
  write(row::Flow{.key = key(1), .flow = flow});
  write(row::Delta{.key = key(2), .flow = key(1), .owner = flow.owner, .moved = {.tx_bytes = 3}});
  write(row::Total{
      .flow = key(1), .owner = flow.owner, .has_counters = true, .moved = {.tx_bytes = 4}});
  end(10);
  EXPECT_EQ(facts_of(folder, true)->at(0).problem,
            "the deltas of 1 flows do not add up to their totals");
}

TEST_F(StoredHistory, NoFolderIsAnError) {
  const auto asked = ask(folder + "/none", {}, nullptr);
  ASSERT_FALSE(asked);
  EXPECT_NE(asked.error().hint().find("sockscope record"), std::string::npos);
}

// What goes through recorder and writer is what is read again, over several files.
TEST_F(StoredHistory, WhatIsRecordedIsRead) {
  auto opened = Folder::open(folder + "/in/it");
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_FALSE(Folder::open(folder + "/in/it"));  // one recorder at a time
  Writer writer(std::move(*opened), {.host = "h", .boot_id = "b", .program = "p"}, {});
  Recorder recorder;
  std::uint64_t moved = 0;
  Flow flow = connection(1, "203.0.113.7", 42, "curl");
  for (std::uint64_t look = 1; look <= 30; ++look) {
    if (look % 10 == 0) recorder.begin_file();
    Snapshot snapshot;
    snapshot.mono_ns = look * kSecond;
    snapshot.wall_ns = wall(look);
    flow.counters.tx_bytes = moved += look;
    snapshot.flows = {flow};
    recorder.take(snapshot);
    writer.write(recorder.rows());
  }
  recorder.finish();
  writer.write(recorder.rows());
  const Writer::Status status = writer.finish(31 * kSecond);
  EXPECT_EQ(status.problem, "");
  EXPECT_EQ(status.dropped, 0u);
  folder += "/in/it";
  EXPECT_EQ(sent({}), moved);
  const auto facts = facts_of(folder, true);
  ASSERT_EQ(facts->size(), 4u);
  for (const FileFacts& each : *facts) {
    EXPECT_EQ(each.problem, "");
    EXPECT_TRUE(each.is_complete);
  }
  folder.resize(folder.size() - 6);
}

// tests/history/ has a file of each format that was released, made by this test with
// SOCKSCOPE_UPDATE_FIXTURE=1; all of them must be read for ever.
TEST_F(StoredHistory, FilesOfEachFormatAreRead) {
  begin(10);
  const Flow curl = connection(1, "203.0.113.7", 42, "curl");
  Flow nginx = connection(2, "2001:db8::7", 43, "nginx");
  nginx.direction = Direction::kInbound;
  nginx.counters.tx_bytes = 1000;
  nginx.closed_ns = 12 * kSecond;
  write(row::Flow{.key = key(11), .flow = curl, .before = {.tx_bytes = 7}});
  write(row::Flow{.key = key(12), .flow = nginx, .is_whole = true});
  write(row::Delta{.key = key(15),
                   .flow = key(11),
                   .owner = curl.owner,
                   .moved = {.tx_bytes = 5, .rx_bytes = 6}});
  write(row::Failure{.key = key(16), .flow = curl, .error = 111, .latency_us = 3});
  write(row::Gap{.key = key(17), .from_ns = 16 * kSecond, .reason = "full", .count = 7});
  write(row::Total{.flow = key(11),
                   .owner = curl.owner,
                   .has_counters = true,
                   .moved = {.tx_bytes = 5, .rx_bytes = 6}});
  sample(18);
  end(20);
  const fs::path fixture = fs::path(FIXTURE_FOLDER) / "format-1.scope";
  if (std::getenv("SOCKSCOPE_UPDATE_FIXTURE") != nullptr)
    fs::copy_file(folder + "/1010.scope", fixture, fs::copy_options::overwrite_existing);
  const Answer fresh = answer();
  folder.swap(fixture_path = fixture.string());
  const Answer old = answer();
  EXPECT_EQ(facts_of(folder, true)->at(0).problem, "");
  folder.swap(fixture_path);
  ASSERT_EQ(old.edges.size(), 2u);
  for (std::size_t i = 0; i < old.edges.size(); ++i) {
    EXPECT_EQ(old.edges[i].moved, fresh.edges[i].moved);
    EXPECT_EQ(old.edges[i].failed, fresh.edges[i].failed);
    EXPECT_EQ(old.edges[i].first_ns, fresh.edges[i].first_ns);
    EXPECT_EQ(old.edges[i].last_ns, fresh.edges[i].last_ns);
    EXPECT_EQ(old.edges[i].flow.owner.name(), fresh.edges[i].flow.owner.name());
    EXPECT_EQ(to_string(old.edges[i].flow.remote), to_string(fresh.edges[i].flow.remote));
  }
  ASSERT_EQ(old.missing.size(), 1u);
  EXPECT_EQ(old.missing[0].count, 7u);
}

TEST_F(StoredHistory, OldFilesGoFirst) {
  auto opened = Folder::open(folder);
  ASSERT_TRUE(opened);
  for (const char* name : {"a", "b", "c"})
    std::ofstream(folder + '/' + name + ".scope") << std::string(1000, 'x');
  std::ofstream(folder + "/other") << std::string(5000, 'x');
  EXPECT_EQ(opened->keep_within(10'000, 0, ""), 3000u);
  EXPECT_EQ(opened->keep_within(2'500, 0, folder + "/a.scope"), 2000u);
  EXPECT_TRUE(fs::exists(folder + "/a.scope"));
  EXPECT_FALSE(fs::exists(folder + "/b.scope"));
  EXPECT_TRUE(fs::exists(folder + "/other"));
  EXPECT_EQ(opened->keep_within(10'000, UINT64_MAX, folder + "/a.scope"), 1000u);
}

}  // namespace
}  // namespace sockscope::store
