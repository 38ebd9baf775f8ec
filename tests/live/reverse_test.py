# SPDX-License-Identifier: Apache-2.0
"""--resolve with a real server: PTR records in a namespace whose only name server is dnsmasq."""
import json
import sys
import time
import unittest

from namespaces import Namespace, support

Trace = support.Trace
SERVER, WEB, OTHER = "192.0.2.53", "192.0.2.80", "192.0.2.81"
WEB6 = "2001:db8::80"
PORT = 8080
# Connects to addresses and keeps the connections until standard input ends.
HOLD = ("import socket, sys;"
        f"held = [socket.create_connection((a, {PORT})) for a in sys.argv[1:]];"
        "print('ready', flush=True); sys.stdin.read()")


def setUpModule():
    support.need_root()


class Reverse(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.space = cls.enterClassContext(Namespace(SERVER, SERVER, WEB, OTHER, WEB6))
        cls.log = cls.space.folder / "log"
        cls.space.dnsmasq(SERVER, f"--host-record=real.example.net,{WEB},{WEB6}",
                          "--local=/in-addr.arpa/", "--local-ttl=77", "--log-queries",
                          f"--log-facility={cls.log}", asked="version.bind")
        for address in (WEB, OTHER, WEB6):
            cls.space.web(address, PORT)

    def hold(self, *addresses):
        client = self.space.start(sys.executable, "-c", HOLD, *addresses, stdin=-1, stdout=-1,
                                  encoding="utf-8")
        self.addCleanup(client.communicate)
        self.assertEqual(client.stdout.readline(), "ready\n")
        return client

    def inside(self):
        """Runs with the namespace's name server and with the host's cgroup2, which eBPF needs and 'ip
        netns exec' hides."""
        return ["nsenter", f"--net=/run/netns/{self.space.name}", "unshare", "--mount", "sh", "-c",
                f'mount --bind {self.space.etc}/resolv.conf /etc/resolv.conf && exec "$@"', "sh"]

    def snapshot(self, *words):
        done = self.space.run(support.program(), "snapshot", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def asked(self):
        """The PTR queries that the server logged."""
        return [line.split(" ")[-3] for line in self.log.read_text().splitlines()
                if " query[PTR] " in line]

    def test_snapshot(self):
        client = self.hold(WEB, OTHER, WEB6)
        for source in ("ebpf", "sock_diag"):
            with self.subTest(source):
                before = len(self.asked())
                words = ("--source", source, "--dport", str(PORT), "-p", str(client.pid))
                text = self.snapshot("--json", "--resolve", *words)
                support.check_schema("snapshot", text)
                flows = {flow["remote_addr"]: flow for flow in json.loads(text)["flows"]}
                self.assertEqual(set(flows), {WEB, OTHER, WEB6})
                for address in (WEB, WEB6):
                    self.assertEqual([flows[address][key] for key in (
                        "remote_name", "name_source", "name_server", "name_ttl_s", "name_pid")],
                        ["real.example.net", "ptr", f"{SERVER}:53", 77, None])
                self.assertNotIn("remote_name", flows[OTHER])  # it has none
                asked = self.asked()[before:]
                self.assertEqual(len(asked), len(set(asked)))  # each address once
                self.assertIn("80.2.0.192.in-addr.arpa", asked)
                self.assertFalse([name for name in asked if name.endswith(".127.in-addr.arpa")])
        before = len(self.asked())
        self.assertNotIn("remote_name", self.snapshot("--json", "-p", str(client.pid)))
        self.assertEqual(len(self.asked()), before)  # it was not looked up

    def test_the_table_and_the_filter(self):
        client = self.hold(WEB, OTHER)
        text = self.snapshot("--resolve", "-p", str(client.pid), "--filter",
                             "remote_name=real.example.net")
        self.assertIn("real.example.net", text)
        self.assertNotIn(OTHER, text)

    def test_a_server_that_says_nothing_holds_nobody_up(self):
        with Namespace(OTHER, OTHER, WEB) as silent:
            silent.serve(sys.executable, "-c", "import socket, time;"
                         f"s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('{OTHER}', 53));"
                         "time.sleep(60)")
            silent.web(WEB, PORT)
            began = time.monotonic()
            done = silent.run(support.program(), "snapshot", "--json", "--resolve")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertLess(time.monotonic() - began, 8)
            self.assertTrue(json.loads(done.stdout)["flows"])

    def test_trace_has_names_once_they_are_known_and_asks_in_its_own_name(self):
        with Trace("--resolve", "--dns", *self.space.only(), prefix=self.inside()) as trace:
            first = self.hold(WEB)
            trace.wait_for_event(lambda r: r["event"] == "dns" and r["comm"] == "sockscope" and
                                 r["dns"] == "answer" and r["rcode"] == "NOERROR", "the answer")
            time.sleep(0.1)
            second = self.hold(WEB)
            time.sleep(0.3)
            ended = trace.stop()
        mine = {r["pid"]: r for r in ended.of("connect") if r["remote_addr"] == WEB}
        self.assertNotIn("remote_name", mine[first.pid])
        self.assertEqual((mine[second.pid]["remote_name"], mine[second.pid]["name_source"]),
                         ("real.example.net", "ptr"))
        queries = [r for r in ended.of("dns") if r["dns"] == "query" and r["passed"] == "sent"]
        self.assertEqual({(r["comm"], r["type"]) for r in queries}, {("sockscope", "PTR")})
        self.assertEqual(len([r for r in queries if r["name"].startswith("80.2.0.192.")]), 1)

    def test_a_learnt_name_comes_first(self):
        with Trace("--resolve", "--dns", "-c", "curl", *self.space.only(),
                   prefix=self.inside()) as trace:
            for _ in range(2):
                self.space.run("curl", "-s", "-o", "/dev/null",
                               "-4", f"http://real.example.net:{PORT}/")
            time.sleep(0.3)
            connects = trace.stop().of("connect")
        self.assertEqual([r["name_source"] for r in connects], ["process", "process"])

    def test_top(self):
        client = self.hold(WEB)
        done = self.space.run(support.program(), "top", "--json", "--resolve", "--no-dns", "-i",
                              "0.5", "--count", "2", "-p", str(client.pid))
        self.assertEqual(done.returncode, 0, done.stderr)
        last = json.loads(done.stdout.splitlines()[-1])
        self.assertEqual({(f["remote_name"], f["name_source"]) for f in last["flows"]},
                         {("real.example.net", "ptr")})

    def test_without_a_name_server(self):
        with Namespace(SERVER) as alone:
            (alone.etc / "resolv.conf").write_text("search example.org\n")
            done = alone.run(support.program(), "snapshot", "--json", "--resolve")
        self.assertEqual(done.returncode, 0, done.stderr)
        door = next(d for d in json.loads(done.stdout)["doors"]
                    if d["observation"] == "reverse lookups")
        self.assertIn("no name server in /etc/resolv.conf", door["refused"])


if __name__ == "__main__":
    support.main(__name__)
