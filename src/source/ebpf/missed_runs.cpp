// SPDX-License-Identifier: Apache-2.0
#include "source/ebpf/missed_runs.h"

#include <bpf/bpf.h>

namespace sockscope {
namespace {

// bpf_link_info of a kprobe as it is since Linux 6.7; older headers have a shorter one.
struct ProbeLinkInfo {
  std::uint32_t type;
  std::uint32_t id;
  std::uint32_t program;
  std::uint32_t pad0;
  std::uint32_t event_type;
  std::uint32_t pad1;
  std::uint64_t function;  // where the kernel may write its name; not wanted
  std::uint32_t name_size;
  std::uint32_t offset;
  std::uint64_t address;
  std::uint64_t missed;
};

}  // namespace

std::uint64_t MissedRuns::count() const noexcept {
  std::uint64_t missed = 0;
  for (const int program : programs_) {
    bpf_prog_info info{};
    std::uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(program, &info, &size) == 0) missed += info.recursion_misses;
  }
  for (const int link : probes_) {
    ProbeLinkInfo info{};
    std::uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(link, &info, &size) == 0 && size >= sizeof info)
      missed += info.missed;
  }
  return missed;
}

}  // namespace sockscope
