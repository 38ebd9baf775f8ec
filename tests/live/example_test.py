#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The library's example: it is short, and reports a connection of this test correctly."""
import argparse
import os
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
        """Connections of other processes are printed, too, with any names."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            program = subprocess.Popen([options.program], stdout=subprocess.PIPE)
            out = b""
            try:
                # It sees nothing before its programs are attached, so make connections until it sees one.
                for _ in range(400):
                    client, server = converse(listener)
                    if select.select([program.stdout], [], [], 0.05)[0]:
                        out += os.read(program.stdout.fileno(), 1 << 16)
                    if server.encode() in out:
                        break
                else:
                    self.fail("it never prints anything")
                client, server = converse(listener)
                out += program.communicate(timeout=30)[0]
            finally:
                program.kill()
        self.assertEqual(program.returncode, 0)
        text = out.decode(errors="replace")
        self.assertIn(f"python3 {client} -> {server} sent {SENT} received 0", text)
        self.assertIn(f"python3 {server} -> {client} sent 0 received {SENT}", text)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *rest])
