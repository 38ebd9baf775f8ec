#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The library's example: short, and right about a connection made here."""
import argparse
import pathlib
import select
import socket
import subprocess
import sys
import unittest

parser = argparse.ArgumentParser()
parser.add_argument("--program", required=True)
parser.add_argument("--source", required=True)
options, rest = parser.parse_known_args()

SENT = 12_345


def converse(listener):
    """One connection; returns its client's and server's name as printed. The server closes last."""
    with socket.create_connection(listener.getsockname()) as client:
        names = tuple("%s:%d" % name for name in (client.getsockname(), client.getpeername()))
        server, _ = listener.accept()
        client.sendall(b"x" * SENT)
        client.shutdown(socket.SHUT_WR)
        while server.recv(65536):
            pass
        server.close()
        client.recv(1)
    return names


class Example(unittest.TestCase):
    def test_is_short(self):
        lines = pathlib.Path(options.source).read_text().splitlines()
        self.assertLess(len(lines), 40)

    def test_prints_connections_as_they_close(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            program = subprocess.Popen([options.program], stdout=subprocess.PIPE, text=True)
            try:
                # Until its programs are attached it sees nothing: converse until it does.
                made = []
                while not select.select([program.stdout], [], [], 0.05)[0]:
                    made.append(converse(listener))
                    self.assertLess(len(made), 400, "it never prints anything")
                out, _ = program.communicate(timeout=30)
            finally:
                program.kill()
        self.assertEqual(program.returncode, 0)
        client, server = made[-1]
        self.assertIn(f"python3 {client} -> {server} sent {SENT} received 0", out)
        self.assertIn(f"python3 {server} -> {client} sent 0 received {SENT}", out)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *rest])
