// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace sockscope {

// Standard output or a file. Text is collected in text() and written by flush(), always whole
// lines.
class Output {
 public:
  // stop_fd: becomes readable when the user wants to stop. Neither descriptor is owned.
  explicit Output(int stop_fd, int fd = 1);

  std::string& text() noexcept { return text_; }
  void line(std::string_view line) { text_.append(line).push_back('\n'); }

  // Adds a piece of something large, and writes when enough has been collected. Returns false like
  // flush().
  bool piece(std::string_view piece);

  // Writes everything. False when nobody reads any more (a closed pipe), when the user wants to
  // stop while nobody reads (a full pipe), or when the write failed. exit_code() is then the code
  // to exit with, and the failure has been reported.
  bool flush();

  // For a poll set: shows that the reader has gone while nothing is being written.
  int fd() const noexcept { return fd_; }
  bool is_terminal() const noexcept { return is_terminal_; }
  // Columns of the terminal; 0: no terminal, so no limit.
  std::size_t width() const;

  int exit_code() const noexcept { return exit_code_; }

 private:
  using Clock = std::chrono::steady_clock;
  bool wait_for_room(Clock::time_point& until) const;

  std::string text_;
  int stop_fd_;
  int fd_;
  bool is_file_ = false;
  bool is_terminal_ = false;
  bool is_broken_ = false;
  int exit_code_ = 0;
};

}  // namespace sockscope
