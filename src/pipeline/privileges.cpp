// SPDX-License-Identifier: Apache-2.0
#include <sys/capability.h>
#include <sys/prctl.h>

#include <cerrno>
#include <memory>
#include <vector>

#include <sockscope/monitor.h>

namespace sockscope {

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
  for (const cap_value_t one : wanted) {
    cap_flag_value_t is_held = CAP_CLEAR;
    if (::cap_get_flag(held.get(), one, CAP_PERMITTED, &is_held) != 0) return failed();
    for (const cap_flag_t set : {CAP_PERMITTED, CAP_EFFECTIVE})
      if (::cap_set_flag(kept.get(), set, 1, &one, is_held) != 0) return failed();
  }
  if (::cap_set_proc(kept.get()) != 0) return failed();
  return {};
}

const char* version() noexcept { return SOCKSCOPE_VERSION; }

}  // namespace sockscope
