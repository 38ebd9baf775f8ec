# SPDX-License-Identifier: Apache-2.0
"""`capture`: compares what tshark reads in the file with the sockets and with tcpdump."""
import os
import signal
import socket
import subprocess
import tempfile
import unittest

import support


def setUpModule():
    support.need_root()


def fields(path, *names):
    """A list of the fields of each packet, as tshark reads them."""
    words = [word for name in names for word in ("-e", name)]
    done = subprocess.run(["tshark", "-r", path, "-T", "fields", *words], check=True,
                          capture_output=True, encoding="utf-8", timeout=support.PATIENCE)
    return [line.split("\t") for line in done.stdout.splitlines()]


class Capture:
    """A running `capture`; ready inside of `with`."""

    def __init__(self, path, *arguments):
        self.process = subprocess.Popen([support.program(), "capture", "-w", path, *arguments],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, encoding="utf-8")

    def __enter__(self):
        line = self.process.stderr.readline()
        if not line.startswith("sockscope: capturing on "):
            raise AssertionError(line + self.process.stderr.read())
        return self

    def stop(self):
        """The exit code and the rest of the output."""
        self.process.send_signal(signal.SIGINT)
        said = self.process.communicate(timeout=support.PATIENCE)[1]
        return self.process.returncode, said

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class CaptureTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "packets.pcapng")
        self.other = os.path.join(folder.name, "tcpdump.pcap")

    def test_each_packet_of_a_connection_says_whose_it_is(self):
        me = f"pid={os.getpid()} "
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            # Packets of other programs must not fill the kernel's ring, because none of these may be dropped.
            with Capture(self.path, "-P", str(port), "--bpf", f"tcp port {port}") as capture:
                tcpdump = subprocess.Popen(["tcpdump", "-i", "lo", "-U", "-Z", "root",
                                            "--immediate-mode", "-w", self.other,
                                            f"tcp port {port}"], stderr=subprocess.PIPE,
                                           encoding="utf-8")
                try:
                    tcpdump.stderr.readline()
                    support.wait_for(lambda: os.path.exists(self.other), "tcpdump")
                    client = socket.create_connection(("127.0.0.1", port))
                    served = listener.accept()[0]
                    cookies = [support.cookie_of(end) for end in (client, served)]
                    client.sendall(b"x" * 100_000)
                    client.shutdown(socket.SHUT_WR)
                    received = 0
                    while chunk := served.recv(1 << 16):
                        received += len(chunk)
                    served.close()
                    client.close()
                    code, said = capture.stop()
                finally:
                    tcpdump.send_signal(signal.SIGINT)
                    tcpdump.communicate(timeout=support.PATIENCE)
        self.assertEqual((code, received), (0, 100_000))
        packets = fields(self.path, "tcp.srcport", "tcp.seq_raw", "tcp.len", "tcp.flags",
                         "frame.comment")
        self.assertIn(f"{len(packets)} packets written, 0 dropped", said)
        self.assertEqual([packet[:4] for packet in packets],
                         fields(self.other, "tcp.srcport", "tcp.seq_raw", "tcp.len", "tcp.flags"))
        self.assertEqual(packets[0][3], "0x0002")  # the SYN
        self.assertEqual(sum(int(packet[2]) for packet in packets if packet[0] != str(port)),
                         100_000)
        for source, _, _, _, comment in packets:
            ends = cookies if source != str(port) else cookies[::-1]
            sent, _, got = comment.partition(",rx ")
            self.assertTrue(sent.startswith("tx " + me), comment)
            self.assertTrue(got.startswith(me), comment)
            self.assertIn(f" flow={ends[0]} ", sent)
            self.assertIn(f" flow={ends[1]} ", got)

    def test_udp_and_only_what_is_chosen(self):
        with socket.socket(type=socket.SOCK_DGRAM) as mine, \
                socket.socket(type=socket.SOCK_DGRAM) as other, \
                socket.socket(type=socket.SOCK_DGRAM) as sender:
            for sock in (mine, other, sender):
                sock.bind(("127.0.0.1", 0))
            port = mine.getsockname()[1]
            with Capture(self.path, "--filter", f"port:{port}", "--bpf", "udp") as capture:
                for sock in (mine, other):
                    sender.sendto(b"hello", sock.getsockname())
                code, _ = capture.stop()
            packets = fields(self.path, "udp.dstport", "frame.comment")
            self.assertEqual((code, [packet[0] for packet in packets]), (0, [str(port)]))
            self.assertIn(f" flow={support.cookie_of(mine)} ", packets[0][1])

    def test_count(self):
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            with Capture(self.path, "--count", "3", "-p", str(os.getpid())) as capture:
                # A busy host may lose some.
                support.wait_for(lambda: sock.sendto(b"hello", sock.getsockname())
                                 and capture.process.poll() is not None, "the third packet")
                self.assertEqual(capture.process.returncode, 0)
        self.assertEqual(len(fields(self.path, "frame.number")), 3)

    def test_a_full_disk_is_an_error(self):
        done = support.run("capture", "-w", "/dev/full", "-d", "1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("No space left on device", done.stderr)

    def test_a_file_that_somebody_else_may_have_put_there(self):
        folder = os.path.dirname(self.path)
        precious = os.path.join(folder, "precious")
        links, foreign, open_to_all = (os.path.join(folder, name) for name in "abc")
        os.symlink(precious, links)
        for path in (precious, foreign, open_to_all):
            with open(path, "w", encoding="ascii") as file:
                file.write("kept")
        os.chown(foreign, 12345, 12345)
        os.chmod(open_to_all, 0o666)
        for path, why in ((links, "it is a link"), (foreign, "the file of another user (12345)"),
                          (open_to_all, "everybody may write into it")):
            with self.subTest(why):
                done = support.run("capture", "-w", path, "-d", "1")
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(why, done.stderr)
        for path in (precious, foreign, open_to_all):
            with open(path, encoding="ascii") as file:
                self.assertEqual(file.read(), "kept")
        # The user who called sudo may overwrite own files.
        done = support.run("capture", "-w", foreign, "-d", "0.1",
                           env=dict(os.environ, SUDO_UID="12345"))
        self.assertEqual(done.returncode, 0, done.stderr)
        fields(foreign, "frame.number")  # they can be read

    def test_a_descriptor_that_a_shell_opened(self):
        with open(self.path, "wb") as file:
            done = support.run("capture", "-w", f"/dev/fd/{file.fileno()}", "-d", "0.1",
                               pass_fds=[file.fileno()])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(os.path.getsize(self.path), 0)

    def test_wrong_words(self):
        for words, why in ((("--bpf", "tcp prot 80"), "understand the packet filter"),
                           (("-i", "nosuchif"), "capture on nosuchif"),
                           (("--snaplen", "1"), "is not between 64 and 262144"),
                           (("--all", "-p", "1"), "--all excludes --pid"),
                           (("--filter", "prot:x"), "cannot understand --filter")):
            with self.subTest(words):
                done = support.run("capture", "-w", self.path, *words)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(why, done.stderr)
        self.assertEqual(support.run("capture").returncode, 2)


if __name__ == "__main__":
    support.main()
