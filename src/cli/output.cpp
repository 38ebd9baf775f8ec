// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "cli/report.h"

namespace sockscope {
namespace {
constexpr std::chrono::milliseconds kPatience{150};
}

Output::Output(int stop_fd, int fd) : stop_fd_(stop_fd), fd_(fd), is_terminal_(::isatty(fd) != 0) {
  struct stat status {};
  is_file_ = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

// Waits until a write does not block, because a blocking write would keep the user from stopping
// the program. False: the user wants to stop, and the reader has not taken the rest within
// kPatience.
bool Output::wait_for_room(Clock::time_point& until) const {
  if (is_file_) return true;
  pollfd files[2] = {{.fd = fd_, .events = POLLOUT, .revents = 0},
                     {.fd = stop_fd_, .events = POLLIN, .revents = 0}};
  while (true) {
    const bool is_stopping = until != Clock::time_point::max();
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    ::poll(files, is_stopping ? 1 : 2,
           is_stopping ? std::max(0, static_cast<int>(left.count())) : -1);
    if (files[0].revents != 0) return true;
    if (is_stopping && Clock::now() >= until) return false;
    if (!is_stopping && files[1].revents != 0) until = Clock::now() + kPatience;
  }
}

bool Output::piece(std::string_view piece) {
  constexpr std::size_t kMuch = 64 << 10;
  text_ += piece;
  return text_.size() < kMuch || flush();
}

bool Output::flush() {
  if (is_broken_) {
    text_.clear();
    return false;
  }
  // A pipe that reports room has at least this much, so a write of this size does not block.
  constexpr std::size_t kPipeRoom = PIPE_BUF;
  auto until = Clock::time_point::max();  // set when the user wants to stop
  std::string_view rest = text_;
  while (!rest.empty()) {
    const bool has_room = wait_for_room(until);
    const ssize_t count =
        has_room
            ? ::write(fd_, rest.data(), is_file_ ? rest.size() : std::min(rest.size(), kPipeRoom))
            : -1;
    if (count >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(count));
      continue;
    }
    if (has_room && (errno == EINTR || errno == EAGAIN)) continue;
    if (has_room && errno != EPIPE) {
      report(std::string("cannot write the output: ") + std::strerror(errno),
             "what was not written yet is lost", "make room or write to another file");
      exit_code_ = kExitFailed;
    }
    text_.clear();
    is_broken_ = true;
    return false;
  }
  text_.clear();
  return true;
}

std::size_t Output::width() const {
  winsize size{};
  if (!is_terminal_ || ::ioctl(fd_, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

}  // namespace sockscope
