# SPDX-License-Identifier: Apache-2.0
"""`diff`: what is new, gone and changed between two times that were recorded."""
import json
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import support


def setUpModule():
    support.need_root()


class Server:
    """Takes what clients send, and answers with one byte."""

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def _serve(self):
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            with client:
                while client.recv(1 << 16):
                    pass
                client.sendall(b"a")

    def ask(self, size):
        with socket.create_connection(("127.0.0.1", self.port)) as client:
            client.sendall(b"q" * size)
            client.shutdown(socket.SHUT_WR)
            assert client.recv(1) == b"a"

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


class Diff(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="sockscope-test-")
        cls.addClassCleanup(directory.cleanup)
        cls.folder = str(pathlib.Path(directory.name) / "history")
        with Server() as both, Server() as gone, Server() as new, Server() as more:
            cls.ports = {name: server.port for name, server in
                         (("both", both), ("gone", gone), ("new", new), ("more", more))}
            recorder = subprocess.Popen([support.program(), "record", "--dir", cls.folder, "-i", "0.2", "-q"],
                                        stderr=subprocess.PIPE)
            support.wait_for(lambda: list(pathlib.Path(cls.folder).glob("*.scope")), "the first file")
            time.sleep(0.5)
            cls.times = [time.time()]
            for phase in range(2):
                for _ in range(20):
                    both.ask(1000)
                more.ask(1_000_000 if phase else 1000)
                (new if phase else gone).ask(1)
                time.sleep(1)
                cls.times.append(time.time())
            recorder.send_signal(signal.SIGTERM)
            cls.stderr = recorder.communicate(timeout=support.PATIENCE)[1].decode()
            assert recorder.returncode == 0, cls.stderr

    def diff(self, *words, base=None, with_=None, returncode=0):
        first, second, third = self.times
        done = support.run("diff", "--dir", self.folder, "--base", base or f"@{first}..@{second}", "--with",
                           with_ or f"@{second} for {third - second:.3f}s", *words)
        self.assertEqual(done.returncode, returncode, done.stderr)
        return done

    def changes(self, *words, **sides):
        text = self.diff("--json", *words, **sides).stdout
        support.check_schema("diff", text)
        rows = json.loads(text)["rows"]
        return {name: [row for row in rows if row["port"] == port] for name, port in self.ports.items()}

    def test_new_gone_and_changed(self):
        changes = self.changes()
        self.assertEqual(changes["both"], [])
        for name in ("new", "gone"):
            client, = [row for row in changes[name] if row["direction"] == "outbound"]
            server, = [row for row in changes[name] if row["direction"] == "inbound"]
            there, missing = ("with", "base") if name == "new" else ("base", "with")
            self.assertEqual((client["change"], server["change"]), (name, name))
            self.assertIsNone(client[missing])
            self.assertEqual((client[there]["tx_bytes"], client[there]["rx_bytes"]), (1, 1))
            self.assertEqual(client[there]["connections"], 1)
        client, = [row for row in changes["more"] if row["direction"] == "outbound"]
        self.assertEqual(client["change"], "changed")
        self.assertEqual((client["base"]["tx_bytes"], client["with"]["tx_bytes"]), (1000, 1_000_000))
        self.assertGreater(client["rate_change"], 0)

    def test_the_other_way_round(self):
        first, second, third = self.times
        changes = self.changes(base=f"@{second}..@{third}", with_=f"@{first}..@{second}")
        self.assertEqual({row["change"] for row in changes["new"]}, {"gone"})
        self.assertEqual({row["change"] for row in changes["gone"]}, {"new"})

    def test_a_text_for_people(self):
        text = self.diff("--filter", f"port:{self.ports['new']}").stdout
        self.assertIn("new: ", text)
        self.assertIn(f"→ 127.0.0.1:{self.ports['new']}", text)
        self.assertNotIn(f":{self.ports['both']} ", text)

    def test_exit_code_and_files(self):
        self.diff("--exit-code", returncode=1)
        file, = map(str, pathlib.Path(self.folder).glob("*.scope"))
        done = self.diff("--exit-code", base=file, with_=self.folder)
        self.assertEqual([line for line in done.stdout.splitlines() if not line.startswith(" ")][:3],
                         ["new: 0", "gone: 0", "changed: 0"])

    def test_wrong_ranges(self):
        for text in ("tomorrow..now", "10:00 for", "x", "...", "@5..@4"):
            with self.subTest(text):
                self.assertIn("cannot understand --base", self.diff(base=text, returncode=2).stderr)
        self.assertIn("--with is required", support.run("diff", "--base", "1h").stderr)


if __name__ == "__main__":
    support.main()
