"""What a person sees on a terminal of 80 columns, whole and word by word: tests/data/transcripts.

ODYSSEUS_TRANSCRIPTS=new writes the files anew; read them before you commit them. Times, ports, sizes on this machine and
paths are replaced by names, so that the texts are the same everywhere; the machine is a made-up one.
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import unittest

import harness
from harness import Case, llama_server
from hub import Hub
from test_pull import model_bytes
from test_terminal import COLUMNS, Terminal

FILES = harness.ROOT / "tests/data/transcripts"
MACHINE = {"os": "linux", "arch": "x64", "backend": "cpu", "cpu_model": "Example CPU", "cpu_cores": 8, "ram_mib": 16384,
           "available_ram_mib": 14336, "gpus": []}
CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 8}
# In this order; a run of digits that differs from machine to machine becomes a name.
_NAMES = [(r"\x1b\[K|\x1b\[[0-9;]*m", ""), (r"\d\d:\d\d:\d\d", "HH:MM:SS"), (r"\bprocess\s+\d+", "process PID"),
          (r"\b[\d.]+ (ms|s|min)\b(?=  |$)", "TIME"), (r"\b[\d.]+ tok/s", "N tok/s"), (r"\d+% done", "N% done"), (r"\bb\d{4,}\b", "bNNNNN"),
          (r"in use again \d+ s", "in use again N s")]


class Transcripts(Case):
    maxDiff = None

    def start(self, home, *arguments, server=True, env=None, columns=COLUMNS):
        """On a terminal, on a machine that is always the same."""
        machine = home.outer / "machine.json"
        machine.write_text(json.dumps(MACHINE))
        words = ["--hardware", machine] + (["--llama-server", llama_server()] if server else [])
        shown = Terminal(home, *arguments, *words, columns=columns, env=env)
        self.addCleanup(shown.close)
        return shown

    def serve(self, home, *arguments, **options):
        self.port, self.llama_port = harness.free_port(), harness.free_port()
        return self.start(home, "--port", self.port, "--llama-port", self.llama_port, *arguments, **options)

    def compare(self, name, shown, home, keep=lambda row: True):
        rows = [row for row in shown.rows() if keep(row)]
        while rows and not rows[-1]:
            rows.pop()
        for row in rows:
            self.assertLessEqual(len(row), COLUMNS, row)
        text = "\n".join(rows) + "\n"
        for value, word in sorted({str(home.path): "HOME", str(home.outer): "OUTER", str(getattr(self, "port", "no")): "PORT",
                                   str(getattr(self, "llama_port", "no")): "LLAMA"}.items(), key=lambda pair: -len(pair[0])):
            text = text.replace(value, word)
        for pattern, word in _NAMES:
            text = re.sub(pattern, word, text, flags=re.M)
        file = FILES / (name + ".txt")
        if os.environ.get("ODYSSEUS_TRANSCRIPTS") == "new":
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        # Where a row ends may depend on the length of a path or a number.
        expected = file.read_text() if file.exists() else ""
        if text.split() != expected.split():
            self.assertEqual(text, expected, name)

    def stop(self, shown, code=0):
        shown.type("\x03")
        self.assertEqual(shown.end(), code, shown.said)

    def ready(self, shown):
        shown.wait_for("Ctrl-C stops")
        return shown

    def ask(self, **more):
        return harness.request(self.port, "POST", "/v1/chat/completions", {**CHAT, **more})

    def test_first_and_second_run(self):
        home = self.home()
        home.model("tiny.gguf")
        self.run_odysseus(home, "backend", "import", pathlib.Path(llama_server()).parent, expect=0)
        shown = self.ready(self.serve(home, server=False))
        self.ask()
        shown.wait_for("tok/s")
        self.ask(model="gemma")
        shown.wait_for("unknown model")
        self.stop(shown)
        self.compare("first-run", shown, home)
        shown = self.ready(self.serve(home, server=False))
        self.stop(shown)
        self.compare("second-run", shown, home)

    def test_the_picture_of_the_first_run_is_this_transcript(self):
        done = subprocess.run([sys.executable, "-B", harness.ROOT / "scripts/pictures", "--check"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_no_network(self):
        home = self.home()
        nowhere = {"ODYSSEUS_GITHUB_API": "http://api.github.invalid", "ODYSSEUS_GITHUB_DOWNLOAD": "http://github.invalid",
                   "HF_ENDPOINT": "http://huggingface.invalid"}
        shown = self.serve(home, server=False, env={name: url.replace("http:", "https:") for name, url in nowhere.items()})
        self.assertEqual(shown.end(), 4, shown.said)
        self.compare("no-network", shown, home)
        shown = self.start(home, "pull", "org/Tiny-GGUF", server=False, env={"HF_ENDPOINT": "https://huggingface.invalid"})
        self.assertEqual(shown.end(), 4, shown.said)
        self.compare("no-network-pull", shown, home)

    def test_no_model(self):
        home = self.home()
        shown = self.serve(home, env={"HF_ENDPOINT": "https://huggingface.invalid"})
        shown.wait_for("s = skip] ")
        shown.type("1\n")
        self.ready(shown)
        shown.wait_for("random words")
        self.stop(shown)
        self.compare("no-model", shown, home)

    def test_taken_port(self):
        home = self.home()
        home.model("tiny.gguf")
        other = self.home()
        other.model("tiny.gguf")
        first = self.odysseus(other).wait_ready()
        self.port, self.llama_port = first.port, harness.free_port()
        shown = self.start(home, "--port", self.port, "--llama-port", self.llama_port)
        self.assertEqual(shown.end(), 7, shown.said)
        self.compare("taken-port", shown, home, lambda row: not row.startswith(("machine", "build", "models", "context")))
        self.port, self.llama_port = harness.free_port(), first.llama_port
        shown = self.start(home, "--port", self.port, "--llama-port", self.llama_port)
        self.assertEqual(shown.end(), 7, shown.said)
        self.compare("taken-llama-port", shown, home, lambda row: not row.startswith(("machine", "build", "models", "context")))
        shown = self.start(other, "--port", harness.free_port())
        self.assertEqual(shown.end(), 7, shown.said)
        self.port = first.port
        self.compare("second-start", shown, other)

    def test_a_folder_that_cannot_be_written(self):
        home = self.home()
        home.path = pathlib.Path("/proc/odysseus")  # also for the superuser
        shown = self.serve(home)
        self.assertEqual(shown.end(), 2, shown.said)
        self.compare("read-only", shown, home)

    def test_broken_files(self):
        home = self.home()
        home.model("tiny.gguf")
        whole = home.model("large.gguf", padding_mib=1).read_bytes()
        (home.path / "models/large.gguf").unlink()
        (home.path / "models/cut-off.gguf").write_bytes(whole[:40_000])
        (home.path / "models/page.gguf").write_bytes(b"<!DOCTYPE html><html><body>Sign in</body></html>" * 20)
        shown = self.ready(self.serve(home))
        answer = self.ask(model="page")
        self.assertNotEqual(answer.status, 200)
        shown.wait_for("page  ")
        self.stop(shown)
        self.compare("broken-file", shown, home)
        shown = self.start(home, "doctor", "--offline", "--port", self.port, "--llama-port", self.llama_port)
        shown.end()
        self.compare("broken-file-doctor", shown, home)

    def test_crash_and_recovery(self):
        home = self.home()
        home.model("tiny.gguf")
        shown = self.ready(self.serve(home))
        self.ask()
        shown.wait_for("tok/s")
        pid = harness.request(self.port, "GET", "/odysseus/status").json["llama_server"]["pid"]
        os.kill(pid, signal.SIGKILL)
        shown.wait_for("is running again")
        self.ask()
        harness.wait_until(lambda: shown.said.count("tok/s") == 2, "the second answer is told")
        self.stop(shown)
        self.compare("crash", shown, home, lambda row: re.match(r"\d\d:|  ", row) and "API" not in row)

    def test_ctrl_c_at_each_moment(self):
        home = self.home()
        shown = self.serve(home)
        shown.wait_for("s = skip] ")
        self.stop(shown, 130)
        self.compare("ctrl-c-question", shown, home)

        hub = Hub()
        self.addCleanup(hub.close)
        hub.add("Tiny-Q4_K_M.gguf", model_bytes(home.outer, 64 << 20))
        hub.hold = "Tiny-Q4_K_M.gguf"
        shown = self.start(home, "pull", "org/Tiny-GGUF", server=False, env={"HF_ENDPOINT": hub.url})
        self.assertTrue(hub.half_sent.wait(60 * harness.SLOW))
        harness.wait_until(lambda: re.search(r"\d+% ", shown.said), "the bar shows what has come")
        self.stop(shown, 130)
        self.compare("ctrl-c-download", shown, home, lambda row: not row.startswith("Tiny-Q4_K_M.gguf [") and row != "C")

        home = self.home()
        home.model("tiny.gguf")
        shown = self.ready(self.serve(home))
        self.stop(shown)
        self.compare("ctrl-c-serving", shown, home, lambda row: row.startswith("stopping"))


if __name__ == "__main__":
    unittest.main()
