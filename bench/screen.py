#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the full screen of `top` costs: first frame, bytes a frame, CPU at one sample a second.

    bench/screen.py --build BUILD      needs root and python3-pyte
"""
import argparse
import os
import pathlib
import random
import resource
import socket
import statistics
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "tui"))
from terminal import Terminal, support  # noqa: E402  pylint: disable=wrong-import-position

TERMS = ("xterm-256color", "tmux-256color", "screen", "linux", "vt220", "xterm-direct")
VIEWS = {"1": "processes", "2": "connections", "3": "hosts", "4": "events"}


def first_frames(repetitions):
    for term in TERMS:
        times = []
        for _ in range(repetitions):
            with Terminal(term=term) as terminal:
                terminal.wait_for("help")
                times.append((time.monotonic() - terminal.began) * 1000)
                terminal.type("q").wait()
        yield term, statistics.median(times), max(times)


class Connections:
    """So many on loopback, both ends here; a part of them moves some bytes each second."""

    def __init__(self, count, moving):
        self.pairs = []
        self.moving = moving
        with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
            for _ in range(count):
                client = socket.create_connection(listener.getsockname())
                self.pairs.append((client, listener.accept()[0]))

    def beat(self):
        for client, server in random.sample(self.pairs, int(len(self.pairs) * self.moving)):
            client.sendall(b"x" * random.randrange(1, 2000))
            server.recv(2000)

    def close(self):
        for pair in self.pairs:
            for end in pair:
                end.close()


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def cost(sockets, view, seconds):
    """CPU share of a core, median and largest frame, resident memory, of a screen of 80 by 24."""
    # Both ends are sockets of this host.
    connections = Connections(sockets // 2, 0.3)
    try:
        with Terminal("--idle") as terminal:
            terminal.wait_for("LIVE").type(view + "l").read(3)
            before, began = cpu_seconds(terminal.pid), time.monotonic()
            frames = []
            for _ in range(seconds):
                connections.beat()
                came = len(terminal.read(1.0))
                if came:
                    frames.append(came)
            used = (cpu_seconds(terminal.pid) - before) / (time.monotonic() - began)
            memory = resident_mb(terminal.pid)
            terminal.type("q").wait()
    finally:
        connections.close()
    return used, statistics.median(frames or [0]), max(frames or [0]), memory


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--sockets", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--reps", type=int, default=5)
    options = parser.parse_args()
    support._options.program = os.path.abspath(os.path.join(options.build, "sockscope"))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print("| TERM | first frame, median ms | worst |\n|---|---|---|")
    for term, median, worst in first_frames(options.reps):
        print(f"| {term} | {median:.0f} | {worst:.0f} |")
    print("\n| view | sockets | CPU of a core | bytes a frame, median | largest | resident MB |"
          "\n|---|---|---|---|---|---|")
    for sockets in options.sockets:
        for view, name in VIEWS.items():
            used, median, largest, memory = cost(sockets, view, options.seconds)
            print(f"| {name} | {sockets:,} | {used:.1%} | {median:.0f} | {largest} | {memory:.0f} |",
                  flush=True)


if __name__ == "__main__":
    main()
