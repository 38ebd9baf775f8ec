# SPDX-License-Identifier: Apache-2.0
"""trace --alerts with programs that must raise alerts: nmap, iodine, iperf3, a beacon, a link that loses
packets."""
import json
import os
import pathlib
import random
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))
import support
from namespaces import Namespaces, command, only_in
from support import Trace

HERE, THERE = "10.97.0.1", "10.97.0.2"
PUBLIC = "203.0.113.2"  # beacons to private addresses raise no alert


def setUpModule():
    support.need_root()


BEACON = """
import random, socket, sys, time
interval, jitter, count = float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
random.seed(7)
for _ in range(count):
    socket.create_connection((sys.argv[1], 443)).close()
    time.sleep(interval * random.uniform(1 - jitter, 1 + jitter))
"""
# Asks for the name each time, like programs without a cache; the server rotates the addresses.
BEACON_AT_A_NAME = """
import random, socket, sys, time
name, server = sys.argv[1].encode(), sys.argv[2]
question = b"".join(bytes([len(label)]) + label for label in name.split(b".")) + b"\\0\\0\\1\\0\\1"
while True:
    with socket.socket(type=socket.SOCK_DGRAM) as asker:
        asker.connect((server, 53))
        asker.settimeout(5)
        asker.send(random.randbytes(2) + b"\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + question)
        answer = asker.recv(512)
    addresses = [socket.inet_ntoa(answer[at + 12:at + 16])
                 for at in range(12 + len(question), len(answer), 16)]
    socket.create_connection((random.choice(addresses), 443)).close()
    time.sleep(1.2)
"""
ACCEPT = """
import socket, sys
with socket.create_server(("", int(sys.argv[1]))) as server:
    print(flush=True)
    while True: server.accept()[0].close()
"""


class Alerts(unittest.TestCase):
    def setUp(self):
        self.spaces = self.enterContext(Namespaces())
        command("ip", "-n", self.spaces.there, "addr", "add", f"{PUBLIC}/24", "dev", "wire")
        command("ip", "-n", self.spaces.here, "route", "add", "203.0.113.0/24", "dev", "wire")
        for at in (THERE, PUBLIC):
            support.wait_for(lambda at=at: self.run_here("ping", "-c1", "-W1", at).returncode == 0,
                             f"{at} to answer")

    def trace(self, *words):
        return Trace("--alerts", "--filter", only_in(self.spaces.here, self.spaces.there), *words)

    def start(self, space, *words, **options):
        options.setdefault("stdout", subprocess.DEVNULL)
        process = subprocess.Popen(["ip", "netns", "exec", space, *words],
                                   stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def run_here(self, *words, timeout=120):
        return subprocess.run(["ip", "netns", "exec", self.spaces.here, *words], check=False,
                              stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
                              timeout=timeout)

    def serve(self, port):
        server = self.start(self.spaces.there, sys.executable, "-c", ACCEPT, str(port),
                            stdout=subprocess.PIPE)
        self.addCleanup(server.stdout.close)
        server.stdout.readline()

    def began(self, trace, category):
        return [e for e in trace.so_far() if e["event"] == "alert" and e["phase"] == "began" and
                e["category"] == category]

    def wait_for(self, trace, category):
        return support.wait_for(lambda: self.began(trace, category), category)

    def test_nmap_is_seen_where_it_runs_and_where_it_knocks(self):
        with self.trace() as trace:
            done = self.run_here("nmap", "-n", "-Pn", "-sT", "-p", "1-400", THERE)
            self.assertIn("All 400 scanned ports", done.stdout)
            support.wait_for(lambda: len(self.began(trace, "port_scan")) >= 2, "both ends' alerts")
            told = self.began(trace, "port_scan")
            last = support.wait_for(
                lambda: next((e for e in reversed(trace.so_far()) if e["event"] == "alert" and
                              e["category"] == "port_scan" and e["direction"] == "inbound" and
                              e["phase"] == "worse"), None), "the alert to get worse")
        ends = {e["direction"]: e for e in told}
        self.assertEqual(len(told), 2, told)
        self.assertEqual((ends["outbound"]["comm"], ends["outbound"]["remote_addr"]),
                         ("nmap", THERE))
        self.assertEqual((ends["inbound"]["pid"], ends["inbound"]["remote_addr"]), (None, HERE))
        self.assertEqual(last["severity"], "critical")
        self.assertGreaterEqual(last["figures"]["shut"], 100)

    def test_nmaps_raw_packets_are_seen_where_they_knock(self):
        with self.trace() as trace:
            self.run_here("nmap", "-n", "-Pn", "-sS", "-p", "1-400", THERE)
            [told] = self.wait_for(trace, "port_scan")
        self.assertEqual((told["direction"], told["remote_addr"]), ("inbound", HERE))

    def test_nmaps_raw_packets_are_seen_without_ebpf(self):
        with Trace("--alerts", "--source", "sock_diag",
                   prefix=["nsenter", f"--net=/run/netns/{self.spaces.there}"]) as trace:
            self.run_here("nmap", "-n", "-Pn", "-sS", "-p", "1-400", THERE)
            [told] = self.wait_for(trace, "port_scan")
            door = json.loads(trace.text().splitlines()[0])["doors"]
        self.assertEqual((told["direction"], told["remote_addr"]), ("inbound", HERE))
        self.assertIn(("libpcap/resets", None), [(d["door"], d["refused"]) for d in door])

    def test_refusals_without_ebpf_are_each_told(self):
        with Trace("--attempts", "--source", "sock_diag",
                   prefix=["nsenter", f"--net=/run/netns/{self.spaces.there}"]) as trace:
            for address in (THERE, "fd97::2"):
                support.wait_for(lambda at=address: self.run_here("ping", "-c1", "-W1", at).returncode
                                 == 0, f"{address} to answer")
                for port in (7001, 7002):
                    self.run_here("bash", "-c", f"exec 3<>/dev/tcp/{address}/{port}")
            time.sleep(0.6)
            told = trace.stop().of("refused")
        self.assertEqual([(r["local_addr"], r["local_port"], r["attempts"], r["pid"]) for r in told],
                         [(at, port, 1, None) for at in (THERE, "fd97::2")
                          for port in (7001, 7002)])

    def test_beacons_with_and_without_jitter(self):
        self.serve(443)
        for jitter, count in ((0, 7), (0.08, 16)):
            with self.subTest(jitter=jitter), self.trace() as trace:
                beacon = self.start(self.spaces.here, sys.executable, "-c", BEACON, PUBLIC, "1.2",
                                    str(jitter), str(count))
                [told] = self.wait_for(trace, "beaconing")
                beacon.kill()
                self.assertEqual((told["pid"], told["remote_addr"], told["remote_port"]),
                                 (beacon.pid, PUBLIC, 443))
                self.assertAlmostEqual(told["figures"]["interval_s"], 1.2, delta=0.15)

    def test_a_beacon_at_a_name_is_one_beacon(self):
        addresses = [f"203.0.113.{n}" for n in range(10, 15)]
        for address in addresses:
            command("ip", "-n", self.spaces.there, "addr", "add", f"{address}/24", "dev", "wire")
        self.serve(443)
        self.start(self.spaces.there, "dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts",
                   "--conf-file=/dev/null", "--pid-file=", "--user=root", f"--listen-address={THERE}",
                   "--bind-interfaces", *(f"--host-record=c2.evil.example,{each}"
                                          for each in addresses))
        support.wait_for(lambda: self.run_here("dig", "+time=1", "+tries=1", f"@{THERE}",
                                               "c2.evil.example").returncode == 0, "dnsmasq")
        with self.trace() as trace:
            beacon = self.start(self.spaces.here, sys.executable, "-c", BEACON_AT_A_NAME,
                                "c2.evil.example", THERE)
            [told] = self.wait_for(trace, "beaconing")
            beacon.kill()
        self.assertEqual((told["pid"], told["name"], told["remote_port"]),
                         (beacon.pid, "c2.evil.example", 443))
        self.assertIn(told["remote_addr"], addresses)
        self.assertAlmostEqual(told["figures"]["interval_s"], 1.2, delta=0.15)

    @unittest.skipUnless(os.access("/dev/net/tun", os.W_OK), "iodine needs /dev/net/tun")
    def test_iodine_is_a_tunnel(self):
        password = "secret"
        self.start(self.spaces.there, "iodined", "-f", "-c", "-P", password, "-l", THERE,
                   "10.98.0.1", "t.example.com")
        with self.trace() as trace:
            client = self.start(self.spaces.here, "iodine", "-f", "-r", "-P", password, "-d",
                                f"dns{os.getpid() % 1000}", THERE, "t.example.com")
            [told] = self.wait_for(trace, "dns_tunnel")
            client.kill()
        self.assertEqual((told["name"], told["comm"], told["severity"]),
                         ("example.com", "iodine", "critical"))
        self.assertEqual((told["remote_addr"], told["remote_port"]), (THERE, 53))

    def test_iperf3_is_much_bandwidth_and_is_told_of_both_ends(self):
        self.start(self.spaces.there, "iperf3", "-s", "-1")
        support.wait_for(lambda: "5201" in command("ip", "netns", "exec", self.spaces.there, "ss",
                                                   "-Hltn"), "iperf3 to listen")
        with self.trace("--threshold", "bandwidth.rate=20e6") as trace:
            done = self.run_here("iperf3", "-c", THERE, "-t", "8", "-b", "400M", "-J")
            told = self.began(trace, "bandwidth")
        report = json.loads(done.stdout)["end"]["sum_sent"]
        self.assertGreater(report["bits_per_second"], 300e6)
        ours = [e for e in told if e["comm"] == "iperf3"]
        self.assertEqual(len({e["pid"] for e in ours}), 2, told)
        for end in ours:
            self.assertAlmostEqual(max(end["figures"]["tx_rate"], end["figures"]["rx_rate"]),
                                   report["bits_per_second"] / 8, delta=15e6)

    def test_a_wire_that_loses_is_a_storm(self):
        command("ip", "netns", "exec", self.spaces.there, "nft",
                "add table inet t; add chain inet t in { type filter hook input priority 0; }; "
                "add rule inet t in tcp dport 5201 meta length > 500 numgen random mod 100 < 25 drop")
        self.start(self.spaces.there, "iperf3", "-s", "-1")
        support.wait_for(lambda: "5201" in command("ip", "netns", "exec", self.spaces.there, "ss",
                                                   "-Hltn"), "iperf3 to listen")
        with self.trace() as trace:
            self.start(self.spaces.here, "iperf3", "-c", THERE, "-t", "20", "-l", "1000", "-M", "536")
            [told] = self.wait_for(trace, "retransmit_storm")
        self.assertEqual((told["comm"], told["remote_addr"]), ("iperf3", THERE))
        self.assertGreater(told["figures"]["percent"], 5)

    def test_everyday_use_raises_none(self):
        self.serve(80)
        generator = random.Random(3)
        with self.trace() as trace:
            end = time.monotonic() + 12
            while time.monotonic() < end:
                for _ in range(generator.randrange(1, 15)):
                    self.run_here("bash", "-c", f"exec 3<>/dev/tcp/{PUBLIC}/80")
                time.sleep(generator.uniform(0, 1.5))
            ended = trace.stop()
        self.assertEqual(ended.of("alert"), [])


if __name__ == "__main__":
    support.main()
