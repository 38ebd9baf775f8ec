# SPDX-License-Identifier: Apache-2.0
"""`trace`: its stream, how it ends, its filters and kinds of events."""
import csv
import io
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import support
from support import NO_LOSS, Trace

RFC3339 = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$"
CONNECTION_FIELDS = {
    "cookie", "netns", "proto", "family", "local_addr", "local_port", "remote_addr", "remote_port",
    "direction", "pid", "opener_pid", "comm", "uid", "cgroup_id", "owner", "state"}
CLOSE_FIELDS = {
    "tx_bytes", "rx_bytes", "tx_segments", "rx_segments", "retransmits", "srtt_us", "min_rtt_us",
    "duration_us"}
CLOSED_PORT = 1


def setUpModule():
    support.need_root()


def traffic(port):
    """Filters that leave only this test's own connections in a trace."""
    return "-P", str(port)


def refused_connection():
    """The local port of an attempt that is refused."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        if sock.connect_ex(("127.0.0.1", CLOSED_PORT)) == 0:
            raise AssertionError(f"somebody listens on port {CLOSED_PORT}")
        return port


class Server:
    """A listener of this process."""

    def __init__(self, family=socket.AF_INET):
        host = "127.0.0.1" if family == socket.AF_INET else "::1"
        self.listener = socket.create_server((host, 0), family=family)
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def connection(self):
        return support.tcp_client_exchange(self.listener)


def table_trace(*arguments, **options):
    """A trace that prints a table, its heading already read."""
    process = subprocess.Popen([support.program(), "trace", *arguments], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
                               **options)
    heading = process.stdout.readline()
    return process, heading


def start_ticks(pid):
    """The time since the host's boot, in hundredths of a second."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return int(file.read().rpartition(") ")[2].split()[19])


class Stream(unittest.TestCase):
    """The events of one connection of each kind, in one trace without a filter."""

    @classmethod
    def setUpClass(cls):
        with Server() as four, Server(socket.AF_INET6) as six, Trace() as trace:
            cls.before_ns = time.time_ns()
            cls.ports4 = (four.port, four.connection())
            cls.ports6 = (six.port, six.connection())
            cls.refused_port = refused_connection()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                udp.bind(("127.0.0.1", 0))
                udp.sendto(b"x" * 10, udp.getsockname())
                udp.recv(100)
                cls.udp_port = udp.getsockname()[1]
            cls.stream = trace.stop()
            cls.after_ns = time.time_ns()

    def own(self, kind, local_port):
        found = [e for e in self.stream.of(kind) if e["local_port"] == local_port
                 and e["pid"] == os.getpid()]
        self.assertEqual(len(found), 1, f"{kind} on port {local_port}: {found}")
        return found[0]

    def test_header(self):
        header = self.stream.header
        self.assertEqual(header["schema"], "sockscope.trace.v1")
        self.assertEqual(set(header), {"schema", "host", "boot_id", "start", "source", "polled",
                                       "lost", "doors"})
        self.assertEqual((header["source"], header["polled"]), ("ebpf", False))
        self.assertEqual(header["lost"], NO_LOSS)
        self.assertRegex(header["start"], RFC3339)
        unobserved = {d["observation"] for d in header["doors"]} - {
            d["observation"] for d in header["doors"] if d["refused"] is None}
        self.assertEqual(unobserved, set())

    def test_end(self):
        self.assertEqual((self.stream.returncode, self.stream.stderr), (0, ""))
        self.assertEqual(set(self.stream.end), {"event", "ts", "ts_ns", "events", "lost"})
        self.assertEqual(self.stream.end["events"], len(self.stream.events))
        self.assertEqual(self.stream.end["lost"], NO_LOSS)

    def test_fields_of_every_event(self):
        for event in self.stream.of_connections():
            self.assertLessEqual(CONNECTION_FIELDS, set(event))
            self.assertRegex(event["ts"], RFC3339)
            self.assertEqual(int(event["ts"][-10:-1]), event["ts_ns"] % 10**9)
            numbers = [v for v in event.values() if v is not None and not isinstance(v, (str, bool))]
            self.assertTrue(all(type(v) is int and v >= 0 for v in numbers), event)
        for event in self.stream.of("close"):
            self.assertLessEqual(CLOSE_FIELDS, set(event))
            self.assertIs(event["final"], True)

    def test_times_are_of_the_wall_clock(self):
        for kind, port in (("connect", self.ports4[1]), ("close", self.ports4[0])):
            self.assertTrue(self.before_ns <= self.own(kind, port)["ts_ns"] <= self.after_ns)

    def test_both_ends_of_a_connection(self):
        for server_port, client_port in (self.ports4, self.ports6):
            connect = self.own("connect", client_port)
            accept = self.own("accept", server_port)
            self.assertEqual((connect["direction"], accept["direction"]), ("outbound", "inbound"))
            self.assertGreater(connect["latency_us"], 0)
            for event in (connect, accept):
                self.assertEqual(event["state"], "ESTABLISHED")
                self.assertEqual(event["opener_pid"], os.getpid())
            client = self.own("close", client_port)
            server = self.own("close", server_port)
            self.assertEqual((client["tx_bytes"], client["rx_bytes"]), (4, 5))
            self.assertEqual((server["tx_bytes"], server["rx_bytes"]), (5, 4))
            self.assertEqual(client["cookie"], connect["cookie"])
            self.assertEqual(server["cookie"], accept["cookie"])
            self.assertAlmostEqual(client["duration_us"] * 1000,
                                   client["ts_ns"] - connect["ts_ns"], delta=5_000_000)

    def test_refused_connection(self):
        failed = self.own("connect_failed", self.refused_port)
        self.assertEqual((failed["error"], failed["remote_port"]), ("ECONNREFUSED", CLOSED_PORT))
        self.assertGreaterEqual(failed["latency_us"], 0)

    def test_udp_socket(self):
        close = self.own("close", self.udp_port)
        self.assertEqual((close["proto"], close["state"], close["remote_addr"]),
                         ("udp", None, None))
        self.assertEqual((close["tx_bytes"], close["rx_bytes"]), (10, 10))
        self.assertEqual((close["tx_segments"], close["rx_segments"]), (1, 1))


class OtherNamespaces(unittest.TestCase):
    # The clocks of a time namespace are ahead of the host's, or behind them.
    TIME = ("unshare", "--time", "--monotonic", "8640000", "--boottime", "8640000", "--fork")

    def test_of_time(self):
        for source in ("ebpf", "sock_diag"):
            with self.subTest(source=source), Server() as server, \
                 Trace("--source", source, "--describe", "-d", "2", *traffic(server.port),
                       prefix=self.TIME) as trace:
                before = time.time()
                with socket.create_connection(("127.0.0.1", server.port)), \
                     server.listener.accept()[0]:
                    after = time.time()
                    trace = trace.ended()
                connected = trace.of("connect") + trace.of("accept")
                self.assertTrue(connected)
                for event in connected:
                    self.assertGreater(event["ts_ns"] / 1e9, before - 3600, event)
                    self.assertLess(event["ts_ns"] / 1e9, after + 3600, event)
                    if event["pid"] == os.getpid():
                        self.assertEqual(event["exe"], os.readlink("/proc/self/exe"))
                        self.assertEqual(event["start_ns"] // 10**7, start_ticks(os.getpid()))


class Ending(unittest.TestCase):
    def test_reader_that_takes_one_line(self):
        for arguments in ([], ["--json"], ["-o", "csv"]):
            with self.subTest(arguments):
                process, heading = table_trace(*arguments)
                self.assertTrue(heading)
                began = time.monotonic()
                process.stdout.close()
                self.assertEqual(process.wait(timeout=support.PATIENCE), 0)
                self.assertLess(time.monotonic() - began, 2)
                self.assertEqual(process.stderr.read(), "")
                process.stderr.close()

    def test_reader_that_leaves_while_lines_come(self):
        with Server() as server:
            process, _ = table_trace(*traffic(server.port))
            process.stdout.close()
            for _ in range(20):
                server.connection()
            self.assertEqual(process.wait(timeout=support.PATIENCE), 0)
            self.assertEqual(process.stderr.read(), "")
            process.stderr.close()

    def test_signals_end_a_table_with_a_summary(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number), Server() as server:
                process, _ = table_trace(*traffic(server.port))
                server.connection()
                process.send_signal(number)
                table, summary = process.communicate(timeout=support.PATIENCE)
                self.assertEqual(process.returncode, 0)
                self.assertEqual(len(table.splitlines()), 4)
                self.assertEqual(summary, "sockscope: 1 connect, 1 accept, 2 close, lost 0\n")

    def test_quiet_leaves_the_summary_out(self):
        done = support.run("trace", "-q", "-d", "0.1", *traffic(CLOSED_PORT))
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_signals_end_a_stream_with_its_end_record(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number), Server() as server, Trace(*traffic(server.port)) as trace:
                server.connection()
                stream = trace.stop(number)
                self.assertEqual(stream.returncode, 0)
                self.assertEqual(stream.end["events"], 4)

    def test_what_happened_before_the_signal_is_told(self):
        """This includes the accept that is still held back."""
        with Server() as server, Trace(*traffic(server.port)) as trace:
            with socket.create_connection(("127.0.0.1", server.port)):
                stream = trace.stop()
        self.assertEqual([e["event"] for e in stream.of_connections()], ["connect", "accept"])

    def test_duration(self):
        began = time.monotonic()
        done = support.run("trace", "--json", "-d", "0.5", *traffic(CLOSED_PORT))
        took = time.monotonic() - began
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(len(done.stdout.splitlines()), 2)
        self.assertTrue(0.5 <= took < 5, took)

    def test_count(self):
        with Server() as server, Trace("--count", "3", *traffic(server.port)) as trace:
            server.connection()
            stream = trace.ended()
        self.assertEqual((stream.returncode, len(stream.events)), (0, 3))
        self.assertEqual(stream.end["events"], 3)

    def test_full_disk(self):
        for words in (["trace", "-d", "1"], ["trace", "--json", "-d", "1"], ["snapshot"],
                      ["snapshot", "--json"], ["top", "--once", "-i", "0.1"]):
            with self.subTest(" ".join(words)), open("/dev/full", "wb") as full:
                done = support.run(*words, stdout=full)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertRegex(done.stderr, "^sockscope: cannot write the output: No space left")

    def test_output_that_is_closed(self):
        try:
            done = subprocess.run(["sh", "-c", 'exec "$0" trace -d 0.5 >&-', support.program()],
                                  stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
                                  timeout=10, check=False)
        except subprocess.TimeoutExpired:
            self.fail("hangs")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("cannot write the output", done.stderr)


class Filters(unittest.TestCase):
    """Each filter passes exactly the wanted ends of two connections, one of IPv4 and one of IPv6."""

    def traced(self, *arguments):
        """(event, end) of this test's connections, end as "client4"."""
        with Server() as four, Server(socket.AF_INET6) as six:
            words = [{"PORT4": str(four.port), "PORT6": str(six.port)}.get(a, a) for a in arguments]
            with Trace(*words) as trace:
                ends = {}
                for version, server in (("4", four), ("6", six)):
                    ends[server.port] = "server" + version
                    ends[server.connection()] = "client" + version
                events = trace.stop().of_connections()
        return {(e["event"], ends[e["local_port"]]) for e in events
                if e["pid"] == os.getpid() and e["local_port"] in ends}

    FOUR = {("connect", "client4"), ("accept", "server4"), ("close", "client4"),
            ("close", "server4")}
    SIX = {(kind, end.replace("4", "6")) for kind, end in FOUR}

    def test_each(self):
        pid = str(os.getpid())
        with open("/proc/self/comm", encoding="utf-8") as file:
            comm = file.read().rstrip("\n")
        client4 = {("connect", "client4"), ("close", "client4")}
        for arguments, wanted in (
                ([], self.FOUR | self.SIX),
                (["-p", pid], self.FOUR | self.SIX),
                (["-p", "1"], set()),
                (["-c", comm], self.FOUR | self.SIX),
                (["-c", "/^no such name$/"], set()),
                (["-u", "root"], self.FOUR | self.SIX),
                (["-u", "65534"], set()),
                (["-n", "pid:" + pid], self.FOUR | self.SIX),
                (["-P", "PORT4"], self.FOUR),
                (["-L", "PORT4"], self.FOUR - client4),
                (["-D", "PORT4"], client4),
                (["-4"], self.FOUR),
                (["-6"], self.SIX),
                (["--tcp"], self.FOUR | self.SIX),
                (["--udp"], set()),
                (["-x"], set()),
                (["--filter", f"pid:{pid} proto:tcp4 dir:out"], client4),
                (["--filter", "txbytes=5"], {("close", "server4"), ("close", "server6")}),
                (["--filter", "dir:in", "-6", "-p", pid],
                 {("accept", "server6"), ("close", "server6")}),
        ):
            with self.subTest(arguments):
                self.assertEqual(self.traced(*arguments), wanted)

    def test_kinds_of_events(self):
        for expression, wanted in (
                ("event:connect", {("connect", "client4"), ("connect", "client6")}),
                ("event:accept,close dir:in", {(k, e) for k, e in self.FOUR | self.SIX if "server" in e}),
                ("!event:close dir:out", {("connect", "client4"), ("connect", "client6")}),
                ("event:reset", set()), ("rcode:nxdomain", set())):
            with self.subTest(expression):
                self.assertEqual(self.traced("--filter", expression), wanted)

    def test_what_a_filter_names_is_observed(self):
        """No other option is needed."""
        with Server() as server, Trace("--filter", "event:exec | event:data,state",
                                       "-p", str(os.getpid())) as trace:
            server.connection()
            stream = trace.stop()
        self.assertEqual({e["event"] for e in stream.of_connections()}, {"data", "state"})
        with Trace("--filter", "event:exec cmdline:marker-of-this-test") as trace:
            subprocess.run(["true", "marker-of-this-test"], check=True)
            stream = trace.stop()
        self.assertEqual([(e["event"], e["comm"]) for e in stream.of_connections()],
                         [("exec", "true")])

    def test_events_are_asked_for_where_there_are_none(self):
        for words in (["snapshot"], ["top", "--once"], ["story"], ["trace", "--alerts"]):
            for expression in ("event:close", "!rcode:nxdomain"):
                with self.subTest(words):
                    done = support.run(*words, "--filter", expression)
                    self.assertEqual((done.returncode, done.stdout), (2, ""))
                    self.assertIn("there are no events here", done.stderr)

    def test_failures_only(self):
        with Server() as server, Trace("-x", "-p", str(os.getpid())) as trace:
            server.connection()
            port = refused_connection()
            events = trace.stop().of_connections()
        self.assertEqual([(e["event"], e["local_port"]) for e in events],
                         [("connect_failed", port)])


class KindsOfEvents(unittest.TestCase):
    def events_of_a_connection(self, *arguments):
        with Server() as server, Trace(*arguments, *traffic(server.port)) as trace:
            client_port = server.connection()
            events = trace.stop().of_connections()
        return [e for e in events if e["local_port"] in (client_port, None)], events

    def test_attempts(self):
        client, _ = self.events_of_a_connection("--attempts")
        self.assertEqual([e["event"] for e in client], ["attempt", "connect", "close"])
        self.assertEqual(client[0]["pid"], os.getpid())
        self.assertEqual([e["local_port"] is None for e in client], [True, False, False])

    def test_an_attempt_from_a_port_that_the_process_chose(self):
        with Server() as server, Trace("--attempts", *traffic(server.port)) as trace:
            port = support.free_port()
            with socket.create_connection(("127.0.0.1", server.port),
                                          source_address=("127.0.0.1", port)):
                server.listener.accept()[0].close()
            stream = trace.stop()
        self.assertEqual([e["local_port"] for e in stream.of("attempt")], [port])

    def test_listen_drops(self):
        """The drops add up to the kernel's count for the listener."""
        with socket.create_server(("127.0.0.1", 0), backlog=1) as listener:
            port = listener.getsockname()[1]
            with Trace("--listen-drops", *traffic(port)) as trace:
                clients = [socket.socket() for _ in range(6)]
                for client in clients:
                    client.setblocking(False)
                    client.connect_ex(("127.0.0.1", port))
                before = drops_of(listener)
                stream = trace.stop()
                after = drops_of(listener)
                for client in clients:
                    client.close()
        told = stream.of("listen_drop")
        self.assertGreaterEqual(before, 1)
        self.assertTrue(before <= sum(e["dropped"] for e in told) <= after, (before, told, after))
        for event in told:
            self.assertEqual((event["waiting"], event["backlog"]), (2, 1))
            self.assertEqual((event["local_port"], event["pid"], event["direction"]),
                             (port, os.getpid(), "listen"))

    def test_listen_drops_that_a_filter_names(self):
        with socket.create_server(("127.0.0.1", 0), backlog=1) as listener:
            port = listener.getsockname()[1]
            with Trace("--filter", f"event:listen_drop port:{port}") as trace:
                clients = [socket.socket() for _ in range(6)]
                for client in clients:
                    client.setblocking(False)
                    client.connect_ex(("127.0.0.1", port))
                stream = trace.stop()
                for client in clients:
                    client.close()
        self.assertEqual({e["event"] for e in stream.of_connections()}, {"listen_drop"})

    def test_listen_drops_of_another_network_namespace(self):
        name = f"drops-{os.getpid()}"
        subprocess.run(["ip", "netns", "add", name], check=True)
        self.addCleanup(subprocess.run, ["ip", "netns", "del", name], check=True)
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        with Trace("--listen-drops", "-n", name) as trace:
            with subprocess.Popen(["ip", "netns", "exec", name, sys.executable, "-c", KNOCKS],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  encoding="utf-8") as knocks:
                port = int(knocks.stdout.readline())
                stream = trace.stop()
                knocks.stdin.close()
        told = stream.of("listen_drop")
        self.assertGreaterEqual(len(told), 1)
        self.assertEqual({e["local_port"] for e in told}, {port})
        self.assertEqual({e["pid"] for e in told}, {knocks.pid})

    def test_states(self):
        client, every = self.events_of_a_connection("--states")
        changes = [(e["old_state"], e["state"]) for e in client if e["event"] == "state"]
        self.assertEqual(changes[:3], [("CLOSE", "SYN_SENT"), ("SYN_SENT", "ESTABLISHED"),
                                       ("ESTABLISHED", "CLOSE_WAIT")])
        self.assertEqual(changes[-1][1], "CLOSE")
        self.assertIn(("SYN_RECV", "ESTABLISHED"),
                      [(e["old_state"], e["state"]) for e in every if e["event"] == "state"])

    def test_data(self):
        _, every = self.events_of_a_connection("--data", "-p", str(os.getpid()))
        calls = [(e["call"], e["bytes"]) for e in every if e["event"] == "data"]
        self.assertEqual(calls, [("send", 4), ("recv", 4), ("send", 5), ("recv", 5)])

    def test_reset(self):
        with Server() as server, Trace(*traffic(server.port)) as trace:
            client = socket.create_connection(("127.0.0.1", server.port))
            served, _ = server.listener.accept()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
            served.close()
            stream = trace.stop()
        self.assertEqual({e["reset"] for e in stream.of("reset")}, {"sent", "received"})


# Fills the queue of its own listener; ends when its standard input ends.
KNOCKS = """
import socket, sys
listener = socket.create_server(("127.0.0.1", 0), backlog=1)
clients = [socket.socket() for _ in range(6)]
for client in clients:
    client.setblocking(False)
    client.connect_ex(listener.getsockname())
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
"""


def drops_of(sock):
    """SO_MEMINFO (55): the last of nine numbers counts the socket's drops."""
    return struct.unpack("9I", sock.getsockopt(socket.SOL_SOCKET, 55, 36))[8]


class Table(unittest.TestCase):
    def lines_of_a_connection(self, *arguments):
        with Server() as server:
            process, heading = table_trace(*arguments, *traffic(server.port))
            server.connection()
            process.send_signal(signal.SIGINT)
            table, _ = process.communicate(timeout=support.PATIENCE)
        return heading.rstrip("\n"), table.splitlines()

    def test_usual_columns(self):
        heading, lines = self.lines_of_a_connection()
        self.assertEqual(heading.split(), ["TIME", "EVENT", "PID", "COMMAND", "PROT", "LOCAL",
                                           "REMOTE", "DETAIL"])
        self.assertEqual(len(lines), 4)
        self.assertTrue(all(f" {os.getpid()} " in line for line in lines))

    def test_no_name_moves_the_columns(self):
        code = ("import ctypes, socket, sys; ctypes.CDLL(None).prctl(15, sys.argv[2].encode());"
                "socket.socket().connect_ex(('127.0.0.1', int(sys.argv[1])))")
        process, heading = table_trace("--filter", "comm:columns", "--attempts")
        for name in ("columns", "columns-15-long"):
            subprocess.run([sys.executable, "-c", code, "1", name], check=True)
        process.send_signal(signal.SIGINT)
        table, _ = process.communicate(timeout=support.PATIENCE)
        lines = table.splitlines()
        self.assertEqual([line.split()[1] for line in lines], ["attempt", "reset", "connect_failed"] * 2)
        self.assertEqual({line.index(" tcp ") for line in lines}, {heading.index(" PROT")})
        self.assertEqual([line.split()[5] for line in lines][::3], ["127.0.0.1:*"] * 2)

    def test_timestamps(self):
        for words, pattern in (([], r"\d\d:\d\d:\d\d\.\d{3}"), (["-t"], r"\d\d:\d\d:\d\d\.\d{3}"),
                               (["--timestamps=abs"], r"\d\d:\d\d:\d\d\.\d{3}"),
                               (["-t", "rel"], r"\d\.\d{6}"), (["--timestamps=ns"], r"\d{19}"),
                               (["--timestamps", "iso"], RFC3339[1:-1])):
            with self.subTest(words):
                _, lines = self.lines_of_a_connection(*words)
                for line in lines:
                    self.assertRegex(line, f"^{pattern} +(connect|accept|close) ")

    def test_columns_chosen(self):
        heading, lines = self.lines_of_a_connection("--columns", "rport,comm,lport")
        self.assertEqual(heading.split(), ["TIME", "EVENT", "RPORT", "COMMAND", "LPORT", "DETAIL"])
        self.assertEqual(len(lines), 4)

    def test_csv(self):
        with Server() as server:
            process, heading = table_trace("-o", "csv", *traffic(server.port))
            server.connection()
            process.send_signal(signal.SIGINT)
            text, _ = process.communicate(timeout=support.PATIENCE)
        columns = heading.strip().split(",")
        self.assertEqual(columns[:5], ["ts_ns", "event", "proto", "local", "remote"])
        rows = [dict(zip(columns, row, strict=True)) for row in csv.reader(io.StringIO(text))]
        self.assertEqual(sorted(r["event"] for r in rows), ["accept", "close", "close", "connect"])
        self.assertEqual({r["pid"] for r in rows}, {str(os.getpid())})
        closes = {(r["tx_bytes"], r["rx_bytes"]) for r in rows if r["event"] == "close"}
        self.assertEqual(closes, {("4", "5"), ("5", "4")})
        self.assertTrue(all(re.fullmatch(r"\d{19}", r["ts_ns"]) for r in rows))
        for row in rows:
            known = {name for name in ("latency_us", "duration_us", "error", "dns_name") if row[name]}
            self.assertLessEqual(known, {"connect": {"latency_us"}, "close": {"duration_us"}}.get(row["event"], set()))
        self.assertEqual(len([r for r in rows if r["event"] == "close" and r["duration_us"]]), 2)

    def test_columns_narrow_json(self):
        """Against the same trace without --columns, running at the same time."""
        columns = ("--columns", "comm,remote,rx_bytes,state,unit")
        with Server() as server, Trace("--describe", *traffic(server.port)) as whole, \
             Trace(*traffic(server.port), *columns, schema="trace-excerpt") as narrow:
            client_port = server.connection()
            narrow, whole = narrow.stop(), whole.stop()
        self.assertEqual(narrow.header["schema"], "sockscope.trace-excerpt.v1")
        self.assertEqual(narrow.end["events"], 4)
        shown = ["comm", "remote_addr", "remote_port", "rx_bytes", "state", "unit"]
        own = {"connect": ["latency_us"], "accept": [], "close": ["duration_us", "final"]}
        for event in narrow.events:
            kind = event["event"]
            self.assertEqual(sorted(event), sorted(
                ["event", "ts", "ts_ns", *own[kind],
                 *(name for name in shown if name != "rx_bytes" or kind == "close")]))
            [same] = [e for e in whole.of(kind) if e["remote_port"] == event["remote_port"]]
            self.assertEqual({name: same[name] for name in shown if name in event},
                             {name: event[name] for name in shown if name in event})
        self.assertEqual({(e["remote_port"], e["rx_bytes"]) for e in narrow.of("close")},
                         {(server.port, 5), (client_port, 4)})

    def test_what_failed_stays_in_narrow_json(self):
        with Trace("-x", "-p", str(os.getpid()), "--columns", "lport",
                   schema="trace-excerpt") as trace:
            port = refused_connection()
            [event] = trace.stop().of_connections()
        self.assertEqual((event["local_port"], event["error"]), (port, "ECONNREFUSED"))
        self.assertFalse({"pid", "remote_addr", "rx_bytes"} & set(event))

    def test_csv_says_why_a_connection_failed(self):
        process, heading = table_trace("-o", "csv", "-x", "-p", str(os.getpid()))
        port = refused_connection()
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=support.PATIENCE)
        [row] = [row for row in csv.DictReader(io.StringIO(heading + text))
                 if row["local"] == f"127.0.0.1:{port}"]
        self.assertEqual((row["event"], row["error"]), ("connect_failed", "ECONNREFUSED"))

    def test_lines_come_at_once(self):
        with Server() as server:
            process, _ = table_trace(*traffic(server.port))
            server.connection()
            lines = [process.stdout.readline() for _ in range(4)]  # hangs if they are held back
            process.kill()
            process.communicate()
        self.assertTrue(all(lines))


# Connects, starts a child that connects and one that ends at once, prints, and exits with 7.
SCRIPT = """
import socket, subprocess, sys
def connect(port):
    with socket.create_connection(("127.0.0.1", port)) as s: s.recv(1)
port = int(sys.argv[1])
if len(sys.argv) > 2:
    connect(port)
else:
    connect(port)
    subprocess.run([sys.executable, __file__, sys.argv[1], "child"], check=True)
    print("what the script says", flush=True)
    sys.exit(7)
"""


class Followed(unittest.TestCase):
    """trace -- PROGRAM: only the program and the processes that it starts."""

    def run_script(self, *words):
        with Server() as server, tempfile.NamedTemporaryFile("w", suffix=".py") as script:
            script.write(SCRIPT)
            script.flush()
            process = subprocess.Popen([support.program(), "trace", "--json", *words, "--", sys.executable,
                                        script.name, str(server.port)], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
            for _ in range(2):
                server.listener.accept()[0].close()
            with socket.create_connection(("127.0.0.1", server.port)):  # not a connection of the script
                out, said = process.communicate(timeout=support.PATIENCE)
        support.check_schema("trace", out)
        lines = [json.loads(line) for line in out.splitlines()]
        return process.returncode, lines[1:-1], said, server.port

    def test_it_and_what_it_starts(self):
        code, events, said, port = self.run_script()
        self.assertEqual(code, 7)
        self.assertEqual(said, "what the script says\n")  # only the trace writes to standard output
        self.assertEqual([e["event"] for e in events], ["connect", "close"] * 2)
        self.assertEqual({e["remote_port"] for e in events}, {port})
        self.assertEqual(len({e["pid"] for e in events}), 2)
        self.assertNotIn(os.getpid(), {e["pid"] for e in events})

    def test_with_its_processes(self):
        _, events, _, _ = self.run_script("--processes")
        kinds = [(e["event"], e["pid"]) for e in events]
        [root] = {e["parent_pid"] for e in events if e["event"] == "fork"}
        [child] = {e["pid"] for e in events if e["event"] == "fork"}
        for wanted in (("exec", root), ("fork", child), ("exec", child), ("exit", child), ("exit", root)):
            self.assertIn(wanted, kinds)
        self.assertEqual({pid for _, pid in kinds}, {root, child})

    def test_only_what_is_chosen(self):
        _, events, _, _ = self.run_script("-x")
        self.assertEqual(events, [])
        _, events, _, port = self.run_script("-P", "1")
        self.assertEqual(events, [])

    def exit_code(self, *program):
        done = support.run("trace", "--json", "--", *program)
        return done.returncode, done.stderr

    def test_how_it_ends(self):
        self.assertEqual(self.exit_code("true"), (0, ""))
        self.assertEqual(self.exit_code("sh", "-c", "kill -9 $$"), (137, ""))
        code, said = self.exit_code("/no/such/program")
        self.assertEqual((code, said), (127, "sockscope: cannot run /no/such/program: No such file or directory\n"))
        code, said = self.exit_code("/etc")
        self.assertEqual((code, said), (127, "sockscope: cannot run /etc: Permission denied\n"))

    def test_it_begins_as_if_started_by_the_shell(self):
        """The program does not inherit sockscope's ignored and blocked signals, nor its limits."""
        program = ("sh", "-c", "grep -E '^Sig(Blk|Ign)' /proc/self/status; ulimit -n; ls /proc/self/fd | wc -l")
        own = subprocess.run(program, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
                             check=True).stdout
        self.assertEqual(self.exit_code(*program), (0, own))

    def test_who_is_stopped_before_it_ends_says_all(self):
        with subprocess.Popen([support.program(), "trace", "--json", "-d", "1", "--", "sleep", "3"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, encoding="utf-8") as process:
            out, _ = process.communicate(timeout=support.PATIENCE)
        self.assertEqual((process.returncode, json.loads(out.splitlines()[-1])["event"]), (0, "end"))

    def test_whoever_starts_it_ignores_the_ends_of_children(self):
        words = ("trap '' CHLD; exec \"$0\" trace --json -- sh -c 'exit 3'", support.program())
        done = subprocess.run(["bash", "-c", *words], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=support.PATIENCE, check=False)
        self.assertEqual(done.returncode, 3)

    def test_a_stop_waits_for_the_program_once(self):
        program = "trap 'sleep 2; exit 9' TERM; echo ready >&2; while :; do sleep 0.1; done"
        with subprocess.Popen([support.program(), "trace", "--json", "--", "sh", "-c", program],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              encoding="utf-8", start_new_session=True) as process:
            self.assertEqual(process.stderr.readline(), "ready\n")
            os.killpg(process.pid, signal.SIGTERM)  # Ctrl-C reaches both, too
            out, said = process.communicate(timeout=support.PATIENCE)
        self.assertEqual(process.returncode, 9)
        self.assertIn("waiting for the program to end", said)
        self.assertEqual(json.loads(out.splitlines()[-1])["event"], "end")

    def test_the_second_stop_does_not(self):
        with subprocess.Popen([support.program(), "trace", "--json", "--", "sh", "-c", "echo $$ >&2; exec sleep 60"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              encoding="utf-8") as process:
            pid = int(process.stderr.readline())
            process.terminate()
            self.assertIn("waiting", process.stderr.readline())
            process.terminate()
            process.wait(timeout=support.PATIENCE)
            os.kill(pid, signal.SIGKILL)
            said = process.stderr.read()
        self.assertIn(f"the program goes on as process {pid}", said)

    def test_what_makes_no_sense(self):
        for words, why in ((("trace", "--alerts", "--", "true"), "--alerts runs no program"),
                           (("trace", "--"), "after -- comes a program"),
                           (("story", "--"), "after -- comes a program"),
                           (("trace", "--filter", "cwnd>1"), "only snapshots do"),
                           (("trace", "--columns", "cwnd"), "only snapshots do"),
                           (("story", "--filter", "cwnd>1"), "only snapshots do"),
                           (("capture", "-w", "/dev/null", "--filter", "cwnd>1"), "only snapshots do")):
            done = support.run(*words)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(why, done.stderr)

    def test_in_a_pid_namespace_of_its_own(self):
        """In a pid namespace the events have the host's pids, so another process would be taken for the
        program."""
        done = subprocess.run(["unshare", "-pf", "--mount-proc", support.program(), "trace", "--", "true"],
                              stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
                              timeout=support.PATIENCE, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("pid namespace of its own", done.stderr)

    def test_other_commands_run_none(self):
        done = support.run("snapshot", "--", "true")
        self.assertEqual(done.returncode, 2)


if __name__ == "__main__":
    support.main()
