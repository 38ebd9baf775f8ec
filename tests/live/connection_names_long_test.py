# SPDX-License-Identifier: Apache-2.0
"""conn_id at many connections, and at those with more bytes than sequence numbers."""
import collections
import contextlib
import os
import pathlib
import socket
import subprocess
import tempfile
import threading
import unittest

from connection_ends import (NAMELESS, TOLD, Figures, Observed, Shown, connect, listen, nft, router_between, say,
                             set_in, space, support)

HERE = pathlib.Path(__file__).resolve().parent
MOST_CLOSED = 10_000  # Options::max_closed
MORE_THAN_WRAPS = (1 << 32) + 300_000_000
TRANSLATED = """
table ip t {
  chain before {
    type nat hook prerouting priority -100
    tcp dport 9000-9003 dnat to 10.99.2.2
  }
  chain after {
    type nat hook postrouting priority 100
    oifname v* masquerade random
  }
}
"""

_scratch = None
_workload = None


def setUpModule():
    support.need_root()
    global _scratch, _workload
    _scratch = tempfile.TemporaryDirectory(prefix="sockscope-names-")
    _workload = support.workload_program()
    if not _workload:
        _workload = os.path.join(_scratch.name, "names_workload")
        subprocess.run(["g++", "-std=c++20", "-O2", "-pthread", str(HERE / "names_workload.cpp"), "-o", _workload],
                       check=True, timeout=120)


def tearDownModule():
    if _scratch:
        _scratch.cleanup()


def take(end, size):
    """MSG_TRUNC: without copying."""
    room = bytearray(1 << 22)
    while size:
        size -= end.recv_into(room, min(size, len(room)), socket.MSG_TRUNC)


def give(end, size):
    block = memoryview(bytes(1 << 20))
    while size:
        size -= end.send(block[:min(size, len(block))])


def exchange(pair):
    """More than 4 GiB each way, at the same time."""
    threads = [threading.Thread(target=pass_on, args=(end, MORE_THAN_WRAPS))
               for end in pair.swapped(False) for pass_on in (give, take)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class MoreThanWraps(unittest.TestCase):
    """After 4 GiB, sequence numbers are used again."""

    def expect(self, observed, pair):
        figures = Figures(observed, [pair.ends])
        say(self, figures)
        self.assertEqual((figures.counts["equal"], figures.counts["wrong"]), (1, 0), figures.bad)
        return observed.names(pair.ends[0])

    def test_older_and_younger(self):
        with listen("127.0.0.1") as listener:
            older = connect(listener)
            at_first = self.expect(Shown(), older)
            exchange(older)
            self.assertEqual(self.expect(Shown(), older), at_first)
            with Observed("trace") as observed:
                younger = connect(listener)
                exchange(younger)
                for pair in (older, younger):
                    pair.close()
                    for end in pair.ends:
                        row = observed.wait_for(end).row
                        self.assertGreaterEqual(min(row["tx_bytes"], row["rx_bytes"]), MORE_THAN_WRAPS)
                self.assertEqual(self.expect(observed, older), at_first)
                self.assertNotEqual(self.expect(observed, younger), at_first)


class NamesOnly(Observed):
    """Keeps no rows."""

    def __init__(self, *words):
        super().__init__(*words)
        self.known = collections.defaultdict(set)  # names by cookie
        self.nameless = collections.Counter()  # by event and state
        self.nameless_ends = set()
        self.closed = set()

    def add(self, kind, row):
        cookie = row["cookie"]
        if row["conn_id"]:
            self.known[cookie].add(row["conn_id"])
        elif kind in TOLD and not (kind == "open" and row["state"] in NAMELESS):
            self.nameless[kind, row["state"]] += 1
            self.nameless_ends.add(cookie)
        if kind == "close":
            self.closed.add(cookie)


class Many(unittest.TestCase):
    """Nine ways to end, on loopback and through a router that translates both addresses; each pair of ports is used
    again and again."""
    WORDS = ("trace", "--columns", "cookie,conn_id,state", "--ring-kib", "65536")
    BATCH = 10_000  # connections; before the next ones, all their closes are read
    BATCHES = 10

    def setUp(self):
        self.spaces = self.enterContext(contextlib.ExitStack())
        self.truth = {}  # the server's cookie, by the client's
        self.ways = {}

    def batch(self, observer, *words):
        path = os.path.join(_scratch.name, "truth")
        subprocess.run([_workload, "--connections", str(self.BATCH), "--workers", "4", "--truth", path, *words],
                       check=True, timeout=300)
        ends = set()
        with open(path, encoding="ascii") as lines:
            for line in lines:
                client, server, way, _ = line.split()
                self.truth[int(client)] = int(server)
                self.ways[int(client)] = way
                ends |= {int(client), int(server)}

        def are_closed():
            observer.read()
            return ends <= observer.closed
        with contextlib.suppress(AssertionError):  # those that are missing are counted
            support.wait_for(are_closed, "all closes")

    def run_batches(self):
        client, router, server, here = (self.spaces.enter_context(space()) for _ in range(4))
        router_between(client, server, router)
        nft(router, TRANSLATED)
        for each in (client, server, here):
            set_in(each, tcp_tw_reuse=1)
        path = "/run/netns/"
        with NamesOnly(*self.WORDS) as observer:
            for i in range(self.BATCHES):
                seed = ("--seed", str(i))
                if i % 2:
                    self.batch(observer, "--listen", "10.99.2.2", "--connect", "10.99.1.1", "--client-netns",
                               path + client.name, "--server-netns", path + server.name, *seed)
                else:
                    self.batch(observer, "--client-netns", path + here.name, "--server-netns", path + here.name,
                               *seed)
        return observer

    def test_each_pair_has_one_name(self):
        observer = self.run_batches()
        owners = {}
        counts = collections.Counter()
        missing = collections.Counter()
        for client, server in self.truth.items():
            of_client, of_server = (observer.known.get(end, set()) for end in (client, server))
            if len(of_client | of_server) > 1:
                counts["wrong"] += 1
            elif of_client and of_server:
                counts["equal"] += 1
                (name,) = of_client
                counts["wrong"] += owners.setdefault(name, client) != client
            else:
                missing[self.ways[client]] += 1
        ends = set(self.truth) | set(self.truth.values())
        nameless = ends & observer.nameless_ends
        say(self, f"{len(self.truth)} pairs, {dict(counts)}, missing {dict(missing)}, {len(nameless)} ends once without a "
            f"name, lost {sum(observer.lost.values())}, most closed at a time {observer.most_closed}, "
            f"{dict(collections.Counter(self.ways.values()))}")
        self.assertEqual(len(self.truth), self.BATCHES * self.BATCH)
        self.assertEqual(len(set(self.ways.values())), 9)
        self.assertEqual(counts["wrong"], 0)
        if observer.most_closed < MOST_CLOSED:  # else others had so many that `top` did not keep all
            self.assertLessEqual(sum(missing.values()), sum(observer.lost.values()), missing)
        self.assertFalse(nameless, observer.nameless)


class ManyOfTop(Many):
    """Openings are reported late. Of ends that have closed, `top` keeps 10,000, of the whole host."""
    WORDS = ("top", "-i", "1", "--keep-closed", "2", "--only", "flows", "--columns", "cookie,conn_id,state")
    BATCH = 2_000
    BATCHES = 10


if __name__ == "__main__":
    support.main()
