# SPDX-License-Identifier: Apache-2.0
"""dig, curl and python ask a real server; what sockscope reports is compared with what they got.

All of it in a network namespace of our own, whose only server is dnsmasq.
"""
import json
import re
import subprocess
import sys
import time
import unittest

from namespaces import Namespace, join, support

Trace = support.Trace

SERVER = "192.0.2.53"
WEB = "192.0.2.80"
WEB6 = "2001:db8::80"
MANY = [f"10.9.0.{i}" for i in range(1, 121)]


def setUpModule():
    support.need_root()


class Served(unittest.TestCase):
    """In a namespace with a DNS server."""

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


class Dns(Served):
    def trace(self, *words):
        return Trace("--dns", *self.space.only(), *words)

    def dig(self, *arguments):
        """The output of dig, and the records of its socket and of the server's."""
        with self.trace("-c", "/dig|dnsmasq/") as trace:
            asked = self.space.start("dig", f"@{SERVER}", *arguments, stdout=subprocess.PIPE,
                                     encoding="utf-8")
            words = asked.communicate(timeout=support.PATIENCE)[0]
            ended = trace.stop()
        records = ended.of("dns")
        return words, [r for r in records if r["pid"] == asked.pid], \
            [r for r in records if r["comm"] == "dnsmasq"]  # for TCP, a child process of its own answers

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

    def test_failures_alone(self):
        with Trace("-x", *self.space.only()) as trace, \
                Trace("-x", "--no-dns", *self.space.only()) as without:
            for name in ("www.example.com", "absent.nosuch.example"):
                self.space.start("dig", f"@{SERVER}", name, stdout=subprocess.DEVNULL).wait()
            ended = trace.stop()
            self.assertEqual(without.stop().of("dns"), [])
        told = ended.of("dns")
        self.assertEqual({(r["name"], r["rcode"]) for r in told}, {("absent.nosuch.example", "NXDOMAIN")})
        self.assertEqual({r["comm"] for r in told}, {"dig", "dnsmasq"})

    def test_filters_of_codes(self):
        here = self.space.only()[1]
        with Trace("--filter", f"rcode:nxdomain comm:dig {here}") as trace:
            for name in ("www.example.com", "absent.nosuch.example"):
                self.space.start("dig", f"@{SERVER}", name, stdout=subprocess.DEVNULL).wait()
            told = trace.stop().of_connections()
        self.assertEqual([(r["event"], r["name"], r["rcode"]) for r in told],
                         [("dns", "absent.nosuch.example", "NXDOMAIN")])
        with Trace("--filter", f"rcode:noerror,refused comm:dig {here}") as trace:
            for name in ("www.example.com", "absent.nosuch.example"):
                self.space.start("dig", f"@{SERVER}", name, stdout=subprocess.DEVNULL).wait()
            told = trace.stop().of_connections()
        self.assertEqual([(r["name"], r["rcode"]) for r in told], [("www.example.com", "NOERROR")])

    def test_a_query_without_an_answer(self):
        """Reported five seconds after the query, although its process has ended and nothing else happens."""
        silent = ("import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
                  f"s.bind(('{WEB}', 53)); print('ready', flush=True); s.recv(512); s.recv(512)")
        server = self.space.start(sys.executable, "-c", silent, stdout=subprocess.PIPE, encoding="utf-8")
        server.stdout.readline()
        with self.trace("-c", "dig") as trace:
            for name in ("first.example", "second.example"):
                self.space.run("dig", f"@{WEB}", "+tries=1", "+time=1", name)
            self.space.run("dig", f"@{SERVER}", "www.example.com")
            support.wait_for(lambda: len([r for r in trace.so_far() if r["event"] == "dns" and
                                          r["dns"] == "unanswered"]) == 2, "both")
            records = trace.stop().of("dns")
        server.wait(support.PATIENCE)
        told = [r for r in records if r["dns"] == "unanswered"]
        self.assertEqual([r["name"] for r in told], ["first.example", "second.example"])
        for record in told:
            query = next(r for r in records if r["dns"] == "query" and r["name"] == record["name"])
            self.assertAlmostEqual((record["ts_ns"] - query["ts_ns"]) / 1e9, 5, places=3)
            self.assertEqual(record["error"], "timeout")
            same = ("cookie", "pid", "comm", "id", "type", "passed", "local_port", "remote_addr", "udp_size")
            self.assertEqual([record[f] for f in same], [query[f] for f in same])
        self.assertEqual({r["error"] for r in records if r["dns"] != "unanswered"}, {None})
        self.assertEqual([r["ts_ns"] for r in records], sorted(r["ts_ns"] for r in records))

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
        with self.trace("-c", "getent") as trace:
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
                    with self.trace("-P", "8080") as trace:
                        got = self.space.run("curl", "-s", "-o", "/dev/null", family,
                                             "http://WWW.example.com:8080/")
                        self.assertEqual(got.returncode, 0)
                        # Another process knows only the address.
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
                for accepted in ended.of("accept"):  # no process asked for the client's name
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
                               "--no-probe", "--netns", f"/run/netns/{self.space.name}", "-i", "6",
                               "--count", "1"],
                              stdout=subprocess.PIPE, encoding="utf-8") as snapshot:
            support.wait_until_attached(snapshot)
            for name in ("www.example.com", "WWW.example.com", "nosuch.example"):
                self.space.run("dig", f"@{SERVER}", name)
            text = snapshot.stdout.read()
        support.check_schema("netwatch-snapshot", text)
        figures = json.loads(text)["dns_analytics"]
        figures["latencies"] = sum(figures.pop("latency_buckets"))
        self.assertEqual(figures, {"latencies": 3, "total_queries": 3, "total_responses": 3, "nxdomain_count": 1,
                                   "unanswered_count": 0, "top_domains": [["www.example.com", 2], ["nosuch.example", 1]]})

    def test_lines_for_people(self):
        with subprocess.Popen([support.program(), "trace", "--dns", "-c", "dig", *self.space.only(), "--columns",
                               "comm,remote_name", "-d", "3"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, encoding="utf-8") as trace:
            self.assertIn("NAME", trace.stdout.readline())
            self.space.run("dig", f"@{SERVER}", "www.example.com")
            self.space.run("dig", f"@{SERVER}", "nosuch.example")
            text = trace.stdout.read()
        self.assertRegex(text, r"dns +dig .*A www\.example\.com\n")
        self.assertRegex(text, rf"dns +dig .*A www\.example\.com → {WEB} \+2 \d")
        self.assertRegex(text, r"dns +dig .*A nosuch\.example NXDOMAIN \d")


class PolledDns(Served):
    """Without eBPF, libpcap gets the packets of port 53, in the namespace whose sockets are polled."""

    def inside(self, source):
        """A trace that runs in the namespace."""
        return Trace("--dns", "--source", source,
                     prefix=["ip", "netns", "exec", self.space.name])

    def test_the_same_messages_and_names_of_connections_that_live(self):
        web = self.space.web(WEB, 8080)
        self.addCleanup(self.space.stop, web)
        code = ("import socket, sys, time; s = socket.create_connection(('www.example.com', 8080));"
                "time.sleep(2)")  # enough for several polls, also on a busy machine
        for source in ("sock_diag", "procfs"):
            with self.subTest(source), self.inside(source) as trace:
                client = self.space.start(sys.executable, "-c", code)
                self.assertEqual(client.wait(timeout=support.PATIENCE), 0)
                self.space.run("dig", "+tcp", "many.example")
                self.space.run("dig", "nosuch.example")
                time.sleep(0.5)
                ended = trace.stop()
                connects = [r for r in ended.of("connect") if r["pid"] == client.pid]
                self.assertEqual(
                    [(r["remote_addr"], r["remote_name"], r["name_source"], r["name_server"],
                      r["name_ttl_s"]) for r in connects],
                    [(WEB, "www.example.com", "host", f"{SERVER}:53", 77)])
                messages = ended.of("dns")
                for record in messages:  # its connection may be too short for a poll
                    if record["local_port"] == 53:
                        self.assertIn(record["comm"], ("dnsmasq", None) if record["proto"] == "tcp" else ("dnsmasq",))
                ends = [(r["dns"], r["passed"]) for r in messages if r["name"] == "nosuch.example"]
                self.assertEqual(ends, [("query", "sent"), ("query", "received"),
                                        ("answer", "sent"), ("answer", "received")])
                last = [r for r in messages if r["passed"] == "received" and r["dns"] == "answer"]
                self.assertEqual((last[-1]["rcode"], last[-1]["proto"]), ("NXDOMAIN", "udp"))
                self.assertIsNotNone(last[-1]["latency_us"])
                many = next(r for r in last if r["name"] == "many.example")
                self.assertEqual((many["proto"], {a["address"] for a in many["answers"]}),
                                 ("tcp", set(MANY)))
                door = next(d for d in ended.header["doors"] if d["observation"] == "dns messages")
                self.assertEqual((door["door"], door["refused"]), ("libpcap/port 53", None))

    def test_the_process_of_a_socket_that_lives(self):
        code = ("import socket, time; s = socket.socket(type=socket.SOCK_DGRAM);"
                f"s.connect(('{SERVER}', 53)); time.sleep(0.6);"
                "s.send(bytes.fromhex('000701000001000000000000')"
                "       + b'\\4real\\7example\\3net\\0\\0\\1\\0\\1');"
                "s.recv(512); time.sleep(0.6)")
        with self.inside("sock_diag") as trace:
            client = self.space.start(sys.executable, "-c", code)
            self.assertEqual(client.wait(timeout=support.PATIENCE), 0)
            time.sleep(0.3)
            mine = [r for r in trace.stop().of("dns") if r["pid"] == client.pid]
        self.assertEqual([(r["dns"], r["passed"], r["name"]) for r in mine],
                         [("query", "sent", "real.example.net"),
                          ("answer", "received", "real.example.net")])
        self.assertIsNotNone(mine[0]["cookie"])

    def test_what_only_passes_through_is_not_told(self):
        """The client is behind this host, which only forwards the messages."""
        with Namespace(SERVER) as client:
            join(client, self.space, "198.51.100.1", "198.51.100.2")
            with Namespace(SERVER, "203.0.113.53") as server:
                join(server, self.space, "198.18.0.1", "198.18.0.2")
                client.ip("route", "add", "default", "via", "198.51.100.2")
                server.ip("route", "add", "default", "via", "198.18.0.2")
                self.space.ip("route", "add", "203.0.113.53/32", "via", "198.18.0.1")
                self.space.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
                server.dnsmasq("203.0.113.53", "--host-record=far.example,203.0.113.1")
                with self.inside("sock_diag") as trace:
                    got = client.run("dig", "+short", "@203.0.113.53", "far.example")
                    self.assertEqual(got.stdout.strip(), "203.0.113.1")
                    got = client.run("dig", "+short", f"@{SERVER}", "real.example.net")
                    self.assertEqual(got.stdout.strip(), WEB)
                    time.sleep(0.4)
                    messages = trace.stop().of("dns")
        self.assertEqual([(r["name"], r["dns"], r["passed"]) for r in messages],
                         [("real.example.net", "query", "received"),
                          ("real.example.net", "answer", "sent")])

    def test_refused_it_costs_only_dns(self):
        library = re.search(r"libpcap\.so\.\S+ .*=> (\S+)",
                            subprocess.run(["ldconfig", "-p"], capture_output=True, check=True,
                                           encoding="utf-8").stdout)[1]
        without = ["unshare", "--mount", "sh", "-c",
                   f'mount --bind /dev/null "$(readlink -f {library})" && exec "$@"', "sh"]
        powerless = ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"]
        for prefix, why in ((without, "libpcap is not installed"), (powerless, "CAP_NET_RAW")):
            with self.subTest(why), Trace("--dns", "--source", "sock_diag", prefix=prefix) as trace:
                support.tcp_exchange()
                time.sleep(0.5)
                ended = trace.stop()
                door = next(d for d in ended.header["doors"] if d["observation"] == "dns messages")
                self.assertIn(why, door["refused"])
                self.assertIn("dns messages are not observed: " + door["refused"], ended.stderr)
                self.assertNotEqual(ended.of("close"), [])


if __name__ == "__main__":
    support.main(__name__)
