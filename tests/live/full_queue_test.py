# SPDX-License-Identifier: Apache-2.0
"""A queue discipline that refuses segments: the kernel counts each attempt to send them, sockscope counts
them once."""
import json
import re
import subprocess
import sys
import unittest

from namespaces import Namespaces, command, support

Trace = support.Trace

THERE, PORT = "10.97.0.2", 4711
CONNECTIONS, SIZE = 12, 400_000

# Both ends send SIZE bytes at the same time, read as many, report that, and close when told to.
TALK = """
import select, socket, sys
def talk(sockets):
    size = int(sys.argv[2])
    left = {each: [size, size] for each in sockets}  # to send, to receive
    for each in sockets: each.setblocking(False)
    while left:
        reads, writes, _ = select.select([e for e in left if left[e][1]], [e for e in left if left[e][0]], [])
        for each in reads: left[each][1] -= len(each.recv(min(left[each][1], 65536)))
        for each in writes: left[each][0] -= each.send(bytes(min(left[each][0], 65536)))
        for each in [e for e in left if left[e] == [0, 0]]: del left[each]
    print("done", flush=True)
    sys.stdin.readline()
    for each in sockets: each.close()
"""
SERVER = TALK + """
with socket.create_server(("", int(sys.argv[1]))) as server:
    print("listening", flush=True)
    talk([server.accept()[0] for _ in range(int(sys.argv[3]))])
"""
CLIENT = TALK + """
talk([socket.create_connection((sys.argv[4], int(sys.argv[1]))) for _ in range(int(sys.argv[3]))])
"""


def setUpModule():
    support.need_root()


class FullQueue(unittest.TestCase):
    def setUp(self):
        self.spaces = self.enterContext(Namespaces())
        for space in (self.spaces.here, self.spaces.there):
            command("tc", "-n", space, "qdisc", "add", "dev", "wire", "root", "tbf", "rate",
                    "100mbit", "burst", "10kb", "limit", "20kb")

    def start(self, space, program, *words):
        process = subprocess.Popen(
            ["ip", "netns", "exec", space, sys.executable, "-c", program, str(PORT), str(SIZE),
             str(CONNECTIONS), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            encoding="utf-8")
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def kernels_counts(self, space):
        """bytes_sent - bytes_retrans of each connection, as ss prints them."""
        text = command("ip", "netns", "exec", space, "ss", "-Htin", "state", "established",
                       f"( sport = :{PORT} or dport = :{PORT} )")
        sent, again = (sum(int(n) for n in re.findall(rf"{name}:(\d+)", text))
                       for name in ("bytes_sent", "bytes_retrans"))
        return sent - again

    def flows(self, document):
        return [flow for flow in document["flows"]
                if PORT in (flow["local_port"], flow["remote_port"]) and
                flow["direction"] != "listen" and not flow["closed"]]

    def test_bytes_are_counted_once(self):
        with Trace("-P", str(PORT)) as trace:
            server = self.start(self.spaces.there, SERVER)
            self.assertEqual(server.stdout.readline(), "listening\n")
            client = self.start(self.spaces.here, CLIENT, THERE)
            for process in (server, client):
                self.assertEqual(process.stdout.readline(), "done\n")
            support.wait_for(lambda: "notsent" not in command(
                "ip", "netns", "exec", self.spaces.there, "ss", "-Htin"), "all to be sent")
            # Otherwise this test would show nothing.
            for space in (self.spaces.here, self.spaces.there):
                self.assertGreater(self.kernels_counts(space), CONNECTIONS * SIZE)
            top = support.run("top", "--json", "-i", "0.2", "--count", "3", timeout=support.PATIENCE)
            for line in top.stdout.splitlines():
                # The connection is older than top, so the owner of its SYNs is not known,
                # and they are not counted.
                for flow in self.flows(json.loads(line)):
                    self.assertIn(flow["tx_bytes"], (SIZE, SIZE + 1))
                    self.assertEqual(flow["rx_bytes"], SIZE)
            for process in (client, server):
                process.stdin.write("\n")
                process.stdin.flush()
                process.wait(timeout=support.PATIENCE)
            ended = trace.stop()
        opened = {record["cookie"]: {"connect": "outbound", "accept": "inbound"}[record["event"]]
                  for record in ended.events if record["event"] in ("connect", "accept")}
        closed = ended.of("close")
        self.assertEqual(len(closed), 2 * CONNECTIONS)
        for record in closed:
            self.assertEqual((record["direction"], record["tx_bytes"], record["rx_bytes"]),
                             (opened[record["cookie"]], SIZE, SIZE))


if __name__ == "__main__":
    support.main()
