"""Names outside ASCII in HOME, in the models folder and in models' names, through the real program and llama-server."""
import json
import os
import shutil
import unittest

from harness import Case


class Paths(Case):
    def test_umlauts_and_chinese_everywhere(self):
        home = self.home("Müller 模型")
        folder = home.path / "Größe" / "模型"
        (folder / "日本語").mkdir(parents=True)
        shutil.copy(home.model("tiny.gguf"), folder / "日本語" / "schön-Q4_0.gguf")
        said = json.loads(self.run_odysseus(home, "models", "--json", "--models-dir", str(folder), expect=0).stdout)
        self.assertEqual([model["path"] for model in said["models"]], [str(folder / "日本語" / "schön-Q4_0.gguf")])
        server = self.odysseus(home, "--models-dir", str(folder), "--ctx", "2048").wait_ready()
        for name in ("日本語", "schön", "schön-Q4_0"):
            self.assertEqual(server.chat(name, max_tokens=1).status, 200, name)
        server.stop()

    def test_a_path_that_is_no_utf8_is_refused_with_a_sentence(self):
        for flag in ("--models-dir", "--llama-server", "--hardware"):
            self.run_odysseus(self.home(), flag, os.fsdecode(b"/x/caf\xe9"), "models", expect=2, says=[flag, "UTF-8"])


if __name__ == "__main__":
    unittest.main()
