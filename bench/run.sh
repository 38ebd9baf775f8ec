#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs all benchmarks and prints a report in Markdown. Needs root, a quiet host, and for the
# comparison the packages libbpf-tools and iproute2.
#
#   bench/run.sh [BUILD]   default: build, configured with -DSOCKSCOPE_BENCH=ON and Release
#   REPS=9 bench/run.sh    repetitions of bench/overhead.py (5)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:-$here/../build}" && pwd)
[ "$(id -u)" = 0 ] || { echo "run.sh: needs root" >&2; exit 1; }
# TIME_WAIT sockets of an earlier churn (kChurnNet) would be part of every snapshot.
ss -K state time-wait dst 127.77.0.0/16 >/dev/null 2>&1 || true

echo "Kernel $(uname -r), $(nproc) cores, $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2- |
  sed 's/^ *//'), $(date -u +%Y-%m-%d), load $(cut -d' ' -f1 /proc/loadavg) at the start."
echo "$("$build/sockscope" --version | head -n 1), $(ss -V 2>&1 | head -n 1)."
echo
echo "## User space"
echo
"$build/bench/bench_userspace"
echo "## Snapshots"
echo
"$build/bench/bench_snapshot"
echo "## History"
echo
folder=$(mktemp -d)
"$build/bench/bench_history" "$folder"
rm -r "$folder"
echo
echo "## Start and memory"
echo
python3 "$here/startup.py" --build "$build"
echo "## The host"
echo
python3 "$here/host.py" --build "$build"
echo
echo "## The hooks alone"
echo
"$build/bench/bench_hooks" "$build/bench/floor.bpf.o@tcp" "$build/bench/floor.bpf.o@tcp@calls" \
  "$build/bpf/sockscope.bpf.o@tcp@calls" "$build/bpf/sockscope.bpf.o@tcp" \
  "$build/bpf/sockscope.bpf.o@tcp@exact" "$build/bpf/sockscope.bpf.o@tcp@peers" \
  "$build/bpf/sockscope.bpf.o@hash"
echo
echo "## Processes"
echo
"$build/bench/bench_processes" $(command -v forkstat || true)
echo
echo "## The screen"
echo
/usr/bin/python3 "$here/screen.py" --build "$build"
echo "## Overhead"
echo
python3 "$here/overhead.py" --build "$build" --reps "${REPS:-5}"
