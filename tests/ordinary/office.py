# SPDX-License-Identifier: Apache-2.0
"""What a workstation and a server of an office do."""
import json
import os
import pathlib
import random
import subprocess
import threading

from scene import HOSTS, OFFICE, ROUTER, SITES, Scene

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
            patience = 0.002 if random.random() < 0.04 else 10  # the user follows the next link at once
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
while True:  # one long connection with a few bytes at times; reconnects some time after it broke
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
while True:  # one request in ten opens its own connection, like programs without a pool
    with socket.create_connection(("127.0.0.1", 6379)) as line:
        for _ in range(random.randrange(1, 20)):
            talk(line, b"INCR n\r\n")
            time.sleep(random.expovariate(4))
"""


class Office(Scene):
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
        self.name_server(names)
        self.web_sites((("small", 3_000), ("middle", 60_000), ("large", 1_500_000),
                        ("release", 20_000_000)))
        images = "".join(f'<img src="http://h{i % 3}.site{i * 7 % 100}.com/middle">'
                         for i in range(20))
        self.file("web/index.html", f"<html><body>{images}</body></html>")
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

    def programs(self):
        # A server behind a load balancer, with the services that it needs.
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
            """.rstrip(" "))  # the second server is down
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
