"""Models larger than the GPU, on a real llama-server with a real, small GPU (Mesa's llvmpipe behind a layer)."""
import pathlib
import tempfile
import unittest

import small_gpu
from harness import Case, wait_until

GPU_MIB = 192
SHAPE = {"layers": 8, "width": 256, "heads": 8, "kv_heads": 2, "head_dim": 32, "hollow": True, "trained_context": 8192}


def dense(share):
    """A model of that share of the GPU's memory: three matrices a layer."""
    size = GPU_MIB * 1024 * 1024 * share
    return {**SHAPE, "feed_forward": int(size / SHAPE["layers"] / 3 / 256 / 2) // 32 * 32}


def mixture(share):
    shape = dense(share)
    return {**shape, "experts": 8, "feed_forward": max(shape["feed_forward"] // 8 // 32 * 32, 32)}


class SmallGpu(Case):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="odysseus-small-gpu-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.variables = small_gpu.environment(GPU_MIB, pathlib.Path(cls.folder.name))

    def start(self, home, *arguments):
        return self.odysseus(home, "--device", "vulkan", *arguments, server=small_gpu.server(),
                             env=self.variables).wait_ready(180)

    def model_of(self, status, name):
        return next(model for model in status["models"] if model["id"] == name)

    def check(self, kind, share):
        home = self.home()
        home.model("large.gguf", **kind(share))
        home.model("small.gguf")
        odysseus = self.start(home)
        answer = odysseus.chat("large", timeout=300, max_tokens=4)
        self.assertEqual(answer.status, 200, (answer, odysseus.output()))
        self.assertEqual(odysseus.chat("small", timeout=300).status, 200)
        status = odysseus.status()
        self.assertEqual(self.model_of(status, "small")["placement"]["device"], "vulkan", status)
        self.assertEqual(self.model_of(status, "small")["fits"], "yes", status)
        large = self.model_of(status, "large")
        self.assertEqual(large["fits"], "yes" if share <= 0.5 else "partly", large)
        if share > 0.5:
            self.assertIn("in RAM", large["placement"]["reason"] + "in RAM" * (large["placement"]["device"] == "cpu"))
        self.assertEqual(odysseus.chat("large", timeout=300, max_tokens=2).status, 200)
        self.assertEqual(odysseus.stop(), 0)

    def test_dense_models_of_every_size_answer(self):
        for share in (0.5, 0.9, 1.1, 2, 8):
            with self.subTest(share=share):
                self.check(dense, share)

    def test_mixtures_of_every_size_answer(self):
        for share in (0.5, 0.9, 1.1, 2, 8):
            with self.subTest(share=share):
                self.check(mixture, share)

    def test_another_program_takes_half_of_it_and_gives_it_back(self):
        other = pathlib.Path(self.folder.name) / "other"
        other.write_text(str(GPU_MIB // 2))
        self.addCleanup(other.unlink)
        home = self.home()
        home.model("large.gguf", **dense(0.6))
        home.model("small.gguf")
        odysseus = self.odysseus(home, "--device", "vulkan", server=small_gpu.server(),
                                 env={**self.variables, "SMALL_GPU_OTHER": str(other)}).wait_ready(180)
        answer = odysseus.chat("large", timeout=300, max_tokens=2)
        self.assertEqual(answer.status, 200, (answer, odysseus.output()))
        self.assertEqual(self.model_of(odysseus.status(), "large")["fits"], "partly")
        steps = odysseus.status()["oom_steps"]
        # It has its memory back once that is free again, and the model is loaded anew.
        other.write_text("0")

        def is_whole():
            self.assertEqual(odysseus.chat("small", timeout=300, max_tokens=1).status, 200)
            self.assertEqual(odysseus.chat("large", timeout=300, max_tokens=1).status, 200)
            return self.model_of(odysseus.status(), "large")["fits"] == "yes"
        wait_until(is_whole, "the model is on the GPU again", 90)
        self.assertEqual(odysseus.status()["oom_steps"], steps)
        self.assertEqual(odysseus.stop(), 0)


class Switches(Case):
    """Two models of different contexts, on any llama-server."""

    def test_a_hundred_alternating_requests_lose_nothing(self):
        home = self.home()
        home.model("short.gguf", trained_context=2048)
        home.model("long.gguf", trained_context=8192)
        odysseus = self.odysseus(home).wait_ready()
        contexts = {model["id"]: model["context"]["tokens"] for model in odysseus.status()["models"]}
        self.assertEqual(contexts, {"short": 2048, "long": 8192})
        for number in range(100):
            name = ("short", "long")[number % 2]
            answer = odysseus.chat(name, max_tokens=2)
            self.assertEqual(answer.status, 200, (number, answer))
            argv = odysseus.server_argv()
            self.assertEqual(int(argv[argv.index("--ctx-size") + 1]), contexts[name])
        status = odysseus.status()
        self.assertEqual((status["restarts"], status["oom_steps"]), (0, 0), status)
        self.assertEqual(odysseus.stop(), 0)


if __name__ == "__main__":
    unittest.main()
