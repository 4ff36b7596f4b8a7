"""What a person sees on a terminal of 80 columns: the first run, later ones, a download, a question, a second start."""
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import unittest

import harness
from harness import Case, llama_server
from hub import Hub
from test_pull import model_bytes

COLUMNS = 80


class Terminal:
    """A program on a terminal. `.said` is what came so far; `rows()` what a screen of so many columns shows of it."""

    def __init__(self, home, *arguments, columns=COLUMNS, env=None):
        self.outer, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        environment = harness._environment(harness._RUN_MARK, {"TERM": "xterm", "NO_COLOR": "1", **(env or {})})
        self.columns, self._pieces = columns, []
        self.process = subprocess.Popen([harness.BINARY, "--home", str(home.path), *map(str, arguments)], env=environment,
                                        stdin=inner, stdout=inner, stderr=inner, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(inner)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while True:
            try:
                piece = os.read(self.outer, 65536)
            except OSError:
                return
            if not piece:
                return
            self._pieces.append(piece)

    @property
    def said(self):
        return b"".join(self._pieces).decode(errors="replace")

    def type(self, text):
        os.write(self.outer, text.encode())

    def wait_for(self, words, seconds=60):
        harness.wait_until(lambda: words in self.said or self.process.poll() is not None, "%r is said" % words, seconds)
        assert words in self.said, self.said

    def end(self, seconds=60):
        code = self.process.wait(seconds * harness.SLOW)
        self._reader.join(5)
        return code

    def rows(self):
        """Of a screen without an end: \\r, \\n, erasing to the end of a row, and rows that overflow into the next."""
        rows, row, column = [[]], 0, 0
        for sign in re.findall(r"\x1b\[K|\x1b\[[0-9;]*m|.", self.said, re.S):
            if sign == "\r":
                column = 0
            elif sign == "\n":
                row += 1
            elif sign == "\x1b[K":
                del rows[row][column:]
            elif not sign.startswith("\x1b"):
                if column == self.columns:
                    row, column = row + 1, 0
                rows += [[] for _ in range(row + 1 - len(rows))]
                rows[row][column:column + 1] = [sign]
                column += 1
            rows += [[] for _ in range(row + 1 - len(rows))]
        return ["".join(row).rstrip() for row in rows]

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._reader.join(5)
        os.close(self.outer)


class OnATerminal(Case):
    def terminal(self, home, *arguments, **options):
        made = Terminal(home, *arguments, **options)
        self.addCleanup(made.close)
        return made

    def test_a_download_takes_one_row_whatever_the_width(self):
        hub = Hub("organisation-with-a-long-name/Tiny-GGUF")
        self.addCleanup(hub.close)
        for columns in (40, 80, 120):
            home = self.home()
            name = "A-model-with-a-rather-long-name-as-they-have-%d-Q4_K_M.gguf" % columns
            hub.files.clear()
            hub.add(name, model_bytes(home.outer, 64 << 20))
            shown = self.terminal(home, "pull", hub.name, columns=columns, env={"HF_ENDPOINT": hub.url})
            self.assertEqual(shown.end(120), 0, shown.said)
            self.assertGreater(shown.said.count("\x1b[K"), 1, shown.said)
            self.assertEqual(len([row for row in shown.rows() if "MiB/s" in row or "GiB/s" in row]), 1, shown.said)

    def test_ctrl_c_at_a_question_ends_it(self):
        home = self.home()
        shown = self.terminal(home, "--llama-server", llama_server(), "--port", harness.free_port(), "--llama-port", harness.free_port())
        shown.wait_for("s = skip] ")
        shown.type("\x03")
        self.assertEqual(shown.end(), 130, shown.said)
        self.assertIn("odysseus: stopped", shown.said)

    def test_the_end_of_input_at_a_question_skips_it_in_a_row_of_its_own(self):
        home = self.home()
        shown = self.terminal(home, "--llama-server", llama_server(), "--port", harness.free_port(), "--llama-port", harness.free_port())
        shown.wait_for("s = skip] ")
        shown.type("\x04")
        shown.wait_for("Ctrl-C stops")
        self.assertTrue(next(row for row in shown.rows() if "s = skip]" in row).endswith("s = skip]"), shown.said)
        shown.type("\x03")
        self.assertEqual(shown.end(), 0, shown.said)

    def test_the_list_of_models_fits_80_columns(self):
        shown = self.terminal(self.home(), "--llama-server", llama_server(), "--port", harness.free_port())
        shown.wait_for("s = skip] ")
        begin = next(at for at, row in enumerate(shown.rows()) if row.startswith("There is no model"))
        rows = [row for row in shown.rows()[begin:] if re.match(r"  \d  ", row)]
        self.assertEqual([int(row.split()[0]) for row in rows], list(range(1, len(rows) + 1)))
        for row in shown.said.splitlines():
            self.assertLessEqual(len(row), COLUMNS, row)

    def test_no_word_of_a_table_a_sentence_or_a_command_is_broken(self):
        home = self.home()
        home.model("tiny.gguf")
        home.model("A-model-with-a-rather-long-name-of-many-words-as-they-have-them-Instruct-2507-UD-Q4_K_XL.gguf")
        (home.path / "models/broken.gguf").write_bytes(b"no model at all")
        for command in (["plan"], ["doctor", "--offline"], ["models"], ["config"], ["backend", "list"], ["pull", "llama3"], ["modles"]):
            shown = self.terminal(home, *command, "--llama-server", llama_server())
            shown.end()
            for row in shown.said.splitlines():
                text = row.strip()
                self.assertTrue(len(row) <= COLUMNS or " " not in text, "%s: %r" % (command, row))
            if command == ["plan"]:
                rows = shown.said.splitlines()
                argv = rows[next(at for at, row in enumerate(rows) if row.startswith("command")):]
                self.assertTrue(all(row.endswith(" \\") for row in argv[:-1]), shown.said)

    def start(self, home, *more):
        port, llama = harness.free_port(), harness.free_port()
        shown = self.terminal(home, "--llama-server", llama_server(), "--port", port, "--llama-port", llama, *more)
        return shown, port

    @staticmethod
    def labels(shown):
        """Without what is said of this machine alone: a GPU that is found and not used."""
        return [line.split(" ")[0] for line in shown.said.splitlines() if not re.match(r"note|\d\d:", line)]

    def test_the_first_run_is_short_later_ones_shorter_and_a_second_start_says_where_it_runs(self):
        home = self.home()
        home.model()
        broken = self.terminal(home, "--llama-server", "/bin/true", "--port", harness.free_port())
        self.assertNotEqual(broken.end(), 0)  # never ready: the next one is still the first
        shown, port = self.start(home)
        shown.wait_for("Ctrl-C stops")
        self.assertEqual(self.labels(shown), ["machine", "build", "models", "context", "ready", ""], shown.said)
        self.assertIn("open http://127.0.0.1:%d/odysseus" % port, shown.said)
        second = self.run_odysseus(home, "--port", harness.free_port(), expect=7,
                                   says=["odysseus: running already: http://127.0.0.1:%d/odysseus" % port, "(process %d)" % shown.process.pid])
        self.assertEqual(len(second.stderr.splitlines()), 1)
        shown.type("\x03")
        self.assertEqual(shown.end(), 0, shown.said)
        again, port = self.start(home)
        again.wait_for("Ctrl-C stops")
        self.assertEqual(self.labels(again), ["odysseus", "models", "ready"], again.said)
        self.assertIn("http://127.0.0.1:%d/odysseus" % port, again.said)
        again.type("\x03")
        self.assertEqual(again.end(), 0, again.said)

    def test_requests_are_told_in_words_and_their_facts_go_to_the_log(self):
        home = self.home()
        home.model("tiny.gguf")
        shown, port = self.start(home)
        shown.wait_for("Ctrl-C stops")
        chat = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 8}
        for stream in (False, True):
            harness.request(port, "POST", "/v1/chat/completions", {**chat, "stream": stream})
        harness.request(port, "POST", "/v1/chat/completions", {**chat, "model": "no\x1b[2Jsuch"})
        shown.wait_for("unknown model")
        rows = [row for row in shown.rows() if re.match(r"\d\d:\d\d:\d\d  ", row)]
        answers = [row for row in rows if " tokens  " in row]
        self.assertEqual(len(answers), 2, shown.said)
        for row in answers:
            self.assertRegex(row, r"^\d\d:\d\d:\d\d  200  tiny  \d+ tokens  [\d.]+ m?s  [\d.]+ tok/s$")
        self.assertRegex("\n".join(rows), r"\d\d:\d\d:\d\d  404  no\\u001b\[2Jsuch  unknown model  \d+ ms")
        self.assertNotIn("\x1b[2J", shown.said)
        log = (home.path / "logs/odysseus.log").read_text()
        self.assertRegex(log, r"request id=\S+ method=POST path=/v1/chat/completions model=tiny status=200 bytes=\d+ ")
        self.assertIn("model=no\\u001b[2Jsuch status=404", log)

    def test_a_crash_is_told_once_and_so_is_its_end(self):
        home = self.home()
        home.model("tiny.gguf")
        shown, port = self.start(home)
        shown.wait_for("Ctrl-C stops")
        harness.request(port, "POST", "/v1/chat/completions", {"model": "tiny", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 1})
        status = harness.request(port, "GET", "/odysseus/status").json
        os.kill(status["llama_server"]["pid"], signal.SIGKILL)
        shown.wait_for("llama-server is running again")
        rows = [row for row in shown.rows() if "llama-server" in row and re.match(r"\d\d:\d\d:\d\d  ", row)]
        self.assertEqual([row[10:] for row in rows][-2:], ["llama-server ended unexpectedly: signal 9 (Killed); starting it again",
                                                           "llama-server is running again"], shown.said)

    def test_the_toy_is_called_a_toy(self):
        shown, _ = self.start(self.home(), "--offline")
        shown.wait_for("random words")
        self.assertRegex(shown.said, r"no model +The toy answers with random words")
        shown.type("\x03")
        self.assertEqual(shown.end(), 0, shown.said)

    def test_a_commands_help_fits_a_screen(self):
        for command in ("serve", "plan", "doctor", "models", "pull", "backend", "config", "completion", "help"):
            said = self.run_odysseus(None, command, "--help", expect=0).stdout
            if command not in ("serve", "help"):  # they list every setting
                self.assertLessEqual(len(said.splitlines()), 24, said)
            self.assertLessEqual(max(map(len, said.splitlines())), COLUMNS, said)
            self.assertIn("Examples:\n  ", said)
        self.assertNotIn("--sse-ping", self.run_odysseus(None, "completion", "--help").stdout)
        self.assertIn("--hardware", self.run_odysseus(None, "plan", "--help").stdout)


class FromThePage(Case):
    def test_a_model_is_pulled_over_http_and_served_at_once(self):
        hub = Hub()
        self.addCleanup(hub.close)
        home = self.home()
        hub.add("Tiny-Q4_K_M.gguf", model_bytes(home.outer, 1 << 20))
        server = self.odysseus(home, env={"HF_ENDPOINT": hub.url}).wait_ready()
        offer = server.get("/odysseus/pull").json
        self.assertEqual(len([one for one in offer["starters"] if one["recommended"]]), 1)
        self.assertFalse(offer["offline"])
        self.assertEqual(server.post("/odysseus/pull", {"model": "org/Nothing"}).status, 400)
        self.assertEqual(server.post("/odysseus/pull", {"model": "org/Tiny-GGUF"}, headers={"Origin": "https://evil.example"}).status, 403)
        answer = server.post("/odysseus/pull", {"model": "org/Tiny-GGUF"})
        self.assertEqual(answer.status, 200)
        steps = [json.loads(line) for line in answer.body.decode().splitlines()]
        self.assertEqual(steps[0]["state"], "fetching")
        self.assertEqual(steps[0]["total"], len(hub.files["Tiny-Q4_K_M.gguf"]))
        self.assertEqual(steps[-1]["state"], "done")
        self.assertEqual(server.chat(steps[-1]["names"][0]).status, 200)

    def test_who_leaves_ends_the_download_and_the_next_goes_on(self):
        hub = Hub()
        self.addCleanup(hub.close)
        home = self.home()
        hub.add("Tiny-Q4_K_M.gguf", model_bytes(home.outer, 8 << 20))
        hub.hold = "Tiny-Q4_K_M.gguf"
        server = self.odysseus(home, env={"HF_ENDPOINT": hub.url}).wait_ready()
        pieces = server.stream({"model": "org/Tiny-GGUF"}, path="/odysseus/pull")
        next(pieces), next(pieces)
        self.assertTrue(hub.half_sent.wait(60 * harness.SLOW))
        self.assertEqual(server.post("/odysseus/pull", {"model": "org/Tiny-GGUF"}).status, 409)
        pieces.close()
        hub.release()
        harness.wait_until(lambda: server.post("/odysseus/pull", {"model": "org/Tiny-GGUF"}).status == 200, "it is free again", 60)
        self.assertTrue((home.path / "models/Tiny-Q4_K_M/Tiny-Q4_K_M.gguf").exists())
        self.assertRegex(hub.storage_requests[-1][1].get("Range", ""), r"bytes=[1-9]")


if __name__ == "__main__":
    unittest.main()
