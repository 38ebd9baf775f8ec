# SPDX-License-Identifier: Apache-2.0
"""`sockscope story` and `trace --processes`, checked with programs whose actions are known."""
import functools
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import support
from support import Trace


def setUpModule():
    support.need_root()


class Story:
    """`sockscope story --json …` writing to a file; entering it waits until it observes."""

    def __init__(self, *arguments):
        self._file = tempfile.NamedTemporaryFile(prefix="sockscope-test-")
        self._arguments = arguments

    def __enter__(self):
        self.process = subprocess.Popen([support.program(), "story", "--json", *self._arguments],
                                        stdin=subprocess.DEVNULL, stdout=self._file,
                                        stderr=subprocess.PIPE)
        support.wait_for(lambda: self._lines(), "the header of the stories")
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        self._file.close()

    def _lines(self):
        with open(self._file.name, encoding="utf-8") as file:
            text = file.read()
        return support.json_lines(text[:text.rfind("\n") + 1])

    def of(self, pid):
        """Waits for the story of this process."""
        return support.wait_for(
            lambda: next((s for s in self._lines() if s.get("pid") == pid), None),
            f"the story of {pid}")

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=support.PATIENCE)
        with open(self._file.name, encoding="utf-8") as file:
            support.check_schema("trace", file.read())
        return self.process.returncode, self._lines()


class Server:
    """Answers each request with the number of bytes in its path."""

    def __enter__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = b"x" * int(self.path[1:])
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


class QuietFiles(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Relay:
    """Passes connections on to a port of this host, and counts them and their bytes."""

    def __init__(self, target):
        self._target = target

    def __enter__(self):
        self.connections = self.up = self.down = 0
        self._threads = []
        self._sockets = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            server = socket.create_connection(("127.0.0.1", self._target))
            self._sockets += [client, server]
            for words in ((client, server, "up"), (server, client, "down")):
                thread = threading.Thread(target=self._pump, args=words, daemon=True)
                thread.start()
                self._threads.append(thread)

    def _pump(self, source, sink, way):
        try:
            while piece := source.recv(65536):
                setattr(self, way, getattr(self, way) + len(piece))
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def finish(self):
        """Waits until all connections are over."""
        for thread in self._threads:
            thread.join(support.PATIENCE)
        for passed in self._sockets:
            passed.close()



class Lookups(unittest.TestCase):
    # Asks at an address of this host without a name server: the query is sent, but not answered.
    ASK = ("import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.connect(('127.9.8.7', 53));"
           "s.send(b'\\x12\\x34\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\1x\\7example\\0\\0\\1\\0\\1')")

    def ask(self, *words):
        with Story(*words) as story:
            asker = subprocess.Popen([sys.executable, "-c", self.ASK])
            self.assertEqual(asker.wait(timeout=support.PATIENCE), 0)
            told = story.of(asker.pid)
            self.assertEqual(story.stop()[0], 0)
        return told

    def test_without_an_answer(self):
        told = self.ask()
        self.assertEqual((told["dns_queries"], told["dns_unanswered"]), (1, 1))

    def test_where_it_cannot_be_observed(self):
        name = f"sockscope-s-{os.getpid()}"
        subprocess.run(["ip", "netns", "add", name], check=True)
        self.addCleanup(subprocess.run, ["ip", "netns", "del", name], check=True)
        # This hides the host's cgroups.
        inside = ["ip", "netns", "exec", name, support.program(), "story"]
        options = {"capture_output": True, "encoding": "utf-8", "check": False,
                   "timeout": support.PATIENCE}
        done = subprocess.run([*inside, "--json", "--", "true"], **options)
        doors = support.json_lines(done.stdout)[0]["doors"]
        seen = {door["observation"] for door in doors if door["refused"] is None}
        self.assertNotIn("dns messages", seen)
        for words in ([], ["--json"]):
            said = subprocess.run([*inside, *words, "--", "true"], **options).stderr
            self.assertIn("dns messages are not observed: the host's root cgroup", said)
            self.assertIn("remote ends of udp sockets are not observed: the host's root cgroup", said)
            self.assertEqual("UDP sockets are not in the stories" in said,
                             "udp close, closing process" not in seen)
        self.assertNotIn("dns messages", subprocess.run([*inside, "--no-dns", "--", "true"],
                                                        **options).stderr)
        self.assertNotIn("not observed", subprocess.run([*inside, "-q", "--", "true"],
                                                        **options).stderr)

    def test_not_looked_at(self):
        told = self.ask("--no-dns")
        self.assertEqual((told["dns_queries"], told["dns_unanswered"]), (None, None))


class Stories(unittest.TestCase):
    def of_command(self, stories, comm, port):
        return [s for s in stories if s.get("event") == "story" and s["comm"] == comm
                and f":{port}" in (s["cmdline"] or "")]

    def test_git_over_http(self):
        if not shutil.which("git"):
            self.skipTest("git is not installed")
        with tempfile.TemporaryDirectory() as folder:
            git = ["git", "-C", folder, "-c", "user.name=t", "-c", "user.email=t@example.net"]
            for words in (["init", "-q", "source"], ["-C", "source", "commit", "-q", "--allow-empty",
                                                     "-m", "one"],
                          ["-C", "source", "update-server-info"]):
                subprocess.run(git + words, check=True)
            files = functools.partial(QuietFiles, directory=os.path.join(folder, "source", ".git"))
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), files)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            with Relay(server.server_address[1]) as relay, Story() as story:
                clone = subprocess.Popen(git + ["clone", "-q", f"http://127.0.0.1:{relay.port}/",
                                                "copy"], env={**os.environ, "NO_PROXY": "*"})
                self.assertEqual(clone.wait(timeout=support.PATIENCE), 0)
                parent = story.of(clone.pid)
                relay.finish()
                _, stories = story.stop()
            server.shutdown()
            server.server_close()
        self.assertEqual((parent["comm"], parent["connections"], parent["exit_code"]), ("git", 0, 0))
        helpers = self.of_command(stories, "git-remote-http", relay.port)
        self.assertEqual([h["exit_code"] for h in helpers], [0])
        self.assertIn("git", helpers[0]["parents"])
        self.assertGreater(relay.connections, 0)
        self.assertEqual((helpers[0]["connections"], helpers[0]["tx_bytes"], helpers[0]["rx_bytes"]),
                         (relay.connections, relay.up, relay.down))

    def test_ssh(self):
        sshd = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin")
        if not sshd or not shutil.which("ssh"):
            self.skipTest("ssh and sshd are not both installed")
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        port = support.free_port()
        with tempfile.TemporaryDirectory() as folder:
            for name in ("host", "user"):
                subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                                os.path.join(folder, name)], check=True)
            server = subprocess.Popen(
                [sshd, "-D", "-e", "-f", "/dev/null", "-h", os.path.join(folder, "host"),
                 "-o", f"ListenAddress=127.0.0.1:{port}", "-o", "StrictModes=no", "-o", "PidFile=none",
                 "-o", "PermitRootLogin=yes",
                 "-o", f"AuthorizedKeysFile={os.path.join(folder, 'user.pub')}"],
                stderr=subprocess.DEVNULL)
            try:
                support.wait_until_listening(port, server)
                with Relay(port) as relay, Story() as story:
                    ssh = subprocess.Popen(
                        ["ssh", "-F", "none", "-p", str(relay.port), "-i",
                         os.path.join(folder, "user"), "-o", "StrictHostKeyChecking=no", "-o",
                         "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "root@127.0.0.1",
                         "head -c 100000 /dev/zero; exit 3"], stdout=subprocess.PIPE)
                    out, _ = ssh.communicate(timeout=support.PATIENCE)
                    told = story.of(ssh.pid)
                    relay.finish()
            finally:
                server.terminate()
                server.wait()
        self.assertEqual((len(out), ssh.returncode), (100000, 3))
        self.assertEqual((told["comm"], told["connections"], told["exit_code"]), ("ssh", 1, 3))
        self.assertEqual((told["tx_bytes"], told["rx_bytes"]), (relay.up, relay.down))

    def test_curl(self):
        if not shutil.which("curl"):
            self.skipTest("curl is not installed")
        with Server() as server, Story() as story:
            curl = subprocess.Popen(["curl", "-s", "-o", "/dev/null", "-w",
                                     "%{size_request} %{size_header} %{size_download}",
                                     f"http://127.0.0.1:{server.port}/54321"],
                                    stdout=subprocess.PIPE, encoding="ascii")
            sent, head, body = map(int, curl.communicate(timeout=support.PATIENCE)[0].split())
            told = story.of(curl.pid)
            code, _ = story.stop()
        self.assertEqual(code, 0)
        self.assertEqual(body, 54321)
        self.assertEqual((told["event"], told["comm"], told["uid"]), ("story", "curl", 0))
        self.assertEqual((told["connections"], told["failed"], told["still_open"]), (1, 0, 0))
        self.assertEqual(told["tx_bytes"], sent)
        self.assertEqual(told["rx_bytes"], head + body)
        self.assertEqual((told["exit_code"], told["signal"], told["core_dumped"]), (0, None, False))
        self.assertEqual(told["ppid"], os.getpid())
        self.assertGreater(told["duration_us"], 0)
        self.assertGreater(told["worst_rtt_us"], 0)
        self.assertIn(f"http://127.0.0.1:{server.port}/54321", told["cmdline"])

    def test_a_script_with_three_children(self):
        if not shutil.which("curl"):
            self.skipTest("curl is not installed")
        with Server() as server, Story() as story:
            url = f"http://127.0.0.1:{server.port}"
            script = (f"curl -s -o /dev/null {url}/1000 & echo $!; wait $!\n"
                      f"curl -s -o /dev/null {url}/2000 -o /dev/null {url}/3000 & echo $!; wait $!\n"
                      f"curl -s http://127.0.0.1:1/ & echo $!; wait $!\nexit 5\n")
            shell = subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE,
                                     encoding="ascii")
            pids = [int(line) for line in shell.communicate(timeout=support.PATIENCE)[0].split()]
            children = [story.of(pid) for pid in pids]
            parent = story.of(shell.pid)
        self.assertEqual([c["comm"] for c in children], ["curl"] * 3)
        self.assertEqual([c["ppid"] for c in children], [shell.pid] * 3)
        for child in children:
            self.assertTrue(child["parents"].startswith("bash < "), child["parents"])
        self.assertEqual([c["connections"] for c in children], [1, 2, 0])
        self.assertEqual([c["failed"] for c in children], [0, 0, 1])
        self.assertGreaterEqual(children[0]["rx_bytes"], 1000)
        self.assertLess(children[0]["rx_bytes"], 1400)
        self.assertGreaterEqual(children[1]["rx_bytes"], 5000)
        self.assertLess(children[1]["rx_bytes"], 5800)
        self.assertEqual([c["exit_code"] for c in children], [0, 0, 7])
        self.assertEqual((parent["connections"], parent["exit_code"]), (0, 5))

    def test_a_script_that_it_runs(self):
        with Server() as server:
            url = f"http://127.0.0.1:{server.port}"
            script = f"curl -s -o /dev/null {url}/1000; curl -s -o /dev/null {url}/2000; curl -s http://127.0.0.1:1/"
            done = support.run("story", "--", "sh", "-c", script + "; exit 5")
        self.assertEqual(done.returncode, 5)
        heads, details = self.heads_and_details(done.stdout)
        self.assertEqual([line.split()[0] for line in heads], ["curl"] * 3 + ["sh"])
        self.assertTrue(heads[-1].endswith("0 conns  exit 5"), heads)
        self.assertIn("4 processes, 2 connections, 1 failed, tx ", done.stderr)
        self.assertEqual([lines[0] for lines in details],
                         [f"curl -s -o /dev/null {url}/1000", f"curl -s -o /dev/null {url}/2000",
                          "curl -s http://127.0.0.1:1/", f"sh -c {script}; exit 5"])
        self.assertEqual([len(lines) for lines in details], [2, 2, 2, 1])
        for lines in details[:2]:
            self.assertRegex(lines[1], rf"^→ 127\.0\.0\.1:{server.port}  1 conn  tx \d+ B rx \d\.\d kB$")
        self.assertEqual(details[2][1], "→ 127.0.0.1:1  1 failed (ECONNREFUSED)")

    @staticmethod
    def heads_and_details(text):
        heads, details = [], []
        for line in text.splitlines():
            if line.startswith("    "):
                details[-1].append(line.strip())
            else:
                heads.append(line)
                details.append([])
        return heads, details

    def test_how_long_the_program_ran(self):
        for tree in ([], ["--tree"]):
            began = time.monotonic()
            done = support.run("story", *tree, "--", "sleep", "0.7")
            took = time.monotonic() - began
            [[amount, unit]] = re.findall(r"^sleep \d+ \(.*\) uid 0  (\S+) (m?s)  ", done.stdout)
            self.assertTrue(0.7 <= float(amount) / (1000 if unit == "ms" else 1) <= took, done.stdout)
        told = json.loads(support.run("story", "--json", "--", "sleep", "0.3").stdout.splitlines()[1])
        self.assertTrue(300_000 <= told["duration_us"] <= 20_000_000, told)

    def test_a_tree(self):
        with Server() as server:
            url = f"http://127.0.0.1:{server.port}"
            script = (f"(curl -s -o /dev/null {url}/1000; curl -s http://127.0.0.1:1/; true); "
                      f"sleep 0; curl -s -o /dev/null {url}/2000; exit 5")
            done = support.run("story", "--tree", "--", "sh", "-c", script)
            talkers = support.run("story", "--tree", "--talkers", "--", "sh", "-c", script)
        self.assertEqual((done.returncode, talkers.returncode), (5, 5))
        names = [line.lstrip("│├└─ ").split()[0] for line in done.stdout.splitlines()
                 if " uid " in line]
        self.assertEqual(names, ["sh", "sh", "curl", "curl", "sleep", "curl"])
        self.assertEqual([line[:6] for line in done.stdout.splitlines() if " uid " in line][1:],
                         ["├─ sh ", "│  ├─ ", "│  └─ ", "├─ sle", "└─ cur"])
        self.assertIn("│   with all below: 6 processes, 2 connections, 1 failed, tx ", done.stdout)
        self.assertIn("│  │   with all below: 3 processes, 1 connection, 1 failed, tx ", done.stdout)
        self.assertIn("6 processes, 2 connections, 1 failed, tx ", done.stderr)
        self.assertNotIn("sleep 0", talkers.stdout.replace(script, ""))
        self.assertIn("with all below: 6 processes", talkers.stdout)

    def test_a_tree_is_no_json(self):
        done = support.run("story", "--tree", "--json")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("--json has ppid: it excludes --tree", done.stderr)

    def test_remote_ends_in_json(self):
        with Server() as server, Story() as story:
            curl = subprocess.Popen(["curl", "-s", "-o", "/dev/null",
                                     f"http://127.0.0.1:{server.port}/1000",
                                     f"http://127.0.0.1:{server.port}/1000", "http://127.0.0.1:1/"],
                                    stdout=subprocess.DEVNULL)
            told = story.of(curl.pid)
            curl.wait()
        ends = told["remotes"]
        self.assertEqual([(e["proto"], e["direction"], e["remote_addr"], e["remote_port"],
                           e["local_port"], e["failed"], e["error"]) for e in ends],
                         [("tcp", "outbound", "127.0.0.1", server.port, None, 0, None),
                          ("tcp", "outbound", "127.0.0.1", 1, None, 1, "ECONNREFUSED")])
        for figure in ("connections", "failed", "tx_bytes", "rx_bytes"):
            self.assertEqual(sum(end[figure] for end in ends), told[figure])
        self.assertEqual(told["other_remotes"],
                         {"connections": 0, "failed": 0, "tx_bytes": 0, "rx_bytes": 0})

    def test_selection_and_lines_for_people(self):
        # A name of its own: others sleep, too.
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        name = f"sleep{os.getpid()}"
        path = shutil.copy(shutil.which("sleep"), os.path.join(folder.name, name))
        process = subprocess.Popen([support.program(), "story", "-c", name, "--count", "1"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, encoding="utf-8")
        stop = threading.Event()

        def sleep_again_and_again():
            while not stop.is_set():
                subprocess.run(["true"], check=True)
                sleeper = subprocess.Popen([path, "100"])
                sleeper.terminate()
                sleeper.wait()
        thread = threading.Thread(target=sleep_again_and_again)
        thread.start()
        try:
            out, err = process.communicate(timeout=support.PATIENCE)
        finally:
            stop.set()
            thread.join()
        self.assertEqual(process.returncode, 0, err)
        self.assertRegex(out, rf"^{name} \d+ \(.*\) uid 0  (\S+ \S+|—)  0 conns  signal TERM.*\n"
                              rf"    {path} 100\n$")
        self.assertIn("1 process, 0 connections, 0 failed", err)


class UnconnectedUdp(unittest.TestCase):
    """Remote ends of UDP sockets that are not connected, against the bytes that each end sent."""
    NOTHING = {"connections": 0, "failed": 0, "tx_bytes": 0, "rx_bytes": 0}
    # Sends 100 bytes to the first port and reads the answer; three times 7 to the second.
    ASK = ("import socket, sys\n"
           "s = socket.socket(type=socket.SOCK_DGRAM)\n"
           "s.bind(('127.0.0.1', 0))\n"
           "one, two = (('127.0.0.1', int(port)) for port in sys.argv[1:])\n"
           "s.sendto(b'x' * 100, one)\n"
           "s.recv(1000)\n"
           "for _ in range(3): s.sendto(b'y' * 7, two)\n")
    # Answers two datagrams with twice their bytes.
    SERVE = ("import socket\n"
             "s = socket.socket(type=socket.SOCK_DGRAM)\n"
             "s.bind(('127.0.0.1', 0))\n"
             "print(s.getsockname()[1], flush=True)\n"
             "for _ in range(2):\n"
             "    data, client = s.recvfrom(1000)\n"
             "    s.sendto(2 * data, client)\n")

    def setUp(self):
        self.ends = [self.socket(), self.socket()]
        self.ports = [end.getsockname()[1] for end in self.ends]

    def socket(self):
        end = socket.socket(type=socket.SOCK_DGRAM)
        end.bind(("127.0.0.1", 0))
        end.settimeout(support.PATIENCE)
        self.addCleanup(end.close)
        return end

    def answer(self):
        data, client = self.ends[0].recvfrom(1000)
        self.ends[0].sendto(b"z" * 30, client)

    def figures(self, told):
        return sorted((e["remote_port"], e["connections"], e["tx_bytes"], e["rx_bytes"])
                      for e in told["remotes"])

    def test_of_a_client(self):
        with Story() as story:
            asker = subprocess.Popen([sys.executable, "-c", self.ASK, *map(str, self.ports)])
            self.answer()
            told = story.of(asker.pid)
            self.assertEqual(asker.wait(), 0)
            self.assertEqual(story.stop()[0], 0)
        self.assertEqual((told["connections"], told["tx_bytes"], told["rx_bytes"]), (1, 121, 30))
        self.assertEqual(self.figures(told),
                         sorted([(self.ports[0], 1, 100, 30), (self.ports[1], 1, 21, 0)]))
        for end in told["remotes"]:
            self.assertEqual((end["proto"], end["direction"], end["remote_addr"], end["local_port"]),
                             ("udp", None, "127.0.0.1", None))
        self.assertEqual((told["other_remotes"], told["unknown_remotes"]), (self.NOTHING,) * 2)

    def test_of_a_server(self):
        with Story() as story:
            server = subprocess.Popen([sys.executable, "-c", self.SERVE], stdout=subprocess.PIPE)
            port = int(server.stdout.readline())
            for end, size in zip(self.ends, (40, 50)):
                end.sendto(b"q" * size, ("127.0.0.1", port))
                self.assertEqual(len(end.recv(1000)), 2 * size)
            told = story.of(server.pid)
            server.communicate(timeout=support.PATIENCE)
        self.assertEqual(self.figures(told),
                         sorted([(self.ports[0], 1, 80, 40), (self.ports[1], 1, 100, 50)]))
        self.assertEqual((told["connections"], told["tx_bytes"], told["rx_bytes"]), (1, 180, 90))
        self.assertEqual(told["unknown_remotes"], self.NOTHING)

    def test_for_people(self):
        thread = threading.Thread(target=self.answer)
        thread.start()
        done = support.run("story", "--", sys.executable, "-c", self.ASK, *map(str, self.ports))
        thread.join()
        self.assertEqual(done.returncode, 0)
        self.assertIn(f"    ↔ 127.0.0.1:{self.ports[0]} udp  1 conn  tx 100 B rx 30 B\n", done.stdout)
        self.assertIn(f"    ↔ 127.0.0.1:{self.ports[1]} udp  1 conn  tx 21 B rx 0 B\n", done.stdout)
        self.assertNotIn("… ", done.stdout)


class TraceProcesses(unittest.TestCase):
    def test_one_order(self):
        if not shutil.which("curl"):
            self.skipTest("curl is not installed")
        with Server() as server, Trace("--processes") as trace:
            curl = subprocess.Popen(["curl", "-s", "-o", "/dev/null",
                                     f"http://127.0.0.1:{server.port}/10"])
            curl.wait(timeout=support.PATIENCE)
            trace.wait_for_event(lambda e: e["event"] == "exit" and e["pid"] == curl.pid, "exit")
            stream = trace.stop()
        kinds = [e["event"] for e in stream.events
                 if e.get("pid") == curl.pid and e["event"] not in ("owner", "close")]
        self.assertEqual([k for k in kinds if k in ("fork", "exec", "connect", "exit")],
                         ["fork", "exec", "connect", "exit"])
        connect = next(e for e in stream.of("connect") if e["pid"] == curl.pid)
        self.assertEqual(connect["ppid"], os.getpid())
        self.assertEqual(os.path.basename(connect["exe"]), "curl")
        self.assertIn("curl -s -o /dev/null", connect["cmdline"])
        doors = {d["observation"] for d in stream.header["doors"] if not d["refused"]}
        self.assertLessEqual({"process fork", "process exec", "process exit", "process user"}, doors)

    @support.not_with_sanitizers("the search for leaks forks")
    def test_collecting_spawns_nothing(self):
        with Trace("--processes") as trace:
            snapshots = subprocess.Popen(
                [support.program(), "snapshot", "--format", "netwatch", "--envelope", "--watch", "-i",
                 "0.2", "--count", "3"], stdout=subprocess.DEVNULL)
            self.assertEqual(snapshots.wait(timeout=support.PATIENCE), 0)
            host = subprocess.Popen([support.program(), "host"], stdout=subprocess.DEVNULL)
            self.assertEqual(host.wait(timeout=support.PATIENCE), 0)
            for child in (snapshots, host):
                trace.wait_for_event(
                    lambda e, pid=child.pid: e["event"] == "exit" and e["pid"] == pid, "exit")
            stream = trace.stop()
        forks = stream.of("fork")
        self.assertLessEqual({snapshots.pid, host.pid}, {e["pid"] for e in forks})
        self.assertEqual([e for e in forks if e["ppid"] in (snapshots.pid, host.pid)], [])


class SnapshotHolders(unittest.TestCase):
    def test_all_holders_are_listed(self):
        with support.Holder("tcp4") as holder:
            document = support.snapshot("--holders", "-p", str(holder.pid))
            for flow in document["flows"]:
                self.assertEqual([(h["pid"], h["comm"]) for h in flow["holders"]],
                                 [(holder.pid, "holder")])
            self.assertTrue(document["flows"])
            row = document["processes"][0]
            self.assertEqual((row["ppid"], row["session"]), (os.getpid(), os.getsid(0) or None))
            self.assertIn("socket_holder.py", row["cmdline"])
            with open(f"/proc/{holder.pid}/cgroup", encoding="utf-8") as file:
                self.assertIn(row["cgroup"], file.read())
            table = support.run("snapshot", "--columns", "pid,user,exe,parent", "-p",
                                str(holder.pid)).stdout
            self.assertIn(os.readlink(f"/proc/{holder.pid}/exe"), table)


if __name__ == "__main__":
    support.main()
