# SPDX-License-Identifier: Apache-2.0
"""Holds sockets until its standard input ends; prints them as one line of JSON.

    socket_holder.py --name HEX --uid UID KIND…

KIND is one of tcp4, tcp6, udp4, udp6 (a connected pair that exchanged bytes; for TCP its listener
too), listen4 (a listener only), bound-udp4 (bound and not connected); those two with -any need no
loopback interface.
"""
import argparse
import ctypes
import json
import os
import socket
import struct
import sys

PR_SET_DUMPABLE = 4
PR_SET_NAME = 15
SO_COOKIE = 57
REQUEST = b"r" * 1000
RESPONSE = b"s" * 3000


def describe(role, sock):
    local = sock.getsockname()
    try:
        remote_port = sock.getpeername()[1]
    except OSError:
        remote_port = None
    cookie = struct.unpack("Q", sock.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))[0]
    return {"role": role, "cookie": cookie, "local_addr": local[0], "local_port": local[1],
            "remote_port": remote_port}


def host_of(family):
    return "127.0.0.1" if family == socket.AF_INET else "::1"


def exchange(client, server):
    client.sendall(REQUEST)
    server.recv(len(REQUEST), socket.MSG_WAITALL)
    server.sendall(RESPONSE)
    client.recv(len(RESPONSE), socket.MSG_WAITALL)


def tcp(family):
    listener = socket.create_server((host_of(family), 0), family=family)
    client = socket.socket(family)
    client.connect(listener.getsockname()[:2])
    server, _ = listener.accept()
    exchange(client, server)
    return {"listener": listener, "client": client, "server": server}


def udp(family):
    client = socket.socket(family, socket.SOCK_DGRAM)
    server = socket.socket(family, socket.SOCK_DGRAM)
    client.bind((host_of(family), 0))
    server.bind((host_of(family), 0))
    client.connect(server.getsockname()[:2])
    server.connect(client.getsockname()[:2])
    exchange(client, server)
    return {"client": client, "server": server}


def bound_udp(host):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, 0))
    return {"bound": sock}


KINDS = {
    "tcp4": lambda: tcp(socket.AF_INET),
    "tcp6": lambda: tcp(socket.AF_INET6),
    "udp4": lambda: udp(socket.AF_INET),
    "udp6": lambda: udp(socket.AF_INET6),
    "listen4": lambda: {"listener": socket.create_server(("127.0.0.1", 0))},
    "listen4-any": lambda: {"listener": socket.create_server(("0.0.0.0", 0))},
    "bound-udp4": lambda: bound_udp("127.0.0.1"),
    "bound-udp4-any": lambda: bound_udp("0.0.0.0"),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", type=bytes.fromhex, default=b"holder")
    parser.add_argument("--uid", type=int, default=0)
    parser.add_argument("kinds", nargs="+", choices=KINDS)
    options = parser.parse_args()
    ctypes.CDLL(None).prctl(PR_SET_NAME, ctypes.c_char_p(options.name), 0, 0, 0)
    if options.uid:
        os.setresgid(options.uid, options.uid, options.uid)
        os.setresuid(options.uid, options.uid, options.uid)
        # Like a process that the user with this number started, in the group with this number.
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    held = {kind: KINDS[kind]() for kind in options.kinds}
    told = {kind: [describe(role, sock) for role, sock in group.items()]
            for kind, group in held.items()}
    print(json.dumps({"pid": os.getpid(), "sockets": told}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
