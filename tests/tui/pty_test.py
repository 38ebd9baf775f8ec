# SPDX-License-Identifier: Apache-2.0
"""`top` on a terminal: first frame, frames, keys, resizes, signals, and what it leaves behind."""
import json
import os
import random
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from terminal import Terminal, support

TERMS = ("xterm-256color", "tmux-256color", "screen", "linux", "vt220", "xterm-direct")
# Everything that terminals send an answer to.
QUESTIONS = (b"\033[c", b"\033[>c", b"\033[6n", b"\033[5n", b"\033]11;?", b"\033]10;?", b"\033P+q",
             b"\033[?2026$p", b"\033[14t", b"\033[18t", b"\033_G", b"\033Z")
# A machine that others use is slow; a terminal that waits for an answer is even slower.
FIRST_FRAME = 0.2
MACHINE_FACTOR = 20


def setUpModule():
    support.need_root()


def restore_of(term):
    """The last bytes that the program writes, from the terminal's description."""
    def capability(name):
        done = subprocess.run(["tput", "-T", term, name], capture_output=True, check=False)
        return re.sub(rb"\$<[^>]*>", b"", done.stdout)
    last = capability("rmcup")
    return capability("cnorm") + (last or capability("ed") + b"\r\n")


class Conversation:
    """Connections of this process with itself, which move bytes all the time."""

    def __init__(self, count=1, size=2000):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.pairs = []
        for _ in range(count):
            client = socket.create_connection(self.listener.getsockname())
            self.pairs.append((client, self.listener.accept()[0]))
        self.client = self.pairs[0][0]
        self.stop = threading.Event()
        self.size = size
        self.thread = threading.Thread(target=self.talk)

    def talk(self):
        while not self.stop.wait(0.05):
            for client, server in random.sample(self.pairs, (len(self.pairs) + 2) // 3):
                size = random.randrange(1, self.size)
                client.sendall(b"x" * size)
                server.recv(size, socket.MSG_WAITALL)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        for each in (*[end for pair in self.pairs for end in pair], self.listener):
            each.close()


class Start(unittest.TestCase):
    def test_first_frame_on_a_terminal_that_never_answers(self):
        for term in TERMS:
            with self.subTest(term), Terminal(term=term) as terminal:
                terminal.wait_for("help")
                took = time.monotonic() - terminal.began
                self.assertLess(took, FIRST_FRAME * MACHINE_FACTOR)
                self.assertIn("Procs", terminal.text())
                for question in QUESTIONS:
                    self.assertNotIn(question, terminal.output)
                terminal.type("q")
                self.assertEqual(terminal.exit_code(), 0)

    def test_no_terminal(self):
        for words in ([], ["-i", "2"], ["--sort", "pid"]):
            done = support.run("top", *words)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("--plain", done.stderr)

    def test_terminals_that_cannot(self):
        for term in ("dumb", "", "no-such-terminal"):
            with self.subTest(term), Terminal(term=term) as terminal:
                self.assertNotEqual(terminal.exit_code(), 0)
                self.assertIn(b"--plain", terminal.output)
                self.assertNotIn(b"\033[", terminal.output)

    def test_modern_names_without_a_description(self):
        with Terminal(term="xterm-ghostty-of-tomorrow") as terminal:
            terminal.wait_for("help").type("q")
            self.assertEqual(terminal.exit_code(), 0)

    def test_locale_without_utf8_gets_ascii(self):
        with Terminal(environment={"LC_ALL": "C"}) as terminal:
            terminal.wait_for("help").type("2").read(0.3)
            terminal.type("q")
            self.assertEqual(terminal.exit_code(), 0)
            self.assertTrue(terminal.output.isascii())

    def test_no_colour(self):
        with Terminal(environment={"NO_COLOR": "1"}) as terminal:
            terminal.wait_for("LIVE").type("q")
            self.assertEqual(terminal.exit_code(), 0)
            for sequence in re.findall(rb"\033\[([0-9;]*)m", terminal.output):
                for number in filter(None, sequence.split(b";")):
                    # 39 and 49 are the terminal's default colours.
                    self.assertNotIn(int(number), [*range(30, 39), *range(40, 49), *range(90, 108)],
                                     sequence)

    def test_plain_on_a_terminal(self):
        with Terminal("--plain", "--count", "1", "-i", "0.1") as terminal:
            self.assertEqual(terminal.exit_code(), 0)
            self.assertNotIn(b"\033", terminal.output)


class Frames(unittest.TestCase):
    def test_bytes_of_a_frame(self):
        with Conversation(20), Terminal("-i", "0.5", "--idle", "-p", str(os.getpid())) as terminal:
            terminal.wait_for("LIVE").type("l")
            for view in "12345":
                terminal.type(view).read(1.2)
                frames = [len(terminal.read(0.5)) for _ in range(8)]
                self.assertLessEqual(sorted(frames)[len(frames) // 2], 1500, frames)
            terminal.type("q").wait()

    def test_bytes_of_a_frame_of_events(self):
        """So many events of so many kinds that no line stays, which is the worst case for a list."""
        stop = threading.Event()

        def happen(listener):
            dice = random.Random(3)
            port = listener.getsockname()[1]
            while not stop.wait(0.01):
                with open("/proc/self/comm", "w", encoding="ascii") as comm:
                    comm.write("".join(dice.choice("abcdefgh") for _ in range(9)))
                host = "127." + ".".join(str(dice.randrange(1, 255)) for _ in range(3))
                with socket.socket() as client:
                    if dice.random() < 0.5:
                        client.connect_ex((host, 9))
                        continue
                    client.connect((host, port))
                    with listener.accept()[0] as server:
                        client.sendall(b"x" * dice.randrange(1, 60_000))
                        if dice.random() < 0.5:
                            server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                              struct.pack("ii", 1, 0))

        with socket.create_server(("", 0)) as listener, Terminal("-p", str(os.getpid())) as terminal:
            storm = threading.Thread(target=happen, args=(listener,))
            terminal.wait_for("LIVE").type("l4")
            storm.start()
            try:
                terminal.wait_for("failed").wait_for("reset").read(1)
                frames, frame = [], b""
                while len(frames) < 25:
                    came = terminal.read(0.03)
                    frame += came
                    if frame and not came:
                        frames, frame = [*frames, len(frame)], b""
            finally:
                stop.set()
                storm.join()
            self.assertLessEqual(sorted(frames)[len(frames) // 2], 1500, frames)
            terminal.type("q").wait()

    def test_reader_that_does_not_read_delays_nobody(self):
        """The terminal takes nothing for a while; the events go on being consumed, and a key is
        answered once it takes again."""
        with Terminal("-i", "0.1", "-p", str(os.getpid())) as terminal:
            terminal.wait_for("LIVE")
            for _ in range(200):  # not read
                terminal.type("\f")  # the whole screen again
                time.sleep(0.01)
            for _ in range(50):
                support.tcp_exchange()
            terminal.type("4l")
            terminal.wait_for("lost 0").wait_for("connect").type("q")
            self.assertEqual(terminal.exit_code(), 0)


class Use(unittest.TestCase):
    def test_views_show_this_process(self):
        name = "tui-test"
        with open("/proc/self/comm", "w", encoding="ascii") as comm:
            comm.write(name)
        with Conversation() as talk, \
                Terminal("-i", "0.2", "-p", str(os.getpid())) as terminal:
            terminal.wait_for(f"{os.getpid()} {name}")
            port = talk.client.getsockname()[1]
            terminal.type("2l").wait_for(f"{port} 127.0.0.1")
            terminal.type(f"/sport:{port}").wait_for("1 of ")
            terminal.type("\r\r").wait_for(f":{port}→127.0.0.1").wait_for("ESTABLISHED")
            terminal.type("\033").wait_for("Esc clears")
            terminal.type("\033").wait_for("conns  retr")
            terminal.type("3").wait_for("REMOTE ")
            support.tcp_exchange()
            terminal.type("4").wait_for("connect").wait_for("close")
            terminal.type("q")
            self.assertEqual(terminal.exit_code(), 0)

    def test_tree_has_ancestors_without_sockets(self):
        listen = ("import os, socket, time; s = socket.create_server(('127.0.0.1', 0)); "
                  "print(os.getpid(), os.getppid(), flush=True); time.sleep(60)")
        # Both shells stay, because more commands follow.
        with subprocess.Popen(["sh", "-c", f'sh -c "{sys.executable} -c \\"{listen}\\"; :"; :'],
                              stdout=subprocess.PIPE, encoding="ascii") as outer:
            pid, inner = outer.stdout.readline().split()
            try:
                with Terminal("-i", "0.2", "--idle", "-p", pid, rows=80) as terminal:
                    terminal.wait_for(f"{pid} ").type("aa").wait_for(lambda: re.search(
                        rf"{outer.pid} +▾sh.*\n.{{,3}} +{inner} +▾sh.*\n.{{,3}} +{pid} +python3",
                        terminal.text()))
                    terminal.type("q")
                    self.assertEqual(terminal.exit_code(), 0)
            finally:
                os.kill(int(pid), signal.SIGKILL)

    def test_rows_are_the_kernels_figures(self):
        """Compares the bytes in the details of a connection with those that the sender knows."""
        with socket.create_server(("127.0.0.1", 0)) as listener, \
                socket.create_connection(listener.getsockname()) as client, \
                listener.accept()[0] as server, Terminal("-i", "0.2") as terminal:
            client.sendall(b"x" * 123_000)
            server.recv(123_000, socket.MSG_WAITALL)
            port = client.getsockname()[1]
            terminal.wait_for("LIVE").type(f"2l/sport:{port}\r").wait_for("1 of ")
            terminal.type("\r").wait_for("total   123 kB")
            terminal.type("q").wait()

    def test_polled_sources_say_what_they_do_not_know(self):
        with Conversation() as talk:
            port = talk.client.getsockname()[1]
            with Terminal("--source", "procfs", "-i", "0.2", "-p", str(os.getpid())) as terminal:
                # A dash instead of 0, because the rate is not known; likewise for the host's sum.
                terminal.wait_for(lambda: re.search(rf" {os.getpid()} .* —  +— ", terminal.text()))
                self.assertRegex(terminal.text(), "↓ — .*↑ — ")
                terminal.type(f"2l/sport:{port}\r").wait_for("1 of ")
                terminal.type("\r").wait_for("procfs does not count it").type("q").wait()
            with Terminal("--source", "sock_diag", "-i", "0.2", "-p", str(os.getpid())) as terminal:
                terminal.wait_for(lambda: re.search(rf" {os.getpid()} .*\d[kM]", terminal.text()))
                terminal.type("4l")
                with socket.create_connection(talk.listener.getsockname()), talk.listener.accept()[0]:
                    terminal.wait_for(lambda: re.search(r"connect .* ok *\n", terminal.text()))
                terminal.type("q").wait()

    def test_keys_of_a_configuration_file(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write("[top]\ntheme = 'mono'\ninterval = 0.5\n"
                       "[keys]\nfreeze = ['F5', 'v']\nquit = 'X'\nhelp = 'Ctrl-G'\n")
            file.flush()
            with Terminal("--config", file.name) as terminal:
                terminal.wait_for("LIVE").wait_for("F5 freeze").wait_for("Ctrl-G help").wait_for("0.5s")
                terminal.type(" qZ?").read(0.5)
                self.assertIn("LIVE", terminal.text())
                terminal.type(b"\033[15~").wait_for("FROZEN").wait_for("F5 resume")
                terminal.type("v").wait_for("LIVE").type(b"\007").wait_for("F5 ").wait_for("freeze or continue")
                terminal.type(b"\033").type("X").wait()
                self.assertEqual(terminal.status, 0)

    def test_freeze_and_step_back(self):
        with Terminal("-i", "0.2") as terminal:
            terminal.wait_for("LIVE").read(1.5)
            terminal.type(" ").wait_for("FROZEN")
            then = re.search(r"FROZEN (\S+)", terminal.text())[1]
            terminal.wait_for("+2s").type("TTTTTT").read(0.3)
            self.assertLessEqual(re.search(r"FROZEN (\S+)", terminal.text())[1], then)
            terminal.type(" ").wait_for("LIVE").type("q").wait()

    def test_write_json(self):
        with tempfile.TemporaryDirectory() as folder, Conversation() as talk, \
                Terminal("-i", "0.2") as terminal:
            path = os.path.join(folder, "view.json")
            port = talk.client.getsockname()[1]
            terminal.wait_for("LIVE").type(f"2l/sport:{port}\r").wait_for("1 of ")
            for answer in ("written", "File exists"):
                terminal.type("w\x15" + path + "\r").wait_for(answer)
            terminal.type("q").wait()
            with open(path, encoding="utf-8") as file:
                document = json.load(file)
            self.assertEqual([f["cookie"] for f in document["flows"]],
                             [support.cookie_of(talk.client)])
            self.assertEqual([p["pid"] for p in document["processes"]], [os.getpid()])

    def test_a_full_disk_keeps_no_half_file(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "none", folder], check=True)
            try:
                with Terminal("-i", "0.2") as terminal:
                    path = os.path.join(folder, "view.json")
                    terminal.wait_for("LIVE").type("w\x15" + path + "\r")
                    terminal.wait_for("No space left on device").type("q").wait()
                    self.assertEqual(os.listdir(folder), [])
            finally:
                subprocess.run(["umount", folder], check=True)

    def test_privileges_that_are_left(self):
        cap_kill = 1 << 5
        for words, left in (([], cap_kill), (["--read-only"], 0)):
            with self.subTest(words), Terminal(*words) as terminal:
                terminal.wait_for("LIVE")
                with open(f"/proc/{terminal.pid}/status", encoding="ascii",
                          errors="replace") as status:
                    has = dict(re.findall(r"(?m)^(\w+):\s*(\S*)", status.read()))
                self.assertEqual({int(has[name], 16) for name in ("CapPrm", "CapEff")}, {left})
                self.assertEqual((has["CapInh"].strip("0"), has["NoNewPrivs"]), ("", "1"))
                terminal.type("q").wait()

    def signal_one(self, *options):
        with subprocess.Popen([sys.executable, "-c", "import socket, time\n"
                               "s = socket.create_server(('127.0.0.1', 0))\n"
                               "print(flush=True)\ntime.sleep(60)"],
                              stdout=subprocess.PIPE) as victim:
            victim.stdout.readline()
            with Terminal("-i", "0.2", "--idle", "-p", str(victim.pid), *options) as terminal:
                terminal.wait_for(f"{victim.pid} ").type("K").read(0.3)
                terminal.type("\r").read(0.3)
                terminal.type("y").read(0.5)
                terminal.type("q")
                self.assertEqual(terminal.exit_code(), 0)
            ended = victim.poll()
            victim.kill()
            return ended

    def test_signal_by_menu(self):
        self.assertEqual(self.signal_one(), -signal.SIGTERM)

    def test_read_only_sends_none(self):
        self.assertIsNone(self.signal_one("--read-only"))

    def test_copy(self):
        with Conversation(), Terminal("-i", "0.2", "-p", str(os.getpid())) as terminal:
            terminal.wait_for(str(os.getpid())).type("c").wait_for("copied")
            self.assertRegex(terminal.output, rb"\033\]52;c;[A-Za-z0-9+/=]+\007")
            terminal.type("q").wait()

    def test_mouse(self):
        with Terminal() as terminal:
            terminal.wait_for("2 Conns")
            column = terminal.screen.display[0].index("2 Conns") + 2
            terminal.type(f"\033[<0;{column};1M\033[<0;{column};1m").wait_for("PROT")
            terminal.type("q").wait()
        with Terminal("--no-mouse") as terminal:
            terminal.wait_for("LIVE").type("q").wait()
            self.assertNotIn(b"\033[?1000h", terminal.output)

    def test_hostile_name_stays_text(self):
        with support.Holder("tcp4", name=b"\033[31mX\007\302\233m") as holder, \
                Terminal("-i", "0.2", "--idle", "-p", str(holder.pid)) as terminal:
            terminal.wait_for("?[31mX")
            terminal.type("2l").wait_for("?[31mX").type("q").wait()
            self.assertNotIn(b"\033[31mX", terminal.output)
            self.assertNotIn(b"\007", terminal.output)


class Ending(unittest.TestCase):
    def check_restored(self, terminal, term="xterm-256color"):
        self.assertTrue(terminal.output.endswith(restore_of(term)), terminal.output[-80:])
        if term.startswith("xterm"):
            self.assertIn(b"\033[?1000l", terminal.output[-80:])

    def test_quit_restores_every_terminal(self):
        for term in TERMS[:5]:
            with self.subTest(term), Terminal(term=term) as terminal:
                terminal.wait_for("help").type("q")
                self.assertEqual(terminal.exit_code(), 0)
                self.check_restored(terminal, term)

    def test_orderly_signals(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(number), Terminal() as terminal:
                terminal.wait_for("LIVE").signal(number)
                self.assertEqual(terminal.exit_code(), 0)
                self.check_restored(terminal)

    def test_fatal_signals(self):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE,
                       signal.SIGILL, signal.SIGQUIT):
            with self.subTest(number), Terminal() as terminal:
                terminal.wait_for("LIVE").signal(number)
                terminal.wait()
                self.check_restored(terminal)

    def test_suspend_and_go_on(self):
        for how in ("key", "signal"):
            with self.subTest(how), Terminal() as terminal:
                terminal.wait_for("LIVE")
                terminal.type("\x1a") if how == "key" else terminal.signal(signal.SIGTSTP)
                support.wait_for(lambda t=terminal: stopped(t.pid), "the stop")
                terminal.read(0.2)
                self.check_restored(terminal)
                terminal.screen.reset()
                terminal.signal(signal.SIGCONT).wait_for("LIVE").type("q")
                self.assertEqual(terminal.exit_code(), 0)
                self.check_restored(terminal)

    def test_terminal_that_goes_away(self):
        terminal = Terminal()
        terminal.wait_for("LIVE")
        os.close(terminal.fd)
        deadline = time.monotonic() + support.PATIENCE
        while terminal.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertIsNotNone(terminal.status, "goes on without a terminal")

    def test_duration(self):
        with Terminal("-d", "1") as terminal:
            self.assertEqual(terminal.exit_code(), 0)
            self.check_restored(terminal)


def stopped(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "T"


class Resize(unittest.TestCase):
    def test_sizes_down_to_one_cell(self):
        with Terminal("-i", "0.2") as terminal:
            terminal.wait_for("LIVE")
            for size in ((1, 1), (2, 2), (19, 3), (20, 3), (20, 2), (300, 100), (40, 10), (1, 50),
                         (200, 1), (80, 24)):
                terminal.resize(*size)
                terminal.read(0.3)
                self.assertIsNone(terminal.poll(), size)
            terminal.wait_for("LIVE").wait_for("quit").type("q")
            self.assertEqual(terminal.exit_code(), 0)

    def test_random_keys_and_sizes(self):
        dice = random.Random(7)
        keys = [*"hjkgGZ tTbdsSIF<>aoOlBecx,/?1234+-*5.:m", "\r", "\033", "\t", "\x7f", "\033[A",
                "\033[B", "\033[5~", "\033[6~", "\033OP", "\f", "\033[<0;5;5M", "\033[<64;5;5M", "é",
                "日", "\033[Z", "\x02", "\x06", "\x04", "\xff"]
        seconds = float(os.environ.get("SOCKSCOPE_RANDOM_SECONDS", "20"))
        with tempfile.TemporaryDirectory() as folder:
            before = os.getcwd()
            os.chdir(folder)  # top may write a file there
            try:
                with Conversation(), Terminal("-i", "0.1", "--read-only") as terminal:
                    terminal.wait_for("LIVE")
                    end = time.monotonic() + seconds
                    while time.monotonic() < end:
                        terminal.type("".join(dice.choice(keys) for _ in range(dice.randrange(1, 9))))
                        if dice.random() < 0.1:
                            terminal.resize(dice.randrange(1, 200), dice.randrange(1, 70))
                        terminal.read(0.02)
                        self.assertIsNone(terminal.poll(), terminal.output[-2000:])
                    terminal.resize(80, 24)
                    terminal.type("\x03")
                    self.assertEqual(terminal.exit_code(), 0, terminal.output[-2000:])
            finally:
                os.chdir(before)


if __name__ == "__main__":
    support.main()
