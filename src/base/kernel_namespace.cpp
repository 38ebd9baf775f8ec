// SPDX-License-Identifier: Apache-2.0
#include "base/kernel_namespace.h"

#include <sys/stat.h>

namespace sockscope {
namespace {

// The kernel's inode numbers for its first namespaces: PROC_USER_INIT_INO, PROC_PID_INIT_INO.
constexpr ino_t kFirstUserNamespace = 0xEFFFFFFD;
constexpr ino_t kFirstPidNamespace = 0xEFFFFFFC;

bool is_first(const char* path, ino_t number) noexcept {
  struct stat status {};
  return ::stat(path, &status) != 0 || status.st_ino == number;
}

}  // namespace

std::uint32_t home_netns() noexcept {
  struct stat status {};
  return ::stat("/proc/thread-self/ns/net", &status) == 0
             ? static_cast<std::uint32_t>(status.st_ino)
             : 0;
}

bool is_in_first_pid_namespace() noexcept {
  return is_first("/proc/self/ns/pid", kFirstPidNamespace);
}

bool is_in_first_user_namespace() noexcept {
  return is_first("/proc/self/ns/user", kFirstUserNamespace);
}

}  // namespace sockscope
