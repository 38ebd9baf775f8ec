#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a monitor costs the traffic it watches, and what it costs itself.

In each repetition every workload runs without a monitor and beside each of them, one after the
other; what counts is the ratio to the run without one in the same repetition. Traffic is on
loopback only.
"""

import collections
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time

import common

SETTLE_S = 0.2  # after a tool has attached
TAIL_S = 0.3  # for reading the rest after churn has ended; its CPU time counts
CHURN_S = 1.2  # long enough to include a snapshot of top, which is expensive with this workload
TRAFFIC_S = 0.5

# name: arguments of the workload, count of the first try, limit of sockscope's ratio
Workload = collections.namedtuple("Workload", "words first_count limit")
WORKLOADS = {
    "tcp-pair": Workload(["tcp-pair", "{}"], 10_000, 1.035),
    "tcp-rr": Workload(["tcp-rr", "{}"], 10_000, 1.035),
    "tcp-rr-2cores": Workload(["tcp-rr", "{}", "1"], 3_000, 1.035),
    "stream-1k": Workload(["tcp-stream", "{}", "1024"], 40_000, 1.035),
    "stream-64k": Workload(["tcp-stream", "{}", "65536"], 3_000, 1.035),
    "udp-pair": Workload(["udp-pair", "{}"], 20_000, 1.06),
    "churn1": Workload(["churn1", "{}"], 3_000, 1.10),
    "churn2": Workload(["churn2", "{}"], 2_000, 1.16),
}
BY_DEFAULT = [name for name in WORKLOADS if name != "tcp-rr-2cores"]

# The result of one run: nanoseconds per operation, operations, and for the tool: CPU seconds, run
# time in seconds, how many of the expected events are missing (None: not counted), reported lost.
Slot = collections.namedtuple("Slot", "ns operations cpu wall missing reported")


# Only for this tool and while it runs: it finds tracepoints in tracefs.
WITH_TRACEFS = ["unshare", "--mount", "sh", "-c",
                "[ -e /sys/kernel/tracing/events ] || [ -e /sys/kernel/debug/tracing/events ] ||"
                " mount -t tracefs tracefs /sys/kernel/tracing; exec \"$0\""]


def is_churn(name):
    return name.startswith("churn")


def tool_commands(program):
    return {
        "nothing": None,
        "top": [program, "top", "-o", "ndjson"],
        "top --no-dns": [program, "top", "-o", "ndjson", "--no-dns"],
        "top --exact-owner": [program, "top", "-o", "ndjson", "--exact-owner"],
        "trace": [program, "trace", "--json"],
        "trace --exact-owner": [program, "trace", "--json", "--exact-owner"],
        "tcplife": [*WITH_TRACEFS, "/usr/sbin/tcplife"],
        "tcpstates": [*WITH_TRACEFS, "/usr/sbin/tcpstates"],
    }


def has_attached(pid):
    """Some of its files are links of BPF programs, or the perf events the older way needs."""
    words = subprocess.run(["ls", "-l", f"/proc/{pid}/fd"], capture_output=True, text=True,
                           check=False).stdout
    return "bpf_link" in words or "bpf-link" in words or "perf_event" in words


class Bench:
    def __init__(self, arguments, children, folder):
        self.arguments = arguments
        self.children = children
        self.folder = folder
        self.tools = tool_commands(arguments.program)
        self.counts = {}

    def traffic(self, name, count):
        words = [word.format(count) for word in WORKLOADS[name].words]
        child = self.children.start([self.arguments.workload, *words], stdout=subprocess.PIPE,
                                    text=True)
        text = self.children.finish(child).split()
        if len(text) != 2:
            raise RuntimeError(f"workload {name} failed")
        return float(text[0]), int(text[1])

    def calibrate(self, name):
        """So many operations that one run takes as long as it should."""
        seconds = self.arguments.scale * (CHURN_S if is_churn(name) else TRAFFIC_S)
        ns, _ = self.traffic(name, WORKLOADS[name].first_count)
        self.counts[name] = max(1000, int(seconds * 1e9 / 1.1 / ns))

    def slot(self, name, tool):
        common.clear_time_wait()
        if tool == "nothing":
            ns, operations = self.traffic(name, self.counts[name])
            return Slot(ns, operations, 0, 0, None, 0)
        path = f"{self.folder}/output"
        with open("/dev/null" if tool == "top" else path, "w", encoding="ascii") as output:
            monitor = self.children.start(self.tools[tool], stdout=output, stderr=subprocess.PIPE,
                                          text=True)
        common.wait_until(lambda: has_attached(monitor.pid), f"{tool} to attach")
        if tool == "trace":
            common.wait_until(lambda: head_line(path), "the header line of trace")
        time.sleep(SETTLE_S)
        cpu_before = common.cpu_seconds(monitor.pid)
        began = time.monotonic()
        ns, operations = self.traffic(name, self.counts[name])
        wall = time.monotonic() - began
        if is_churn(name):
            time.sleep(TAIL_S)
        cpu = common.cpu_seconds(monitor.pid) - cpu_before
        errors = self.children.stop(monitor)
        reported = sum(int(lost) for lost in re.findall(r"lost (\d+) events", errors))
        missing = None
        if is_churn(name) and tool == "trace":
            missing, reported = missing_in_trace(path, operations)
        elif is_churn(name) and tool == "tcplife":
            missing = 2 * operations - count_lines(path)
        return Slot(ns, operations, cpu, wall, missing, reported)


def head_line(path):
    with open(path, encoding="utf-8") as file:
        return file.readline().endswith("\n")


def count_lines(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return sum(common.CHURN_NET in line for line in file)


def missing_in_trace(path, connections):
    """Each connection is one connect, one accept and two closes; and what the end record says."""
    seen = collections.Counter()
    reported = None
    with open(path, encoding="utf-8") as file:
        for line in file:
            kind = line[10:line.index('"', 10)] if line.startswith('{"event":"') else ""
            if kind == "end":
                reported = sum(json.loads(line)["lost"].values())
            elif common.CHURN_NET in line:
                seen[kind] += 1
    wanted = {"connect": connections, "accept": connections, "close": 2 * connections}
    missing = sum(abs(count - seen[kind]) for kind, count in wanted.items())
    if reported is None:
        raise RuntimeError("trace did not end with its end record")
    return missing, reported


def run(bench, names, tools, reps):
    slots = collections.defaultdict(list)
    for name in names:
        bench.calibrate(name)
    for repetition in range(reps):
        for name in names:
            shift = repetition % len(tools)  # so that no tool is always the first
            for tool in tools[shift:] + tools[:shift]:
                slots[name, tool].append(bench.slot(name, tool))
        print(f"repetition {repetition + 1} of {reps} done", file=sys.stderr)
    return slots


def ratios(slots, name, tool):
    return [slot.ns / base.ns for slot, base in zip(slots[name, tool], slots[name, "nothing"])]


def report(slots, names, tools):
    monitors = [tool for tool in tools if tool != "nothing"]
    print("Time with the monitor ÷ without; median ± half the distance between the quartiles\n")
    rows = []
    for name in names:
        row = [name, f"{common.median([s.ns for s in slots[name, 'nothing']]):,.0f}"]
        for tool in monitors:
            values = ratios(slots, name, tool)
            row.append(f"{common.median(values):.3f} ± {common.spread(values):.3f}")
        worst = max((common.median(ratios(slots, name, tool)) for tool in monitors
                     if tool in ("top", "trace")), default=0)
        limit = WORKLOADS[name].limit
        row.append(f"{limit} {common.verdict(worst, limit)}")
        rows.append(row)
    common.print_table(["workload", "ns/op alone", *monitors, "target"], rows)

    print("The monitor's own CPU time: seconds per second, and µs per operation\n")
    rows = []
    for name in names:
        row = [name]
        for tool in monitors:
            runs = slots[name, tool]
            per_second = common.median([s.cpu / s.wall for s in runs])
            per_operation = common.median([s.cpu / s.operations * 1e6 for s in runs])
            row.append(f"{per_second:.3f}, {per_operation:.2f}")
        rows.append(row)
    common.print_table(["workload", *monitors], rows)

    rows = []
    for name in (name for name in names if is_churn(name)):
        for tool in monitors:
            runs = slots[name, tool]
            counted = [s.missing for s in runs if s.missing is not None]
            rows.append([name, tool, f"{sum(s.operations for s in runs):,}",
                         f"{sum(counted):,}" if counted else "not counted",
                         "–" if tool == "top" else f"{sum(s.reported for s in runs):,}"])
    if rows:
        print("Events that are not in the output, of all repetitions\n")
        common.print_table(["workload", "monitor", "connections", "missing", "reported lost"], rows)
    for name in (name for name in names if is_churn(name)):
        if {"trace", "tcplife"} <= set(tools):
            shares = [(a.cpu / a.operations) / (b.cpu / b.operations)
                      for a, b in zip(slots[name, "trace"], slots[name, "tcplife"])]
            share = common.median(shares)
            print(f"CPU of trace ÷ CPU of tcplife per connection, {name}: {share:.2f} "
                  f"(target 0.5 {common.verdict(share, 0.5)})")
    print(flush=True)


def main():
    parser = common.parser(__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0,
                        help=f"makes each run longer (default: {CHURN_S} s, {TRAFFIC_S} s "
                        "without churn)")
    parser.set_defaults(reps=4)
    parser.add_argument("--only", default="", metavar="A,B",
                        help=f"these workloads, of {', '.join(WORKLOADS)}")
    parser.add_argument("--tools", default="top,trace,tcplife,tcpstates", metavar="A,B",
                        help="these monitors (default: %(default)s)")
    arguments = common.parse(parser)
    names = arguments.only.split(",") if arguments.only else BY_DEFAULT
    tools = ["nothing", *arguments.tools.split(",")]
    known = tool_commands(arguments.program)
    if not set(names) <= set(WORKLOADS) or not set(tools) <= set(known):
        parser.error("unknown workload or monitor")
    for tool in ("tcplife", "tcpstates"):
        if tool in tools and not shutil.which(known[tool][-1]):
            print(f"{tool} is not installed (package libbpf-tools): left out", file=sys.stderr)
            tools.remove(tool)
    with tempfile.TemporaryDirectory(prefix="sockscope-bench-") as folder, \
            common.Children() as children:
        slots = run(Bench(arguments, children, folder), names, tools, arguments.reps)
        report(slots, names, tools)


if __name__ == "__main__":
    main()
