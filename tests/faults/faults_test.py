#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each system call and each allocation of each command fails once, in turn: no abort, no hang, no
terminal left as it must not be, no half file.

    faults_test.py --program sockscope [--points N]

Of each kind of call N points are tried, spread from the first to the last of it; those of the loader,
before main(), are not ours. What was tried is printed.
"""
import collections
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import termios
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "cli"), str(HERE.parent / "tui")]
import support  # noqa: E402

POINTS = 12
if "--points" in sys.argv:
    at = sys.argv.index("--points")
    POINTS = int(sys.argv[at + 1])
    del sys.argv[at:at + 2]
PATIENCE = 60  # with a tracer, on a busy host

COMMANDS = (
    ("snapshot", "--json"), ("snapshot", "--json", "--source", "sock_diag"),
    ("snapshot", "--source", "procfs"), ("snapshot", "--json", "--holders"),
    ("trace", "--json", "--processes", "--dns", "-d", "0.3"), ("trace", "--alerts", "-d", "0.3"),
    ("top", "--once", "-i", "0.2"), ("story", "-d", "0.3"), ("host", "--json", "--no-probe"),
    ("capture", "-w", "FILE", "-d", "0.3"), ("doctor",), ("help", "trace"),
    ("snapshot", "--format", "netwatch", "--no-probe"))

ERRORS = {"mmap": "ENOMEM", "mremap": "ENOMEM", "munmap": "ENOMEM",
          "mprotect": "ENOMEM", "openat": "EMFILE", "socket": "EMFILE", "dup": "EMFILE",
          "epoll_create1": "EMFILE", "timerfd_create": "EMFILE", "signalfd4": "EMFILE",
          "eventfd2": "EMFILE", "pipe2": "EMFILE", "read": "EIO", "pread64": "EIO", "write": "ENOSPC",
          "ftruncate": "EIO", "getdents64": "EIO", "sendto": "ENOBUFS", "recvfrom": "ENOBUFS",
          "recvmsg": "ENOBUFS", "poll": "ENOMEM", "bpf": "ENOMEM", "newfstatat": "EIO",
          "statfs": "EIO", "readlink": "EIO", "readlinkat": "EIO", "prctl": "EINVAL"}
# These calls do not fail, or their result is not checked; brk(2) does not report failures with an errno.
LEFT_OUT = {"brk", "exit_group", "rt_sigreturn", "close", "execve", "munmap", "exit", "restart_syscall",
            "arch_prctl", "set_tid_address", "set_robust_list", "rseq", "clock_nanosleep"}


def spread(first, last, points):
    """Numbers from first to last, both among them."""
    count = last - first + 1
    if count <= points:
        return list(range(first, last + 1))
    return sorted({first + step * (count - 1) // (points - 1) for step in range(points)})


class Faults(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.tried = collections.Counter()

    def tearDown(self):
        print(f"{self.id().split('.')[-1]}: {sum(self.tried.values())} points tried", dict(self.tried),
              file=sys.stderr)

    def words(self, command):
        file = self.folder / "packets.pcapng"
        file.unlink(missing_ok=True)
        return [str(file) if word == "FILE" else word for word in command]

    def judge(self, command, what, code, stdout, stderr):
        at = f"{' '.join(command)}: {what}"
        self.assertIsNotNone(code, f"{at} hangs")
        self.assertIn(code, (0, 1, 2, 3, 4, 5), f"{at}: {stderr}")
        for wrong in ("terminate called", "Assertion", "std::", "AddressSanitizer"):
            self.assertNotIn(wrong, stderr, at)
        if code in (1, 4, 5) and not what.startswith("write"):
            self.assertTrue(stderr.strip(), f"{at}: ended with {code} and said nothing")
        if code == 0 and "--json" in command:
            for line in stdout.split("\n"):
                if line:
                    json.loads(line)
        packets = self.folder / "packets.pcapng"
        if "capture" in command and packets.exists() and packets.stat().st_size:
            done = subprocess.run(["tshark", "-r", packets, "-c", "1"], capture_output=True,
                                  encoding="utf-8", check=False)
            self.assertNotIn("cut short", done.stderr, at)

    def run_it(self, command, prefix=(), environment=None):
        words = [*prefix, support.program(), *self.words(command)]
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, encoding="utf-8", errors="replace",
                                   env=dict(os.environ, **(environment or {})), start_new_session=True)
        try:
            stdout, stderr = process.communicate(timeout=PATIENCE)
            return process.returncode, stdout, stderr
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return None, "", ""

    def calls_of(self, command):
        """By name: the number of the first call after main() began, and of the last."""
        log = self.folder / "calls"
        code, _, stderr = self.run_it(command, ("strace", "-f", "-qq", "-o", log))
        self.assertIn(code, (0, 3), stderr)
        count, first = collections.Counter(), {}
        is_main = False
        for line in log.read_text(errors="replace").split("\n"):
            match = re.match(r"(?:\d+ +)?(\w+)\(", line)
            if match is None:
                continue
            # The first call of main().
            is_main |= "SIGXFSZ" in line
            count[match[1]] += 1
            if is_main:
                first.setdefault(match[1], count[match[1]])
        return {name: (first[name], count[name]) for name in first if name not in LEFT_OUT}

    def test_system_calls(self):
        for command in COMMANDS:
            for name, (first, last) in self.calls_of(command).items():
                error = ERRORS.get(name, "EPERM")
                for nth in spread(first, last, POINTS):
                    what = f"{name} {nth} of {last} fails with {error}"
                    with self.subTest(command=command, what=what):
                        self.tried[command[0]] += 1
                        log = self.folder / "log"
                        result = self.run_it(command, (
                            "strace", "-f", "-qq", "-o", log, "-e", f"trace={name}", "-e",
                            f"inject={name}:error={error}:when={nth}"))
                        self.judge(command, what, *result)

    def preload(self):
        library = self.folder / "fail_nth.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, HERE / "fail_nth.c", "-ldl"],
                       check=True)
        return str(library)

    def test_allocations(self):
        library = self.preload()
        for command in COMMANDS:
            counter = self.folder / "count"
            self.run_it(command, (), {"LD_PRELOAD": library, "COUNT_TO": str(counter)})
            total = int(counter.read_text())
            self.assertGreater(total, 100)
            for more in ({}, {"FAIL_ON": "1"}):
                for nth in spread(1, total, 6 * POINTS):
                    what = f"allocation {nth} of {total} fails" + (", and all after it" if more else "")
                    with self.subTest(command=command, what=what):
                        self.tried[command[0]] += 1
                        result = self.run_it(command, (), {"LD_PRELOAD": library,
                                                           "FAIL_AT": str(nth), **more})
                        self.judge(command, what, *result)

    def test_the_screen(self):
        from terminal import Terminal
        library = self.preload()
        for nth in spread(1, 30_000, 4 * POINTS):
            for more in ({}, {"FAIL_ON": "1"}):
                with self.subTest(nth=nth, **more):
                    self.tried["top"] += 1
                    environment = {"LD_PRELOAD": library, "FAIL_AT": str(nth), **more}
                    with Terminal("-i", "0.2", "-d", "2", environment=environment) as terminal:
                        try:
                            terminal.wait()
                        except AssertionError:
                            terminal.type("q").wait()
                        code = os.waitstatus_to_exitcode(terminal.status)
                        # ncurses uses memory that it could not allocate.
                        self.assertIn(code, (0, 1, 3, 4, 5, -signal.SIGSEGV),
                                      f"{code} {terminal.output[-300:]}")
                        self.assertEqual(termios.tcgetattr(terminal.fd)[:4], terminal.modes[:4])
                        shown = terminal.output
                        self.assertEqual(shown.count(b"\x1b[?1049h"), shown.count(b"\x1b[?1049l"))


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("faults are tried on what root sees")
    support.main()
