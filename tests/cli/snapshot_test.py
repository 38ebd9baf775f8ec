# SPDX-License-Identifier: Apache-2.0
"""`snapshot`: its JSON, CSV and table, and the filters, compared with the test's own sockets."""
import contextlib
import csv
import fcntl
import io
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import termios
import time
import unittest

import support

TEXT, NUMBER, TRUTH = str, int, bool

# Every field of a row: its type, and whether null is allowed.
FLOW_FIELDS = {
    "cookie": (NUMBER, True), "conn_id": (TEXT, True), "netns": (NUMBER, True), "proto": (TEXT, False),
    "family": (NUMBER, False), "local_addr": (TEXT, False), "local_port": (NUMBER, False),
    "remote_addr": (TEXT, True), "remote_port": (NUMBER, True), "direction": (TEXT, True),
    "pid": (NUMBER, True), "opener_pid": (NUMBER, True), "comm": (TEXT, True),
    "uid": (NUMBER, True), "cgroup_id": (NUMBER, True), "owner": (TEXT, False),
    "state": (TEXT, True), "tx_bytes": (NUMBER, True), "rx_bytes": (NUMBER, True),
    "tx_segments": (NUMBER, True), "rx_segments": (NUMBER, True),
    "retransmits": (NUMBER, True), "srtt_us": (NUMBER, True), "min_rtt_us": (NUMBER, True),
    "tx_rate": (NUMBER, True), "rx_rate": (NUMBER, True), "opened": (TEXT, True),
    "age_us": (NUMBER, True), "closed": (TRUTH, False),
}
# Fields that only some rows have.
SOME_FLOW_FIELDS = {"ipv6_only": (TRUTH, False), "other_end": (dict, False)}
COUNTERS = ("tx_bytes", "rx_bytes", "tx_segments", "rx_segments", "retransmits")
WITHOUT_COUNTERS = ("TIME_WAIT", "SYN_RECV", "NEW_SYN_RECV")
PROCESS_FIELDS = {
    "pid": (NUMBER, True), "comm": (TEXT, True), "uid": (NUMBER, True),
    "cgroup_id": (NUMBER, True), "open_flows": (NUMBER, False), "listeners": (NUMBER, False),
    "closed_flows": (NUMBER, False), "tx_bytes": (NUMBER, False), "rx_bytes": (NUMBER, False),
    "retransmits": (NUMBER, False), "srtt_us": (NUMBER, True), "tx_rate": (NUMBER, True),
    "rx_rate": (NUMBER, True),
}
DOCUMENT_FIELDS = {"schema", "host", "boot_id", "ts", "ts_ns", "interval_s", "source", "polled",
                   "lost", "doors", "flows", "processes"}
RFC3339 = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$"
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e]")
ALL_KINDS = ("tcp4", "tcp6", "udp4", "udp6", "listen4", "bound-udp4")
OTHER_USER = 65534
# Only this run uses it, because other runs may go on at the same time.
FIRST = f"first-{os.getpid()}"
SECOND = f"second-{os.getpid()}"


def setUpModule():
    support.need_root()


def shown_cookies(*arguments):
    """The cookies that a snapshot shows. From CSV, because a busy host has 100,000 sockets in TIME_WAIT."""
    done = support.run("snapshot", "-o", "csv", "--columns", "cookie", *arguments)
    if done.returncode != 0:
        raise AssertionError(f"snapshot {arguments} ended with {done.returncode}: {done.stderr}")
    return {int(line) for line in done.stdout.splitlines()[1:] if line}


def cookies_of(document):
    return {flow["cookie"] for flow in document["flows"]}


class Schema(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with support.Holder(*ALL_KINDS) as holder:
            cls.holder_pid = holder.pid
            cls.sockets = holder.sockets
            done = support.run("snapshot", "--json")
        cls.text = done.stdout
        cls.returncode = done.returncode
        cls.document = support.json.loads(done.stdout)
        cls.flows = {flow["cookie"]: flow for flow in cls.document["flows"]}

    def flow(self, kind, role):
        cookie = next(s["cookie"] for s in self.sockets[kind] if s["role"] == role)
        return self.flows[cookie]

    def check_row(self, row, fields):
        self.assertLessEqual(set(fields), set(row))
        for name, (kind, nullable) in fields.items():
            value = row[name]
            if value is None:
                self.assertTrue(nullable, f"{name} is null: {row}")
            else:
                self.assertIs(type(value), kind, f"{name}: {row}")
            if kind is NUMBER and value is not None:
                self.assertGreaterEqual(value, 0, f"{name}: {row}")

    def test_one_document_on_one_line(self):
        self.assertEqual(self.returncode, 0)
        self.assertEqual(self.text.count("\n"), 1)
        self.assertTrue(self.text.endswith("}\n"))
        self.assertLessEqual(DOCUMENT_FIELDS, set(self.document))
        self.assertEqual(self.document["schema"], "sockscope.snapshot.v1")
        self.assertEqual(self.document["host"], socket.gethostname())
        self.assertRegex(self.document["ts"], RFC3339)
        self.assertIsNone(self.document["interval_s"])
        self.assertEqual(set(self.document["lost"]), set(support.NO_LOSS))
        self.assertEqual((self.document["source"], self.document["polled"]), ("ebpf", False))
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            self.assertEqual(self.document["boot_id"], file.read().strip())

    def test_ts_and_ts_ns_are_the_same_moment(self):
        self.assertEqual(int(self.document["ts"][-10:-1]), self.document["ts_ns"] % 10**9)

    def test_no_number_is_in_scientific_notation(self):
        without_texts = re.sub(r'"(\\.|[^"\\])*"', '""', self.text)
        numbers = re.findall(r"[:\[,](-?[0-9][^,}\]]*)", without_texts)
        self.assertTrue(numbers)
        for number in numbers:
            self.assertRegex(number, r"^\d+$")

    def test_fields_of_each_row(self):
        self.assertTrue(self.document["flows"])
        for flow in self.document["flows"]:
            some = {name: kind for name, kind in SOME_FLOW_FIELDS.items() if name in flow}
            self.check_row(flow, FLOW_FIELDS | some)
            counters = [flow[counter] for counter in COUNTERS]
            if flow["proto"] == "udp":  # hooks count it, and a snapshot attaches none
                self.assertEqual(counters, [None] * len(COUNTERS), flow)
            elif flow["state"] not in WITHOUT_COUNTERS:
                self.assertNotIn(None, counters, flow)
        for process in self.document["processes"]:
            self.check_row(process, PROCESS_FIELDS)
        for door in self.document["doors"]:
            self.assertEqual(set(door), {"observation", "door", "refused"})

    def test_both_ends_of_a_connection(self):
        for kind, proto, family in (("tcp4", "tcp", 4), ("tcp6", "tcp", 6), ("udp4", "udp", 4),
                                    ("udp6", "udp", 6)):
            client = self.flow(kind, "client")
            server = self.flow(kind, "server")
            with self.subTest(kind):
                for flow in (client, server):
                    self.assertEqual((flow["proto"], flow["family"]), (proto, family))
                    self.assertEqual((flow["pid"], flow["comm"], flow["uid"], flow["owner"]),
                                     (self.holder_pid, "holder", 0, "bootstrap"))
                    self.assertFalse(flow["closed"])
                    self.assertEqual(flow["local_addr"], "127.0.0.1" if family == 4 else "::1")
                self.assertEqual(client["local_port"], server["remote_port"])
                self.assertEqual(server["local_port"], client["remote_port"])

    def test_bytes_of_tcp_connections_that_were_there_before(self):
        for kind in ("tcp4", "tcp6"):
            client = self.flow(kind, "client")
            server = self.flow(kind, "server")
            self.assertEqual((client["tx_bytes"], client["rx_bytes"]), (1000, 3000))
            self.assertEqual((server["tx_bytes"], server["rx_bytes"]), (3000, 1000))
            self.assertEqual(client["state"], "ESTABLISHED")
            self.assertGreater(client["srtt_us"], 0)

    def test_a_socket_without_peer_has_a_null_one(self):
        for kind, role, state in (("listen4", "listener", "LISTEN"), ("bound-udp4", "bound", None)):
            flow = self.flow(kind, role)
            self.assertEqual((flow["remote_addr"], flow["remote_port"]), (None, None))
            self.assertEqual(flow["state"], state)
        self.assertEqual(self.flow("listen4", "listener")["direction"], "listen")

    def test_sums_of_the_process(self):
        rows = [p for p in self.document["processes"] if p["pid"] == self.holder_pid]
        self.assertEqual(len(rows), 1)
        self.assertEqual((rows[0]["listeners"], rows[0]["open_flows"]), (3, 9))
        mine = [f for f in self.flows.values() if f["pid"] == self.holder_pid]
        for field in ("tx_bytes", "rx_bytes"):
            self.assertEqual(rows[0][field], sum(flow[field] or 0 for flow in mine))


class Filters(unittest.TestCase):
    """Exactly the requested sockets are shown. Two processes of different users hold sockets."""

    @classmethod
    def setUpClass(cls):
        cls.mine = support.Holder(*ALL_KINDS, name=FIRST.encode())
        cls.other = support.Holder("tcp4", "udp4", name=SECOND.encode(), uid=OTHER_USER)
        cls.mine.__enter__()
        cls.addClassCleanup(cls.mine.__exit__)
        cls.other.__enter__()
        cls.addClassCleanup(cls.other.__exit__)
        cls.both = cls.mine.cookies() | cls.other.cookies()

    def found(self, *arguments):
        """Those of the holders' sockets that a snapshot shows."""
        return shown_cookies(*arguments) & self.both

    def socket(self, kind, role, holder=None):
        return next(s for s in (holder or self.mine).sockets[kind] if s["role"] == role)

    def roles(self, *wanted):
        """Cookies by "kind role"."""
        return {self.socket(*each.split())["cookie"] for each in wanted}

    def test_without_a_filter_all(self):
        self.assertEqual(self.found(), self.both)

    def test_pid(self):
        document = support.snapshot("-p", str(self.mine.pid))
        self.assertEqual(cookies_of(document), self.mine.cookies())
        self.assertEqual([p["pid"] for p in document["processes"]], [self.mine.pid])
        both = f"{self.mine.pid},{self.other.pid}"
        self.assertEqual(cookies_of(support.snapshot("--pid", both)), self.both)

    def test_comm(self):
        self.assertEqual(cookies_of(support.snapshot("-c", FIRST)), self.mine.cookies())
        self.assertEqual(shown_cookies("-c", FIRST[:-1]), set())
        self.assertEqual(shown_cookies("-c", f"/^(first|second)-{os.getpid()}$/"), self.both)

    def test_user(self):
        self.assertEqual(self.found("-u", str(OTHER_USER)), self.other.cookies())
        self.assertEqual(self.found("-u", "nobody"), self.other.cookies())
        self.assertEqual(self.found("-u", "root"), self.mine.cookies())

    def test_netns(self):
        inode = os.stat("/proc/self/ns/net").st_ino
        for name in (str(inode), "/proc/self/ns/net", f"pid:{self.mine.pid}"):
            self.assertEqual(self.found("-n", name), self.both, name)

    def test_ports(self):
        listener = self.socket("tcp4", "listener")["local_port"]
        client = self.socket("tcp4", "client")["local_port"]
        self.assertEqual(self.found("-P", str(listener)),
                         self.roles("tcp4 listener", "tcp4 client", "tcp4 server"))
        self.assertEqual(self.found("-L", str(listener)),
                         self.roles("tcp4 listener", "tcp4 server"))
        self.assertEqual(self.found("-D", str(listener)), self.roles("tcp4 client"))
        self.assertEqual(self.found("-L", str(client), "-D", str(listener)),
                         self.roles("tcp4 client"))
        low, high = sorted((listener, client))
        self.assertLessEqual(self.roles("tcp4 client", "tcp4 server"),
                             self.found("-P", f"1,{low}-{high}"))
        self.assertEqual(self.found("-P", "1,2-3"), set())

    def test_family_and_protocol(self):
        six = self.mine.cookies("tcp6", "udp6")
        udp = self.mine.cookies("udp4", "udp6", "bound-udp4") | self.other.cookies("udp4")
        self.assertEqual(self.found("-6"), six)
        self.assertEqual(self.found("-4"), self.both - six)
        self.assertEqual(self.found("--udp"), udp)
        self.assertEqual(self.found("--tcp"), self.both - udp)
        self.assertEqual(self.found("--tcp", "-6"), self.mine.cookies("tcp6"))

    def test_filter_expression(self):
        port = self.socket("tcp6", "client")["local_port"]
        first = self.mine.cookies()
        for expression, wanted in (
                (f"pid:{self.mine.pid}", first),
                (f"comm={FIRST}", first),
                (f"comm:{FIRST.upper()}", first),
                (FIRST, first),
                (f"/^{SECOND}$/", self.other.cookies()),
                (f"!first -{os.getpid()}", self.other.cookies()),
                (f"{FIRST} | {SECOND}", self.both),
                (f"{FIRST} proto:tcp6", self.mine.cookies("tcp6")),
                (f"{FIRST} proto:udp", self.mine.cookies("udp4", "udp6", "bound-udp4")),
                (f"{FIRST} state:LISTEN", self.roles("tcp4 listener", "tcp6 listener",
                                                       "listen4 listener")),
                (f"sport:{port} {FIRST}", self.roles("tcp6 client")),
                (f"dport:{port} {FIRST}", self.roles("tcp6 server")),
                (f"{FIRST} dst:::1 state:est", self.roles("tcp6 client", "tcp6 server")),
                (f"{FIRST} dst:127.0.0.0/8 state:est", self.roles("tcp4 client", "tcp4 server")),
                (f"{SECOND} user:nobody state:lis",
                 {self.socket("tcp4", "listener", self.other)["cookie"]}),
                (f"{FIRST} txbytes>=3k", self.roles("tcp4 server", "tcp6 server")),
                (f"{FIRST} rxbytes=3000", self.roles("tcp4 client", "tcp6 client")),
                (f"{FIRST} owner:bootstrap", first),
                (f"{FIRST} owner:exact", set()),
                (f"{FIRST} rx>=0", set()),  # no rate is known in a single snapshot
        ):
            with self.subTest(expression):
                self.assertEqual(self.found("--filter", expression), wanted)

    def test_sort_rsort_and_top(self):
        pid = str(self.mine.pid)

        def bytes_sent(*arguments):
            return [f["tx_bytes"] for f in support.snapshot("-p", pid, "--sort", "tx_bytes",
                                                            *arguments)["flows"]]
        down = bytes_sent()
        known = [3000, 3000, 1000, 1000, 0, 0, 0]
        not_known = [None] * (len(self.mine.cookies()) - len(known))
        self.assertEqual(down, known + not_known)
        self.assertEqual(bytes_sent("--rsort"), known[::-1] + not_known)
        self.assertEqual(bytes_sent("--top", "3"), down[:3])
        self.assertEqual(bytes_sent("--top", "0"), down)

    def test_columns(self):
        done = support.run("snapshot", "-p", str(self.mine.pid), "-c", FIRST, "--columns",
                           "proto,cookie,comm", "--sort", "cookie", "--rsort", "-o", "csv")
        rows = list(csv.reader(io.StringIO(done.stdout)))
        self.assertEqual(rows[0], ["proto", "cookie", "comm"])
        self.assertEqual([int(row[1]) for row in rows[1:]], sorted(self.mine.cookies()))
        self.assertEqual({row[2] for row in rows[1:]}, {FIRST})

    def test_table(self):
        done = support.run("snapshot", "-p", str(self.mine.pid))
        heading, *rows = done.stdout.splitlines()
        self.assertEqual(heading.split()[:6], ["PROT", "ST", "LOCAL", "REMOTE", "PID", "COMMAND"])
        self.assertEqual(len(rows), len(self.mine.cookies()))
        self.assertTrue(all(FIRST in row for row in rows))


    def document(self, schema, *arguments):
        done = support.run("snapshot", "--json", "-p", str(self.mine.pid), *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        support.check_schema(schema, done.stdout)
        return json.loads(done.stdout)

    def test_columns_narrow_json(self):
        document = self.document("snapshot", "--columns", "cookie,comm,rtt", "--sort", "cookie",
                                 "--rsort")
        self.assertEqual(document["schema"], "sockscope.excerpt.v1")
        self.assertFalse({"doors", "processes"} & set(document))
        self.assertEqual([list(row) for row in document["flows"]],
                         [["cookie", "comm", "srtt_us"]] * len(self.mine.cookies()))
        self.assertEqual([row["cookie"] for row in document["flows"]], sorted(self.mine.cookies()))

    def test_processes_only(self):
        whole = support.snapshot("-p", str(self.mine.pid))
        document = self.document("snapshot", "--only", "processes")
        self.assertEqual(document["processes"], whole["processes"])
        self.assertNotIn("flows", document)
        document = self.document("snapshot", "--only", "processes", "--columns", "pid,conns")
        self.assertEqual(document["processes"], [{"pid": self.mine.pid,
                                                  "open_flows": whole["processes"][0]["open_flows"]}])
        done = support.run("snapshot", "-p", str(self.mine.pid), "--only", "processes")
        heading, row = done.stdout.splitlines()
        self.assertEqual(heading.split()[:4], ["PID", "COMMAND", "CONNS", "LISTEN"])
        self.assertEqual(row.split()[:2], [str(self.mine.pid), FIRST])

    def counted(self, *arguments):
        done = support.run("snapshot", "-p", str(self.mine.pid), *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_counts_are_those_of_sort_and_uniq(self):
        shown = self.counted("--columns", "proto,state,comm").splitlines()[1:]
        uniq = subprocess.run("sort | uniq -c", shell=True, input="\n".join(shown) + "\n",
                              encoding="utf-8", capture_output=True, check=True).stdout
        wanted = sorted((line.split() for line in uniq.splitlines()), key=lambda row: -int(row[0]))
        heading, *rows = self.counted("--count-by", "proto,state,comm").splitlines()
        self.assertEqual(heading.split(), ["COUNT", "PROT", "ST", "COMMAND"])
        self.assertGreater(len(rows), 3)
        self.assertEqual(sorted(row.split() for row in rows), sorted(wanted))
        counts = [int(row.split()[0]) for row in rows]
        self.assertEqual(counts, sorted(counts, reverse=True))

    def test_counts_in_each_format(self):
        rows = list(csv.DictReader(io.StringIO(self.counted("--count-by", "state,pid", "-o", "csv"))))
        document = self.document("counts", "--count-by", "state,pid")
        self.assertEqual(document["schema"], "sockscope.counts.v1")
        self.assertEqual([{"count": int(row["count"]), "state": row["state"] or None,
                           "pid": int(row["pid"])} for row in rows], document["counts"])
        self.assertIn("ESTABLISHED", {row["state"] for row in document["counts"]})
        self.assertEqual(sum(row["count"] for row in document["counts"]), len(self.mine.cookies()))
        fewest = self.document("counts", "--count-by", "state,pid", "--rsort", "--top", "1")
        self.assertEqual(fewest["counts"][0]["count"], document["counts"][-1]["count"])
        self.assertEqual(len(fewest["counts"]), 1)

    def test_counts_of_processes_and_of_nothing(self):
        document = self.document("counts", "--only", "processes", "--count-by", "comm,exe")
        self.assertEqual(document["counts"], [{"count": 1, "comm": FIRST,
                                               "exe": os.path.realpath(sys.executable)}])
        nothing = ("--count-by", "comm", "--filter", "comm=no-such-process")
        self.assertEqual(self.counted(*nothing), "COUNT COMMAND\n")
        self.assertEqual(self.document("counts", *nothing)["counts"], [])

    def test_counts_of_what_there_is_not(self):
        for words, said in ((["--count-by", "stat"], "did you mean 'state'"),
                            (["--count-by", ""], "unknown column ''"),
                            (["--count-by", "lport", "--only", "processes"], "unknown column"),
                            (["--count-by", "state", "--columns", "pid"], "excludes --count-by"),
                            (["--count-by", "state", "--sort", "pid"], "excludes --count-by"),
                            (["--count-by", "state", "--format", "netwatch"], "excludes --format"),
                            (["--only", "flows", "--format", "netwatch"], "excludes --format")):
            with self.subTest(words):
                done = support.run("snapshot", *words)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(said, done.stderr)


class OtherNamespace(unittest.TestCase):
    def test_sockets_of_another_network_namespace(self):
        if not shutil.which("unshare"):
            self.skipTest("unshare is not installed")
        with support.Holder("bound-udp4-any", "listen4-any",
                            prefix=("unshare", "--net", "--")) as holder:
            inode = os.stat(f"/proc/{holder.pid}/ns/net").st_ino
            for name in (str(inode), f"/proc/{holder.pid}/ns/net", f"pid:{holder.pid}"):
                document = support.snapshot("-n", name)
                self.assertEqual(cookies_of(document), holder.cookies(), name)
                self.assertEqual({f["pid"] for f in document["flows"]}, {holder.pid})
                self.assertEqual({f["netns"] for f in document["flows"]}, {inode})
            self.assertLessEqual(holder.cookies(), shown_cookies())


class TcpInfo(unittest.TestCase):
    """Compares the kernel's own numbers with those that the owner of the socket gets."""

    def setUp(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=7)
        self.addCleanup(self.listener.close)
        self.port = self.listener.getsockname()[1]
        self.client = socket.create_connection(("127.0.0.1", self.port))
        self.addCleanup(self.client.close)
        self.served = self.listener.accept()[0]
        self.addCleanup(self.served.close)
        self.client.setblocking(False)
        with contextlib.suppress(BlockingIOError):  # until both buffers are full, because nobody reads
            while True:
                self.client.send(b"x" * 65536)
        self.waiting = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(3)]
        for each in self.waiting:
            self.addCleanup(each.close)
        support.wait_for(lambda: self.queued(self.served, termios.FIONREAD) == self.settled(), "the buffers to fill")

    def settled(self):
        before = self.queued(self.served, termios.FIONREAD)
        time.sleep(0.3)
        return before

    @staticmethod
    def queued(sock, which):
        return struct.unpack("i", fcntl.ioctl(sock, which, b"\0" * 4))[0]

    def rows(self, *words):
        flows = support.snapshot("-L", str(self.port), *words)["flows"]
        flows += support.snapshot("-D", str(self.port), *words)["flows"]
        return {flow["cookie"]: flow for flow in flows}

    def test_are_those_that_the_socket_says(self):
        rows = self.rows("--tcp-info")
        for sock in (self.client, self.served):
            told = rows[support.cookie_of(sock)]["tcp_info"]
            info = struct.unpack_from("8B24I4Q", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256))
            # The order after the first eight bytes: rto ato snd_mss rcv_mss unacked sacked lost retrans
            # fackets, four times, pmtu rcv_ssthresh rtt rttvar snd_ssthresh snd_cwnd advmss reordering …
            rto, _, mss, _, _, _, lost = info[8:15]
            pmtu, _, _, rttvar, ssthresh, cwnd, _, reordering = info[21:29]
            self.assertEqual((told["mss"], told["lost"], told["pmtu"], told["cwnd"], told["reordering"]),
                             (mss, lost, pmtu, cwnd, reordering))
            self.assertEqual(told["ssthresh"], None if ssthresh >= 0x7fffffff else ssthresh)
            self.assertEqual((told["rto_us"], told["rttvar_us"]), (rto, rttvar))
            cc = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0").decode()
            self.assertEqual(told["cc"], cc)
            self.assertEqual(told["recv_queue"], self.queued(sock, termios.FIONREAD))
            self.assertEqual(told["send_queue"], self.queued(sock, termios.TIOCOUTQ))
        told = rows[support.cookie_of(self.client)]["tcp_info"]
        self.assertGreater(told["notsent"], 0)
        self.assertGreater(told["busy_us"], 100_000)
        self.assertGreater(told["rwnd_limited"], 50)

    def test_a_listeners_queue(self):
        row = self.rows("--tcp-info")[support.cookie_of(self.listener)]
        self.assertEqual(row["tcp_info"], {"recv_queue": 3, "send_queue": 7, "drops": 0})
        done = support.run("snapshot", "-L", str(self.port), "--filter", "state:listen recv_queue>2",
                           "--columns", "local,recv_queue,send_queue,cwnd", "-o", "csv")
        self.assertEqual(done.stdout, f"local,recv_queue,send_queue,cwnd\n127.0.0.1:{self.port},3,7,\n")

    def test_filters_and_order(self):
        cookie = support.cookie_of(self.client)
        for words, found in ((("--filter", "rwnd_limited>50"), True), (("--filter", "rwnd_limited<1"), False),
                             (("--filter", "notsent>0 cwnd>0"), True), (("--filter", "cc:nosuch"), False)):
            self.assertEqual(cookie in self.rows(*words), found, words)
        done = support.run("snapshot", "-P", str(self.port), "--columns", "cookie,send_queue", "--sort", "send_queue",
                           "-o", "csv")
        self.assertEqual(done.stdout.splitlines()[1], f"{cookie},{self.queued(self.client, termios.TIOCOUTQ)}")

    def test_not_asked_for(self):
        self.assertFalse([row for row in self.rows().values() if "tcp_info" in row])


class ExpectMatch(unittest.TestCase):
    def test_nothing_is_a_failure_where_it_is_asked_for(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = str(listener.getsockname()[1])
            for words in (("-L", port), ("--filter", f"sport:{port}")):
                self.assertEqual(support.run("snapshot", "--expect-match", *words).returncode, 0)
        for words in (("-L", port), ("--filter", f"sport:{port}")):
            self.assertEqual(support.run("snapshot", "--expect-match", *words).returncode, 1)
            self.assertEqual(support.run("snapshot", *words).returncode, 0)
        self.assertEqual(support.run("trace", "--expect-match", "-d", "0.3", "-P", port).returncode, 1)


# Only its second thread is in a namespace of its own, and listens there.
THREAD_ELSEWHERE = """
import ctypes, os, socket, sys, threading
def elsewhere():
    assert ctypes.CDLL(None).unshare(0x40000000) == 0
    with socket.create_server(("", 0)):
        print(os.stat("/proc/thread-self/ns/net").st_ino, flush=True)
        sys.stdin.read()
thread = threading.Thread(target=elsewhere)
thread.start()
thread.join()
"""


class NamedNamespace(unittest.TestCase):
    """A namespace made by 'ip netns', selected by its name, with each source."""

    def setUp(self):
        self.name = f"sockscope-n-{os.getpid()}"
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self.addCleanup(subprocess.run, ["ip", "netns", "del", self.name], check=True)
        subprocess.run(["ip", "-n", self.name, "link", "set", "lo", "up"], check=True)

    def test_every_source(self):
        with support.Holder("bound-udp4-any", "listen4-any",
                            prefix=("nsenter", f"--net=/run/netns/{self.name}")) as holder:
            inode = os.stat(f"/run/netns/{self.name}").st_ino
            ports = sorted(each["local_port"] for group in holder.sockets.values() for each in group)
            for source in ("ebpf", "sock_diag", "procfs"):
                for name in (self.name, f"/run/netns/{self.name}", str(inode), f"pid:{holder.pid}"):
                    with self.subTest(source=source, name=name):
                        flows = support.snapshot("-n", name, "--source", source)["flows"]
                        self.assertEqual(sorted(flow["local_port"] for flow in flows), ports)
                        self.assertEqual({flow["pid"] for flow in flows}, {holder.pid})
                        self.assertEqual({flow["netns"] for flow in flows}, {inode})

    def test_one_that_a_thread_is_in(self):
        with subprocess.Popen([sys.executable, "-c", THREAD_ELSEWHERE], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, encoding="utf-8") as process:
            inode = process.stdout.readline().strip()
            [flow] = support.snapshot("-n", inode)["flows"]
            self.assertEqual((flow["pid"], flow["state"]), (process.pid, "LISTEN"))
            process.stdin.close()

    def test_tables_show_its_name(self):
        with support.Holder("listen4-any", prefix=("nsenter", f"--net=/run/netns/{self.name}")):
            words = ("snapshot", "-n", self.name, "--columns", "netns,state")
            self.assertIn([self.name, "LIS"], [line.split() for line in
                                               support.run(*words).stdout.splitlines()])
            inode = str(os.stat(f"/run/netns/{self.name}").st_ino)
            self.assertIn(inode, support.run(*words, "-o", "csv").stdout)

    def test_its_own_numbers(self):
        with support.Holder("listen4-any", prefix=("nsenter", f"--net=/run/netns/{self.name}")):
            [flow] = support.snapshot("-n", self.name, "--tcp-info")["flows"]
            self.assertEqual(flow["tcp_info"]["recv_queue"], 0)

    def test_a_pipe_among_the_names(self):
        path = f"/run/netns/sockscope-p-{os.getpid()}"
        os.mkfifo(path)
        self.addCleanup(os.unlink, path)
        self.assertEqual(support.run("snapshot", "--source", "sock_diag", "-n", "4242").returncode, 2)

    def test_one_that_nobody_shows(self):
        for words in (("snapshot",), ("snapshot", "--source", "sock_diag"), ("snapshot", "--tcp-info"),
                      ("snapshot", "--source", "procfs"), ("top", "--once"), ("trace", "-d", "1"),
                      ("capture", "-d", "1", "-w", os.devnull)):
            with self.subTest(words):
                done = support.run(*words, "-n", "4242")
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn("cannot find network namespace 4242\n"
                              "  neither a name in /run/netns nor a process", done.stderr)
        for none in (".", "", "/etc/hostname"):
            done = support.run("snapshot", "-n", none)
            self.assertEqual(done.returncode, 2)
            self.assertIn("is no network namespace", done.stderr)
        done = support.run("snapshot", "-n", "no-such-name")
        self.assertEqual(done.returncode, 2)
        self.assertIn("/run/netns/no-such-name: No such file or directory", done.stderr)


class KernelsOwnSockets(unittest.TestCase):
    """A tunnel's socket, made by the kernel, in the test's own network namespace."""

    def owners(self, *words):
        port = support.free_port(socket.SOCK_DGRAM)
        script = (f"ip link set lo up && ip link add vx0 type vxlan id 5 dstport {port} local 127.0.0.1"
                  ' && ip link set vx0 up || exit 77; exec "$0" "$@"')
        done = subprocess.run(["unshare", "--net", "sh", "-c", script, support.program(), "snapshot",
                               "--json", "-L", str(port), *words], stdin=subprocess.DEVNULL,
                              capture_output=True, encoding="utf-8", timeout=support.PATIENCE, check=False)
        if done.returncode == 77:
            self.skipTest("this kernel has no vxlan")
        self.assertEqual(done.returncode, 0, done.stderr)
        support.check_schema("snapshot", done.stdout)
        return [(flow["owner"], flow["pid"], flow["comm"]) for flow in json.loads(done.stdout)["flows"]]

    def test_a_tunnels_socket_is_the_kernels(self):
        self.assertEqual(self.owners(), [("kernel", None, None)])
        self.assertEqual(self.owners("--filter", "owner:kernel"), [("kernel", None, None)])

    def test_polled_sources_do_not_know(self):
        self.assertEqual(self.owners("--source", "sock_diag"), [("unknown", None, None)])

    def test_what_processes_have_is_not_the_kernels(self):
        """The kernel also makes MPTCP's subflows, but for a process."""
        own_address = "127.83.5.7"  # other programs may use the same port with another protocol
        sockets = [socket.socket(), socket.socket(type=socket.SOCK_DGRAM)]
        try:
            sockets.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262))
        except OSError:
            pass  # this kernel has no MPTCP
        ports = []
        with contextlib.ExitStack() as stack:
            for each in sockets:
                stack.enter_context(each)
                each.bind((own_address, 0))
                if each.type == socket.SOCK_STREAM:
                    each.listen()
                ports.append(str(each.getsockname()[1]))
            flows = support.snapshot("-L", ",".join(ports))["flows"]
        flows = [flow for flow in flows if flow["local_addr"] == own_address]
        self.assertEqual(len(flows), len(sockets))
        self.assertNotIn("kernel", {flow["owner"] for flow in flows})


class HostileNames(unittest.TestCase):
    NAMES = [b"\x1b[2J\x1b]0;x\x07", b"two\nlines\r\t", b"\xff\xfe\xc3(\xa0\xa1", b'q"uo,te\\',
             b"\xc2\x9b31m\xc2\x85", "\u202eabc".encode(), "né日本".encode(), b"\xe2\x82"]

    def test_nothing_hostile_gets_through(self):
        for name in self.NAMES:
            with self.subTest(name), support.Holder("tcp4", name=name) as holder:
                self.check_table(holder)
                self.check_csv(holder)
                self.check_json(holder, name)

    def check_table(self, holder):
        for words in (["snapshot"], ["top", "--once", "--idle", "-i", "0.1"]):
            done = support.run(*words, "-p", str(holder.pid), text=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            text = done.stdout.decode("utf-8")
            self.assertIsNone(CONTROL.search(text), repr(text))
            self.assertEqual(text.count(f" {holder.pid} "), 3 if words[0] == "snapshot" else 4)

    def check_csv(self, holder):
        done = support.run("snapshot", "-p", str(holder.pid), "-o", "csv", "--columns",
                           "pid,comm,cookie", text=False)
        text = done.stdout.decode("utf-8")
        self.assertIsNone(CONTROL.search(text), repr(text))
        rows = list(csv.reader(io.StringIO(text)))
        self.assertEqual([len(row) for row in rows], [3] * 4)
        self.assertEqual({row[0] for row in rows[1:]}, {str(holder.pid)})

    def check_json(self, holder, name):
        done = support.run("snapshot", "--json", "-p", str(holder.pid), text=False)
        text = done.stdout.decode("utf-8")
        self.assertEqual(text.count("\n"), 1)
        comms = {flow["comm"] for flow in support.json.loads(text)["flows"]}
        self.assertEqual(len(comms), 1)
        if name.isascii():
            self.assertEqual(comms, {name.decode()})


if __name__ == "__main__":
    support.main()
