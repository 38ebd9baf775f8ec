# SPDX-License-Identifier: Apache-2.0
"""MPTCP: its TCP sockets are made by the kernel, but have an owner all the same."""
import json
import os
import socket
import subprocess
import sys
import unittest

from namespaces import Namespaces, support

IPPROTO_MPTCP = 262
# Listens with MPTCP, connects to itself with MPTCP, prints both ports, and echoes all data of clients.
PROGRAM = f"""
import socket, sys
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, {IPPROTO_MPTCP})
listener.bind(("127.0.0.1", 0)); listener.listen()
client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, {IPPROTO_MPTCP})
client.connect(listener.getsockname()); accepted = listener.accept()[0]
client.send(b"x" * 1000); accepted.recv(1000, socket.MSG_WAITALL)
print(listener.getsockname()[1], client.getsockname()[1], flush=True)
while True:
    other = listener.accept()[0]
    while (data := other.recv(1000)): other.send(data)
    other.close()
"""


def setUpModule():
    support.need_root()
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP).close()
    except OSError as error:
        raise unittest.SkipTest(f"the kernel has no MPTCP: {error}")


class Mptcp(unittest.TestCase):
    def start(self, *inside):
        """The program, its listener's port and that of its client, older than any sockscope."""
        program = subprocess.Popen([*inside, sys.executable, "-c", PROGRAM],
                                   stdout=subprocess.PIPE, encoding="ascii")
        self.addCleanup(program.stdout.close)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        listener, client = map(int, program.stdout.readline().split())
        return program, listener, client

    def flows(self, program):
        """Only in its network namespace, because another one may have the same ports."""
        space = os.stat(f"/proc/{program.pid}/ns/net").st_ino
        shown = json.loads(subprocess.run([support.program(), "snapshot", "--json"], check=True,
                                          stdout=subprocess.PIPE).stdout)
        return {(flow["local_port"], flow["remote_port"]): flow for flow in shown["flows"]
                if flow["proto"] == "tcp" and flow["netns"] == space}

    def check(self, program, listener, client):
        flows = self.flows(program)
        for ends in ((listener, None), (listener, client), (client, listener)):
            flow = flows[ends]
            self.assertEqual((ends, flow["pid"], flow["owner"]), (ends, program.pid, "bootstrap"))
        self.assertEqual(flows[listener, client]["rx_bytes"], flows[client, listener]["tx_bytes"])

    def test_older_than_us(self):
        self.check(*self.start())

    def test_in_another_network_namespace(self):
        with Namespaces() as spaces:
            self.check(*self.start("ip", "netns", "exec", spaces.here))
            self.doCleanups()

    def test_whoever_comes_to_an_older_listener(self):
        """With a client of plain TCP, accept returns a plain TCP socket."""
        program, port, _ = self.start()
        with support.Trace("--port", str(port)) as trace:
            with socket.create_connection(("127.0.0.1", port)) as other:
                other.sendall(b"hello")
                self.assertEqual(other.recv(5, socket.MSG_WAITALL), b"hello")
                there = other.getsockname()[1]
            close = trace.wait_for_event(
                lambda event: event["event"] == "close" and event["remote_port"] == there, "a close")
            accept = next(event for event in trace.so_far()
                          if event["event"] == "accept" and event["remote_port"] == there)
        self.assertEqual((accept["pid"], accept["direction"]), (program.pid, "inbound"))
        self.assertEqual((close["pid"], close["owner"]), (program.pid, "exact"))
        self.assertEqual((close["rx_bytes"], close["tx_bytes"]), (5, 5))


if __name__ == "__main__":
    support.main()
