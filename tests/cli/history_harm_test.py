# SPDX-License-Identifier: Apache-2.0
"""`record` and `history` when they are killed, their files are damaged, and their disk is full or hangs."""
import calendar
import contextlib
import glob
import json
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import time
import unittest

import support
from history_support import Folder, Recording, Traffic, ask, check_traffic, edges, select, sums

SECOND = 10**9


def setUpModule():
    support.need_root()


def load_tests(_loader, tests, _pattern):
    """Without names of tests: all but those that take minutes, or disks of their own."""
    short = unittest.TestSuite()
    for group in tests:
        short.addTests(test for test in group if not isinstance(test, (Long, Disk)))
    return short


def unix_ns(text):
    """Of an RFC 3339 time of UTC."""
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    return calendar_ns(seconds) + int((fraction or "0").ljust(9, "0"))


def calendar_ns(text):

    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%S")) * SECOND


def newest_row(path):
    """Unix time of the newest row of any kind."""
    return select(path, "SELECT max(id)/4096*1000000 + (SELECT wall_ns-mono_ns FROM clock) FROM "
                  "(SELECT max(id) AS id FROM flow UNION ALL SELECT max(id) FROM delta UNION ALL "
                  "SELECT max(id) FROM sample)")[0][0]


class Killed(unittest.TestCase):
    def check(self, times, longest):
        lost = []
        with Folder() as folder, Traffic() as traffic:
            traffic.do(open=50)
            traffic.do(load=300)
            for _ in range(times):
                with Recording(folder) as recording:
                    file = folder.files()[-1]
                    time.sleep(random.uniform(0.1, longest))
                    killed = time.time_ns()
                    recording.kill()
                for facts in ask("verify", folder=folder.path)["files"]:
                    self.assertIsNone(facts["problem"])
                lost.append((killed - newest_row(file)) / SECOND)
            with Recording(folder) as recording:
                traffic.do(stop=True)
                client, server = traffic.settled(close=True)
                said = recording.stop()
            self.assertIn(" 0 dropped, 0 events lost", said)
            self.assertNotIn("damaged", said)
            files = ask("verify", folder=folder.path)["files"]
            self.assertEqual([file["problem"] for file in files], [None] * (times + 1))
            answer = ask("top", "--by", "both", "--top", "0", "--filter", f"port:{traffic.port}",
                         folder=folder.path)
            # Between two files there is always a time of which nothing is known.
            for one, other in zip(files, files[1:]):
                begin, end = unix_ns(one["to"]), unix_ns(other["from"])
                self.assertTrue(any(abs(unix_ns(gap["from"]) - begin) < 10**7 and
                                    abs(unix_ns(gap["to"]) - end) < 10**7 for gap in answer["missing"]),
                                (one["to"], other["from"], answer["missing"]))
            # Nothing counts twice.
            for direction, truth in (("outbound", client), ("inbound", server)):
                got = sums([row for row in answer["rows"] if row["direction"] == direction])
                for key in ("connections", "tx", "rx"):
                    self.assertLessEqual(got[key], truth[key])
            self.assertGreaterEqual(got["connections"], 50)
            ended = [cookie for path in folder.files() for cookie, in
                     select(path, "SELECT cookie FROM flow WHERE closed_ns IS NOT NULL")]
            self.assertEqual(len(ended), len(set(ended)))
        self.assertLess(max(lost), 5)  # on a busy machine; on others 1 s
        return lost

    def test_at_random_moments(self):
        self.check(10, 1.2)


class Damage:
    """Copies of a folder with two files, of which one is damaged."""

    def __init__(self, test):
        self._test = test
        self._stack = contextlib.ExitStack()
        self.silent = 0
        self.tried = 0

    def __enter__(self):
        folder = self._stack.enter_context(Folder())
        traffic = self._stack.enter_context(Traffic())
        for _ in range(2):
            with Recording(folder, interval=0.2) as recording:
                traffic.do(open=20)
                for _ in range(5):
                    traffic.do(short=60, move=1)
                    time.sleep(0.2)
                traffic.settled(close=True)
                recording.stop()
            time.sleep(1)
        self.whole, self.other = folder.files()
        self.bytes = pathlib.Path(self.whole).read_bytes()
        self.path = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="sockscope-damaged-"))
        shutil.copy(self.other, self.path)
        self.file = os.path.join(self.path, os.path.basename(self.whole))
        self.question = ["top", "--by", "both", "--top", "0", "--filter", f"port:{traffic.port}"]
        self.right = ask(*self.question, folder=folder.path)["rows"]
        self.rest = ask(*self.question, folder=self.other)["rows"]
        return self

    def __exit__(self, *_):
        self._stack.close()

    def ask(self, *words):
        done = subprocess.run([support.program(), "history", *words, "--json", "--dir", self.path],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=support.PATIENCE, check=False)
        self._test.assertIn(done.returncode, (0, 1), done.stderr)
        document = json.loads(done.stdout.decode("utf-8"))
        support.check_schema("history", done.stdout.decode("utf-8"))
        return done, document

    def check(self, damaged, what):
        """That what is damaged is told, and the rest is read."""
        with open(self.file, "wb") as file:
            file.write(damaged)
        self.tried += 1
        with self._test.subTest(what):
            verified, facts = self.ask("verify")
            problems = {os.path.basename(each["file"]): each["problem"] for each in facts["files"]}
            self._test.assertIsNone(problems.pop(os.path.basename(self.other)))
            is_found = any(problems.values())
            self._test.assertEqual(verified.returncode, int(is_found))
            asked, answer = self.ask(*self.question)
            self._test.assertEqual(asked.returncode, int(bool(answer["unreadable"])))
            self._test.assertEqual(b"sockscope: " in asked.stderr, bool(answer["unreadable"]))
            if not is_found and answer["rows"] != self.right:
                self.silent += 1
            if answer["unreadable"]:
                self._test.assertIn(os.path.basename(self.file), "".join(answer["unreadable"]))
                self._test.assertGreaterEqual(sums(answer["rows"])["connections"], sums(self.rest)["connections"])

    # Not every changed number is found: SQLite has no checksums. `silent` counts those.
    def flip(self):
        place = random.randrange(len(self.bytes))
        bits = random.randrange(1, 256)
        self.check(self.bytes[:place] + bytes([self.bytes[place] ^ bits]) + self.bytes[place + 1:],
                   f"byte {place} ^ {bits}")

    def truncate(self):
        length = random.randrange(len(self.bytes))
        self.check(self.bytes[:length], f"the first {length} bytes")


class Damaged(unittest.TestCase):
    def test_flipped_bytes(self):
        with Damage(self) as damage:
            for _ in range(25):
                damage.flip()

    def test_truncated(self):
        with Damage(self) as damage:
            for _ in range(25):
                damage.truncate()

    def check_recorder(self, times):
        """What was being written when the recorder was killed is damaged afterwards."""
        with Folder() as folder, Traffic() as traffic:
            with Recording(folder, interval=0.2) as recording:
                traffic.do(open=5)
                traffic.do(short=100, move=2)
                time.sleep(1)
                recording.kill()
            parts = {path: path.read_bytes() for path in pathlib.Path(folder.path).glob("*.scope*")}
            for _ in range(times):
                for path in glob.glob(folder.path + "/*"):
                    os.unlink(path)
                for path, text in parts.items():
                    with open(path, "wb") as file:
                        place = random.randrange(len(text))
                        file.write(random.choice([text[:place], text[:place] + b"\xa5\x5a" * 50 + text[place + 100:],
                                                  text]))
                with Recording(folder, interval=0.2) as recording:
                    said = recording.stop()
                    self.assertEqual(recording.process.returncode, 0, said)
                    self.assertIn(" 0 dropped", said)
                    if "damaged" in said:
                        self.assertTrue(glob.glob(folder.path + "/*.damaged"))
                newest = folder.files()[-1]
                self.assertIsNone(ask("verify", folder=newest)["files"][0]["problem"])

    def test_a_recorder_starts_beside_damage(self):
        self.check_recorder(5)


@contextlib.contextmanager
def mounted(*words):
    with tempfile.TemporaryDirectory(prefix="sockscope-disk-") as above:
        place = os.path.join(above, "disk")
        os.mkdir(place)
        subprocess.run(["mount", *words, place], check=True)
        try:
            yield place
        finally:
            subprocess.run(["umount", place], check=True)


def small_disk(size="16m"):
    return mounted("-t", "tmpfs", "-o", f"size={size},mode=755", "sockscope-test")


@contextlib.contextmanager
def ext4_disk():
    with tempfile.NamedTemporaryFile(prefix="sockscope-image-") as image:
        image.truncate(48 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", image.name], check=True)
        with mounted("-o", "loop", image.name) as place:
            yield place


def fill(path):
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))


class Disk(unittest.TestCase):
    def check_trouble(self, place, begins, ends, words, answers=True):
        """Calls begins() while it records into `place`, and later ends(): it says so once, goes on by
        itself, and knows what is missing."""
        folder = os.path.join(place, "history")
        with Traffic() as traffic, Recording(folder) as recording:
            traffic.do(open=5, move=1)
            traffic.do(short=50)
            support.wait_for(lambda: sums(edges(traffic.port, folder=folder))["connections"] == 110,
                             "the first connections")
            begins()
            traffic.do(short=300, move=1)
            support.wait_for(lambda: "missing from the history" in recording.said(), "its words", seconds=20)
            time.sleep(2)
            traffic.do(short=300, move=1)
            self.assertIsNone(recording.process.poll())
            self.assertEqual(recording.said().count("missing from the history"), 1, recording.said())
            self.assertRegex(recording.said(), words)
            ends()
            ended = time.monotonic()
            support.wait_for(lambda: "records again" in recording.said(), "records again", seconds=20)
            self.assertLess(time.monotonic() - ended, 10)
            traffic.do(short=70)
            moved = dict(traffic.client.do())
            support.wait_for(traffic.ends_are_closed, "the ends of the connections")
            before = time.time_ns()
            said = recording.stop()
            self.assertIn(", 0 events lost", said)
            self.assertRegex(said, r"rows, [1-9][0-9]* dropped")
            if not answers:
                return
            answer = ask("top", "--by", "both", "--top", "0", "--filter", f"port:{traffic.port}", folder=folder)
            got = sums([row for row in answer["rows"] if row["direction"] == "outbound"])
            self.assertGreaterEqual(got["connections"], 5 + 50 + 70)
            self.assertLess(got["connections"], moved["connections"])
            self.assertLess(got["tx"], moved["tx"])
            told = [gap for gap in answer["missing"] if gap["count"]]
            self.assertEqual(len(told), 1, answer["missing"])
            self.assertRegex(told[0]["reason"], words)
            self.assertLess(unix_ns(told[0]["to"]), before)
            for facts in ask("verify", folder=folder)["files"]:
                self.assertIsNone(facts["problem"])

    def test_full(self):
        with small_disk() as place:
            filler = os.path.join(place, "filler")
            self.check_trouble(place, lambda: fill(filler), lambda: os.unlink(filler), "space")

    def test_a_folder_that_cannot_be_written(self):
        with small_disk() as place:
            folder = os.path.join(place, "history")

            def forbid():
                for path in glob.glob(folder + "/*.scope*"):
                    os.unlink(path)
                os.chmod(folder, 0o500)
            self.check_trouble(place, forbid, lambda: os.chmod(folder, 0o750), "no longer there|unable to open",
                               answers=False)

    def test_no_space_at_the_start(self):
        with small_disk() as place, Traffic() as traffic:
            filler = os.path.join(place, "filler")
            folder = os.path.join(place, "history")
            fill(filler)
            with Recording(folder, waits=False) as recording:
                support.wait_for(lambda: "missing from the history" in recording.said() or
                                 recording.process.poll() is not None, "its words")
                if recording.process.poll() is not None:  # it refuses to start in one message
                    self.assertEqual(recording.process.returncode, 1)
                    self.assertIn("space", recording.said())
                    self.assertEqual(recording.said().count("sockscope: "), 1)
                    return
                os.unlink(filler)
                support.wait_for(lambda: "records again" in recording.said(), "records again", seconds=10)
                traffic.do(short=30)
                support.wait_for(traffic.is_quiet, "the end of the connections")
                recording.stop()
                rows = edges(traffic.port, folder=folder)
                self.assertEqual(sums(rows)["connections"], 60)

    def check_hanging(self, seconds):
        with ext4_disk() as place, Traffic() as traffic:
            folder = os.path.join(place, "history")
            with Recording(folder) as recording:
                traffic.do(open=5, move=1)
                subprocess.run(["fsfreeze", "-f", place], check=True)
                try:
                    for _ in range(seconds):
                        traffic.do(short=250, move=1)
                        time.sleep(1)
                finally:
                    subprocess.run(["fsfreeze", "-u", place], check=True)
                client, server = traffic.settled(close=True)
                said = recording.stop()
                self.assertIn(", 0 events lost", said)
                if " 0 dropped," in said:
                    rows = edges(traffic.port, folder=folder)
                    check_traffic(self, rows, traffic, client, server)
                else:  # connections of others on this host filled the queue
                    self.assertTrue(ask("top", folder=folder)["missing"])

    def test_a_disk_that_hangs(self):
        self.check_hanging(4)

    def test_a_disk_with_errors(self):
        """It becomes read-only, as ext4 does after an error."""
        with ext4_disk() as place, Traffic() as traffic:
            folder = os.path.join(place, "history")
            with Recording(folder) as recording:
                traffic.do(short=20)
                subprocess.run(["mount", "-o", "remount,abort", place], check=False, stderr=subprocess.DEVNULL)
                self.assertRaises(OSError, open, os.path.join(place, "other"), "wb")
                traffic.do(short=20)
                support.wait_for(lambda: "missing from the history" in recording.said(), recording.said)
                time.sleep(3)
                self.assertEqual(recording.said().count("missing from the history"), 1, recording.said())
                self.assertIn(", 0 events lost", recording.stop())

    def test_a_folder_that_was_removed(self):
        with small_disk() as place:
            folder = os.path.join(place, "history")
            with Recording(folder) as recording:
                shutil.rmtree(folder)
                support.wait_for(lambda: "missing from the history" in recording.said(), recording.said)
                self.assertNotIn("space", recording.said())
                time.sleep(2)
                self.assertIsNone(recording.process.poll())
                self.assertEqual(recording.said().count("missing from the history"), 1, recording.said())
                recording.stop()
                self.assertEqual(recording.process.returncode, 1)


class Long(unittest.TestCase):
    def test_killed_a_hundred_times(self):
        lost = Killed.check(self, 100, 2.5)
        print(f"\nkilled {len(lost)} times: lost {max(lost):.2f} s at most, {sum(lost) / len(lost):.2f} s on average")

    def test_a_thousand_flipped_bytes(self):
        self.check_damage(Damage.flip)

    def test_a_thousand_truncations(self):
        self.check_damage(Damage.truncate)

    def check_damage(self, harm):
        with Damage(self) as damage:
            for _ in range(1000):
                harm(damage)
            print(f"\n{damage.tried} damaged files, {damage.silent} with a wrong answer that 'verify' does not find")

    def test_a_recorder_starts_beside_damage(self):
        Damaged.check_recorder(self, 100)

    def test_a_disk_that_hangs_for_30_seconds(self):
        Disk.check_hanging(self, 30)

    def test_a_disk_of_4_mb(self):
        with small_disk("4m") as place:
            filler = os.path.join(place, "filler")
            Disk.check_trouble(self, place, lambda: fill(filler), lambda: os.unlink(filler), "space")

    def test_cost(self):
        with Folder() as folder, Traffic() as traffic, Recording(folder, interval=5) as recording:
            traffic.do(open=1000)
            traffic.do(load=100)
            time.sleep(5)
            spent = cpu_seconds(recording.process.pid)
            made = traffic.do()["connections"]
            time.sleep(60)
            spent = cpu_seconds(recording.process.pid) - spent
            rate = (traffic.do()["connections"] - made) / 60
            with open(f"/proc/{recording.process.pid}/status", encoding="utf-8") as status:
                resident = next(line.split()[1] for line in status if line.startswith("VmRSS"))
            traffic.do(stop=True)
            client, server = traffic.settled(close=True)
            said = recording.stop()
            check_traffic(self, edges(traffic.port, folder=folder.path), traffic, client, server)
            file, = ask("info", folder=folder.path)["files"]
            print(f"\n{rate:.0f} connections/s and 1,000 open: {spent / 60:.2%} of a core, {resident} kB resident, "
                  f"{file['bytes'] / (file['flows'] + file['deltas'] + file['failures']):.0f} B a row, "
                  f"{file['bytes'] / file['flows']:.0f} B a connection and end; {said}")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    support.main()
