# SPDX-License-Identifier: Apache-2.0
"""Addresses that mean something on one link only are shown with the link: what the processes that use
them see as the scope of their sockets, by name here and by number in other network namespaces.

In two network namespaces of our own, with two wires between them.
"""
import json
import re
import subprocess
import sys
import unittest

from namespaces import Namespaces, command, support

NEAR, FAR = "fe80::97:1", "fe80::97:2"
# Listens at the far end and prints its port; accepts as many connections as it is told to, and prints the
# scopes that it sees for both ends of each; ends when told to.
SERVER = """
import socket, sys
listener = socket.create_server(("::", 0), family=socket.AF_INET6)
print(listener.getsockname()[1], flush=True)
kept = []
for _ in range(int(sys.argv[1])):
    kept.append(listener.accept()[0])
    print(*(end[3] for end in (kept[-1].getsockname(), kept[-1].getpeername())), flush=True)
sys.stdin.readline()
"""
# Connects over each interface that is named; prints the cookie and the scope; ends when told to.
CLIENT = f"""
import socket, struct, sys
port, words = int(sys.argv[1]), sys.argv[2:]
kept = []
for name in words:
    kept.append(socket.create_connection(("{FAR}%" + name, port)))
    cookie = struct.unpack("Q", kept[-1].getsockopt(socket.SOL_SOCKET, {support.SO_COOKIE}, 8))[0]
    print(cookie, kept[-1].getpeername()[3], flush=True)
sys.stdin.readline()
"""
# Sends datagrams over each interface from one unconnected socket; ends when told to.
SENDER = f"""
import socket, sys
sender = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
for word in sys.argv[1:]:
    address, count = word.split(",")
    for _ in range(int(count)):
        sender.sendto(b"x" * 100, socket.getaddrinfo(address, 5353, socket.AF_INET6,
                                                     socket.SOCK_DGRAM)[0][4])
print(sender.getsockname()[1], flush=True)
sys.stdin.readline()
"""


def setUpModule():
    support.need_root()


def scope(text):
    return re.fullmatch(r"[0-9a-f:]+%(\S+)", text)[1]


class Zones(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.spaces = cls.enterClassContext(Namespaces())
        spaces = cls.spaces
        command("ip", "link", "add", "cable", "netns", spaces.here, "type", "veth", "peer", "name",
                "cable", "index", "97", "netns", spaces.there)
        for wire in ("wire", "cable"):
            for name, address in ((spaces.here, NEAR), (spaces.there, FAR)):
                # With two addresses, the kernel would choose which one is used.
                spaces.in_(name, "ip", "link", "set", wire, "addrgenmode", "none", "up")
                spaces.in_(name, "ip", "-6", "addr", "flush", "dev", wire, "scope", "link")
                spaces.in_(name, "ip", "-6", "addr", "add", f"{address}/64", "dev", wire, "nodad")
        cls.near = cls.numbers(spaces.here)
        cls.far = cls.numbers(spaces.there)

    @classmethod
    def numbers(cls, space):
        links = json.loads(cls.spaces.in_(space, "ip", "-json", "link"))
        return {link["ifname"]: link["ifindex"] for link in links}

    def start(self, space, program, *words):
        started = subprocess.Popen(["ip", "netns", "exec", space, sys.executable, "-c", program,
                                    *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   encoding="ascii", bufsize=1)
        for file in (started.stdin, started.stdout):
            self.addCleanup(file.close)
        self.addCleanup(started.wait)
        self.addCleanup(started.kill)
        return started

    @staticmethod
    def inside(space):
        return ["nsenter", f"--net=/run/netns/{space}"]

    def sockscope(self, *words, space=None):
        return subprocess.run([*self.inside(space or self.spaces.here), support.program(), *words],
                              check=True,
                              stdout=subprocess.PIPE, encoding="utf-8",
                              timeout=support.PATIENCE).stdout

    def connect(self, *names):
        """Both processes and the server's port; for each connection its cookie, its interface and the far
        end's number."""
        server = self.start(self.spaces.there, SERVER, str(len(names)))
        port = int(server.stdout.readline())
        client = self.start(self.spaces.here, CLIENT, str(port), *names)
        ends = []
        for name in names:
            cookie, near = map(int, client.stdout.readline().split())
            far, far_peer = map(int, server.stdout.readline().split())
            self.assertEqual((near, far, far_peer),
                             (self.near[name], self.far[name], self.far[name]))
            ends.append((cookie, name, far))
        return (client, server), port, ends

    def test_events_have_them(self):
        with support.Trace(prefix=self.inside(self.spaces.here)) as trace:
            processes, port, ends = self.connect("wire", "cable")
            for process in processes:
                process.stdin.close()
                process.wait(timeout=support.PATIENCE)
            wanted = {(event, end) for _, name, far in ends
                      for event, end in (("connect", name), ("accept", str(far)), ("close", name),
                                         ("close", str(far)))}
            told = set()

            def are_told():
                for event in trace.so_far():
                    if port not in (event.get("local_port"), event.get("remote_port")):
                        continue
                    is_near = event["remote_port"] == port
                    self.assertEqual([event[end].split("%")[0] for end in ("local_addr", "remote_addr")],
                                     [NEAR, FAR] if is_near else [FAR, NEAR])
                    self.assertEqual(scope(event["local_addr"]), scope(event["remote_addr"]))
                    told.add((event["event"], scope(event["remote_addr"])))
                return wanted <= told

            support.wait_for(are_told, "both ends' events")
            self.assertEqual(told, wanted)

    def test_snapshots_have_them(self):
        _, port, ends = self.connect("wire", "cable")
        for source in ("ebpf", "sock_diag"):
            flows = json.loads(self.sockscope("snapshot", "--json", "--source", source))["flows"]
            by_cookie = {flow["cookie"]: flow for flow in flows}
            for cookie, name, _ in ends:
                flow = by_cookie[cookie]
                self.assertEqual((source, flow["remote_addr"], flow["local_addr"]),
                                 (source, f"{FAR}%{name}", f"{NEAR}%{name}"))
        far = json.loads(self.sockscope("snapshot", "--json", space=self.spaces.there))["flows"]
        self.assertEqual({flow["remote_addr"] for flow in far if flow["local_port"] == port and
                          flow["remote_addr"]}, {f"{NEAR}%wire", f"{NEAR}%cable"})
        text = self.sockscope("snapshot", "-w", "--filter", f"dst:{FAR}%cable")
        self.assertIn(f"[{FAR}%cable]:{port}", text)
        self.assertNotIn("%wire", text)

    def test_remote_ends_of_udp_sockets_have_them(self):
        """The same address on two links is two remote ends."""
        top = subprocess.Popen([*self.inside(self.spaces.here), support.program(), "top",
                                "--udp-peers", "--json", "-i", "0.3"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, encoding="utf-8")
        self.addCleanup(top.stdout.close)
        self.addCleanup(top.wait)
        self.addCleanup(top.kill)
        top.stdout.readline()
        sent = {f"{FAR}%wire": 1, f"{FAR}%cable": 2, "ff02::fb%wire": 3, "fd97::2": 4}
        sender = self.start(self.spaces.here, SENDER, *(f"{to},{n}" for to, n in sent.items()))
        port = int(sender.stdout.readline())
        expected = {to: 100 * n for to, n in sent.items()}
        for _ in range(20):  # events that were already on their way may be older
            flows = json.loads(top.stdout.readline())["flows"]
            peers = {flow["remote_addr"]: flow["tx_bytes"] for flow in flows
                     if flow["local_port"] == port and "peer_of" in flow}
            if peers == expected:
                break
        self.assertEqual(peers, expected)


if __name__ == "__main__":
    support.main()
