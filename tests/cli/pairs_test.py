# SPDX-License-Identifier: Apache-2.0
"""`--pairs` and `--conn-key`: both ends of a connection in one row, and their name."""
import contextlib
import csv
import io
import os
import pathlib
import socket
import tempfile
import threading
import unittest

import support

KEY = "00112233445566778899aabbccddeeff"


@contextlib.contextmanager
def one_way():
    """A connection within this process, whose client sends all the time."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server = listener.accept()[0]
        with client, server:
            def send():
                with contextlib.suppress(OSError):
                    while True:
                        client.send(b"x" * 10_000)
                        server.recv(20_000)
            thread = threading.Thread(target=send)
            thread.start()
            yield listener.getsockname()[1]
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def setUpModule():
    support.need_root()


class Connected(unittest.TestCase):
    """A connection between this process and another one."""

    def setUp(self):
        holder = support.Holder("listen4")
        self.holder = holder.__enter__()
        self.addCleanup(holder.__exit__, None, None, None)
        self.server_port = self.holder.sockets["listen4"][0]["local_port"]
        self.client = socket.create_connection(("127.0.0.1", self.server_port))
        self.addCleanup(self.client.close)
        self.client_port = self.client.getsockname()[1]

    def run_(self, *words, returncode=0):
        done = support.run(*words)
        self.assertEqual(done.returncode, returncode, done.stderr)
        return done

    def rows(self, *words):
        text = self.run_("snapshot", "-P", str(self.server_port), *words, "--json").stdout
        return support.json.loads(text)["flows"]


class Pairs(Connected):
    def test_rows_have_the_other_end(self):
        ends = [row for row in self.rows() if row["remote_port"]]
        self.assertEqual(len(ends), 2)
        for row, other in (ends, reversed(ends)):
            self.assertRegex(row["conn_id"], "^[0-9a-f]{16}$")
            self.assertEqual(row["conn_id"], other["conn_id"])
            self.assertEqual({name: row["other_end"][name] for name in row["other_end"]},
                             {name: other[name] for name in row["other_end"]})

    def test_the_other_end_may_be_left_out(self):
        (row,) = [row for row in self.rows("-p", str(os.getpid())) if row["remote_port"]]
        self.assertEqual(row["other_end"]["local_port"], self.server_port)
        (row,) = self.rows("--filter", f"other_pid:{os.getpid()}")
        self.assertEqual(row["local_port"], self.server_port)

    def test_one_row_for_both(self):
        (row,) = self.rows("--pairs")
        self.assertIn(row["local_port"], (self.client_port, self.server_port))
        done = self.run_("snapshot", "--pairs", "-P", str(self.server_port))
        heading, line = done.stdout.splitlines()
        self.assertEqual(heading.split(), "PROT ST PID COMMAND LOCAL REMOTE OTHER PID OTHER COMMAND OTHER "
                         "LOCAL RX TX RTTms RETR".split())
        self.assertIn(f"127.0.0.1:{self.client_port}", line)

    def test_in_csv_and_counted(self):
        done = self.run_("snapshot", "--pairs", "-P", str(self.server_port), "-o", "csv", "--columns",
                         "proto,other_local,conn_id,other_netns")
        (row,) = csv.DictReader(io.StringIO(done.stdout))
        self.assertRegex(row["conn_id"], "^[0-9a-f]{16}$")
        self.assertEqual(row["other_netns"], str(os.stat("/proc/self/ns/net").st_ino))
        done = self.run_("snapshot", "--pairs", "-P", str(self.server_port), "--count-by", "proto")
        self.assertEqual(done.stdout.split()[-2:], ["1", "tcp"])
        (row,) = self.rows("--pairs", "--columns", "other_pid,other_local")
        self.assertEqual(set(row), {"other_end", "peer_of"} & set(row))
        self.assertEqual(set(row["other_end"]), {"pid", "local_addr", "local_port"})

    def test_a_selected_end_stays(self):
        (row,) = self.rows("--pairs", "-p", str(os.getpid()))
        self.assertEqual(row["pid"], os.getpid())

    def test_top_counts_it_once(self):
        with one_way() as port:
            words = ("top", "--once", "-i", "1", "-P", str(port))
            one = self.run_(*words, "--pairs").stdout.splitlines()
            both = self.run_(*words, "--only", "flows").stdout.splitlines()
        self.assertIn(" 1 conn ", one[0])
        self.assertIn(" 2 conns ", both[0])
        self.assertEqual(len([line for line in one[2:] if line.startswith("tcp")]), 1)
        self.assertRegex(one[0], r"↓ 0 b/s|↑ 0 b/s")
        self.assertNotRegex(both[0], r"↓ 0 b/s|↑ 0 b/s")

    def test_polled_sources_join_by_addresses(self):
        for source in ("sock_diag", "procfs"):
            with self.subTest(source):
                (row,) = self.rows("--pairs", "--source", source)
                self.assertIsNone(row["conn_id"])
                self.assertIn(row["other_end"]["local_port"], (self.client_port, self.server_port))

    def test_excludes(self):
        for words in (("snapshot", "--pairs", "--only", "processes"), ("top", "--pairs", "--only", "processes"),
                      ("snapshot", "--pairs", "--format", "netwatch"),
                      ("snapshot", "--pairs", "--from", "ss:-")):
            with self.subTest(words):
                done = self.run_(*words, returncode=2)
                self.assertIn("--pairs excludes", done.stderr)


class Key(Connected):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / "key"
        self.write(KEY + "\n")

    def write(self, text, mode=0o600):
        self.path.write_text(text)
        self.path.chmod(mode)

    def id_(self, *words):
        return self.rows("--pairs", *words)[0]["conn_id"]

    def test_names_are_the_same_in_every_run(self):
        self.assertEqual(self.id_(), self.id_())

    def test_a_key_makes_names_of_its_own(self):
        own = self.id_("--conn-key", str(self.path))
        self.assertEqual(own, self.id_("--conn-key", str(self.path)))
        self.assertNotEqual(own, self.id_())
        self.write(KEY.replace("0", "1", 1))
        self.assertNotEqual(own, self.id_("--conn-key", str(self.path)))

    def test_a_filter_finds_it_again(self):
        rows = self.rows("--filter", f"conn_id:{self.id_()}")
        self.assertEqual(len(rows), 2)

    def refusal(self):
        done = self.run_("snapshot", "--conn-key", str(self.path), returncode=2)
        return done.stderr

    def test_keys_that_are_none(self):
        for text in ("", KEY[1:], KEY + "0", KEY[:-1] + "g", "0x" + KEY[2:], "-" + KEY[1:], "x" * 100_000):
            with self.subTest(text[:50]):
                self.write(text)
                self.assertIn("does not hold 32 hexadecimal digits", self.refusal())

    def test_a_key_that_others_may_read(self):
        for mode in (0o640, 0o604, 0o666):
            self.path.chmod(mode)
            self.assertIn("chmod 600", self.refusal())

    def test_a_key_that_is_not_there(self):
        self.path.unlink()
        self.assertIn("No such file or directory", self.refusal())
        self.path.mkdir()
        self.assertIn("cannot read", self.refusal())


if __name__ == "__main__":
    support.main()
