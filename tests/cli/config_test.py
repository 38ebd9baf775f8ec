# SPDX-License-Identifier: Apache-2.0
"""Configuration files and the environment: which setting wins, error messages, and where files are
searched."""
import os
import pathlib
import socket
import subprocess
import tempfile
import unittest

import support

TO_DO = "'man sockscope-config' has what it may say; --no-config does without it"
# The file, the place of its error, a part of the first line of the message, a part of the second.
MISTAKES = [
    ("[top]\nthemes = 'mono'\n", 2, "there is no 'themes' in [top]: did you mean 'theme'?", "[top] has "),
    ("\n[tpo]\n", 2, "there is no section [tpo]: did you mean 'top'?", "sections are "),
    ("interval = 2\n", 1, "'interval' stands in no section", "[common], [top]"),
    ("[top]\nfilter = 'x'\n", 2, "there is no 'filter' in [top]", "[top] has "),
    ("[common]\ntheme = 'mono'\n", 2, "there is no 'theme' in [common]", "[common] has "),
    ("[top]\ntheme = 'blue'\n", 2, "'theme'", "'blue' is none of default, mono"),
    ("[top]\nmouse = 'no'\n", 2, "'mouse'", "it is true or false"),
    ("[top]\ninterval = true\n", 2, "'interval'", "it takes a value"),
    ("[top]\ninterval = 0\n", 2, "'interval'", "0 seconds"),
    ("[top]\n\nsort = 'colour'\n", 3, "'sort'", "unknown column 'colour'"),
    ("[top]\ncolumns = ['pid', 'x']\n", 2, "'columns'", "unknown column 'x'"),
    ("[top]\ninterval = 1979-05-27\n", 2, "cannot be a date", "true, false"),
    ("[alerts]\nscan.port = 9\n", 2, "did you mean 'scan.ports'?", "[alerts] has "),
    ("[alerts]\nscan.ports = 'many'\n", 2, "'scan.ports'", "it is a number"),
    ("[alerts]\nscan.ports = 1\n", 2, "'scan.ports'", "not between 2 and"),
    ("[keys]\nqiut = 'Q'\n", 2, "there is no 'qiut' in [keys]: did you mean 'quit'?", "[keys] has "),
    ("[keys]\nquit = 'Hyper-x'\n", 2, "'quit'", "'Hyper-x' is no key"),
    ("[keys]\nquit = ['Q', 'Ctrl-M']\n", 2, "'quit'", "Ctrl-M for Enter"),
    ("[keys]\nquit = false\n", 2, "'quit'", "it is a key"),
    ("[keys]\nquit = 'x'\n", 2, "'quit' and 'reset' have the same key, x", "reset has it by default"),
    ("[keys]\nreset = 'E'\nquit = 'E'\n", 3, "have the same key, E", ":2: give it another one"),
    ("[top]\nidle = true\nidle = false\n", 3, "it is not TOML", "redefine"),
    ("[top\n", 1, "it is not TOML", "expected ']'"),
    ("[top]\ntheme = '\x1b[31m'\n", 2, "it is not TOML", ""),
]


def setUpModule():
    support.need_root()


class WithFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="sockscope-config-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, text, name="config.toml"):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path)


class Files(WithFolder):
    def heading(self, *words, **environment):
        """The columns of a table, which show the setting."""
        # Selects nothing, so that no alert of a busy host is printed above the columns.
        done = support.run("top", "--once", "-i", "0.1", "-P", "1", *words,
                           env={**os.environ, **environment})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "")
        return done.stdout.splitlines()[1].split()

    def test_columns_of_each_level(self):
        system = self.write("[top]\ncolumns = ['pid', 'unit']\n", "system.toml")
        self.assertEqual(self.heading("--config", system), ["PID", "UNIT"])
        self.assertEqual(self.heading(SOCKSCOPE_CONFIG=system), ["PID", "UNIT"])
        self.assertEqual(self.heading("--config", system, SOCKSCOPE_COLUMNS="comm"), ["COMMAND"])
        self.assertEqual(self.heading("--config", system, "--columns", "conns",
                                      SOCKSCOPE_COLUMNS="comm"), ["CONNS"])
        self.assertIn("RETR/s", self.heading("--no-config", SOCKSCOPE_CONFIG=system))

    def test_columns_in_a_file_do_not_make_tables(self):
        path = self.write("[top]\ncolumns = ['pid']\n")
        done = support.run("top", "--config", path)  # no terminal to show a screen on
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stdout, "")

    def test_common_is_below_top_and_for_others_too(self):
        path = self.write("[common]\nunits = 'bytes'\nsource = 'procfs'\n[top]\nsource = 'sock_diag'\n")
        # A connection of its own: a rate is told only where bytes of some connection are known.
        with socket.create_server(("127.0.0.1", 0)) as server, \
                socket.create_connection(server.getsockname()):
            top = support.run("top", "--once", "-i", "0.1", "--config", path)
        self.assertRegex(top.stdout.splitlines()[0], r" [kMG]?B/s ")
        self.assertIn("sock_diag", top.stdout.splitlines()[0])
        snapshot = support.run("snapshot", "--json", "--config", path)
        self.assertIn('"source":"procfs"', snapshot.stdout[:4000].replace(" ", ""))
        given = support.run("snapshot", "--json", "--config", path, "--source", "sock_diag")
        self.assertIn('"source":"sock_diag"', given.stdout[:4000].replace(" ", ""))

    def test_flags_and_what_takes_them_back(self):
        path = self.write("[top]\nidle = true\nquiet = true\n")
        with support.Holder("listen4") as holder:
            words = ("top", "--once", "-i", "0.1", "-p", str(holder.pid), "--config", path)
            self.assertIn(str(holder.pid), support.run(*words).stdout)
            self.assertNotIn(str(holder.pid), support.run(*words, "--idle=false").stdout)
            self.assertNotIn(str(holder.pid),
                             support.run(*words, env=dict(os.environ, SOCKSCOPE_IDLE="0")).stdout)

    def test_thresholds(self):
        path = self.write("[alerts]\nscan.ports = 3\n")
        with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
            with subprocess.Popen([support.program(), "trace", "--alerts", "--count", "1", "-d", "20",
                                   "--config", path], stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=subprocess.PIPE) as process:
                def says(word):
                    out.seek(0)
                    return word in out.read()
                support.wait_for(lambda: says("SEVERITY"), "the heading")
                for port in range(20_001, 20_005):
                    try:
                        socket.create_connection(("127.0.0.1", port), 1).close()
                    except OSError:
                        pass
                support.wait_for(lambda: says("port_scan"), "the alert")
                process.communicate(timeout=support.PATIENCE)

    def test_mistakes(self):
        for text, line, what, why in MISTAKES:
            with self.subTest(text):
                path = self.write(text)
                done = support.run("top", "--once", "--config", path)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertEqual(done.stdout, "")
                lines = done.stderr.splitlines()
                self.assertEqual(len(lines), 3, done.stderr)
                self.assertTrue(lines[0].startswith(f"sockscope: cannot use {path}:{line}: "), lines[0])
                self.assertIn(what, lines[0])
                self.assertIn(why, lines[1])
                self.assertEqual(lines[2].strip(), TO_DO)
                self.assertNotIn("\x1b", done.stderr)

    def test_files_that_cannot_be_read(self):
        for path, why in ((str(self.folder / "none.toml"), "No such file"), (str(self.folder), "folder")):
            done = support.run("snapshot", "--config", path)
            self.assertEqual(done.returncode, 2)
            self.assertIn(f"cannot use {path}: it cannot be read", done.stderr)
            self.assertIn(why, done.stderr)

    def test_wrong_environment(self):
        for name, value, why in (("UNITS", "nibbles", "none of bits"), ("IDLE", "maybe", "true or false"),
                                 ("INTERVAL", "0", "0 seconds")):
            done = support.run("top", "--once", env={**os.environ, f"SOCKSCOPE_{name}": value})
            self.assertEqual(done.returncode, 2)
            self.assertIn(f"cannot use SOCKSCOPE_{name}={value}", done.stderr.splitlines()[0])
            self.assertIn(why, done.stderr.splitlines()[1])

    def test_help_is_there_whatever_the_file_says(self):
        done = support.run("top", "--help", "--config", self.write("[top"))
        self.assertEqual(done.returncode, 0)
        self.assertIn("--no-config", done.stdout)


class Places(WithFolder):
    """Runs in a mount namespace with its own /etc."""

    def in_own_etc(self, *words, **environment):
        etc = self.folder / "etc"
        if not etc.exists():
            subprocess.run(["cp", "-a", "/etc", str(etc)], check=True)
            with open(etc / "passwd", "a", encoding="utf-8") as users:
                users.write(f"ann:x:4242:4242::{self.folder}/ann:/bin/sh\n")
            (etc / "sockscope").mkdir(exist_ok=True)
            (etc / "sockscope" / "config.toml").write_text("[top]\ncolumns = ['user']\nunits = 'bytes'\n",
                                                          encoding="utf-8")
        script = f'mount --bind "{etc}" /etc && exec "$0" "$@"'
        settings = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment}
        return subprocess.run(["unshare", "-m", "sh", "-c", script, support.program(), "top",
                               "--once", "-i", "0.1", "-P", "1", *words],
                              stdin=subprocess.DEVNULL, capture_output=True, env=settings,
                              encoding="utf-8", timeout=support.PATIENCE, check=False)

    def heading_in_own_etc(self, *words, **environment):
        done = self.in_own_etc(*words, **environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout.splitlines()[0], r" [kMG]?B/s ")  # from the system's file
        return done.stdout.splitlines()[1].split()

    def test_users_file_over_the_systems(self):
        self.assertEqual(self.heading_in_own_etc(), ["USER"])
        self.write("[top]\ncolumns = ['pid']\n", "xdg/sockscope/config.toml")
        self.assertEqual(self.heading_in_own_etc(XDG_CONFIG_HOME=f"{self.folder}/xdg"), ["PID"])
        self.write("[top]\ncolumns = ['comm']\n", "home/.config/sockscope/config.toml")
        self.assertEqual(self.heading_in_own_etc(HOME=f"{self.folder}/home"), ["COMMAND"])

    def test_under_sudo_only_what_the_user_owns(self):
        path = self.write("[top]\ncolumns = ['comm']\n", "ann/.config/sockscope/config.toml")
        self.write("[top]\ncolumns = ['pid']\n", "xdg/sockscope/config.toml")
        sudo = {"SUDO_UID": "4242", "XDG_CONFIG_HOME": f"{self.folder}/xdg"}
        self.assertEqual(self.heading_in_own_etc(**sudo), ["USER"])  # root's
        os.chown(path, 4242, 4242)
        self.assertEqual(self.heading_in_own_etc(**sudo), ["COMMAND"])

    def test_another_users_closed_folder_is_no_file_of_ours(self):
        self.write("[top]\ncolumns = ['comm']\n", "home/.config/sockscope/config.toml")
        os.chmod(self.folder / "home", 0o700)
        os.chmod(self.folder, 0o755)
        done = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                               support.program(), "top", "--once", "-i", "0.1", "--source", "procfs"],
                              stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
                              env={"PATH": os.environ["PATH"], "HOME": f"{self.folder}/home",
                                   "XDG_CONFIG_HOME": f"{self.folder}/home/.config"},
                              timeout=support.PATIENCE, check=False)
        if done.returncode == 126 or "Permission denied" in done.stderr:
            self.skipTest("the program itself lies where that user cannot go")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("RETR/s", done.stdout)


if __name__ == "__main__":
    support.main()
