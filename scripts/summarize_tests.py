#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads ctest's logs on stdin; prints what was skipped and why, and the closing line."""
import re
import sys

text = sys.stdin.read()
passed = failed = skipped = 0
reasons = []
blocks = re.split(r"^\d+/\d+ Testing: (.+)$", text, flags=re.M)
for name, block in zip(blocks[1::2], blocks[2::2]):
    inner = re.search(r"^Ran (\d+) tests? in .*\n+(OK|FAILED)(?: \((.*)\))?", block, flags=re.M)
    if inner:  # a Python file with many tests
        counts = dict(re.findall(r"(failures|errors|skipped)=(\d+)", inner.group(3) or ""))
        bad = int(counts.get("failures", 0)) + int(counts.get("errors", 0))
        left_out = int(counts.get("skipped", 0))
        passed += max(0, int(inner.group(1)) - bad - left_out)
        failed += bad
        skipped += left_out
        reasons += re.findall(r"^(\S+ .*\.\.\. skipped .*)$", block, flags=re.M)
    elif "Test Passed." in block:
        passed += 1
    elif "[  SKIPPED ]" in block:
        skipped += 1
        reason = re.search(r"^.*: Skipped\n(.*)$", block, flags=re.M)
        reasons.append(f"{name}: {reason.group(1) if reason else 'no reason given'}")
    else:
        failed += 1

for reason in reasons:
    print(f"skipped: {reason}")
print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(1 if failed or passed == 0 else 0)
