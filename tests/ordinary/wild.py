# SPDX-License-Identifier: Apache-2.0
"""What was reported as an attack elsewhere and was none.

Names: a resolver that mixes their case on purpose, search lists that make six questions of one,
lists of addresses and domains that a mail server asks, content networks, reverse look-ups of a log.
Ports: one host with forty exporters of which two are down, passive FTP, a swarm of peers of which
every third is gone. Times: agents that try servers again and again that are down or silent.
"""
import hashlib
import json
import os
import pathlib
import random
import threading

from scene import HOSTS, ROUTER, SITES, Scene

RESOLVER = "127.0.0.1"
FTP = "198.51.100.4"
PEERS = 30
SEARCH = ("default.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example.com")

# How programs ask for names if they do not use the C library for that.
ASK = r"""
import random, socket, struct, sys, time
def ask(line, name, kind):
    labels = b"".join(bytes([len(each)]) + each.encode() for each in name.split("."))
    line.send(struct.pack(">6H", random.randrange(65536), 0x100, 1, 0, 0, 0) + labels + b"\0"
              + struct.pack(">2H", kind, 1))
    try: line.recv(4096)
    except TimeoutError: pass
line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
line.connect(("127.0.0.1", 53))
line.settimeout(2)
"""

MAIL = ASK + r"""
random.seed(21)
words = [f"shop{n}" for n in range(400)]
while True:  # a mail arrives: looks up its sender, its links, and its signature
    time.sleep(random.expovariate(1 / 1.5))
    if random.random() < .5:
        nibbles = ".".join(random.choice("0123456789abcdef") for _ in range(16)) + \
            ".0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
        ask(line, nibbles + ".zen.blocklist.org", 1)
        ask(line, nibbles + ".ip6.arpa", 12)
    else:
        octets = ".".join(str(random.randrange(1, 255)) for _ in range(4))
        ask(line, octets + ".zen.blocklist.org", 1)
        ask(line, octets + ".bl.spamlist.net", 1)
        ask(line, octets + ".in-addr.arpa", 12)
    sender = random.choice(words) + random.choice((".com", ".co.uk", ".net", ".de"))
    ask(line, sender, 15)
    ask(line, sender, 16)
    ask(line, f"_dmarc.{sender}", 16)
    ask(line, f"s{random.randrange(1, 4)}._domainkey.{sender}", 16)
    for _ in range(random.randrange(4)):
        link = random.choice(words) + random.choice((".com", ".co.uk", ".net", ".de"))
        ask(line, f"{link}.dbl.blocklist.org", 1)
        ask(line, f"www.{link}.multi.urilist.com", 1)
"""

LOG = ASK + r"""
random.seed(22)
while True:  # every few minutes, looks up the names of the addresses in a log
    for _ in range(random.randrange(20, 200)):
        if random.random() < .3:
            ask(line, ".".join(random.choice("0123456789abcdef") for _ in range(32)) + ".ip6.arpa",
                12)
        else:
            ask(line, ".".join(str(random.randrange(256)) for _ in range(4)) + ".in-addr.arpa", 12)
        time.sleep(random.expovariate(20))
    time.sleep(random.uniform(60, 300))
"""

TELEMETRY = r"""
import random, socket, time
random.seed(23)
while True:  # its name lives for a second
    socket.getaddrinfo("collector.telemetry.example.net", 443)
    time.sleep(random.uniform(1, 4))
"""

VIDEO = r"""
import random, socket, ssl, sys, time
random.seed(int(sys.argv[1]))
tls = ssl.create_default_context()
tls.check_hostname = False
tls.verify_mode = ssl.CERT_NONE
def hexes(count): return "".join(random.choice("0123456789abcdef") for _ in range(count))
nodes = ["".join(random.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(8))
         for _ in range(30)]
def host():
    return random.choice((
        lambda: f"rr{random.randrange(1, 9)}---sn-{random.choice(nodes)}.googlevideo.com",
        lambda: f"d{hexes(13)}.cloudfront.net",
        lambda: f"scontent-ams{random.randrange(1, 9)}-{random.randrange(1, 9)}.xx.fbcdn.net",
        lambda: f"{hexes(32)}.safeframe.googlesyndication.com",
        lambda: f"a{random.randrange(1000, 2000)}.dscb.akamai.net",
        lambda: f"h{random.randrange(3)}.site{random.randrange(100)}.com"))()
while True:  # pages with films and advertisements
    for _ in range(random.randrange(5, 40)):
        try:
            with socket.create_connection((host(), 443), 5) as plain, tls.wrap_socket(plain) as line:
                line.sendall(b"GET /small HTTP/1.0\r\n\r\n")
                while line.recv(65536): pass
        except OSError: pass
        time.sleep(random.expovariate(10))
    time.sleep(random.expovariate(1 / 30))
"""

AGENT = r"""
import random, socket, sys, time
address, port, interval = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
while True:  # its server is gone
    try: socket.create_connection((address, port), 10).close()
    except OSError: pass
    time.sleep(interval)
"""

TRACKER = r"""
import http.server, socket, sys, urllib.parse
peers = {(f"203.0.113.{n}", 20000 + 97 * n) for n in range(60, 75)}  # gone, but still on the list
def value(item):
    if isinstance(item, int): return b"i%de" % item
    if isinstance(item, bytes): return b"%d:%s" % (len(item), item)
    return b"d" + b"".join(value(key) + value(item[key]) for key in sorted(item)) + b"e"
class Tracker(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def do_GET(self):
        asked = urllib.parse.parse_qs(self.path.partition("?")[2], encoding="latin-1")
        # Peers that have the whole file do not connect to each other.
        known = b"" if asked["left"] == ["0"] else b"".join(
            socket.inet_aton(at) + port.to_bytes(2, "big") for at, port in peers)
        peers.add((self.client_address[0], int(asked["port"][0])))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(value({b"interval": 120, b"peers": known}))
http.server.ThreadingHTTPServer(("198.51.100.7", 6969), Tracker).serve_forever()
"""


def bencode(item):
    if isinstance(item, int):
        return b"i%de" % item
    if isinstance(item, bytes):
        return b"%d:%s" % (len(item), item)
    return b"d" + b"".join(bencode(key) + bencode(item[key]) for key in sorted(item)) + b"e"


class Wild(Scene):
    def resolv_conf(self):
        return (f"nameserver {RESOLVER}\nsearch {' '.join(SEARCH)}\n"
                "options ndots:5\n")

    def world_servers(self):
        names = [f"203.0.113.{n + 1} www.site{n}.com" for n in range(SITES)]
        names += [f"203.0.113.{(n * HOSTS + host) % SITES + 1} h{host}.site{n}.com"
                  for n in range(SITES) for host in range(HOSTS)]
        names += ["198.51.100.8 collector.telemetry.example.net", f"{FTP} ftp.mirror.net",
                  "198.51.100.7 tracker.swarm.net"]
        networks = ("googlevideo.com", "cloudfront.net", "fbcdn.net", "googlesyndication.com",
                    "akamai.net")
        self.name_server(
            names, *(f"--address=/{name}/203.0.113.{n + 1}" for n, name in enumerate(networks)),
            *(f"--local=/{top}/" for top in ("com", "net", "org", "de", "uk", "arpa", "local")),
            ttl=1)
        self.web_sites((("small", 3_000), ("middle", 60_000)))
        self.exporters()
        for n in range(400):
            self.file(f"ftp/pub/package{n}.deb", "").write_bytes(os.urandom(2_000 + 40 * n))
        ftp = self.file("vsftpd.conf", f"""
listen=YES
listen_address={FTP}
background=NO
anonymous_enable=YES
no_anon_password=YES
anon_root={self.folder}/ftp
secure_chroot_dir={self.folder}/none
seccomp_sandbox=NO
""".lstrip())
        self.file("none/x", "").unlink()
        self.start(self.world, "/usr/sbin/vsftpd", ftp)
        self.swarm()

    def exporters(self):
        """Forty of them at one address; the last two of those asked are down."""
        listens = " ".join(f"listen {ROUTER}:{port};" for port in range(9100, 9138))
        self.file("web/metrics", "up 1\n" * 400)
        self.nginx(self.world, f"server {{ {listens} root {self.folder}/web; }}", "exporters")
        self.prometheus = self.file("prometheus.yml", f"""
global: {{scrape_interval: 15s}}
scrape_configs:
- job_name: many
  static_configs: [{{targets: {json.dumps([f'{ROUTER}:{port}' for port in range(9100, 9140)])}}}]
""")

    def swarm(self):
        self.python(self.world, "tracker", TRACKER)
        content = os.urandom(40_000_000)
        piece = 1 << 18
        pieces = b"".join(hashlib.sha1(content[at:at + piece]).digest()
                          for at in range(0, len(content), piece))
        self.torrent = self.file("release.torrent", "")
        self.torrent.write_bytes(bencode({
            b"announce": b"http://198.51.100.7:6969/announce",
            b"info": {b"length": len(content), b"name": b"release", b"piece length": piece,
                      b"pieces": pieces}}))
        self.file("seed/release", "").write_bytes(content)
        for n in range(PEERS):
            # The last ten are behind one address.
            address = f"203.0.113.{min(n, PEERS - 10) + 20}"
            self.peer(self.world, self.folder / "seed", f"--interface={address}",
                      f"--listen-port={30000 + 613 * n % 30000}", "--check-integrity=true",
                      "--seed-ratio=0", "--max-overall-upload-limit=50K")

    def peer(self, space, folder, *words):
        return self.start(space, "aria2c", "--no-conf", f"--dir={folder}", "--enable-dht=false",
                          "--enable-dht6=false", "--bt-enable-lpd=false", "--disable-ipv6=true",
                          "--enable-peer-exchange=false", "--file-allocation=none", "--quiet", *words,
                          self.torrent)

    def programs(self):
        # names
        unbound = self.file("unbound.conf", f"""
server:
  interface: {RESOLVER}
  do-daemonize: no
  use-syslog: no
  username: ""
  chroot: ""
  directory: "{self.folder}"
  pidfile: ""
  do-not-query-localhost: no
  use-caps-for-id: yes
  module-config: "iterator"
  unblock-lan-zones: yes
  insecure-lan-zones: yes
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: {ROUTER}
""")
        self.start(self.office, "unbound", "-d", "-c", unbound)
        self.python(self.office, "smtpd", MAIL)
        self.python(self.office, "loganalyzer", LOG)
        self.python(self.office, "telemetry", TELEMETRY)
        for seed in (1, 2):
            self.python(self.office, "browser", VIDEO, seed)
        # ports
        self.start(self.office, "prometheus", f"--config.file={self.prometheus}",
                   f"--storage.tsdb.path={self.folder}/tsdb", "--web.listen-address=127.0.0.1:9090")
        threading.Thread(target=self.transfers, daemon=True).start()
        # times
        self.python(self.office, "agent", AGENT, "203.0.113.90", 4444, 9)
        self.python(self.office, "collector", AGENT, "198.51.100.99", 443, 7)
        self.python(self.office, "reporter", AGENT, "203.0.113.91", 4445, 61)

    def transfers(self):
        """Somebody mirrors a folder by FTP, or loads from the swarm; then again."""
        chance = random.Random(9)
        for round_ in range(1000):
            if self.ended.wait(5 + chance.expovariate(1 / 60)):
                return
            first = chance.randrange(300)
            if round_ % 2 == 0:
                loads = self.start(self.office, "curl", "-s", "--ftp-pasv", "--output-dir",
                                   self.folder, "-o", "package#1", f"ftp://ftp.mirror.net/pub/"
                                   f"package[{first}-{first + chance.randrange(20, 100)}].deb")
            else:
                folder = pathlib.Path(self.folder) / f"load{round_}"
                loads = self.peer(self.office, folder, "--seed-time=1", "--listen-port=40111")
            while loads.poll() is None and not self.ended.wait(1):
                pass

    @staticmethod
    def host(end, record):
        """Each address of the world is one of another host."""
        is_asked = record.get("event") in ("accept", "refused")
        return f"{end} {record['local_addr']}" if end == "world" and is_asked else end
