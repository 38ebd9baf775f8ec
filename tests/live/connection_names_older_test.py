# SPDX-License-Identifier: Apache-2.0
"""conn_id of what is older than sockscope, or is only looked at; and the other end, which follows from it."""
import contextlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from connection_ends import (Figures, Observed, Pair, Shown, abort, connect, drain_now, fill, inside, join, listen, nft,
                             number_of, prove, receive, restore, router_between, say, set_in, space, support, tcp)

MSG_FASTOPEN, TCP_FASTOPEN = 0x20000000, 23
FULL = 400_000  # more than fits into a receive buffer and a send buffer of small sockets
TRANSLATED = """
table ip t {
  chain before {
    type nat hook prerouting priority -100
    tcp dport 8080 dnat to 10.99.2.2:9090
  }
  chain after {
    type nat hook postrouting priority 100
    oifname v* masquerade random
  }
}
"""


def setUpModule():
    support.need_root()


class Older(unittest.TestCase):
    """In our own network namespace, where the kernel lists all sockets."""

    def setUp(self):
        self.spaces = self.enterContext(contextlib.ExitStack())
        self.here = self.place()

    def place(self):
        return None

    def pairs_of(self, count, **options):
        listener = listen("127.0.0.1", space=self.here, **options)
        self.addCleanup(listener.close)
        made = [connect(listener, self.here) for _ in range(count)]
        for pair in made:
            self.addCleanup(pair.client.close)
            self.addCleanup(pair.server.close)
        return made

    def expect(self, pairs, **counts):
        """What one snapshot shows, and what a trace that begins now tells at the close."""
        pairs = [getattr(pair, "ends", pair) for pair in pairs]
        shown = Shown()
        figures = Figures(shown, pairs)
        say(self, figures)
        expected = {"pairs": len(pairs), "wrong": 0, **(counts or {"equal": len(pairs)})}
        self.assertEqual(dict(figures.counts), expected, figures.bad)
        return shown

    def expect_at_close(self, shown, pairs, close):
        with Observed("trace") as observed:
            for pair in pairs:
                close(pair)
                for end in pair.ends:
                    observed.wait_for(end)
            figures = Figures(observed, [pair.ends for pair in pairs])
            say(self, f"at their close {figures}")
            self.assertEqual((figures.counts["equal"], figures.counts["wrong"]), (len(pairs), 0), figures.bad)
            for pair in pairs:
                for end in pair.ends:
                    self.assertEqual(observed.names(end), shown.names(end))

    def test_open(self):
        pairs = self.pairs_of(20)
        for i, pair in enumerate(pairs):
            for one, other in ((pair.client, pair.server), (pair.server, pair.client)):
                one.sendall(bytes(i * 777))
                receive(other, i * 777)
        self.expect_at_close(self.expect(pairs), pairs, lambda pair: pair.close(pairs.index(pair) % 2))

    def test_reset_later(self):
        pairs = self.pairs_of(10)
        def close(pair):
            for end in pair.swapped(pairs.index(pair) % 2):
                abort(end)
        self.expect_at_close(self.expect(pairs), pairs, close)

    def test_half_closed_with_data_afterwards(self):
        pairs = self.pairs_of(10)
        for i, pair in enumerate(pairs):
            one, other = pair.swapped(i % 2)
            one.shutdown(socket.SHUT_WR)
            other.sendall(bytes(i * 1000))
        def close(pair):
            for end in pair.swapped(1 - pairs.index(pair) % 2):
                drain_now(end)
                end.close()
        self.expect_at_close(self.expect(pairs), pairs, close)

    def test_data_on_the_way_and_full_buffers(self):
        """Nobody reads: what does not fit is not yet acknowledged, or not yet sent."""
        pairs = self.pairs_of(9)
        for i, pair in enumerate(pairs):
            for end in ((pair.client,), (pair.server,), (pair.client, pair.server))[i // 3]:
                self.assertGreater(fill(end), FULL)
            if i % 3 == 1:
                pair.client.shutdown(socket.SHUT_WR)  # the FIN waits behind the data
            if i % 3 == 2:
                pair.server.shutdown(socket.SHUT_WR)
        self.expect_at_close(self.expect(pairs), pairs, lambda pair: [end.close() for end in pair.swapped(False)])

    def test_time_wait(self):
        """Neither end has a name: the kernel has forgotten the first sequence numbers."""
        pairs = self.pairs_of(4)
        ports = [(pair.client.getsockname()[1], pair.server.getsockname()[1]) for pair in pairs]
        for pair in pairs:
            pair.close()
        ends = [(number_of(self.here), *both) for both in ports]
        shown = Shown()
        seen = [record for end in ends for record in shown.of(end)]
        self.assertEqual({(record.row["state"], record.name) for record in seen} - {("TIME_WAIT", None)}, set())
        if self.here is None:  # of other namespaces, only sockets are shown that some process has open
            self.assertEqual(len(seen), len(ends))

    def test_fast_opened(self):
        here = self.spaces.enter_context(space())
        set_in(here, tcp_fastopen=0x607)
        listener = listen("127.0.0.1", space=here, options=[(socket.IPPROTO_TCP, TCP_FASTOPEN, 16)])
        pairs = []
        for i in range(4):
            client = tcp(here)
            client.sendto(bytes(1 + i * 500), MSG_FASTOPEN, listener.getsockname())
            server = listener.accept()[0]
            server.settimeout(support.PATIENCE)
            receive(server, 1 + i * 500)
            pairs.append(prove(client, server))
            for each in (client, server):
                self.addCleanup(each.close)
        listener.close()
        self.expect_at_close(self.expect(pairs), pairs, lambda pair: pair.close(pairs.index(pair) % 2))

    def test_listeners_without_a_queue(self):
        """With a backlog of 0 it is not certain which end sent the SYN; but it is at a connection seen to open."""
        self.expect(self.pairs_of(5, backlog=0), null=5)

    def test_not_yet_accepted(self):
        """A socket that is in no program yet; in another namespace it is not shown, and the other end is."""
        listener = listen("127.0.0.1", space=self.here)
        self.addCleanup(listener.close)
        ends = []
        for i in range(4):
            client = tcp(self.here)
            self.addCleanup(client.close)
            client.connect(listener.getsockname())
            client.sendall(bytes(i * 100))
            ends.append((support.cookie_of(client),
                         (number_of(self.here), listener.getsockname()[1], client.getsockname()[1])))
        if self.here is None:
            self.expect(ends)
        else:
            self.assertEqual([len(Shown().names(end) - {None}) for end, _ in ends], [1] * 4)

    def test_restored(self):
        """By TCP_REPAIR: that end has no name, and the other one keeps its own."""
        (pair,) = self.pairs_of(1)
        before = Shown().names(pair.ends[1])
        restored = restore(pair.client, self.here)
        self.addCleanup(restored.close)
        restored.sendall(bytes(3000))
        receive(pair.server, 3000)
        shown = Shown()
        self.assertEqual(shown.names(pair.ends[1]), before)
        self.assertEqual(shown.names(support.cookie_of(restored)), {None})

    def refuse_some(self, sizes):
        """A wire whose queue refuses some segments, so that the kernel counts them as sent more than once."""
        one, other = (self.spaces.enter_context(space()) for _ in range(2))
        wire = join(one, other, "10.99.1.1", "10.99.1.2")
        for each, name in ((one, wire[0]), (other, wire[1])):
            subprocess.run(["tc", "-n", each.name, "qdisc", "add", "dev", name, "root", "tbf", "rate", "800kbit",
                            "burst", "1600", "limit", "1600"], check=True)
        listener = listen("10.99.1.2", space=other)
        self.addCleanup(listener.close)
        pairs = []
        for i, size in enumerate(sizes):
            pair = connect(listener, one)
            sender, receiver = pair.swapped(i % 2)
            sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for each in pair.swapped(False):
                self.addCleanup(each.close)
            # The queue is full of datagrams when the segment comes.
            with inside(one if sender is pair.client else other), \
                    socket.socket(type=socket.SOCK_DGRAM) as filler:
                to = "10.99.1.2" if sender is pair.client else "10.99.1.1"
                for size_of_filler in [700] * 10 + [1] * 10:
                    filler.sendto(bytes(size_of_filler), (to, 9))
            sender.sendall(bytes(size))
            receive(receiver, size)
            pairs.append(pair)
        return pairs

    def test_segments_that_a_queue_refused(self):
        """Then the counters do not tell which end sent the SYN: such an end has no name, never a wrong one."""
        pairs = self.refuse_some([1] * 12 + [100] * 12)
        figures = Figures(Shown(), [pair.ends for pair in pairs])
        say(self, figures)
        self.assertEqual(figures.counts["wrong"], 0, figures.bad)
        self.assertEqual(figures.counts["equal"] + figures.counts["null"], len(pairs), figures.bad)
        self.assertGreater(figures.counts["null"], 0, "the queue refused nothing")


class OlderElsewhere(Older):
    """In another network namespace: sockets are found by the files that programs have open."""

    def place(self):
        return self.spaces.enter_context(space())


class Udp(unittest.TestCase):
    """Names of UDP follow from the two addresses."""

    def setUp(self):
        self.spaces = self.enterContext(contextlib.ExitStack())

    def bound(self, here, address):
        with inside(here):
            made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(made.close)
        made.bind((address, 0))
        return made

    def connected(self, one, other, addresses):
        ends = self.bound(one, addresses[0]), self.bound(other, addresses[1])
        for end, its in zip(ends, reversed(ends)):
            end.connect(its.getsockname()[:2])
        return Pair(*ends)

    def test_connected(self):
        one, other = (self.spaces.enter_context(space()) for _ in range(2))
        join(one, other, "10.99.1.1", "10.99.1.2")
        pairs = [self.connected(one, other, ("10.99.1.1", "10.99.1.2")),
                 self.connected(one, one, ("127.0.0.1", "127.0.0.1")), self.connected(one, one, ("::1", "::1")),
                 self.connected(None, None, ("127.0.0.1", "127.0.0.1"))]
        figures = Figures(Shown(), [pair.ends for pair in pairs])
        say(self, figures)
        self.assertEqual((figures.counts["equal"], figures.counts["wrong"]), (len(pairs), 0), figures.bad)

    def test_without_a_remote_end(self):
        sock = self.bound(None, "127.0.0.1")
        self.assertEqual(Shown().names(support.cookie_of(sock)), {None})
        sock.connect(("127.0.0.1", 9))
        self.assertNotEqual(Shown().names(support.cookie_of(sock)), {None})

    def test_equal_addresses_on_two_loopbacks(self):
        pairs = []
        for _ in range(2):
            here = self.spaces.enter_context(space())
            ends = []
            for port, to in ((5000, 5001), (5001, 5000)):
                with inside(here):
                    ends.append(socket.socket(type=socket.SOCK_DGRAM))
                self.addCleanup(ends[-1].close)
                ends[-1].bind(("127.0.0.1", port))
                ends[-1].connect(("127.0.0.1", to))
            pairs.append(Pair(*ends))
        figures = Figures(Shown(), [pair.ends for pair in pairs])
        say(self, figures)
        self.assertEqual((figures.counts["equal"], figures.counts["wrong"]), (2, 0), figures.bad)


# Prints its pid, then sends at a steady rate until its input ends; for each line of that it prints what it has sent.
SENDER = """
import os, select, socket, sys
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
print(os.getpid(), flush=True)
sent = 0
while True:
    if select.select([sys.stdin], [], [], 0.01)[0]:
        if not sys.stdin.readline():
            break
        print(sent, flush=True)
    sock.sendall(bytes(20000))
    sent += 20000
"""
RECEIVER = """
import os, socket, sys
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
print(os.getpid(), flush=True)
sock = listener.accept()[0]
while sock.recv(1 << 20):
    pass
"""
UNITS = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}


class OtherEnds(unittest.TestCase):
    """A client, a router that translates both addresses, and a server, each in a namespace of its own."""

    @classmethod
    def setUpClass(cls):
        client, router, server = (cls.enterClassContext(space()) for _ in range(3))
        router_between(client, server, router)
        nft(router, TRANSLATED)
        cls.receiver, _ = cls.program(server, RECEIVER, "10.99.2.2", "9090")
        cls.sender, cls.sending = cls.program(client, SENDER, "10.99.1.1", "8080")
        cls.only = ("--filter", f"netns:{number_of(client)},{number_of(server)} state:established")
        cls.server = server

    @classmethod
    def program(cls, where, text, *words):
        process = where.start(sys.executable, "-c", text, *words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              encoding="ascii")
        for end in (process.wait, process.stdout.close, process.stdin.close, process.kill):
            cls.addClassCleanup(end)
        return int(process.stdout.readline()), process

    def sent(self):
        self.sending.stdin.write("\n")
        self.sending.stdin.flush()
        return int(self.sending.stdout.readline())

    def test_one_row_for_both(self):
        (row,) = support.snapshot("--pairs", *self.only)["flows"]
        other = row["other_end"]
        self.assertEqual({row["pid"], other["pid"]}, {self.sender, self.receiver})
        self.assertNotEqual(row["netns"], other["netns"])
        ends = {(row["local_addr"], row["remote_addr"], row["remote_port"]),
                (other["local_addr"], other["remote_addr"], other["remote_port"])}
        self.assertIn(("10.99.1.2", "10.99.1.1", 8080), ends)
        self.assertEqual(len([end for end in ends if end[:2] == ("10.99.2.2", "10.99.2.1")]), 1)

    def test_two_rows_without_that_option(self):
        rows = {row["pid"]: row for row in support.snapshot(*self.only)["flows"]}
        self.assertEqual(set(rows), {self.sender, self.receiver})
        for pid, other in ((self.sender, self.receiver), (self.receiver, self.sender)):
            self.assertEqual(rows[pid]["other_end"]["pid"], other)
            self.assertEqual(rows[pid]["other_end"]["cookie"], rows[other]["cookie"])

    def test_a_row_whose_other_end_is_not_selected(self):
        (row,) = support.snapshot("--pairs", "-p", str(self.receiver), "--filter", "state:established")["flows"]
        self.assertEqual((row["pid"], row["other_end"]["pid"]), (self.receiver, self.sender))

    def test_a_table_names_both(self):
        shown = support.run("snapshot", "--pairs", "--columns", "pid,other_pid,other_netns", *self.only).stdout
        (row,) = shown.strip().split("\n")[1:]
        self.assertLessEqual({str(self.sender), str(self.receiver)}, set(row.split()))

    def test_bytes_are_counted_once(self):
        """Both ways together, since either end may be the one that is kept."""
        rates = {}
        began, before = time.monotonic(), self.sent()
        for words in (("--pairs",), ()):
            shown = support.run("top", "--once", "-i", "2", *words, *self.only).stdout
            header = shown.split("\n")[0]
            numbers = [float(number) * UNITS[unit] / 8 for number, unit in
                       re.findall(r"[↓↑] ([\d.]+) ([kMG]?)b/s", header)]
            self.assertEqual(len(numbers), 2, shown)
            rates[words] = sum(numbers)
            self.assertIn("1 conn " if words else "2 conns ", header)
        truth = (self.sent() - before) / (time.monotonic() - began)
        say(self, f"sent {truth:.0f} B/s, top --pairs {rates['--pairs',]:.0f}, without {rates[()]:.0f}")
        self.assertLess(0.5 * truth, rates["--pairs",])
        self.assertLess(rates["--pairs",], 1.5 * truth)
        self.assertGreater(rates[()], 1.5 * rates["--pairs",])


class Keys(unittest.TestCase):
    """Hosts with the same key name a connection alike."""

    def names(self, key, only):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(key + "\n")
            file.flush()
            return {row["conn_id"] for row in support.snapshot("--conn-key", file.name, *only)["flows"]}

    def test_names_with_equal_and_with_other_keys(self):
        with space() as here, listen("127.0.0.1", space=here) as listener:
            pair = connect(listener, here)
            only = ("--filter", f"netns:{number_of(here)} state:established")
            told = [self.names(key, only) for key in ("0f" * 16, "0F" * 16, "f0" * 16)]
            told.append({row["conn_id"] for row in support.snapshot(*only)["flows"]})
            told.append({row["conn_id"] for row in support.snapshot(*only)["flows"]})
            pair.close()
        self.assertEqual([len(names) for names in told], [1] * 5, told)
        self.assertNotIn(None, set().union(*told))
        self.assertEqual(told[0], told[1])
        self.assertEqual(told[3], told[4])
        self.assertEqual(len(set().union(*told)), 3, told)


if __name__ == "__main__":
    support.main()
