// SPDX-License-Identifier: Apache-2.0
// Which programs processes run, with which arguments, also of processes that are gone before
// anybody can look. The truth about the path is what the program itself reads from /proc/self/exe.
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "live_support.h"

namespace sockscope::live {
namespace {

constexpr const char* kReadlink = "/usr/bin/readlink";
constexpr const char* kSelf = "/proc/self/exe";

// A folder of the test, which is removed with it.
class Folder {
 public:
  Folder() : path_(::mkdtemp(name_)) {}
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }
  std::string copy_readlink(const std::string& name) const {
    const std::string to = path_ + '/' + name;
    std::filesystem::create_directories(std::filesystem::path(to).parent_path());
    std::filesystem::copy_file(kReadlink, to);
    return to;
  }

 private:
  char name_[32] = "/tmp/sockscope-live-XXXXXX";
  std::string path_;
};

std::string blind_to_execs(const Monitor& monitor) {
  const Door* door = door_of(monitor, Observation::kProcessExec);
  return door != nullptr && door->name.starts_with("netlink") ? "execs are told by the connector"
                                                              : "";
}

struct Outcome {
  std::string said;                     // the first line it wrote
  std::shared_ptr<const Program> seen;  // as reported when it had ended
};

// Forks, runs `execute`, which calls exec, and waits for its end.
Outcome run(Collector& collector, const std::function<void()>& execute) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
  Fd from(ends[0]);
  Fd to(ends[1]);
  Child child([&](Channel&) {
    ::dup2(to.get(), STDOUT_FILENO);
    execute();
  });
  to.reset();
  std::string said;
  char buffer[4096];
  for (ssize_t size = 0; (size = ::read(from.get(), buffer, sizeof buffer)) > 0;)
    said.append(buffer, static_cast<std::size_t>(size));
  const auto pid = static_cast<std::uint32_t>(child.pid());
  child.wait();
  const Event& ended = collector.wait_for(
      [&](const Event& event) {
        return event.kind() == EventKind::kProcess &&
               std::get<ProcessEvent>(event.what).pid == pid &&
               std::get<ProcessEvent>(event.what).kind == ProcessEventKind::kExit;
      },
      "exit");
  const auto& process = ended.flow.owner.process;
  return {said.substr(0, said.find('\n')), process ? process->program : nullptr};
}

struct Way {
  const char* name;
  std::string given;
  std::function<void(const Folder&)> execute;
};

void PrintTo(const Way& way, std::ostream* out) {
  *out << way.name;
}

class ProgramPath : public testing::TestWithParam<Way> {};

TEST_P(ProgramPath, IsWhatTheProcessItselfReads) {
  const Folder folder;
  Collector collector(watching_processes());
  SOCKSCOPE_SKIP_WHEN(blind_to_execs(collector.monitor()));
  const Outcome done = run(collector, [&] { GetParam().execute(folder); });
  ASSERT_TRUE(done.seen);
  EXPECT_FALSE(done.said.empty());
  EXPECT_EQ(done.seen->exe, done.said);
  if (!GetParam().given.empty()) {
    EXPECT_EQ(done.seen->exe_given, GetParam().given);
  }
}

void exec_descriptor(int fd) {
  char* const words[] = {const_cast<char*>("x"), const_cast<char*>(kSelf), nullptr};
  char* const none[] = {nullptr};
  ::fexecve(fd, words, none);
}

INSTANTIATE_TEST_SUITE_P(
    Way, ProgramPath,
    testing::Values(Way{"Plain", kReadlink,
                        [](const Folder&) { ::execl(kReadlink, "x", kSelf, nullptr); }},
                    Way{"Relative", "./inner/../copy",
                        [](const Folder& folder) {
                          folder.copy_readlink("copy");
                          folder.copy_readlink("inner/other");
                          if (::chdir(folder.path().c_str()) == 0)
                            ::execl("./inner/../copy", "x", kSelf, nullptr);
                        }},
                    Way{"Link", "",
                        [](const Folder& folder) {
                          const std::string link = folder.path() + "/link";
                          std::filesystem::create_symlink(folder.copy_readlink("copy"), link);
                          ::execl(link.c_str(), "x", kSelf, nullptr);
                        }},
                    Way{"Script", "./script",
                        [](const Folder& folder) {
                          if (::chdir(folder.path().c_str()) != 0) return;
                          std::ofstream("script") << "#!" << kReadlink << ' ' << kSelf << '\n';
                          ::chmod("script", 0700);
                          ::execl("./script", "x", nullptr);
                        }},
                    Way{"Memory", "",
                        [](const Folder&) {
                          const int fd = ::memfd_create("a tool", MFD_CLOEXEC);
                          std::ifstream from(kReadlink, std::ios::binary);
                          const std::string bytes{std::istreambuf_iterator<char>(from), {}};
                          if (::write(fd, bytes.data(), bytes.size()) > 0) exec_descriptor(fd);
                        }},
                    Way{"Deleted", "",
                        [](const Folder& folder) {
                          const std::string copy = folder.copy_readlink("copy");
                          const int fd = ::open(copy.c_str(), O_RDONLY | O_CLOEXEC);
                          ::unlink(copy.c_str());
                          exec_descriptor(fd);
                        }},
                    Way{"Mount", "",
                        [](const Folder& folder) {
                          const std::string copy = folder.copy_readlink("mounted/below/copy");
                          const std::string on = folder.path() + "/on";
                          std::filesystem::create_directory(on);
                          if (::unshare(CLONE_NEWNS) == 0 &&
                              ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                              ::mount((folder.path() + "/mounted").c_str(), on.c_str(), nullptr,
                                      MS_BIND, nullptr) == 0)
                            ::execl((on + "/below/copy").c_str(), "x", kSelf, nullptr);
                        }}),
    [](const testing::TestParamInfo<Way>& way) { return way.param.name; });

TEST(Programs, ArgumentsAreAListWithEmptyOnes) {
  Collector collector(watching_processes());
  SOCKSCOPE_SKIP_WHEN(blind_to_execs(collector.monitor()));
  const Outcome done =
      run(collector, [] { ::execl("/bin/true", "true", "a b", "", "c", "", nullptr); });
  ASSERT_TRUE(done.seen);
  EXPECT_EQ(done.seen->arguments, (std::vector<std::string>{"true", "a b", "", "c", ""}));
  EXPECT_FALSE(done.seen->arguments_truncated);
}

// Path and arguments larger than a record: they are read from /proc if the process still exists.
TEST(Programs, WhatARecordHasNoRoomForIsReadWhileTheProcessIsThere) {
  const Folder folder;
  const std::string deep =
      folder.copy_readlink(std::string(200, 'a') + '/' + std::string(200, 'b'));
  const std::string cat = deep + "/cat";
  std::filesystem::remove(deep);
  std::filesystem::create_directories(deep);
  std::filesystem::copy_file("/bin/cat", cat);
  Collector collector(watching_processes());
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  Fd from(ends[0]);
  Fd to(ends[1]);
  const std::string big(1000, 'z');
  Child child([&](Channel&) {
    ::dup2(from.get(), STDIN_FILENO);
    ::execl(cat.c_str(), "cat", "-u", "-", big.c_str(), "", nullptr);
  });
  const auto pid = static_cast<std::uint32_t>(child.pid());
  const Event& began = collector.wait_for(
      [&](const Event& event) {
        return event.kind() == EventKind::kProcess &&
               std::get<ProcessEvent>(event.what).pid == pid &&
               std::get<ProcessEvent>(event.what).kind == ProcessEventKind::kExec;
      },
      "exec");
  const auto program = began.flow.owner.process->program;
  ASSERT_TRUE(program);
  EXPECT_EQ(program->exe, cat);
  EXPECT_EQ(program->arguments, (std::vector<std::string>{"cat", "-u", "-", big, ""}));
  EXPECT_FALSE(program->arguments_truncated);
  child.kill();
  child.wait();
}

TEST(Programs, ArgumentsThatCannotBeReadWholeAreMarked) {
  Collector collector(watching_processes());
  SOCKSCOPE_SKIP_WHEN(blind_to_execs(collector.monitor()));
  const std::string big(100'000, 'z');
  // Nothing is collected before the process has ended.
  const Outcome done = run(collector, [&] { ::execl("/bin/true", "true", big.c_str(), nullptr); });
  ASSERT_TRUE(done.seen);
  EXPECT_TRUE(done.seen->arguments_truncated);
  ASSERT_EQ(done.seen->arguments.size(), 2u);
  EXPECT_EQ(done.seen->arguments[1], big.substr(0, 250));
}

}  // namespace
}  // namespace sockscope::live
