// SPDX-License-Identifier: Apache-2.0
#include "cli/network_namespace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <string>

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
Fd find_in(const char* folder, const char* behind, std::uint32_t inode) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error))
    if (Fd file = open_if(entry->path().string() + behind, inode)) return file;
  return {};
}

}  // namespace

Result<bool> enter_netns(std::uint32_t inode) {
  if (inode == home_netns()) return false;
  const std::string what = fmt::format("enter network namespace {}", inode);
  Fd found = find_in("/run/netns", "", inode);
  if (!found) found = find_in("/proc", "/ns/net", inode);
  if (!found)
    return tl::make_unexpected(
        Error(ErrorKind::kInvalidArgument, {}, what)
            .with_detail(
                "neither a name in /run/netns nor a process that may be inspected leads there")
            .with_hint("run it as root, or inside: nsenter --net=FILE"));
  if (::setns(found.get(), CLONE_NEWNET) == 0) return true;
  const ErrorKind kind = errno == EPERM ? ErrorKind::kNotPermitted : ErrorKind::kIo;
  return tl::make_unexpected(
      Error::from_errno(kind, errno, what).with_hint("it takes CAP_SYS_ADMIN: run it as root"));
}

}  // namespace sockscope
