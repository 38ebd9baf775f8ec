# SPDX-License-Identifier: Apache-2.0
"""DNS as dig, curl and python ask for it of a real server: what the program tells is what they got.

All of it in a network namespace of our own, whose only server is dnsmasq.
"""
import json
import re
import subprocess
import sys
import time
import unittest

from name_space import Namespace, support

Trace = support.Trace

SERVER = "192.0.2.53"
WEB = "192.0.2.80"
WEB6 = "2001:db8::80"
MANY = [f"10.9.0.{i}" for i in range(1, 121)]


def setUpModule():
    support.need_root()


class Dns(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.space = cls.enterClassContext(Namespace(SERVER, SERVER, WEB, WEB6))
        hosts = cls.space.folder / "hosts"
        hosts.write_text("".join(f"{address} many.example\n" for address in MANY) +
                         f"{WEB} real.example.net\n{WEB6} real.example.net\n")
        cls.space.dnsmasq(SERVER, f"--addn-hosts={hosts}",
                          "--cname=www.example.com,alias.example.org",
                          "--cname=alias.example.org,real.example.net",
                          "--local=/nosuch.example/", "--local-ttl=77", "--edns-packet-max=1232")

    def dig(self, *arguments):
        """dig's words, and the records of its socket and of the server's."""
        with Trace("--dns", "-c", "/dig|dnsmasq/") as trace:
            asked = self.space.start("dig", f"@{SERVER}", *arguments, stdout=subprocess.PIPE,
                                     encoding="utf-8")
            words = asked.communicate(timeout=support.PATIENCE)[0]
            ended = trace.stop()
        records = ended.of("dns")
        return words, [r for r in records if r["pid"] == asked.pid], \
            [r for r in records if r["comm"] == "dnsmasq"]  # of TCP a child of its own

    def test_an_exchange_is_seen_from_both_ends(self):
        words, mine, servers = self.dig("www.example.com", "A")
        number = int(re.search(r"id: (\d+)", words)[1])
        self.assertEqual([(r["dns"], r["passed"]) for r in mine],
                         [("query", "sent"), ("answer", "received")])
        self.assertEqual([(r["dns"], r["passed"]) for r in servers],
                         [("query", "received"), ("answer", "sent")])
        for record in mine + servers:
            self.assertEqual((record["id"], record["name"], record["type"]),
                             (number, "www.example.com", "A"))
        query, answer = mine
        self.assertEqual((query["remote_addr"], query["remote_port"], query["comm"]),
                         (SERVER, 53, "dig"))
        self.assertEqual(query["udp_size"], 1232)
        self.assertIsNone(query["rcode"])
        self.assertIsNone(query["latency_us"])
        self.assertEqual(answer["rcode"], "NOERROR")
        self.assertLess(answer["latency_us"], 5_000_000)
        self.assertEqual(
            [(a["name"], a["type"], a["ttl_s"], a["address"] or a["target"])
             for a in answer["answers"]],
            [("www.example.com", "CNAME", 77, "alias.example.org"),
             ("alias.example.org", "CNAME", 77, "real.example.net"),
             ("real.example.net", "A", 77, WEB)])

    def test_a_name_that_is_not_there(self):
        words, mine, _ = self.dig("nosuch.example", "AAAA")
        self.assertIn("NXDOMAIN", words)
        self.assertEqual([r["rcode"] for r in mine], [None, "NXDOMAIN"])
        self.assertEqual(mine[1]["answers"], [])

    def test_a_truncated_answer_is_asked_for_again_over_tcp(self):
        words, mine, servers = self.dig("+noedns", "many.example", "A")
        addresses = set(re.findall(r"\bA\s+(10\.9\.0\.\d+)", words))
        self.assertEqual(addresses, set(MANY))
        self.assertEqual([(r["proto"], r["dns"], r["truncated"]) for r in mine],
                         [("udp", "query", False), ("udp", "answer", True),
                          ("tcp", "query", False), ("tcp", "answer", False)])
        self.assertEqual({a["address"] for a in mine[3]["answers"]}, addresses)
        self.assertIsNotNone(mine[3]["latency_us"])
        self.assertEqual([r["proto"] for r in servers], ["udp", "udp", "tcp", "tcp"])

    def test_several_questions_on_one_tcp_connection(self):
        words, mine, _ = self.dig("+tcp", "+keepopen", "real.example.net", "AAAA",
                                  "+keepopen", "many.example", "nosuch.example")
        self.assertEqual(words.count("status:"), 3)
        self.assertEqual([(r["dns"], r["name"], r["rcode"]) for r in mine],
                         [("query", "real.example.net", None),
                          ("answer", "real.example.net", "NOERROR"),
                          ("query", "many.example", None), ("answer", "many.example", "NOERROR"),
                          ("query", "nosuch.example", None),
                          ("answer", "nosuch.example", "NXDOMAIN")])
        self.assertEqual(len({r["cookie"] for r in mine}), 1)

    def test_the_c_library_asks_for_both_families(self):
        with Trace("--dns", "-c", "getent") as trace:
            got = self.space.run("getent", "ahosts", "www.example.com")
            ended = trace.stop()
        self.assertEqual({line.split()[0] for line in got.stdout.splitlines()}, {WEB, WEB6})
        answers = [r for r in ended.of("dns") if r["dns"] == "answer"]
        self.assertEqual({r["type"]: r["answers"][-1]["address"] for r in answers},
                         {"A": WEB, "AAAA": WEB6})
        self.assertEqual(len({r["cookie"] for r in answers}), 1)

    def test_connections_carry_the_name_their_process_asked_for(self):
        for family, address in (("-4", WEB), ("-6", WEB6)):
            with self.subTest(family=family):
                web = self.space.web(address, 8080)
                try:
                    with Trace("--dns", "-P", "8080") as trace:
                        got = self.space.run("curl", "-s", "-o", "/dev/null", family,
                                             "http://WWW.example.com:8080/")
                        self.assertEqual(got.returncode, 0)
                        # Another process knows but the address.
                        other = self.space.run(
                            sys.executable, "-c",
                            f"import socket; socket.create_connection(('{address}', 8080))")
                        self.assertEqual(other.returncode, 0, other.stderr)
                        ended = trace.stop()
                finally:
                    self.space.stop(web)
                connects = ended.of("connect")
                self.assertEqual([(r["comm"][:4], r["remote_addr"], r["remote_name"],
                                   r["name_source"], r["name_server"], r["name_ttl_s"])
                                  for r in connects],
                                 [("curl", address, "www.example.com", "process",
                                   f"{SERVER}:53", 77),
                                  ("pyth", address, "www.example.com", "host",
                                   f"{SERVER}:53", 77)])
                self.assertEqual(connects[1]["name_pid"], connects[0]["pid"])
                for accepted in ended.of("accept"):  # nobody asked for whom came
                    self.assertNotIn("remote_name", accepted)

    def test_filter_and_column(self):
        with Trace("--dns", "--filter", "remote_name:many") as trace:
            self.space.run("dig", f"@{SERVER}", "+tcp", "many.example")
            code = ("import socket; s = socket.socket();"
                    "s.connect_ex((socket.gethostbyname('real.example.net'), 9));"
                    f"s = socket.socket(); s.settimeout(1); s.connect_ex(('{WEB}', 9))")
            self.space.run(sys.executable, "-c", code)
            time.sleep(0.3)
            self.assertEqual(trace.stop().of_connections(), [])
        with Trace("--dns", "--filter", "remote_name=real.example.net", "-x") as trace:
            self.space.run(sys.executable, "-c", code)
            failed = support.wait_for(lambda: [r for r in trace.so_far()
                                               if r["event"] == "connect_failed"], "a failure")
            self.assertEqual(failed[0]["remote_name"], "real.example.net")
            trace.stop()

    def test_figures_for_netwatch(self):
        with subprocess.Popen([support.program(), "snapshot", "--format", "netwatch", "--watch",
                               "--no-probe", "-c", "dig", "-i", "2", "--count", "1"],
                              stdout=subprocess.PIPE, encoding="utf-8") as snapshot:
            time.sleep(1)
            for name in ("www.example.com", "WWW.example.com", "nosuch.example"):
                self.space.run("dig", f"@{SERVER}", name)
            text = snapshot.stdout.read()
        support.check_schema("netwatch-snapshot", text)
        figures = json.loads(text)["dns_analytics"]
        self.assertEqual(sum(figures.pop("latency_buckets")), 3)
        self.assertEqual(figures, {"total_queries": 3, "total_responses": 3, "nxdomain_count": 1,
                                   "top_domains": [["www.example.com", 2], ["nosuch.example", 1]]})

    def test_lines_for_people(self):
        with subprocess.Popen([support.program(), "trace", "--dns", "-c", "dig", "--columns",
                               "comm,remote_name", "-d", "3"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, encoding="utf-8") as trace:
            self.assertIn("NAME", trace.stdout.readline())
            self.space.run("dig", f"@{SERVER}", "www.example.com")
            self.space.run("dig", f"@{SERVER}", "nosuch.example")
            text = trace.stdout.read()
        self.assertRegex(text, r"dns +dig .*A www\.example\.com\n")
        self.assertRegex(text, rf"dns +dig .*A www\.example\.com → {WEB} \+2 \d")
        self.assertRegex(text, r"dns +dig .*A nosuch\.example NXDOMAIN \d")


if __name__ == "__main__":
    support.main(__name__)
