#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is reported if the kernel refuses programs to everybody, and which way is used instead."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))
import support  # noqa: E402

REFUSE = str(pathlib.Path(sys.argv.pop(sys.argv.index("--refuse") + 1)).resolve())
sys.argv.remove("--refuse")
FOREIGN = "sockets of other network namespaces"


def setUpModule():
    support.need_root()


class Refused(unittest.TestCase):
    def run_refusing(self, programs, *words):
        return subprocess.run([support.program(), *words], capture_output=True, text=True, check=False,
                              timeout=support.PATIENCE,
                              env={**os.environ, "LD_PRELOAD": REFUSE, "REFUSE_PROGRAMS": programs})

    def doctor(self, programs):
        done = self.run_refusing(programs, "doctor", "--json")
        return {entry["observation"]: entry for entry in json.loads(done.stdout)["observations"]}

    def test_iterators_over_maps(self):
        observations = self.doctor("iter__bpf_")
        entry = observations[FOREIGN]
        self.assertEqual(entry["door"], "iter/task_file")
        self.assertIn("no process has open", entry["limits"])
        [refusal] = entry["refused"]
        self.assertIn("refuses programs of this kind to everybody", refusal["reason"])
        self.assertNotIn("LOG", refusal["reason"])
        self.assertNotIn("grant", refusal["advice"])
        # Reading remote ends needs no program, because they are read from the map itself.
        self.assertEqual(observations["remote ends of udp sockets"]["refused"], [])

    def test_root_is_not_told_to_grant_what_it_has(self):
        for programs, observation in (("cgroup_skb", "dns messages"),
                                      ("cgroup__sock_create", "udp birth"),
                                      ("iter__task_file_h", "holders of sockets")):
            for refusal in self.doctor(programs)[observation]["refused"]:
                if refusal["door"].startswith(("cgroup", "iter")):
                    self.assertIn("to everybody", refusal["reason"])
                self.assertNotIn("grant", refusal["advice"] or "")

    def test_what_is_refused_one_by_one_costs_nothing_else(self):
        whole = self.doctor("")
        for programs, observation in (("tp_btf__tcp_retra", "retransmits"),
                                      ("iter__udp", "udp sockets"), ("cgroup_skb", "dns messages")):
            observations = self.doctor(programs)
            self.assertNotEqual(observations[observation]["door"], whole[observation]["door"])
            missing = {name for name, entry in observations.items() if entry["door"] is None}
            self.assertLessEqual(missing, {observation, "remote ends of udp sockets"})

    def test_what_is_refused_is_found_out_before_anything_is_loaded(self):
        """Loading is expensive: it reads all of the kernel's types and runs its verifier."""
        with tempfile.NamedTemporaryFile("r") as log:
            for words in (("snapshot", "--json"), ("trace", "-d", "0.1", "--dns", "--udp-peers")):
                os.truncate(log.name, 0)
                os.environ["REFUSE_LOG"] = log.name
                try:
                    done = self.run_refusing("iter__bpf_,tp_btf__tcp_retra,cgroup__sock_cr", *words)
                finally:
                    del os.environ["REFUSE_LOG"]
                self.assertEqual(done.returncode, 0, done.stderr)
                # Names are cut at 15 characters. Programs without a name are libbpf's own probes.
                loads = [line.split() for line in log if line.strip()[0].isalpha()]
                whole = [(name, size) for name, size in loads if int(size) > 8
                         and name != "cgroup__getpeer"]  # there is one for each family, with the same size
                self.assertIn("iter__tcp", dict(whole))
                self.assertEqual(len(whole), len(set(whole)), whole)
                log.seek(0)

    def test_nothing_of_libbpf_reaches_stderr(self):
        done = self.run_refusing("iter__bpf_,tp_btf__tcp_retra", "snapshot", "--json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    support.main()
