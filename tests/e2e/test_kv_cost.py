"""What odysseus says a KV cache costs, against what a real llama-server allocates for it.

ODYSSEUS_MODEL_TOOL names the built model_tool (else build/dev/tests/model_tool).
"""
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import tempfile
import threading
import unittest

import harness

TOOL = os.environ.get("ODYSSEUS_MODEL_TOOL") or str(harness.ROOT / "build/dev/tests/model_tool")
_BUFFER = re.compile(r" (?:KV|RS) buffer size = +([0-9.]+) MiB")
_DONE = re.compile(r"model loaded|server is listening|exiting due to|failed to load|error: ")
_DEADLINE_S = 60 * harness.SLOW


def allocated_mib(file, arguments, environment):
    """The sum of the buffers that llama-server logs while it loads `file`, and its log."""
    command = [harness.llama_server(), "-m", file, "--port", str(harness.free_port()), "-lv", "4", "--no-warmup", "-fit", "off",
               "-t", "1", "--offline", *arguments]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", env=environment) as server:
        watchdog = threading.Timer(_DEADLINE_S, server.kill)
        watchdog.start()
        lines = []
        for line in server.stdout:
            lines.append(line)
            if _DONE.search(line):
                break
        watchdog.cancel()
        server.kill()
    log = "".join(lines)
    return [float(size) for size in _BUFFER.findall(log)], log


class KvCost(unittest.TestCase):
    def test_equals_what_llama_server_allocates(self):
        with tempfile.TemporaryDirectory(prefix="odysseus-kv-") as folder:
            made = subprocess.run([TOOL, "shapes", folder], check=True, capture_output=True, text=True)
            runs = [json.loads(line) for line in made.stdout.splitlines()]
            self.assertGreaterEqual(len({run["name"] for run in runs}), 12)
            environment = {**os.environ, "LLAMA_CACHE": folder}
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                results = list(pool.map(lambda run: allocated_mib(run["file"], run["args"], environment), runs))
        for run, (buffers, log) in zip(runs, results):
            with self.subTest(name=run["name"], args=" ".join(run["args"])):
                self.assertTrue(buffers, "no cache in the log:\n" + log[-4000:])
                # Every buffer is printed with two digits.
                self.assertAlmostEqual(run["kv_bytes"] / 2**20, sum(buffers), delta=0.005 * len(buffers) + 1e-9)
                print("%-22s %-60s %9.2f MiB" % (run["name"], " ".join(run["args"]), sum(buffers)))

    def test_the_compute_buffer_is_no_larger_than_odysseus_thinks(self):
        tool = pathlib.Path(harness.llama_server()).with_name("llama-fit-params")
        with tempfile.TemporaryDirectory(prefix="odysseus-compute-") as folder:
            made = subprocess.run([TOOL, "shapes", folder], check=True, capture_output=True, text=True)
            runs = [run for run in map(json.loads, made.stdout.splitlines()) if run["compute_bytes"] is not None]
            self.assertGreaterEqual(len({run["name"] for run in runs}), 5)
            for run in runs:
                with self.subTest(name=run["name"], args=" ".join(run["args"])):
                    printed = subprocess.run([tool, "-m", run["file"], *run["args"], "--fit-print", "on"], check=True,
                                             capture_output=True, text=True, timeout=_DEADLINE_S,
                                             env={**os.environ, "LLAMA_CACHE": folder}).stdout
                    host = re.search(r"^Host \d+ \d+ (\d+)", printed, re.M)
                    self.assertTrue(host, printed)
                    self.assertLessEqual(int(host[1]), run["compute_bytes"] / 2**20 + 8)


if __name__ == "__main__":
    unittest.main()
