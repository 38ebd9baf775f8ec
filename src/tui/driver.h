// SPDX-License-Identifier: Apache-2.0
// The terminal: shows grids, reads keys, leaves no trace. ncursesw underneath writes into memory;
// its output is sent as fast as the terminal accepts it, so that a slow terminal delays nothing.
// The terminal is never asked a question, so one that does not answer works as well as any.
#pragma once

#include <sockscope/error.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "tui/grid.h"
#include "tui/key.h"
#include "tui/theme.h"

namespace sockscope::tui {

struct DriverOptions {
  bool colour = true;
  bool mouse = true;
  Theme theme{};
};

// Only one may exist, because ncurses has global state, and a crash must find the way to restore
// the terminal.
class Driver {
 public:
  // Takes over the terminal of standard input and output. From now on it is restored at the end of
  // the process, whatever ends it, except SIGKILL. Errors: kInvalidArgument, with a hint, when
  // there is no usable terminal.
  static Result<Driver> open(const DriverOptions& options);
  // Only the checks of open().
  static Result<void> check();

  Driver(Driver&&) noexcept;
  Driver& operator=(Driver&&) noexcept;
  ~Driver();  // restores the terminal

  // Whether UTF-8 can be shown. If not, grids must be ASCII.
  bool is_utf8() const noexcept;
  // Whether Braille can be shown; the Linux console has no such characters.
  bool has_braille() const noexcept;

  Size size() const;  // asks the system each time

  // Shows a grid if the previous one has been sent completely. Otherwise this one is skipped, and
  // wants_room() is true.
  void draw(const Grid& grid);
  // Makes the next draw() draw everything again.
  void redraw();
  void set_theme(const Theme& theme);

  // True when output waits for the terminal: poll output_fd() for POLLOUT, then call flush().
  bool wants_room() const noexcept;
  int output_fd() const noexcept;
  // False: the terminal is gone.
  bool flush();
  // The size of the last frame in bytes.
  std::size_t frame_bytes() const noexcept;

  // The next key that was typed. Does not wait.
  std::optional<Key> read_key();

  // Puts text on the clipboard, if the terminal has one (OSC 52).
  void copy(const std::string& text);

  // Gives the terminal back for a while; resume() takes it again.
  void suspend();
  void resume();

 private:
  struct Impl;
  explicit Driver(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sockscope::tui
