// SPDX-License-Identifier: Apache-2.0
#include "cli/network_namespace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <utility>

#include "base/fd.h"
#include "base/kernel_namespace.h"

namespace sockscope {
namespace {

Fd open_if(const std::string& path, std::uint32_t inode) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || status.st_ino != inode) return {};
  return Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
}

// Looks at each entry of the folder, followed by `behind`.
Fd find_in(const std::string& folder, const char* behind, std::uint32_t inode) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error))
    if (Fd file = open_if(entry->path().string() + behind, inode)) return file;
  return {};
}

// A thread may be in another namespace than the first thread of its process.
Fd find_in_threads(std::uint32_t inode) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error))
    if (Fd file = find_in(entry->path().string() + "/task", "/ns/net", inode)) return file;
  return {};
}

Result<Fd> find_netns(std::uint32_t inode) {
  if (Fd file = find_in("/run/netns", "", inode)) return file;
  if (Fd file = find_in("/proc", "/ns/net", inode)) return file;
  if (Fd file = find_in_threads(inode)) return file;
  return tl::make_unexpected(
      Error(ErrorKind::kInvalidArgument, {}, fmt::format("find network namespace {}", inode))
          .with_detail(
              "neither a name in /run/netns nor a process that may be inspected leads there")
          .with_hint(::geteuid() == 0 ? "lsns -t net lists them"
                                      : "run it as root, or inside: nsenter --net=FILE"));
}

}  // namespace

Result<void> check_netns(std::uint32_t inode) {
  if (inode == home_netns()) return {};
  auto found = find_netns(inode);
  if (!found && ::geteuid() == 0) return tl::make_unexpected(std::move(found).error());
  return {};
}

Result<bool> enter_netns(std::uint32_t inode) {
  if (inode == home_netns()) return false;
  const auto found = find_netns(inode);
  if (!found) return tl::make_unexpected(found.error());
  if (::setns(found->get(), CLONE_NEWNET) == 0) return true;
  const ErrorKind kind = errno == EPERM ? ErrorKind::kNotPermitted : ErrorKind::kIo;
  return tl::make_unexpected(
      Error::from_errno(kind, errno, fmt::format("enter network namespace {}", inode))
          .with_hint("it takes CAP_SYS_ADMIN: run it as root"));
}

}  // namespace sockscope
