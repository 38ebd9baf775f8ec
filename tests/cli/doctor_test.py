#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what doctor reports about this kernel and user with what the commands then do."""
import json
import os
import platform
import socket
import subprocess
import tempfile
import unittest

import support


def setUpModule():
    support.need_root()


class Doctor(unittest.TestCase):
    def doctor(self, *words, **more):
        return subprocess.run([support.program(), "doctor", *words], capture_output=True, text=True,
                              check=False, timeout=60, **more)

    def test_names_each_observation_once(self):
        done = self.doctor("--json")
        document = json.loads(done.stdout)
        self.assertEqual(document["schema"], "sockscope.doctor.v1")
        self.assertEqual(document["kernel"], platform.release())
        self.assertEqual(document["source"], "ebpf")
        names = [entry["observation"] for entry in document["observations"]]
        self.assertEqual(len(names), len(set(names)))
        missing = [entry for entry in document["observations"] if entry["door"] is None]
        self.assertEqual(document["complete"], not missing)
        self.assertEqual(done.returncode, 3 if missing else 0)
        for entry in document["observations"]:
            for refusal in entry["refused"]:
                self.assertTrue(refusal["reason"], entry)

    def test_says_what_trace_uses(self):
        document = json.loads(self.doctor("--json").stdout)
        doors = {entry["observation"]: entry["door"] for entry in document["observations"]}
        trace = subprocess.run([support.program(), "trace", "--json", "--processes", "--dns",
                                "--attempts", "--listen-drops", "--udp-peers", "--exact-owner",
                                "--nat", "-d", "0.1"],
                               capture_output=True, text=True, check=True, timeout=60)
        header = json.loads(trace.stdout.splitlines()[0])
        used = {door["observation"]: door["door"] for door in header["doors"]
                if door["refused"] is None}
        used["holders of sockets"] = "iter/task_file"  # a trace does not use it
        self.assertEqual({name: door for name, door in doors.items() if door is not None}, used)

    def test_text_has_the_same(self):
        document = json.loads(self.doctor("--json").stdout)
        text = self.doctor().stdout
        self.assertIn(platform.release(), text)
        for entry in document["observations"]:
            self.assertIn(entry["observation"], text)
            for refusal in entry["refused"]:
                self.assertIn(f"refused: {refusal['door']}: {refusal['reason']}", text)

    def test_in_a_pid_namespace_of_its_own(self):
        inside = ("unshare", "--pid", "--fork", "--mount-proc", support.program())
        with socket.create_server(("127.0.0.1", 0)) as server:
            done = subprocess.run([*inside, "snapshot", "--json", "-P",
                                   str(server.getsockname()[1])],
                                  capture_output=True, text=True, check=True, timeout=60)
            self.assertIn("pids are shown as the host has them", done.stderr)
            # A connection in TIME_WAIT may have the same port.
            [flow] = [f for f in json.loads(done.stdout)["flows"] if f["state"] == "LISTEN"]
            self.assertIsNone(flow["pid"])  # the process that opened it is not visible in that namespace
            # Later events have the host's pids.
            traced = subprocess.Popen([*inside, "trace", "--json", "-q", "--count", "1", "-P",
                                       str(server.getsockname()[1])], stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)
            self.assertIn("trace", traced.stdout.readline())  # it observes
            with socket.create_connection(server.getsockname()):
                record = json.loads(traced.stdout.readline())
            _, errors = traced.communicate(timeout=60)
        self.assertEqual((record["event"], record["pid"], errors), ("connect", os.getpid(), ""))
        text = subprocess.run([*inside, "doctor"], capture_output=True, text=True, check=False,
                              timeout=60).stdout
        self.assertIn("only processes of this pid namespace are seen", text)

    def test_without_privileges(self):
        done = self.doctor("--json", user="nobody", group="nogroup", extra_groups=[],
                           cwd="/", env={"PATH": os.environ["PATH"]})
        document = json.loads(done.stdout)
        self.assertEqual(done.returncode, 3)
        self.assertTrue(document["polled"])
        self.assertFalse(document["complete"])
        source = next(e for e in document["observations"] if e["observation"] == "source")
        refusal = next(r for r in source["refused"] if r["door"] == "ebpf")
        self.assertIn("CAP_BPF", refusal["reason"])
        self.assertIn("setcap", refusal["advice"])

    def test_forced_doors(self):
        done = self.doctor("--json", "--doors", "cgroup")
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("tcp lifecycle", done.stderr)
        self.assertEqual(self.doctor("--doors", "door").returncode, 2)


# What options ask for by name.
ASKED = {
    "--udp-peers": {"remote ends of udp sockets"},
    "--dns": {"dns messages"},
    "--holders": {"holders of sockets"},
    "--attempts": {"attempts that meet no listener"},
    "--listen-drops": {"drops of listening sockets"},
    "--exact-owner": {"process that uses a tcp connection"},
    "--nat": {"translated addresses"},
    "--data": {"each send and receive", "process that uses a tcp connection", "udp sent bytes, sending process",
               "udp received bytes, receiving process"},
    "--processes": {"process fork", "process exec", "process exit", "process name", "core dump",
                    "process user", "process group", "process session", "process tracer"},
}


class MissingFiles(unittest.TestCase):
    """The true reason is reported, whichever file is missing."""

    def run_with(self, mount, *words):
        return subprocess.run(["unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', "sh",
                               support.program(), *words], capture_output=True, encoding="utf-8",
                              stdin=subprocess.DEVNULL, timeout=support.PATIENCE, check=False)

    def test_without_proc_capabilities_are_what_they_are(self):
        done = self.run_with("mount -t tmpfs none /proc", "snapshot", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("lacks", done.stderr)
        self.assertEqual(json.loads(done.stdout)["source"],
                         json.loads(support.run("snapshot", "--json").stdout)["source"])

    def test_without_the_kernels_types(self):
        with tempfile.NamedTemporaryFile() as file:
            for junk in (b"", b"junk", b"\x9f\xeb\x01\x00" + bytes(100)):
                with self.subTest(junk):
                    file.seek(0)
                    file.truncate()
                    file.write(junk)
                    file.flush()
                    done = self.run_with(f"mount --bind {file.name} /sys/kernel/btf/vmlinux",
                                         "snapshot", "--source", "ebpf")
                    self.assertEqual((done.returncode, done.stderr.splitlines()[1:2]), (
                        5, ["  /sys/kernel/btf/vmlinux cannot be read, or is no type information"]))


class AskedByName(unittest.TestCase):
    COMMANDS = (("trace", "-d", "0.1", "-p", "1", "--udp-peers", "--dns", "--attempts", "--data",
                 "--processes"),
                ("top", "--once", "-i", "0.1", "--udp-peers", "--exact-owner"),
                ("snapshot", "--holders", "--nat"))

    def test_what_is_not_observed_is_said(self):
        for command in self.COMMANDS:
            for where in ((), ("--doors", "tp_btf"), ("--source", "sock_diag"), ("--source", "procfs")):
                with self.subTest((*command, *where)):
                    done = support.run(*command, *where, "--json", "--strict")
                    doors = json.loads(done.stdout.splitlines()[0])["doors"]
                    observed = {door["observation"] for door in doors if door["refused"] is None}
                    unobserved = {door["observation"] for door in doors} - observed
                    self.assertEqual(done.returncode, 3 if unobserved else 0, done.stderr)
                    asked = set().union(*(ASKED[word] for word in command if word in ASKED))
                    said = [line.split(" not observed: ") for line in done.stderr.splitlines()
                            if " not observed: " in line]
                    for observation in asked & unobserved:
                        [(_, reason)] = [line for line in said if observation in line[0]]
                        self.assertTrue(reason)
                    for names, _ in said:
                        self.assertTrue(any(observation in names for observation in asked & unobserved),
                                        names)
                    self.assertEqual(support.run(*command, *where, "--json", "-q").stderr, "")

    def test_what_no_door_is_left_for(self):
        done = support.run("top", "--once", "-i", "0.1", "--udp-peers", "--doors", "tp_btf", "--strict")
        self.assertEqual(done.returncode, 3)
        self.assertIn("  1 thing not observed ", done.stdout.splitlines()[0])
        self.assertEqual(done.stderr, "sockscope: remote ends of udp sockets are not observed: "
                                      "--doors leaves no way\n")
        done = support.run("top", "--once", "-i", "0.1", "--doors", "tp_btf", "--strict")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_what_polls_cannot_tell(self):
        done = support.run("snapshot", "--holders", "--source", "procfs")
        self.assertEqual(done.stderr.splitlines()[1:], [
            "sockscope: holders of sockets are not observed: only eBPF sees all of them"])
        done = support.run("trace", "--udp-peers", "--data", "--source", "sock_diag", "-d", "0.1")
        self.assertEqual(done.stderr.splitlines()[1:-1], [
            "sockscope: remote ends of udp sockets are not observed: only eBPF has a way",
            "sockscope: each send and receive is not observed: no events in a poll"])


if __name__ == "__main__":
    support.main()
