#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh FUZZER NAME SECONDS: lets one fuzzer look, from fuzz/corpus/NAME and what it found before.
# SOCKSCOPE_FUZZ_SECONDS overrides the time. What is found goes to the build's folder, never into the
# tree.
set -euo pipefail
seeds=$(dirname "${BASH_SOURCE[0]}")/corpus/$2
work=$(dirname "$1")/$2
seconds=${SOCKSCOPE_FUZZ_SECONDS:-$3}
mkdir -p "$work/corpus" "$work/found"
folders=("$work/corpus")
[ ! -d "$seeds" ] || folders+=("$seeds")
# A parser that takes ten seconds for one input hangs; one that takes 2 GB is out of bounds.
status=0
"$1" "${folders[@]}" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
  -artifact_prefix="$work/found/" -verbosity=0 -print_final_stats=1 || status=$?
[ "$status" = 0 ] && exit
echo "fuzz: the input that broke the parser of $2 is the newest of $work/found/; again with:"
for input in $(ls -t "$work/found" | head -1); do echo "  $1 $work/found/$input"; done
exit 1
