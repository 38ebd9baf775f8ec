// SPDX-License-Identifier: Apache-2.0
#include "tui/process_signal.h"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>

#include "base/clock.h"
#include "base/fd.h"
#include "base/file.h"

namespace sockscope::tui {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

std::string proc_text(std::uint32_t pid, std::string_view file) {
  return read_text(fmt::format("/proc/{}/{}", pid, file).c_str());
}

// The fields after the name, which may contain anything, even ')'. Field 0 is the state.
std::string_view field_after_name(std::string_view stat, std::size_t wanted) {
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return {};
  stat.remove_prefix(name_end + 1);
  for (std::size_t i = 0;; ++i) {
    const std::size_t begin = stat.find_first_not_of(' ');
    if (begin == std::string_view::npos) return {};
    stat.remove_prefix(begin);
    const std::size_t end = std::min(stat.find_first_of(" \n"), stat.size());
    if (i == wanted) return stat.substr(0, end);
    stat.remove_prefix(end);
  }
}

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

bool started_then(std::string_view stat, std::uint64_t start_ns) {
  const auto ticks = start_ticks(stat);
  const auto a_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  const std::uint64_t tick_ns = kSecond / a_second;
  return ticks && host_boottime_ns(*ticks * tick_ns) / tick_ns == start_ns / tick_ns;
}

tl::unexpected<Error> refused(int error, ProcessId process, const char* detail) {
  return tl::make_unexpected(
      Error::from_errno(error == EPERM ? ErrorKind::kNotPermitted : ErrorKind::kIo, error,
                        fmt::format("signal process {}", process.pid))
          .with_detail(detail));
}

}  // namespace

std::optional<std::uint64_t> start_ticks(std::string_view stat) {
  return number<std::uint64_t>(field_after_name(stat, 19));
}

Result<void> send_signal(ProcessId process, int number) {
  const Fd held(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(process.pid), 0)));
  if (!held) return refused(errno, process, "");
  if (!started_then(proc_text(process.pid, "stat"), process.start_ns))
    return refused(ESRCH, process, "another process has this number now");
  if (::syscall(SYS_pidfd_send_signal, held.get(), number, nullptr, 0) != 0)
    return refused(errno, process, "");
  return {};
}

}  // namespace sockscope::tui
