#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Debian's kernels, fetched once and kept outside of the work tree.

The packages come from where this machine's own Debian packages come from, by apt, with the suite's
name replaced and with lists and configuration of our own: the machine's are not touched.
"""
import dataclasses
import lzma
import os
import pathlib
import re
import subprocess
import sys
import tempfile

# The name of the kernel here, and Debian's suite that has it.
SUITES = {"5.10": "bullseye", "6.1": "bookworm", "6.12": "trixie", "sid": "sid"}
IMAGES = {"amd64": "linux-image-cloud-amd64", "arm64": "linux-image-cloud-arm64"}
# The modules of Debian's kernels that the tests need, in the order in which they can be loaded.
MODULES = ("inet_diag", "tcp_diag", "udp_diag", "veth")
FETCH_SECONDS = 240


class Missing(Exception):
    """A kernel that cannot be had; the text says why."""


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "sockscope" / "kernels"


def codename():
    text = pathlib.Path("/etc/os-release").read_text()
    found = re.search(r"^VERSION_CODENAME=\"?(\w+)", text, flags=re.M)
    if not found:
        raise Missing("this system does not name its suite in /etc/os-release")
    return found.group(1)


def one_line_sources(text, own, suite):
    for line in text.splitlines():
        found = re.match(r"deb\s+(\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+(.*\bmain\b.*)$", line.strip())
        if found and found.group(3) == own:
            yield f"deb {found.group(1) or ''}{found.group(2)} {suite} main\n"


def deb822_sources(text, own, suite):
    for stanza in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^([\w-]+):[ \t]*(.*)$", stanza, flags=re.M))
        if ("deb" not in fields.get("Types", "").split() or
                own not in fields.get("Suites", "").split() or
                "main" not in fields.get("Components", "").split()):
            continue
        options = f"[signed-by={fields['Signed-By']}] " if fields.get("Signed-By") else ""
        yield f"deb {options}{fields['URIs'].split()[0]} {suite} main\n"


def sources_of(suite):
    """The machine's own apt source, for another suite."""
    own = codename()
    lines = []
    folder = pathlib.Path("/etc/apt/sources.list.d")
    for path in [pathlib.Path("/etc/apt/sources.list"), *sorted(folder.glob("*"))]:
        if path.suffix == ".list" and path.is_file():
            lines += one_line_sources(path.read_text(), own, suite)
        elif path.suffix == ".sources" and path.is_file():
            lines += deb822_sources(path.read_text(), own, suite)
    if not lines:
        raise Missing(f"apt has no source of {own} on this machine to derive one of {suite} from")
    return lines[0]


class PrivateApt:
    """apt for one suite and architecture, in a folder of its own."""

    def __init__(self, folder, suite, architecture):
        self.folder = pathlib.Path(folder)
        for name in ("lists/partial", "archives/partial", "parts", "out"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "sources.list").write_text(sources_of(suite))
        (self.folder / "status").write_text("")
        self.options = [
            f"-oDir::Etc::sourcelist={self.folder}/sources.list",
            f"-oDir::Etc::sourceparts={self.folder}/parts",
            f"-oDir::State::lists={self.folder}/lists",
            f"-oDir::State::status={self.folder}/status",
            f"-oDir::Cache={self.folder}",
            f"-oAPT::Architecture={architecture}",
            f"-oAPT::Architectures={architecture}",
            "-oAPT::Sandbox::User=root",
            "-oAcquire::Languages=none",
        ]

    def run(self, program, *arguments):
        try:
            done = subprocess.run([program, *self.options, *arguments], cwd=self.folder / "out",
                                  text=True, timeout=FETCH_SECONDS, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        except FileNotFoundError:
            raise Missing(f"{program} is not installed") from None
        except subprocess.TimeoutExpired:
            raise Missing(f"{program} {arguments[0]} took longer than {FETCH_SECONDS} s") from None
        if done.returncode != 0:
            lines = (done.stderr.strip() or "no reason given").splitlines()
            raise Missing(f"{program} {arguments[0]}: {lines[-1]}")
        return done.stdout

    def update(self):
        self.run("apt-get", "update", "-qq", "-oAcquire::Retries=1")

    def dependencies(self, package):
        return re.findall(r"^\s*Depends: (\S+)$", self.run("apt-cache", "depends", package),
                          flags=re.M)

    def unpack(self, package, into):
        self.run("apt-get", "download", "-qq", package)
        files = list((self.folder / "out").glob(f"{package}_*.deb"))
        subprocess.run(["dpkg", "-x", files[0], into], check=True)


def find_image(folder):
    images = [*folder.glob("boot/vmlinuz-*"), *folder.glob("usr/lib/modules/*/vmlinuz")]
    return images[0] if images else None


def unpack_kernel(apt, name, into):
    """Unpacks what the package `name`, a name for the current kernel, leads to: the image, and what
    newer kernels keep in packages of their own."""
    wanted, seen = [name], {name}
    while wanted:
        package = wanted.pop()
        for other in apt.dependencies(package):
            if re.match(r"linux-(image|binary|modules)-\d", other) and other not in seen:
                seen.add(other)
                wanted.append(other)
                apt.unpack(other, into)


def module_bytes(unpacked, name):
    for path in unpacked.rglob(f"{name}.ko*"):
        content = path.read_bytes()
        return lzma.decompress(content) if path.suffix == ".xz" else content
    raise Missing(f"its package has no module {name}")


def fetch(suite, architecture, into):
    """Downloads the suite's newest kernel."""
    with tempfile.TemporaryDirectory() as scratch:
        apt = PrivateApt(pathlib.Path(scratch) / "apt", suite, architecture)
        apt.update()
        unpacked = pathlib.Path(scratch) / "kernel"
        unpack_kernel(apt, IMAGES[architecture], unpacked)
        image = find_image(unpacked)
        if not image:
            raise Missing(f"{IMAGES[architecture]} of {suite} leads to no kernel image")
        release = (image.parent.name if image.name == "vmlinuz"
                   else image.name.removeprefix("vmlinuz-"))
        into.mkdir(parents=True, exist_ok=True)
        for name in MODULES:
            (into / f"{name}.ko").write_bytes(module_bytes(unpacked, name))
        (into / "release").write_text(release + "\n")
        partial = into / "vmlinuz.partial"  # complete when it has its name
        partial.write_bytes(image.read_bytes())
        partial.rename(into / "vmlinuz")


@dataclasses.dataclass
class Kernel:
    release: str
    image: pathlib.Path
    modules: list  # files, in the order in which they can be loaded


def get(name, architecture="amd64"):
    """The kernel called `name`; raises Missing."""
    folder = cache_folder() / f"{SUITES[name]}-{architecture}"
    if not (folder / "vmlinuz").exists():
        fetch(SUITES[name], architecture, folder)
    return Kernel((folder / "release").read_text().strip(), folder / "vmlinuz",
                  [folder / f"{name}.ko" for name in MODULES])


if __name__ == "__main__":  # fetches the kernels that are named
    for each in sys.argv[1:]:
        get(each)
