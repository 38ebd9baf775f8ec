// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace sockscope {

// Times the kernel did not run a program because the same one, or of kprobes any, was at work on
// that processor. The kernel counts them, and tells since Linux 5.12, of kprobes since 6.7; 0
// before.
class MissedRuns {
 public:
  // Descriptors of the caller's, of a program and of the link of a kprobe; open as long as this is
  // asked.
  void watch_program(int program) { programs_.push_back(program); }
  void watch_probe(int link) { probes_.push_back(link); }
  // Since they were loaded. A system call for each.
  std::uint64_t count() const noexcept;

 private:
  std::vector<int> programs_;
  std::vector<int> probes_;
};

}  // namespace sockscope
