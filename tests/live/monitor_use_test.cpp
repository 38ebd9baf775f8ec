// SPDX-License-Identifier: Apache-2.0
// Mistakes that an embedding program may make.
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sockscope/monitor.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>

namespace sockscope::live {
namespace {

void expect_invalid(const auto& result) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::kInvalidArgument);
  EXPECT_FALSE(result.error().detail().empty());
}

TEST(MonitorUse, NullHandlerIsAnError) {
  auto monitor = Monitor::open();
  ASSERT_TRUE(monitor) << monitor.error().message();
  expect_invalid(monitor->consume(nullptr));
  expect_invalid(monitor->finish(nullptr));
  expect_invalid(monitor->poll(std::chrono::milliseconds(0), nullptr));
  EXPECT_TRUE(monitor->snapshot(nullptr));
}

TEST(MonitorUse, MovedFromObservesNothing) {
  auto monitor = Monitor::open();
  ASSERT_TRUE(monitor) << monitor.error().message();
  const Monitor taken = std::move(*monitor);
  const Monitor& left = *monitor;
  EXPECT_EQ(left.fd(), -1);
  EXPECT_EQ(left.source(), Source::kAuto);
  EXPECT_TRUE(left.doors().empty());
  EXPECT_EQ(left.loss(), Loss{});
  EXPECT_EQ(left.process(1), nullptr);
  EXPECT_EQ(left.cost().events, 0u);
  const auto ignore = [](const Event&) {};
  expect_invalid(monitor->consume(ignore));
  expect_invalid(monitor->snapshot());
  expect_invalid(monitor->tcp_internals({}));
  EXPECT_NE(taken.fd(), -1);
}

std::map<int, std::string> open_files() {
  std::map<int, std::string> files;
  DIR* directory = ::opendir("/proc/self/fd");
  while (const dirent* entry = directory ? ::readdir(directory) : nullptr) {
    char target[256] = "";
    const int fd = std::atoi(entry->d_name);
    if (fd != ::dirfd(directory) &&
        ::readlinkat(::dirfd(directory), entry->d_name, target, sizeof target - 1) > 0)
      files.emplace(fd, target);
  }
  if (directory) ::closedir(directory);
  return files;
}

// With every source and every option: a program that the caller starts inherits nothing.
TEST(MonitorUse, EveryDescriptorIsCloseOnExec) {
  const auto inherited = open_files();
  for (const Source source : {Source::kEbpf, Source::kSockDiag, Source::kProcfs}) {
    Options options;
    options.source = source;
    options.processes = options.describe = options.dns = options.refusals = options.resolve = true;
    if (source == Source::kEbpf) options.udp_peers = options.holders = true;
    const auto monitor = Monitor::open(options);
    ASSERT_TRUE(monitor) << monitor.error().message();
    int held = 0;
    for (const auto& [fd, target] : open_files()) {
      if (inherited.contains(fd)) continue;
      ++held;
      EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0) << to_string(source) << ": " << target;
    }
    EXPECT_GT(held, 0);
    std::printf("%s holds %d descriptors\n", std::string(to_string(source)).c_str(), held);
  }
}

}  // namespace
}  // namespace sockscope::live
