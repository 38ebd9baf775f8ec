# SPDX-License-Identifier: Apache-2.0
"""Usage: help, wrong words, exit codes, and what happens without privileges."""
import os
import shutil
import stat
import subprocess
import tempfile
import unittest

import support

COMMANDS = ("top", "snapshot", "trace", "story", "doctor", "capture", "record", "history", "diff")

EVERY_FLOW_COLUMN = (
    "pid opener_pid comm uid proto local lport remote rport direction state rx_rate tx_rate "
    "rx_bytes tx_bytes rx_segments tx_segments retransmits rtt min_rtt owner netns cgroup_id "
    "cookie age").split()
EVERY_FILTER_KEY = (
    "pid comm user netns proto state port sport dport src dst dir owner rx tx rxbytes txbytes rtt "
    "retr").split()

# The command line, a part of the first line of the answer, a part of its last line.
MISTAKES = [
    (["story", "--json", "--columns", "pid"], "unknown option '--columns'", "sockscope help story"),
    (["trase"], "did you mean 'trace'?", "sockscope help"),
    (["bogus"], "unknown command 'bogus'", "sockscope help"),
    (["trace", "--colums", "pid"], "did you mean '--columns'?", "sockscope help trace"),
    (["snapshot", "--filtre", "x"], "did you mean '--filter'?", "sockscope help snapshot"),
    (["top", "--intervall", "1"], "did you mean '--interval'?", "sockscope help top"),
    (["snapshot", "--attempts"], "unknown option '--attempts'", "sockscope help snapshot"),
    (["snapshot", "--interval", "1"], "--interval needs --format netwatch", "help snapshot"),
    (["snapshot", "--envelope"], "--envelope needs --format netwatch", "help snapshot"),
    (["snapshot", "--format", "netwach"], "none of sockscope, netwatch", "help snapshot"),
    (["snapshot", "--format", "netwatch", "-o", "csv"], "--output excludes it", "help snapshot"),
    (["snapshot", "--format", "netwatch", "--count", "2"], "--count needs --watch", "help snapshot"),
    (["snapshot", "--from", "ss"], "none of ss:FILE, lsof:FILE", "sockscope help snapshot"),
    (["snapshot", "--from", "arp:x"], "'arp:x' is none of", "sockscope help snapshot"),
    (["snapshot", "--from", "ss:x", "--format", "netwatch", "--watch"], "excludes --from",
     "sockscope help snapshot"),
    (["hots"], "did you mean 'host'?", "sockscope help"),
    (["host", "--no-prob"], "did you mean '--no-probe'?", "sockscope help host"),
    (["host", "-d", "5"], "--duration needs --watch", "sockscope help host"),
    (["host", "--pid", "1"], "unknown option '--pid'", "sockscope help host"),
    (["trace", "surplus"], "unknown word 'surplus'", "sockscope help trace"),
    (["trace", "-p", "12,x"], "'x' is no process id", "sockscope help trace"),
    (["trace", "-p", "0"], "'0' is no process id", "sockscope help trace"),
    (["trace", "-p"], "--pid", "sockscope help trace"),
    (["trace", "-P", "80-20"], "'80-20' is no port", "sockscope help trace"),
    (["trace", "-P", "70000"], "'70000' is no port", "sockscope help trace"),
    (["trace", "-L", "80,,443"], "'' is no port", "sockscope help trace"),
    (["trace", "-D", "http"], "'http' is no port", "sockscope help trace"),
    (["trace", "-u", "no-such-user"], "there is no user 'no-such-user'", "sockscope help trace"),
    (["trace", "-n", "/no/such/file"], "/no/such/file: No such file", "sockscope help trace"),
    (["trace", "-n", "pid:4194305"], "/proc/4194305/ns/net: No such file", "sockscope help trace"),
    (["trace", "-c", "/[/"], "regular expression", ""),
    (["trace", "-4", "-6"], "-6", "sockscope help trace"),
    (["trace", "--tcp", "--udp"], "--udp", "sockscope help trace"),
    (["trace", "-d", "soon"], "'soon' is no number of seconds", "sockscope help trace"),
    (["trace", "-d", "-1"], "-1 seconds", "sockscope help trace"),
    (["trace", "-d", "nan"], "'nan' is no number", "sockscope help trace"),
    (["trace", "--count", "many"], "--count", "sockscope help trace"),
    (["trace", "--count", "-1"], "--count", "sockscope help trace"),
    (["trace", "--timestamps=epoch"], "none of abs, rel, iso, ns", "sockscope help trace"),
    (["trace", "--udp-peers=0"], "'0' is not a number from 1 to 1000000", "sockscope help trace"),
    (["top", "--udp-peers", "many"], "'many' is not a number from 1", "sockscope help top"),
    (["trace", "--alerts", "--udp-peers"], "--udp-peers excludes --alerts", "sockscope help trace"),
    (["snapshot", "--udp-peers"], "a snapshot has no counts of remote ends", "sockscope help snapshot"),
    (["trace", "--ring-kib", "1"], "--ring-kib", "sockscope help trace"),
    (["top", "-i", "0"], "0 seconds; allowed are 0.1 to 3600", "sockscope help top"),
    (["top", "-i", "3601"], "allowed are 0.1 to 3600", "sockscope help top"),
    (["top", "--top", "-3"], "--top", "sockscope help top"),
    (["top", "--units", "nibbles"], "none of bits, bytes, ibits, ibytes", "sockscope help top"),
    (["trace", "--source", "sockdiag"], "did you mean 'sock_diag'?", "sockscope help trace"),
    (["top", "--source", "netlink"], "none of auto, ebpf, sock_diag, procfs", "sockscope help top"),
    (["snapshot", "-o", "xml"], "none of table, json, ndjson, csv", "sockscope help snapshot"),
    (["snapshot", "--columns", "pid,retransmit"], "did you mean 'retransmits'?", ""),
    (["snapshot", "--sort", "rx_byte"], "did you mean 'rx_bytes'?", ""),
    (["trace", "--columns", "nothing-like-it"], "columns: pid, opener_pid", ""),
    (["top", "--sort", "nothing-like-it"], "columns: pid, comm", ""),
    (["trace", "--filter", "prt:80"], "did you mean 'port'?", "sockscope help filter"),
    (["trace", "--filter", "pid:x"], "'x' is not a number", "sockscope help filter"),
    (["snapshot", "--filter", "a |"], "nothing after '|'", "sockscope help filter"),
    (["snapshot", "--filter", "/(/"], "not a regular expression", "sockscope help filter"),
    (["help", "bogus"], "unknown word 'bogus'", "sockscope help"),
]


class ConfigBeforeTheCommand(unittest.TestCase):
    def test_it_is_the_commands(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write('[top]\nallow-domain = ["no domain"]\n')
            file.flush()
            for words in (["--config", file.name, "top"], [f"--config={file.name}", "top"], ["top", "--config", file.name]):
                with self.subTest(words):
                    done = support.run(*words, "--once")
                    self.assertEqual(done.returncode, 2)
                    self.assertIn("'no domain' is not a domain", done.stderr)
        self.assertEqual(support.run("--no-config", "trace", "--help").returncode, 0)


class Help(unittest.TestCase):
    def help_of(self, *words):
        done = support.run(*words)
        self.assertEqual((done.returncode, done.stderr), (0, ""), words)
        return done.stdout

    def test_overview_names_each_command(self):
        overview = self.help_of("help")
        for command in COMMANDS:
            self.assertIn(f"sockscope {command}", overview)
        self.assertEqual(self.help_of("--help"), overview)
        self.assertEqual(self.help_of("-h"), overview)

    def test_help_of_each_command_has_examples_and_options(self):
        for command in COMMANDS:
            with self.subTest(command):
                text = self.help_of("help", command)
                self.assertIn(f"{'' if command in ('history', 'diff') else 'sudo '}sockscope {command}", text)
                self.assertEqual(" [-- PROGRAM [ARGUMENTS]]\n" in text, command in ("trace", "story"))
                options = {"capture": ("--source", "--doors", "--write", "--bpf"),
                           "record": ("--source", "--doors", "--dir", "--max-size", "--max-age"),
                           "history": ("--dir", "--from", "--to", "--for", "--json", "--pid", "--filter"),
                           "diff": ("--dir", "--base", "--with", "--exit-code", "--json", "--filter"),
                           }.get(command, ("--source", "--doors", "--json"))
                if command == "story":
                    options += ("--pid", "--comm", "--filter", "--talkers")
                elif command == "capture":
                    options += ("--pid", "--comm", "--port", "--filter")
                elif command not in ("doctor", "record", "history", "diff"):
                    options += ("--pid", "--comm", "--port", "--filter", "--output", "--columns")
                for option in options:
                    self.assertIn(option, text)
                self.assertEqual(self.help_of(command, "--help"), text)
                self.assertEqual(self.help_of(command, "-h"), text)

    def test_help_has_no_words_of_the_parser(self):
        for command in ("top", "snapshot", "trace", "story", "host", "capture", "doctor", "record", "history", "diff"):
            text = support.run("help", command).stdout
            for word in ("REQUIRED", "Excludes:", "... ...", "\n\n\n"):
                self.assertNotIn(word, text, command)

    def test_help_of_host(self):
        text = self.help_of("help", "host")
        for option in ("--watch", "--interval", "--root", "--no-probe", "--json", "--strict"):
            self.assertIn(option, text)
        self.assertIn("sockscope host", self.help_of("help"))
        self.assertEqual(self.help_of("host", "-h"), text)

    def test_help_of_the_filter_names_each_key(self):
        text = self.help_of("help", "filter")
        for key in EVERY_FILTER_KEY:
            self.assertRegex(text, rf"\b{key}\b")

    def test_help_of_the_columns_names_each(self):
        text = self.help_of("help", "columns")
        for column in EVERY_FLOW_COLUMN:
            self.assertRegex(text, rf"(?m)^  {column} ")

    def test_help_of_times_has_each_form(self):
        text = self.help_of("help", "times")
        for form in ("now", "boot", "yesterday 14:00", "3d2h ago", "2026-11-30T14:00+01:00", "@1795269802.5",
                     "--from", "--to", "--for"):
            self.assertIn(form, text)

    def test_overview_names_each_topic(self):
        overview = self.help_of("help")
        for topic in ("filter", "columns", "alerts", "keys", "times"):
            self.assertIn(f"'help {topic}'", overview)
            self.assertNotEqual(self.help_of("help", topic), overview)

    def test_help_about_help_is_not_an_absurd_suggestion(self):
        done = support.run("help", "help")
        self.assertNotIn("unknown word 'help': did you mean 'help'?", done.stderr)

    def test_version(self):
        for option in ("-V", "--version"):
            first_line = self.help_of(option).splitlines()[0]
            self.assertRegex(first_line, r"^sockscope \d+\.\d+\.\d+$")


class WrongUsage(unittest.TestCase):
    def test_each_mistake_is_explained(self):
        for words, first, last in MISTAKES:
            with self.subTest(" ".join(words)):
                try:
                    done = support.run(*words, timeout=10)
                except subprocess.TimeoutExpired:
                    self.fail("was taken for right: still running after 10 s")
                lines = done.stderr.splitlines()
                self.assertEqual(done.returncode, 2, done)
                self.assertEqual(done.stdout, "")
                self.assertTrue(lines[0].startswith("sockscope: "), lines)
                self.assertIn(first, lines[0])
                self.assertIn(last, lines[-1])
                self.assertLessEqual(len(lines), 2)

    def test_no_command_and_no_terminal(self):
        done = support.run()
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertEqual(done.stderr, support.run("help").stdout)

    def test_hostile_words_are_cleaned(self):
        for words in (["tr\x1b[31mace"], ["trace", "--fil\x1bter"], ["trace", "-u", "\x1b[2J"],
                      ["trace", "-n", "/\x1b]0;x\x07"], ["trace", "--filter", "pid:\x1bx"],
                      ["snapshot", "--columns", "\x1b[1m"]):
            with self.subTest(repr(words)):
                done = support.run(*words)
                self.assertEqual(done.returncode, 2)
                self.assertNotRegex(done.stderr, r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


class WithoutPrivileges(unittest.TestCase):
    NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all",
              "--inh-caps=-all"]

    def setUp(self):
        support.need_root()
        if not shutil.which("setpriv"):
            self.skipTest("setpriv is not installed")
        # Other users may not be allowed to read the build directory.
        self.directory = tempfile.TemporaryDirectory(prefix="sockscope-test-")
        self.addCleanup(self.directory.cleanup)
        os.chmod(self.directory.name, 0o755)
        self.copy = shutil.copy(support.program(), self.directory.name)
        os.chmod(self.copy, stat.S_IRWXU | stat.S_IXOTH | stat.S_IROTH)

    def run_as_nobody(self, *words):
        return subprocess.run([*self.NOBODY, self.copy, *words], capture_output=True,
                              encoding="utf-8", timeout=support.PATIENCE, check=False)

    def test_three_lines_say_what_why_and_what_to_do(self):
        for command in (["trace"], ["snapshot"], ["snapshot", "--json"], ["top", "--once"]):
            with self.subTest(command):
                done = self.run_as_nobody(*command, "--source", "ebpf")
                self.assertEqual((done.returncode, done.stdout), (4, ""))
                what, why, to_do = done.stderr.splitlines()
                self.assertRegex(what, r"^sockscope: cannot load .*: Operation not permitted$")
                self.assertRegex(why, r"^  .*CAP_BPF and CAP_PERFMON")
                self.assertRegex(to_do, r"^  run with sudo, or once: sudo setcap ")
                self.assertIn("cap_bpf,cap_perfmon", to_do)
                self.assertIn(self.copy, to_do)

    def test_without_a_wish_it_polls_and_says_so(self):
        for command in (["trace", "-d", "0.1"], ["snapshot"], ["top", "--once", "-i", "0.1"]):
            with self.subTest(command):
                done = self.run_as_nobody(*command)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertNotEqual(done.stdout, "")
                what, why, to_do = done.stderr.splitlines()[:3]
                self.assertRegex(what, r"^sockscope: not with eBPF: .*CAP_BPF and CAP_PERFMON")
                self.assertRegex(why, r"^  sock_diag is polled: UDP has no byte counts")
                self.assertRegex(to_do, r"^  run with sudo ")
                self.assertEqual("connections shorter than 250 ms" in why, command != ["snapshot"])
                self.assertEqual(self.run_as_nobody(*command, "-q").stderr, "")

    def test_strict_counts_what_polls_cannot_show(self):
        self.assertEqual(self.run_as_nobody("snapshot", "--strict").returncode, 3)

    def test_help_and_mistakes_need_no_privileges(self):
        self.assertEqual(self.run_as_nobody("help", "trace").returncode, 0)
        self.assertEqual(self.run_as_nobody("--version").returncode, 0)
        self.assertEqual(self.run_as_nobody("trace", "-P", "x").returncode, 2)
        self.assertEqual(self.run_as_nobody("trace", "--filter", "prt:80").returncode, 2)

    def test_a_missing_one_is_named(self):
        command = ["setpriv", "--bounding-set=-all,+net_admin,+bpf", "--inh-caps=-all", self.copy,
                   "trace", "--source", "ebpf"]
        done = subprocess.run(command, capture_output=True, encoding="utf-8",
                              timeout=support.PATIENCE, check=False)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("lacks CAP_PERFMON\n", done.stderr)


if __name__ == "__main__":
    support.main()
