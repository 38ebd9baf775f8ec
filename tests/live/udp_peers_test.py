# SPDX-License-Identifier: Apache-2.0
"""--udp-peers against real programs: dig and dnsmasq say themselves what they exchanged, and kdig
speaks QUIC.

All of it in a network namespace of our own.
"""
import json
import random
import re
import signal
import subprocess
import time
import unittest

from namespaces import Namespace, support

Trace = support.Trace

SERVER = "192.0.2.53"
COUNTERS = ("rx_bytes", "tx_bytes", "rx_segments", "tx_segments")


def setUpModule():
    support.need_root()


def size_of_query(name):
    """The bytes of dig's query without EDNS: header, name, type and class."""
    return 12 + sum(len(label) + 1 for label in name.split(".")) + 1 + 4


class Top:
    """`top --udp-peers --json`, a document every half second."""

    def __enter__(self):
        self.process = subprocess.Popen(
            [support.program(), "top", "--udp-peers", "--json", "-i", "0.5", "-c", "dnsmasq"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, encoding="utf-8")
        self.next()
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.stdout.read()
        self.process.wait(timeout=support.PATIENCE)
        self.process.stdout.close()

    def next(self):
        line = self.process.stdout.readline()
        support.check_schema("snapshot", line)
        return json.loads(line)


class UdpPeers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.space = cls.enterClassContext(Namespace(SERVER, SERVER))
        cls.space.dnsmasq(SERVER, "--address=/real.example.net/192.0.2.80")

    def dig(self, name, port):
        done = self.space.run("dig", f"@{SERVER}", "+noedns", "+tries=1", "-b", f"{SERVER}#{port}",
                              name)
        return int(re.search(r"MSG SIZE\s+rcvd: (\d+)", done.stdout)[1])

    def test_each_client_of_dnsmasq_has_a_row(self):
        names = {20000 + i: f"a{'x' * i}.real.example.net" for i in range(1, 9)}
        with Top() as top:
            before = top.next()
            answers = {port: self.dig(name, port) for port, name in names.items()}
            asked_ns = time.time_ns()
            while (after := top.next())["ts_ns"] < asked_ns:
                pass  # written while dig was running
        sockets = {f["cookie"]: f for f in after["flows"] if "peer_of" not in f}
        peers = {f["remote_port"]: f for f in after["flows"] if "peer_of" in f}
        self.assertLessEqual(set(names), set(peers))
        self.assertEqual(len({peer["cookie"] for peer in peers.values()}), len(peers))
        for port, name in names.items():
            peer = peers[port]
            self.assertEqual([peer[key] for key in COUNTERS],
                             [size_of_query(name), answers[port], 1, 1], name)
            self.assertEqual((peer["remote_addr"], peer["proto"], peer["closed"]),
                             (SERVER, "udp", False))
            whole = sockets[peer["peer_of"]]
            for key in ("pid", "comm", "uid", "netns", "local_port", "owner"):
                self.assertEqual(peer[key], whole[key], key)
            self.assertIsNone(whole["remote_addr"])
        # The socket's row has the sum of its remote ends, and the process's row has the sum of its sockets.
        known = {f["cookie"]: f for f in before["flows"]}
        for cookie in {peers[port]["peer_of"] for port in names}:
            for key in COUNTERS:
                grown = sockets[cookie][key] - (known[cookie][key] or 0 if cookie in known else 0)
                self.assertEqual(sum(p[key] for p in peers.values() if p["remote_port"] in names),
                                 grown, key)
        for process in after["processes"]:
            mine = [f for f in sockets.values() if f["pid"] == process["pid"]]
            self.assertLessEqual(sum(f["rx_bytes"] or 0 for f in mine), process["rx_bytes"])
            self.assertEqual(process["open_flows"],
                             sum(not f["closed"] and f["direction"] != "listen" for f in mine))

    def test_rows_go_with_the_first_ask_for_them(self):
        done = support.run("top", "--once", "--json", "-i", "0.3", timeout=support.PATIENCE)
        self.assertNotIn("peer_of", done.stdout)

    def test_quic_of_a_real_client(self):
        with Trace("--udp-peers", "-c", "/kdig|dig/") as trace:
            # There is no server, so QUIC is recognized by what the client sends.
            asked = self.space.start("kdig", "+quic", "+timeout=1", "+retry=0", f"@{SERVER}", "-p",
                                     "8853", "quic.example", stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
            asked.wait(timeout=support.PATIENCE)
            self.dig("plain.example", 21000)
            ended = trace.stop()
        closes = [r for r in ended.of("close") if r["proto"] == "udp"]
        quic = [r for r in closes if r["pid"] == asked.pid and r["remote_port"] == 8853]
        self.assertTrue(quic)
        for record in quic:
            self.assertEqual(record.get("app"), "quic")
            self.assertGreaterEqual(record["tx_bytes"], 1200)
        plain = [r for r in closes if r["comm"] == "dig"]
        self.assertTrue(plain)
        for record in plain:
            self.assertNotIn("app", record)

    def test_http_3_at_both_ends(self):
        """A file over QUIC: both ends are reported, with the bytes that tcpdump saw."""
        folder, port = self.space.folder, 4433
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=x",
                        "-keyout", folder / "key", "-out", folder / "cert"], check=True,
                       capture_output=True)
        content = random.Random(1).randbytes(300_000)
        (folder / "file").write_bytes(content)
        (folder / "got").mkdir()
        tcpdump = self.space.start("tcpdump", "-nn", "-i", "lo", "-l", f"udp port {port}",
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
        tcpdump.stderr.readline()  # it listens
        with Trace("--udp-peers", "-c", "/gtls/") as trace:
            server = self.space.serve("gtlsserver", "-q", "-d", folder, SERVER, str(port),
                                      folder / "key", folder / "cert")
            support.wait_for(lambda: str(port) in self.space.run("ss", "-Hlun").stdout, "gtlsserver")
            client = self.space.start("gtlsclient", "-q", "--exit-on-all-streams-close",
                                      "--download", folder / "got", SERVER, str(port),
                                      "https://x/file", stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
            client.wait(timeout=support.PATIENCE)
            self.space.stop(server)
            ended = trace.stop()
        self.assertEqual((folder / "got" / "file").read_bytes(), content)
        tcpdump.send_signal(signal.SIGINT)
        lines = re.findall(r"(\d+) > \S+\.(\d+): UDP, length (\d+)", tcpdump.communicate()[0])
        to_server, to_client = (
            sum(int(size) for _, to, size in lines if (int(to) == port) == is_to_server)
            for is_to_server in (True, False))
        self.assertGreater(to_client, len(content))
        for process, tx, rx in ((client, to_server, to_client), (server, to_client, to_server)):
            told = {r["event"]: r for r in ended.events if r.get("pid") == process.pid}
            for event in ("udp_peer", "close"):
                self.assertEqual((told[event].get("app"), told[event]["tx_bytes"]), ("quic", tx))
            self.assertEqual(told["udp_peer"]["rx_bytes"], rx)
            # The client does not read what arrives after the file.
            read = told["close"]["rx_bytes"]
            self.assertLessEqual(read, rx)
            self.assertGreater(read, len(content) if process is client else rx - 100)


if __name__ == "__main__":
    support.main()
