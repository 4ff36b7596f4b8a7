#!/usr/bin/env python3
"""What odysseus costs before the first request: exec to ready, against llama-server alone, in turns; its resident memory
when idle; and how long --help and plan take.

    tests/bench/startup_bench.py [--runs N] [--binary build/release/odysseus] [--check]

Ready is when GET /health answers 200: of odysseus for the one, of llama-server itself for the other. --check exits with 1
when a target is missed: 150 ms on top of llama-server, 12 MiB resident, --help below 20 ms. Use a release build.
"""
import argparse
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
import harness  # noqa: E402
import strict_http  # noqa: E402

TARGET_EXTRA_MS, TARGET_RSS_KIB, TARGET_HELP_MS = 150, 12 * 1024, 20


def until_ready(port, process, began):
    """Asks GET /health as fast as connections are made, 2 ms apart; milliseconds since `began`."""
    while process.poll() is None:
        try:
            with strict_http.Connection(port, timeout=2) as connection:
                if connection.request("GET", "/health").status == 200:
                    return (time.perf_counter() - began) * 1000
        except OSError:
            pass
        if time.perf_counter() - began > 60:
            break
        time.sleep(0.002)
    raise SystemExit("it did not get ready")


def stop(process):
    process.send_signal(signal.SIGTERM)
    process.wait(30)


def alone_ms(home, server):
    port = harness.free_port()
    began = time.perf_counter()
    process = subprocess.Popen([server, "--port", str(port), "--models-dir", str(home.path / "models"), "--models-max", "1",
                                "--parallel", "1", "--ctx-size", "4096", "--threads", "4", "-ngl", "0"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return until_ready(port, process, began)
    finally:
        stop(process)


def launched_ms(home, server, binary):
    """Milliseconds to ready, resident KiB once idle."""
    port = harness.free_port()
    began = time.perf_counter()
    process = subprocess.Popen([binary, "--home", str(home.path), "--port", str(port), "--llama-port",
                                str(harness.free_port()), "--llama-server", server, "--ctx", "4096"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        took = until_ready(port, process, began)
        time.sleep(0.5)  # idle: what was freed has been given back, if ever
        text = pathlib.Path("/proc/%d/status" % process.pid).read_text()
        return took, int(text.split("VmRSS:")[1].split()[0])
    finally:
        stop(process)


def command_ms(*command):
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=False)
    return (time.perf_counter() - began) * 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--binary", default=str(ROOT / "build/release/odysseus"))
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    binary, server = os.path.abspath(options.binary), harness.llama_server()

    home = harness.Home()
    try:
        home.model()
        alone, launched, resident, help_took, plan_took = [], [], [], [], []
        for _ in range(options.runs + 1):  # the first round warms the page cache and is dropped
            alone.append(alone_ms(home, server))
            took, kib = launched_ms(home, server, binary)
            launched.append(took)
            resident.append(kib)
            help_took.append(command_ms(binary, "--help"))
            plan_took.append(command_ms(binary, "plan", "--home", str(home.path), "--llama-server", server))
    finally:
        home.remove()

    alone, launched, resident, help_took, plan_took = (v[1:] for v in (alone, launched, resident, help_took, plan_took))
    extra = statistics.median(a - b for a, b in zip(launched, alone))
    rows = [("llama-server alone, exec to ready", alone, "ms"), ("odysseus, exec to ready", launched, "ms"),
            ("odysseus, resident when idle", [kib / 1024 for kib in resident], "MiB"),
            ("odysseus --help", help_took, "ms"), ("odysseus plan", plan_took, "ms")]
    print("%-36s %10s %10s %10s" % ("%d runs in turns" % options.runs, "median", "least", "most"))
    for label, values, unit in rows:
        print("%-36s %10.1f %10.1f %10.1f %s" % (label, statistics.median(values), min(values), max(values), unit))
    print("%-36s %10.1f ms (target: at most %d)" % ("on top of llama-server, paired median", extra, TARGET_EXTRA_MS))
    missed = [what for what, bad in [
        ("start-up", extra > TARGET_EXTRA_MS), ("memory", statistics.median(resident) > TARGET_RSS_KIB),
        ("--help", statistics.median(help_took) > TARGET_HELP_MS)] if bad]
    if missed:
        print("missed: " + ", ".join(missed))
    return 1 if missed and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
