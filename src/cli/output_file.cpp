// SPDX-License-Identifier: Apache-2.0
#include "cli/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <optional>
#include <string_view>
#include <utility>

#include "cli/lookup.h"

namespace sockscope {
namespace {

// Also understands what a shell passes for `>(command)`.
std::optional<int> descriptor_of(std::string_view path) {
  if (path == "-" || path == "/dev/stdout") return 1;
  if (path == "/dev/stderr") return 2;
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!path.starts_with(folder)) continue;
    const auto number = parse_count(path.substr(folder.size()));
    if (number && *number <= INT_MAX) return static_cast<int>(*number);
  }
  return std::nullopt;
}

bool is_own(uid_t owner) {
  return owner == ::geteuid() || (::geteuid() == 0 && owner == sudo_uid());
}

}  // namespace

Result<Fd> open_output_file(const std::string& path) {
  const auto failed = [&path](int err) {
    return Error::from_errno(ErrorKind::kIo, err, "write " + path);
  };
  const auto descriptor = descriptor_of(path);
  Fd file(descriptor ? ::fcntl(*descriptor, F_DUPFD_CLOEXEC, 0)
                     : ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file && errno == ELOOP)
    return tl::make_unexpected(
        Error(ErrorKind::kInvalidArgument, {}, "write " + path)
            .with_detail("it is a link, which somebody else may have put there")
            .with_hint("name the file that it leads to"));
  if (!file) return tl::make_unexpected(failed(errno));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return tl::make_unexpected(failed(errno));
  if (descriptor || !S_ISREG(status.st_mode)) return file;
  std::string why;
  if (!is_own(status.st_uid))
    why = fmt::format("it is there, and the file of another user ({})", status.st_uid);
  else if ((status.st_mode & S_IWOTH) != 0)
    why = "it is there, and everybody may write into it";
  if (why.empty()) return file;
  return tl::make_unexpected(Error(ErrorKind::kInvalidArgument, {}, "write " + path)
                                 .with_detail(std::move(why))
                                 .with_hint("name another file, or remove that one"));
}

}  // namespace sockscope
