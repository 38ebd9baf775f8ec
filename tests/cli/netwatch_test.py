# SPDX-License-Identifier: Apache-2.0
"""`snapshot --format netwatch` and `snapshot --from`, compared with the test's own sockets and with ss."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import support

KINDS = ("tcp4", "tcp6", "udp4", "listen4", "bound-udp4")


def setUpModule():
    support.need_root()


def snapshots(*arguments):
    """The parsed lines of `snapshot --format netwatch`, checked against the schema."""
    done = support.run("snapshot", "--format", "netwatch", "--no-probe", *arguments)
    if done.returncode != 0:
        raise AssertionError(f"{arguments} ended with {done.returncode}: {done.stderr}")
    schema = "netwatch-ingest" if "--envelope" in arguments else "netwatch-snapshot"
    support.check_schema(schema, done.stdout)
    return support.json_lines(done.stdout)


def endpoint(sock):
    address = sock["local_addr"]
    return f"[{address}]:{sock['local_port']}" if ":" in address else f"{address}:{sock['local_port']}"


class OfThisHost(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with support.Holder(*KINDS) as holder:
            cls.pid = holder.pid
            cls.sockets = holder.sockets
            [cls.document] = snapshots("-i", "0.2")
            [cls.own] = snapshots("-i", "0.2", "-p", str(holder.pid))
            cls.established = subprocess.run(
                ["ss", "-tnpH", "state", "established"], capture_output=True, encoding="utf-8",
                errors="replace", check=True).stdout.count(f"pid={holder.pid},")

    def connection(self, kind, role):
        sock = next(s for s in self.sockets[kind] if s["role"] == role)
        [found] = [c for c in self.document["connections"]
                   if c.get("pid") == self.pid and c["local_addr"] == endpoint(sock)
                   and (c["remote_addr"] == "*:*") == (sock["remote_port"] is None)]
        return found

    def test_connections_of_the_holder(self):
        client = self.connection("tcp4", "client")
        server = self.connection("tcp4", "server")
        self.assertEqual((client["protocol"], client["state"]), ("TCP", "ESTABLISHED"))
        self.assertEqual(client["remote_addr"], server["local_addr"])
        self.assertEqual(client["process_name"], "holder")
        self.assertGreater(client["kernel_rtt_us"], 0)
        self.assertRegex(self.connection("tcp6", "client")["remote_addr"], r"^\[::1\]:\d+$")
        self.assertEqual(self.connection("udp4", "client")["state"], "ESTABLISHED")
        states = {c["state"] for c in self.own["connections"]}
        self.assertEqual(states, {"ESTABLISHED", "LISTEN", "UNCONN"})

    def test_counts_are_those_of_ss(self):
        self.assertGreaterEqual(self.established, 4)
        self.assertEqual(self.own["connection_count"], self.established)

    def test_what_one_interval_does_not_tell_is_not_there(self):
        self.assertNotIn("alerts", self.document)
        self.assertNotIn("health", self.document)  # --no-probe

    def test_dns_is_looked_at_unless_it_is_not_wanted(self):
        self.assertEqual(len(self.document["dns_analytics"]["latency_buckets"]), 8)
        done = support.run("snapshot", "--format", "netwatch", "--no-probe", "--no-dns", "-i", "0.1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("dns_analytics", json.loads(done.stdout))

    def test_loopback_is_left_out_and_the_first_rates_are_measured(self):
        names = [interface["name"] for interface in self.document["interfaces"]]
        self.assertNotIn("lo", names)
        for interface in self.document["interfaces"]:
            self.assertEqual(len(interface["rx_history"]), 1)

    def test_system_and_disks(self):
        self.assertIn("cpu_usage_pct", self.document["system"])
        self.assertTrue(self.document["disk_usage"])


class Watch(unittest.TestCase):
    def test_a_line_per_interval_with_growing_history(self):
        documents = snapshots("--watch", "--count", "3", "-i", "0.2")
        self.assertEqual(len(documents), 3)
        for number, document in enumerate(documents, 1):
            for interface in document["interfaces"]:
                self.assertLessEqual(len(interface["rx_history"]), number)
        stamps = [document["timestamp"] for document in documents]
        self.assertEqual(stamps, sorted(set(stamps)))

    def test_bandwidth_of_a_process_is_measured(self):
        with support.Holder("tcp4") as holder:
            [document] = snapshots("-i", "0.2", "-p", str(holder.pid))
        [process] = document["processes"]
        self.assertEqual((process["process_name"], process["pid"]), ("holder", holder.pid))
        # Both ends belong to the holder: 1000 bytes in one direction, 3000 in the other.
        self.assertEqual((process["rx_bytes"], process["tx_bytes"]), (4000, 4000))
        self.assertEqual((process["rx_rate"], process["tx_rate"]), (0, 0))
        self.assertEqual(process["connection_count"], 2)

    def test_top_limits_the_rows(self):
        [document] = snapshots("-i", "0.1", "--top", "1")
        self.assertLessEqual(len(document["connections"]), 1)
        self.assertLessEqual(len(document["processes"]), 1)


class Envelope(unittest.TestCase):
    def test_host_and_the_same_id_again(self):
        [first] = snapshots("--envelope", "-i", "0.1", "--top", "1")
        [second] = snapshots("--envelope", "-i", "0.1", "--top", "1")
        self.assertEqual(first["host"]["host_id"], second["host"]["host_id"])
        self.assertEqual(first["host"]["hostname"], os.uname().nodename)
        self.assertEqual(first["host"]["kernel"], os.uname().release)
        self.assertEqual(first["host"]["cpu_cores"], os.cpu_count())
        self.assertEqual((first["schema_version"], len(first["snapshots"])), (1, 1))
        self.assertRegex(first["agent_version"], r"^sockscope \d")


class FromCaptures(unittest.TestCase):
    FIELDS = ("proto", "local_addr", "local_port", "remote_addr", "remote_port", "state")

    def rows(self, document, pid):
        return sorted(tuple(str(flow[field]) for field in self.FIELDS)
                      for flow in document["flows"] if flow["pid"] == pid)

    def captured(self, tool, words, *arguments):
        # Other processes may have any bytes in their names.
        text = subprocess.run(words, capture_output=True, encoding="utf-8", errors="replace",
                              check=False).stdout
        done = support.run("snapshot", "--from", f"{tool}:-", "--json", *arguments, stdin=None,
                           input=text)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        support.check_schema("snapshot", done.stdout)
        return json.loads(done.stdout)

    def test_ss_tells_what_the_kernel_tells_us(self):
        with support.Holder(*KINDS, "tcp6", "udp6") as holder:
            truth = support.snapshot("-p", str(holder.pid))
            capture = self.captured("ss", ["ss", "-tunapie"])
        self.assertEqual(self.rows(capture, holder.pid), self.rows(truth, holder.pid))
        ours = {flow["cookie"]: flow for flow in truth["flows"]}
        theirs = {flow["cookie"]: flow for flow in capture["flows"] if flow["pid"] == holder.pid}
        self.assertEqual(set(theirs), set(ours))
        compared = 0
        for cookie, flow in theirs.items():
            if flow["tx_bytes"] is None:
                continue
            compared += 1
            for field in ("tx_bytes", "rx_bytes", "tx_segments", "rx_segments", "retransmits",
                          "comm"):
                self.assertEqual(flow[field], ours[cookie][field], field)
            self.assertLess(abs(flow["srtt_us"] - ours[cookie]["srtt_us"]), 2)
        self.assertEqual(compared, 4)  # both ends, IPv4 and IPv6

    def test_lsof_tells_the_same_ends(self):
        with support.Holder("tcp4", "tcp6", "listen4") as holder:
            truth = support.snapshot("-p", str(holder.pid))
            capture = self.captured("lsof", ["lsof", "-i", "-n", "-P", "-F", "pcPtTn"], "-p",
                                    str(holder.pid))
        self.assertEqual(self.rows(capture, holder.pid), self.rows(truth, holder.pid))
        self.assertTrue(all(flow["tx_bytes"] is None for flow in capture["flows"]))

    def test_proc_tells_the_same_ends(self):
        with support.Holder(*KINDS) as holder, tempfile.TemporaryDirectory() as copy:
            truth = support.snapshot("-p", str(holder.pid))
            os.mkdir(f"{copy}/net")
            for table in ("tcp", "tcp6", "udp", "udp6"):
                shutil.copyfile(f"/proc/net/{table}", f"{copy}/net/{table}")
            process = f"{copy}/{holder.pid}"
            os.makedirs(f"{process}/fd")
            for name in ("stat", "status", "cgroup"):
                shutil.copyfile(f"/proc/{holder.pid}/{name}", f"{process}/{name}")
            for link in os.listdir(f"/proc/{holder.pid}/fd"):
                os.symlink(os.readlink(f"/proc/{holder.pid}/fd/{link}"), f"{process}/fd/{link}")
            for directory in ("/proc", copy):
                done = support.run("snapshot", "--from", f"proc:{directory}", "--json", "-p",
                                   str(holder.pid))
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                support.check_schema("snapshot", done.stdout)
                capture = json.loads(done.stdout)
                self.assertEqual(self.rows(capture, holder.pid), self.rows(truth, holder.pid))
                self.assertEqual({flow["comm"] for flow in capture["flows"]}, {"holder"})
                self.assertEqual({flow["cookie"] for flow in capture["flows"]}, {None})
                self.assertEqual(capture["source"], "capture")

    def test_a_capture_as_netwatch_and_with_a_filter(self):
        text = ("09:31:19 Safari.70  5 5 0\n"
                "09:31:19 tcp4 192.0.2.7:500<->198.51.100.9:443 en0 Established 48 38 0 0 0 1.5 ms\n"
                "09:31:19 tcp4 192.0.2.7:501<->198.51.100.9:80 en0 Established 9 9 0 0 0 1.5 ms\n")
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write(text)
            file.flush()
            os.utime(file.name, (1_700_000_000, 1_700_000_000))
            done = support.run("snapshot", "--from", f"nettop:{file.name}", "--format", "netwatch",
                               "--filter", "dport:443")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        support.check_schema("netwatch-snapshot", done.stdout)
        document = json.loads(done.stdout)
        self.assertEqual(document["timestamp"], "2023-11-14T22:13:20.000000000Z")
        self.assertEqual(document["interfaces"], [])
        self.assertEqual(document["connections"], [
            {"protocol": "TCP", "local_addr": "192.0.2.7:500", "remote_addr": "198.51.100.9:443",
             "state": "ESTABLISHED", "pid": 70, "process_name": "Safari", "kernel_rtt_us": 1500}])
        self.assertEqual(document["connection_count"], 1)

    def test_needs_no_privileges(self):
        done = subprocess.run(["setpriv", "--bounding-set=-all", "--inh-caps=-all",
                               support.program(), "snapshot", "--from", "ss:-"],
                              input="tcp ESTAB 0 0 10.0.0.7:1 10.0.0.8:2\n", encoding="utf-8",
                              capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("10.0.0.8:2", done.stdout)

    def test_lines_that_make_no_sense_are_counted(self):
        text = "tcp ESTAB 0 0 10.0.0.7:1 10.0.0.8:2\ntcp ESTAB 0 0 what 10.0.0.8:2\n"
        for strict, code in (([], 0), (["--strict"], 3)):
            done = support.run("snapshot", "--from", "ss:-", "--json", *strict, stdin=None,
                               input=text)
            self.assertEqual(done.returncode, code)
            self.assertIn("1 line of - could not be understood", done.stderr)
            self.assertEqual(json.loads(done.stdout)["lost"]["malformed"], 1)

    def test_hostile_names_are_cleaned(self):
        text = 'tcp ESTAB 0 0 10.0.0.7:1 10.0.0.8:2 users:(("\x1b]0;x\x07",pid=5,fd=1))\n'
        for output in ("table", "json", "csv"):
            done = support.run("snapshot", "--from", "ss:-", "-o", output, stdin=None, input=text)
            self.assertEqual(done.returncode, 0)
            self.assertIsNone(re.search(r"[\x00-\x09\x0b-\x1f\x7f]", done.stdout), output)

    def test_what_cannot_be_read_is_one_clear_error(self):
        done = support.run("snapshot", "--from", "ss:/no/such/file")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.splitlines()[0],
                         "sockscope: cannot read /no/such/file: No such file or directory")
        done = support.run("snapshot", "--from", "proc:/no/such/directory")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/no/such/directory", done.stderr)
        done = support.run("snapshot", "--from", "lsof:-")
        self.assertEqual(done.returncode, 1)
        self.assertIn("capture it with: lsof -i -n -P -F pcPtTn", done.stderr)


if __name__ == "__main__":
    support.main()
