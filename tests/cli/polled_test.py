# SPDX-License-Identifier: Apache-2.0
"""Without eBPF: compares sock_diag and /proc with ss, also for users without privileges."""
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
import unittest

import support

POLLED = ("sock_diag", "procfs")
SOURCES = ("ebpf", *POLLED)
ALL_KINDS = ("tcp4", "tcp6", "udp4", "udp6", "listen4", "bound-udp4")
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all",
          "--inh-caps=-all"]
COUNTERS = ("tx_bytes", "rx_bytes", "tx_segments", "rx_segments", "retransmits", "srtt_us",
            "min_rtt_us")
STATES = {"ESTAB": "ESTABLISHED", "LISTEN": "LISTEN", "CLOSE-WAIT": "CLOSE_WAIT",
          "FIN-WAIT-2": "FIN_WAIT2", "TIME-WAIT": "TIME_WAIT", "UNCONN": None}


def setUpModule():
    support.need_root()


def address_of(text):
    """("127.0.0.1", 80) from the form that ss prints."""
    host, _, port = text.rpartition(":")
    return host.strip("[]").partition("%")[0], None if port == "*" else int(port)


def ss_sockets(protocol):
    """What ss shows, by cookie."""
    done = subprocess.run(["ss", "-inaeOH", protocol], capture_output=True, encoding="utf-8",
                          timeout=support.PATIENCE, check=True)
    sockets = {}
    for line in done.stdout.splitlines():
        words = line.split()
        values = dict(re.findall(r"\b(sk|ino|uid|bytes_sent|bytes_retrans|bytes_received|segs_out|"
                                 r"segs_in|minrtt|rtt):([0-9a-f./]+)", line))
        retransmitted = re.search(r"\bretrans:\d+/(\d+)", line)
        sockets[int(values["sk"], 16)] = {
            "state": STATES.get(words[0], words[0]), "local": address_of(words[3]),
            "remote": address_of(words[4]), "uid": int(values.get("uid", 0)),
            "inode": int(values.get("ino", 0)),
            "tx_bytes": int(values.get("bytes_sent", 0)) - int(values.get("bytes_retrans", 0)),
            "rx_bytes": int(values.get("bytes_received", 0)),
            "tx_segments": int(values.get("segs_out", 0)),
            "rx_segments": int(values.get("segs_in", 0)),
            "retransmits": int(retransmitted[1]) if retransmitted else 0,
            "srtt_us": round(float(values.get("rtt", "0/0").split("/")[0]) * 1000) or None,
            "min_rtt_us": round(float(values.get("minrtt", 0)) * 1000) or None,
        }
    return sockets


class AgreesWithSs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with support.Holder(*ALL_KINDS, uid=65534, name=b"agrees") as holder:
            cls.pid = holder.pid
            cls.cookies = holder.cookies()
            time.sleep(0.3)  # delayed acknowledgements are sent by then
            cls.ss = {"tcp": ss_sockets("-t"), "udp": ss_sockets("-u")}
            cls.documents = {source: support.snapshot("--source", source) for source in POLLED}

    def check_addresses(self, flow, known):
        self.assertEqual((flow["local_addr"], flow["local_port"]), known["local"])
        if flow["remote_port"] is not None:
            self.assertEqual((flow["remote_addr"], flow["remote_port"]), known["remote"])
        else:
            self.assertIsNone(known["remote"][1])

    def test_sock_diag(self):
        flows = {f["cookie"]: f for f in self.documents["sock_diag"]["flows"]}
        self.assertLessEqual(self.cookies, set(flows))
        for cookie in self.cookies:
            flow = flows[cookie]
            known = self.ss[flow["proto"]][cookie]
            with self.subTest(known):
                self.check_addresses(flow, known)
                self.assertEqual((flow["pid"], flow["comm"], flow["uid"], flow["owner"]),
                                 (self.pid, "agrees", 65534, "bootstrap"))
                self.assertEqual(known["uid"], 65534)
                if flow["proto"] == "udp":
                    self.assertEqual({flow[name] for name in COUNTERS}, {None})
                    continue
                self.assertEqual(flow["state"], known["state"])
                for name in COUNTERS:
                    self.assertEqual(flow[name], known[name], name)

    def test_procfs(self):
        flows = {(f["proto"], f["cookie"]): f for f in self.documents["procfs"]["flows"]}
        for proto, sockets in self.ss.items():
            for cookie in self.cookies & set(sockets):
                known = sockets[cookie]
                with self.subTest(known):
                    flow = flows[proto, known["inode"]]
                    self.check_addresses(flow, known)
                    self.assertEqual((flow["pid"], flow["comm"], flow["uid"], flow["owner"]),
                                     (self.pid, "agrees", 65534, "bootstrap"))
                    self.assertEqual({flow[name] for name in COUNTERS}, {None})
                    self.assertEqual(flow["state"],
                                     known["state"] if proto == "tcp" else None)

    def test_time_wait(self):
        port, client_port = support.tcp_exchange()
        remnants = [s for s in ss_sockets("-t").values()
                    if {s["local"][1], s["remote"][1]} == {port, client_port}]
        self.assertEqual([s["state"] for s in remnants], ["TIME_WAIT"])
        for source in POLLED:
            rows = [f for f in support.snapshot("--source", source, "-P", str(port))["flows"]
                    if {f["local_port"], f["remote_port"]} == {port, client_port}]
            self.assertEqual([f["state"] for f in rows], ["TIME_WAIT"], source)
            self.check_addresses(rows[0], remnants[0])
            self.assertEqual({rows[0][name] for name in COUNTERS}, {None})
            self.assertIsNone(rows[0]["pid"])
            self.assertTrue(rows[0]["closed"])


class SaysWhereFrom(unittest.TestCase):
    def test_snapshot(self):
        for source in SOURCES:
            document = support.snapshot("--source", source)
            self.assertEqual((document["source"], document["polled"]), (source, source != "ebpf"))
            self.assertEqual(document["doors"][0],
                             {"observation": "source", "door": source, "refused": None})

    def test_head_of_top(self):
        for source, word in (("ebpf", "ebpf"), ("sock_diag", r"sock_diag \(polled\)"),
                             ("procfs", r"procfs \(polled\)")):
            done = support.run("top", "--plain", "--once", "-i", "0.1", "--source", source)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout.splitlines()[0], rf"^sockscope  .*  {word}(  |$)")

    def test_note_on_standard_error(self):
        for source in POLLED:
            done = support.run("trace", "--source", source, "-d", "0.1")
            self.assertRegex(done.stderr.splitlines()[0],
                             rf"^sockscope: {source} is polled: .*250 ms .*no retransmit")
            done = support.run("trace", "--source", source, "--data", "-d", "0.1")
            self.assertIn("each send and receive is not observed: no events in a poll", done.stderr)
            self.assertEqual(support.run("snapshot", "--source", source, "-q").stderr, "")


class Rates(unittest.TestCase):
    def test_from_the_kernels_counters(self):
        with socket.create_server(("127.0.0.1", 0)) as listener, \
                socket.create_connection(listener.getsockname()) as client, \
                listener.accept()[0] as server, \
                subprocess.Popen([support.program(), "top", "--json", "-i", "0.2", "-q", "--source",
                                  "sock_diag", "-P", str(client.getsockname()[1])],
                                 stdout=subprocess.PIPE, encoding="utf-8") as top:
            json.loads(top.stdout.readline())
            for _ in range(5):
                client.sendall(b"x" * 100_000)
                server.recv(100_000, socket.MSG_WAITALL)
                time.sleep(0.05)
            moved = 0.0
            while moved < 499_000:  # only the test's time limit ends it otherwise
                document = json.loads(top.stdout.readline())
                moved += sum(f["tx_rate"] * document["interval_s"] for f in document["flows"]
                             if f["cookie"] == support.cookie_of(client))
            self.assertLess(moved, 501_000)
            top.terminate()

    def test_what_is_not_counted_has_none(self):
        with support.Holder("tcp4", "udp4") as holder:
            for source, proto in (("sock_diag", "udp"), ("procfs", "udp"), ("procfs", "tcp")):
                done = support.run("top", "--json", "--once", "-i", "0.1", "-q", "--source", source,
                                   "-p", str(holder.pid))
                flows = [f for f in json.loads(done.stdout)["flows"] if f["proto"] == proto]
                self.assertTrue(flows)
                self.assertEqual({f["tx_rate"] for f in flows}, {None}, (source, proto))


class Traces(unittest.TestCase):
    def test_a_connection_from_begin_to_end(self):
        for source in POLLED:
            with self.subTest(source), support.Trace("--source", source, "--tcp") as trace:
                with support.Holder("tcp4", name=b"traced") as holder:
                    ports = {s["local_port"] for s in holder.sockets["tcp4"]}
                    trace.wait_for_event(
                        lambda e: e["event"] == "accept" and e["local_port"] in ports, "an accept")
                trace.wait_for_event(
                    lambda e: e["event"] == "close" and e["local_port"] in ports, "a close")
                stream = trace.stop()
                self.assertEqual((stream.header["source"], stream.header["polled"]), (source, True))
                mine = [e for e in stream.of_connections()
                        if e["local_port"] in ports and e["remote_port"] in ports]
                self.assertEqual(sorted(e["event"] for e in mine if e["event"] != "close"),
                                 ["accept", "connect"])
                for event in mine:
                    self.assertEqual((event["pid"], event["comm"]), (holder.pid, "traced"))
                    if event["event"] == "connect":
                        self.assertIsNone(event["latency_us"])
                    if event["event"] == "close" and source == "sock_diag":
                        self.assertTrue(event["final"])
                        self.assertEqual({event["tx_bytes"] // 1000, event["rx_bytes"] // 1000},
                                         {1, 3})
                    if event["event"] == "close" and source == "procfs":
                        self.assertFalse(event["final"])
                        self.assertIsNone(event["tx_bytes"])

    def test_what_happened_since_the_last_poll_is_told_at_the_end(self):
        with support.Trace("--source", "sock_diag", "--tcp") as trace, \
                socket.create_server(("127.0.0.1", 0)) as listener, \
                socket.create_connection(listener.getsockname()) as client:
            stream = trace.stop(signal.SIGTERM)
            ports = [e["local_port"] for e in stream.of("connect")]
            self.assertIn(client.getsockname()[1], ports)
        self.assertEqual(stream.returncode, 0)


class WithoutPrivileges(unittest.TestCase):
    def setUp(self):
        for tool in ("setpriv", "unshare"):
            if not shutil.which(tool):
                self.skipTest(f"{tool} is not installed")
        # Other users may not be allowed to read the build directory.
        self.directory = tempfile.TemporaryDirectory(prefix="sockscope-test-")
        self.addCleanup(self.directory.cleanup)
        os.chmod(self.directory.name, 0o755)
        self.copy = shutil.copy(support.program(), self.directory.name)
        os.chmod(self.copy, stat.S_IRWXU | stat.S_IXOTH | stat.S_IROTH)

    def snapshot(self, *prefix, words=()):
        done = subprocess.run([*prefix, self.copy, "snapshot", "--json", *words],
                              capture_output=True, encoding="utf-8", timeout=support.PATIENCE,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout), done.stderr

    def test_nobody_sees_all_sockets_and_his_own_processes(self):
        with support.Holder(*ALL_KINDS) as others, \
                support.Holder(*ALL_KINDS, uid=65534, name=b"mine") as own:
            for source in ("auto", *POLLED):
                document, errors = self.snapshot(*NOBODY, words=("--source", source))
                used = "sock_diag" if source == "auto" else source
                self.assertEqual(document["source"], used)
                self.assertEqual("not with eBPF: this user lacks CAP_BPF" in errors,
                                 source == "auto")
                by_port = {(f["proto"], f["local_port"], f["remote_port"]): f
                           for f in document["flows"] if not f["closed"]}
                for holder in (others, own):
                    for kind, group in holder.sockets.items():
                        for sock in group:
                            proto = "udp" if "udp" in kind else "tcp"
                            flow = by_port[proto, sock["local_port"], sock["remote_port"]]
                            self.assertEqual((flow["pid"], flow["comm"], flow["owner"],
                                              flow["uid"]),
                                             (own.pid, "mine", "bootstrap", 65534)
                                             if holder is own else (None, None, "unknown", 0))
                refused = {d["observation"] for d in document["doors"] if d["refused"]}
                self.assertIn("owners in other users' processes", refused)

    def test_why_each_better_source_was_refused(self):
        document, _ = self.snapshot(*NOBODY)
        sources = [d for d in document["doors"] if d["observation"] == "source"]
        self.assertEqual([d["door"] for d in sources], ["ebpf", "sock_diag"])
        self.assertIn("CAP_BPF and CAP_PERFMON", sources[0]["refused"])
        self.assertIsNone(sources[1]["refused"])

    def test_in_a_user_namespace(self):
        script = (f"import socket, subprocess\n"
                  f"held = socket.create_server(('0.0.0.0', 0))\n"
                  f"print(held.getsockname()[1], flush=True)\n"
                  f"subprocess.run([{self.copy!r}, 'snapshot', '--json'])\n")
        done = subprocess.run(["unshare", "-Urn", "python3", "-c", script], capture_output=True,
                              encoding="utf-8", timeout=support.PATIENCE, check=True)
        port, document = done.stdout.split("\n", 1)
        flows = json.loads(document)["flows"]
        self.assertEqual([(f["local_port"], f["state"], f["comm"]) for f in flows],
                         [(int(port), "LISTEN", "python3")])
        self.assertIn("not with eBPF: the capabilities of a user namespace", done.stderr)

    def test_one_capability_is_not_enough(self):
        for held, lacking in (("bpf", "CAP_PERFMON"), ("perfmon", "CAP_BPF"),
                              ("net_admin", "CAP_BPF and CAP_PERFMON")):
            with self.subTest(held):
                _, errors = self.snapshot("setpriv", f"--bounding-set=-all,+{held}",
                                          "--inh-caps=-all")
                self.assertIn(f"lacks {lacking}\n", errors)

    def test_with_hidden_processes(self):
        with support.Holder("listen4", name=b"hidden") as holder:
            mine = holder.sockets["listen4"][0]
            mount = "mount -t proc -o hidepid=2 proc /proc && exec \"$@\""
            for source in POLLED:
                document, _ = self.snapshot("unshare", "-m", "sh", "-c", mount, "sh", *NOBODY,
                                            words=("--source", source))
                # A connection that another program has just closed may have the same port.
                flows = [f for f in document["flows"] if (f["local_port"], f["remote_port"]) ==
                         (mine["local_port"], mine["remote_port"])]
                self.assertEqual([(f["state"], f["pid"]) for f in flows], [("LISTEN", None)])

    @support.not_with_sanitizers("they read /proc themselves")
    def test_without_proc(self):
        done = subprocess.run(["unshare", "-m", "sh", "-c",
                               "mount -t tmpfs none /proc && exec \"$@\"", "sh", self.copy,
                               "snapshot", "--source", "procfs"], capture_output=True,
                              encoding="utf-8", timeout=support.PATIENCE, check=False)
        self.assertEqual((done.returncode, done.stdout), (5, ""))
        what, _, to_do = done.stderr.splitlines()
        self.assertRegex(what, r"^sockscope: cannot read the sockets from /proc/net/tcp: No such")
        self.assertEqual(to_do, "  mount proc on /proc")


if __name__ == "__main__":
    support.main()
