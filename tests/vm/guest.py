# SPDX-License-Identifier: Apache-2.0
"""A virtual machine of an initramfs and a kernel, that runs shell commands and ends.

The console is the first serial line, what the commands print the second. Always emulated
(-accel tcg): the same on every host, and /dev/kvm need not work where it exists.
"""
import ctypes
import dataclasses
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import tempfile

BEGIN, END = "@@begin ", "@@end "
MEMORY = "768M"

INIT = r"""#!/bin/busybox sh
/bin/busybox --install -s /bin 2> /dev/null
export PATH=/bin HOME=/ TERM=dumb
mkdir -p /proc /sys /dev /tmp /run /etc /root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount -t tracefs tracefs /sys/kernel/tracing
echo root:x:0:0:root:/root:/bin/sh > /etc/passwd
echo nobody:x:65534:65534:nobody:/:/bin/sh >> /etc/passwd
echo 127.0.0.1 localhost > /etc/hosts
for module in MODULES; do insmod /modules/$module; done
ip link set lo up
hostname guest
out=/dev/SERIAL
stty -F $out raw -echo
. /job > $out 2>&1
poweroff -f
"""


def die_with_parent():
    """Ends the emulator with the test, even when that is killed (Linux only)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Failed(Exception):
    """The guest did not power off; the text has its last output."""


@dataclasses.dataclass
class Step:
    """A command that the guest runs: shell text, and the seconds after which it is killed."""
    name: str
    command: str
    seconds: int


@dataclasses.dataclass
class Outcome:
    status: int  # exit status; 143 if it took too long
    output: str


@dataclasses.dataclass
class Machine:
    emulator: str
    options: tuple
    console: str
    serial: str


def machine_for(architecture, release):
    if architecture == "arm64":
        return Machine("qemu-system-aarch64", ("-machine", "virt", "-cpu", "max"), "ttyAMA0", "hvc0")
    # QEMU 7.2 corrupts the flags after a CMPXCHG16B without LOCK. Up to 6.12, memory allocation uses it
    # very often, and the kernel panics within a minute. Newer kernels hardly execute it, but cannot
    # allocate socket storage without it.
    version = tuple(int(part) for part in re.findall(r"\d+", release)[:2])
    cpu = "max" if version >= (6, 18) else "max,-cx16"
    return Machine("qemu-system-x86_64", ("-cpu", cpu), "ttyS0", "ttyS1")


def newc(name, mode, content=b"", number=1, device=(0, 0)):
    """One member of a cpio archive in the form the kernel unpacks."""
    encoded = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(encoded), 0)
    member = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
    member += b"\0" * (-len(member) % 4)
    return member + content + b"\0" * (-len(content) % 4)


def write_initramfs(path, files):
    """`files`: path in the guest to bytes. All are executable."""
    folders = {"dev", "proc", "sys", "bin"}
    for name in files:
        folders.update(str(parent) for parent in pathlib.PurePath(name).parents if parent.name)
    with open(path, "wb") as archive:
        number = 1
        for folder in sorted(folders):
            archive.write(newc(folder, stat.S_IFDIR | 0o755, number=number))
            number += 1
        archive.write(newc("dev/console", stat.S_IFCHR | 0o600, number=number, device=(5, 1)))
        for name, content in files.items():
            number += 1
            archive.write(newc(name, stat.S_IFREG | 0o755, content, number))
        archive.write(newc("TRAILER!!!", 0, number=0))


def stripped(path):
    """The program without debug information, because the kernel unpacks it into memory."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "copy"
        shutil.copy(path, copy)
        subprocess.run(["strip", "--strip-debug", copy], check=False, stderr=subprocess.DEVNULL)
        return copy.read_bytes()


def with_libraries(name):
    """A program of this machine and its shared libraries: path to bytes."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise Failed(f"{name} is not installed")
    linked = subprocess.run(["ldd", path], check=True, text=True, stdout=subprocess.PIPE).stdout
    files = {f"bin/{name}": pathlib.Path(path).read_bytes()}
    for library in re.findall(r"(/\S+) \(0x", linked):
        files[library.lstrip("/")] = pathlib.Path(library).read_bytes()
    return files


def tools(architecture):
    """What the acts run, taken from this machine. busybox has an ip of its own, that its shell would
    prefer: the shell is this machine's too."""
    if architecture != "amd64":
        return {}
    files = {}
    for name in ("ip", "ss", "bash"):
        files.update(with_libraries(name))
    files["bin/sh"] = files["bin/bash"]
    return files


def job_of(steps):
    lines = []
    for step in steps:
        script = "'" + step.command.replace("'", "'\\''") + "'"
        lines += [f"echo '{BEGIN}{step.name}'",
                  f"timeout {step.seconds} sh -c {script} < /dev/null",
                  f"echo \"\n{END}{step.name} $?\""]
    return "\n".join(lines) + "\n"


def parse(text):
    outcomes = {}
    pattern = rf"^{BEGIN}(.+)\n(.*?)\n{END}\1 (\d+)$"
    for found in re.finditer(pattern, text, flags=re.M | re.S):
        outcomes[found.group(1)] = Outcome(int(found.group(3)), found.group(2))
    return outcomes


BOOTS = 3  # QEMU 7.2 sometimes executes code while the kernel patches it, which ends the guest


def run(kernel, steps, files, seconds, architecture="amd64", busybox="/bin/busybox"):
    """Boots `kernel` (kernels.Kernel), runs the steps one after the other and powers off. Returns
    name to Outcome. Raises Failed when the machine did not end by itself within `seconds`. One that
    died before the first step is booted again, and that is said."""
    machine = machine_for(architecture, kernel.release)
    modules = " ".join(path.name for path in kernel.modules)
    init = INIT.replace("SERIAL", machine.serial).replace("MODULES", modules)
    files = {"init": init.encode(), "job": job_of(steps).encode(),
             "bin/busybox": pathlib.Path(busybox).read_bytes(), **files,
             **{f"modules/{path.name}": path.read_bytes() for path in kernel.modules}}
    for boot in range(1, BOOTS + 1):
        late, said = boot_once(machine, kernel, files, seconds)
        outcomes = parse(said.get("output", ""))
        if not late and len(outcomes) == len(steps):
            return outcomes
        last = "\n".join("\n".join(text.splitlines()[-40:]) for text in said.values())
        if late or boot == BOOTS or BEGIN in said.get("output", ""):
            break
        print(f"{kernel.release}: died in boot {boot}, once more; it said:\n{last}", flush=True)
    why = f"was still running after {seconds} s" if late else "ended early"
    raise Failed(f"the guest {why}, {len(outcomes)} of {len(steps)} steps done; it said:\n{last}")


def boot_once(machine, kernel, files, seconds):
    """Whether it had to be killed, and its output by file."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_initramfs(folder / "initramfs", files)
        command = [
            machine.emulator, *machine.options, "-accel", "tcg,thread=multi", "-smp", "2",
            "-m", MEMORY, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-kernel", str(kernel.image), "-initrd", str(folder / "initramfs"),
            "-append", f"console={machine.console} quiet loglevel=4 panic=-1 mitigations=off",
            "-serial", f"file:{folder}/console", "-serial", f"file:{folder}/output"]
        late = False
        with open(folder / "qemu", "w") as log:
            emulator = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                        preexec_fn=die_with_parent)
            try:
                emulator.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                late = True
            finally:
                emulator.kill()
                emulator.wait()
        return late, {part: (folder / part).read_text(errors="replace")
                      for part in ("qemu", "console", "output") if (folder / part).exists()}
