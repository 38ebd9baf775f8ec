// SPDX-License-Identifier: Apache-2.0
#include "source/ebpf/advice.h"

namespace sockscope {

std::string advice_for(DoorKind kind, std::string_view reason) {
  const auto says = [reason](std::string_view words) {
    return reason.find(words) != std::string_view::npos;
  };
  const bool is_cgroup = kind == DoorKind::kCgroup || kind == DoorKind::kNumbering;
  if (says("no tracepoint sock_")) return "Linux 6.3 or newer has it";
  if (says("does not tell the error")) return "Linux 6.15 or newer does";
  if (says("CONFIG_KPROBE_EVENTS")) return "boot a kernel that has them, as distributions build it";
  if (says("root cgroup"))
    return "run on the host, or in a container that has the host's cgroup namespace "
           "(--cgroupns=host)";
  if (is_cgroup && says("not permitted"))
    return "grant CAP_NET_ADMIN: sudo setcap cap_bpf,cap_perfmon,cap_net_admin+ep sockscope";
  if (kind == DoorKind::kFunction && says("not permitted"))
    return "this kernel bars programs on its functions; the kernels of distributions do not";
  if (kind == DoorKind::kFunction && says("524")) return "Linux 6.4 or newer on arm64";
  return {};
}

}  // namespace sockscope
