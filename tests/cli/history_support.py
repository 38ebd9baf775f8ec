# SPDX-License-Identifier: Apache-2.0
"""What the tests of `record` and `history` share: folders, recorders, and traffic whose bytes are known."""
import contextlib
import glob
import json
import os
import sqlite3
import subprocess
import sys
import tempfile

import support

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


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
