# SPDX-License-Identifier: Apache-2.0
"""trace --alerts, checked with traffic that this test makes."""
import datetime
import os
import socket
import subprocess
import sys
import time
import unittest

import support
from support import Trace


def setUpModule():
    support.need_root()


def refused(address, ports):
    for port in ports:
        with socket.socket() as client:
            try:
                client.connect((address, port))
            except ConnectionRefusedError:
                pass


def alerts_of(trace, category):
    return [e for e in trace.so_far() if e["event"] == "alert" and e["category"] == category]


class Alerts(unittest.TestCase):
    def test_a_scan_is_one_alert_with_its_process_and_ends(self):
        address = "127.77.0.1"  # no other process uses it
        with Trace("--alerts", "--threshold", "hold=2,scan.window=2", "-p", str(os.getpid())) as trace:
            refused(address, range(1, 20))
            time.sleep(1.5)
            self.assertEqual(alerts_of(trace, "port_scan"), [])
            refused(address, range(20, 51))
            ended = trace.wait_for_event(
                lambda e: e["event"] == "alert" and e["phase"] == "ended", "the end of the alert")
            told = alerts_of(trace, "port_scan")
            trace.stop()
        self.assertEqual([e["phase"] for e in told], ["began", "ended"])
        self.assertEqual({e["pid"] for e in told}, {os.getpid()})
        self.assertEqual({e["remote_addr"] for e in told}, {address})
        self.assertEqual(ended["figures"]["ports"], 50)

    def test_failures_of_one_port_are_a_burst(self):
        with Trace("--alerts", "-p", str(os.getpid())) as trace:
            began = time.time()
            refused("127.77.0.2", [9] * 29)
            tried = time.time()
            time.sleep(0.5)
            self.assertEqual(alerts_of(trace, "connect_failures"), [])
            refused("127.77.0.2", [9])
            told = trace.wait_for_event(lambda e: e["event"] == "alert", "an alert")
            trace.stop()
        self.assertEqual(told["category"], "connect_failures")
        self.assertEqual(told["figures"]["failures"], 30)
        self.assertIn("ECONNREFUSED", told["detail"])
        first = datetime.datetime.fromisoformat(told["first"]).timestamp()
        self.assertGreater(first, began - 0.1)  # the clocks differ by a little
        self.assertLess(first, tried + 0.1)

    def test_a_scan_hides_no_failures_of_another_process(self):
        address = "127.77.0.3"
        with Trace("--alerts", "--filter", f"dst:{address}") as trace:
            refused(address, range(1, 61))
            with subprocess.Popen([sys.executable, "-c", f"""
import socket
for _ in range(45):
    socket.socket().connect_ex(("{address}", 9))
"""]) as other:
                other.wait()
            told = trace.wait_for_event(
                lambda e: e["event"] == "alert" and e["category"] == "connect_failures",
                "the alert of the failures")
            scans = alerts_of(trace, "port_scan")
            trace.stop()
        self.assertEqual((told["pid"], told["figures"]["failures"], told["figures"]["attempts"]),
                         (other.pid, 30, 30))
        self.assertEqual({e["pid"] for e in scans if e["direction"] == "outbound"}, {os.getpid()})

    def test_a_beacon_is_found_and_private_ends_are_not_by_default(self):
        with socket.create_server(("127.0.0.1", 0)) as server, \
                Trace("--alerts", "-p", str(os.getpid())) as silent, \
                Trace("--alerts", "--threshold", "beacon.private=1", "-p",
                      str(os.getpid())) as trace:
            port = server.getsockname()[1]
            for _ in range(7):
                with socket.create_connection(server.getsockname()):
                    server.accept()[0].close()
                time.sleep(1)
            told = trace.wait_for_event(lambda e: e["event"] == "alert", "an alert")
            trace.stop()
            self.assertEqual(alerts_of(silent, "beaconing"), [])
        self.assertEqual(told["category"], "beaconing")
        self.assertEqual(told["remote_port"], port)
        self.assertAlmostEqual(told["figures"]["interval_s"], 1, delta=0.1)

    def test_wrong_thresholds_are_one_clear_error(self):
        for words, said in ((["--alerts", "--threshold", "scan.port=3"], "is none of hold"),
                            (["--alerts", "--threshold", "hold=0"], "is not between"),
                            (["--alerts", "--threshold", "hold"], "is not NAME=NUMBER"),
                            (["--threshold", "hold=3"], "needs --alerts"),
                            (["--no-dns"], "needs --alerts or --fails"),
                            (["--alerts", "-x"], "excludes --alerts")):
            done = support.run("trace", *words)
            self.assertEqual(done.returncode, 2)
            self.assertIn(said, done.stderr)


if __name__ == "__main__":
    support.main()
