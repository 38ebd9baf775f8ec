#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hours of ordinary traffic, recorded by record.py, replayed: no alert, but for what is put in."""
import heapq
import json
import lzma
import pathlib
import random
import subprocess
import sys
import unittest

REPLAY = sys.argv.pop(sys.argv.index("--replay") + 1)
sys.argv.remove("--replay")
HERE = pathlib.Path(__file__).parent
SECOND = 1_000_000_000


def recording(name):
    with lzma.open(HERE / f"{name}.ndjson.xz", "rt") as file:
        return [json.loads(line) for line in file]


def replay(records, *thresholds):
    """The alerts that began, and the last lines by end."""
    text = "".join(json.dumps(record) + "\n" for record in records)
    ended = subprocess.run([REPLAY, *thresholds], input=text, capture_output=True, encoding="utf-8",
                           check=True)
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    return ([line for line in lines if line.get("phase") == "began"],
            {line["end"]: line for line in lines if "end" in line})


def event(at, kind, **fields):
    return {"end": "office", "record": {
        "event": kind, "ts_ns": at, "local_addr": "10.20.0.2", "remote_addr": "203.0.113.200",
        "remote_port": 443, "pid": 66, "comm": "implant", "uid": 33, **fields}}


class Recorded:
    """What is planted in it is found at the pace of tools as they come, and at a tenth of it."""

    @classmethod
    def setUpClass(cls):
        cls.hour = recording(cls.name)
        cls.begin = cls.hour[0]["record"]["ts_ns"]

    def with_(self, put_in):
        return heapq.merge(self.hour, sorted(put_in, key=lambda each: each["record"]["ts_ns"]),
                           key=lambda each: each["record"]["ts_ns"])

    def found(self, put_in, *thresholds):
        alerts, _ = replay(self.with_(put_in), *thresholds)
        return [(alert["category"], alert["comm"]) for alert in alerts]

    def test_no_alert(self):
        alerts, ends = replay(self.hour)
        self.assertEqual(alerts, [])
        for end in self.ends:
            self.assertGreaterEqual(ends[end]["seconds"], 3590)
            self.assertGreater(ends[end]["events"], 10_000)
            self.assertGreater(ends[end]["queries"], 5_000)
            self.assertGreater(ends[end]["snapshots"], 800)

    def test_the_programs_are_there(self):
        seen = {record["record"].get("comm") for record in self.hour}
        self.assertLessEqual(self.programs, seen)

    def test_a_beacon_in_it_is_found(self):
        for pace in (1, 10):
            with self.subTest(pace=pace):
                chance = random.Random(1)
                interval, count = 47 * pace, 30 // pace + 4
                beacon = [event(self.begin + int((100 + interval * n + chance.uniform(0, 4) * pace)
                                                 * SECOND), "connect") for n in range(count)]
                self.assertEqual(self.found(beacon), [("beaconing", "implant")])

    def test_a_scan_in_it_is_found_at_both_ends(self):
        for pace in (1, 10):
            with self.subTest(pace=pace):
                scan = [event(self.begin + 1800 * SECOND + n * pace * SECOND // 10, "connect_failed",
                              remote_port=n + 1, error="ECONNREFUSED") for n in range(100)]
                knocks = [{"end": "world", "record": {
                    **each["record"], "event": "refused", "local_addr": "203.0.113.200",
                    "remote_addr": "10.20.0.2", "remote_port": 40000, "attempts": 1, "error": None,
                    "local_port": each["record"]["remote_port"], "pid": None, "comm": None,
                    "uid": None}} for each in scan]
                self.assertEqual(sorted(category for category, _ in self.found(scan + knocks)),
                                 ["port_scan", "port_scan"])

    def test_a_tunnel_in_it_is_found(self):
        for pace in (1, 10):
            with self.subTest(pace=pace):
                chance = random.Random(2)
                tunnel = [event(self.begin + 900 * SECOND + n * pace * SECOND // 2, "dns",
                                remote_port=53, dns="query",
                                name=f"{chance.randbytes(40).hex()}.t.example.org")
                          for n in range(100)]
                self.assertEqual(self.found(tunnel), [("dns_tunnel", "implant")])


class Office(Recorded, unittest.TestCase):
    name = "hour"
    ends = ("office", "world")
    programs = {"curl", "git-remote-http", "ssh", "wget", "w3m", "prometheus", "prometheus-blac",
                "haproxy", "chronyd", "redis-server", "nginx", "dnsmasq", "dig", "sshd", "browser",
                "application", "chat"}

    def test_what_is_down_is_told_where_one_failure_is_enough(self):
        alerts, _ = replay(self.hour, "failures.count=10")
        self.assertIn("connect_failures", [alert["category"] for alert in alerts])


class Wild(Recorded, unittest.TestCase):
    """What others took for attacks: wild.py says what."""
    name = "wild"
    ends = ("office",)
    programs = {"unbound", "smtpd", "loganalyzer", "telemetry", "browser", "prometheus", "curl",
                "aria2c", "agent", "collector", "reporter", "nginx", "vsftpd", "tracker"}


if __name__ == "__main__":
    unittest.main()
