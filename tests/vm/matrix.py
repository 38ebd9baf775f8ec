#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The truth tests that need no outside program, on Debian's kernels in guests, once per set of doors.

Prints what was skipped and why, and closes as unittest does, for scripts/summarize_tests.py. With
--table FILE it also writes what it found about each kernel into that document.
"""
import argparse
import collections
import concurrent.futures
import os
import dataclasses
import pathlib
import re
import sys
import time

import guest
import kernels

# When emulated, an act takes about a second, mostly for loading programs. So one or two acts of each kind
# run; with --full and the best doors, all acts run with IPv4, and those that differ most with IPv6.
ALL = ("Doors.*:TcpMapped.*:UdpMapped.*:*/v4:*UdpActs*/v6:*ConnectActs*/v6:*AcceptorActs*/v6:"
       "*ProcessActs*:*InterruptActs*:*TcpActs.SendBothWays/v6-*LossActs*")
SOME = ("Doors.*:*AcceptorActs*/v4:*ConnectActs.Refused/v4:*ConnectActs.StatesOfBothEnds/v6:"
        "*ConnectActs.LostSegmentIsRetransmitted/v4:*InterruptActs*:"
        "*CloseActs.HalfClose/v6:*CloseActs.LingerZero/v4:"
        "*CloseActs.Sigkill/v6:*FastOpenActs*/v4:*PreforkActs.AcceptWithAddress/v4:*PreforkActs.AcceptWithoutAddress/v6:"
        "*ForkingServerActs.AcceptWithoutAddress/v4:*PassedSocketActs.UsedByTheReceiver/v6:"
        "*OwnerActs.InheritedFromTheVeryListener/v4:*OwnerActs.OtherNetworkNamespace/v4:"
        "*Bootstrap.OlderSocketsOfAnotherNamespace/v4:"
        "*OwnerActs.ProcessThatLivesForAMoment/v6:"
        "*TcpActs.SendBothWays/v4:*TcpActs.Sendfile/v6:*TcpActs.IoUringSendAndReceive/v4:"
        "*UdpActs.Connected/*:*UdpActs.Unconnected/v6:*UdpActs.SendmmsgAndRecvmmsg/v4:"
        "*UdpActs.PeekIsNotCounted/v6:*UdpActs.DatagramsWithoutRoomWereNotReceived/v4:"
        "*PassActs.WorkerThatAcceptedQuietly/v6:*PassActs.PassedToAnotherProcess/v4:"
        "*ProcessActs*/ChangeUser:"
        "*Bootstrap.OlderSocketsAreFoundAndTheirEndIsSeen/v4")
# The acts that differ most between sets of doors: each way to accept, to count, to close, to be found.
FEW = ("Doors.*:*PreforkActs.AcceptWithoutAddress/v6:*ForkingServerActs.AcceptWithoutAddress/v4:"
       "*ConnectActs.Refused/v4:*CloseActs.LingerZero/v4:*OwnerActs.InheritedFromTheVeryListener/v4:"
       "*OwnerActs.OtherNetworkNamespace/v4:*TcpActs.SendBothWays/v4:*UdpActs.Connected/v6:"
       "*UdpActs.PeekIsNotCounted/v6:*PassActs.PassedToAnotherProcess/v4:*ProcessActs*/ChangeUser:"
       "*Bootstrap.OlderSocketsOfAnotherNamespace/v4")
# Name in the table, SOCKSCOPE_DOORS, seconds after which the run is considered to hang.
SETS = (("best", "", 1200), ("fexit", "fexit", 400), ("tp_btf", "tp_btf,cgroup", 400),
        ("kprobe", "kprobe", 400), ("files", "iter_task", 400))
PATIENCE = 3  # times as long as on a host
# The kernel of the supported Debian is never skipped; on it and newer ones, every observation has a door.
NEVER_MISSING = "6.1"
MAY_LACK_DOORS = ("5.10",)
GUESTS = 2


@dataclasses.dataclass
class Result:
    passed: int = 0
    failed: dict = dataclasses.field(default_factory=dict)   # act to its output
    skipped: dict = dataclasses.field(default_factory=dict)  # act to reason
    doors: dict = dataclasses.field(default_factory=dict)    # observation to (door, limits)
    refused: dict = dataclasses.field(default_factory=dict)  # observation to [(door, reason)]
    again: dict = dataclasses.field(default_factory=dict)    # act to its output of the first time


def read_result(outcome):
    """What googletest printed."""
    result = Result()
    said = []
    for line in outcome.output.splitlines():
        found = re.match(r"\[ +(OK|FAILED|SKIPPED) +\] ([^ ,]+).* \(\d+ ms\)$", line)
        if line.startswith("[ RUN "):
            said = []
        elif line.startswith("door|"):
            _, observation, door, refused, limits = line.split("|", 4)
            if refused:
                result.refused.setdefault(observation, []).append((door, refused))
                result.doors.setdefault(observation, None)
            else:
                result.doors[observation] = (door, limits)
        elif not found:
            said.append(line)
        elif found.group(1) == "OK":
            result.passed += 1
        elif found.group(1) == "FAILED":
            result.failed[found.group(2)] = "\n".join(said)
        else:
            reason = said[-1] if said else "no reason given"
            result.skipped[found.group(2)] = reason
    wanted = re.search(r"^\[=+\] Running (\d+) tests?", outcome.output, flags=re.M)
    seen = result.passed + len(result.failed) + len(result.skipped)
    if not wanted or seen != int(wanted.group(1)) or outcome.status not in (0, 1):
        result.failed["all acts end"] = (f"status {outcome.status}, {seen} of "
                                         f"{wanted.group(1) if wanted else 'no'} acts ended\n"
                                         + "\n".join(said[-30:]))
    return result


# The program as users run it: unlike live tests, it gives up its privileges.
USE = ("sockscope snapshot -q >/tmp/table && sockscope snapshot --json -q >/tmp/document && "
       "sockscope top --once -q >/tmp/top && sockscope trace -q -d 0.5 >/tmp/trace && wc -l "
       "/tmp/table /tmp/document /tmp/top /tmp/trace")


def acts_of(doors, chosen):
    late = "SOCKSCOPE_LATE_OPENINGS=1 " if "SOCKSCOPE_LATE_OPENINGS" in os.environ else ""
    return (f"{late}SOCKSCOPE_DOORS={doors} SOCKSCOPE_PATIENCE={PATIENCE} live_tests "
            f"--gtest_color=no '--gtest_filter={chosen}'")


def try_again(kernel, sets, results, files):
    """An emulated processor may stand still for a second, and the guest's clocks disagree then. So an
    act or two that failed are carried out once more, in a guest of their own; the report says so."""
    steps = [guest.Step(label, acts_of(doors, ":".join(results[label].failed)), seconds)
             for label, doors, seconds in sets
             if 0 < len(results[label].failed) <= 2 and all("." in act and " " not in act
                                                            for act in results[label].failed)]
    if not steps:
        return
    outcomes = guest.run(kernel, steps, files, 60 + sum(step.seconds for step in steps))
    for label, outcome in outcomes.items():
        result, second = results[label], read_result(outcome)
        if not second.failed and second.passed == len(result.failed):
            result.passed += second.passed
            result.again, result.failed = result.failed, {}


def run_kernel(name, kernel, programs, sets, full, few):
    def chosen(label):
        return FEW if label in few else ALL if full and label == "best" else SOME
    steps = [guest.Step(label, acts_of(doors, chosen(label)), seconds)
             for label, doors, seconds in sets]
    steps.append(guest.Step("program", USE, 200))
    files = {**programs, **guest.tools("amd64")}
    outcomes = guest.run(kernel, steps, files, 60 + sum(step.seconds for step in steps))
    use = outcomes.pop("program")
    results = {label: read_result(outcome) for label, outcome in outcomes.items()}
    try_again(kernel, sets, results, files)
    if use.status == 0:
        results[sets[0][0]].passed += 1
    else:
        results[sets[0][0]].failed["the program"] = f"status {use.status}\n{use.output[-2000:]}"
    for label, result in results.items():
        if not result.doors:
            result.failed.setdefault("doors are told", "")
        if label == "best" and name not in MAY_LACK_DOORS:
            for observation, door in result.doors.items():
                if not door:
                    result.failed[f"a door for: {observation}"] = str(result.refused[observation])
    return results


def cell(door):
    if not door:
        return "–"
    return door[0] + (f" ({door[1]})" if door[1] else "")


def section(name, release, results):
    """The document's part on one kernel."""
    lines = [f"### {name}: {release}", "",
             "| doors | passed | failed | skipped |", "|---|---|---|---|"]
    lines += [f"| {label} | {result.passed} | {len(result.failed)} | {len(result.skipped)} |"
              for label, result in results.items()]
    lines += ["", "| observation | " + " | ".join(results) + " |", "|---" * (len(results) + 1) + "|"]
    observations = dict.fromkeys(o for result in results.values() for o in result.doors)
    lines += [f"| {observation} | " +
              " | ".join(cell(result.doors.get(observation)) for result in results.values()) + " |"
              for observation in observations]
    reasons = collections.Counter(
        (label, reason) for label, result in results.items() for reason in result.skipped.values())
    lines += [""] + [f"- {label}: {count} acts skipped: {reason}"
                     for (label, reason), count in reasons.items()]
    lines += [f"- {label}: failed: {act}" for label, result in results.items()
              for act in result.failed]
    return "\n".join(lines).rstrip() + "\n"


def write_table(path, sections):
    """Puts each kernel's section between its marks, which the document has."""
    text = path.read_text()
    for name, content in sections.items():
        begin, end = f"<!-- {name}: written by ./dev vm -->\n", f"<!-- end of {name} -->\n"
        before, rest = text.split(begin)
        text = before + begin + content + end + rest.split(end)[1]
    path.write_text(text)


def report(name, results):
    for label, result in results.items():
        print(f"{name} {label}: {result.passed} passed, {len(result.failed)} failed, "
              f"{len(result.skipped)} skipped")
        for act, said in result.again.items():
            print(f"{name} {label} {act}: failed in one guest, passed in the next:\n{said}")
        for act, said in result.failed.items():
            print(f"FAIL: {name} {label} {act}\n{said}")
        for reason, count in collections.Counter(result.skipped.values()).items():
            print(f"vm.{name}.{label} {count} acts ... skipped '{reason}'")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True, type=pathlib.Path,
                        help="static live_tests, beside a static sockscope")
    parser.add_argument("--kernel", action="append", choices=kernels.SUITES)
    parser.add_argument("--doors", action="append", choices=[label for label, *_ in SETS])
    parser.add_argument("--few", action="append", default=[], metavar="LABEL",
                        help="with these doors only what differs most")
    parser.add_argument("--full", action="store_true", help="all acts with the best doors")
    parser.add_argument("--table", type=pathlib.Path)
    options = parser.parse_args()

    began = time.monotonic()
    programs = {f"bin/{path.name}": guest.stripped(path)
                for path in (options.program, options.program.with_name("sockscope"))}
    sets = [each for each in SETS if not options.doors or each[0] in options.doors]
    counts = collections.Counter()
    sections = {}
    with concurrent.futures.ThreadPoolExecutor(GUESTS) as pool:
        running = {}
        for name in options.kernel or kernels.SUITES:
            try:
                kernel = kernels.get(name)
            except kernels.Missing as reason:
                if name == NEVER_MISSING:
                    print(f"FAIL: kernel {name} cannot be had: {reason}")
                    counts["failures"] += 1
                else:
                    print(f"vm.{name} kernel ... skipped '{reason}'")
                    counts["skipped"] += 1
                continue
            running[name] = kernel, pool.submit(run_kernel, name, kernel, programs, sets,
                                                options.full, options.few)
        for name, (kernel, future) in running.items():
            try:
                results = future.result()
            except guest.Failed as failure:
                print(f"FAIL: {name}: {failure}")
                counts["failures"] += 1
                continue
            report(name, results)
            for result in results.values():
                counts["passed"] += result.passed
                counts["failures"] += len(result.failed)
                counts["skipped"] += len(result.skipped)
            sections[name] = section(name, kernel.release, results)
    if options.table:
        write_table(options.table, sections)

    bad = counts["failures"] != 0 or counts["passed"] == 0
    details = ", ".join(f"{key}={counts[key]}" for key in ("failures", "skipped") if counts[key])
    print(f"\nRan {sum(counts.values())} tests in {time.monotonic() - began:.0f}s\n")
    print(("FAILED" if bad else "OK") + (f" ({details})" if details else ""))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
