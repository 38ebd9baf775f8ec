# SPDX-License-Identifier: Apache-2.0
"""Network namespaces for tests: one with servers of its own, or two with a wire between them."""
import contextlib
import itertools
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))
import support  # noqa: E402

_numbers = itertools.count()


def command(*words, **options):
    return subprocess.run(words, check=True, capture_output=True, encoding="utf-8", **options).stdout


def only_in(*names):
    """A filter for this namespace, because the same test may run elsewhere at the same time."""
    return " | ".join(f"netns:{os.stat(f'/run/netns/{name}').st_ino}" for name in names)


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
        """Runs a program with the namespace's resolv.conf, but without the mount of cgroup2."""
        return ("ip", "netns", "exec", self.here)

    def watch(self, *words):
        """Runs `host --watch --json` in the namespace; yields its lines as they come."""
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


class Namespace:
    """A network namespace with addresses of its own and a resolv.conf that names one server."""

    def __init__(self, server, *addresses):
        self.name = f"dns{os.getpid()}x{next(_numbers)}"
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.etc = pathlib.Path("/etc/netns") / self.name
        self.resolver = server
        self.addresses = addresses
        self.started = []

    def only(self, *others):
        """Arguments that limit the program to this namespace and these ones."""
        return "--filter", only_in(*(space.name for space in (self, *others)))

    def run(self, *command, **options):
        return subprocess.run(["ip", "netns", "exec", self.name, *command], capture_output=True,
                              encoding="utf-8", timeout=support.PATIENCE, check=False, **options)

    def start(self, *command, **options):
        return subprocess.Popen(["ip", "netns", "exec", self.name, *command], **options)

    def serve(self, *command):
        """Runs a program in the background until the end of the test."""
        process = self.start(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.started.append(process)
        return process

    def ip(self, *words):
        subprocess.run(["ip", "-n", self.name, *words], check=True)

    def answers(self, server, name, port=53):
        return self.run("dig", "+time=1", "+tries=1", f"@{server}", "-p", str(port),
                        name).returncode == 0

    def dnsmasq(self, address, *options, asked="."):
        """A listener on this address; ready when it answers."""
        process = self.serve(
            "dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null",
            "--pid-file=", f"--listen-address={address}", "--bind-interfaces", "--user=root",
            *options)
        support.wait_for(lambda: self.answers(address, asked), "dnsmasq")
        return process

    def web(self, address, port):
        """An HTTP server; ready when it answers."""
        process = self.serve(sys.executable, "-m", "http.server", str(port), "--bind", address)
        url = f"http://[{address}]:{port}/" if ":" in address else f"http://{address}:{port}/"
        support.wait_for(lambda: self.run("curl", "-s", "-o", "/dev/null", url).returncode == 0,
                         "the web server")
        return process

    def __enter__(self):
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self.etc.mkdir(parents=True)
        (self.etc / "resolv.conf").write_text(f"nameserver {self.resolver}\n")
        self.ip("link", "set", "lo", "up")
        for address in self.addresses:
            wide = ["128", "nodad"] if ":" in address else ["32"]
            self.ip("addr", "add", f"{address}/{wide[0]}", "dev", "lo", *wide[1:])
        return self

    def stop(self, process):
        process.terminate()
        try:
            process.wait(timeout=support.PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.started.remove(process)

    def __exit__(self, *_):
        for process in list(self.started):
            self.stop(process)
        subprocess.run(["ip", "netns", "del", self.name], check=True)
        shutil.rmtree(self.folder)
        shutil.rmtree(self.etc)


def join(one, other, address_of_one, address_of_other):
    """A veth pair between two namespaces, with an address in a /24 at each end."""
    name = f"v{os.getpid() % 100_000}x{next(_numbers)}"
    subprocess.run(["ip", "link", "add", f"{name}a", "netns", one.name, "type", "veth", "peer",
                    "name", f"{name}b", "netns", other.name], check=True)
    for space, end, address in ((one, f"{name}a", address_of_one),
                                (other, f"{name}b", address_of_other)):
        space.ip("addr", "add", f"{address}/24", "dev", end)
        space.ip("link", "set", end, "up")
    return f"{name}a", f"{name}b"
