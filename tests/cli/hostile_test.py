#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a hostile user of the host, and bad luck, do to the program: full disks, no memory, no room for
messages, signals that it is to ignore, arguments without end."""
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import support

MUCH = 1_200_000  # bytes of arguments
# Holds a listening socket, prints its port, and ends when its standard input ends.
HOLDER = """
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
sys.stdin.readline()
"""


def setUpModule():
    support.need_root()


def limit(kind, value):
    return lambda: resource.setrlimit(kind, (value, value))


class KeptToReading(unittest.TestCase):
    """The user and privileges of a running command, which must still know the owner of each connection."""

    @staticmethod
    def status(pid):
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            return dict(line.split(":\t", 1) for line in file.read().split("\n") if ":\t" in line)

    def check(self, pid, uid):
        support.wait_for(lambda: self.status(pid)["Seccomp"] == "2", "the filter of calls")
        status = self.status(pid)
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual({int(each) for each in status["Uid"].split()}, {uid})
        return int(status["CapPrm"], 16)

    def test_every_command(self):
        nobody, caller, root = 65534, 12345, 0
        polled = 1 << 19 | 1 << 2  # CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH
        for words, uid, environment, kept in (
                (("trace", "-q"), nobody, {}, 0),
                (("trace", "-q"), caller, {"SUDO_UID": "12345"}, 0),
                (("trace", "--json", "--processes"), root, {}, 0),
                (("trace", "-q", "--source", "sock_diag"), nobody, {}, polled),
                (("top", "--json"), root, {}, 0), (("story",), root, {}, 0),
                (("capture", "-w", "-"), nobody, {}, 0), (("host", "--watch"), root, {}, 0),
                (("snapshot", "--format", "netwatch", "--no-probe", "--watch"), root, {}, 0)):
            with self.subTest(words, **environment):
                with subprocess.Popen([support.program(), *words], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                      env=dict(os.environ, **environment)) as process:
                    try:
                        support.wait_for(lambda: process.poll() is not None or self.status(
                            process.pid)["NoNewPrivs"] == "1", "its privileges to go")
                        self.assertIsNone(process.poll())
                        has = self.check(process.pid, uid)
                        # Linux before 5.19 requires CAP_BPF for each pass.
                        self.assertEqual(has & ~(1 << 39), kept)
                    finally:
                        process.send_signal(signal.SIGTERM)
                        process.wait(timeout=support.PATIENCE)

    def test_owners_of_all_users_are_known(self):
        """Connections that were opened before the start and after it, by root and by another user."""
        for source in ("ebpf", "sock_diag", "procfs"):
            with self.subTest(source), \
                    support.Holder("tcp4", "tcp6", uid=12345) as before, \
                    support.Trace("--source", source, "--tcp") as trace:
                self.check(trace.process.pid, 65534)
                with support.Holder("tcp4", "tcp6", uid=12345) as other, \
                        support.Holder("tcp4") as own:
                    wanted = {holder.pid: len(holder.sockets) for holder in (other, own)}
                    told = lambda: {  # noqa: E731
                        pid: len({e["local_port"] for e in trace.so_far() if e.get("pid") == pid
                                  and e["event"] == "connect"}) for pid in wanted}
                    support.wait_for(lambda: all(told().values()), f"{wanted}, told {told()}")
                    snapshot = support.run("snapshot", "--json", "--source", source)
                    flows = json.loads(snapshot.stdout)["flows"]
                    for holder in (before, other, own):
                        self.assertGreaterEqual(
                            len([flow for flow in flows if flow["pid"] == holder.pid]),
                            len(holder.sockets))
                trace.stop()


class Hostile(unittest.TestCase):
    def run_it(self, *words, **more):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        return subprocess.run([support.program(), *words], check=False, encoding="utf-8",
                              timeout=support.PATIENCE, **options)

    def hold(self, *arguments):
        holder = subprocess.Popen([sys.executable, "-c", HOLDER, *arguments], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, encoding="ascii")
        for file in (holder.stdin, holder.stdout):
            self.addCleanup(file.close)
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)
        return holder, holder.stdout.readline().strip()

    def test_regular_expressions_over_endless_arguments(self):
        """std::regex took minutes for this, and handled no signal meanwhile."""
        words = ["a" * 120_000] * (MUCH // 120_000)
        holder, port = self.hold(*words)
        for expression in ("(a+)+$", "java.*jar", "(a|aa)+b"):
            began = time.monotonic()
            done = self.run_it("snapshot", "--filter", f"cmdline:/{expression}/", "-P", port)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertLess(time.monotonic() - began, support.PATIENCE / 3)

    def test_endless_arguments_make_no_endless_table(self):
        _, port = self.hold(*["b" * 120_000] * (MUCH // 120_000))
        for form in ((), ("-o", "csv")):
            done = self.run_it("snapshot", "-P", port, "--columns", "pid,cmdline,local", "--wide", *form)
            self.assertEqual(done.returncode, 0, done.stderr)
            rows = done.stdout.splitlines()
            self.assertGreater(len(rows), 1)
            self.assertLess(max(map(len, rows)), 8192)
            self.assertIn("…", done.stdout)

    def test_endless_arguments_make_no_endless_document(self):
        argument = "b" * 120_000
        holder, port = self.hold(*[argument] * (MUCH // 120_000))
        for words, is_cut in (((), True), (("--wide",), False)):
            done = self.run_it("snapshot", "--json", "-P", port, "-p", str(holder.pid), *words)
            [flow] = json.loads(done.stdout)["flows"]
            self.assertEqual(flow["arguments_truncated"], is_cut)
            if is_cut:
                self.assertEqual(len(flow["cmdline"].encode()), 4096)
            else:
                self.assertEqual(flow["arguments"][-1], argument)

    def test_messages_that_nobody_can_take(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = self.run_it("capture", "-w", "/dev/null", "-d", "0.2", stderr=full)
            self.assertEqual(done.returncode, 0)
            done = self.run_it("trace", "-d", "0.1", "-P", "1", stderr=full)
            self.assertEqual(done.returncode, 0)
            self.assertEqual(self.run_it("snapshoot", stderr=full).returncode, 2)
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "w") as gone:
            done = self.run_it("trace", "-d", "0.1", "-P", "1", stderr=gone)
            self.assertEqual(done.returncode, 0)

    def test_a_full_disk_is_told_by_help_too(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            for words in (("help",), ("help", "filter"), ("top", "--help"), ("--version",)):
                done = self.run_it(*words, stdout=full)
                self.assertEqual(done.returncode, 1, words)
                self.assertIn("No space left", done.stderr)

    def test_a_limit_for_files_is_a_full_disk(self):
        with tempfile.TemporaryFile() as file:
            done = self.run_it("help", stdout=file, preexec_fn=limit(resource.RLIMIT_FSIZE, 100))
            self.assertEqual(done.returncode, 1)
            self.assertIn("File too large", done.stderr)

    @support.not_with_sanitizers("they reserve terabytes of addresses")
    def test_no_memory(self):
        seen = set()
        for mebibytes in (24, 40, 60, 90):
            done = self.run_it("snapshot", "--json",
                               preexec_fn=limit(resource.RLIMIT_AS, mebibytes << 20))
            seen.add(done.returncode)
            # 127: there is no memory for its libraries.
            self.assertIn(done.returncode, (0, 1, 4, 5, 127), (mebibytes, done.stderr))
            if done.returncode:
                self.assertTrue(done.stderr)

    def test_nohup_holds(self):
        trace = subprocess.Popen(["nohup", support.program(), "trace", "--json", "-P", "1", "-d", "1.5"],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                 stdin=subprocess.DEVNULL)
        with trace.stdout:
            trace.stdout.readline()
            trace.send_signal(signal.SIGHUP)
            time.sleep(0.3)
            self.assertIsNone(trace.poll())
            trace.send_signal(signal.SIGTERM)
            self.assertEqual(trace.wait(timeout=support.PATIENCE), 0)

    def test_a_low_limit_of_files_is_raised_to_the_hard_one(self):
        def few():
            _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (16, most))
        done = self.run_it("snapshot", "--source", "ebpf", preexec_fn=few)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    support.main()
