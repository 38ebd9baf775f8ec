// SPDX-License-Identifier: Apache-2.0
#include "cli/host_id.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <filesystem>

#include "base/fd.h"
#include "base/file.h"

namespace sockscope {
namespace {

std::string path_of_id() {
  if (::geteuid() == 0) return "/var/lib/sockscope/host_id";
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && state[0] == '/') return std::string(state) + "/sockscope/host_id";
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : "") + "/.local/state/sockscope/host_id";
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = text[i];
    const bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (is_dash ? c != '-' : !is_hex) return false;
  }
  return true;
}

// RFC 4122, version 4.
std::string make_uuid() {
  std::array<std::uint8_t, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return "";
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", bytes[i]);
  }
  return text;
}

tl::unexpected<Error> cannot_keep(int err, const std::string& path) {
  return tl::make_unexpected(
      Error::from_errno(ErrorKind::kIo, err, "keep this host's id in " + path)
          .with_hint("run it once as a user who may write there"));
}

}  // namespace

Result<std::string> host_id() {
  const std::string path = path_of_id();
  std::error_code failed;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), failed);
  // The file is complete or absent: another process may be making it at the same time, and the
  // first one counts.
  if (::access(path.c_str(), F_OK) != 0) {
    const std::string draft = fmt::format("{}.{}", path, ::getpid());
    const std::string line = make_uuid() + '\n';
    Fd file(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!file) return cannot_keep(errno, path);
    const bool is_written =
        ::write(file.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size());
    const int err = is_written && ::link(draft.c_str(), path.c_str()) != 0 ? errno : 0;
    ::unlink(draft.c_str());
    if (!is_written || (err != 0 && err != EEXIST)) return cannot_keep(err, path);
  }
  std::string id = read_line(path);
  if (!is_uuid(id))
    return tl::make_unexpected(Error(ErrorKind::kInvalidArgument, {}, "use the host id in " + path)
                                   .with_detail("it is no UUID")
                                   .with_hint("remove the file; a new one is made"));
  return id;
}

}  // namespace sockscope
