#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs `top` on a pseudo terminal and writes what is on it as SVG, or all of it as an asciicast. With
`snap` among the keys the SVG shows those moments one after the other, again and again.

    scripts/render_screen.py --build build/release --svg docs/images/top.svg
    scripts/render_screen.py --build build/release --cast top.cast --keys 'wait:3 2 wait:3 enter wait:4'

Needs root and python3-pyte; `asciinema play` plays a cast.
"""
import argparse
import html
import json
import os
import pathlib
import sys
import time
import unicodedata

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "tui"))
from terminal import Terminal, support  # noqa: E402  pylint: disable=wrong-import-position

COLOURS = {"default": "#d8dee9", "black": "#000000", "red": "#ff6c6b", "green": "#98be65",
           "brown": "#ecbe7b", "yellow": "#ecbe7b", "blue": "#51afef", "magenta": "#c678dd",
           "cyan": "#46d9ff", "white": "#ffffff"}
BACKGROUND = "#1c1f26"
CELL_WIDTH, CELL_HEIGHT = 8.4, 17
KEYS = {"enter": "\r", "esc": "\033", "tab": "\t", "space": " ", "redraw": "\f"}


def runs(line, columns):
    """(first column, text, character) of neighbours that look alike."""
    start, text, like = 0, "", None
    for x in range(columns):
        char = line[x]
        look = (char.fg, char.bg, char.bold, char.reverse, char.underscore)
        if like is not None and look != like:
            yield start, text, like
            start, text = x, ""
        like = look
        text += char.data
    yield start, text, like


def svg(columns, rows, frames, seconds=3.5):
    width, height = columns * CELL_WIDTH + 16, rows * CELL_HEIGHT + 16
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
           'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">',
           f'<rect width="100%" height="100%" rx="6" fill="{BACKGROUND}"/>']
    if len(frames) == 1:
        return "\n".join([*out, frames[0], "</svg>"]) + "\n"
    total = seconds * len(frames)
    out.append("<style>.f{visibility:hidden}.f0{visibility:visible}"
               "@media (prefers-reduced-motion:no-preference){"
               f".f{{animation:f {total}s step-end infinite}}"
               f"@keyframes f{{0%{{visibility:visible}}{100 / len(frames):.3f}%{{visibility:hidden}}}}"
               "}</style>")
    for i, frame in enumerate(frames):
        delay = f' style="animation-delay:-{total - i * seconds}s"' if i else ""
        out.append(f'<g class="f f{i}"{delay}>{frame}</g>')
    return "\n".join([*out, "</svg>"]) + "\n"


def picture(screen):
    """The cells of one moment, as SVG."""
    out = []
    for y in range(screen.lines):
        for x, text, (fg, _, bold, reverse, _) in runs(screen.buffer[y], screen.columns):
            colour = COLOURS.get(fg, COLOURS["default"])
            left, top = 8 + x * CELL_WIDTH, 8 + y * CELL_HEIGHT
            cells = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
            if reverse:
                out.append(f'<rect x="{left:.1f}" y="{top}" width="{cells * CELL_WIDTH:.1f}" '
                           f'height="{CELL_HEIGHT}" fill="{colour}"/>')
                colour = BACKGROUND
            if text.strip():
                out.append(f'<text x="{left:.1f}" y="{top + 13}" fill="{colour}" '
                           f'textLength="{cells * CELL_WIDTH:.1f}" xml:space="preserve"'
                           + (' font-weight="bold"' if bold else "") + f'>{html.escape(text)}</text>')
    return "\n".join(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--size", default="80x24")
    parser.add_argument("--keys", default="wait:5", help="wait:SECONDS, snap, enter, esc, tab, redraw, or letters")
    parser.add_argument("--svg")
    parser.add_argument("--cast")
    parser.add_argument("--options", default="", help="of top, in one word")
    options = parser.parse_args()
    support._options.program = os.path.abspath(os.path.join(options.build, "sockscope"))
    columns, rows = map(int, options.size.split("x"))
    shown, frames = [], []
    # pyte does not support all that xterm does, such as scrolling by several lines and repeated characters.
    term = "xterm-256color" if options.cast else "screen"
    with Terminal(*options.options.split(), term=term, columns=columns, rows=rows) as terminal:
        began = time.monotonic()

        def read(seconds):
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                came = terminal.read(0.05)
                if came:
                    shown.append((time.monotonic() - began, came))
        for word in options.keys.split():
            if word.startswith("wait:"):
                read(float(word[5:]))
            elif word == "snap":
                frames.append(picture(terminal.screen))
            else:
                terminal.type(KEYS.get(word, word))
                read(0.2)
        frames = frames or [picture(terminal.screen)]
        terminal.type("q")
        terminal.wait()
    if options.svg:
        pathlib.Path(options.svg).write_text(svg(columns, rows, frames), encoding="utf-8")
    if options.cast:
        with open(options.cast, "w", encoding="utf-8") as cast:
            header = {"version": 2, "width": columns, "height": rows,
                      "env": {"TERM": "xterm-256color"}}
            cast.write(json.dumps(header) + "\n")
            for at, data in shown:
                cast.write(json.dumps([round(at, 3), "o", data.decode("utf-8", "replace")]) + "\n")


if __name__ == "__main__":
    main()
