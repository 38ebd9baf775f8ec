// SPDX-License-Identifier: Apache-2.0
#include "source/ebpf/permission.h"

#include <linux/capability.h>
#include <unistd.h>

#include <climits>
#include <string>

#include "base/capabilities.h"
#include "base/kernel_namespace.h"

namespace sockscope {
namespace {

std::string executable() {
  char path[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
  return length > 0 ? std::string(path, static_cast<std::size_t>(length)) : "sockscope";
}

std::string missing_capabilities() {
  if (has_capability(CAP_SYS_ADMIN)) return {};
  std::string missing;
  const auto check = [&](int capability, const char* name) {
    if (has_capability(capability)) return;
    missing += missing.empty() ? name : std::string(" and ") + name;
  };
  check(CAP_BPF, "CAP_BPF");
  check(CAP_PERFMON, "CAP_PERFMON");
  return missing;
}

constexpr const char* kCapabilities = "cap_bpf,cap_perfmon,cap_net_admin+ep ";

}  // namespace

bool has_net_admin() {
  return has_capability(CAP_NET_ADMIN) || has_capability(CAP_SYS_ADMIN);
}

Result<void> check_permission() {
  const std::string missing = missing_capabilities();
  if (!missing.empty())
    return tl::make_unexpected(
        Error::from_errno(ErrorKind::kNotPermitted, EPERM, "load the TCP programs")
            .with_detail("this user lacks " + missing)
            .with_hint("run with sudo, or once: sudo setcap " + std::string(kCapabilities) +
                       executable()));
  if (::access("/sys/kernel/btf/vmlinux", R_OK) != 0)
    return tl::make_unexpected(
        Error::from_errno(ErrorKind::kKernelLacksFeature, errno, "load the TCP programs")
            .with_detail("the kernel's type information (/sys/kernel/btf/vmlinux) cannot be read")
            .with_hint("use a kernel built with CONFIG_DEBUG_INFO_BTF=y, version 5.10 or newer, "
                       "and mount /sys"));
  return {};
}

Error explain_refusal(Error error) {
  if (error.code() != std::errc::operation_not_permitted &&
      error.code() != std::errc::permission_denied)
    return error;
  if (!is_in_first_user_namespace())
    return Error(ErrorKind::kNotPermitted, error.code(), "load the TCP programs")
        .with_detail("the capabilities of a user namespace do not count for eBPF")
        .with_hint("run it in the host's user namespace");
  return Error(ErrorKind::kNotPermitted, error.code(), "load the TCP programs")
      .with_detail("the kernel refuses eBPF to this process, although it has the capabilities")
      .with_hint(
          "look for kernel lockdown, a seccomp filter or an LSM; in a container, run it "
          "privileged or on the host");
}

}  // namespace sockscope
