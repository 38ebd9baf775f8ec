# SPDX-License-Identifier: Apache-2.0
"""Two network namespaces and the wire between them, for tests that need another host."""
import contextlib
import os
import pathlib
import shutil
import subprocess

import support


def command(*words, **options):
    return subprocess.run(words, check=True, capture_output=True, encoding="utf-8", **options).stdout


class Namespaces(contextlib.ExitStack):
    """Two network namespaces with a veth pair: 10.97.0.1 (here) and 10.97.0.2, fd97::1 and ::2."""

    def __init__(self):
        super().__init__()
        self.here = f"sockscope-a-{os.getpid()}"
        self.there = f"sockscope-b-{os.getpid()}"

    def __enter__(self):
        super().__enter__()
        for name in (self.here, self.there):
            command("ip", "netns", "add", name)
            self.callback(command, "ip", "netns", "del", name)
            self.in_(name, "ip", "link", "set", "lo", "up")
        self.connect()
        return self

    @staticmethod
    def in_(name, *words, **options):
        return command("ip", "netns", "exec", name, *words, **options)

    def connect(self):
        command("ip", "link", "add", "wire", "netns", self.here, "type", "veth", "peer", "name",
                "wire", "netns", self.there)
        for name, number in ((self.here, 1), (self.there, 2)):
            self.in_(name, "ip", "addr", "add", f"10.97.0.{number}/24", "dev", "wire")
            self.in_(name, "ip", "-6", "addr", "add", f"fd97::{number}/64", "dev", "wire", "nodad")
            self.in_(name, "ip", "link", "set", "wire", "up")

    def prefix(self):
        """With the namespace's resolv.conf, but, alas, without the mount of cgroup2."""
        return ("ip", "netns", "exec", self.here)

    def watch(self, *words):
        """`host --watch --json` in the namespace, its lines as they come."""
        process = subprocess.Popen(["nsenter", f"--net=/run/netns/{self.here}", support.program(),
                                    "host", "--watch", "--json", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, encoding="utf-8")
        self.callback(process.stderr.close)
        self.callback(process.stdout.close)
        self.callback(process.wait)
        self.callback(process.kill)
        return process

    def use_name_server(self, address):
        directory = pathlib.Path("/etc/netns") / self.here
        directory.mkdir(parents=True)
        self.callback(shutil.rmtree, directory)
        (directory / "resolv.conf").write_text(f"nameserver {address}\n")
