#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records ordinary traffic: what a workstation and a server of an office do, with real programs.

    record.py --program sockscope --minutes 60 hour.ndjson.xz

Two network namespaces, a wire of 300 Mbit/s that loses one packet in a thousand between them: an
office with private addresses, and a world with a hundred public ones, names, web sites, time and a
repository. Nothing leaves them. What sockscope tells of both ends is written as it came, for
replay.py. Needs (Debian's names): chrony cron curl dnsmasq git haproxy nginx openssh-server
openssl prometheus prometheus-blackbox-exporter prometheus-node-exporter redis w3m wget.
"""
import argparse
import contextlib
import json
import lzma
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

SITES = 100
OFFICE, ROUTER = "10.20.0.2", "10.20.0.1"
HOSTS = 3  # names of a site

BROWSER = r"""
import asyncio, random, ssl, sys
random.seed(int(sys.argv[1]))
end = float(sys.argv[2])
loop = asyncio.new_event_loop()
tls = ssl.create_default_context()
tls.check_hostname = False
tls.verify_mode = ssl.CERT_NONE
async def fetch(host, path, patience):
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection(
            host, 443, ssl=tls, happy_eyeballs_delay=0.25, server_hostname=host), patience)
        for _ in range(random.randrange(1, 6)):
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            await writer.drain()
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            size = int(head.lower().split(b"content-length:")[1].split()[0])
            await asyncio.wait_for(reader.readexactly(size), 60)
            await asyncio.sleep(random.expovariate(5))
        await asyncio.sleep(random.expovariate(1 / 20))  # kept alive
        writer.close()
    except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
        pass
async def page():
    hosts = [f"h{random.randrange(3)}.site{random.randrange(100)}.com"
             for _ in range(random.randrange(3, 30))]
    jobs = []
    for host in hosts:
        for _ in range(random.randrange(1, 4)):
            patience = 0.002 if random.random() < 0.04 else 10  # the user goes on at once
            size = random.choice(("small", "small", "small", "middle", "large"))
            jobs.append(asyncio.create_task(fetch(host, "/" + size, patience)))
            await asyncio.sleep(random.expovariate(30))
    return jobs
async def main():
    jobs = []
    while loop.time() < loop_end:
        jobs = [job for job in jobs + await page() if not job.done()]
        await asyncio.sleep(2 + random.expovariate(1 / 38))
    await asyncio.gather(*jobs)
asyncio.set_event_loop(loop)
loop_end = loop.time() + end
loop.run_until_complete(main())
"""

CHAT = r"""
import socket, sys, time, random
random.seed(4)
while True:  # one connection for long, a word now and then; comes back after a while when it broke
    with socket.create_connection((sys.argv[1], 5222)) as line:
        until = time.monotonic() + random.uniform(300, 900)
        while time.monotonic() < until:
            line.sendall(b"\0" * random.randrange(1, 40))
            line.settimeout(5)
            try:
                if not line.recv(100): break
            except TimeoutError:
                pass
            time.sleep(random.expovariate(1 / 25))
    time.sleep(random.uniform(1, 15))
"""

ECHO = r"""
import socketserver, sys
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(1000): self.request.sendall(data)
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
Server((sys.argv[1], 5222), Echo).serve_forever()
"""

APPLICATION = r"""
import random, socket, time
random.seed(5)
def talk(line, words, answers=1):
    line.sendall(words)
    for _ in range(answers): line.recv(4096)
while True:  # a request in ten opens a connection of its own, as programs without a pool do
    with socket.create_connection(("127.0.0.1", 6379)) as line:
        for _ in range(random.randrange(1, 20)):
            talk(line, b"INCR n\r\n")
            time.sleep(random.expovariate(4))
"""


EVENTS = ("connect", "connect_failed", "accept", "refused", "dns")
EVENT_FIELDS = ("event", "ts_ns", "local_addr", "remote_addr", "remote_port", "pid", "comm", "uid",
                "latency_us", "error", "attempts", "dns", "name")
FLOW_FIELDS = ("cookie", "remote_addr", "remote_port", "pid", "comm", "uid", "age_us",
               "tx_segments", "retransmits")
PROCESS_FIELDS = ("pid", "comm", "uid", "start_ns", "tx_rate", "rx_rate")


def pick(record, fields):
    return {field: record[field] for field in fields if record.get(field) is not None}


def strip(record):
    """Of a line of trace or top only what detectors look at; None: nothing of it."""
    if "event" in record:
        if record["event"] not in EVENTS or record.get("dns") == "answer":
            return None
        is_to_us = record["event"] in ("accept", "refused")
        return pick(record, (*EVENT_FIELDS, "local_port") if is_to_us else EVENT_FIELDS)
    if "flows" not in record:
        return None
    return {"ts_ns": record["ts_ns"],
            "flows": [pick(flow, FLOW_FIELDS) for flow in record["flows"]
                      if flow["proto"] == "tcp" and flow["direction"] != "listen"
                      and not flow["closed"]],
            "processes": [pick(process, PROCESS_FIELDS) for process in record["processes"]
                          if process["tx_rate"] or process["rx_rate"]]}


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
        (etc / "resolv.conf").write_text(f"nameserver {ROUTER}\n")

    def world_servers(self):
        names = [f"203.0.113.{n + 1} site{n}.com www.site{n}.com" for n in range(SITES)]
        for n in range(SITES):
            for host in range(HOSTS):
                at = (n * HOSTS + host) % SITES + 1
                names += [f"203.0.113.{at} h{host}.site{n}.com"]
                if n % 3 == 0:
                    names += [f"2a0e:b108::{at:x} h{host}.site{n}.com"]
        names += ["198.51.100.1 git.forge.net", "198.51.100.2 check.health.net",
                  "198.51.100.3 chat.talk.net", "198.51.100.4 shell.host.net",
                  "198.51.100.99 down.probe.net"]
        names += [f"198.51.100.{n} ntp{n}.time.net" for n in range(5, 9)]
        hosts = self.file("hosts", "\n".join(names) + "\n")
        self.start(self.world, "dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts",
                   f"--addn-hosts={hosts}", "--conf-file=/dev/null", "--pid-file=",
                   f"--listen-address={ROUTER}", "--bind-interfaces", "--user=root",
                   "--local-ttl=60")
        web = self.folder / "web"
        for name, size in (("small", 3_000), ("middle", 60_000), ("large", 1_500_000),
                           ("release", 20_000_000)):
            self.file(f"web/{name}", "").write_bytes(os.urandom(size))
        images = "".join(f'<img src="http://h{i % 3}.site{i * 7 % 100}.com/middle">'
                         for i in range(20))
        self.file("web/index.html", f"<html><body>{images}</body></html>")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=x",
                        "-keyout", self.folder / "key", "-out", self.folder / "certificate"],
                       check=True, capture_output=True)
        self.nginx(self.world, f"""
            server {{ listen 80; listen [::]:80; root {web}; }}
            server {{ listen 443 ssl; listen [::]:443 ssl; root {web}; }}
            """, "world")
        self.python(self.world, "talkd", ECHO, "198.51.100.3")
        work = self.folder / "web" / "project.git"
        source = self.folder / "source"
        run = lambda *words: subprocess.run(words, check=True, capture_output=True)  # noqa: E731
        run("git", "init", "-q", source)
        run("git", "-C", source, "-c", "user.name=x", "-c", "user.email=x", "commit", "-q",
            "--allow-empty", "-m", "first")
        run("git", "clone", "-q", "--bare", source, work)
        run("git", "-C", work, "update-server-info")
        key = self.folder / "id"
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / "host")
        self.file("authorized", (self.folder / "id.pub").read_text())
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)
        sshd = self.file("sshd.conf", f"""ListenAddress 198.51.100.4
            HostKey {self.folder}/host
            AuthorizedKeysFile {self.folder}/authorized
            StrictModes no
            PermitRootLogin yes
            PidFile none
            UsePAM no
            """)
        self.start(self.world, "/usr/sbin/sshd", "-D", "-f", sshd)
        for n in range(5, 9):
            conf = self.file(f"chronyd{n}.conf", f"""local stratum 8
                allow all
                bindaddress 198.51.100.{n}
                cmdport 0
                pidfile {self.folder}/chronyd{n}.pid
                """)
            self.start(self.world, "chronyd", "-x", "-d", "-u", "root", "-f", conf)

    def nginx(self, space, servers, name):
        conf = self.file(f"nginx-{name}.conf", f"""daemon off; pid {self.folder}/{name}.pid;
            worker_processes 2; user root; error_log /dev/null;
            events {{ worker_connections 2000; }}
            http {{ access_log off; keepalive_timeout 30; client_body_temp_path {self.folder}/b;
            ssl_certificate {self.folder}/certificate; ssl_certificate_key {self.folder}/key;
            {servers} }}""")
        self.start(space, "nginx", "-c", conf, "-p", self.folder)

    def office_programs(self):
        # A server of one's own behind a balancer, with what it needs.
        self.start(self.office, "redis-server", "--port", "6379", "--save", "", "--dir",
                   self.folder)
        self.python(self.office, "application", APPLICATION)
        self.nginx(self.office, f"server {{ listen 8080; root {self.folder}/web; }}", "office")
        haproxy = self.file("haproxy.cfg", f"""
            defaults
              mode http
              timeout connect 2s
              timeout client 30s
              timeout server 30s
            frontend web
              bind {ROUTER}:8000
              default_backend office
            backend office
              server one {OFFICE}:8080 check inter 5s
              server two {OFFICE}:8081 check inter 5s
            """.rstrip(" "))  # the second is down
        self.start(self.world, "haproxy", "-db", "-f", haproxy)
        # Monitoring.
        self.start(self.office, "prometheus-node-exporter", "--web.listen-address=:9100")
        blackbox = self.file("blackbox.yml", "modules:\n  web: {prober: http, timeout: 5s, http: "
                             "{tls_config: {insecure_skip_verify: true}}}\n"
                             "  port: {prober: tcp, timeout: 5s}\n")
        self.start(self.office, "prometheus-blackbox-exporter", "--config.file", blackbox,
                   "--web.listen-address=127.0.0.1:9115")
        targets = [f"https://www.site{n}.com/small" for n in range(5)] + \
            ["https://down.probe.net/", "http://site9.com/absent"]
        prometheus = self.file("prometheus.yml", f"""
global: {{scrape_interval: 15s}}
scrape_configs:
- job_name: node
  static_configs: [{{targets: ['127.0.0.1:9100', '{OFFICE}:9100', '10.20.0.9:9100']}}]
- job_name: probe
  metrics_path: /probe
  params: {{module: [web]}}
  static_configs: [{{targets: {json.dumps(targets)}}}]
  relabel_configs:
  - {{source_labels: [__address__], target_label: __param_target}}
  - {{target_label: __address__, replacement: '127.0.0.1:9115'}}
""")
        self.start(self.office, "prometheus", f"--config.file={prometheus}",
                   f"--storage.tsdb.path={self.folder}/tsdb", "--web.listen-address=127.0.0.1:9090")
        # Time.
        chrony = self.file("chrony.conf", "".join(
            f"server ntp{n}.time.net iburst minpoll 5 maxpoll 7\n" for n in range(5, 9)) +
            f"pidfile {self.folder}/chronyd.pid\ncmdport 0\nbindcmdaddress /\n"
            f"driftfile {self.folder}/drift\n")
        self.start(self.office, "chronyd", "-x", "-d", "-u", "root", "-f", chrony)
        # Jobs at fixed times.
        clone = self.folder / "clone"
        crontab = self.folder / "cron"
        crontab.mkdir()
        (crontab / "root").write_text(f"""
* * * * * curl -sko /dev/null https://check.health.net/small
*/5 * * * * git -C {clone} fetch -q || git clone -q http://git.forge.net/project.git {clone}
*/10 * * * * curl -so /dev/null http://site3.com/small; curl -so /dev/null http://site4.com/small
*/15 * * * * scp -q -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -i {self.folder}/id {self.folder}/web/large root@shell.host.net:{self.folder}/backup
0 * * * * wget -qO /dev/null http://site5.com/release
""")
        (crontab / "root").chmod(0o600)
        self.file("none/x", "")
        self.start(self.office, "sh", "-c",
                   f"mount --bind {crontab} /var/spool/cron/crontabs && "
                   f"mount --bind {self.folder}/none /etc/cron.d && "
                   "mount --bind /dev/null /etc/crontab && exec cron -f")
        # Users.
        for seed in (1, 2):
            self.python(self.office, "browser", BROWSER, seed, self.seconds - 60)
        self.python(self.office, "chat", CHAT, "chat.talk.net")
        threading.Thread(target=self.user, daemon=True).start()

    def user(self):
        """Somebody at a shell, at his whims."""
        chance = random.Random(9)
        ssh = ("ssh", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-i",
               self.folder / "id", "root@shell.host.net")
        acts = (
            lambda: ("w3m", "-dump", f"http://site{chance.randrange(SITES)}.com/"),
            lambda: ("wget", "-q", "-p", "-H", "-P", self.folder / "pages",
                     f"http://www.site{chance.randrange(SITES)}.com/"),
            lambda: ("curl", "-s", "--parallel", "--parallel-max", "20", *(
                word for n in range(30) for word in
                ("-o", "/dev/null", f"http://h{n % 3}.site{chance.randrange(SITES)}.com/middle"))),
            lambda: ("curl", "-sk", "-o", "/dev/null",
                     f"https://site{chance.randrange(SITES)}.com/release"),
            lambda: (*ssh, "sleep", chance.randrange(1, 60)),
            lambda: (*ssh, "cat", self.folder / "web" / "large"),
            lambda: ("dig", f"site{chance.randrange(120)}.com"),
            lambda: ("getent", "ahosts", f"www.site{chance.randrange(110)}.com"),
            lambda: ("git", "ls-remote", "http://git.forge.net/project.git"),
            lambda: ("redis-cli", "info"),
            lambda: ("curl", "-s", f"http://{ROUTER}:8000/middle", "-o", "/dev/null"),
            lambda: ("curl", "-s", "http://127.0.0.1:9090/metrics", "-o", "/dev/null"),
            lambda: ("curl", "-s", "http://127.0.0.1:1/"),  # mistyped
        )
        while not self.ended.wait(chance.expovariate(1 / 12)):
            self.start(self.office, *chance.choice(acts)())

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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("file")
    arguments = parser.parse_args()
    with Scene(arguments.minutes) as scene, lzma.open(arguments.file, "wt") as file:
        scene.networks()
        scene.world_servers()
        time.sleep(2)
        lock = threading.Lock()

        def copy(end, process):
            for line in process.stdout:
                record = strip(json.loads(line))
                with lock:
                    if record is not None:
                        print(json.dumps({"end": end, "record": record}, separators=(",", ":")),
                              file=file)

        readers = [threading.Thread(target=copy, args=source)
                   for source in scene.record(arguments.program)]
        for reader in readers:
            reader.start()
        time.sleep(1)
        scene.office_programs()
        for reader in readers:
            reader.join()
        scene.ended.set()


if __name__ == "__main__":
    main()
