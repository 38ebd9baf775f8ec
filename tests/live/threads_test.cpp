// SPDX-License-Identifier: Apache-2.0
// What several threads of an embedding program may do at once.
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <sockscope/monitor.h>

#include <cstdarg>
#include <thread>
#include <vector>

namespace sockscope::live {
namespace {

int print_of_ours(libbpf_print_level, const char*, va_list) {
  return 0;
}

TEST(Threads, OpenAtOnceAndLeaveTheProcessItsPrintFunction) {
  const libbpf_print_fn_t before = libbpf_set_print(print_of_ours);
  constexpr int kThreads = 4;
  for (int round = 0; round < 3; ++round) {
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i)
      threads.emplace_back([] {
        Options options;
        options.source = Source::kEbpf;
        const auto monitor = Monitor::open(options);
        EXPECT_TRUE(monitor) << monitor.error().message();
      });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(libbpf_set_print(print_of_ours), &print_of_ours);
  }
  libbpf_set_print(before);
}

}  // namespace
}  // namespace sockscope::live
