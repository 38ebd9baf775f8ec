# SPDX-License-Identifier: Apache-2.0
"""A client or a server whose bytes are counted, as a process of its own.

    history_traffic.py --name HEX server
    history_traffic.py --name HEX client PORT

The server prints its port. Then each reads commands, lines of JSON, from standard input, and answers
each with a line of what it has done since it started. It ends at the end of its input.
"""
import ctypes
import json
import os
import random
import selectors
import socket
import struct
import sys
import threading
import time

PR_SET_NAME = 15
HEADER = struct.Struct("II")  # bytes of the request and of the response, without this
LOCK = threading.Lock()
DONE = {"connections": 0, "tx": 0, "rx": 0, "failed": 0}


def count(**numbers):
    with LOCK:
        for key, number in numbers.items():
            DONE[key] += number


def exchange(connection, request, response):
    connection.sendall(HEADER.pack(request, response) + bytes(request))
    missing = response
    while missing:
        got = connection.recv(missing)
        if not got:
            raise ConnectionError("the server has gone")
        missing -= len(got)
    count(tx=HEADER.size + request, rx=response)


def serve(listener):
    waits = selectors.DefaultSelector()
    listener.setblocking(False)
    waits.register(listener, selectors.EVENT_READ, None)
    while True:
        for key, _ in waits.select():
            if key.data is None:
                try:
                    connection, _ = listener.accept()
                except BlockingIOError:
                    continue
                connection.setblocking(True)
                waits.register(connection, selectors.EVENT_READ, bytearray())
                count(connections=1)
                continue
            data = key.fileobj.recv(65536)
            if not data:
                waits.unregister(key.fileobj)
                key.fileobj.close()
                continue
            count(rx=len(data))
            key.data.extend(data)
            if len(key.data) < HEADER.size:
                continue
            request, response = HEADER.unpack_from(key.data)
            if len(key.data) == HEADER.size + request:
                key.data.clear()
                key.fileobj.sendall(bytes(response))
                count(tx=response)


class Client:
    def __init__(self, port):
        self.port = port
        self.open = []
        self.stops = threading.Event()
        self.threads = []

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port))
        count(connections=1)
        return connection

    def short(self, number):
        for _ in range(number):
            with self.connect() as connection:
                exchange(connection, random.randrange(1, 3000), random.randrange(1, 8000))

    def do(self, words):
        self.short(words.get("short", 0))
        self.open += [self.connect() for _ in range(words.get("open", 0))]
        for _ in range(words.get("move", 0)):
            for connection in self.open:
                exchange(connection, random.randrange(1, 3000), random.randrange(1, 8000))
        for port in words.get("fail", []):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                count(failed=1)
        if words.get("close"):
            for connection in self.open:
                connection.close()
            self.open = []
        if words.get("load"):  # connections a second, from now on
            self.threads.append(threading.Thread(target=self.load, args=(words["load"],)))
            self.threads[-1].start()
        if words.get("stop"):
            self.stops.set()
            for thread in self.threads:
                thread.join()

    def load(self, rate):
        began = time.monotonic()
        made = 0
        while not self.stops.wait(0.01):
            due = int((time.monotonic() - began) * rate) - made
            self.short(due)
            made += due
            for connection in self.open[:5]:
                exchange(connection, 100, 200)


def main():
    name = bytes.fromhex(sys.argv[2])
    ctypes.CDLL(None).prctl(PR_SET_NAME, name + b"\0", 0, 0, 0)
    client = None
    if sys.argv[3] == "server":
        listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        print(listener.getsockname()[1], flush=True)
    else:
        client = Client(int(sys.argv[4]))
        print(client.port, flush=True)
    for line in sys.stdin:
        if client:
            client.do(json.loads(line))
        with LOCK:
            print(json.dumps(DONE), flush=True)
    sys.stdout.flush()
    os._exit(0)


main()
