#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What one collection of everything in a NetWatch Snapshot costs in CPU time."""

import os
import subprocess

import common

LIMIT_MS = 5
FEW, MANY = 3, 23  # snapshots: their difference excludes the start


def cpu_seconds_of(arguments, snapshots):
    child = subprocess.Popen(
        [arguments.program, "snapshot", "--format", "netwatch", "--watch", "-i", "0.2", "--count",
         str(snapshots)], stdout=subprocess.DEVNULL, preexec_fn=common.die_with_parent)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError(f"snapshot ended with {child.returncode}")
    return usage.ru_utime + usage.ru_stime


def main():
    arguments = common.parse(common.parser(__doc__))
    rows = []
    with common.Children() as children:
        for sockets in (0, 1_000):
            held = children.hold_sockets(arguments.workload, sockets)
            ms = [(cpu_seconds_of(arguments, MANY) - cpu_seconds_of(arguments, FEW)) * 1e3 /
                  (MANY - FEW) for _ in range(arguments.reps)]
            children.release_sockets(held)
            rows.append([f"{sockets:,}", f"{common.median(ms):.2f}", f"{min(ms):.2f}",
                         common.verdict(common.median(ms), LIMIT_MS)])
    print(f"CPU time of one collection; medians of {arguments.reps}\n")
    common.print_table(["TCP sockets held", "ms", "best", f"target ≤ {LIMIT_MS}"], rows)


if __name__ == "__main__":
    main()
