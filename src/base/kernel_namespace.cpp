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

std::uint32_t inode_of(const char* path) noexcept {
  struct stat status {};
  return ::stat(path, &status) == 0 ? static_cast<std::uint32_t>(status.st_ino) : 0;
}

}  // namespace

std::uint32_t home_netns() noexcept {
  return inode_of("/proc/thread-self/ns/net");
}

std::uint32_t host_netns() noexcept {
  // In another pid namespace, process 1 is not the host's first process.
  return is_in_first_pid_namespace() ? inode_of("/proc/1/ns/net") : 0;
}

bool is_in_first_pid_namespace() noexcept {
  return is_first("/proc/self/ns/pid", kFirstPidNamespace);
}

bool is_in_first_user_namespace() noexcept {
  return is_first("/proc/self/ns/user", kFirstUserNamespace);
}

}  // namespace sockscope
