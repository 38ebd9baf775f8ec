# SPDX-License-Identifier: Apache-2.0
"""`trace` under pressure: sleeping readers, rings too small, hostile names; and its privileges."""
import json
import os
import re
import select
import signal
import socket
import subprocess
import threading
import time
import unittest

import support
from support import Trace

BURST = 3000
OWN = ("-p", str(os.getpid()))
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def setUpModule():
    support.need_root()


def udp_sockets(count):
    """Opens and closes this many sockets, with one event for each. Returns their cookies."""
    cookies = set()
    for _ in range(count):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            cookies.add(support.cookie_of(sock))
    return cookies


def sum_of(losses):
    total = dict(support.NO_LOSS)
    for loss in losses:
        for cause, count in loss.items():
            total[cause] += count
    return total


class TooSmallRing(unittest.TestCase):
    def test_what_is_lost_is_told(self):
        with Trace("--ring-kib", "4", *OWN) as trace:
            made = udp_sockets(BURST)
            trace.wait_for_event(lambda e: e["event"] == "gap", "a gap")
            stream = trace.stop()
        seen = [event["cookie"] for event in stream.of("close")]
        missing = made - set(seen)
        self.assertEqual(stream.returncode, 0)
        self.assertEqual(len(seen), len(set(seen)), "told twice")
        self.assertGreater(len(missing), 0, "this was to be too much")
        self.assertEqual(stream.end["lost"], sum_of(gap["lost"] for gap in stream.gaps()))
        self.assertGreaterEqual(stream.end["lost"]["ring_full"], len(missing))
        for gap in stream.gaps():
            self.assertEqual(set(gap), {"event", "ts", "ts_ns", "lost"})
            self.assertGreater(sum(gap["lost"].values()), 0)

    def test_gaps_behind_accepts_that_wait_for_their_owner(self):
        """Events that are held back when the user stops are printed, too; gaps may follow them."""
        with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
            clients = []
            with Trace("--ring-kib", "4", *OWN) as trace:
                for _ in range(20):
                    clients.append(socket.create_connection(listener.getsockname()))
                    udp_sockets(200)
                stream = trace.stop()
            for client in clients:
                client.close()
        self.assertGreater(stream.end["lost"]["ring_full"], 0)
        self.assertEqual(stream.end["lost"], sum_of(gap["lost"] for gap in stream.gaps()))
        self.assertEqual(stream.end["events"], len(stream.events))

    def test_the_stream_goes_on_after_a_gap(self):
        with Trace("--ring-kib", "4", *OWN) as trace:
            udp_sockets(BURST)
            trace.wait_for_event(lambda e: e["event"] == "gap", "a gap")
            ports = set()

            def seen_a_new_one():  # other programs may fill the ring at that moment, so try again
                ports.add(support.tcp_exchange()[1])
                return any(e["event"] == "close" and e["local_port"] in ports
                           for e in trace.so_far())
            support.wait_for(seen_a_new_one, "a connection after the gap")

    def test_a_table_tells_too(self):
        process = subprocess.Popen([support.program(), "trace", "--ring-kib", "4", *OWN],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, encoding="utf-8")
        process.stdout.readline()
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(process.stdout))
        reader.start()
        udp_sockets(BURST)
        support.wait_for(lambda: any(" gap " in line for line in lines), "a gap line")
        process.send_signal(signal.SIGINT)
        reader.join(support.PATIENCE)
        summary = process.stderr.read()
        process.wait(timeout=support.PATIENCE)
        process.stdout.close()
        process.stderr.close()
        gaps = [re.search(r" gap +lost (\d+) ring_full$", line)
                for line in lines if " gap " in line]
        self.assertNotIn(None, gaps)
        self.assertRegex(summary, rf"gap, lost {sum(int(gap[1]) for gap in gaps)}\n$")


class SleepingReader(unittest.TestCase):
    """The trace's output is a pipe that is not read for a while."""

    def setUp(self):
        read_end, self.write_end = os.pipe()
        self.output = os.fdopen(read_end, encoding="utf-8")
        self.process = subprocess.Popen(
            [support.program(), "trace", "--json", "--ring-kib", "64", *OWN],
            stdin=subprocess.DEVNULL, stdout=self.write_end, stderr=subprocess.PIPE)
        self.records = [json.loads(self.output.readline())]
        self.reader = threading.Thread(target=self.read_all)

    def tearDown(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self.close_write_end()
        if self.reader.ident:
            self.reader.join()
        self.output.close()

    def close_write_end(self):
        if self.write_end is not None:
            os.close(self.write_end)
            self.write_end = None

    def read_all(self):
        for line in self.output:
            self.records.append(json.loads(line))

    def pipe_is_full(self):
        return not select.select([], [self.write_end], [], 0)[1]

    def fill_the_pipe_and_the_ring(self):
        made = set()

        def more():
            made.update(udp_sockets(200))
            return self.pipe_is_full()
        support.wait_for(more, "a full pipe")
        made |= udp_sockets(BURST)
        self.assertIsNone(self.process.poll())
        self.close_write_end()
        return made

    def gaps(self):
        return [r["lost"] for r in self.records[1:] if r["event"] == "gap"]

    def test_a_gap_and_then_the_stream_goes_on(self):
        made = self.fill_the_pipe_and_the_ring()
        self.reader.start()
        support.wait_for(self.gaps, "a gap")
        later = set()

        def seen_a_new_one():
            later.update(udp_sockets(1))
            return any(r.get("cookie") in later for r in self.records[1:])
        support.wait_for(seen_a_new_one, "an event after the gap")
        self.process.send_signal(signal.SIGINT)
        self.assertEqual(self.process.wait(timeout=support.PATIENCE), 0)
        self.reader.join()
        end = self.records[-1]
        self.assertEqual(end["event"], "end")
        self.assertEqual(end["events"], len(self.records) - 2)
        self.assertEqual(end["lost"], sum_of(self.gaps()))
        missing = made - {r["cookie"] for r in self.records[1:-1] if r["event"] == "close"}
        self.assertGreater(len(missing), 0)
        self.assertGreaterEqual(end["lost"]["ring_full"], len(missing))

    def test_a_reader_that_leaves_frees_it(self):
        self.fill_the_pipe_and_the_ring()
        self.output.close()
        self.assertEqual(self.process.wait(timeout=support.PATIENCE), 0)
        self.assertEqual(self.process.stderr.read(), b"")

    def test_a_signal_cuts_nothing_off_for_a_reader_that_goes_on(self):
        for attempt in range(5):  # on a busy host the reader may come too late
            if attempt:
                self.tearDown()
                self.setUp()
            self.fill_the_pipe_and_the_ring()
            self.process.send_signal(signal.SIGINT)
            time.sleep(0.03)
            text = self.output.read()
            self.assertEqual(self.process.wait(timeout=support.PATIENCE), 0)
            if text.endswith("\n") and support.json_lines(text)[-1]["event"] == "end":
                return
        self.fail(f"cut off: {text[-200:]}")

    def test_a_signal_ends_it_while_nobody_reads(self):
        self.fill_the_pipe_and_the_ring()
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(timeout=10), 0)


class HostileNames(unittest.TestCase):
    NAMES = [b"\x1b[2J\x1b]0;x\x07", b"two\nlines\r\t", b"\xff\xfe\xc3(\xa0", b"\xc2\x9b31m",
             "né日本".encode()]

    def test_json(self):
        for name in self.NAMES:
            with self.subTest(name), Trace("--tcp", "-c", os.fsdecode(name)) as trace:
                with support.Holder("tcp4", name=name) as holder:
                    trace.wait_for_event(lambda e: e.get("pid") == holder.pid, "the connection")
                stream = trace.stop()
                text = trace.text().decode("utf-8")
                self.assertIsNone(CONTROL.search(text))
                self.assertEqual(text.count("\n"), len(stream.events) + 2)
                comms = {e["comm"] for e in stream.events if e.get("pid") == holder.pid}
                self.assertEqual(len(comms), 1)
                if name.isascii() or name.startswith(b"n"):
                    self.assertEqual(comms, {name.decode()})

    def test_table_and_csv(self):
        for name in self.NAMES:
            for words in ([], ["-w"], ["-o", "csv"]):
                with self.subTest((name, words)):
                    self.check_text(name, words)

    def check_text(self, name, words):
        process = subprocess.Popen([support.program(), "trace", "--tcp", "-c", os.fsdecode(name),
                                    *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL)
        process.stdout.readline()
        with support.Holder("tcp4", name=name) as holder:
            pass
        process.send_signal(signal.SIGINT)
        text = process.communicate(timeout=support.PATIENCE)[0].decode("utf-8")
        self.assertIsNone(CONTROL.search(text), repr(text))
        own = [line for line in text.splitlines() if re.search(rf"\b{holder.pid}\b", line)]
        self.assertEqual(len(own), 4, text)


class Privileges(unittest.TestCase):
    def status(self, pid):
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)

    def test_none_are_left_once_it_observes(self):
        with Trace(*OWN) as trace:
            status = self.status(trace.pid)
            for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                self.assertEqual(int(status[kind], 16), 0, kind)
            self.assertEqual(status["NoNewPrivs"], "1")
            self.assertEqual(status["Threads"], "1")
            # It still sees events.
            _, port = support.tcp_exchange()
            trace.wait_for_event(lambda e: e["event"] == "close" and e["local_port"] == port,
                                 "a connection")

    def test_top_takes_snapshots_without_them(self):
        process = subprocess.Popen([support.program(), "top", "-i", "0.1", "-o", "ndjson", *OWN],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        try:
            process.stdout.readline()
            self.assertEqual(int(self.status(process.pid)["CapEff"], 16), 0)
            self.assertTrue(json.loads(process.stdout.readline()))
        finally:
            process.terminate()
            process.communicate(timeout=support.PATIENCE)


if __name__ == "__main__":
    support.main()
