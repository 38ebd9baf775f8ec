// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace sockscope {

// Counts how often the kernel did not run a program because the same one (of kprobes: any) was
// already running on that processor. The kernel reports it since Linux 5.12, for kprobes since 6.7;
// before that the count is 0.
class MissedRuns {
 public:
  // Descriptors of a program, and of the link of a kprobe. They stay the caller's, and must stay
  // open while this is used.
  void watch_program(int program) { programs_.push_back(program); }
  void watch_probe(int link) { probes_.push_back(link); }
  // Since the programs were loaded. Makes one system call for each.
  std::uint64_t count() const noexcept;

 private:
  std::vector<int> programs_;
  std::vector<int> probes_;
};

}  // namespace sockscope
