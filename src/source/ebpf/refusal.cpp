// SPDX-License-Identifier: Apache-2.0
#include "source/ebpf/refusal.h"

#include <system_error>

namespace sockscope {
namespace {

std::string text_of(int error) {
  if (error == kNotSupportedByArchitecture) return "not supported on this architecture (error 524)";
  return std::generic_category().message(error);
}

}  // namespace

std::string to_string(const Refusal& refusal) {
  switch (refusal.reason) {
    case RefusalReason::kNone: return {};
    case RefusalReason::kNotAmongDoors:
      return "none of its hooks is among those allowed: " + refusal.detail;
    case RefusalReason::kNoTracepoint: return "the kernel has no tracepoint " + refusal.detail;
    case RefusalReason::kTracepointTooPoor:
      return "the kernel's tracepoint " + refusal.detail + " does not report enough";
    case RefusalReason::kNoFunction: return "the kernel has no function " + refusal.detail;
    case RefusalReason::kNoKprobes:
      return "the kernel is built without kprobes (CONFIG_KPROBE_EVENTS)";
    case RefusalReason::kNoRootCgroup: return "the host's root cgroup cannot be seen from here";
    case RefusalReason::kBarred:
      return "this kernel, or a security module, refuses programs of this kind to everybody (" +
             text_of(refusal.error) + ")";
    case RefusalReason::kLacksNetAdmin:
      return "this user lacks CAP_NET_ADMIN (" + text_of(refusal.error) + ")";
    case RefusalReason::kSeesNoCalls:
      return "it counts packets, so it cannot report each send and receive, as was asked for";
    case RefusalReason::kNoPackets: return "nothing else looks at packets";
    case RefusalReason::kVerifier: return text_of(refusal.error) + ": " + refusal.detail;
    case RefusalReason::kNotSupported:
    case RefusalReason::kOther: return text_of(refusal.error);
  }
  return {};
}

std::string advice_for(DoorKind kind, const Refusal& refusal) {
  switch (refusal.reason) {
    case RefusalReason::kNoTracepoint:
      if (refusal.detail.starts_with("sock_")) return "Linux 6.3 or newer has it";
      break;
    case RefusalReason::kTracepointTooPoor: return "Linux 6.15 or newer reports more";
    case RefusalReason::kNoKprobes: return "boot a kernel that has them, as distributions build it";
    case RefusalReason::kNoRootCgroup:
      return "run on the host, or in a container that has the host's cgroup namespace "
             "(--cgroupns=host)";
    case RefusalReason::kLacksNetAdmin:
      return "grant CAP_NET_ADMIN: sudo setcap cap_bpf,cap_perfmon,cap_net_admin+ep sockscope";
    case RefusalReason::kBarred:
      return "no privilege helps; " +
             std::string(kind == DoorKind::kFunction || kind == DoorKind::kMapIterator
                             ? "the usual kernels of distributions allow it"
                             : "look for a security module or lockdown");
    case RefusalReason::kNotSupported: return "Linux 6.4 or newer on arm64";
    case RefusalReason::kNone:
    case RefusalReason::kNotAmongDoors:
    case RefusalReason::kNoFunction:
    case RefusalReason::kSeesNoCalls:
    case RefusalReason::kNoPackets:
    case RefusalReason::kVerifier:
    case RefusalReason::kOther: break;
  }
  return {};
}

}  // namespace sockscope
