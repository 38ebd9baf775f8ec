#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `./dev test` says at the end, of the folder it is given: what was skipped and why, how long each
lane took, the slowest tests, and how many passed. LANE.seconds there has the lane's time, LANE.log
ctest's log of its tests if it has any."""
import pathlib
import re
import sys

SLOWEST = 10


class Tests:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.reasons = []
        self.seconds = []  # (time, name)

    def add(self, name, block):
        if re.search(r"^\[=+\] \d+ tests? from .* ran", block, flags=re.M):
            self.add_googletest(block)
            return
        took = re.search(r"^Test time = +([\d.]+) sec", block, flags=re.M)
        self.seconds.append((float(took.group(1)) if took else 0, name))
        inner = re.search(r"^Ran (\d+) tests? in .*\n+(OK|FAILED)(?: \((.*)\))?", block, flags=re.M)
        if inner:  # a Python file with many tests
            counts = dict(re.findall(r"(failures|errors|skipped)=(\d+)", inner.group(3) or ""))
            bad = int(counts.get("failures", 0)) + int(counts.get("errors", 0))
            if "Test Passed." not in block:
                bad = max(bad, 1)
            left_out = int(counts.get("skipped", 0))
            self.passed += max(0, int(inner.group(1)) - bad - left_out)
            self.failed += bad
            self.skipped += left_out
            self.reasons += re.findall(r"^(\S+ .*\.\.\. skipped .*)$", block, flags=re.M)
        elif "Test Passed." in block:
            self.passed += 1
        else:
            self.failed += 1

    def add_googletest(self, block):
        """A program with as many tests as were asked for."""
        def count(word):
            found = re.search(rf"^\[ +{word} +\] (\d+) tests?", block, flags=re.M)
            return int(found.group(1)) if found else 0

        self.passed += count("PASSED")
        self.skipped += count("SKIPPED")
        ended_well = "Test Passed." in block or count("SKIPPED")
        self.failed += count("FAILED") or (0 if ended_well else 1)
        for said in re.split(r"^\[ RUN +\] ", block, flags=re.M)[1:]:
            end = re.search(r"^\[ +(OK|FAILED|SKIPPED) +\] ([^ ,]+).*\((\d+) ms\)$", said, flags=re.M)
            if end:
                self.seconds.append((int(end.group(3)) / 1000, end.group(2)))
            if end and end.group(1) == "SKIPPED":
                reason = re.search(r"^.*: Skipped\n(.*)$", said, flags=re.M)
                self.reasons.append(
                    f"{end.group(2)}: {reason.group(1) if reason else 'no reason given'}")

    def ran(self):
        return self.passed + self.failed + self.skipped


def main():
    folder = pathlib.Path(sys.argv[1])
    tests = Tests()
    lanes = []
    for path in sorted(folder.glob("*.seconds"), key=lambda path: path.stat().st_mtime):
        log = path.with_suffix(".log")
        text = log.read_text(errors="replace") if log.exists() else ""
        blocks = re.split(r"^\d+/\d+ Testing: (.+)$", text, flags=re.M)
        before = tests.ran()
        last = {}
        for name, block in zip(blocks[1::2], blocks[2::2]):
            if name in last:
                print(f"once more: {name} failed beside the others, and was run again alone")
            last[name] = block
        for name, block in last.items():
            tests.add(name, block)
        lanes.append((path.stem, int(path.read_text()), tests.ran() - before))

    for reason in tests.reasons:
        print(f"skipped: {reason}")
    print("lanes:")
    for name, seconds, count in lanes:
        print(f"  {seconds:5} s  {name}" + (f", {count} tests" if count else ""))
    print("slowest tests:")
    for seconds, name in sorted(tests.seconds, reverse=True)[:SLOWEST]:
        print(f"  {seconds:5.0f} s  {name}")
    print(f"{tests.passed} passed, {tests.failed} failed, {tests.skipped} skipped")
    sys.exit(1 if tests.failed or tests.passed == 0 else 0)


if __name__ == "__main__":
    main()
