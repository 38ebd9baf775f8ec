# SPDX-License-Identifier: Apache-2.0
"""`record` and `history`: what is kept is exact, and the questions are answered."""
import csv
import io
import os
import random
import sqlite3
import subprocess
import sys
import time
import unittest

import support
from history_support import (NOBODY, Folder, Recording, Traffic, ask, check_traffic, database, edges, select, sums,
                             wait_for_sample)


def setUpModule():
    support.need_root()


class Exact(unittest.TestCase):
    def test_every_connection_to_the_byte(self):
        with Folder() as folder, Traffic() as traffic, Recording(folder) as recording:
            traffic.do(open=50)
            file, = folder.files()
            # Open and idle, while it records: read by another process.
            support.wait_for(lambda: sums(edges(traffic.port, folder=folder.path))["connections"] == 100,
                             "the idle connections", seconds=10)
            traffic.do(short=1000, move=2)
            closed = support.free_port()
            traffic.do(fail=[closed] * 7)
            client, server = traffic.settled(short=1000, move=1, close=True)
            self.assertEqual((client["connections"], client["failed"]), (2050, 7))
            for process in (traffic.client, traffic.server):
                process.end()
            said = recording.stop()
            self.assertEqual(recording.process.returncode, 0, said)
            self.assertIn(" 0 dropped, 0 events lost", said)
            rows = edges(traffic.port, folder=folder.path)
            check_traffic(self, rows, traffic, client, server)
            self.assertEqual({row["comm"] for row in rows}, {"asker", "answerer"})
            # The same from SQL: one row a connection.
            for column, truth in (("remote_port", client), ("local_port", server)):
                found = select(file, f"SELECT count(*), count(DISTINCT cookie), sum(tx_bytes), sum(rx_bytes),"
                               f" count(closed_ns) FROM flow WHERE {column}=? AND remote IS NOT NULL",
                               traffic.port)
                many = truth["connections"]
                self.assertEqual(found, [(many, many, truth["tx"], truth["rx"], many)])
            failed = edges(closed, folder=folder.path)
            self.assertEqual([(row["pid"], row["connections"], row["failed"], row["error"]) for row in failed],
                             [(traffic.client.pid, 0, 7, "ECONNREFUSED")])
            # Who: the processes are gone, their names are not.
            who = ask("who", "127.0.0.1", "--top", "0", "--pid", str(traffic.client.pid), folder=folder.path)
            of_port = [row for row in who["rows"] if row["port"] == traffic.port]
            self.assertEqual(sums(of_port), dict(client, failed=0))
            self.assertEqual({row["exe"] for row in of_port}, {os.path.realpath(sys.executable)})
            by_process = ask("top", "--pid", str(traffic.client.pid), folder=folder.path)["rows"]
            self.assertEqual(sums(by_process), client)
            self.assertEqual(ask("verify", folder=folder.path)["files"][0]["problem"], None)

    def test_windows_equal_what_was_moved_in_them(self):
        truth = []  # (moment, moved by the client until then)
        with Folder() as folder, Traffic() as traffic, Recording(folder, interval=0.1) as recording:
            traffic.do(open=5)
            file, = folder.files()
            for step in range(20):
                done = traffic.do(move=1, short=step % 3)
                support.wait_for(traffic.ends_are_closed, "the ends of the short connections")
                # Between two samples with nothing in between.
                first = wait_for_sample(file, time.time_ns())
                truth.append(((first + wait_for_sample(file, first)) // 2, done))
            traffic.settled(close=True)
            recording.stop()

            def window(begin, end):
                rows = edges(traffic.port, "--from", f"@{begin / 1e9:.9f}", "--to", f"@{end / 1e9:.9f}",
                             folder=folder.path)
                return sums([row for row in rows if row["direction"] == "outbound"])
            for _ in range(200):
                (begin, before), (end, after) = sorted(random.sample(truth, 2), key=lambda each: each[0])
                got = window(begin, end)
                self.assertEqual({key: got[key] for key in ("tx", "rx")},
                                 {key: after[key] - before[key] for key in ("tx", "rx")})
            # Any windows that follow each other add up, whatever is in them.
            whole = window(truth[0][0], truth[-1][0])
            for _ in range(20):
                cuts = sorted(random.randrange(truth[0][0], truth[-1][0]) for _ in range(6))
                cuts = [truth[0][0], *cuts, truth[-1][0]]
                parts = [window(begin, end) for begin, end in zip(cuts, cuts[1:])]
                for key in ("tx", "rx"):
                    self.assertEqual(sum(part[key] for part in parts), whole[key])


class Files(unittest.TestCase):
    def test_sums_go_on_over_files(self):
        with Folder() as folder, Traffic() as traffic, \
                Recording(folder, "--max-size", "16M", interval=0.2) as recording:
            traffic.do(open=20, move=1)
            deadline = time.monotonic() + support.PATIENCE
            while len(folder.files()) < 4 and time.monotonic() < deadline:
                traffic.do(short=200, move=1)
            during = folder.files()
            self.assertGreaterEqual(len(during), 4)
            client, server = traffic.settled(close=True)
            said = recording.stop()
            self.assertIn(" 0 dropped, 0 events lost", said)
            check_traffic(self, edges(traffic.port, folder=folder.path), traffic, client, server)
            self.assertEqual(ask("top", folder=folder.path)["missing"], [])
            for file in during:  # those that were open are in every file
                found = select(file, "SELECT count(*) FROM flow WHERE is_whole=0 AND remote_port=? AND"
                               " (closed_ns IS NULL OR srtt_us IS NOT NULL)", traffic.port)[0][0]
                self.assertGreaterEqual(found, 20, file)
            for facts in ask("verify", folder=folder.path)["files"]:
                self.assertIsNone(facts["problem"])
                self.assertTrue(facts["complete"])

    def test_the_size_is_kept(self):
        most = 16_000_000
        with Folder() as folder, Traffic() as traffic, \
                Recording(folder, "--max-size", "16M", interval=0.5) as recording:
            traffic.do(open=20)
            seen = []
            sizes = []
            deadline = time.monotonic() + support.PATIENCE
            gone = 0
            while gone < 3 and time.monotonic() < deadline:
                traffic.do(short=100)
                sizes.append(folder.size())
                now = folder.files()
                gone = len(set(seen) - set(now))
                seen += [file for file in now if file not in seen]
            self.assertGreaterEqual(gone, 3)
            self.assertEqual(folder.files()[0], seen[gone])  # the oldest go first
            self.assertLessEqual(max(sizes), most * 1.05)
            recording.stop()

    def test_a_reader_does_not_stop_it(self):
        with Folder() as folder, Traffic() as traffic, \
                Recording(folder, "--max-size", "16M", interval=0.2) as recording:
            traffic.do(open=5)
            first, = folder.files()
            with database(first) as held:
                held.execute("BEGIN")
                held.execute("SELECT count(*) FROM flow").fetchall()
                deadline = time.monotonic() + support.PATIENCE
                while len(folder.files()) < 3 and time.monotonic() < deadline:
                    traffic.do(short=100, move=1)
            client, server = traffic.settled(close=True)
            said = recording.stop()
            self.assertIn(" 0 dropped, 0 events lost", said)
            self.assertEqual(folder.files()[0], first)
            check_traffic(self, edges(traffic.port, folder=folder.path), traffic, client, server)
            self.assertEqual(ask("top", folder=folder.path)["missing"], [])


class Reading(unittest.TestCase):
    def test_another_user_reads_it(self):
        with Folder() as folder, Traffic() as traffic:
            os.mkdir(folder.path)
            os.chown(folder.path, 0, 65534)
            os.chmod(folder.path, 0o2750)  # new files belong to this group, too

            def check(what):
                with self.subTest(what):
                    rows = edges(traffic.port, folder=folder.path, prefix=NOBODY)
                    self.assertEqual(sums(rows)["connections"], sums(edges(traffic.port, folder=folder.path))
                                     ["connections"])
                    self.assertGreaterEqual(sums(rows)["connections"], 100)
                    for facts in ask("verify", folder=folder.path, prefix=NOBODY)["files"]:
                        self.assertIsNone(facts["problem"])
            with Recording(folder) as recording:
                traffic.do(short=50)
                support.wait_for(lambda: sums(edges(traffic.port, folder=folder.path))["connections"] == 100,
                                 "the connections")
                check("while it records")
                recording.stop()
            check("after its end")
            with Recording(folder) as recording:
                recording.kill()
            check("when it was killed")
            stranger = ("setpriv", "--reuid=65533", "--regid=65533", "--clear-groups")
            done = subprocess.run([*stranger, support.program(), "history", "top", "--dir", folder.path],
                                  capture_output=True, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"Permission denied", done.stderr)

    def test_a_clock_that_was_set_back(self):
        """The file says that at its middle the clock was set back by an hour."""
        with Folder() as folder, Traffic() as traffic, Recording(folder, interval=0.2) as recording:
            file, = folder.files()
            traffic.do(open=2, move=3)
            support.wait_for(traffic.ends_are_closed, "the end of the first part")
            before = traffic.client.do()
            cut = wait_for_sample(file, time.time_ns())
            middle, = select(file, "SELECT mono_ns,wall_ns FROM sample WHERE wall_ns=?", cut)
            wait_for_sample(file, cut)
            traffic.do(short=20, move=3)
            client, _ = traffic.settled(close=True)
            recording.stop()
            hour = 3600 * 10**9
            mono, wall = middle[0] + 5_000_000, middle[1] + 5_000_000
            began, = select(file, "SELECT wall_ns FROM clock")
            with sqlite3.connect(file) as changed:
                changed.execute("INSERT INTO clock VALUES(?,?)", (mono, wall - hour))
            changed.close()

            def moved(begin, end):
                rows = edges(traffic.port, "--from", f"@{begin / 1e9:.6f}", "--to", f"@{end / 1e9:.6f}",
                             folder=folder.path)
                return sums([row for row in rows if row["direction"] == "outbound"])
            first = moved(began[0] - 10**9, time.time_ns())
            second = moved(wall - hour - 10**9, began[0] - 10**9)
            self.assertEqual((first["tx"], first["rx"]), (before["tx"], before["rx"]))
            self.assertEqual((second["tx"], second["rx"]),
                             (client["tx"] - before["tx"], client["rx"] - before["rx"]))
            self.assertEqual(first["connections"], 2)
            self.assertEqual(second["connections"], 22)
            rows = edges(traffic.port, folder=folder.path)
            self.assertEqual(sums([row for row in rows if row["direction"] == "outbound"]), client)

    def test_hostile_names(self):
        for name in (b"a\nb\x1b[31mc\xff\"", b"\x9b31m,\"\r\xc2", b"=1+2\t'\x07"):
            with self.subTest(name), Folder() as folder, Traffic(name) as traffic, \
                    Recording(folder, interval=0.2) as recording:
                traffic.settled(short=3)
                traffic.client.end()
                recording.stop()
                row, = [row for row in edges(traffic.port, folder=folder.path)
                        if row["direction"] == "outbound"]
                self.assertEqual(row["connections"], 3)
                for words in ([], ["-o", "csv"], ["--by", "both"]):
                    for question in (["top", *words], ["who", "127.0.0.1"]):
                        done = support.run("history", *question, "--dir", folder.path, "--filter",
                                           f"port:{traffic.port}" if "both" in words else f"pid:{traffic.client.pid}")
                        self.assertEqual(done.returncode, 0, done.stderr)
                        hostile = [c for c in done.stdout if c != "\n" and not c.isprintable()]
                        self.assertEqual(hostile, [], done.stdout)
                table = support.run("history", "top", "-o", "csv", "--dir", folder.path).stdout
                rows = list(csv.reader(io.StringIO(table)))
                self.assertEqual({len(cells) for cells in rows}, {len(rows[0])})

    def test_mistakes(self):
        def check(code, said, *words):
            with self.subTest(words):
                done = support.run(*words)
                self.assertEqual((done.returncode, done.stderr.count("sockscope: ")), (code, 1), done.stderr)
                self.assertIn(said, done.stderr)
        check(2, "no size between", "record", "--max-size", "1")
        check(2, "no size between", "record", "--max-size", "abc")
        check(2, "no age of an hour", "record", "--max-age", "5m")
        check(2, "'nonsense' is none of", "history", "nonsense")
        check(2, "who needs", "history", "who")
        check(2, "is only for who", "history", "top", "203.0.113.7")
        check(2, "is in the future", "history", "top", "--from", "2100-01-01")
        check(2, "is for top and who", "history", "verify", "--from", "1h")
        check(1, "cannot read the history in /nonexistent", "history", "top", "--dir", "/nonexistent")
        with Folder() as folder:
            os.mkdir(folder.path)
            for question in ("info", "verify", "top"):
                check(1, "cannot find a history in", "history", question, "--dir", folder.path)
            with Recording(folder) as recording:
                check(2, "another recorder writes there", "record", "--dir", folder.path)
                check(1, "Not a directory", "record", "--dir", folder.files()[0])
                recording.stop()
            file, = folder.files()
            for statement, reason in (("PRAGMA user_version=99", "its format is 99, and this version"),
                                      ("PRAGMA application_id=1", "it is no history of sockscope")):
                with sqlite3.connect(file) as changed:
                    changed.execute(statement)
                changed.close()
                check(1, reason, "history", "top", "--dir", file)
                facts = ask("info", folder=file, code=1)["files"]
                self.assertIn(reason, facts[0]["problem"])
            for text in (b"", b"SQLite format 3\0", b"text\n" * 5000):
                with open(file, "wb") as other:
                    other.write(text)
                with self.subTest(text[:20]):
                    done = support.run("history", "top", "--dir", file)
                    self.assertEqual(done.returncode, 1, done.stderr)
                    self.assertEqual(done.stderr.count("sockscope: "), 1)


if __name__ == "__main__":
    support.main()
