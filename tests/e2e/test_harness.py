"""What the other tests stand on: ports that nobody else is given, and models that say fixed words to a real llama-server."""
import os
import socket
import subprocess
import sys
import unittest

import harness
from gguf import EMOJI, WORDS

TAKES_PORTS = "import harness; print(*(harness.free_port() for _ in range(100)), flush=True); input()"


class Ports(unittest.TestCase):
    def test_none_is_given_to_two_processes(self):
        taking = [subprocess.Popen([sys.executable, "-B", "-c", TAKES_PORTS], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   cwd=os.path.dirname(__file__)) for _ in range(4)]
        ports = []
        for process in taking:
            ports += map(int, process.stdout.readline().split())
        for process in taking:
            process.communicate(b"\n")
        self.assertEqual((len(ports), len(set(ports))), (400, 400))
        self.assertLessEqual(set(ports), set(harness.PORTS))

    def test_none_is_given_that_somebody_has(self):
        original, harness.PORTS = harness.PORTS, None
        self.addCleanup(setattr, harness, "PORTS", original)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            harness.PORTS = range(port, port + 1)
            with self.assertRaisesRegex(AssertionError, "no free port"):
                harness.free_port()


class Words(harness.Case):
    def serve(self, **shape):
        home = self.home()
        file, port = home.model("words.gguf", **shape), harness.free_port()
        server = subprocess.Popen([harness.llama_server(), "-m", file, "--port", str(port), "-c", "2048", "-np", "1", "-t", "1",
                                   "--offline"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: (server.kill(), server.wait()))

        def healthy():
            try:
                return harness.request(port, "GET", "/health").status == 200
            except OSError:
                return False
        harness.wait_until(healthy, "llama-server has loaded the model")
        return port

    def said(self, port, text="hello", **more):
        body = {"messages": [{"role": "user", "content": text}], **more}
        choice, = harness.request(port, "POST", "/v1/chat/completions", body).json["choices"]
        return choice["message"]["content"], choice["finish_reason"]

    def test_they_do_not_depend_on_the_sampling_nor_on_the_question(self):
        port, whole = self.serve(), (" " + " ".join(WORDS), "stop")
        for more in ({}, {"temperature": 0}, *({"temperature": 2, "top_k": 0, "top_p": 1, "min_p": 0, "seed": seed} for seed in range(5)),
                     {"text": "\U0001f600 one two"}, {"text": ""}):
            with self.subTest(more):
                self.assertEqual(self.said(port, **more), whole)
        self.assertEqual(self.said(port, max_tokens=3), (" one two three", "length"))
        self.assertEqual(self.said(port, max_tokens=12, ignore_eos=True, temperature=2), (whole[0] + " one two", "length"))

    def test_any_shape_says_them(self):
        self.assertEqual(self.said(self.serve(layers=8, heads=8, kv_heads=8, head_dim=128, seed=8))[0], " " + " ".join(WORDS))

    def test_other_words_and_none(self):
        self.assertEqual(self.said(self.serve(says=EMOJI + ("well",))), ("\U0001f600 well", "stop"))
        self.assertEqual(self.said(self.serve(says=()))[1], "stop")


if __name__ == "__main__":
    unittest.main()
