# SPDX-License-Identifier: Apache-2.0
"""`host` compared with ip, /proc, df, free and ping, and in network namespaces with known traffic."""
import contextlib
import csv
import io
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))
import support
from namespaces import Namespaces, command

HEADERS = 14 + 20 + 8  # Ethernet, IPv4, UDP
TRIES = 3  # of a round of echo requests, on a busy machine


def setUpModule():
    support.need_root()


def host(*words, prefix=()):
    """The parsed documents of `host --json`, checked against the schema."""
    done = subprocess.run([*prefix, support.program(), "host", "--json", *words],
                          stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
                          timeout=support.PATIENCE, check=False)
    if done.returncode != 0:
        raise AssertionError(f"host {words} ended with {done.returncode}: {done.stderr}")
    support.check_schema("host", done.stdout)
    return support.json_lines(done.stdout)


def by_name(interfaces):
    return {interface["name"]: interface for interface in interfaces}


class Csv(unittest.TestCase):
    def test_a_line_per_interface_and_reading(self):
        done = support.run("host", "-o", "csv", "--watch", "--count", "2", "-i", "0.2")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        [document] = host()
        self.assertEqual(len(rows), 2 * len(document["interfaces"]))
        self.assertEqual(len({row["ts_ns"] for row in rows}), 2)
        for row, interface in zip(rows, document["interfaces"] * 2, strict=True):
            self.assertEqual(row.pop("interface"), interface["name"])
            self.assertEqual((row.pop("is_up"), row.pop("mtu"), row.pop("speed_bits")),
                             (str(interface["is_up"]).lower(), str(interface["mtu"]),
                              str(interface["speed_bits"] or "")))
            for name, value in row.items():
                self.assertGreaterEqual(int(value), 0, name)
            for name in ("rx_bytes", "tx_packets"):
                self.assertLessEqual(int(row[name]), interface[name])


class AgainstOtherTools(unittest.TestCase):
    COUNTERS = {"rx_bytes": ("rx", "bytes"), "tx_bytes": ("tx", "bytes"),
                "rx_packets": ("rx", "packets"), "tx_packets": ("tx", "packets"),
                "rx_errors": ("rx", "errors"), "tx_errors": ("tx", "errors"),
                "rx_drops": ("rx", "dropped"), "tx_drops": ("tx", "dropped")}

    def test_interfaces_as_ip_shows_them(self):
        before = {link["ifname"]: link for link in json.loads(command("ip", "-s", "-j", "link"))}
        [document] = host()
        after = {link["ifname"]: link for link in json.loads(command("ip", "-s", "-j", "addr"))}
        ours = by_name(document["interfaces"])
        both = set(before) & set(after)  # others may appear and disappear meanwhile
        self.assertTrue(both)
        self.assertLessEqual(both, set(ours))
        for name in both:
            with self.subTest(name):
                interface = ours[name]
                for field, (direction, what) in self.COUNTERS.items():
                    self.assertLessEqual(before[name]["stats64"][direction][what],
                                         interface[field])
                    self.assertLessEqual(interface[field], after[name]["stats64"][direction][what])
                flags = after[name]["flags"]
                self.assertEqual(interface["is_up"], "UP" in flags and "NO-CARRIER" not in flags)
                self.assertEqual(interface["is_loopback"], "LOOPBACK" in flags)
                self.assertEqual(interface["mtu"], after[name]["mtu"])
                self.assertEqual(interface["index"], after[name]["ifindex"])
                self.assertEqual(sorted(interface["addresses"]),
                                 sorted(f"{a['local']}/{a['prefixlen']}"
                                        for a in after[name]["addr_info"]))

    def test_memory_as_free_shows_it(self):
        [document] = host()
        system = document["system"]
        total, _, _, _, _, available = map(int, command("free", "-b").splitlines()[1].split()[1:])
        self.assertEqual(system["memory_total_bytes"], total)
        self.assertEqual(system["memory_used_bytes"],
                         system["memory_total_bytes"] - system["memory_available_bytes"])
        self.assertLess(abs(system["memory_available_bytes"] - available), total / 10)
        swap = list(map(int, command("free", "-b").splitlines()[2].split()[1:3]))
        self.assertEqual(system["swap_total_bytes"], swap[0])

    def test_load_is_what_proc_says(self):
        def loads():
            return [float(x) for x in pathlib.Path("/proc/loadavg").read_text().split()[:3]]
        before = loads()
        [document] = host()
        after = loads()
        ours = [document["system"][f"load_{n}m"] for n in (1, 5, 15)]
        for low, value, high in zip(before, ours, after):
            self.assertLessEqual(min(low, high) - 1.0, value)
            self.assertLessEqual(value, max(low, high) + 1.0)

    def test_processors(self):
        [document] = host()
        system = document["system"]
        self.assertEqual(len(system["cpu_per_core"]), os.cpu_count())
        mean = sum(system["cpu_per_core"]) / os.cpu_count()
        self.assertLess(abs(mean - system["cpu_usage_pct"]), 10)

    def test_disks_as_df_shows_them(self):
        def figures():
            rows = command("df", "-B1", "--output=source,target,size,used,avail").splitlines()[1:]
            return {tuple(row.split()[:2]): list(map(int, row.split()[2:])) for row in rows
                    if row.startswith("/dev/")}
        before = figures()
        [document] = host()
        after = figures()
        ours = {(disk["device"], disk["mount_point"]): disk for disk in document["disks"]}
        self.assertEqual(set(ours), set(after))
        self.assertTrue(ours)
        for key, disk in ours.items():
            self.assertEqual(disk["total_bytes"], after[key][0])
            for field, column in (("used_bytes", 1), ("available_bytes", 2)):
                low, high = sorted((before[key][column], after[key][column]))
                slack = 64 << 20  # other builds run on this host
                self.assertLessEqual(low - slack, disk[field])
                self.assertLessEqual(disk[field], high + slack)

    def test_disk_traffic_is_that_of_the_disks(self):
        def totals():
            read = written = 0
            for disk in pathlib.Path("/sys/block").iterdir():
                if disk.name.startswith(("loop", "ram", "dm-")):
                    continue
                fields = (disk / "stat").read_text().split()
                read += int(fields[2]) * 512
                written += int(fields[6]) * 512
            return {"read_bytes": read, "write_bytes": written}
        before = totals()
        [document] = host()
        after = totals()
        for field, value in document["disk_io"].items():
            self.assertLessEqual(before[field], value)
            self.assertLessEqual(value, after[field])


class ListenDrops(unittest.TestCase):
    def test_connections_that_found_the_queue_full(self):
        def drops():
            return host()[0]["listen_drops"]
        with socket.socket() as server, contextlib.ExitStack() as clients:
            server.bind(("127.0.0.1", 0))
            server.listen(0)
            before = drops()
            for _ in range(4):
                client = clients.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex(server.getsockname())
            for _ in range(50):
                after = drops()
                if after > before:
                    break
                time.sleep(0.1)
        names, values = (line.split() for line in pathlib.Path("/proc/net/netstat").read_text()
                         .splitlines()[:2])
        self.assertGreater(after, before)
        self.assertLessEqual(after, int(values[names.index("ListenDrops")]))


def next_document(process):
    line = process.stdout.readline()
    if not line:
        raise AssertionError(f"ended: {process.stderr.read()}")
    support.check_schema("host", line)
    return json.loads(line)


SEND = """
import socket, sys
count, size = int(sys.argv[1]), int(sys.argv[2])
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.connect(("10.97.0.2", 9))
    for _ in range(count):
        try: s.send(b"x" * size)
        except ConnectionRefusedError: s.send(b"x" * size)
"""


class KnownTraffic(unittest.TestCase):
    def test_bytes_of_processes_and_the_rest(self):
        count, size = 1000, 1000
        with Namespaces() as spaces:
            # Otherwise refusals would be answered with ICMP.
            spaces.in_(spaces.there, "nft", "add table inet t; add chain inet t in { type filter "
                       "hook input priority 0; }; add rule inet t in udp dport 9 drop")
            spaces.in_(spaces.here, "ping", "-c", "1", "10.97.0.2")  # ARP is done
            process = spaces.watch("-i", "0.5")
            first = next_document(process)
            spaces.in_(spaces.here, sys.executable, "-c", SEND, str(count), str(size))
            documents = [next_document(process) for _ in range(3)]
        wires = [by_name(document["interfaces"])["wire"] for document in documents]
        before = by_name(first["interfaces"])["wire"]
        sent = sum(wire["tx_bytes_delta"] for wire in wires)
        self.assertEqual(sent, wires[-1]["tx_bytes"] - before["tx_bytes"])
        packets = wires[-1]["tx_packets"] - before["tx_packets"]
        self.assertGreaterEqual(packets, count)
        self.assertLess(packets, count + 20)  # ARP, neighbour discovery
        bytes_of = [document["bytes"] for document in documents]
        self.assertEqual({tuple(b["interfaces"]) for b in bytes_of}, {("wire",)})
        self.assertEqual(sum(b["interface_tx_bytes"] for b in bytes_of), sent)
        self.assertEqual(sum(b["process_tx_bytes"] for b in bytes_of), count * size)
        unexplained = sum(b["unexplained_tx_bytes"] for b in bytes_of)
        self.assertEqual(unexplained, sent - count * size)
        self.assertGreaterEqual(unexplained, count * HEADERS)
        self.assertLess(unexplained, count * HEADERS + 20 * 100)

    def test_rates_and_history_are_those_of_the_counters(self):
        with Namespaces() as spaces:
            process = spaces.watch("-i", "0.2")
            documents = [next_document(process) for _ in range(6)]
        for previous, document in zip(documents, documents[1:]):
            wire = by_name(document["interfaces"])["wire"]
            before = by_name(previous["interfaces"])["wire"]
            self.assertEqual(wire["rx_bytes_delta"], wire["rx_bytes"] - before["rx_bytes"])
            self.assertEqual(wire["rx_history"][:-1], before["rx_history"])
            self.assertEqual(wire["rx_history"][-1], wire["rx_rate"])
            expected = wire["rx_bytes_delta"] / document["interval_s"]
            self.assertLess(abs(wire["rx_rate"] - expected), 1 + expected / 50)

    def test_an_interface_removed_and_made_anew(self):
        with Namespaces() as spaces:
            process = spaces.watch("-i", "0.2")
            old = by_name(next_document(process)["interfaces"])["wire"]
            self.assertTrue(old["is_up"])
            spaces.in_(spaces.here, "ip", "link", "del", "wire")
            support.wait_for(lambda: "wire" not in by_name(next_document(process)["interfaces"]),
                             "the interface to go")
            spaces.connect()
            new = support.wait_for(
                lambda: by_name(next_document(process)["interfaces"]).get("wire"),
                "the interface to come back")
            self.assertNotEqual(new["index"], old["index"])
            self.assertEqual((new["rx_rate"], new["tx_rate"], new["rx_history"], new["tx_history"]),
                             (None, None, [], []))
            self.assertEqual(new["rx_bytes_delta"], 0)
            again = by_name(next_document(process)["interfaces"])["wire"]
            self.assertEqual(len(again["rx_history"]), 1)

    def test_down_is_not_up(self):
        with Namespaces() as spaces:
            spaces.in_(spaces.there, "ip", "link", "set", "wire", "down")
            [document] = host(prefix=spaces.prefix())
            self.assertFalse(by_name(document["interfaces"])["wire"]["is_up"])  # no carrier


class Health(unittest.TestCase):
    def setUp(self):
        self.spaces = self.enterContext(Namespaces())
        self.spaces.in_(self.spaces.here, "ip", "route", "add", "default", "via", "10.97.0.2")
        self.spaces.use_name_server("fd97::2")
        for address in ("10.97.0.2", "fd97::2"):  # the neighbours must find each other
            support.wait_for(lambda at=address: self.ping_loss(at) == 0, f"{address} to answer")

    def ping_loss(self, address):
        done = subprocess.run([*self.spaces.prefix(), "ping", "-c", "4", "-i", "0.01", "-W", "1",
                               address], capture_output=True, encoding="utf-8", check=False)
        return float(done.stdout.split("% packet loss")[0].split()[-1])

    def drop(self, rule):
        self.spaces.in_(self.spaces.there, "nft", "add table inet t; add chain inet t in "
                        "{ type filter hook input priority 0; }; add rule inet t in " + rule)

    def test_gateway_and_name_server_that_answer(self):
        # Uses raw sockets if unprivileged ones are refused, and unprivileged ones otherwise.
        for groups in ("1 0", "0 2147483647"):
            with self.subTest(ping_group_range=groups):
                self.spaces.in_(self.spaces.here, "sysctl", "-qw",
                                f"net.ipv4.ping_group_range={groups}")
                for _ in range(TRIES):
                    [document] = host("--probe", prefix=self.spaces.prefix())
                    if all(document[name]["loss_pct"] == 0 for name in ("gateway", "dns")):
                        break
                for name, target in (("gateway", "10.97.0.2"), ("dns", "fd97::2")):
                    health = document[name]
                    self.assertEqual((health["target"], health["problem"]), (target, None))
                    self.assertEqual(health["loss_pct"], self.ping_loss(target))
                    self.assertEqual(health["loss_pct"], 0)
                    self.assertGreater(health["rtt_ms"], 0)
                    self.assertEqual(health["rtt_history"], [health["rtt_ms"]])

    def test_nothing_is_sent_unasked(self):
        self.drop("icmp type echo-request counter; add rule inet t in icmpv6 type echo-request counter")
        [document] = host(prefix=self.spaces.prefix())
        rules = self.spaces.in_(self.spaces.there, "nft", "list", "table", "inet", "t")
        self.assertEqual(rules.count("counter packets 0 "), 2, rules)
        self.assertEqual([(document[name]["target"], document[name]["problem"]) for name in ("gateway", "dns")],
                         [("10.97.0.2", "not asked for"), ("fd97::2", "not asked for")])

    def test_half_the_probes_lost(self):
        self.drop("icmp type echo-request numgen inc mod 2 0 drop")
        self.assertEqual(self.ping_loss("10.97.0.2"), 50)
        process = self.spaces.watch("--probe", "-i", "1.1")
        # A reading shows the round that the previous reading began.
        rounds = [next_document(process)["gateway"] for _ in range(4)]
        self.assertEqual(sorted(round(r["loss_pct"]) for r in rounds), [33, 33, 67, 67])
        self.assertEqual(len(rounds[-1]["rtt_history"]), 4)

    def test_none_answered(self):
        self.drop("icmp type echo-request drop")
        self.assertEqual(self.ping_loss("10.97.0.2"), 100)
        [document] = host("--probe", prefix=self.spaces.prefix())
        gateway = document["gateway"]
        self.assertEqual((gateway["loss_pct"], gateway["rtt_ms"], gateway["rtt_history"]),
                         (100, None, [None]))
        self.assertEqual(document["dns"]["loss_pct"], 0)

    def test_others_flooding_replies_do_not_matter(self):
        flood = subprocess.Popen([*self.spaces.prefix(), "ping", "-q", "-f", "-c", "20000",
                                  "10.97.0.2"], stdout=subprocess.DEVNULL)
        self.addCleanup(flood.wait)
        self.addCleanup(flood.kill)
        [document] = host("--probe", prefix=self.spaces.prefix())
        self.assertEqual(document["gateway"]["loss_pct"], 0)

    def test_no_route_and_no_name_server(self):
        self.spaces.in_(self.spaces.here, "ip", "route", "del", "default")
        [document] = host("--probe", prefix=self.spaces.prefix())
        self.assertIsNone(document["gateway"]["target"])
        self.assertIn("no default route", document["gateway"]["problem"])

    def test_gateway_over_ipv6(self):
        self.spaces.in_(self.spaces.here, "ip", "route", "del", "default")
        link_local = next(a["local"] for link in json.loads(
            self.spaces.in_(self.spaces.there, "ip", "-j", "addr", "show", "dev", "wire"))
            for a in link["addr_info"] if a["scope"] == "link")
        self.spaces.in_(self.spaces.here, "ip", "-6", "route", "add", "default", "via", link_local,
                        "dev", "wire")
        support.wait_for(lambda: self.ping_loss(f"{link_local}%wire") == 0, "the addresses")
        [document] = host("--probe", prefix=self.spaces.prefix())
        self.assertEqual(document["gateway"]["target"], f"{link_local}%wire")
        self.assertEqual(document["gateway"]["loss_pct"], 0)


class ProcessEvents:
    """Forks that the kernel's proc connector reports."""
    FORK, EXIT = 1, 0x80000000

    def __enter__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 11)  # NETLINK_CONNECTOR
        self.socket.bind((0, 1))  # CN_IDX_PROC
        listen = struct.pack("=IIIIHH I", 1, 1, 0, 0, 4, 0, 1)
        self.socket.send(struct.pack("=IHHII", 16 + len(listen), 3, 0, 0, os.getpid()) + listen)
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
        self.socket.settimeout(support.PATIENCE)
        return self

    def __exit__(self, *_):
        self.socket.close()

    def forks(self, pid):
        """The children that the process with this pid has forked by its end."""
        children = []
        while True:
            message = self.socket.recv(4096)
            what, = struct.unpack_from("=I", message, 36)
            if what == self.FORK:
                _, parent, _, child = struct.unpack_from("=IIII", message, 52)
                if parent == pid:
                    children.append(child)
            elif what == self.EXIT and struct.unpack_from("=I", message, 52)[0] == pid:
                return children


class NothingIsSpawned(unittest.TestCase):
    def forks_of(self, words):
        with ProcessEvents() as events:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            self.assertEqual(process.wait(timeout=support.PATIENCE), 0)
            return events.forks(process.pid)

    @support.not_with_sanitizers("the search for leaks forks")
    def test_by_the_process_events(self):
        self.assertTrue(self.forks_of(["sh", "-c", "/bin/true; /bin/true; exit 0"]))
        for words in (["host", "--no-probe"],
                      ["snapshot", "--format", "netwatch", "--no-probe"]):
            self.assertEqual(self.forks_of([support.program(), *words]), [])


class RootPrefix(unittest.TestCase):
    def test_system_and_resolver_of_another_root(self):
        with tempfile.TemporaryDirectory(prefix="sockscope-test-") as root:
            proc = pathlib.Path(root, "proc")
            (proc / "self").mkdir(parents=True)
            (proc / "meminfo").write_text("MemTotal: 1000 kB\nMemAvailable: 400 kB\n")
            (proc / "loadavg").write_text("1.50 2.50 3.50 1/2 3\n")
            (proc / "self/mounts").write_text("/dev/other / ext4 rw 0 0\n")
            [document] = host("--root", root)
        self.assertEqual(document["system"]["memory_used_bytes"], 600 * 1024)
        self.assertEqual(document["system"]["load_5m"], 2.5)
        self.assertIsNone(document["system"]["cpu_usage_pct"])
        self.assertIsNone(document["disk_io"])
        self.assertIsNone(document["listen_drops"])
        [disk] = document["disks"]
        self.assertEqual((disk["device"], disk["mount_point"]), ("/dev/other", "/"))
        size = os.statvfs("/tmp")
        self.assertEqual(disk["total_bytes"], size.f_blocks * size.f_frsize)


class WithoutPrivileges(unittest.TestCase):
    def test_all_but_the_processes(self):
        with tempfile.TemporaryDirectory(prefix="sockscope-test-") as directory:
            os.chmod(directory, 0o755)
            copy = shutil.copy(support.program(), directory)
            done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                   "--bounding-set=-all", "--inh-caps=-all", copy, "host",
                                   "--no-probe", "--json"],
                                  capture_output=True, encoding="utf-8", check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        support.check_schema("host", done.stdout)
        document = json.loads(done.stdout)
        self.assertIn("lo", by_name(document["interfaces"]))
        self.assertIsNotNone(document["system"]["cpu_usage_pct"])
        self.assertIsNone(document["bytes"])
        self.assertIn("Operation not permitted", document["bytes_problem"])


if __name__ == "__main__":
    support.main()
