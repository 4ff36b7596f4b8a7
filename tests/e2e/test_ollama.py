"""Ollama's API with a real llama-server: its own clients for Python and JavaScript, unmodified, and its port."""
import json
import os
import sys
import unittest

import harness
from harness import Case, wait_until
from hub import Hub
from test_clients import CLIENTS, client_python, run, run_node
from test_pull import model_bytes

KEY = "key-of-the-test"
FAKE = os.environ.get("ODYSSEUS_FAKE_LLAMA_SERVER") or str(harness.ROOT / "build/dev/tests/fake_llama_server")


class Clients(Case):
    @classmethod
    def setUpClass(cls):
        cls.shared = harness.Home()
        cls.addClassCleanup(cls.shared.remove)
        cls.shared.model("friendly/Weights-F16.gguf")
        cls.port = harness.free_port()
        cls.server = harness.Odysseus(cls.shared, "--ctx", "8192", "--api-key", KEY, "--ollama-port", str(cls.port))
        cls.addClassCleanup(cls.server.close)
        wait_until(lambda: harness.is_open(cls.port), "odysseus listens")
        cls.url = "http://localhost:%d" % cls.port

    def idle(self):
        """A client that hung up has left nothing running."""
        def none_active():
            status = self.server.get("/odysseus/status", headers={"Authorization": "Bearer " + KEY})
            return status.json["requests"]["active"] == 0
        wait_until(none_active, "no request is in flight")

    def test_python(self):
        run([client_python(), CLIENTS / "with_ollama.py", self.url, "friendly", KEY])
        self.idle()

    def test_javascript(self):
        run_node("with_ollama.mjs", self.url, "friendly", KEY)
        self.idle()

    def test_both_loopback_addresses_say_that_it_runs(self):
        for host in ("127.0.0.1", "::1"):
            self.assertEqual(run(["curl", "-sS", "--fail", "http://%s:%d/" % ("[::1]" if host == "::1" else host, self.port)]),
                             "Ollama is running")

    def test_the_ordinary_port_has_it_too(self):
        answer = self.server.get("/api/version", headers={"Authorization": "Bearer " + KEY})
        self.assertEqual(answer.status, 200)


class OtherServers(Case):
    """What a real llama-server cannot be made to do, with the fake one."""

    def fake(self, *flags, arguments=()):
        home = self.home()
        home.model("tiny.gguf")
        return self.odysseus(home, "--ctx", "2048", *arguments, server=FAKE, env={"FAKE_LLAMA": " ".join(flags)}).wait_ready()

    def test_a_load_longer_than_sse_ping(self):
        for tried in (lambda url: run([client_python(), CLIENTS / "with_ollama.py", url, "tiny", "none", "long"]),
                      lambda url: run_node("with_ollama.mjs", url, "tiny", "none", "long")):
            tried("http://127.0.0.1:%d" % self.fake("--load-ms", "3500", arguments=("--sse-ping", "1")).port)


class Pull(Case):
    def setUp(self):
        self.hub = Hub()
        self.addCleanup(self.hub.close)
        self.place = self.home()
        self.place.model("first.gguf")
        self.data = model_bytes(self.place.outer) + bytes(4 << 20)
        self.hub.add("Tiny-Q8_0.gguf", self.data)
        self.server = self.odysseus(self.place, "--ctx", "2048", env={"HF_ENDPOINT": self.hub.url}).wait_ready()

    def lines(self, body):
        answer = self.server.post("/api/pull", body)
        return answer, [json.loads(line) for line in answer.body.decode().splitlines()]

    def names(self):
        return [model["name"] for model in self.server.get("/api/tags").json["models"]]

    def test_its_progress_comes_as_lines_and_the_model_is_there(self):
        answer, lines = self.lines({"model": "hf.co/org/Tiny-GGUF:Q8_0"})
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "application/x-ndjson"))
        self.assertEqual(lines[0], {"status": "pulling manifest"})
        self.assertEqual(lines[-1], {"status": "success"})
        files = [line for line in lines if "digest" in line]
        self.assertTrue(files, lines)
        for line in files:
            self.assertEqual(line["digest"], "sha256:" + self.hub.digests["Tiny-Q8_0.gguf"])
            self.assertEqual(line["total"], len(self.data))
            self.assertEqual(line["status"], "pulling " + self.hub.digests["Tiny-Q8_0.gguf"][:12])
        self.assertEqual(sum(name.lower().startswith("tiny") for name in self.names()), 1)
        answer, lines = self.lines({"model": "hf.co/org/Tiny-GGUF:Q8_0", "stream": False})
        self.assertEqual((answer.status, lines), (200, [{"status": "success"}]))

    def test_what_is_not_there_is_said(self):
        answer, lines = self.lines({"model": "org/Other-GGUF"})
        self.assertEqual(answer.status, 200)
        self.assertEqual([list(line) for line in lines], [["status"], ["error"]])
        answer, lines = self.lines({"model": "org/Other-GGUF", "stream": False})
        self.assertGreaterEqual(answer.status, 400)
        self.assertIn("Other-GGUF", lines[0]["error"])

    def test_it_ends_with_its_client_and_goes_on_later(self):
        self.hub.hold = "Tiny-Q8_0.gguf"
        lines = self.server.stream({"model": "org/Tiny-GGUF"}, "/api/pull")
        self.assertEqual(next(lines)[1].status, 200)
        wait_until(lambda: list(self.place.path.glob("models/*/*.part")), "a part is there")
        self.assertTrue(self.hub.half_sent.wait(60))
        lines.close()  # and hang up
        self.hub.release()

        def succeeded():
            return self.lines({"model": "org/Tiny-GGUF"})[1][-1] == {"status": "success"}
        wait_until(succeeded, "the next pull has its turn")
        ranges = [headers.get("Range") for _, headers in self.hub.storage_requests]
        self.assertTrue(any(r and not r.startswith("bytes=0-") for r in ranges), ranges)


if __name__ == "__main__":
    sys.exit(unittest.main())
