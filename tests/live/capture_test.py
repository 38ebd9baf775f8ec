# SPDX-License-Identifier: Apache-2.0
"""`capture` beside tcpdump on a wire between two hosts: the same filter, the same packets."""
import collections
import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))
import support  # noqa: E402
from namespaces import Namespaces, command  # noqa: E402

THERE = "10.97.0.2"
PORT = 8081
# Only echoes of ICMPv6, because neighbour discovery may happen while only one of the two programs runs.
FILTER = f"tcp port {PORT} or udp or icmp or (icmp6 and (ip6[40] == 128 or ip6[40] == 129))"
# A TCP echo server.
SERVE = ("import socket; s = socket.create_server(('', %d));"
         "c = s.accept()[0]\nwhile d := c.recv(65536): c.sendall(d)" % PORT)
# 300 kB in both directions; small datagrams, large ones in fragments, and some to a port without a listener.
TALK = ("import socket, threading, sys; c = socket.create_connection((sys.argv[1], %d));"
        "t = threading.Thread(target=lambda: (c.sendall(b'x' * 300_000), c.shutdown(1))); t.start()\n"
        "n = 0\nwhile d := c.recv(65536): n += len(d)\n"
        "assert n == 300_000\n"
        "u = socket.socket(type=socket.SOCK_DGRAM)\n"
        "for size in (1, 500, 5000): u.sendto(b'y' * size, (sys.argv[1], 9))" % PORT)


def setUpModule():
    support.need_root()


def packets(path):
    """The link type of a pcap file, and how often each packet is in it."""
    data = pathlib.Path(path).read_bytes()
    (link,) = struct.unpack_from("<I", data, 20)
    found = collections.Counter()
    at = 24
    while at < len(data):
        _, _, size, whole = struct.unpack_from("<4I", data, at)
        found[data[at + 16:at + 16 + size], whole] += 1
        at += 16 + size
    return link, found


class BesideTcpdump(unittest.TestCase):
    def capture(self, spaces, folder, interface):
        """What both programs wrote for the same traffic."""
        inside = ["nsenter", f"--net=/run/netns/{spaces.here}"]
        mine, other = (os.path.join(folder, name) for name in ("mine.pcapng", "tcpdump.pcap"))
        programs = [
            [support.program(), "capture", "--all", "-w", mine, "-i", interface, "--bpf", FILTER],
            ["tcpdump", "-i", interface, "-U", "-Z", "root", "--immediate-mode", "-B", "16384",
             "-w", other, FILTER]]
        running = []
        try:
            for words, ready in zip(programs, ("capturing on", "listening on")):
                running.append(subprocess.Popen([*inside, *words], stderr=subprocess.PIPE,
                                                encoding="utf-8"))
                lines = iter(running[-1].stderr.readline, "")
                self.assertTrue(any(ready in line for line in lines), words)
            with subprocess.Popen(["ip", "netns", "exec", spaces.there, sys.executable, "-c",
                                   SERVE]) as server:
                support.wait_for(lambda: f":{PORT}" in spaces.in_(spaces.there, "ss", "-ltn"),
                                 "the server")
                talker = subprocess.Popen([*inside, sys.executable, "-c", TALK, THERE])
                self.assertEqual(talker.wait(timeout=support.PATIENCE), 0)
                server.wait(timeout=support.PATIENCE)
            spaces.in_(spaces.here, "ping", "-q", "-c", "2", "-i", "0.2", "-s", "3000", THERE)
            spaces.in_(spaces.here, "ping", "-q", "-c", "1", "fd97::2")
            spaces.in_(spaces.here, "ping", "-q", "-c", "1", "127.0.0.1")
            time.sleep(0.5)
        finally:
            said = []
            for process in running:
                process.send_signal(signal.SIGINT)
                said.append(process.communicate(timeout=support.PATIENCE)[1])
        self.assertIn(" 0 dropped", said[0])
        self.assertIn("\n0 packets dropped by kernel", said[1])
        names = command("tshark", "-r", mine, "-T", "fields", "-e", "frame.interface_name",
                        "-e", "ip.dst", "-E", "occurrence=f")
        self.assertEqual({tuple(line.split("\t")) for line in names.splitlines()
                          if line.endswith((THERE, "127.0.0.1"))},
                         {("wire", THERE)} | ({("lo", "127.0.0.1")} if interface == "any" else set()))
        plain = os.path.join(folder, "mine.pcap")
        command("editcap", "-F", "pcap", mine, plain)
        return packets(plain), packets(other)

    def test_the_same_packets(self):
        for interface in ("wire", "any"):
            with self.subTest(interface), Namespaces() as spaces, \
                    tempfile.TemporaryDirectory() as folder:
                (link, mine), (link_of_tcpdump, theirs) = self.capture(spaces, folder,
                                                                       interface)
                self.assertEqual(link, link_of_tcpdump)
                self.assertGreater(sum(theirs.values()), 20)
                self.assertEqual(mine, theirs)


if __name__ == "__main__":
    support.main(__name__)
