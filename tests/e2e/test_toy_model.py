"""The built-in toy model is a whole model to a real llama-server: it answers, streams, tokenizes and comes to an end."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import harness
from test_kv_cost import TOOL


class ToyModel(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="odysseus-toy-")
        cls.addClassCleanup(folder.cleanup)
        cls.file = pathlib.Path(folder.name) / "odysseus-toy.gguf"
        subprocess.run([TOOL, "toy", cls.file], check=True)
        cls.port = harness.free_port()
        cls.server = subprocess.Popen([harness.llama_server(), "-m", cls.file, "--port", str(cls.port), "-c", "2048", "-np", "1",
                                       "-t", "1", "--offline"], env={**os.environ, "LLAMA_CACHE": folder.name},
                                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.addClassCleanup(lambda: (cls.server.kill(), cls.server.wait()))
        harness.wait_until(cls.is_ready, "llama-server has loaded the toy model", 60)

    @classmethod
    def is_ready(cls):
        try:
            return harness.request(cls.port, "GET", "/health").status == 200
        except OSError:
            return False

    def chat(self, **more):
        return {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello, \u00e9\u20ac!"}], **more}

    def test_it_is_small(self):
        self.assertLess(self.file.stat().st_size, 400_000)

    def test_an_answer_is_text_and_ends_by_itself(self):
        for seed in range(3):
            answer = harness.request(self.port, "POST", "/v1/chat/completions", self.chat(seed=seed)).json
            choice = answer["choices"][0]
            self.assertEqual(choice["finish_reason"], "stop", answer)
            self.assertTrue(choice["message"]["content"].isprintable(), answer)
            self.assertNotIn("\ufffd", choice["message"]["content"])

    def test_a_streamed_answer(self):
        pieces = b"".join(piece for _, piece in harness.stream(self.port, "/v1/chat/completions", self.chat(stream=True, max_tokens=5, ignore_eos=True))
                          if isinstance(piece, bytes))
        events = [line[6:] for line in pieces.split(b"\n") if line.startswith(b"data: ")]
        self.assertEqual(events[-1], b"[DONE]")
        self.assertGreater(sum("content" in json.loads(event)["choices"][0]["delta"] for event in events[:-1] if json.loads(event)["choices"]), 1)

    def test_every_text_is_tokens_and_back(self):
        text = "the word, \u00e9\u20ac\u4e2d \U0001f600"
        tokens = harness.request(self.port, "POST", "/tokenize", {"content": text}).json["tokens"]
        self.assertEqual(harness.request(self.port, "POST", "/detokenize", {"tokens": tokens}).json["content"].strip(), text)


if __name__ == "__main__":
    unittest.main()
