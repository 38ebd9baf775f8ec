// SPDX-License-Identifier: Apache-2.0
#include "tui/driver.h"

#define NCURSES_NOMACROS 1
#define NCURSES_WIDECHAR 1
#include <fcntl.h>
#include <langinfo.h>
#include <ncurses.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/fd.h"
#include "base/text.h"
#include "tui/key_reader.h"

namespace sockscope::tui {
namespace {

// Used by signal handlers when the program crashes; set while we have the terminal. Fixed memory.
struct Restore {
  volatile sig_atomic_t armed = 0;
  std::size_t size = 0;
  char text[256];
  termios modes;
};
Restore restore;

void restore_terminal() {
  if (!restore.armed) return;
  restore.armed = 0;
  // The terminal may be full and slow to read, but the text that restores it must get through.
  for (std::size_t done = 0; done < restore.size;) {
    const ssize_t count = ::write(STDOUT_FILENO, restore.text + done, restore.size - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    done += static_cast<std::size_t>(count);
  }
  ::tcsetattr(STDIN_FILENO, TCSANOW, &restore.modes);
}

constexpr std::array kFatal = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGQUIT};

void on_fatal(int signal) {
  restore_terminal();
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

// Like tputs(), but without padding: no terminal is that slow any more.
std::string capability(const char* name) {
  const char* text = ::tigetstr(name);
  if (text == nullptr || text == reinterpret_cast<const char*>(-1)) return {};
  std::string plain;
  for (std::string_view rest = text; !rest.empty();) {
    if (rest.starts_with("$<")) {
      const std::size_t close = rest.find('>');
      if (close == std::string_view::npos) break;
      rest.remove_prefix(close + 1);
      continue;
    }
    plain += rest[0];
    rest.remove_prefix(1);
  }
  return plain;
}

tl::unexpected<Error> unusable(std::string why) {
  return tl::make_unexpected(
      Error(ErrorKind::kInvalidArgument, {}, "draw on this terminal")
          .with_detail(std::move(why))
          .with_hint("use 'sockscope top --plain', or 'sockscope snapshot'"));
}

// Terminals in use today whose description many hosts lack.
bool has_known_name(std::string_view name) {
  for (const std::string_view known :
       {"xterm", "alacritty", "foot", "wezterm", "kitty", "ghostty", "tmux", "screen", "rxvt"})
    if (name.starts_with(known)) return true;
  return false;
}

}  // namespace

struct Driver::Impl {
  ~Impl() {
    if (screen != nullptr) {
      flush_for_the_last_time();
      restore_terminal();
      ::delscreen(screen);
    }
    if (memory_file != nullptr) std::fclose(memory_file);
  }

  // The rest of a frame would be shown after the terminal was restored, so it is dropped.
  void flush_for_the_last_time() { pending.clear(); }

  void take_output();
  void enter();
  bool write_pending();
  void set_raw_mode();
  attr_t attributes_of(Style style, short& pair) const;
  void put_row(const Grid& grid, int y);

  SCREEN* screen = nullptr;
  WINDOW* pad = nullptr;  // to read keys from: reading from stdscr would draw
  FILE* memory_file = nullptr;
  int memory = -1;
  Fd terminal;
  std::string pending;
  std::size_t frame_bytes = 0;
  std::unique_ptr<Grid> shown;
  bool all_anew = true;
  bool utf8 = false;
  bool braille = false;
  bool colour = false;
  bool gone = false;
  bool mouse = false;
  std::string enter_text;
  Theme theme{};
  KeyReader keys;
};

void Driver::Impl::take_output() {
  std::fflush(memory_file);
  const off_t size = ::lseek(memory, 0, SEEK_CUR);
  if (size <= 0) return;
  const std::size_t before = pending.size();
  pending.resize(before + static_cast<std::size_t>(size));
  const ssize_t count = ::pread(memory, pending.data() + before, static_cast<std::size_t>(size), 0);
  pending.resize(before + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  if (::ftruncate(memory, 0) == 0) ::lseek(memory, 0, SEEK_SET);
}

bool Driver::Impl::write_pending() {
  std::size_t done = 0;
  while (done < pending.size()) {
    const ssize_t count = ::write(terminal.get(), pending.data() + done, pending.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno != EAGAIN) gone = true;
    if (count <= 0) break;
    done += static_cast<std::size_t>(count);
  }
  pending.erase(0, done);
  return !gone;
}

void Driver::Impl::set_raw_mode() {
  termios raw = restore.modes;
  raw.c_iflag &= ~static_cast<tcflag_t>(BRKINT | ICRNL | INLCR | IGNCR | ISTRIP | IXON);
  raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
  raw.c_oflag &= ~static_cast<tcflag_t>(ONLCR);
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

void Driver::Impl::enter() {
  restore.armed = 1;
  set_raw_mode();
}

Result<void> Driver::check() {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0)
    return unusable("standard input and output are not both a terminal");
  const char* name = std::getenv("TERM");
  if (name == nullptr || *name == '\0') return unusable("TERM is not set");
  if (std::strcmp(name, "dumb") == 0) return unusable("TERM=dumb says it cannot place the cursor");
  return {};
}

Result<Driver> Driver::open(const DriverOptions& options) {
  if (auto usable = check(); !usable) return tl::make_unexpected(std::move(usable).error());
  std::setlocale(LC_CTYPE, "");
  auto impl = std::make_unique<Impl>();
  impl->memory = ::memfd_create("frames", MFD_CLOEXEC);
  impl->memory_file = impl->memory < 0 ? nullptr : ::fdopen(impl->memory, "w");
  // Opened again, because making the shell's own descriptor non-blocking would surprise the shell.
  // After su the terminal may belong to another user; then the existing descriptor must do.
  for (const char* path : {"/proc/self/fd/1", "/dev/tty"}) {
    if (impl->terminal) break;
    impl->terminal = Fd(::open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  }
  if (!impl->terminal) impl->terminal = Fd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  if (impl->memory_file == nullptr || !impl->terminal)
    return tl::make_unexpected(Error::from_errno(ErrorKind::kIo, errno, "open the terminal"));

  const std::string name = std::getenv("TERM");
  impl->screen = ::newterm(name.c_str(), impl->memory_file, stdin);
  if (impl->screen == nullptr && has_known_name(name))
    impl->screen = ::newterm("xterm-256color", impl->memory_file, stdin);
  if (impl->screen == nullptr)
    return unusable("this host has no description of TERM=" + clean_text(name));
  if (capability("cup").empty())
    return unusable("TERM=" + clean_text(name) + " cannot place the cursor");
  ::set_term(impl->screen);
  impl->utf8 = std::strcmp(::nl_langinfo(CODESET), "UTF-8") == 0;
  impl->braille = impl->utf8 && !name.starts_with("linux") && !name.starts_with("vt");
  impl->theme = options.theme;
  impl->colour = options.colour && ::has_colors() && ::start_color() == OK;
  if (impl->colour) {
    ::use_default_colors();
    for (short colour = 0; colour < 8; ++colour)
      ::init_pair(static_cast<short>(colour + 1), colour, -1);
  }
  ::nonl();
  ::curs_set(0);
  ::set_escdelay(25);
  if (options.mouse) {
    ::mousemask(ALL_MOUSE_EVENTS, nullptr);
    ::mouseinterval(0);
    impl->mouse = ::has_mouse();
  }
  impl->pad = ::newpad(1, 1);
  ::keypad(impl->pad, TRUE);
  ::nodelay(impl->pad, TRUE);

  const std::string mouse_off = impl->mouse ? "\033[?1006l\033[?1000l" : "";
  const std::string leave =
      mouse_off + capability("sgr0") + capability("op") + capability("rmkx") + capability("cnorm");
  std::string last = capability("rmcup");
  // If the terminal has no alternate screen, the shell goes on below.
  if (last.empty()) last = capability("ed") + "\r\n";
  const std::string text = leave + last;
  restore.size = std::min(text.size(), sizeof restore.text);
  std::memcpy(restore.text, text.data(), restore.size);
  if (::tcgetattr(STDIN_FILENO, &restore.modes) != 0)
    return tl::make_unexpected(
        Error::from_errno(ErrorKind::kIo, errno, "read the terminal's modes"));
  impl->enter_text = capability("smcup") + capability("smkx") + capability("civis") +
                     (impl->mouse ? "\033[?1000h\033[?1006h" : "");

  static bool handlers_installed = false;
  if (!handlers_installed) {
    handlers_installed = true;
    for (const int signal : kFatal) ::signal(signal, on_fatal);
    std::atexit(restore_terminal);
  }
  impl->enter();
  ::wgetch(impl->pad);  // turns the keypad on
  impl->take_output();
  return Driver(std::move(impl));
}

Driver::Driver(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Driver::Driver(Driver&&) noexcept = default;
Driver& Driver::operator=(Driver&&) noexcept = default;
Driver::~Driver() = default;

bool Driver::is_utf8() const noexcept {
  return impl_->utf8;
}
bool Driver::has_braille() const noexcept {
  return impl_->braille;
}

Size Driver::size() const {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
    return {};
  // Nobody reads a wider one, and a hostile size must not use up all memory.
  return {std::min<int>(size.ws_col, 1000), std::min<int>(size.ws_row, 500)};
}

attr_t Driver::Impl::attributes_of(Style style, short& pair) const {
  const Look& look = theme[static_cast<std::size_t>(style.role)];
  pair = colour && look.colour >= 0 ? static_cast<short>(look.colour + 1) : short{0};
  attr_t attributes = A_NORMAL;
  if (look.bold) attributes |= A_BOLD;
  if (look.dim && !style.selected) attributes |= A_DIM;
  if (look.underline) attributes |= A_UNDERLINE;
  if (look.reverse != style.selected) attributes |= A_REVERSE;
  return attributes;
}

void Driver::Impl::put_row(const Grid& grid, int y) {
  ::wmove(stdscr, y, 0);
  for (int x = 0; x < grid.size().columns; ++x) {
    const Cell& cell = grid.at(x, y);
    if (cell.text.empty()) continue;
    short pair = 0;
    const attr_t attributes = attributes_of(cell.style, pair);
    std::array<wchar_t, CCHARW_MAX + 1> characters{};
    std::size_t count = 0;
    for (std::string_view rest = cell.text; !rest.empty() && count < CCHARW_MAX;) {
      const std::size_t length = character_length(rest);
      wchar_t character = 0;
      std::mbstate_t state{};
      if (std::mbrtowc(&character, rest.data(), length, &state) > length) character = L'?';
      // Widths come from our table; where the C library's width differs, the row would shift.
      const int width = ::wcwidth(character);
      if (count == 0 && width != static_cast<int>(display_width(rest.substr(0, length)))) {
        characters[count++] = L'?';
        if (display_width(rest.substr(0, length)) == 2) characters[0] = 0x3000;
        break;
      }
      if (count != 0 && width != 0) break;
      characters[count++] = character;
      rest.remove_prefix(length);
    }
    cchar_t complex{};
    ::setcchar(&complex, characters.data(), attributes, pair, nullptr);
    ::wadd_wch(stdscr, &complex);
  }
}

void Driver::draw(const Grid& grid) {
  Impl& impl = *impl_;
  if (!impl.pending.empty() && !flush()) return;
  if (wants_room()) return;
  const Size size = grid.size();
  if (!impl.shown || impl.shown->size() != size || impl.all_anew) {
    ::resizeterm(size.rows, size.columns);
    ::clearok(curscr, TRUE);
    ::werase(stdscr);
    impl.shown.reset();
    impl.all_anew = false;
  }
  for (int y = 0; y < size.rows; ++y) {
    bool differs = impl.shown == nullptr;
    for (int x = 0; x < size.columns && !differs; ++x)
      differs = grid.at(x, y) != impl.shown->at(x, y);
    if (differs) impl.put_row(grid, y);
  }
  ::wmove(stdscr, 0, 0);  // not at an edge, where terminals behave differently
  ::wnoutrefresh(stdscr);
  ::doupdate();
  impl.shown = std::make_unique<Grid>(grid);
  impl.take_output();
  impl.frame_bytes = impl.pending.size();
  flush();
}

void Driver::redraw() {
  impl_->all_anew = true;
}

void Driver::set_theme(const Theme& theme) {
  impl_->theme = theme;
  redraw();
}

bool Driver::wants_room() const noexcept {
  return !impl_->pending.empty() && !impl_->gone;
}
int Driver::output_fd() const noexcept {
  return impl_->terminal.get();
}
bool Driver::flush() {
  return impl_->write_pending();
}
std::size_t Driver::frame_bytes() const noexcept {
  return impl_->frame_bytes;
}

std::optional<Key> Driver::read_key() {
  for (;;) {
    wint_t code = 0;
    const int got = ::wget_wch(impl_->pad, &code);
    if (got == ERR) {
      impl_->take_output();
      return std::nullopt;
    }
    if (auto key = impl_->keys.next(got == KEY_CODE_YES, code)) return key;
  }
}

void Driver::copy(const std::string& text) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string encoded;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    unsigned bits = 0;
    const std::size_t count = std::min<std::size_t>(text.size() - i, 3);
    for (std::size_t k = 0; k < 3; ++k)
      bits = bits << 8 | (k < count ? static_cast<unsigned char>(text[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k)
      encoded += k <= count ? kDigits[bits >> (18 - 6 * k) & 63] : '=';
  }
  impl_->pending += "\033]52;c;" + encoded + "\007";
  flush();
}

void Driver::suspend() {
  // Half of an escape sequence must not be left behind.
  for (int tries = 0; wants_room() && tries < 100 && flush(); ++tries) ::usleep(1000);
  impl_->pending.clear();
  restore_terminal();
}

void Driver::resume() {
  impl_->enter();
  impl_->pending = impl_->enter_text;
  redraw();
}

}  // namespace sockscope::tui
