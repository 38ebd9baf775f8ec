# SPDX-License-Identifier: Apache-2.0
"""conn_id is the same at both ends of a connection, and of no other one. Which two sockets are the ends of one
connection is known from what they sent to each other. See connection_names_long_test.py for many of them."""
import contextlib
import errno
import os
import socket
import subprocess
import threading
import unittest

from connection_ends import (Figures, Observed, Pair, abort, command, connect, connect_now, disconnect, fill, inside,
                             join, listen, nft, number_of, prove, receive, restore, router_between, say, set_in, space,
                             support, tcp)

TCP_FASTOPEN = 23
SHORT = ("--columns", "cookie,conn_id,netns,state,local,remote")
MSG_FASTOPEN = 0x20000000
IPPROTO_MPTCP = 262
WITHOUT_COOKIE = 0x607  # fast open for both ends, and for each listener
EARLY_WITHOUT_COOKIE = 0x5  # a client sends data with the SYN; listeners do not take it
TO_ANOTHER_PORT = "tcp dport 8080 dnat to 10.99.2.2:9090"
NAT = """
table ip t {{
  chain before {{
    type nat hook prerouting priority -100
    {before}
  }}
  chain after {{
    type nat hook postrouting priority 100
    {after}
  }}
}}
"""
PROXY = """
table ip t {
  chain before {
    type filter hook prerouting priority -300
    tcp dport 9090 tcp flags syn notrack
  }
  chain between {
    type filter hook forward priority 0
    tcp dport 9090 ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm
    ct state invalid drop
  }
}
"""


def setUpModule():
    support.need_root()


class Names(unittest.TestCase):
    """All that happens while `trace` runs: each end is told when it opens and when it closes."""
    WORDS = ("trace", *SHORT)

    @classmethod
    def setUpClass(cls):
        try:
            cls.observed = cls.enterClassContext(Observed(*cls.WORDS))
        except AssertionError as refused:
            raise unittest.SkipTest(f"this machine does not allow it: {refused}")

    def setUp(self):
        self.spaces = self.enterContext(contextlib.ExitStack())

    def expect(self, pairs, equal=None):
        """All have closed. equal: how many have one name; None: all."""
        ends = [getattr(pair, "ends", pair) for pair in pairs]
        for end in {end for both in ends for end in both}:
            self.observed.wait_for(end)
        figures = Figures(self.observed, ends)
        say(self, figures)
        self.assertEqual(figures.counts["wrong"], 0, figures.bad)
        self.assertEqual(figures.counts["equal"], len(pairs) if equal is None else equal,
                         (str(figures), figures.bad))

    def new(self, count=1):
        made = [self.spaces.enter_context(space()) for _ in range(count)]
        return made[0] if count == 1 else made

    def listen(self, *words, **options):
        listener = listen(*words, **options)
        self.addCleanup(listener.close)
        return listener

    def some(self, listener, **options):
        """Connections that end in different ways, with different amounts of data."""
        pairs = []
        for i in range(8):
            pair = connect(listener, **options)
            pairs.append(pair)
            if i % 2:
                pair.client.sendall(bytes(i * 1000))
                receive(pair.server, i * 1000)
                pair.server.sendall(bytes(i * 3000))
                receive(pair.client, i * 3000)
            if i < 4:
                pair.close(server_first=i % 2 == 0)
            else:
                one, other = pair.swapped(i % 2)
                abort(one)
                other.close()
        return pairs

    # Paths

    def test_loopback(self):
        self.expect(self.some(self.listen("127.0.0.1")))

    def test_ipv6(self):
        self.expect(self.some(self.listen("::1")))

    def test_ipv4_at_a_socket_of_ipv6(self):
        listener = self.listen("::")
        self.expect(self.some(listener, to=("127.0.0.1", listener.getsockname()[1])))

    def test_between_namespaces(self):
        one, other = self.new(2)
        join(one, other, "10.99.1.1", "10.99.1.2")
        self.expect(self.some(self.listen("10.99.1.2", space=other), space=one) +
                    self.some(self.listen("10.99.1.1", space=one), space=other))

    def test_over_a_bridge(self):
        one, other, bridge = self.new(3)
        bridge.ip("link", "add", "bridge", "type", "bridge")
        bridge.ip("link", "set", "bridge", "up")
        for each, address in ((one, "10.99.1.1"), (other, "10.99.1.2")):
            port = join(each, bridge, address, "10.99.9.9")[1]
            bridge.ip("addr", "flush", "dev", port)
            bridge.ip("link", "set", port, "master", "bridge")
        self.expect(self.some(self.listen("10.99.1.2", space=other), space=one))

    def through(self, to, **rules):
        """Through a router with these rules; returns what the server sees as the client's address."""
        client, router, server = self.new(3)
        router_between(client, server, router)
        nft(router, NAT.format(before=rules.get("before", ""), after=rules.get("after", "")))
        pairs = self.some(self.listen("10.99.2.2", 9090, server), space=client, to=to)
        self.expect(pairs)
        last = next(r.row for r in self.observed.of(pairs[-1].ends[1]))
        return last["remote_addr"]

    def test_translated_destination(self):
        self.assertEqual(self.through(("10.99.1.1", 8080), before=TO_ANOTHER_PORT), "10.99.1.2")

    def test_translated_source(self):
        self.assertEqual(self.through(("10.99.2.2", 9090), after="ip protocol tcp snat to 10.99.2.1:5000-6000"),
                         "10.99.2.1")

    def test_masquerade(self):
        self.assertEqual(self.through(("10.99.2.2", 9090), after="oifname != lo masquerade"), "10.99.2.1")

    def test_both_translated(self):
        self.assertEqual(self.through(("10.99.1.1", 8080), before=TO_ANOTHER_PORT,
                                      after="oifname != lo masquerade random"), "10.99.2.1")

    def test_a_proxy_of_syns_makes_two_connections(self):
        """It answers the client itself, with a sequence number of its own, and then connects to the server: to TCP
        these are two connections, so the ends have different names."""
        client, router, server = self.new(3)
        router_between(client, server, router)
        set_in(router, tcp_syncookies=1)
        try:
            nft(router, PROXY)
        except subprocess.CalledProcessError as refused:
            self.skipTest(f"the kernel has no synproxy: {refused.stderr}")
        command("ip", "netns", "exec", router.name, "sysctl", "-qw", "net.netfilter.nf_conntrack_tcp_loose=0")
        listener = self.listen("10.99.2.2", 9090, server)
        pairs = [connect(listener, client) for _ in range(2)]

        def told():
            self.observed.read()
            return [self.observed.names(end) - {None} for pair in pairs for end in pair.ends]
        names = support.wait_for(lambda: all(told()) and told(), lambda: f"names of all, not only {told()}")
        for end in (end for pair in pairs for end in pair.swapped(False)):
            abort(end)
        self.assertEqual([len(names_of) for names_of in names], [1] * len(names))
        self.assertEqual(len(set().union(*names)), len(names))

    # Ways to open

    def fast_open(self, server_option, flags):
        here = self.new()
        set_in(here, tcp_fastopen=flags)
        listener = self.listen("127.0.0.1", space=here, options=server_option)
        pairs = []
        for i in range(4):
            client = tcp(here)
            token = os.urandom(16) + bytes(i * 900)
            client.sendto(token, MSG_FASTOPEN, listener.getsockname())
            server = listener.accept()[0]
            server.settimeout(support.PATIENCE)
            self.assertEqual(receive(server, len(token)), token)
            # tcpi_options, of which bit 5 is TCPI_OPT_SYN_DATA
            taken = bool(server.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[5] & 32)
            self.assertEqual(taken, bool(server_option))
            server.sendall(token[:i])
            pair = Pair(client, server)
            pair.close(server_first=i % 2)
            pairs.append(pair)
        self.expect(pairs)

    def test_data_that_the_syn_carries(self):
        self.fast_open([(socket.IPPROTO_TCP, TCP_FASTOPEN, 16)], WITHOUT_COOKIE)

    def test_data_of_a_syn_that_is_not_acknowledged(self):
        self.fast_open([], EARLY_WITHOUT_COOKIE)

    def test_reset_of_a_fast_opened_one_before_anybody_accepts_it(self):
        here = self.new()
        set_in(here, tcp_fastopen=WITHOUT_COOKIE)
        listener = self.listen("127.0.0.1", space=here, options=[(socket.IPPROTO_TCP, TCP_FASTOPEN, 16)])
        client = tcp(here)
        client.sendto(b"early", MSG_FASTOPEN, listener.getsockname())
        port, end = client.getsockname()[1], support.cookie_of(client)
        abort(client)
        self.expect([(end, (number_of(here), listener.getsockname()[1], port))])

    def simultaneous(self, begin):
        """begin: lets two sockets, of ports 4001 and 4002, connect to each other. One that is too late is refused."""
        pairs = []
        for _ in range(30):
            ends = begin(*self.new(2))
            if self.both_connect(*ends):
                pairs.append(prove(*ends))
            else:
                for end in ends:
                    end.close()
            if len(pairs) == 3:
                break
        self.assertEqual(len(pairs), 3)
        for pair in pairs:
            pair.close()
        self.expect(pairs)
        for end in (end for pair in pairs for end in pair.ends):
            kinds = set(self.observed.kinds(end))
            self.assertFalse(kinds & {"accept"}, kinds)

    @staticmethod
    def ends_to_connect(one, other):
        join(one, other, "10.99.1.1", "10.99.1.2")
        ends = (tcp(one), ("10.99.1.1", 4001)), (tcp(other), ("10.99.1.2", 4002))
        for end, address in ends:
            end.bind(address)
        return ends

    @staticmethod
    def both_connect(*ends):
        for end in ends:
            end.settimeout(support.PATIENCE)
        established, closed = b"\x01", b"\x07"

        def states():
            now = {end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) for end in ends}
            return now if closed in now or now == {established} else None
        return closed not in support.wait_for(states, "a simultaneous open")

    def test_both_connect_and_their_syns_cross(self):
        """A slow wire, busy with datagrams, holds both SYNs back."""
        def begin(one, other):
            (a, address), (b, other_address) = self.ends_to_connect(one, other)
            for each, to in ((one, other_address[0]), (other, address[0])):
                name = next(n for n in command("ip", "netns", "exec", each.name, "ls", "/sys/class/net").split()
                            if n.startswith("v"))
                command("ip", "netns", "exec", each.name, "ping", "-c1", "-W5", to)  # so that ARP is over
                command("tc", "-n", each.name, "qdisc", "add", "dev", name, "root", "tbf", "rate", "64kbit",
                        "burst", "1600", "limit", "100000")
                with inside(each), socket.socket(type=socket.SOCK_DGRAM) as sender:
                    for _ in range(3):
                        sender.sendto(bytes(1400), (to, 9))
            connect_now(a, other_address)
            connect_now(b, address)
            return a, b
        self.simultaneous(begin)

    def test_both_connect_and_one_syn_meets_a_waiting_end(self):
        def begin(one, other):
            (a, address), (b, other_address) = self.ends_to_connect(one, other)
            nft(one, "table ip t { chain i { type filter hook input priority 0; tcp flags syn / syn,ack drop; }; }")
            nft(other, "table ip t { chain i { type filter hook input priority 0; tcp flags syn / syn,ack drop; }; }")
            connect_now(a, other_address)
            connect_now(b, address)
            nft(one, "delete table ip t")
            nft(other, "delete table ip t")
            return a, b
        self.simultaneous(begin)

    def test_connected_to_itself(self):
        """Its only end has one name from the opening to the close."""
        here = self.new()
        ends = []
        for port in range(4000, 4004):
            end = tcp(here)
            end.bind(("127.0.0.1", port))
            end.connect(("127.0.0.1", port))
            end.sendall(b"x" * port)
            receive(end, port)
            ends.append((support.cookie_of(end),) * 2)
            end.close()
        self.expect(ends)

    def test_syn_cookies(self):
        here = self.new()
        set_in(here, tcp_syncookies=2)
        listener = self.listen("127.0.0.1", space=here)
        pairs = self.some(listener, space=here)
        netstat = command("ip", "netns", "exec", here.name, "cat", "/proc/net/netstat").split("\n")
        counted = dict(zip(netstat[0].split(), netstat[1].split()))
        self.assertGreaterEqual(int(counted["SyncookiesRecv"]), len(pairs))
        self.expect(pairs)

    def test_not_yet_accepted(self):
        """Ended before accept(2): data, a FIN or a reset has come."""
        here = self.new()
        listener = self.listen("127.0.0.1", space=here)
        ends = []
        for end in (abort, socket.socket.close, abort):
            client = tcp(here)
            client.connect(listener.getsockname())
            client.sendall(b"x" * len(ends))
            ends.append((support.cookie_of(client),
                         (number_of(here), listener.getsockname()[1], client.getsockname()[1])))
            end(client)
        listener.close()
        self.expect(ends)

    def test_a_socket_that_disconnects_and_connects_again(self):
        """The cookie stays; each connection has a name of its own."""
        here = self.new()
        listener = self.listen("127.0.0.1", space=here)
        client = tcp(here)
        servers = []
        for i in range(4):
            client.connect(listener.getsockname())
            server = listener.accept()[0]
            pair = prove(client, server)
            server.sendall(bytes(i * 500))
            receive(client, i * 500)
            servers.append(pair.ends[1])
            disconnect(client)
            server.close()
            self.observed.wait_for(servers[-1])
        client.close()
        of_servers = [self.observed.names(end) for end in servers]
        of_client = self.observed.names(pair.ends[0])
        self.assertTrue(all(len(names) == 1 for names in of_servers), of_servers)
        # `top` sees what is there once in a while, and need not have seen each.
        self.assertEqual(set().union(*of_servers), of_client)
        self.assertEqual(len(of_client), 4)

    def test_an_accepted_one_that_connects_again(self):
        here = self.new()
        listener = self.listen("127.0.0.1", space=here)
        first = connect(listener, here)
        disconnect(first.server)
        first.client.close()
        self.observed.wait_for(first.ends[0])
        first.server.connect(listener.getsockname())
        second = prove(first.server, listener.accept()[0])
        second.close()
        self.observed.wait_for(second.ends[1])
        own = self.observed.names(first.ends[1])
        self.assertEqual(own, self.observed.names(first.ends[0]) | self.observed.names(second.ends[1]))
        self.assertEqual(len(own), 2)

    def test_a_listener_that_was_a_client(self):
        here = self.new()
        other = self.listen("127.0.0.1", space=here)
        client = tcp(here)
        client.bind(("127.0.0.1", 0))
        client.connect(other.getsockname())
        pair = prove(client, other.accept()[0])
        pair.client.sendall(bytes(1000))
        receive(pair.server, 1000)
        pair.server.sendall(bytes(3000))
        receive(pair.client, 3000)
        disconnect(client)
        pair.server.close()
        client.bind(("127.0.0.1", 0))
        client.listen()
        self.expect([pair, *self.some(client, space=here)])
        client.close()

    def test_the_same_ports_again_and_again(self):
        here = self.new()
        listener = self.listen("127.0.0.1", space=here)
        pairs = []
        for i in range(30):
            pairs.append(connect(listener, here, source=("127.0.0.1", 5000)))
            for end in pairs[-1].swapped(i % 2):
                abort(end)
        self.expect(pairs)

    def test_none_that_did_not_come_about(self):
        """Refused, given up, unreachable: no name."""
        here = self.new()
        with tcp(here) as refused, tcp(here) as given_up, tcp(here) as unreachable:
            self.assertEqual(connect_now(refused, ("127.0.0.1", 1)) or refused.getsockopt(
                socket.SOL_SOCKET, socket.SO_ERROR), errno.ECONNREFUSED)
            nft(here, "table ip t { chain i { type filter hook input priority 0; tcp dport 2 drop; }; }")
            connect_now(given_up, ("127.0.0.1", 2))
            self.assertEqual(connect_now(unreachable, ("10.1.1.1", 1)), errno.ENETUNREACH)
            ends = [support.cookie_of(each) for each in (refused, given_up)]
        if self.WORDS[0] == "trace":
            for end in ends:
                self.observed.wait_for(end, "connect_failed")
        for end in ends:
            self.assertEqual({record.name for record in self.observed.of(end)} - {None}, set())

    def test_restored(self):
        """What TCP_REPAIR has restored has no name: its first sequence numbers are not known. The name that both ends
        had before, the other end keeps."""
        here = self.new()
        listener = self.listen("127.0.0.1", space=here)
        pair = connect(listener, here)
        pair.server.sendall(bytes(500))
        receive(pair.client, 500)
        restored = restore(pair.client, here)
        restored.sendall(bytes(3000))
        end = support.cookie_of(restored)
        receive(pair.server, 3000)
        for each in (pair.server, restored):
            each.close()
        self.observed.wait_for(end)
        self.expect([pair])
        self.assertEqual(self.observed.names(end), {None})

    # Ways to be closed

    def test_data_after_one_end_has_closed(self):
        here = self.new()
        listener = self.listen("127.0.0.1", space=here)
        pairs = []
        for i in range(8):
            pair = connect(listener, here)
            one, other = pair.swapped(i % 2)
            one.shutdown(socket.SHUT_WR)
            other.sendall(bytes(100_000))
            self.assertEqual(len(receive(one, 100_000)), 100_000)
            (other.close, lambda: abort(other))[i // 4]()
            one.close()
            pairs.append(pair)
        self.expect(pairs)

    def test_both_close_at_once(self):
        here = self.new()
        listener = self.listen("127.0.0.1", space=here)
        pairs = []
        for _ in range(20):
            pair = connect(listener, here)
            both = threading.Barrier(2)
            def end(sock, both=both):
                both.wait()
                sock.close()
            threads = [threading.Thread(target=end, args=(sock,)) for sock in (pair.client, pair.server)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            pairs.append(pair)
        self.expect(pairs)

    def test_a_reset_for_what_nobody_read(self):
        """close(2) with unread data resets, and data may be on its way in the other direction."""
        here = self.new()
        listener = self.listen("127.0.0.1", space=here)
        pairs = []
        for i in range(8):
            pair = connect(listener, here)
            one, other = pair.swapped(i % 2)
            fill(one)
            if i // 4:
                fill(other)
            other.close()
            one.close()
            pairs.append(pair)
        self.expect(pairs)

    def test_mptcp(self):
        """Each of the connections that MPTCP makes has a name; their sockets are the kernel's own."""
        one, other = self.new(2)
        try:
            tcp(one, protocol=IPPROTO_MPTCP).close()
        except OSError as error:
            self.skipTest(f"the kernel has no MPTCP: {error}")
        for i in (1, 2):
            join(one, other, f"10.99.{i}.1", f"10.99.{i}.2")
        for each in (one, other):
            command("ip", "-n", each.name, "mptcp", "limits", "set", "subflows", "2", "add_addr_accepted", "2")
        command("ip", "-n", other.name, "mptcp", "endpoint", "add", "10.99.2.2", "signal")
        listener = self.listen("0.0.0.0", space=other, protocol=IPPROTO_MPTCP)
        port = listener.getsockname()[1]
        client = tcp(one, protocol=IPPROTO_MPTCP)
        client.connect(("10.99.1.2", port))
        server = listener.accept()[0]
        server.settimeout(support.PATIENCE)
        token = os.urandom(16)
        client.sendall(token)
        self.assertEqual(receive(server, 16), token)

        def flows():
            lines = command("ip", "netns", "exec", one.name, "ss", "-Hnt", "state", "established").split("\n")
            return [int(line.split()[2].rpartition(":")[2]) for line in lines if line]
        ports = support.wait_for(lambda: len(flows()) == 2 and flows(), lambda: f"two connections, not {flows()}")
        for sender, receiver in ((client, server), (server, client)):
            sender.sendall(bytes(200_000))
            receive(receiver, 200_000)
        client.close()
        server.close()
        self.expect([((number_of(one), own, port), (number_of(other), port, own)) for own in ports])


class NamesByProbes(Names):
    WORDS = ("trace", "--doors", "kprobe", *SHORT)


class NamesByExitPrograms(Names):
    WORDS = ("trace", "--doors", "fexit", *SHORT)


class NamesAtEveryChange(Names):
    """Other events have the same name, or none yet."""
    WORDS = ("trace", "--states", "--attempts", *SHORT)


class NamesOfTop(Names):
    """Openings are reported late: at the next pass, or with the close."""
    WORDS = ("top", "-i", "0.5", "--keep-closed", "3", "--only", "flows", *SHORT)


if __name__ == "__main__":
    support.main()
