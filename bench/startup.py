#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long sockscope takes from exec to its first snapshot, and how much memory it needs."""

import os
import subprocess
import sys
import time

import common

START_LIMIT_MS = 60
MEMORY_LIMIT_MB = 12
BYTES_PER_FLOW_LIMIT = 400
FEW, SNAPSHOTS, INTERVAL_S = 1_000, 3, 1.0


def run_ms(words):
    began = time.perf_counter()
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True, preexec_fn=common.die_with_parent)
    return (time.perf_counter() - began) * 1e3


def measure_start(arguments):
    bench = arguments.build + "/bench/bench_snapshot"
    process, open_ms, first_ms, ss = [], [], [], []
    for _ in range(arguments.reps):
        process.append(run_ms([arguments.program, "snapshot", "--json"]))
        words = subprocess.run([bench, "open"], capture_output=True, text=True, check=True,
                               preexec_fn=common.die_with_parent).stdout.split()
        open_ms.append(float(words[0]))
        first_ms.append(float(words[1]))
        ss.append(run_ms(["ss", "-tin"]))
    both = common.median([a + b for a, b in zip(open_ms, first_ms)])
    print(f"Start, ms; medians of {arguments.reps}\n")
    common.print_table(["what", "ms", "best", f"target ≤ {START_LIMIT_MS}"], [
        ["`sockscope snapshot --json`, the whole process", f"{common.median(process):.1f}",
         f"{min(process):.1f}", common.verdict(common.median(process), START_LIMIT_MS)],
        ["Monitor::open() and first snapshot(), as top", f"{both:.1f}",
         f"{min(a + b for a, b in zip(open_ms, first_ms)):.1f}",
         common.verdict(both, START_LIMIT_MS)],
        ["of that the first snapshot()", f"{common.median(first_ms):.1f}", f"{min(first_ms):.1f}",
         ""],
        ["`ss -tin`, the whole process", f"{common.median(ss):.1f}", f"{min(ss):.1f}", ""]])


def top_memory(children, arguments, sockets, output_format):
    """Resident bytes of top at rest and at its peak, with so many TCP sockets open."""
    held = children.hold_sockets(arguments.workload, sockets)
    # Its tables are counted and not kept; a reader at the other end of the pipe consumes them.
    reader = children.start([sys.executable, "-c", COUNT_LINES, str(SNAPSHOTS), output_format],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    top = children.start([arguments.program, "top", "--plain", "-i", INTERVAL_S, "-o", output_format],
                         stdout=reader.stdin)
    reader.stdin.close()
    reader.stdin = None  # so that the reader sees the end when top ends
    if reader.stdout.readline() != "enough\n":
        raise RuntimeError("top did not print its snapshots")
    # Measured at rest, not while a snapshot is taken and printed.
    samples = []
    for _ in range(20):
        time.sleep(INTERVAL_S / 10)
        samples.append(common.memory_bytes(top.pid))
    figures = common.median(samples), common.memory_bytes(top.pid, "VmHWM")
    children.stop(top)
    children.finish(reader)  # at the end of its input
    children.release_sockets(held)
    return figures


COUNT_LINES = """
import sys
wanted, output_format = int(sys.argv[1]), sys.argv[2]
mark = b'sockscope ' if output_format == 'table' else b'{'
for line in sys.stdin.buffer:
    if line.startswith(mark):
        wanted -= 1
        if wanted == 0:
            print('enough', flush=True)
"""


def measure_memory(arguments, children):
    print(f"Resident memory of `sockscope top`, {SNAPSHOTS} snapshots old: at rest, and its peak\n")
    rows = []
    for output_format in ("table", "ndjson"):
        few, peak = top_memory(children, arguments, FEW, output_format)
        rows.append([output_format, f"{FEW:,}", f"{few / 1e6:.1f}", f"{peak / 1e6:.1f}", "",
                     f"≤ {MEMORY_LIMIT_MB} MB {common.verdict(few / 1e6, MEMORY_LIMIT_MB)}"])
        for sockets in arguments.sockets:
            resident, peak = top_memory(children, arguments, sockets, output_format)
            per_flow = (resident - few) / (sockets - FEW)
            rows.append([output_format, f"{sockets:,}", f"{resident / 1e6:.1f}",
                         f"{peak / 1e6:.1f}", f"{per_flow:.0f}",
                         f"≤ {BYTES_PER_FLOW_LIMIT} "
                         f"{common.verdict(per_flow, BYTES_PER_FLOW_LIMIT)}"])
    common.print_table(["output", "TCP sockets", "RSS MB", "peak MB", "bytes per further flow",
                        "target"], rows)


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--sockets", type=int, nargs="+", default=[50_000, 100_000],
                        help="numbers of sockets for the memory figures (default: 50000 100000)")
    parser.set_defaults(reps=15)
    arguments = common.parse(parser)
    os.chdir("/")
    with common.Children() as children:
        measure_start(arguments)
        measure_memory(arguments, children)


if __name__ == "__main__":
    main()
