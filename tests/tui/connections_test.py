# SPDX-License-Identifier: Apache-2.0
"""Rows of connections, compared with those of this program and its child."""
import re
import socket
import subprocess
import sys
import unittest

from terminal import Terminal, support


def setUpModule():
    support.need_root()


class Connection:
    """A connection of this process with itself."""

    def __init__(self, listener):
        self.client = socket.create_connection(listener.getsockname())
        self.server = listener.accept()[0]
        self.port = self.client.getsockname()[1]

    def close(self):
        self.client.close()
        self.server.close()


class Frozen(unittest.TestCase):
    def marks(self, terminal):
        """(local port, mark) of the rows, from top to bottom."""
        return [(int(match[2]), match[1]) for match in re.finditer(
            r"^([ ▌+†])\S+ +tcp +(\d+) 127\.0\.0\.1:\d+ ", terminal.text(), re.MULTILINE)]

    def test_what_is_opened_stands_below_and_stays(self):
        for source in ("ebpf", "sock_diag"):
            with self.subTest(source), socket.create_server(("127.0.0.1", 0)) as listener, \
                    Terminal("-i", "0.2", "--source", source) as terminal:
                old = Connection(listener)
                served = listener.getsockname()[1]
                terminal.wait_for("LIVE").type(f"2l/dport:{served}\r")
                terminal.wait_for(lambda: [port for port, _ in self.marks(terminal)] == [old.port])
                terminal.type(" ").wait_for("FROZEN")
                new = [Connection(listener) for _ in range(3)]
                ports = [old.port] + [each.port for each in new]
                terminal.wait_for("+3 opened since freeze")
                rows = self.marks(terminal)
                # Within one poll the order is not known.
                if source == "ebpf":
                    self.assertEqual([port for port, _ in rows], ports)
                self.assertEqual({port: mark for port, mark in rows[1:]},
                                 {port: "+" for port in ports[1:]})
                order = [port for port, _ in rows]
                new[0].close()
                old.close()
                terminal.wait_for(lambda: (new[0].port, "†") in self.marks(terminal))
                self.assertEqual([port for port, _ in self.marks(terminal)], order)
                self.assertNotEqual(self.marks(terminal)[0][1], "†")  # a frozen screen shows it as it was
                # pyte does not support the sequence that moves several rows at once.
                terminal.type(" ").wait_for("LIVE").type("\x0c")
                terminal.wait_for(lambda: "opened since" not in terminal.text()
                                  and {port for port, _ in self.marks(terminal)} == set(ports[2:]))
                for each in new[1:]:
                    each.close()
                terminal.type("q")
                self.assertEqual(terminal.exit_code(), 0)


class OtherEnd(unittest.TestCase):
    def test_is_the_process_that_has_it(self):
        # By name, because the pids are the host's, even if this test runs in another namespace.
        talk = ("import socket, sys; open('/proc/self/comm', 'w').write('other-end'); s = socket.create_connection(('127.0.0.1', int(sys.argv[1])));"
                "print('up', flush=True); sys.stdin.read()")
        with socket.create_server(("127.0.0.1", 0)) as listener, \
                subprocess.Popen([sys.executable, "-c", talk, str(listener.getsockname()[1])],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            server, (_, port) = listener.accept()
            child.stdout.readline()
            with server, Terminal("-i", "0.5", "--idle", columns=160, rows=50) as terminal:
                terminal.wait_for("LIVE").type(f"/sport:{listener.getsockname()[1]}\r")
                terminal.wait_for(lambda: re.search(rf"127\.0\.0\.1:{port}  \(other-end \d+\)",
                                                    terminal.text()))
                terminal.type("2").wait_for("2 all)")
                self.assertIn(f"127.0.0.1:{port}", terminal.text())
                terminal.type("\x1b").wait_for("Connections of")
                terminal.type("q")
                self.assertEqual(terminal.exit_code(), 0)
            child.stdin.close()


if __name__ == "__main__":
    support.main()
