// SPDX-License-Identifier: Apache-2.0
// The terminal: shows grids, reads keys, leaves no trace. ncursesw underneath, which writes into
// memory; what it wrote goes out as the terminal takes it, so that a slow one delays nobody. The
// terminal is never asked anything: one that does not answer is as good as another.
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

// One at a time: ncurses has a state of its own, and crashes must find the way back.
class Driver {
 public:
  // Takes the terminal that standard input and output are. From now on it is restored at the end of
  // the process, whatever ends it but SIGKILL. Errors: kInvalidArgument, with a hint, when there is
  // no terminal that can be used so.
  static Result<Driver> open(const DriverOptions& options);
  // The checks of open() alone.
  static Result<void> check();

  Driver(Driver&&) noexcept;
  Driver& operator=(Driver&&) noexcept;
  ~Driver();  // restores

  // UTF-8 can be shown. Else grids must be ASCII.
  bool is_utf8() const noexcept;
  // Braille can be shown: the Linux console has no such letters.
  bool has_braille() const noexcept;

  Size size() const;  // asked anew

  // Shows a grid, as far as the one before has gone out: else this one is passed over, and true
  // returned by wants_room().
  void draw(const Grid& grid);
  // Everything anew with the next draw().
  void redraw();
  void set_theme(const Theme& theme);

  // Something waits for the terminal to take it: poll output_fd() for POLLOUT, then call flush().
  bool wants_room() const noexcept;
  int output_fd() const noexcept;
  // False: the terminal is gone.
  bool flush();
  // The bytes of the last frame.
  std::size_t frame_bytes() const noexcept;

  // The next key that was typed, without waiting.
  std::optional<Key> read_key();

  // Puts text on the clipboard of the terminal that has one (OSC 52).
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
