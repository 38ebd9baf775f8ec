# SPDX-License-Identifier: Apache-2.0
"""For tests of names of connections: makes both ends of connections, in whatever network namespaces,
and knows from what they told each other which two sockets belong together."""
import collections
import contextlib
import ctypes
import errno
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile

from namespaces import Namespace, command, join, support

CLONE_NEWNET = 0x40000000
ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: close(2) resets the connection
UNSPEC = bytes(16)
# Kinds of events, and of rows, that are about a whole connection: `open` and `close` of `top`.
TOLD = ("connect", "accept", "close", "open")
# A connection in these states has no name yet, or no longer: TIME_WAIT keeps no initial numbers.
NAMELESS = ("SYN_SENT", "SYN_RECV", "TIME_WAIT")
_libc = ctypes.CDLL(None, use_errno=True)


def _enter(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def inside(space):
    """Sockets that this thread makes here belong to the network namespace; None: to our own."""
    if space is None:
        yield
        return
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{space.name}", os.O_RDONLY)
    try:
        _enter(there)
        yield
    finally:
        _enter(home)
        os.close(home)
        os.close(there)


def number_of(space):
    return os.stat(f"/run/netns/{space.name}" if space else "/proc/self/ns/net").st_ino


_ours = {number_of(None)}  # network namespaces of these tests


def set_in(space, **values):
    """Sets sysctls of net.ipv4 in a namespace."""
    for name, value in values.items():
        command("ip", "netns", "exec", space.name, "sysctl", "-qw", f"net.ipv4.{name}={value}")


def nft(space, rules):
    command("ip", "netns", "exec", space.name, "nft", "-f", "-", input=rules)


def tcp(space=None, family=socket.AF_INET, protocol=0):
    with inside(space):
        made = socket.socket(family, socket.SOCK_STREAM, protocol)
    made.settimeout(support.PATIENCE)
    return made


def listen(address, port=0, space=None, options=(), backlog=128, protocol=0):
    listener = tcp(space, socket.AF_INET6 if ":" in address else socket.AF_INET, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for option in options:
        listener.setsockopt(*option)
    if address == "::":
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.bind((address, port))
    listener.listen(backlog)
    return listener


def abort(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    sock.close()


def disconnect(sock):
    """connect(2) to AF_UNSPEC, which Python's sockets cannot do."""
    if _libc.connect(sock.fileno(), UNSPEC, len(UNSPEC)) != 0:
        raise OSError(ctypes.get_errno(), "connect to AF_UNSPEC")


def receive(sock, size):
    """Exactly so many bytes. MSG_WAITALL does not wait where a timeout is set."""
    got = b""
    while len(got) < size:
        more = sock.recv(size - len(got))
        if not more:
            raise AssertionError(f"the stream ended after {len(got)} bytes of {size}")
        got += more
    return got


def drain(sock):
    while sock.recv(1 << 20):
        pass


def drain_now(sock):
    """Reads what is there."""
    sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        drain(sock)
    sock.settimeout(support.PATIENCE)


def fill(sock):
    """Sends until the send buffer is full; returns the number of bytes."""
    sock.setblocking(False)
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            sent += sock.send(bytes(100_000))
    sock.settimeout(support.PATIENCE)
    return sent


def restore(sock, space):
    """Closes a socket without telling the other end, and makes one with the same connection, like CRIU."""
    repair, repair_queue, queue_seq, options, timestamp = 19, 20, 21, 22, 24  # of <linux/tcp.h>
    received, sent = 1, 2
    segment, window, has_sack, has_timestamps = 2, 3, 4, 8
    def option(of, name, value):
        of.setsockopt(socket.IPPROTO_TCP, name, value)
    ends = sock.getsockname(), sock.getpeername()
    option(sock, repair, 1)
    numbers = []
    for queue in (received, sent):
        option(sock, repair_queue, queue)
        numbers.append(sock.getsockopt(socket.IPPROTO_TCP, queue_seq) & 0xffffffff)
    scales = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[6]
    clock = sock.getsockopt(socket.IPPROTO_TCP, timestamp)
    sock.close()
    made = tcp(space)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    option(made, repair, 1)
    made.bind(ends[0])
    for queue, number in zip((received, sent), numbers):
        option(made, repair_queue, queue)
        option(made, queue_seq, struct.pack("I", number))
    option(made, repair_queue, 0)
    made.connect(ends[1])
    option(made, options, struct.pack("8I", segment, 1460, window, scales % 16 | scales // 16 << 16, has_sack, 0,
                                      has_timestamps, 0))
    option(made, timestamp, clock)
    option(made, repair, 0)
    return made


class Pair:
    """Both ends of one connection."""

    def __init__(self, client, server):
        self.client, self.server = client, server
        self.ends = support.cookie_of(client), support.cookie_of(server)

    def swapped(self, swap):
        return (self.server, self.client) if swap else (self.client, self.server)

    def close(self, server_first=False):
        """One end after the other; the second one has seen the FIN of the first."""
        first, second = self.swapped(server_first)
        first.shutdown(socket.SHUT_WR)
        drain(second)
        second.close()
        drain(first)
        first.close()


def prove(client, server):
    """The ends belong together: what one sends the other receives."""
    token = os.urandom(16)
    client.sendall(token)
    if receive(server, 16) != token:
        raise AssertionError("the connection was accepted from another client")
    return Pair(client, server)


def connect(listener, space=None, to=None, source=None, talk=True):
    """A connection from a new socket in `space`; to: another address than the listener's own."""
    to = to or listener.getsockname()[:2]
    client = tcp(space, socket.AF_INET6 if ":" in to[0] else socket.AF_INET)
    if source:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind(source)
    client.connect(to)
    server = listener.accept()[0]
    server.settimeout(support.PATIENCE)
    return prove(client, server) if talk else Pair(client, server)


class Space(Namespace):
    def __enter__(self):
        super().__enter__()
        _ours.add(number_of(self))
        return self


def space():
    """A network namespace, to be entered. Its name server is not used."""
    return Space("127.0.0.1")


def router_between(one, other, router):
    """10.99.1.2 in `one` and 10.99.2.2 in `other` reach each other through `router`, which has .1."""
    join(one, router, "10.99.1.2", "10.99.1.1")
    outside = join(router, other, "10.99.2.1", "10.99.2.2")[0]
    one.ip("route", "add", "default", "via", "10.99.1.1")
    other.ip("route", "add", "default", "via", "10.99.2.1")
    set_in(router, ip_forward=1)
    return outside


Record = collections.namedtuple("Record", "kind name row")


class Observed:
    """A `trace --json` or `top --json` that runs meanwhile. What it says of a socket is found by the
    cookie, or by (network namespace, local port, remote port) where the socket is in no program."""

    def __init__(self, *words):
        self.words = words
        self.records = collections.defaultdict(list)
        self.lost = None
        self.most_closed = 0  # rows of ends that have closed, in a document of `top`
        self._file = tempfile.NamedTemporaryFile(prefix="sockscope-names-")
        self._rest = b""
        self._lines = 0

    def __enter__(self):
        self.process = subprocess.Popen([support.program(), *self.words, "--json", "-q"],
                                        stdin=subprocess.DEVNULL, stdout=self._file,
                                        stderr=subprocess.PIPE)
        self._reader = open(self._file.name, "rb")
        try:
            support.wait_for(self._started, f"a first line of {self.words}")
        except AssertionError:
            self.__exit__()
            raise
        return self

    def _started(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.words} ended: {self.process.communicate()[1].decode()}")
        self.read()
        return self._lines

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.communicate(timeout=support.PATIENCE)
        self.read()
        self._reader.close()
        self._file.close()

    def read(self):
        *lines, self._rest = (self._rest + self._reader.read()).split(b"\n")
        for line in lines:
            document = json.loads(line)
            self.lost = document.get("lost", self.lost)
            if "flows" in document:
                for row in document["flows"]:
                    self.add("close" if row["closed"] else "open", row)
                self.most_closed = max(self.most_closed, sum(row["closed"] for row in document["flows"]))
            elif "cookie" in document:
                self.add(document["event"], document)
        self._lines += len(lines)

    def add(self, kind, row):
        if row["netns"] not in _ours:  # others may have thousands of connections meanwhile
            return
        record = Record(kind, row["conn_id"], row)
        if row["cookie"]:
            self.records[row["cookie"]].append(record)
        self.records[row["netns"], row["local_port"], row["remote_port"]].append(record)

    def of(self, end):
        return self.records.get(end, [])

    def kinds(self, end):
        return [record.kind for record in self.of(end)]

    def wait_for(self, end, kind="close"):
        def seen():
            self.read()
            return next((r for r in self.of(end) if r.kind == kind), None)
        return support.wait_for(seen, lambda: f"{kind} of {end}, not only {self.kinds(end)}")

    def names(self, end):
        """Names told of an end; None among them: it was told without a name, though it had one."""
        return {record.name for record in self.of(end) if record.name or (
            record.kind in TOLD and not (record.kind == "open" and record.row["state"] in NAMELESS))}


class Shown(Observed):
    """What `snapshot` shows of sockets; all are `open`."""

    def __init__(self, *words):
        super().__init__("snapshot", *words)
        for row in support.snapshot(*words)["flows"]:
            self.add("open", row)
        self._file.close()


class Figures:
    """How many pairs have one name, and how many do not."""

    def __init__(self, observed, pairs):
        self.counts = collections.Counter(pairs=len(pairs))
        self.bad = []
        names = collections.Counter()
        for ends in pairs:
            told = [observed.names(end) for end in ends]
            known = [names_of - {None} for names_of in told]
            if len(known[0] | known[1]) > 1:
                verdict = "wrong"
            elif all(len(names_of) == 1 for names_of in known):
                verdict = "equal" if None not in told[0] | told[1] else "partly null"
                names[known[0].pop()] += 1
            else:
                verdict = "null" if any(told) else "unseen"
            self.counts[verdict] += 1
            if verdict != "equal":
                self.bad.append((verdict, [[(r.kind, r.name, r.row.get("state"), r.row.get("old_state"),
                                             r.row.get("direction")) for r in observed.of(end)] for end in ends]))
        # A name of two connections joins ends that do not belong together.
        self.counts["wrong"] += sum(count - 1 for count in names.values())

    def __str__(self):
        return ", ".join(f"{count} {what}" for what, count in self.counts.items() if count)


def say(case, figures):
    print(f"{case.id()}: {figures}", file=sys.stderr)


def connect_now(sock, to):
    """connect(2) without waiting; returns the error number."""
    sock.setblocking(False)
    failed = sock.connect_ex(to)
    sock.settimeout(support.PATIENCE)
    return 0 if failed == errno.EINPROGRESS else failed
