// SPDX-License-Identifier: Apache-2.0
#include <linux/bpf.h>
#include <sockscope/monitor.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <vector>

namespace sockscope {
namespace {

// Before Linux 5.19, where kernel.unprivileged_bpf_disabled is not 0 (Debian's default), bpf(2)
// refuses everything without CAP_BPF, even a new pass of an attached iterator. Later kernels check
// the file descriptor instead.
bool is_bpf_refused() {
  bpf_attr attributes{};
  attributes.iter_create.link_fd = ~0u;
  return ::syscall(SYS_bpf, BPF_ITER_CREATE, &attributes, sizeof attributes) < 0 && errno == EPERM;
}

}  // namespace

Result<void> drop_privileges(Source source, Keep keep) {
  const auto failed = [] {
    return tl::make_unexpected(
        Error::from_errno(ErrorKind::kIo, errno, "give up the capabilities"));
  };
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed();
  using Capabilities = std::unique_ptr<std::remove_pointer_t<cap_t>, int (*)(void*)>;
  const Capabilities held(::cap_get_proc(), ::cap_free);
  const Capabilities kept(::cap_init(), ::cap_free);
  if (!held || !kept) return failed();
  std::vector<cap_value_t> wanted;
  if (source == Source::kSockDiag || source == Source::kProcfs)
    wanted = {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH};
  if (keep == Keep::kKill) wanted.push_back(CAP_KILL);
  if (source == Source::kEbpf) {
    const Capabilities idle(::cap_dup(held.get()), ::cap_free);
    if (!idle || ::cap_clear_flag(idle.get(), CAP_EFFECTIVE) != 0 ||
        ::cap_set_proc(idle.get()) != 0)
      return failed();
    if (is_bpf_refused()) wanted.push_back(CAP_BPF);
  }
  for (const cap_value_t one : wanted) {
    cap_flag_value_t is_held = CAP_CLEAR;
    if (::cap_get_flag(held.get(), one, CAP_PERMITTED, &is_held) != 0) return failed();
    for (const cap_flag_t set : {CAP_PERMITTED, CAP_EFFECTIVE})
      if (::cap_set_flag(kept.get(), set, 1, &one, is_held) != 0) return failed();
  }
  if (::cap_set_proc(kept.get()) != 0) return failed();
  return {};
}

const char* version() noexcept {
  return SOCKSCOPE_VERSION;
}

}  // namespace sockscope
