# SPDX-License-Identifier: Apache-2.0
"""Where netfilter translates addresses: the owners of packets, and both pairs of ends."""
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))
import support  # noqa: E402
from namespaces import Namespaces, command  # noqa: E402

SERVICE, BACKEND, CLIENT = "10.96.0.1", "10.97.0.2", "10.97.0.1"
# Translates a service address, a published port, and the address for an unconnected UDP socket.
RULES_HERE = """
table ip t {
  chain out {
    type nat hook output priority -100;
    ip daddr 10.96.0.1 tcp dport 443 dnat to 10.97.0.2:6443
    ip daddr 10.96.0.1 udp dport 443 dnat to 10.97.0.2:6443
  }
  chain in {
    type nat hook prerouting priority -100;
    tcp dport 80 redirect to :8080
    udp dport 80 redirect to :8080
  }
}
"""
# Translates the addresses of name servers, to another port and to the same port.
DNS_RULES = """
table inet t {
  chain out {
    type nat hook output priority -100;
    ip daddr 10.96.0.53 udp dport 53 dnat ip to 10.97.0.2:5353
    ip daddr 10.96.0.53 tcp dport 53 dnat ip to 10.97.0.2:5353
    ip6 daddr fd96::53 udp dport 53 dnat ip6 to [fd97::2]:5353
    ip daddr 10.96.0.54 udp dport 53 dnat ip to 10.97.0.2:53
  }
}
"""
# Asks with an unconnected socket, like musl's resolver; what it sends elsewhere must not count as a query.
SENDTO = """
import socket, sys
s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.sendto(b'no query', (sys.argv[1], 9))
query = b'\\x12\\x34\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\1x\\7example\\0\\0\\1\\0\\1'
s.sendto(query, (sys.argv[1], 53))
assert b'\\xc0\\0\\2\\7' in s.recv(600)
s.sendto(query, (sys.argv[1], 9))
"""
# Echoes over TCP and UDP until its input ends.
ECHO = """
import select, socket, sys
t = socket.create_server((sys.argv[1], int(sys.argv[2])))
u = socket.socket(type=socket.SOCK_DGRAM)
u.bind((sys.argv[1], int(sys.argv[2])))
print('up', flush=True)
while True:
    ready = select.select([t, u, sys.stdin], [], [])[0]
    if sys.stdin in ready:
        break
    if t in ready:
        c = t.accept()[0]
        while d := c.recv(65536):
            c.sendall(d)
        c.close()
    if u in ready:
        u.sendto(*u.recvfrom(65536))
"""
# Asks over TCP and with an unconnected UDP socket.
ASK = """
import socket, sys
to = (sys.argv[1], int(sys.argv[2]))
c = socket.create_connection(to, timeout=5)
c.sendall(b'q' * 100)
c.shutdown(1)
n = 0
while d := c.recv(65536):
    n += len(d)
assert n == 100, n
u = socket.socket(type=socket.SOCK_DGRAM)
u.settimeout(5)
u.sendto(b'd' * 40, to)
assert len(u.recv(100)) == 40
print('asked', flush=True)
sys.stdin.read()
"""


def setUpModule():
    support.need_root()


class Spaces(unittest.TestCase):
    """Two hosts, on one of which addresses are translated."""
    RULES = RULES_HERE

    def setUp(self):
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)
        self.spaces = self.stack.enter_context(Namespaces())
        self.folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.spaces.in_(self.spaces.here, "nft", "-f", "-", input=self.RULES)
        self.spaces.in_(self.spaces.here, "ip", "route", "add", "10.96.0.0/16", "dev", "wire")
        self.spaces.in_(self.spaces.here, "ip", "-6", "route", "add", "fd96::/64", "dev", "wire")

    def start(self, space, *words, **options):
        process = subprocess.Popen(["nsenter", f"--net=/run/netns/{space}", *words], encoding="utf-8",
                                   stdin=subprocess.PIPE, **options)
        for file in (process.stdin, process.stdout, process.stderr):
            if file:
                self.stack.callback(file.close)
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)
        return process


class Translated(Spaces):
    def echo(self, space, address, port):
        process = self.start(space, sys.executable, "-c", ECHO, address, str(port), stdout=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), "up\n")
        return process

    def ask(self, space, address, port):
        """A program that has asked, and then waits."""
        process = self.start(space, sys.executable, "-c", ASK, address, str(port), stdout=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), "asked\n")
        return process

    def capture(self, *words):
        path = os.path.join(self.folder, f"{len(os.listdir(self.folder))}.pcapng")
        process = self.start(self.spaces.here, support.program(), "capture", "-i", "wire", "-w", path,
                             *words, stderr=subprocess.PIPE)
        self.assertIn("capturing on", process.stderr.readline())
        return process, path

    def packets(self, process, path):
        """Protocol, length and comment of each TCP and UDP packet."""
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=support.PATIENCE), 0)
        lines = command("tshark", "-r", path, "-Y", "ip and (tcp or udp)", "-T", "fields", "-e",
                        "ip.proto", "-e", "ip.len", "-e", "frame.comment").splitlines()
        return [line.split("\t") for line in lines]

    def check_capture(self, server_space, server_at, asker_space, asked_at, ours):
        server = self.echo(server_space, *server_at)
        every = self.capture("--all")
        asker = self.ask(asker_space, *asked_at)
        pid = {"server": server.pid, "asker": asker.pid}[ours]
        packets = self.packets(*every)
        self.assertGreaterEqual(len(packets), 10)
        self.assertEqual({proto for proto, _, _ in packets}, {"6", "17"})
        self.assertEqual([p for p in packets if f"pid={pid} " not in p[2]], [])

    def test_packets_to_a_service_address_are_the_clients(self):
        self.check_capture(self.spaces.there, (BACKEND, 6443), self.spaces.here, (SERVICE, 443), "asker")

    def test_packets_to_a_published_port_are_the_servers(self):
        self.check_capture(self.spaces.here, ("0.0.0.0", 8080), self.spaces.there, (CLIENT, 80), "server")

    def test_a_chosen_process_has_its_packets(self):
        self.echo(self.spaces.there, BACKEND, 6443)
        every, named = self.capture("--all"), self.capture("-c", "nat_client")
        script = os.path.join(self.folder, "nat_client")
        os.symlink(sys.executable, script)
        asker = self.start(self.spaces.here, script, "-c", ASK, SERVICE, "443", stdout=subprocess.PIPE)
        self.assertEqual(asker.stdout.readline(), "asked\n")
        all_packets, its = self.packets(*every), self.packets(*named)
        self.assertGreaterEqual(len(its), 10)
        self.assertEqual([p[:2] for p in its], [p[:2] for p in all_packets])

    def test_a_capture_that_begins_later_knows_it_too(self):
        self.echo(self.spaces.there, BACKEND, 6443)
        asker = self.start(self.spaces.here, sys.executable, "-c",
                           "import socket, sys\n"
                           "c = socket.create_connection((sys.argv[1], 443), timeout=5)\n"
                           "print('connected', flush=True)\n"
                           "sys.stdin.readline()\n"
                           "c.sendall(b'q'); c.recv(1); print('done', flush=True); sys.stdin.readline()",
                           SERVICE, stdout=subprocess.PIPE)
        self.assertEqual(asker.stdout.readline(), "connected\n")
        capture = self.capture("-p", str(asker.pid))
        asker.stdin.write("\n")
        asker.stdin.flush()
        self.assertEqual(asker.stdout.readline(), "done\n")
        self.assertGreaterEqual(len(self.packets(*capture)), 3)

    def ends(self, flow):
        return {f"{kind}{side}": (flow[f"{kind}{side}_addr"], flow[f"{kind}{side}_port"])
                for side in ("local", "remote") for kind in ("", "nat_")}

    def of_kind(self, lines, kind, pid):
        return [line for line in lines if line["event"] == kind and line["pid"] == pid and "nat_local_addr" in line]

    def test_events_and_snapshots_have_both(self):
        self.echo(self.spaces.there, BACKEND, 6443)
        server = self.echo(self.spaces.here, "0.0.0.0", 8080)
        trace = self.start(self.spaces.here, support.program(), "trace", "--json", "--nat", stdout=subprocess.PIPE)
        trace.stdout.readline()
        out = self.ask(self.spaces.here, SERVICE, 443)
        self.ask(self.spaces.there, CLIENT, 80)
        time.sleep(0.5)
        snapshot = json.loads(self.spaces.in_(self.spaces.here, support.program(), "snapshot",
                                              "--json", "--nat"))
        trace.send_signal(signal.SIGINT)
        lines = support.json_lines(trace.stdout.read())
        for kind in ("connect", "close"):
            with self.subTest(kind):
                (event,) = self.of_kind(lines, kind, out.pid)
                ends = self.ends(event)
                self.assertEqual(ends["remote"], (SERVICE, 443))
                self.assertEqual(ends["nat_remote"], (BACKEND, 6443))
                self.assertEqual(ends["nat_local"], ends["local"])
        for kind in ("accept", "close"):
            with self.subTest(kind, side="server"):
                (event,) = self.of_kind(lines, kind, server.pid)
                ends = self.ends(event)
                self.assertEqual(ends["local"], (CLIENT, 8080))
                self.assertEqual(ends["nat_local"], (CLIENT, 80))
                self.assertEqual(ends["nat_remote"], ends["remote"])
        # Only translated connections have these members, and none of another network namespace.
        here = os.stat(f"/run/netns/{self.spaces.here}").st_ino
        for flow in snapshot["flows"]:
            if "nat_local_addr" in flow:
                self.assertEqual(flow["netns"], here)

    def test_tables_have_the_column(self):
        self.echo(self.spaces.there, BACKEND, 6443)
        trace = self.start(self.spaces.here, support.program(), "trace", "--nat", "-q", stdout=subprocess.PIPE)
        self.assertIn(" NAT ", trace.stdout.readline())
        self.ask(self.spaces.here, SERVICE, 443)
        time.sleep(0.5)
        trace.send_signal(signal.SIGINT)
        tables = {"trace": trace.stdout.read()}
        for words in (("snapshot",), ("top", "--once", "-i", "0.2", "--idle", "-P", "443")):
            tables[words[0]] = self.spaces.in_(self.spaces.here, support.program(), *words, "--nat", "-q")
        for command_, table in tables.items():
            with self.subTest(command_):
                lines = [line for line in table.split("\n") if f"{SERVICE}:443" in line]
                self.assertTrue(lines, table)
                for line in lines:
                    self.assertIn(f"→{BACKEND}:6443", line)

    def test_without_nat_nothing_is_said(self):
        self.echo(self.spaces.there, BACKEND, 6443)
        self.ask(self.spaces.here, SERVICE, 443)
        snapshot = self.spaces.in_(self.spaces.here, support.program(), "snapshot", "--json")
        self.assertNotIn("nat_local_addr", snapshot)

    def test_doctor_names_the_door(self):
        document = json.loads(subprocess.run([support.program(), "doctor", "--json"], check=False,
                                             stdout=subprocess.PIPE).stdout)
        (one,) = [o for o in document["observations"] if o["observation"] == "translated addresses"]
        self.assertEqual(one["door"], "conntrack")


class TranslatedDns(Spaces):
    """A name server at another port than the one that its clients ask, like Docker's."""
    RULES = DNS_RULES

    def setUp(self):
        super().setUp()
        for port in (53, 5353):
            self.start(self.spaces.there, "dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts",
                       "--conf-file=/dev/null", "--pid-file=", "--user=root", f"--port={port}",
                       "--address=/x.example/192.0.2.7", stderr=subprocess.DEVNULL)
            support.wait_for(lambda port=port: f":{port} " in self.spaces.in_(self.spaces.there, "ss", "-Hltn"),
                             "dnsmasq")

    def exchange(self, server, *words, asked_for=()):
        """The records for the messages of a program that asks for x.example."""
        trace = self.start(self.spaces.here, support.program(), "trace", "--json", "--dns", *asked_for,
                           stdout=subprocess.PIPE)
        trace.stdout.readline()
        asker = self.start(self.spaces.here, *words, stdout=subprocess.PIPE)
        self.assertEqual(asker.wait(timeout=support.PATIENCE), 0)
        time.sleep(0.3)
        trace.send_signal(signal.SIGINT)
        lines = support.json_lines(trace.stdout.read())
        messages = [line for line in lines if line["event"] == "dns" and line["pid"] == asker.pid]
        self.assertEqual([(m["dns"], m["passed"], m["name"]) for m in messages],
                         [("query", "sent", "x.example"), ("answer", "received", "x.example")])
        for message in messages:
            self.assertEqual((message["remote_addr"], message["remote_port"]), (server, 53))
        self.assertEqual(messages[0]["local_port"], messages[1]["local_port"])
        self.assertIsNotNone(messages[1]["latency_us"])

    def test_of_connected_sockets(self):
        for server in ("10.96.0.53", "fd96::53", "10.96.0.54"):
            with self.subTest(server):
                self.exchange(server, "dig", "+tries=1", "+time=5", "+noedns", f"@{server}", "x.example", "A")

    def test_of_sockets_that_are_not_connected(self):
        for server in ("10.96.0.53", "fd96::53", "10.96.0.54"):
            with self.subTest(server):
                self.exchange(server, sys.executable, "-c", SENDTO, server, asked_for=("--nat",))

    def test_over_tcp(self):
        self.exchange("10.96.0.53", "dig", "+tcp", "+tries=1", "+time=5", "@10.96.0.53", "x.example", "A")


if __name__ == "__main__":
    support.main(__name__)
