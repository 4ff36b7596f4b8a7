"""Models where other programs keep them, and files whose names would like to be more than names."""
import json
import os
import unittest

from harness import Case, wait_until

DIGEST = "e8a35b5937a5e6d5c35d1f2a15f161e07eefe5e5bb0a3cdd42998ee79b057730"


def steering(data):
    """Characters that a terminal would obey, or that turn the direction of writing."""
    text = data if isinstance(data, str) else data.decode("utf-8", "replace")
    return {hex(ord(one)) for one in text if (ord(one) < 32 and one not in "\n\t") or 0x7f <= ord(one) < 0xa0 or 0x202a <= ord(one) <= 0x202e}


class Folders(Case):
    def moved(self, home, target):
        """A model of its own at `target`."""
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(home.model("moved.gguf"), target)

    def ollama_store(self, home):
        store = home.outer / "ollama/models"
        self.moved(home, store / "blobs" / ("sha256-" + DIGEST))
        manifest = store / "manifests/registry.ollama.ai/library/qwen3/8b"
        manifest.parent.mkdir(parents=True)
        manifest.write_text(json.dumps({"schemaVersion": 2, "layers": [
            {"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:" + DIGEST}]}))
        return store

    def test_models_of_other_programs_answer_where_they_lie(self):
        home = self.home()
        store, studio, hub = self.ollama_store(home), home.outer / "lmstudio", home.outer / "hub"
        self.moved(home, studio / "publisher/Foo-GGUF/Foo-Q4_K_M.gguf")
        self.moved(home, hub / "models--org--Bar-GGUF/snapshots/abc/Bar-Q8_0.gguf")
        home.model("own.gguf")
        folders = [word for folder in (home.path / "models", store, studio, hub) for word in ("--models-dir", folder)]
        running = self.odysseus(home, *folders)
        running.wait_ready()
        for name in ("own", "qwen3:8b", "qwen3", "Foo", "publisher/Foo-GGUF", "org/Bar-GGUF:Q8_0"):
            with self.subTest(name):
                self.assertEqual(running.chat(name).status, 200)
        self.moved(home, studio / "late/Late-Q4_0.gguf")
        wait_until(lambda: running.chat("late").status == 200, "the model that came later")
        running.stop()

    def test_folders_by_environment_and_file(self):
        home = self.home()
        other = home.outer / "other"
        self.moved(home, other / "b.gguf")
        home.model("a.gguf")
        own = str(home.path / "models")
        for how in ("environment", "file"):
            with self.subTest(how):
                if how == "file":
                    home.settings(models_dir=[own, str(other)])
                env = {"ODYSSEUS_MODELS_DIR": os.pathsep.join((own, str(other)))} if how == "environment" else {}
                said = json.loads(self.run_odysseus(home, "models", "--json", env=env, expect=0).stdout)
                self.assertEqual(said["models_dirs"], [own, str(other)])
                self.assertEqual([model["id"] for model in said["models"]], ["a", "b"])
        self.run_odysseus(home, "models", "--models-dir", own, "--models-dir", home.outer / "none", expect=0)
        self.run_odysseus(home, "--models-dir", own, "--models-dir", home.outer / "none", expect=2, says=["there is no models folder"])

    def test_names_of_files_are_data(self):
        home = self.home()
        models = home.path / "models"
        for name in ("evil\x1b]0;owned\x07\x1b[31m.gguf", "d\u009b31m\x7f/y\u202egnp.gguf"):
            self.moved(home, models / name)
        (models / "empty\x1b[2J\nnote      forged.gguf").touch()
        (models / "q\x1b[2J.gguf.part1of2").touch()
        for words in (("models",), ("models", "--json"), ("plan", "--json"), ("plan",), ("doctor",), ("doctor", "--json")):
            with self.subTest(words):
                said = self.run_odysseus(home, *words, "--offline")
                self.assertEqual(steering(said.stdout) | steering(said.stderr), set())
                self.assertNotIn("\nnote      forged", said.stdout + said.stderr)
                if "--json" in words:
                    json.loads(said.stdout)
        running = self.odysseus(home)
        running.wait_ready()
        ids = [model["id"] for model in json.loads(running.get("/v1/models").body)["data"]]
        for name in ids:
            self.assertEqual(running.chat(name).status, 200)
        running.stop()
        for log in (running.output_path, home.path / "logs/odysseus.log", home.path / "logs/llama-server.log"):
            self.assertEqual(steering(log.read_bytes()), set(), log)


if __name__ == "__main__":
    unittest.main()
