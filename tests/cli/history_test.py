# SPDX-License-Identifier: Apache-2.0
"""`record` and `history`: what is kept is exact, whatever happens to the recorder and its disk."""
import collections
import contextlib
import csv
import glob
import io
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

import support

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
TABLES = ("flow", "delta", "failure", "gap", "sample", "process", "address", "clock", "info")


def setUpModule():
    support.need_root()


def load_tests(loader, tests, _):
    """Without names of tests: all but those that take minutes."""
    short = unittest.TestSuite()
    for group in tests:
        short.addTests(test for test in group if not isinstance(test, Long))
    return short


class Folder:
    """A folder that others can reach, and what `history` says about it."""

    def __init__(self):
        self._above = tempfile.TemporaryDirectory(prefix="sockscope-history-")
        os.chmod(self._above.name, 0o755)
        self.path = os.path.join(self._above.name, "history")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._above.cleanup()

    def files(self):
        """Oldest first."""
        return sorted(glob.glob(self.path + "/*.scope"))

    def size(self):
        """What du says."""
        total = 0
        for path in glob.glob(self.path + "/*"):
            with contextlib.suppress(FileNotFoundError):
                total += os.stat(path).st_blocks * 512
        return total


def ask(*words, folder, code=0, prefix=()):
    """The parsed document of `history WORDS --json`."""
    done = subprocess.run([*prefix, support.program(), "history", *words, "--json", "--dir", str(folder)],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    if done.returncode != code:
        raise AssertionError(f"history {words} ended with {done.returncode}: {done.stderr!r} {done.stdout!r}")
    text = done.stdout.decode("utf-8")
    support.check_schema("history", text)
    return json.loads(text)


def edges(port, *words, folder, **options):
    return ask("top", "--by", "both", "--top", "0", "--filter", f"port:{port}", *words, folder=folder,
               **options)["rows"]


def sums(rows):
    """As Traffic.done, of rows of a client or a server."""
    return {"connections": sum(row["connections"] for row in rows),
            "tx": sum(row["tx_bytes"] or 0 for row in rows),
            "rx": sum(row["rx_bytes"] or 0 for row in rows),
            "failed": sum(row["failed"] for row in rows)}


@contextlib.contextmanager
def database(path):
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection.text_factory = bytes
    try:
        yield connection
    finally:
        connection.close()


def select(path, sql, *values):
    with database(path) as connection:
        return connection.execute(sql, values).fetchall()


class Recording:
    """`sockscope record`, which records when this is entered."""

    def __init__(self, folder, *words, interval=1, prefix=(), waits=True):
        self._path = getattr(folder, "path", folder)
        self._command = [*prefix, support.program(), "record", "--dir", self._path, "-i", str(interval),
                         *words]
        self._waits = waits
        self._log = tempfile.TemporaryFile()
        self.process = None

    def __enter__(self):
        known = set(glob.glob(self._path + "/*.scope"))
        self.process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=self._log)
        if self._waits:
            support.wait_for(lambda: self._has_begun(known), lambda: f"a recording: {self.said()}")
        return self

    def _has_begun(self, known):
        if self.process.poll() is not None:
            raise AssertionError(f"the recorder ended: {self.said()}")
        for path in set(glob.glob(self._path + "/*.scope")) - known:
            with contextlib.suppress(sqlite3.Error):
                return select(path, "SELECT count(*) FROM sample")[0][0] > 0
        return False

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._log.close()

    def said(self):
        self._log.seek(0)
        return self._log.read().decode()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """What it said, after its end."""
        self.process.terminate()
        self.process.wait(timeout=support.PATIENCE)
        return self.said()


class Process:
    """history_traffic.py"""

    def __init__(self, name, *words):
        self._command = [sys.executable, str(support.HERE / "history_traffic.py"), "--name", name.hex(),
                         *map(str, words)]
        self.process = None
        self.port = None

    def __enter__(self):
        self.process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        encoding="utf-8")
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(self, *_):
        self.end()
        self.process.stdout.close()

    @property
    def pid(self):
        return self.process.pid

    def do(self, **words):
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        if not self.process.stdin.closed:
            self.process.stdin.close()
            self.process.wait(timeout=support.PATIENCE)


class Traffic:
    """A server and a client."""

    def __init__(self, name=b"asker"):
        self._stack = contextlib.ExitStack()
        self._name = name

    def __enter__(self):
        self.server = self._stack.enter_context(Process(b"answerer", "server"))
        self.port = self.server.port
        self.client = self._stack.enter_context(Process(self._name, "client", self.port))
        self.do = self.client.do
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError, ValueError):
            self.do(stop=True)
        self._stack.close()

    def settled(self, **words):
        """What both have done, when the last connection has been closed at both ends."""
        client = self.do(**words)
        support.wait_for(self.is_quiet, "the last connections to end")
        return client, self.server.do()

    def is_quiet(self):
        return not self._sockets("exclude", "time-wait", "exclude", "listening")

    def ends_are_closed(self):
        return not self._sockets("exclude", "time-wait", "exclude", "listening", "exclude", "established")

    def _sockets(self, *states):
        of_port = f"( sport = :{self.port} or dport = :{self.port} )"
        return subprocess.run(["ss", "-Hnta", *states, of_port], check=True, stdout=subprocess.PIPE).stdout


def check_traffic(test, rows, traffic, client, server):
    """That the rows of `history top --by both` are exactly what was done."""
    by = {"outbound": [], "inbound": []}
    for row in rows:
        by[row["direction"]].append(row)
    test.assertEqual({row["pid"] for row in by["outbound"]}, {traffic.client.pid})
    test.assertEqual({row["pid"] for row in by["inbound"]}, {traffic.server.pid})
    test.assertEqual({row["comm"] for row in by["inbound"]}, {"answerer"})
    client = dict(client, failed=0)  # at other ports
    test.assertEqual(sums(by["outbound"]), client)
    test.assertEqual(sums(by["inbound"]), server)


def wait_for_sample(path, after_wall_ns):
    def newest():
        found = select(path, "SELECT max(wall_ns) FROM sample")[0][0]
        return found if found is not None and found > after_wall_ns else None
    return support.wait_for(newest, "the next sample")


class Exact(unittest.TestCase):
    def test_every_connection_to_the_byte(self):
        with Folder() as folder, Traffic() as traffic, Recording(folder) as recording:
            traffic.do(open=50)
            file, = folder.files()
            # Open and idle, while it records: read by another process.
            support.wait_for(lambda: sums(edges(traffic.port, folder=folder.path))["connections"] == 100,
                             "the idle connections", seconds=10)
            traffic.do(short=1000, move=2)
            closed = support.free_port()
            traffic.do(fail=[closed] * 7)
            client, server = traffic.settled(short=1000, move=1, close=True)
            self.assertEqual((client["connections"], client["failed"]), (2050, 7))
            for process in (traffic.client, traffic.server):
                process.end()
            said = recording.stop()
            self.assertEqual(recording.process.returncode, 0, said)
            self.assertIn(" 0 dropped, 0 events lost", said)
            rows = edges(traffic.port, folder=folder.path)
            check_traffic(self, rows, traffic, client, server)
            self.assertEqual({row["comm"] for row in rows}, {"asker", "answerer"})
            # The same from SQL: one row a connection.
            for column, truth in (("remote_port", client), ("local_port", server)):
                found = select(file, f"SELECT count(*), count(DISTINCT cookie), sum(tx_bytes), sum(rx_bytes),"
                               f" count(closed_ns) FROM flow WHERE {column}=? AND remote IS NOT NULL",
                               traffic.port)
                many = truth["connections"]
                self.assertEqual(found, [(many, many, truth["tx"], truth["rx"], many)])
            failed = edges(closed, folder=folder.path)
            self.assertEqual([(row["pid"], row["connections"], row["failed"], row["error"]) for row in failed],
                             [(traffic.client.pid, 0, 7, "ECONNREFUSED")])
            # Who: the processes are gone, their names are not.
            who = ask("who", "127.0.0.1", "--top", "0", "--pid", str(traffic.client.pid), folder=folder.path)
            of_port = [row for row in who["rows"] if row["port"] == traffic.port]
            self.assertEqual(sums(of_port), dict(client, failed=0))
            self.assertEqual({row["exe"] for row in of_port}, {os.path.realpath(sys.executable)})
            by_process = ask("top", "--pid", str(traffic.client.pid), folder=folder.path)["rows"]
            self.assertEqual(sums(by_process), client)
            self.assertEqual(ask("verify", folder=folder.path)["files"][0]["problem"], None)

    def test_windows_equal_what_was_moved_in_them(self):
        truth = []  # (moment, moved by the client until then)
        with Folder() as folder, Traffic() as traffic, Recording(folder, interval=0.1) as recording:
            traffic.do(open=5)
            file, = folder.files()
            for step in range(20):
                done = traffic.do(move=1, short=step % 3)
                support.wait_for(traffic.ends_are_closed, "the ends of the short connections")
                # Between two samples with nothing in between.
                first = wait_for_sample(file, time.time_ns())
                truth.append(((first + wait_for_sample(file, first)) // 2, done))
            traffic.settled(close=True)
            recording.stop()

            def window(begin, end):
                rows = edges(traffic.port, "--from", f"@{begin / 1e9:.9f}", "--to", f"@{end / 1e9:.9f}",
                             folder=folder.path)
                return sums([row for row in rows if row["direction"] == "outbound"])
            for _ in range(200):
                (begin, before), (end, after) = sorted(random.sample(truth, 2), key=lambda each: each[0])
                got = window(begin, end)
                self.assertEqual({key: got[key] for key in ("tx", "rx")},
                                 {key: after[key] - before[key] for key in ("tx", "rx")})
            # Any windows that follow each other add up, whatever is in them.
            whole = window(truth[0][0], truth[-1][0])
            for _ in range(20):
                cuts = sorted(random.randrange(truth[0][0], truth[-1][0]) for _ in range(6))
                cuts = [truth[0][0], *cuts, truth[-1][0]]
                parts = [window(begin, end) for begin, end in zip(cuts, cuts[1:])]
                for key in ("tx", "rx"):
                    self.assertEqual(sum(part[key] for part in parts), whole[key])


class Files(unittest.TestCase):
    def test_sums_go_on_over_files(self):
        with Folder() as folder, Traffic() as traffic, \
                Recording(folder, "--max-size", "16M", interval=0.2) as recording:
            traffic.do(open=20, move=1)
            deadline = time.monotonic() + support.PATIENCE
            while len(folder.files()) < 4 and time.monotonic() < deadline:
                traffic.do(short=200, move=1)
            during = folder.files()
            self.assertGreaterEqual(len(during), 4)
            client, server = traffic.settled(close=True)
            said = recording.stop()
            self.assertIn(" 0 dropped, 0 events lost", said)
            check_traffic(self, edges(traffic.port, folder=folder.path), traffic, client, server)
            self.assertEqual(ask("top", folder=folder.path)["missing"], [])
            for file in during:  # those that were open are in every file
                found = select(file, "SELECT count(*) FROM flow WHERE is_whole=0 AND remote_port=? AND"
                               " (closed_ns IS NULL OR srtt_us IS NOT NULL)", traffic.port)[0][0]
                self.assertGreaterEqual(found, 20, file)
            for facts in ask("verify", folder=folder.path)["files"]:
                self.assertIsNone(facts["problem"])
                self.assertTrue(facts["complete"])

    def test_the_size_is_kept(self):
        most = 16_000_000
        with Folder() as folder, Traffic() as traffic, \
                Recording(folder, "--max-size", "16M", interval=0.5) as recording:
            traffic.do(open=20)
            seen = []
            sizes = []
            deadline = time.monotonic() + support.PATIENCE
            gone = 0
            while gone < 3 and time.monotonic() < deadline:
                traffic.do(short=100)
                sizes.append(folder.size())
                now = folder.files()
                gone = len(set(seen) - set(now))
                seen += [file for file in now if file not in seen]
            self.assertGreaterEqual(gone, 3)
            self.assertEqual(folder.files()[0], seen[gone])  # the oldest go first
            self.assertLessEqual(max(sizes), most * 1.05)
            recording.stop()

    def test_a_reader_does_not_stop_it(self):
        with Folder() as folder, Traffic() as traffic, \
                Recording(folder, "--max-size", "16M", interval=0.2) as recording:
            traffic.do(open=5)
            first, = folder.files()
            with database(first) as held:
                held.execute("BEGIN")
                held.execute("SELECT count(*) FROM flow").fetchall()
                deadline = time.monotonic() + support.PATIENCE
                while len(folder.files()) < 3 and time.monotonic() < deadline:
                    traffic.do(short=100, move=1)
            client, server = traffic.settled(close=True)
            said = recording.stop()
            self.assertIn(" 0 dropped, 0 events lost", said)
            self.assertEqual(folder.files()[0], first)
            check_traffic(self, edges(traffic.port, folder=folder.path), traffic, client, server)
            self.assertEqual(ask("top", folder=folder.path)["missing"], [])


class Long(unittest.TestCase):
    pass


if __name__ == "__main__":
    support.main()
