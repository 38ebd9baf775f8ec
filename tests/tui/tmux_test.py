# SPDX-License-Identifier: Apache-2.0
"""`top` inside of tmux, as most people use it over ssh."""
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
import support  # noqa: E402  pylint: disable=wrong-import-position

_sessions = itertools.count()  # a server that ends still occupies its name for a while


def setUpModule():
    support.need_root()


def run_tmux(server, *words):
    return subprocess.run(["tmux", "-L", server, "-f", "/dev/null", *words], check=True,
                          capture_output=True, encoding="utf-8",
                          env=dict(os.environ, LC_ALL="C.UTF-8", TERM="xterm-256color")).stdout


class Session:
    """A shell in tmux that runs the program."""

    def __init__(self, *arguments, columns=80, rows=24):
        self.server = f"sockscope-test-{os.getpid()}-{next(_sessions)}"
        self.command = " ".join([support.program(), "top", *arguments])
        self.tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), "sh")

    def tmux(self, *words):
        return run_tmux(self.server, *words)

    def __enter__(self):
        self.keys(self.command, "Enter").wait_for("LIVE")
        return self

    def __exit__(self, *_):
        self.tmux("kill-server")

    def keys(self, *keys):
        self.tmux("send-keys", *keys)
        return self

    def text(self):
        return self.tmux("capture-pane", "-p")

    def wait_for(self, words):
        support.wait_for(lambda: words in self.text(), lambda: f"{words!r} in\n{self.text()}")
        return self

    def flags(self):
        return self.tmux("display", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}").strip()

    def program_pid(self):
        shell = self.tmux("display", "-p", "#{pane_pid}").strip()
        return int(subprocess.run(["pgrep", "-P", shell], capture_output=True, check=True,
                                  encoding="ascii").stdout)


class Tmux(unittest.TestCase):
    def test_clean_after_every_end(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGSEGV,
                       signal.SIGABRT):
            with self.subTest(number), Session() as session:
                self.assertEqual(session.flags(), "1 0 1")
                os.kill(session.program_pid(), number)
                support.wait_for(lambda s=session: s.flags() == "0 1 0", "a clean terminal")
                session.keys("echo a$((1+1))b", "Enter").wait_for("a2b")

    def test_suspend_resume_quit(self):
        with Session() as session:
            session.keys("C-z")
            support.wait_for(lambda: session.flags() == "0 1 0", "a clean terminal")
            session.keys("echo a$((1+1))b", "Enter").wait_for("a2b")
            session.keys("fg", "Enter").wait_for("LIVE")
            self.assertEqual(session.flags(), "1 0 1")
            session.keys("q")
            support.wait_for(lambda: session.flags() == "0 1 0", "a clean terminal")

    def test_resize(self):
        with Session() as session:
            for columns, rows in ((160, 50), (40, 10), (20, 3), (250, 80), (80, 24)):
                session.tmux("resize-window", "-x", str(columns), "-y", str(rows))
                # The first line ends at the new edge.
                support.wait_for(lambda c=columns: len(session.text().split("\n")[0]) <= c and
                                 re.search("LIVE|↓", session.text()), "the new size")
                time.sleep(0.3)
                self.assertLessEqual(max(map(len, session.text().split("\n"))), columns)
            session.wait_for("LIVE").wait_for("quit")

    def test_programs_that_people_run(self):
        """Finds curl, dig and iperf3 by their names, with their connections."""
        ports = [support.free_port() for _ in range(2)]
        server = subprocess.Popen([sys.executable, "-m", "http.server", str(ports[0]), "--bind",
                                   "127.0.0.1"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        iperf = [subprocess.Popen(["iperf3", "-s", "-1", "-p", str(ports[1])],
                                  stdout=subprocess.DEVNULL)]
        try:
            for port in ports:
                support.wait_until_listening(port)
            iperf.append(subprocess.Popen(
                ["iperf3", "-c", "127.0.0.1", "-p", str(ports[1]), "-b", "20M", "-t", "60"],
                stdout=subprocess.DEVNULL))
            with Session("-i", "0.5", "--idle", columns=120, rows=40) as session:
                # On a busy host, the test's rows soon leave the screen.
                session.keys("/", f"port:{ports[0]} | port:{ports[1]}", "Enter")
                session.wait_for("iperf3")
                subprocess.run(["curl", "-s", "-o", "/dev/null", f"http://127.0.0.1:{ports[0]}/"],
                               check=True, timeout=support.PATIENCE)
                subprocess.run(["dig", "+tries=1", "+timeout=1", "@127.0.0.1", "-p", str(ports[0]),
                                "example.net"], check=False, stdout=subprocess.DEVNULL,
                               timeout=support.PATIENCE)
                session.wait_for("curl").wait_for("dig")
                # Half of the totals is the amount that iperf3 was told to send.
                support.wait_for(lambda: near_rate(session.text(), iperf[1].pid, 20e6),
                                 "the rate that iperf3 was asked for")
                session.keys("4", "l")
                session.wait_for(f"127.0.0.1:{ports[0]}").wait_for("connect")
                session.keys("2").wait_for(f"127.0.0.1:{ports[1]}")
        finally:
            for process in (server, *iperf):
                process.kill()
                process.wait()


def near_rate(text, pid, bits):
    for line in text.split("\n"):
        fields = line.lstrip("▌†+ ").split()
        if fields[:1] == [str(pid)]:
            rates = [float(f[:-1]) * 1e6 for f in fields if re.fullmatch(r"\d+(\.\d)?M", f)]
            return any(abs(rate - bits) < bits / 4 for rate in rates)
    return False


if __name__ == "__main__":
    if shutil.which("tmux") is None:
        sys.exit("tmux is missing: ./dev setup installs it")
    support.main()
