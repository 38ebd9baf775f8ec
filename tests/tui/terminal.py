# SPDX-License-Identifier: Apache-2.0
"""The program on a pseudo terminal, which pyte reads and which never answers a query."""
import codecs
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

import pyte

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "cli"))
import support  # noqa: E402  pylint: disable=wrong-import-position

PATIENCE = 60


class Terminal:
    def __init__(self, *arguments, term="xterm-256color", columns=80, rows=24, environment=None,
                 prefix=()):
        self.columns, self.rows = columns, rows
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.Stream(self.screen)
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.output = b""
        self.status = None
        settings = dict(os.environ, TERM=term, LC_ALL="C.UTF-8", TZ="UTC")
        # With TERM=linux, ncurses would load libgpm, which leaks memory.
        settings["NCURSES_GPM_TERMS"] = "none"
        settings["LSAN_OPTIONS"] = f"suppressions={HERE}/lsan.txt:print_suppressions=0"
        for name in ("NO_COLOR", "CLICOLOR_FORCE", "LINES", "COLUMNS"):
            settings.pop(name, None)
        settings.update(environment or {})
        for name in [name for name, value in settings.items() if value is None]:
            del settings[name]
        self.began = time.monotonic()
        ready, go = os.pipe()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.read(ready, 1)
            words = [*prefix, support.program(), "top", *arguments]
            os.execvpe(words[0], words, settings)
        self.modes = termios.tcgetattr(self.fd)
        self._set_size(columns, rows)
        os.write(go, b"x")
        os.close(go)
        os.close(ready)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.status is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            _, self.status = os.waitpid(self.pid, 0)
        os.close(self.fd)

    def _set_size(self, columns, rows):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns, rows):
        self._set_size(columns, rows)
        self.screen.resize(rows, columns)
        self.columns, self.rows = columns, rows

    def read(self, seconds=0.05):
        """The output that arrives within that time, perhaps b""."""
        came = b""
        poller = select.poll()
        poller.register(self.fd, select.POLLIN)
        deadline = time.monotonic() + seconds
        while True:
            if not poller.poll(max(deadline - time.monotonic(), 0) * 1000):
                return came
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            if not data:
                return came
            came += data
            self.output += data
            self.stream.feed(self.decoder.decode(data))
            if time.monotonic() > deadline:
                return came

    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display)

    def wait_for(self, words, seconds=PATIENCE):
        """Waits until the screen has the words, or meets the condition, and drawing has ended."""
        deadline = time.monotonic() + seconds
        condition = words if callable(words) else lambda: words in self.text()
        while self.read(0.02) or not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {seconds} s for {words!r}:\n{self.text()}")
            if self.poll() is not None:
                self.read()
                if condition():
                    break
                raise AssertionError(f"ended with {self.status}:\n{self.text()}\n{self.output[-400:]}")
        return self

    def type(self, keys):
        os.write(self.fd, keys if isinstance(keys, bytes) else keys.encode())
        return self

    def signal(self, number):
        os.kill(self.pid, number)
        return self

    def poll(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
        return self.status

    def wait(self, seconds=PATIENCE):
        """Reads all remaining output and returns the status of the ended program."""
        deadline = time.monotonic() + seconds
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"does not end:\n{self.text()}")
            self.read(0.02)
        while self.read(0.05):
            pass
        return self.status

    def exit_code(self):
        return os.waitstatus_to_exitcode(self.wait())
