# SPDX-License-Identifier: Apache-2.0
"""What the benchmark scripts share: child processes that never outlive them, and tables."""

import argparse
import ctypes
import os
import re
import signal
import statistics
import subprocess
import sys
import time

CHURN_NET = "127.77."  # kChurnNet in sockets.h
MOST_TIME_WAIT = 500
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Children:
    """Starts processes and ends each of them, by its own pid, whatever happens."""

    def __init__(self):
        self._running = []

    def __enter__(self):
        # An interrupted script ends in the same way as a finished one.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return self

    def __exit__(self, *_):
        for child in list(self._running):
            self.stop(child, signal.SIGKILL)

    def start(self, words, **how):
        child = subprocess.Popen([str(word) for word in words], preexec_fn=die_with_parent, **how)
        self._running.append(child)
        return child

    def stop(self, child, with_signal=signal.SIGINT, patience=20):
        """Signals, waits, and if need be kills. Returns what the child wrote to stderr."""
        self._running.remove(child)
        if child.poll() is None:
            child.send_signal(with_signal)
        try:
            _, errors = child.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            child.kill()
            _, errors = child.communicate()
            print(f"{child.args[0]} had to be killed", file=sys.stderr)
        return errors or ""

    def finish(self, child, patience=120):
        """Waits for the end of a child and returns what it wrote to stdout."""
        text, _ = child.communicate(timeout=patience)
        self._running.remove(child)
        return text

    def hold_sockets(self, workload, tcp, udp=0):
        child = self.start([workload, "hold", tcp, udp], stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, text=True)
        if child.stdout.readline() != "ready\n":
            raise RuntimeError(f"cannot hold {tcp} TCP and {udp} UDP sockets")
        return child

    def release_sockets(self, child):
        self._running.remove(child)
        child.communicate()  # closes its standard input


def cpu_seconds(pid):
    """CPU time of all threads of a process, exact to the nanosecond where the kernel tells."""
    try:
        total = 0
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
        return total / 1e9
    except FileNotFoundError:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_bytes(pid, field="VmRSS"):
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {field} of process {pid}")


def sockets_in_time_wait():
    with open("/proc/net/sockstat", encoding="ascii") as file:
        return int(re.search(r"tw (\d+)", file.read()).group(1))


def clear_time_wait():
    """What one run of churn leaves behind is no part of the next. Only our own sockets."""
    if sockets_in_time_wait() > MOST_TIME_WAIT:
        subprocess.run(["ss", "-K", "state", "time-wait", "dst", CHURN_NET + "0.0/16"],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def wait_until(condition, what, patience=10):
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"waited in vain for {what}")
        time.sleep(0.005)


def median(values):
    return statistics.median(values) if values else float("nan")


def spread(values):
    """Half the distance between the quartiles: how far the median may be trusted."""
    if len(values) < 4:
        return (max(values) - min(values)) / 2
    low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / 2


def print_table(heading, rows):
    print("| " + " | ".join(heading) + " |")
    print("|" + "---|" * len(heading))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print(flush=True)


def verdict(value, limit):
    return "met" if value <= limit else "MISSED"


def parser(description):
    result = argparse.ArgumentParser(description=description)
    result.add_argument("--build", default="build", help="build folder (default: build)")
    result.add_argument("--program", help="sockscope (default: BUILD/sockscope)")
    result.add_argument("--reps", type=int, default=5, help="repetitions (default: %(default)s)")
    return result


def parse(argument_parser):
    arguments = argument_parser.parse_args()
    arguments.build = os.path.abspath(arguments.build)
    arguments.program = os.path.abspath(arguments.program or arguments.build + "/sockscope")
    arguments.workload = arguments.build + "/bench/workload"
    for path in (arguments.program, arguments.workload):
        if not os.access(path, os.X_OK):
            argument_parser.error(f"{path} is missing: build with -DSOCKSCOPE_BENCH=ON")
    if os.geteuid() != 0:
        argument_parser.error("needs root")
    load = os.getloadavg()[0]
    if load > 0.7:
        print(f"warning: load average {load:.1f}: something else runs, figures will be noisy",
              file=sys.stderr)
    clear_time_wait()
    if sockets_in_time_wait() > MOST_TIME_WAIT:
        print("warning: many sockets in TIME_WAIT: they are part of what is measured",
              file=sys.stderr)
    return arguments
