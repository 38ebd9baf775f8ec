#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Refuses an include that points the wrong way between the rooms of ARCHITECTURE.md."""
import pathlib
import re
import sys

# room -> rooms it may include; itself and include/sockscope always
MAY_INCLUDE = {
    "base": set(),
    "model": {"base"},
    "decode": {"wire", "model", "base"},
    "source": {"decode", "wire", "model", "base"},
    "track": {"model", "base"},
    "host": {"decode", "model", "base"},
    "view": {"model", "base"},
    "format": {"model", "base"},
    "pipeline": {"source", "decode", "wire", "track", "host", "view", "format",
                 "model", "base"},
    "store": {"model", "base"},
    "tui": {"view", "format", "model", "base"},
    "cli": {"store", "tui", "view", "format", "model", "base"},
    "main.cpp": {"cli"},
}
TEST_ONLY = {"gtest"}
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)
ROOT = pathlib.Path(__file__).resolve().parent.parent


def refusals():
    for path in sorted((ROOT / "src").rglob("*")):
        if path.suffix not in {".h", ".cpp"}:
            continue
        room = path.relative_to(ROOT / "src").parts[0]
        name = path.relative_to(ROOT)
        if room not in MAY_INCLUDE:
            yield f"{name}: room '{room}' is not in ARCHITECTURE.md's table"
            continue
        for quote, target in INCLUDE.findall(path.read_text()):
            first = target.split("/")[0]
            rooms = set(MAY_INCLUDE) | {"wire", "bpf"}
            if quote == '"' and first in rooms and first != room and first not in MAY_INCLUDE[room]:
                yield f"{name}: room '{room}' must not include \"{target}\""
            if first in TEST_ONLY and not path.stem.endswith(("_test", "_testing")):
                yield f"{name}: only tests may include <{target}>"

    for path in sorted((ROOT / "include").rglob("*.h")):
        for _, target in INCLUDE.findall(path.read_text()):
            if "/" in target and not target.startswith(("sockscope/", "tl/")):
                yield f"{path.relative_to(ROOT)}: a public header must not include {target}"

    for folder, allowed in {"wire": ("wire/", "stdint.h"),
                            "bpf": ("wire/", "bpf/", "stdint.h")}.items():
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            for _, target in INCLUDE.findall(path.read_text()):
                if not target.startswith(allowed):
                    yield f"{path.relative_to(ROOT)}: '{folder}' must not include {target}"


def too_long():
    for folder in ("src", "include", "bpf", "wire", "tests", "bench", "fuzz", "scripts"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".h", ".cpp", ".c", ".py"}:
                lines = len(path.read_text().splitlines())
                if lines > 1000:
                    yield f"{path.relative_to(ROOT)}: {lines} lines; more than 1,000 are refused"


problems = [*refusals(), *too_long()]
print("\n".join(problems) if problems else "layers: every include points the right way")
sys.exit(1 if problems else 0)
