# SPDX-License-Identifier: Apache-2.0
"""What the tests of the program share: starting it, waiting, reading what it prints."""
import argparse
import functools
import json
import os
import pathlib
import random
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
SCHEMAS = HERE.parents[1] / "docs" / "schema"
SO_COOKIE = 57
PATIENCE = 30  # seconds; the longest time that a test waits for one thing
# `lost` when nothing was lost.
NO_LOSS = dict.fromkeys(
    json.loads((SCHEMAS / "snapshot.schema.json").read_text())["properties"]["lost"]["properties"], 0)

# Tests ignore the configuration files of this machine.
os.environ["SOCKSCOPE_CONFIG"] = os.devnull

_options = argparse.Namespace(program=None, workload=None, check_schema=None, connections=None)


def main(module="__main__"):
    """For `if __name__ == "__main__"`: FILE --program PATH [unittest's arguments]."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--program", required=True)
    parser.add_argument("--workload", help="the built tests/live/churn_workload.cpp")
    parser.add_argument("--check-schema", help="the built tests/schema/check_schema.cpp")
    parser.add_argument("--connections", type=int, help="of a run of tests/live/churn_test.py")
    _, rest = parser.parse_known_args(namespace=_options)
    _options.program = os.path.abspath(_options.program)
    result = unittest.main(module=module, argv=[sys.argv[0], *rest], exit=False).result
    for test, reason in result.skipped:
        print(f"skipped {test}: {reason}", file=sys.stderr)
    sys.exit(not result.wasSuccessful())


def program():
    return _options.program


def workload_program():
    return _options.workload


def connections(otherwise):
    return _options.connections or otherwise


def need_root():
    """For setUpModule of tests that look into the kernel."""
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root: loads eBPF programs")


def wait_until_attached(process):
    """Once it observes, it has dropped its capabilities; before Linux 5.19 all but CAP_BPF."""
    def held():
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        return int(status.partition("CapEff:")[2].split()[0], 16) & ~(1 << 39)
    wait_for(lambda: held() == 0, "capabilities given up")


def not_with_sanitizers(reason):
    """Decorates tests of what sanitizers themselves change: processes, memory, exit codes."""
    def decorate(test):
        @functools.wraps(test)
        def run(case):
            if b"__asan_init" in pathlib.Path(program()).read_bytes():
                case.skipTest(f"built with sanitizers: {reason}")
            test(case)
        return run
    return decorate


def json_lines(text):
    """Parses each line. Names may contain characters that str.splitlines() takes for a line end."""
    return [json.loads(line) for line in text.split("\n") if line]


def wait_for(condition, what, seconds=PATIENCE):
    """Calls condition() until its value is true, and returns that. what: a text, or what makes one."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what() if callable(what) else what}")
        time.sleep(0.005)


def run(*arguments, timeout=PATIENCE, text=True, **options):
    """Runs the program to its end; standard input is empty unless given."""
    options.setdefault("stdin", subprocess.DEVNULL)
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    options.setdefault("errors", "strict" if text else None)
    encoding = "utf-8" if text else None
    return subprocess.run([program(), *arguments], timeout=timeout, encoding=encoding, check=False,
                          **options)


def check_schema(name, text):
    """Fails unless each line of the text fits docs/schema/NAME.schema.json."""
    done = subprocess.run([_options.check_schema, name], input=text, capture_output=True,
                          encoding="utf-8", check=False)
    if done.returncode != 0:
        raise AssertionError(f"breaks the schema {name}: {done.stdout}{done.stderr}")


def snapshot(*arguments):
    """The parsed document of `snapshot --json`."""
    done = run("snapshot", "--json", *arguments)
    if done.returncode != 0:
        raise AssertionError(f"snapshot {arguments} ended with {done.returncode}: {done.stderr}")
    if _options.check_schema:
        check_schema("snapshot", done.stdout)
    return json.loads(done.stdout)


class Ended:
    """A trace that has ended."""

    def __init__(self, returncode, header, records, stderr):
        self.returncode = returncode
        self.header = header
        self.end = records[-1] if records and records[-1]["event"] == "end" else None
        self.events = records[:-1] if self.end else records
        self.stderr = stderr

    def of(self, kind):
        return [event for event in self.events if event["event"] == kind]

    def of_connections(self):
        """All but gaps, which other traffic on this machine may cause."""
        return [event for event in self.events if event["event"] != "gap"]

    def gaps(self):
        return self.of("gap")


class Trace:
    """`sockscope trace --json …` writing to a file; entering it waits until it observes."""

    def __init__(self, *arguments, prefix=(), schema="trace"):
        self._prefix = prefix  # of the command: runs it in another place or as another user
        self._schema = schema
        self._directory = tempfile.TemporaryDirectory(prefix="sockscope-test-")
        self._path = os.path.join(self._directory.name, "trace.ndjson")
        self._arguments = arguments
        self.process = None

    def __enter__(self):
        with open(self._path, "wb") as out:
            self.process = subprocess.Popen([*self._prefix, program(), "trace", "--json",
                                             *self._arguments],
                                            stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=subprocess.PIPE)
        wait_for(self._started, "the header of the trace")
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        self._directory.cleanup()

    @property
    def pid(self):
        return self.process.pid

    def _started(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the trace ended with {self.process.returncode}: "
                                 f"{self.process.stderr.read().decode()}")
        return b"\n" in self.text()[:100_000]

    def text(self):
        with open(self._path, "rb") as file:
            return file.read()

    def so_far(self):
        """The complete records written so far, without the header."""
        text = self.text()
        return json_lines(text[:text.rfind(b"\n") + 1].decode())[1:]

    def wait_for_event(self, matches, what):
        return wait_for(lambda: next((e for e in self.so_far() if matches(e)), None), what)

    def stop(self, signal_number=signal.SIGINT):
        """Ends the trace as a user would, and returns all of it."""
        self.process.send_signal(signal_number)
        return self.ended()

    def ended(self):
        _, stderr = self.process.communicate(timeout=PATIENCE)
        text = self.text().decode("utf-8")
        if _options.check_schema:
            check_schema(self._schema, text)
        lines = json_lines(text)
        return Ended(self.process.returncode, lines[0], lines[1:], stderr.decode())


class Flood:
    """Sends over a loopback connection, both ways, until it is left."""

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._client = socket.create_connection(("127.0.0.1", self.port))
        self._served, _ = self._listener.accept()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self._thread.start()
        return self

    def _send(self):
        while not self._ends.wait(0.01):
            for one, other in ((self._client, self._served), (self._served, self._client)):
                one.sendall(bytes(2000))
                other.recv(4000)

    def __exit__(self, *_):
        self._ends.set()
        self._thread.join()
        for each in (self._client, self._served, self._listener):
            each.close()


class Holder:
    """Another process that holds the sockets it is told to hold: see socket_holder.py."""

    def __init__(self, *kinds, name=b"holder", uid=0, prefix=()):
        self._command = [*prefix, sys.executable, str(HERE / "socket_holder.py"),
                         "--name", name.hex(), "--uid", str(uid), *kinds]
        self.sockets = {}
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(self._command, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, encoding="utf-8")
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"{self._command} did not start")
        told = json.loads(line)
        self.pid = told["pid"]
        self.sockets = told["sockets"]
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def cookies(self, *kinds):
        """Cookies of the sockets of these kinds; without kinds, of all."""
        return {s["cookie"] for kind, group in self.sockets.items() for s in group
                if not kinds or kind in kinds}


def cookie_of(sock):
    return struct.unpack("Q", sock.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))[0]


def free_port(kind=socket.SOCK_STREAM):
    """A port below the range that the kernel chooses from. In that range thousands of earlier
    connections are left, which can keep a server from binding the wildcard address."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket(socket.AF_INET6, kind) as probe:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            try:
                probe.bind(("::", port))
                return port
            except OSError:
                continue


LISTEN = "0A"


def is_listening(port):
    """Looked up in /proc, because connecting would itself be an event."""
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(name, encoding="ascii") as table:
            for line in table.readlines()[1:]:
                fields = line.split()
                if fields[3] == LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    return True
    return False


def wait_until_listening(port, process=None):
    def ready():
        if process is not None and process.poll() is not None:
            raise AssertionError(f"{process.args} ended with {process.returncode}")
        return is_listening(port)
    wait_for(ready, f"a listener on port {port}")


def tcp_exchange(request=b"ping", response=b"pong!", family=socket.AF_INET):
    """Connects over loopback within this process. Returns (listening port, client port)."""
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.create_server((host, 0), family=family) as listener:
        port = listener.getsockname()[1]
        return port, tcp_client_exchange(listener, request, response)


def tcp_client_exchange(listener, request=b"ping", response=b"pong!"):
    """Makes a connection to a listener of this process. Returns the client's port."""
    with socket.create_connection(listener.getsockname()[:2]) as client:
        server, _ = listener.accept()
        with server:
            client.sendall(request)
            server.recv(len(request), socket.MSG_WAITALL)
            server.sendall(response)
            client.recv(len(response), socket.MSG_WAITALL)
            return client.getsockname()[1]
