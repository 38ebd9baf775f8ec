# SPDX-License-Identifier: Apache-2.0
"""`top`: its tables, streams of snapshots, rates, and how it ends."""
import csv
import io
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import support


NAME = f"top-{os.getpid()}"  # of this run only


def setUpModule():
    support.need_root()


class Table(unittest.TestCase):
    def test_once(self):
        with support.Holder("tcp4", "udp4", name=NAME.encode()) as holder:
            done = support.run("top", "--plain", "--once", "-i", "0.1", "-p", str(holder.pid))
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertRegex(lines[0], r"^sockscope  \S+  \d\d:\d\d:\d\d  0\.\d s .* 4 conns  lost 0")
        self.assertEqual(lines[1].split()[:3], ["PID", "COMMAND", "CONNS"])
        self.assertEqual(lines[2].split()[:3], [str(holder.pid), NAME, "4"])
        connections = [line for line in lines[3:] if line.startswith(NAME + " ")]
        self.assertEqual(len(connections), 4)  # the listener is idle

    def test_the_header_sums_what_is_selected(self):
        def head(*words):
            done = support.run("top", "--plain", "--once", "-i", "0.2", *words)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout.splitlines()[0]
        with support.Holder("tcp4", "udp4") as holder, support.Holder("tcp4"):
            port = holder.sockets["tcp4"][0]["local_port"]
            for words in (["-P", str(port)], ["--filter", f"port:{port}"],
                          ["-p", str(holder.pid), "--tcp"], ["-P", str(port), "--source", "sock_diag"]):
                with self.subTest(words):
                    self.assertIn("  ↓ 0 b/s  ↑ 0 b/s  2 conns", head(*words))
                    self.assertIn("  ↓ 0 b/s  ↑ 0 b/s  2 conns", head("--only", "flows", *words))
            self.assertIn("  ↓ 0 b/s  ↑ 0 b/s  4 conns", head("-p", str(holder.pid)))
            self.assertIn("(sockscope doctor --source procfs says why)", head("--source", "procfs"))
            for words in ([], ["-P", str(port)], ["-P", "1"]):
                self.assertIn("  ↓ —  ↑ —  ", head("--source", "procfs", *words))

    def test_the_header_leaves_out_what_else_moves(self):
        with socket.create_server(("127.0.0.1", 0)) as quiet, support.Flood() as flood:
            with socket.create_connection(quiet.getsockname()):
                port = quiet.getsockname()[1]
                done = support.run("top", "--plain", "--once", "-i", "0.5", "-P", str(port))
                self.assertIn("  ↓ 0 b/s  ↑ 0 b/s  2 conns", done.stdout.splitlines()[0])
                done = support.run("top", "--plain", "--once", "-i", "0.5", "-P", str(flood.port))
                self.assertRegex(done.stdout.splitlines()[0], "  ↓ [1-9].* ↑ [1-9].*  2 conns")

    def test_idle_rows_on_demand(self):
        with support.Holder("listen4", name=NAME.encode()) as holder:
            words = ("top", "--once", "-i", "0.1", "-p", str(holder.pid))
            self.assertNotIn(NAME, support.run(*words).stdout)
            self.assertIn(NAME, support.run(*words, "--idle").stdout)

    def test_rows_left_out_are_counted(self):
        with support.Holder("tcp4", "udp4") as holder:
            done = support.run("top", "--once", "-i", "0.1", "--top", "1", "-p", str(holder.pid))
        self.assertIn("  1 of 4 ", done.stdout)

    def test_sort_and_columns_of_processes(self):
        with support.Holder("tcp4") as few, support.Holder("tcp4", "tcp6", "udp4") as many:
            done = support.run("top", "--once", "-i", "0.1", "-p", f"{few.pid},{many.pid}",
                               "--sort", "conns", "--columns", "conns,pid,listeners")
        lines = done.stdout.splitlines()
        self.assertEqual(lines[1].split(), ["CONNS", "PID", "LISTEN"])
        self.assertEqual([line.split() for line in lines[2:4]],
                         [["6", str(many.pid), "2"], ["2", str(few.pid), "1"]])

    def test_filters(self):
        with support.Holder("tcp4", "udp4", name=NAME.encode()) as holder:
            for words, connections in ((["-c", NAME], 4),
                                       (["-c", NAME, "--udp"], 2),
                                       (["--filter", f"pid:{holder.pid} proto:tcp"], 2),
                                       (["--filter", f"{NAME} dir:listen"], 0)):
                with self.subTest(words):
                    done = support.run("top", "--once", "-i", "0.1", *words)
                    rows = [x for x in done.stdout.splitlines() if x.startswith(NAME + " ")]
                    self.assertEqual(len(rows), connections, done.stdout)


class Stream(unittest.TestCase):
    def test_count_and_interval(self):
        for words in (["-o", "ndjson"], ["-o", "json"], ["--json"]):
            with self.subTest(words), support.Holder("tcp4", "udp6") as holder:
                began = time.monotonic()
                done = support.run("top", "--count", "2", "-i", "0.2", "-p", str(holder.pid),
                                   *words)
                took = time.monotonic() - began
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.check_two(support.json_lines(done.stdout))
                self.assertGreaterEqual(took, 0.4)

    def check_two(self, two):
        """An interval that was too long makes the next one shorter."""
        self.assertEqual([d["schema"] for d in two], ["sockscope.snapshot.v1"] * 2)
        for document in two:
            self.assertTrue(0.05 <= document["interval_s"] < 2, document["interval_s"])
            self.assertEqual(len(document["flows"]), 5)
            for flow in document["flows"]:
                self.assertEqual((flow["rx_rate"], flow["tx_rate"]), (0, 0))
        between = (two[1]["ts_ns"] - two[0]["ts_ns"]) / 1e9
        self.assertAlmostEqual(two[1]["interval_s"], between, delta=0.05)

    def test_rates_add_up_to_the_bytes(self):
        size = 1_000_000
        with socket.create_server(("127.0.0.1", 0)) as listener, \
                socket.create_connection(listener.getsockname()) as client, \
                listener.accept()[0] as server:
            process = subprocess.Popen(
                [support.program(), "top", "--json", "-i", "0.1", "-P",
                 str(listener.getsockname()[1])],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, encoding="utf-8")
            lines = [process.stdout.readline()]
            for _ in range(size // 10_000):
                client.sendall(b"x" * 10_000)
                server.recv(10_000, socket.MSG_WAITALL)
            lines += [process.stdout.readline() for _ in range(3)]
            process.send_signal(signal.SIGINT)
            lines += process.stdout.read().split("\n")
            process.wait(timeout=support.PATIENCE)
            self.assertEqual(process.returncode, 0)
            self.check_rates([json.loads(line) for line in lines if line], size,
                             support.cookie_of(client), support.cookie_of(server))

    def check_rates(self, snapshots, size, client, server):
        for cookie, rate, total in ((client, "tx_rate", "tx_bytes"),
                                    (server, "rx_rate", "rx_bytes")):
            rows = [(f, s) for s in snapshots for f in s["flows"] if f["cookie"] == cookie]
            self.assertEqual(rows[-1][0][total], size)
            moved = sum(flow[rate] * snapshot["interval_s"] for flow, snapshot in rows)
            self.assertAlmostEqual(moved, size, delta=len(rows))
        for snapshot in snapshots:
            for field in ("tx_bytes", "rx_bytes"):
                self.assertEqual(sum(p[field] for p in snapshot["processes"]),
                                 sum(f[field] for f in snapshot["flows"]))

    def test_csv(self):
        with support.Holder("tcp4", name=b'a,"b') as holder:
            done = support.run("top", "--count", "2", "-i", "0.1", "-o", "csv", "--columns",
                               "pid,comm,conns,rx_rate", "-p", str(holder.pid))
        rows = list(csv.reader(io.StringIO(done.stdout)))
        self.assertEqual(rows[0], ["ts_ns", "pid", "comm", "conns", "rx_rate"])
        self.assertEqual([row[1:4] for row in rows[1:]], [[str(holder.pid), 'a,"b', "2"]] * 2)


class Excerpt(unittest.TestCase):
    """The excerpts of snapshots that --columns and --only write as JSON."""

    def one(self, *arguments):
        done = support.run("top", "--json", "--once", "-i", "0.1", *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        support.check_schema("snapshot", done.stdout)
        document = json.loads(done.stdout)
        self.assertEqual(document["schema"], "sockscope.excerpt.v1")
        self.assertFalse({"doors", "alerts"} & set(document))
        return document

    def test_columns_are_about_processes(self):
        with support.Holder("tcp4", "listen4", name=NAME.encode()) as holder:
            document = self.one("-p", str(holder.pid), "--columns", "conns,comm,rate,listeners")
        self.assertNotIn("flows", document)
        self.assertEqual(document["processes"], [{"comm": NAME, "open_flows": 2, "listeners": 2,
                                                  "tx_rate": 0, "rx_rate": 0}])

    def test_rows_of_one_kind(self):
        with support.Holder("tcp4", "udp4", name=NAME.encode()) as holder:
            whole = json.loads(support.run("top", "--json", "--once", "-i", "0.1", "-p",
                                           str(holder.pid)).stdout)
            for kind, other in (("processes", "flows"), ("flows", "processes")):
                document = self.one("-p", str(holder.pid), "--only", kind)
                self.assertNotIn(other, document)
                self.assertEqual([set(row) for row in document[kind]],
                                 [set(row) for row in whole[kind]])

    def test_columns_of_connections(self):
        with support.Holder("tcp4", name=NAME.encode()) as holder:
            document = self.one("-p", str(holder.pid), "--only", "flows", "--columns",
                                "comm,lport,state,cwnd", "--sort", "lport", "--top", "2")
            ports = sorted(s["local_port"] for s in holder.sockets["tcp4"])
        self.assertEqual(len(document["flows"]), 2)
        for row in document["flows"]:
            self.assertEqual(row["comm"], NAME)
            self.assertIn(row["local_port"], ports)
            self.assertLessEqual(set(row), {"comm", "local_port", "state", "closed", "tcp_info"})

    def test_each_column_can_be_written(self):
        of_flows, of_processes = (
            [line.split()[0] for line in part.splitlines() if line.startswith("  ")]
            for part in support.run("help", "columns").stdout.split("Columns of processes"))
        with support.Holder("tcp4") as holder:
            for kind, columns in (("flows", of_flows), ("processes", of_processes)):
                document = self.one("-p", str(holder.pid), "--only", kind, "--columns",
                                    ",".join(columns))
                self.assertIn(holder.pid, [row["pid"] for row in document[kind]])

    def test_csv_of_connections(self):
        with support.Holder("tcp4", name=NAME.encode()) as holder:
            done = support.run("top", "--once", "-i", "0.1", "-o", "csv", "--only", "flows",
                               "--columns", "comm,proto", "-p", str(holder.pid))
        rows = list(csv.reader(io.StringIO(done.stdout)))
        self.assertEqual(rows[0], ["ts_ns", "comm", "proto"])
        self.assertEqual([row[1:] for row in rows[1:]], [[NAME, "tcp"]] * 3)

    def test_tables_of_one_kind(self):
        with support.Holder("tcp4", name=NAME.encode()) as holder:
            words = ("top", "--once", "-i", "0.1", "-p", str(holder.pid), "--only")
            self.assertNotIn("LPORT", support.run(*words, "processes").stdout)
            self.assertNotIn("CONNS", support.run(*words, "flows").stdout)

    def test_columns_in_a_file_are_about_tables(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write("[top]\ncolumns = ['conns']\nsort = 'conns'\ntop = 1\n")
            file.flush()
            words = ("top", "--json", "--once", "-i", "0.1", "--config", file.name)
            document = json.loads(support.run(*words).stdout)
            self.assertEqual(document["schema"], "sockscope.snapshot.v1")
            flows = json.loads(support.run(*words, "--only", "flows").stdout)["flows"]
            self.assertIn("local_addr", flows[0])

    def test_wrong_words(self):
        for words, said in ((["--only", "hosts"], "'hosts' is none of processes, flows"),
                            (["--only", "flows", "--columns", "conns"], "unknown column 'conns'"),
                            (["--columns", "lport"], "unknown column 'lport'")):
            done = support.run("top", "--json", "--once", *words)
            self.assertEqual(done.returncode, 2)
            self.assertIn(said, done.stderr)


class Ending(unittest.TestCase):
    def start(self, *arguments):
        process = subprocess.Popen([support.program(), "top", "--plain", "-i", "0.1",
                                    *arguments],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, encoding="utf-8")
        self.assertTrue(process.stdout.readline())
        return process

    def test_signals(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number):
                process = self.start()
                process.send_signal(number)
                _, errors = process.communicate(timeout=support.PATIENCE)
                self.assertEqual((process.returncode, errors), (0, ""))

    def test_reader_that_takes_one_line(self):
        for words in ([], ["--json"], ["-o", "csv"]):
            with self.subTest(words):
                process = self.start(*words)
                process.stdout.close()
                self.assertEqual(process.wait(timeout=5), 0)
                self.assertEqual(process.stderr.read(), "")
                process.stderr.close()

    def test_reader_that_is_gone_between_tables(self):
        process = subprocess.Popen([support.program(), "top", "--plain", "-i", "60"],
                                   stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.close()
        self.assertEqual(process.wait(timeout=10), 0)
        process.stderr.close()

    def test_duration(self):
        began = time.monotonic()
        done = support.run("top", "-i", "0.2", "-d", "0.7", "--json", "-p", "1")
        self.assertTrue(0.6 <= time.monotonic() - began < 5)
        self.assertEqual(done.returncode, 0)
        self.assertIn(len(support.json_lines(done.stdout)), (1, 2, 3, 4))  # a busy host skips beats


if __name__ == "__main__":
    support.main()
