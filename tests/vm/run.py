#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one program, or any shell text, in a guest with one of Debian's kernels.

  tests/vm/run.py --kernel 6.1 --binary build/dev/tests/vm/sockscope -- snapshot --json
  tests/vm/run.py --kernel 5.10 --binary build/dev/tests/vm/live_tests -- '--gtest_filter=*Connect*'
  tests/vm/run.py --kernel sid --binary P --sh 'P doctor; dmesg | tail'
"""
import argparse
import pathlib
import shlex
import sys

import guest
import kernels


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--kernel", default="6.1", choices=kernels.SUITES)
    parser.add_argument("--arch", default="amd64", choices=kernels.IMAGES)
    parser.add_argument("--binary", required=True, action="append", type=pathlib.Path,
                        help="a static program; the first one is run; all are put into /bin")
    parser.add_argument("--sh", help="run this shell text instead")
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("arguments", nargs="*")
    options = parser.parse_args()

    try:
        kernel = kernels.get(options.kernel, options.arch)
    except kernels.Missing as reason:
        sys.exit(f"kernel {options.kernel}: {reason}")
    print(f"kernel {kernel.release}", file=sys.stderr)
    files = {f"bin/{path.name}": guest.stripped(path) for path in options.binary}
    files.update(guest.tools(options.arch))
    command = options.sh or shlex.join([options.binary[0].name, *options.arguments])
    try:
        outcome = guest.run(kernel, [guest.Step("run", command, options.seconds)], files,
                            options.seconds + 60, options.arch)["run"]
    except guest.Failed as failure:
        sys.exit(str(failure))
    sys.stdout.write(outcome.output)
    sys.exit(outcome.status)


if __name__ == "__main__":
    main()
