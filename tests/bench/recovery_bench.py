#!/usr/bin/env python3
"""From the SIGKILL of llama-server to the next answered request, against llama-server's own start and load, in turns.

    tests/bench/recovery_bench.py [--runs N] [--binary build/release/odysseus] [--check]

Both sides end with the same chat's last byte. Alone: exec of llama-server, asked as soon as it listens. With odysseus: the
kill, then a request at once, which waits in the proxy; each time a fresh odysseus, because a second death within a
minute is restarted with a delay. --check exits with 1 when the ratio of the medians is above the target.
Use a release build, and a machine with nothing else to do: the model is tiny, so a busy processor's queues count.
"""
import argparse
import json
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

TARGET = 1.2
BODY = json.dumps({"model": "tiny", "max_tokens": 1, "messages": [{"role": "user", "content": "hello"}]}).encode()


def chat(port):
    """The status and the body of one chat; OSError when nobody is there."""
    with strict_http.Connection(port, timeout=120) as connection:
        answer = connection.request("POST", "/v1/chat/completions", BODY, {"Content-Type": "application/json"})
        return answer.status, answer.body


def until_answered(port, began, starting):
    """Milliseconds since `began` until a chat is answered with 200. A server that is `starting` may refuse before."""
    while time.perf_counter() - began < 120:
        try:
            status, body = chat(port)
            if status == 200:
                return (time.perf_counter() - began) * 1000
            if not starting or status != 503:
                raise SystemExit("HTTP %d: %r" % (status, body))
        except OSError:
            if not starting:
                raise
        time.sleep(0.002)
    raise SystemExit("no answer")


def alone_ms(server, argv, environment):
    """With the arguments and the environment that odysseus uses, so both do the same work."""
    port = harness.free_port()
    argv = [server, *argv[1:]]
    argv[argv.index("--port") + 1] = str(port)
    began = time.perf_counter()
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        return until_answered(port, began, True)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def recovered_ms(home, binary):
    """Milliseconds, and llama-server's arguments and environment."""
    running = harness.Odysseus(home, "--ctx", "4096", binary=binary)
    try:
        running.wait_ready()
        assert chat(running.port)[0] == 200
        argv, pid = running.server_argv(), running.server_pid()
        lines = pathlib.Path("/proc/%d/environ" % pid).read_bytes().decode().split("\0")
        environment = dict(line.split("=", 1) for line in lines if "=" in line)
        began = time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        took = until_answered(running.port, began, False)
        running.stop()
        return took, argv, environment
    finally:
        running.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--binary", default=str(ROOT / "build/release/odysseus"))
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    server = harness.llama_server()

    binary = os.path.abspath(options.binary)

    home = harness.Home()
    try:
        home.model()
        alone, recovered = [], []
        for _ in range(options.runs + 1):  # the first turn warms the page cache and is dropped
            took, argv, environment = recovered_ms(home, binary)
            recovered.append(took)
            alone.append(alone_ms(server, argv, environment))
    finally:
        home.remove()

    alone, recovered = alone[1:], recovered[1:]
    print("%-44s %10s %10s %10s" % ("%d runs in turns" % options.runs, "median", "least", "most"))
    for label, values in [("llama-server alone, exec to answered", alone), ("SIGKILL to answered, through odysseus", recovered)]:
        print("%-44s %10.1f %10.1f %10.1f ms" % (label, statistics.median(values), min(values), max(values)))
    ratio = statistics.median(recovered) / statistics.median(alone)
    print("%-44s %10.2f (target: at most %.1f)" % ("ratio of the medians", ratio, TARGET))
    return 1 if options.check and ratio > TARGET else 0


if __name__ == "__main__":
    sys.exit(main())
