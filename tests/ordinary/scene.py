# SPDX-License-Identifier: Apache-2.0
"""Two network namespaces with programs in them, and sockscope that looks at both ends."""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

SITES = 100
OFFICE, ROUTER = "10.20.0.2", "10.20.0.1"
HOSTS = 3  # names of a site


def ip(*words):
    subprocess.run(["ip", *words], check=True)


class Scene(contextlib.ExitStack):
    def __init__(self, minutes):
        super().__init__()
        self.seconds = minutes * 60
        self.office, self.world = f"office{os.getpid()}", f"world{os.getpid()}"
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.folder.chmod(0o755)
        self.callback(shutil.rmtree, self.folder, True)
        self.ended = threading.Event()

    def start(self, space, *words, **options):
        options.setdefault("stdout", subprocess.DEVNULL)
        process = subprocess.Popen(["ip", "netns", "exec", space, *map(str, words)],
                                   stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   start_new_session=True, **options)
        self.callback(process.wait)
        self.callback(self.end, process)
        return process

    def python(self, space, name, program, *words):
        """A program in Python that goes by a name of its own."""
        path = self.folder / name
        if not path.exists():
            path.symlink_to(os.path.realpath(sys.executable))
        self.start(space, path, "-c", program, *words)

    @staticmethod
    def end(process):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    def file(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def networks(self):
        for space in (self.office, self.world):
            ip("netns", "add", space)
            self.callback(ip, "netns", "del", space)
            ip("-n", space, "link", "set", "lo", "up")
        ip("link", "add", "wire", "netns", self.office, "type", "veth", "peer", "name", "wire",
           "netns", self.world)
        for space, address, v6 in ((self.office, OFFICE, "2a0e:b107::2"),
                                   (self.world, ROUTER, "2a0e:b107::1")):
            ip("-n", space, "addr", "add", f"{address}/24", "dev", "wire")
            ip("-n", space, "addr", "add", f"{v6}/64", "dev", "wire", "nodad")
            ip("-n", space, "link", "set", "wire", "up")
            subprocess.run(["tc", "-n", space, "qdisc", "add", "dev", "wire", "root", "tbf", "rate",
                            "300mbit", "burst", "64kb", "latency", "50ms"], check=True)
            subprocess.run(["ip", "netns", "exec", space, "nft",
                            "add table inet t; add chain inet t in "
                            "{ type filter hook input priority 0; }; add rule inet t in iif wire "
                            "meta l4proto tcp numgen random mod 1000 < 1 drop; "
                            "add rule inet t in ip daddr 198.51.100.99 drop"], check=True)
        ip("-n", self.office, "route", "add", "default", "via", ROUTER)
        ip("-n", self.office, "-6", "route", "add", "default", "via", "2a0e:b107::1")
        for n in range(1, SITES + 1):
            ip("-n", self.world, "addr", "add", f"203.0.113.{n}/32", "dev", "lo")
            ip("-n", self.world, "addr", "add", f"2a0e:b108::{n:x}/128", "dev", "lo", "nodad")
        for n in (*range(1, 9), 99):
            ip("-n", self.world, "addr", "add", f"198.51.100.{n}/32", "dev", "lo")
        etc = pathlib.Path("/etc/netns") / self.office
        etc.mkdir(parents=True)
        self.callback(shutil.rmtree, etc)
        (etc / "resolv.conf").write_text(self.resolv_conf())

    def resolv_conf(self):
        return f"nameserver {ROUTER}\n"

    def name_server(self, names, *words, ttl=60):
        """dnsmasq in the world, with lines of /etc/hosts."""
        hosts = self.file("hosts", "\n".join(names) + "\n")
        self.start(self.world, "dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts",
                   f"--addn-hosts={hosts}", "--conf-file=/dev/null", "--pid-file=",
                   f"--listen-address={ROUTER}", "--bind-interfaces", "--user=root",
                   f"--local-ttl={ttl}", *words)

    def web_sites(self, sizes):
        """Files of these names and sizes at every address of the world, with and without TLS."""
        web = self.folder / "web"
        for name, size in sizes:
            self.file(f"web/{name}", "").write_bytes(os.urandom(size))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=x",
                        "-keyout", self.folder / "key", "-out", self.folder / "certificate"],
                       check=True, capture_output=True)
        self.nginx(self.world, f"""
            server {{ listen 80; listen [::]:80; root {web}; }}
            server {{ listen 443 ssl; listen [::]:443 ssl; root {web}; }}
            """, "world")

    def nginx(self, space, servers, name):
        conf = self.file(f"nginx-{name}.conf", f"""daemon off; pid {self.folder}/{name}.pid;
            worker_processes 2; user root; error_log /dev/null;
            events {{ worker_connections 2000; }}
            http {{ access_log off; keepalive_timeout 30; client_body_temp_path {self.folder}/b;
            ssl_certificate {self.folder}/certificate; ssl_certificate_key {self.folder}/key;
            {servers} }}""")
        self.start(space, "nginx", "-c", conf, "-p", self.folder)

    def record(self, program):
        """Processes whose lines are the recording: events and tables, of both namespaces."""
        sources = []
        for end, space in (("office", self.office), ("world", self.world)):
            where = ("-n", f"/run/netns/{space}", "-d", str(self.seconds))
            for words in (("trace", "--json", "--dns", "--attempts", "-q"),
                          ("top", "-o", "ndjson", "-i", "4", "--top", "0", "--no-dns")):
                process = subprocess.Popen([program, *words, *where], stdin=subprocess.DEVNULL,
                                           stdout=subprocess.PIPE, encoding="utf-8")
                self.callback(process.wait)
                self.callback(process.kill)
                sources.append((end, process))
        return sources

    @staticmethod
    def host(end, record):
        """Whose a record is: a whole namespace's, if nothing else is known."""
        return end
