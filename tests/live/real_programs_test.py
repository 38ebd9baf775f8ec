# SPDX-License-Identifier: Apache-2.0
"""Compares what common programs report about their traffic with what sockscope reports."""
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cli"))
import support  # noqa: E402
from support import NO_LOSS, Trace  # noqa: E402

IPERF_COOKIE = 37     # bytes an iperf3 client sends on each TCP stream before the data
IPERF_UDP_HELLO = 4   # and on each UDP stream, in both directions
TRIES = 3


def setUpModule():
    support.need_root()


def need(*programs):
    for name in programs:
        if not shutil.which(name):
            raise unittest.SkipTest(f"{name} is not installed")


def start(*command, **options):
    options.setdefault("stdin", subprocess.DEVNULL)
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.STDOUT)
    return subprocess.Popen(command, encoding="utf-8", **options)


def run(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
                          timeout=support.PATIENCE, check=True).stdout


def stop(process):
    """Ends a server of this test."""
    if process.poll() is None:
        process.terminate()
    try:
        return process.communicate(timeout=support.PATIENCE)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


class ProgramTest(unittest.TestCase):
    def stop_trace(self, trace):
        stream = trace.stop()
        self.assertEqual(stream.returncode, 0, stream.stderr)
        self.assertEqual(stream.end["lost"], NO_LOSS)
        return stream

    def only(self, stream, kind, local_port, remote_port):
        """The one event of this kind of this end of a flow."""
        found = [e for e in stream.of(kind)
                 if (e["local_port"], e["remote_port"]) == (local_port, remote_port)]
        self.assertEqual(len(found), 1, f"{kind} of {local_port} → {remote_port}: {found}")
        return found[0]

    def check_owner(self, event, pid, comm, opener_pid=None):
        self.assertEqual((event["pid"], event["opener_pid"], event["comm"]),
                         (pid, opener_pid or pid, comm), event)


class Iperf3(ProgramTest):
    def setUp(self):
        need("iperf3")

    def measure(self, *arguments, host="127.0.0.1"):
        """Runs a server for one test and a client. Returns both reports and the trace."""
        port = support.free_port()
        with Trace("-P", str(port)) as trace:
            server = start("iperf3", "-s", "-1", "-J", "-p", str(port))
            try:
                support.wait_until_listening(port, server)
                client = start("iperf3", "-c", host, "-p", str(port), "--json", *arguments)
                report = json.loads(client.communicate(timeout=support.PATIENCE)[0])
                server_report = json.loads(server.communicate(timeout=support.PATIENCE)[0])
            finally:
                server.kill()
            self.assertNotIn("error", report)
            self.pids = {"client": client.pid, "server": server.pid}
            self.port = port
            return report, server_report, self.stop_trace(trace)

    def ends_of(self, connected, stream):
        """Close events of a data stream, the client's end first."""
        client_port = connected["local_port"]
        self.assertEqual(connected["remote_port"], self.port)
        client = self.only(stream, "close", client_port, self.port)
        server = self.only(stream, "close", self.port, client_port)
        self.check_owner(client, self.pids["client"], "iperf3")
        self.check_owner(server, self.pids["server"], "iperf3")
        return client, server

    def check_tcp(self, *arguments, host="127.0.0.1", streams=1, all_arrives=True):
        """all_arrives: the receiver of iperf3 does not hang up on what it was still being sent, when the sender
        is slow enough. A machine that is busy may want another try."""
        for _ in range(TRIES):
            report, _, stream = self.measure(*arguments, host=host)
            sums = report["end"]["sum_sent"]["bytes"], report["end"]["sum_received"]["bytes"]
            if not all_arrives or sums[0] == sums[1]:
                break
        reverse = bool(report["start"]["test_start"]["reverse"])
        self.assertEqual(len(report["start"]["connected"]), streams)
        for connected, end in zip(report["start"]["connected"], report["end"]["streams"],
                                  strict=True):
            self.assertEqual(connected["socket"], end["sender"]["socket"])
            client, server = self.ends_of(connected, stream)
            sender, receiver = (server, client) if reverse else (client, server)
            hello = 0 if reverse else IPERF_COOKIE
            written, read = (end[role]["bytes"] + hello for role in ("sender", "receiver"))
            if reverse:
                self.assertEqual(receiver["rx_bytes"], read)
            if all_arrives:
                self.assertEqual(sender["tx_bytes"], written)
                self.assertEqual(receiver["rx_bytes"], sender["tx_bytes"])
            self.assertLessEqual(read, receiver["rx_bytes"])
            self.assertLessEqual(receiver["rx_bytes"], sender["tx_bytes"])
            self.assertLessEqual(sender["tx_bytes"], written)
            back = IPERF_COOKIE if reverse else 0
            self.assertEqual((sender["rx_bytes"], receiver["tx_bytes"]), (back, back))

    def test_tcp(self):
        self.check_tcp("-n", "10M", "-b", "200M")
        self.check_tcp("-n", "50M", all_arrives=False)

    def test_tcp_reverse(self):
        self.check_tcp("-n", "50M", "-R")

    def test_tcp_parallel(self):
        self.check_tcp("-n", "10M", "-P", "4", "-b", "50M", streams=4)
        self.check_tcp("-n", "80M", "-P", "4", streams=4, all_arrives=False)

    def test_tcp_v6(self):
        self.check_tcp("-n", "10M", "-b", "200M", host="::1")

    def test_tcp_v6_reverse_parallel(self):
        self.check_tcp("-n", "40M", "-R", "-P", "2", host="::1", streams=2)

    def check_udp(self, *arguments, host="127.0.0.1", streams=1):
        report, server_report, stream = self.measure("-u", "-l", "1200", *arguments, host=host)
        reverse = bool(report["start"]["test_start"]["reverse"])
        received_by = report if reverse else server_report
        counts_packets = any(door["observation"].startswith("udp received") and
                             door["door"].startswith("cgroup_skb") and door["refused"] is None
                             for door in stream.header["doors"])
        for i, connected in enumerate(report["start"]["connected"]):
            client, server = self.ends_of(connected, stream)
            sender, receiver = (server, client) if reverse else (client, server)
            sent = report["end"]["streams"][i]["udp"]
            got = received_by["end"]["streams"][i]["udp"]
            datagrams = sent["packets"]
            self.assertGreater(datagrams, 100)
            arrived = got["packets"] - got["lost_packets"]
            self.assertEqual((sender["tx_segments"], sender["tx_bytes"]),
                             (datagrams + 1, datagrams * 1200 + IPERF_UDP_HELLO))
            # Counting in packets includes those that arrived after the program had stopped reading.
            came = receiver["rx_segments"] - 1 if counts_packets else arrived
            self.assertTrue(arrived <= came <= datagrams, (arrived, came, datagrams))
            self.assertEqual((receiver["rx_segments"], receiver["rx_bytes"]),
                             (came + 1, came * 1200 + IPERF_UDP_HELLO))
            for event, way in ((sender, "rx"), (receiver, "tx")):
                self.assertEqual((event[f"{way}_segments"], event[f"{way}_bytes"]),
                                 (1, IPERF_UDP_HELLO))

    def test_udp(self):
        self.check_udp("-b", "20M", "-t", "1")

    def test_udp_reverse(self):
        self.check_udp("-b", "10M", "-t", "1", "-R")

    def test_udp_v6(self):
        self.check_udp("-b", "10M", "-n", "1M", host="::1")


class Curl(ProgramTest):
    WRITE_OUT = "%{local_port} %{size_request} %{size_header} %{size_download} %{num_connects}"

    def test_download_from_python(self):
        need("curl")
        size = 3_000_017
        with tempfile.TemporaryDirectory() as directory:
            pathlib.Path(directory, "file").write_bytes(os.urandom(size))
            port = support.free_port()
            with Trace("-P", str(port)) as trace:
                server = start(sys.executable, "-m", "http.server", str(port), "--bind",
                               "127.0.0.1", "--directory", directory)
                try:
                    support.wait_until_listening(port, server)
                    curl = start("curl", "-s", "-o", "/dev/null", "-w", self.WRITE_OUT,
                                 f"http://127.0.0.1:{port}/file", stderr=subprocess.DEVNULL)
                    told = [int(n) for n in curl.communicate(timeout=support.PATIENCE)[0].split()]
                    trace.wait_for_event(lambda e: e["event"] == "close"
                                         and e["local_port"] == port, "the server's close")
                finally:
                    stop(server)
                stream = self.stop_trace(trace)
        local_port, request, header, download, connects = told
        self.assertEqual((download, connects), (size, 1))
        client = self.only(stream, "close", local_port, port)
        served = self.only(stream, "close", port, local_port)
        self.check_owner(client, curl.pid, "curl")
        self.check_owner(served, server.pid, served["comm"])
        self.assertEqual((client["tx_bytes"], client["rx_bytes"]), (request, header + download))
        self.assertEqual((served["tx_bytes"], served["rx_bytes"]), (header + download, request))

    def test_refused(self):
        need("curl")
        port = support.free_port()
        with Trace("-x", "-P", str(port)) as trace:
            curl = start("curl", "-s", f"http://127.0.0.1:{port}/")
            curl.communicate(timeout=support.PATIENCE)
            self.assertEqual(curl.returncode, 7)
            stream = self.stop_trace(trace)
        self.assertEqual([(e["event"], e["error"], e["pid"], e["comm"]) for e in stream.events],
                         [("connect_failed", "ECONNREFUSED", curl.pid, "curl")])

    def test_connection_kept_alive(self):
        """Two requests on one connection, which is reported once."""
        need("curl")

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", "5")
                self.end_headers()
                self.wfile.write(b"hello")

            def log_message(self, *_):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            port = server.server_address[1]
            thread = threading.Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            try:
                with Trace("-P", str(port)) as trace:
                    url = f"http://127.0.0.1:{port}/"
                    run("curl", "-s", url, url)
                    trace.wait_for_event(lambda e: e["event"] == "close"
                                         and e["local_port"] == port, "the server's close")
                    stream = self.stop_trace(trace)
            finally:
                server.shutdown()
                thread.join()
        self.assertEqual(sorted(e["event"] for e in stream.events),
                         ["accept", "close", "close", "connect"])


class Dig(ProgramTest):
    def answer_one(self, server):
        """A server that knows one name."""
        query, client = server.recvfrom(4096)
        question_end = query.index(b"\0", 12) + 5
        header = query[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0)
        answer = b"\xc0\x0c" + struct.pack(">HHIH4s", 1, 1, 60, 4, socket.inet_aton("192.0.2.7"))
        reply = header + query[12:question_end] + answer
        server.sendto(reply, client)
        return client[1], len(query), len(reply)

    def test_query(self):
        need("dig")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            server.settimeout(support.PATIENCE)
            port = server.getsockname()[1]
            with Trace("--udp") as trace:
                dig = start("dig", "@127.0.0.1", "-p", str(port), "+short", "+tries=1",
                            "sockscope.example", "A")
                client_port, query, reply = self.answer_one(server)
                output = dig.communicate(timeout=support.PATIENCE)[0]
                self.assertEqual(output.strip(), "192.0.2.7")
                stream = self.stop_trace(trace)
        closes = [e for e in stream.of("close") if e["local_port"] == client_port]
        self.assertEqual(len(closes), 1, closes)
        self.check_owner(closes[0], dig.pid, closes[0]["comm"])
        self.assertEqual(closes[0]["comm"], "dig")
        self.assertEqual((closes[0]["tx_bytes"], closes[0]["tx_segments"]), (query, 1))
        self.assertEqual((closes[0]["rx_bytes"], closes[0]["rx_segments"]), (reply, 1))


class Redis(ProgramTest):
    def setUp(self):
        need("redis-server", "redis-cli", "redis-benchmark")
        self.directory = tempfile.TemporaryDirectory(prefix="sockscope-redis-")
        self.addCleanup(self.directory.cleanup)
        self.port = support.free_port()

    def start_server(self):
        server = start("redis-server", "--port", str(self.port), "--bind", "127.0.0.1",
                       "--save", "", "--appendonly", "no", "--dir", self.directory.name,
                       stdout=subprocess.DEVNULL)
        support.wait_until_listening(self.port, server)
        return server

    def network_bytes(self):
        """What the server says it took and sent until our question, which counts as taken."""
        question = b"*2\r\n$4\r\nINFO\r\n$5\r\nSTATS\r\n"
        with socket.create_connection(("127.0.0.1", self.port)) as sock:
            sock.sendall(question)
            text = b""
            while b"total_net_output_bytes" not in text or not text.endswith(b"\r\n"):
                text += sock.recv(65536)
            own_port = sock.getsockname()[1]
        taken = int(re.search(rb"total_net_input_bytes:(\d+)", text)[1]) - len(question)
        sent = int(re.search(rb"total_net_output_bytes:(\d+)", text)[1])
        return own_port, taken, sent

    def test_one_command(self):
        with Trace("-P", str(self.port)) as trace:
            server = self.start_server()
            try:
                client = start("redis-cli", "-p", str(self.port), "SET", "key", "x" * 1000)
                self.assertEqual(client.communicate(timeout=support.PATIENCE)[0].strip(), "OK")
                trace.wait_for_event(lambda e: e["event"] == "close"
                                     and e["local_port"] == self.port, "the server's close")
            finally:
                stop(server)
            stream = self.stop_trace(trace)
        connect, = stream.of("connect")
        accept, = stream.of("accept")
        self.check_owner(connect, client.pid, "redis-cli")
        self.check_owner(accept, server.pid, "redis-server")
        mine = self.only(stream, "close", connect["local_port"], self.port)
        other = self.only(stream, "close", self.port, connect["local_port"])
        self.assertEqual((mine["tx_bytes"], mine["rx_bytes"]),
                         (other["rx_bytes"], other["tx_bytes"]))
        self.assertGreater(mine["tx_bytes"], 1000)

    def test_benchmark(self):
        with Trace("-P", str(self.port)) as trace:
            server = self.start_server()
            try:
                run("redis-benchmark", "-p", str(self.port), "-n", "5000", "-c", "20", "-d", "200",
                    "-t", "set,get", "-q")
                own_port, taken, sent = self.network_bytes()
                trace.wait_for_event(lambda e: e["event"] == "close" and
                                     e["remote_port"] == own_port, "the last close")
            finally:
                stop(server)
            stream = self.stop_trace(trace)
        served = [e for e in stream.of("close")
                  if e["local_port"] == self.port and e["remote_port"] != own_port]
        self.assertGreaterEqual(len(served), 40)
        self.assertEqual({(e["pid"], e["opener_pid"]) for e in served}, {(server.pid, server.pid)})
        self.assertEqual(sum(e["rx_bytes"] for e in served), taken)
        self.assertEqual(sum(e["tx_bytes"] for e in served), sent)


class Nginx(ProgramTest):
    REQUESTS = 40
    CONFIGURATION = """
        daemon off; master_process on; worker_processes 2; pid {0}/pid; error_log {0}/error.log;
        events {{ worker_connections 64; }}
        http {{
          log_format measured '$remote_port $pid $request_length $bytes_sent';
          access_log {0}/access.log measured;
          client_body_temp_path {0}/a; proxy_temp_path {0}/b; fastcgi_temp_path {0}/c;
          uwsgi_temp_path {0}/d; scgi_temp_path {0}/e;
          server {{ listen 127.0.0.1:{1}; keepalive_timeout 0; root {0}/root; }}
        }}"""

    def test_workers_serve(self):
        need("nginx", "curl")
        with tempfile.TemporaryDirectory(prefix="sockscope-nginx-") as directory:
            self.check_workers(directory)

    def check_workers(self, directory):
        port = support.free_port()
        # Workers run as another user.
        os.chmod(directory, 0o755)
        root = pathlib.Path(directory, "root")
        root.mkdir()
        root.joinpath("file").write_bytes(b"n" * 123_456)
        configuration = pathlib.Path(directory, "nginx.conf")
        configuration.write_text(self.CONFIGURATION.format(directory, port))
        with Trace("-P", str(port)) as trace:
            master = start("nginx", "-c", str(configuration), "-e", f"{directory}/error.log")
            try:
                support.wait_until_listening(port, master)
                for _ in range(self.REQUESTS):
                    run("curl", "-s", "-o", "/dev/null", f"http://127.0.0.1:{port}/file")
                support.wait_for(lambda: self.served(trace.so_far(), port) == self.REQUESTS,
                                 "the server's closes")
            finally:
                master.send_signal(signal.SIGTERM)
                stop(master)
            stream = self.stop_trace(trace)
        log = pathlib.Path(directory, "access.log").read_text().splitlines()
        self.assertEqual(len(log), self.REQUESTS)
        for line in log:
            remote_port, pid, taken, sent = map(int, line.split())
            self.assertNotEqual(pid, master.pid)
            accept = self.only(stream, "accept", port, remote_port)
            close = self.only(stream, "close", port, remote_port)
            for event in (accept, close):
                self.check_owner(event, pid, "nginx")
            self.assertEqual((close["rx_bytes"], close["tx_bytes"]), (taken, sent))

    def served(self, events, port):
        return sum(e["event"] == "close" and e["local_port"] == port for e in events)


if __name__ == "__main__":
    support.main()
