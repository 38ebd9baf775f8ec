# SPDX-License-Identifier: Apache-2.0
"""TCP's internals on wide screens, compared with what the socket's owner gets from the kernel."""
import ctypes
import fcntl
import os
import re
import socket
import struct
import subprocess
import sys
import termios
import time
import unittest

from terminal import Terminal, support


# The name identifies this process in every pid namespace.
NAME = f"inside{os.getpid()}"
PR_SET_NAME = 15


def setUpModule():
    support.need_root()
    ctypes.CDLL(None).prctl(PR_SET_NAME, NAME.encode())


class Stalled:
    """A connection of this process with itself: one end sends, the other does not read."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.client = socket.socket()
        self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1000)
        self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
        self.client.connect(self.listener.getsockname())
        self.server = self.listener.accept()[0]
        self.client.setblocking(False)
        try:
            while True:
                self.client.send(b"x" * 65536)
        except BlockingIOError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in (self.client, self.server, self.listener):
            each.close()

    def port(self):
        return self.client.getsockname()[1]

    def truth(self):
        """The columns' words."""
        info = self.client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        fields = struct.unpack("8B24I", info)[8:]
        mss, variance, window = fields[2], fields[16], fields[18]
        queue = struct.unpack("i", fcntl.ioctl(self.client, termios.TIOCOUTQ, b"\0" * 4))[0]
        name = self.client.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
        return {"±var": variance / 1000, "CWND": window, "MSS": mss, "SENDQ": queue,
                "CC": name.rstrip(b"\0").decode()}


def number(text):
    factor = {"k": 1e3, "M": 1e6}.get(text[-1], 1)
    return float(text.rstrip("kM")) * factor


# A listener with a full queue; ends when its standard input does.
FULL = """
import socket, subprocess, sys
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
listener = socket.create_server(("127.0.0.1", 0), backlog=1)
clients = [socket.create_connection(listener.getsockname()) for _ in range(2)]
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
"""


class OtherNamespaces(unittest.TestCase):
    def queue(self, terminal, port):
        """The words below RECVQ and SENDQ in the row of the listener."""
        lines = terminal.text().splitlines()
        heading = next((line for line in lines if "RECVQ" in line and "SENDQ" in line), None)
        row = next((line for line in lines if re.search(rf" {port} +\* +LIS ", line)), None)
        return heading and row and [row[:heading.index(name) + len(name)].split()[-1]
                                    for name in ("RECVQ", "SENDQ")]

    def test_a_listener_has_its_queue(self):
        with subprocess.Popen(["unshare", "--net", sys.executable, "-c", FULL], encoding="ascii",
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            port = int(child.stdout.readline())
            with Terminal("--idle", "-i", "0.5", "-p", str(child.pid), columns=160, rows=50) as terminal:
                terminal.wait_for("Procs")
                terminal.type("2l").wait_for(lambda: self.queue(terminal, port) == ["2", "1"])
                terminal.type("q")
                self.assertEqual(terminal.exit_code(), 0)
            child.stdin.close()


class Pane(unittest.TestCase):
    def cells(self, terminal, port):
        """The cells of the connection with that local port below those headings; None: it is not on the
        screen."""
        lines = terminal.text().splitlines()
        for at, heading in enumerate(lines):
            if "±var" not in heading:
                continue
            for row in lines[at + 1:]:
                if re.search(rf" (127\.0\.0\.1:)?{port} +127\.", row):
                    cells = {name: row[:heading.index(name) + len(name)].split()[-1]
                             for name in ("±var", "CWND", "MSS", "SENDQ")}
                    return cells | {"CC": (row[heading.index(" CC"):].split() or [""])[0]}
        return None

    def agree(self, terminal, stalled):
        """The kernel still changes its figures while it sends probes to the closed window."""
        cells, truth = self.cells(terminal, stalled.port()), stalled.truth()
        return (cells is not None and cells["±var"] != "—"
                and (cells["CC"], cells["MSS"], cells["CWND"]) ==
                (truth["CC"], str(truth["MSS"]), str(truth["CWND"]))
                and abs(number(cells["SENDQ"]) / truth["SENDQ"] - 1) < 0.01
                and abs(float(cells["±var"]) - truth["±var"]) < 0.11)

    def test_pane_and_connections_are_what_the_owner_is_told(self):
        for source in ("ebpf", "sock_diag"):
            with self.subTest(source), Stalled() as stalled, \
                    Terminal("--idle", "-i", "0.5", "-c", NAME, "--source", source,
                             columns=160, rows=50) as terminal:
                terminal.wait_for(lambda: self.agree(terminal, stalled))
                self.assertGreater(stalled.truth()["SENDQ"], 10_000)
                self.assertEqual(stalled.truth()["CC"], "reno")
                terminal.type("2l").wait_for("+lo")
                terminal.wait_for(lambda: "NETNS" in terminal.text()
                                  and self.agree(terminal, stalled))
                # The kernel only knows the present figures.
                terminal.type(" ").wait_for("FROZEN")
                self.assertEqual(self.cells(terminal, stalled.port())["CWND"], "—")
                terminal.type("q")
                self.assertEqual(terminal.exit_code(), 0)

    def test_details_say_the_window_and_how_busy_it_was(self):
        with Terminal("--idle", "-i", "0.5", "-c", NAME,
                      columns=120, rows=40) as terminal:
            terminal.wait_for("Procs")
            time.sleep(1)
            # Opened while top runs, so that its age is known.
            with Stalled() as stalled:
                terminal.type(f"2l/sport:{stalled.port()}\r").wait_for("1 of ")
                terminal.type("\r").wait_for("Limit")
                info = stalled.client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 512)
                if len(info) >= 236:
                    window = struct.unpack_from("I", info, 232)[0]
                    shown = re.search(r"rcvwnd (\S+) (k?B)", terminal.text())
                    self.assertIsNotNone(shown, terminal.text())
                    factor = {"B": 1, "kB": 1000}[shown.group(2)]
                    self.assertAlmostEqual(float(shown.group(1)) * factor, window,
                                           delta=window / 100 + 1)
                else:
                    self.assertRegex(terminal.text(), r"rcvspace \d")
                # Its window closed at once and never opened again, so it was busy all the time.
                terminal.wait_for(lambda: any(
                    95 <= int(share) <= 100
                    for share in re.findall(r"busy (\d+)%", terminal.text())))
            terminal.type("q").wait()

    def test_proc_does_not_tell(self):
        with Stalled() as stalled, \
                Terminal("--idle", "-i", "0.5", "-c", NAME, "--source", "procfs",
                         columns=160, rows=50) as terminal:
            terminal.wait_for(lambda: self.cells(terminal, stalled.port()))
            cells = self.cells(terminal, stalled.port())
            for column in ("±var", "CWND", "MSS", "SENDQ", "CC"):
                self.assertEqual(cells[column], "—")
            terminal.type("q").wait()


class Queues(unittest.TestCase):
    """What waits to be read, to be acknowledged, to be accepted."""

    def queues(self, terminal, port, remote, state):
        row = re.search(rf" tcp +{port} {remote} +{state} +(\S+) +(\S+) ", terminal.text())
        return row and row.groups()

    def test_on_a_screen_of_100_columns(self):
        for source in ("ebpf", "sock_diag"):
            with self.subTest(source), Stalled() as stalled, \
                    Terminal("--idle", "-i", "0.5", "-c", NAME, "--source", source,
                             columns=100, rows=30) as terminal:
                port = stalled.listener.getsockname()[1]
                waiting = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
                terminal.wait_for("LIVE").type("2l").wait_for("RECVQ")
                terminal.wait_for(lambda p=port, t=terminal: self.queues(t, p, r"\*", "LIS") ==
                                  ("3", "128"))
                unread = struct.unpack("i", fcntl.ioctl(stalled.server, termios.FIONREAD,
                                                        b"\0" * 4))[0]
                remote = rf"127\.0\.0\.1:{stalled.port()}"
                terminal.wait_for(lambda p=port, t=terminal, r=remote: self.queues(t, p, r, "EST"))
                self.assertAlmostEqual(number(self.queues(terminal, port, remote, "EST")[0]),
                                       unread, delta=unread / 50)
                for each in waiting:
                    each.close()
                terminal.type("q").wait()

    def test_columns_that_were_asked_for(self):
        with Stalled() as stalled, Terminal("--idle", "-i", "0.5", "-c", NAME) as terminal:
            terminal.wait_for("LIVE").type(f"2l/sport:{stalled.port()}\r").wait_for("1 of ")
            self.assertNotIn("CWND", terminal.text())
            terminal.type("C").wait_for("congestion window").type("jjjj \x1b")
            terminal.wait_for(lambda: re.search(r"TX/s +CWND$", terminal.text(), re.M))
            terminal.wait_for(lambda: re.search(
                rf" 127\.0\.0\.1:{stalled.listener.getsockname()[1]} .* {stalled.truth()['CWND']}$",
                terminal.text(), re.M))
            terminal.type("q").wait()


if __name__ == "__main__":
    support.main()
