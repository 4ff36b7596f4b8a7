#!/usr/bin/env python3
"""The proxy beside nginx, haproxy and a Node.js proxy, in one run (docs/performance.md).

    tests/bench/proxy_bench.py --build build/release [--rounds 5] [--check]

Everything is on the loopback interface and bounded in time. Each round measures every proxy once, in
turn, so that a busy moment of the machine meets all of them; the table shows medians over the rounds.
--check ends with 1 when a target of docs/performance.md is missed. Peers that are not installed are
left out; the targets need nginx.
"""
import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_port(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"nothing listens on {port}")


def rss_mib(pids):
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1])
    return total / 1024


def children(pid):
    found = [pid]
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            found += children(int(child))
    return found


NGINX = """
daemon off; master_process on; worker_processes {workers}; pid {dir}/nginx.pid; error_log {dir}/error.log;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  access_log {dir}/access.log;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  client_max_body_size 256m; keepalive_requests 1000000;
  upstream llama {{ server 127.0.0.1:{up}; keepalive 32; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{
      proxy_pass http://llama; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; {more}
    }}
  }}
}}
"""

HAPROXY = """
global
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  option http-keep-alive
  option http-no-delay
frontend in
  bind 127.0.0.1:{port} backlog 1024
  default_backend llama
backend llama
  http-reuse always
  server one 127.0.0.1:{up}
"""


class Peers:
    def __init__(self, build, scratch, up):
        self.running = []
        self.ports = {}
        self.pids = {}
        self.scratch = scratch
        self.up = up
        self.build = build

    def start(self, name, command, port=None, **kw):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=open(f"{self.scratch}/{name}.log", "w"), text=True, **kw)
        self.running.append(process)
        if port is None:
            port = int(process.stdout.readline())
        wait_port(port)
        self.ports[name] = port
        self.pids[name] = process.pid

    def start_all(self, only):
        env = dict(os.environ, PROXY_HOST_LOG="1")
        self.start("direct", ["sleep", "100000"], self.up)
        self.start("odysseus", [f"{self.build}/tests/bench/proxy_host", str(self.up)], env=env)
        nginx = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
        if nginx and "nginx" in only:
            for name, more in (("nginx", ""), ("nginx-streamed", "proxy_request_buffering off;")):
                port = free_port()
                place = Path(self.scratch, name)
                place.mkdir()
                Path(place, "nginx.conf").write_text(
                    NGINX.format(dir=place, up=self.up, port=port, more=more, workers="auto"))
                os.chmod(place, 0o777)
                self.start(name, [nginx, "-p", str(place), "-c", f"{place}/nginx.conf"], port)
        haproxy = shutil.which("haproxy") or shutil.which("/usr/sbin/haproxy")
        if haproxy and "haproxy" in only:
            port = free_port()
            Path(self.scratch, "haproxy.cfg").write_text(HAPROXY.format(up=self.up, port=port))
            self.start("haproxy", [haproxy, "-db", "-f", f"{self.scratch}/haproxy.cfg"], port)
        node = shutil.which("node")
        if node and "node" in only:
            port = free_port()
            self.start("node", [node, str(HERE / "peer_proxy.js"), str(port), str(self.up)], port)

    def stop(self):
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        for process in self.running:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def load(build, *arguments):
    out = subprocess.run([f"{build}/tests/bench/bench_load", *map(str, arguments)],
                         capture_output=True, text=True, timeout=120, check=True)
    return json.loads(out.stdout)


MEASURES = {
    # name: (arguments behind the port, what to show)
    "streams 100": (("streams", 100, 30, 50), ("p50_us", "p99_us")),
    "streams 1000": (("streams", 1000, 30, 50), ("p50_us", "p99_us")),
    "json, 1 connection": (("json", 1, 3000), ("p50_us",)),
    "json, 32 connections": (("json", 32, 20000), ("per_s",)),
    "20 MB, name first": (("body", 10, 20_000_000, "first"), ("p50_us",)),
    "20 MB, name last": (("body", 10, 20_000_000, "last"), ("p50_us",)),
}

# measure, figure, most (or, for throughput, least) as a multiple of nginx's
TARGETS = [
    ("streams 100", "p50_us", 1.3), ("streams 100", "p99_us", 2.0),
    ("streams 1000", "p50_us", 1.5), ("streams 1000", "p99_us", 4.0),
    ("json, 1 connection", "p50_us", 1.3), ("json, 32 connections", "per_s", 0.7),
    ("20 MB, name first", "p50_us", 1.3), ("20 MB, name last", "p50_us", 1.3),
]
RSS_MIB_MAX = 96


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join(MEASURES))
    parser.add_argument("--peers", default="nginx,haproxy,node")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    scratch = tempfile.mkdtemp(prefix="proxy-bench-")
    os.chmod(scratch, 0o755)
    upstream = subprocess.Popen([f"{options.build}/tests/bench/bench_load", "upstream"],
                                stdout=subprocess.PIPE, text=True)
    peers = Peers(options.build, scratch, int(upstream.stdout.readline()))
    results = {}
    bad = []
    try:
        peers.start_all(options.peers.split(","))
        idle = {name: rss_mib(children(pid)) for name, pid in peers.pids.items()}
        rss = dict.fromkeys(peers.ports, 0.0)
        chosen = [m for m in MEASURES if any(m.startswith(o) for o in options.only.split(","))]
        for _ in range(options.rounds):
            for measure in chosen:
                arguments = MEASURES[measure][0]
                for name, port in peers.ports.items():
                    got = load(options.build, arguments[0], port, *arguments[1:])
                    if got["bad"]:
                        bad.append(f"{measure}, {name}: {got['bad']} bad")
                    for figure in MEASURES[measure][1]:
                        results.setdefault((measure, figure), {}).setdefault(name, []).append(
                            got[figure])
                    rss[name] = max(rss[name], rss_mib(children(peers.pids[name])))
    finally:
        peers.stop()
        upstream.kill()
        shutil.rmtree(scratch, ignore_errors=True)
    names = list(peers.ports)
    print("| measure | " + " | ".join(names) + " |")
    print("| --- |" + " ---: |" * len(names))
    medians = {}
    for (measure, figure), by_name in results.items():
        row = []
        for name in names:
            medians[measure, figure, name] = statistics.median(by_name[name])
            row.append(f"{medians[measure, figure, name]:,.0f}")
        unit = {"p50_us": "median, µs", "p99_us": "p99, µs", "per_s": "requests/s"}[figure]
        print(f"| {measure}: {unit} | " + " | ".join(row) + " |")
    print("| memory, idle: MiB | " + " | ".join(f"{idle[n]:.1f}" for n in names) + " |")
    print("| memory, most: MiB | " + " | ".join(f"{rss[n]:.1f}" for n in names) + " |")
    failures = [b for b in bad if "odysseus" in b]
    for measure, figure, factor in TARGETS:
        ours = medians.get((measure, figure, "odysseus"))
        theirs = medians.get((measure, figure, "nginx"))
        if ours is None or theirs is None:
            continue
        missed = ours < factor * theirs if figure == "per_s" else ours > factor * theirs
        print(f"{'MISSED' if missed else 'held  '} {measure} {figure}: {ours / theirs:.2f} x nginx "
              f"(target {factor})")
        if missed:
            failures.append(measure)
    if rss["odysseus"] > RSS_MIB_MAX:
        failures.append("memory")
    for line in bad:
        print(line)
    return 1 if options.check and failures else 0


if __name__ == "__main__":
    sys.exit(main())
