# SPDX-License-Identifier: Apache-2.0
"""Names that a local resolver looks up: connections have these names, whichever process asked.

A namespace has the program and its resolver, another the server with the names and the web server.
"""
import sys
import unittest

from namespaces import Namespace, join, support

Trace = support.Trace
NEAR, FAR = "198.51.100.1", "198.51.100.2"
SERVER, WEB, OTHER = "192.0.2.53", "192.0.2.80", "192.0.2.81"
STUB = "127.0.0.53"
PORT = 8080
UNBOUND = f"""
server:
  interface: {STUB}
  do-not-query-localhost: no
  username: ""
  chroot: ""
  use-syslog: no
  module-config: "iterator"
forward-zone:
  name: "."
  forward-addr: {SERVER}
"""
NSCD = """
enable-cache hosts yes
positive-time-to-live hosts 600
persistent hosts no
shared hosts no
"""
CONNECT = ("import socket, sys;"
           f"socket.create_connection((sys.argv[1], {PORT})).close()")


def setUpModule():
    support.need_root()


class Resolvers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.far = cls.enterClassContext(Namespace(SERVER, SERVER, WEB, OTHER))
        cls.near = cls.enterClassContext(Namespace(STUB))
        join(cls.near, cls.far, NEAR, FAR)
        cls.near.ip("route", "add", "192.0.2.0/24", "via", FAR)
        cls.far.dnsmasq(SERVER, f"--host-record=www.example.com,{WEB}",
                        f"--host-record=real.example.net,{OTHER}",
                        "--cname=alias.example.com,real.example.net", "--local-ttl=77")
        for address in (WEB, OTHER):
            cls.far.web(address, PORT)

    def connected(self, *, name, prefix=(), address=WEB):
        """The records of DNS and of the connection of a program that connects to a name."""
        with Trace("--dns", *self.near.only(self.far)) as trace:
            client = self.near.start(*prefix, sys.executable, "-c", CONNECT, name)
            self.assertEqual(client.wait(timeout=support.PATIENCE), 0)
            ended = trace.stop()
        connects = [r for r in ended.of("connect") if r["remote_port"] == PORT]
        self.assertEqual([(r["pid"], r["remote_addr"]) for r in connects], [(client.pid, address)])
        return ended.of("dns"), connects[0]

    def check_stub(self, resolver):
        """The names that a program gets from a resolver on a loopback address."""
        for name, address in (("www.example.com", WEB), ("alias.example.com", OTHER)):
            messages, connect = self.connected(name=name, address=address)
            asked = {r["pid"]: r for r in messages if r["dns"] == "answer" and r["passed"] ==
                     "received" and r["type"] == "A"}
            self.assertEqual(set(asked), {connect["pid"], resolver.pid})
            self.assertEqual(asked[resolver.pid]["remote_addr"], SERVER)
            self.assertEqual((connect["remote_name"], connect["name_source"],
                              connect["name_server"], connect["name_pid"]),
                             (name, "process", f"{STUB}:53", connect["pid"]))

    def test_dnsmasq(self):
        resolver = self.near.dnsmasq(STUB, f"--server={SERVER}", asked="version.bind")
        self.addCleanup(self.near.stop, resolver)
        self.check_stub(resolver)
        # The resolver answers from its cache, without asking its server.
        messages, connect = self.connected(name="www.example.com")
        self.assertNotIn(SERVER, {r["remote_addr"] for r in messages if r["type"] == "A"})
        self.assertEqual((connect["remote_name"], connect["name_source"]),
                         ("www.example.com", "process"))

    def test_unbound(self):
        config = self.near.folder / "unbound.conf"
        config.write_text(UNBOUND)
        resolver = self.near.serve("unbound", "-d", "-p", "-c", str(config))
        self.addCleanup(self.near.stop, resolver)
        support.wait_for(lambda: self.near.answers(STUB, "version.bind"), "unbound")
        self.check_stub(resolver)

    def test_nscd(self):
        """The program asks over a Unix socket and sends no DNS itself."""
        config = self.near.folder / "nscd.conf"
        config.write_text(NSCD)
        # Its socket always has the same path, so it gets its own /run instead of using the host's.
        resolver = self.near.serve("unshare", "--mount", "sh", "-c",
                                   "mount -t tmpfs tmpfs /run && mkdir /run/nscd && "
                                   f"mount --bind {self.resolv_conf(SERVER)} /etc/resolv.conf && "
                                   f"exec nscd --foreground --config-file {config}")
        self.addCleanup(self.near.stop, resolver)
        inside = ["nsenter", "--target", str(resolver.pid), "--mount"]
        support.wait_for(lambda: self.near.run(*inside, "nscd", "--statistics", "--config-file",
                                               str(config)).returncode == 0, "nscd")
        for where, prefix in (("its namespace", inside),
                              ("another one", ["ip", "netns", "exec", self.far.name, *inside])):
            with self.subTest(where):
                self.near.run(*inside, "nscd", "--invalidate", "hosts", "--config-file", str(config))
                messages, connect = self.connected(name="www.example.com", prefix=prefix)
                self.assertNotIn(connect["pid"], {r["pid"] for r in messages})
                self.assertEqual(
                    [connect[key] for key in ("remote_name", "name_source", "name_server",
                                              "name_ttl_s", "name_pid", "name_comm")],
                    ["www.example.com", "host", f"{SERVER}:53", 77, resolver.pid, "nscd"])

    def resolv_conf(self, server):
        path = self.near.folder / "resolv.conf"
        path.write_text(f"nameserver {server}\n")
        return path


if __name__ == "__main__":
    support.main(__name__)
