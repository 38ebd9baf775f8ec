// SPDX-License-Identifier: Apache-2.0
#include <sys/capability.h>
#include <sys/prctl.h>

#include <cerrno>
#include <memory>

#include <sockscope/monitor.h>

namespace sockscope {

Result<void> drop_privileges() {
  const auto failed = [] {
    return tl::make_unexpected(
        Error::from_errno(ErrorKind::kIo, errno, "give up the capabilities"));
  };
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed();
  const std::unique_ptr<std::remove_pointer_t<cap_t>, int (*)(void*)> none(::cap_init(),
                                                                           ::cap_free);
  if (!none || ::cap_set_proc(none.get()) != 0) return failed();
  return {};
}

const char* version() noexcept { return SOCKSCOPE_VERSION; }

}  // namespace sockscope
