"""What clients meet at their first try, with a real llama-server: names as they write them, bodies as they pack them, hosts and origins as
they have them, errors in their own shape."""
import gzip
import json
import os
import sys
import unittest
import zlib

import harness
from harness import Case, wait_until

HELLO = [{"role": "user", "content": "hello"}]


def chat(model, **more):
    return {"model": model, "messages": HELLO, "max_tokens": 2, **more}


class Contact(Case):
    @classmethod
    def setUpClass(cls):
        cls.shared = harness.Home()
        cls.addClassCleanup(cls.shared.remove)
        cls.path = cls.shared.model("unsloth/Qwen3-8B-GGUF/Qwen3-8B-UD-Q4_K_XL.gguf")
        cls.server = harness.Odysseus(cls.shared, "--ctx", "4096", "--alias", "gpt-4o=qwen3", "--alias", "llama*=Qwen3-8B",
                                      "--default-model", "qwen3")
        cls.addClassCleanup(cls.server.close)
        cls.server.wait_ready()

    def status(self, path, body, headers=None):
        return harness.request(self.server.port, "POST", path, body, headers).status

    def test_names(self):
        for name in ("qwen3", "qwen3:latest", "qwen3:8b", "openai/qwen3-8b", "Qwen3-8B:Q4_K_XL", "unsloth/Qwen3-8B-GGUF:UD-Q4_K_XL",
                     "unsloth/Qwen3-8B-GGUF", str(self.path), "models/Qwen3-8B-UD-Q4_K_XL.gguf", "gpt-4o", "llama3.2:3b",
                     "claude-sonnet-4-5"):
            with self.subTest(name):
                answer = self.server.post("/v1/chat/completions", chat(name))
                self.assertEqual(answer.status, 200, answer.body)
        answer = self.server.post("/v1/chat/completions", chat("nobody"))
        self.assertEqual(answer.status, 404)
        self.assertIn("--alias", answer.json["error"]["message"])

    def test_facts_before_the_load_and_after(self):
        for _ in range(2):
            entry = self.server.get("/v1/models").json["data"][0]
            self.assertEqual((entry["context_length"], entry["meta"]["n_ctx"], entry["kind"]), (4096, 4096, "chat"))
            self.server.post("/v1/chat/completions", chat("qwen3"))
        listed = [entry["id"] for entry in self.server.get("/v1/models").json["data"]]
        self.assertIn("gpt-4o", listed)

    def test_a_prompt_that_is_too_long(self):
        long = {"model": "qwen3", "max_tokens": 2, "messages": [{"role": "user", "content": "word " * 5000}]}
        for path in ("/v1/chat/completions", "/v1/messages"):
            answer = self.server.post(path, long)
            self.assertEqual(answer.status, 400)
            self.assertRegex(answer.json["error"]["message"], r"prompt is too long: \d+ tokens > 4096 maximum.*--ctx")

    def test_errors_of_messages(self):
        for body in ({"model": "qwen3"}, {"model": "nobody", "messages": HELLO, "max_tokens": 1}, b"no JSON", {"model": 7}):
            answer = harness.request(self.server.port, "POST", "/v1/messages?beta=true", body)
            self.assertGreaterEqual(answer.status, 400)
            self.assertEqual(answer.json["type"], "error", answer.body)
            self.assertIn("type", answer.json["error"])
        answer = self.server.post("/v1/messages/count_tokens?beta=true", {"model": "qwen3", "messages": HELLO})
        self.assertGreater(answer.json["input_tokens"], 0)

    def test_packed_bodies(self):
        for size in (0, 100_000, 2_000_000):
            body = json.dumps({**chat("qwen3"), "unused": "a" * size}).encode()
            for coding, packed in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body)), ("identity", body)):
                with self.subTest(coding=coding, size=size):
                    self.assertEqual(self.status("/v1/chat/completions", packed, {"Content-Encoding": coding,
                                                                                  "Content-Type": "application/json"}), 200)
        self.assertEqual(self.status("/v1/chat/completions", body, {"Content-Encoding": "br"}), 415)
        self.assertEqual(self.status("/v1/chat/completions", body, {"Content-Encoding": "gzip"}), 400)

    def test_json_that_is_called_something_else(self):
        for size in (0, 40_000, 1_500_000):
            body = json.dumps({**chat("qwen3"), "unused": "a" * size}).encode()
            for kind in ("application/x-www-form-urlencoded", "text/plain"):
                with self.subTest(kind=kind, size=size):
                    self.assertEqual(self.status("/v1/chat/completions", body, {"Content-Type": kind}), 200)

    def test_paths(self):
        for path in ("/v1/v1/chat/completions", "//v1/chat/completions", "/v1/chat/completions/", "/openai/v1/chat/completions",
                     "/v1/chat/completions/chat/completions", "/api/v1/chat/completions"):
            self.assertEqual(self.status(path, chat("qwen3")), 200)
        for path in ("/v1/models/", "/v1/models/qwen3", "/v1/models/qwen3:latest", "/api/tags/", "/v1/api/tags"):
            self.assertEqual(self.server.get(path).status, 200, path)
        self.assertEqual(self.server.get("/v1").status, 404)

    def test_doors(self):
        for host in ("host.docker.internal:8080", "gateway.docker.internal", "host.containers.internal"):
            self.assertEqual(self.server.get("/v1/models", headers={"Host": host}).status, 200)
        for origin in ("app://obsidian.md", "tauri://localhost", "vscode-webview://1a2b"):
            self.assertEqual(self.server.get("/v1/models", headers={"Origin": origin}).status, 200)
        refused = self.server.get("/v1/models", headers={"Host": "box.lan:8080"})
        self.assertEqual(refused.status, 403)
        self.assertIn("--allow-host box.lan", refused.json["error"]["message"])
        refused = self.server.get("/v1/models", headers={"Origin": "https://chat.example"})
        self.assertIn("--allow-origin https://chat.example", refused.json["error"]["message"])
        log = self.shared.path / "logs/odysseus.log"
        wait_until(lambda: "--allow-host box.lan" in log.read_text() and "chat.example" in log.read_text(), "the log says who was refused")

    @unittest.skipUnless(os.path.exists("/proc/net/if_inet6"), "this machine has no IPv6")
    def test_both_loopback_addresses(self):
        self.assertEqual(harness.request(self.server.port, "GET", "/health", headers={"Host": "localhost"}, host="::1").status, 200)


class SeveralModels(Case):
    def test_the_default_model_is_named_as_odysseus_models_names_it(self):
        home = self.home()
        for name in ("Alpha-Q8_0.gguf", "Beta-Q8_0.gguf"):
            home.model(name)
        server = self.odysseus(home, "--ctx", "1024", "--default-model", "beta").wait_ready()
        for body in (chat("claude-opus-4"), chat(""), {"messages": HELLO, "max_tokens": 2}):
            answer = server.post("/v1/chat/completions", body)
            self.assertEqual((answer.status, answer.json["model"]), (200, "Beta-Q8_0"), answer.body)
        answer = server.post("/v1/chat/completions", chat("alpha"))
        self.assertEqual(answer.json["model"], "Alpha-Q8_0")


class Companions(Case):
    """A program that searches and answers asks for vectors and for words in turn."""

    def ask_both(self, odysseus, times):
        for _ in range(times):
            answer = odysseus.post("/v1/embeddings", {"model": "vectors", "input": "hello"})
            self.assertEqual(answer.status, 200, answer)
            self.assertGreater(len(answer.json["data"][0]["embedding"]), 8)
            self.assertEqual(odysseus.chat("words", max_tokens=2).status, 200)

    def loads(self, odysseus):
        return (odysseus.home.path / "logs/llama-server.log").read_text().count("spawning server instance with name=")

    def test_both_stay_loaded(self):
        home = self.home()
        home.model("words.gguf")
        home.model("vectors.gguf", pooling=1, trained_context=2048)
        odysseus = self.odysseus(home).wait_ready()
        argv = odysseus.server_argv()
        self.assertEqual(argv[argv.index("--models-max") + 1], "2")
        self.ask_both(odysseus, 1)
        before = self.loads(odysseus)
        self.ask_both(odysseus, 4)
        self.assertEqual(self.loads(odysseus), before)
        status = odysseus.status()
        self.assertEqual({model["id"]: model["status"]["value"] for model in odysseus.get("/v1/models").json["data"]},
                         {"words": "loaded", "vectors": "loaded"})
        self.assertEqual((status["restarts"], status["oom_steps"], status["context"]["tokens"]), (0, 0, 32768))
        self.assertEqual(odysseus.stop(), 0)

    def test_they_take_turns_when_that_is_said(self):
        home = self.home()
        home.model("words.gguf")
        home.model("vectors.gguf", pooling=1, trained_context=2048)
        odysseus = self.odysseus(home, "--models-max", "1").wait_ready()
        argv = odysseus.server_argv()
        self.assertEqual(argv[argv.index("--models-max") + 1], "1")
        self.ask_both(odysseus, 2)
        self.assertEqual(odysseus.stop(), 0)


class AnyName(Case):
    def test_every_name_is_answered(self):
        home = self.home()
        home.model("tiny.gguf")
        server = self.odysseus(home, "--ctx", "2048", "--any-name").wait_ready()
        answer = server.post("/v1/chat/completions", chat("no such model"))
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.json["model"], "tiny")


if __name__ == "__main__":
    sys.exit(unittest.main())
