# SPDX-License-Identifier: Apache-2.0
"""View 5 of `top` in a network namespace of its own: figures against `ip` and the sender, and that
nobody is asked for echoes before the view is shown."""
import json
import os
import re
import subprocess
import tempfile
import unittest

from terminal import Terminal, support

SENDER = """
import socket, sys, time
s = socket.create_connection(("192.0.2.1", 9))
for _ in range(100):
    s.sendall(b"x" * 100_000)
    time.sleep(0.1)
"""
SINK = """
import socket
s = socket.create_server(("192.0.2.1", 9))
print(flush=True)
c = s.accept()[0]
while c.recv(1 << 20): pass
"""


def ip(*words):
    return subprocess.run(["ip", *words], check=True, capture_output=True, encoding="utf-8").stdout


class Network:
    """Two namespaces and a cable; the first one's gateway is the second."""

    def __init__(self):
        self.here, self.there = (f"sockscope-{which}-{os.getpid()}" for which in "ab")

    def __enter__(self):
        for name in (self.here, self.there):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", self.here, "link", "add", "cable0", "type", "veth", "peer", "name", "cable1", "netns",
           self.there)
        for name, link, address in ((self.here, "cable0", "192.0.2.2/24"),
                                    (self.there, "cable1", "192.0.2.1/24")):
            ip("-n", name, "address", "add", address, "dev", link)
            ip("-n", name, "link", "set", link, "up")
        ip("-n", self.here, "route", "add", "default", "via", "192.0.2.1")
        return self

    def __exit__(self, *_):
        for name in (self.here, self.there):
            ip("netns", "delete", name)

    def inside(self, name=None):
        return ("ip", "netns", "exec", name or self.here)

    def echo_requests(self):
        """The number that this namespace has sent since it was made."""
        text = subprocess.run([*self.inside(), "cat", "/proc/net/snmp"], check=True,
                              capture_output=True, encoding="ascii").stdout
        names, values = re.findall(r"(?m)^Icmp: (.*)$", text)
        return int(dict(zip(names.split(), values.split()))["OutEchos"])

    def segments(self):
        """The segments that this namespace has sent since it was made, and how many of them were sent
        again."""
        text = subprocess.run([*self.inside(), "cat", "/proc/net/snmp"], check=True,
                              capture_output=True, encoding="ascii").stdout
        names, values = re.findall(r"(?m)^Tcp: (.*)$", text)
        tcp = dict(zip(names.split(), map(int, values.split())))
        return tcp["OutSegs"] + tcp["RetransSegs"], tcp["RetransSegs"]

    def counters(self, link):
        stats = json.loads(ip("-n", self.here, "-s", "-j", "link", "show", link))[0]["stats64"]
        return {f"{way}_{what}": stats[way][what] for way in ("rx", "tx")
                for what in ("bytes", "packets")}


class Host(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        support.need_root()
        cls.network = Network()
        cls.network.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.network.__exit__()

    def top(self, *words, **options):
        return Terminal("-i", "0.5", *words, prefix=self.network.inside(), **options)

    def test_echo_requests_while_the_view_is_shown(self):
        """A wide screen shows interfaces at once, and still sends no echo request."""
        before = self.network.echo_requests()
        with self.top("--probe", columns=160, rows=50) as terminal:
            terminal.wait_for("cable0").read(1.5)
            self.assertEqual(self.network.echo_requests(), before)
            terminal.type("5").wait_for(lambda: re.search(r"192\.0\.2\.1 +\d+\.\d\d ms +loss 0 %",
                                                          terminal.text()))
            self.assertGreater(self.network.echo_requests(), before)
            self.assertIn("sends 3 echoes/s to each", terminal.text())
            terminal.type("1").wait_for("COMMAND").read(1.5)
            left = self.network.echo_requests()
            terminal.read(1.5)
            self.assertEqual(self.network.echo_requests(), left)
            terminal.type("q")
            self.assertEqual(terminal.exit_code(), 0)

    def test_nothing_is_sent_unasked(self):
        before = self.network.echo_requests()
        with self.top() as terminal:
            terminal.wait_for("LIVE").type("5").wait_for("not asked for").read(1.5)
            self.assertIn("sends nothing", terminal.text())
            self.assertEqual(self.network.echo_requests(), before)
            terminal.type("q").wait()

    def test_gateway_that_is_gone(self):
        with self.top("--probe") as terminal:
            terminal.wait_for("LIVE").type("5").wait_for("loss 0 %")
            ip("-n", self.network.there, "link", "set", "cable1", "down")
            try:
                terminal.wait_for(lambda: re.search(r"192\.0\.2\.1 +no answer +loss 100 %",
                                                    terminal.text()))
                terminal.wait_for(lambda: re.search(r"cable0 +down", terminal.text()))
            finally:
                ip("-n", self.network.there, "link", "set", "cable1", "up")
            terminal.type("q").wait()

    def test_interfaces_that_come_and_go(self):
        with self.top() as terminal:
            terminal.wait_for("LIVE").type("5").wait_for("cable0")
            ip("-n", self.network.here, "link", "add", "new0", "type", "veth", "peer",
               "name", "new1")
            terminal.wait_for("new0")
            ip("-n", self.network.here, "link", "delete", "new0")
            terminal.wait_for(lambda: "new0" not in terminal.text()).type("q").wait()

    def test_share_of_retransmits_is_the_kernels(self):
        """One packet of fifteen is lost on the way, then none. Of the sender's namespace alone: others send
        too, and lose less."""
        def nft(*words):
            subprocess.run([*self.network.inside(self.network.there), "nft", *words], check=True)

        def share(terminal):
            found = re.search(r" retr (\d+\.\d)%(!?)$", terminal.text(), re.M)
            return (float(found[1]), found[2]) if found else None

        with subprocess.Popen([*self.network.inside(self.network.there), "python3", "-c", SINK],
                              stdout=subprocess.PIPE) as sink:
            sink.stdout.readline()
            nft("add table inet lossy; add chain inet lossy way { type filter hook input priority 0; };"
                "add rule inet lossy way tcp dport 9 numgen inc mod 15 10 drop")
            try:
                with subprocess.Popen([*self.network.inside(), "python3", "-c", SENDER]) as sender, \
                        self.top("--netns", f"/run/netns/{self.network.here}",
                             columns=120) as terminal:
                    terminal.wait_for(lambda: (share(terminal) or (0,))[0] > 0)
                    seen = [share(terminal)]
                    before = self.network.segments()
                    for _ in range(12):
                        terminal.read(0.5)
                        seen.append(share(terminal))
                    after = self.network.segments()
                    sent, again = (now - then for now, then in zip(after, before))
                    self.assertGreater(again, 0)
                    # The overall share lies between the smallest and the largest share of an interval.
                    values = [value for value, _ in seen]
                    self.assertTrue(min(values) - 0.1 <= 100 * again / sent <= max(values) + 0.1,
                                    (seen, again, sent))
                    for value, sign in seen:
                        self.assertEqual(sign == "!", value > 1.0)
                    nft("delete table inet lossy")
                    terminal.wait_for(lambda: share(terminal) == (0.0, ""))
                    sender.kill()
                    terminal.type("q").wait()
            finally:
                subprocess.run([*self.network.inside(self.network.there), "nft", "delete", "table",
                                "inet", "lossy"], check=False, stderr=subprocess.DEVNULL)

    def test_figures_are_those_of_ip_and_of_the_sender(self):
        with subprocess.Popen([*self.network.inside(self.network.there), "python3", "-c", SINK],
                              stdout=subprocess.PIPE) as sink:
            sink.stdout.readline()
            with subprocess.Popen([*self.network.inside(), "python3", "-c", SENDER]) as sender, \
                    tempfile.TemporaryDirectory() as folder, self.top() as terminal:
                path = os.path.join(folder, "host.json")
                terminal.wait_for("LIVE").type("5")
                # 8 Mb/s plus the headers, or less on a slow machine.
                terminal.wait_for(lambda: re.search(r"of processes +\d+ +[5-9]\.\dM", terminal.text()))
                terminal.wait_for(lambda: re.search(r"cable0 +up +\S+ +\S+ +[5-9]\.\dM", terminal.text()))
                before = self.network.counters("cable0")
                terminal.read(1.2)
                terminal.type("w\x15" + path + "\r").wait_for("written: ")
                after = self.network.counters("cable0")
                terminal.type("q").wait()
                sender.kill()
                with open(path, encoding="utf-8") as file:
                    text = file.read()
        support.check_schema("host", text)
        document = json.loads(text)
        cable = next(i for i in document["interfaces"] if i["name"] == "cable0")
        for name, least in before.items():
            self.assertTrue(least <= cable[name] <= after[name], (name, least, cable, after))
        self.assertGreaterEqual(len(cable["tx_history"]), 2)
        sums = document["bytes"]
        self.assertEqual(sums["interfaces"], ["cable0"])
        # Only the headers of a few segments are unexplained.
        headers = sums["unexplained_tx_bytes"]
        self.assertEqual(headers, sums["interface_tx_bytes"] - sums["process_tx_bytes"])
        self.assertLess(abs(headers), sums["process_tx_bytes"])


if __name__ == "__main__":
    support.main()
