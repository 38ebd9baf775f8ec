#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records ordinary traffic of real programs: what an office does, or what is often taken for attacks.

    record.py --program sockscope --minutes 60 office hour.ndjson.xz
    record.py --program sockscope --minutes 60 wild wild.ndjson.xz

Two network namespaces, a wire of 300 Mbit/s that loses one packet in a thousand between them: an
office with private addresses, and a world with a hundred public ones and what answers there. Nothing
leaves them. What sockscope tells of both ends is written as it came, for replay.cpp. Needs (Debian's
names) for the office: chrony cron curl dnsmasq git haproxy nginx openssh-server openssl prometheus
prometheus-blackbox-exporter prometheus-node-exporter redis w3m wget; for the wild: aria2 curl dnsmasq
nginx openssl prometheus unbound vsftpd.
"""
import argparse
import json
import lzma
import threading
import time

from office import Office
from wild import Wild

SCENES = {"office": Office, "wild": Wild}
EVENTS = ("connect", "connect_failed", "accept", "refused", "dns")
EVENT_FIELDS = ("event", "ts_ns", "local_addr", "remote_addr", "remote_port", "pid", "comm", "uid",
                "latency_us", "error", "attempts", "dns", "name", "remote_name", "name_source")
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
        # Queries that a server receives count only on the host that asks.
        if record["event"] == "dns" and record["remote_port"] != 53 and record["remote_addr"] not in (
                "127.0.0.1", "::1", record["local_addr"]):
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("scene", choices=SCENES)
    parser.add_argument("file")
    arguments = parser.parse_args()
    with SCENES[arguments.scene](arguments.minutes) as scene, lzma.open(arguments.file, "wt") as file:
        scene.networks()
        scene.world_servers()
        time.sleep(2)
        lock = threading.Lock()

        def copy(end, process):
            for line in process.stdout:
                record = strip(json.loads(line))
                with lock:
                    if record is not None:
                        print(json.dumps({"end": scene.host(end, record), "record": record},
                                         separators=(",", ":")),
                              file=file)

        readers = [threading.Thread(target=copy, args=source)
                   for source in scene.record(arguments.program)]
        for reader in readers:
            reader.start()
        time.sleep(1)
        scene.programs()
        for reader in readers:
            reader.join()
        scene.ended.set()


if __name__ == "__main__":
    main()
