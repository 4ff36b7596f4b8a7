"""The completion scripts in the shells that they are for: bash always, zsh and fish where they are installed."""
import json
import os
import pty
import re
import select
import shutil
import subprocess
import time
import unittest

import harness
from harness import Case

COMMANDS = {"serve", "plan", "doctor", "models", "pull", "backend", "config", "pair", "worker", "completion", "help"}


class Completion(Case):
    @classmethod
    def setUpClass(cls):
        said = harness.run(None, "config", "--json").stdout
        cls.settings = json.loads(said)["settings"]
        cls.flags = {row["flag"] for row in cls.settings}

    def script(self, shell):
        return self.run_odysseus(None, "completion", shell, expect=0).stdout

    def bash(self, *words):
        """What bash offers for the last of these words."""
        driver = self.script("bash") + 'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _odysseus; printf "%s\\n" "${COMPREPLY[@]}"'
        done = subprocess.run(["bash", "--norc", "-c", driver, "bash", "odysseus", *words], capture_output=True, text=True,
                              timeout=60 * harness.SLOW, check=True, cwd=self.folder)
        self.assertEqual(done.stderr, "")
        return set(done.stdout.split("\n")) - {""}

    def setUp(self):
        self.folder = self.home().path
        (self.folder / "a folder").mkdir()
        (self.folder / "a file.json").write_text("{}")

    def test_bash_knows_every_command_and_every_flag(self):
        self.assertEqual(self.bash(""), COMMANDS)
        self.assertEqual(self.bash("-"), self.flags | {"--help", "--version"})
        self.assertEqual(self.bash("pl"), {"plan"})
        self.assertEqual(self.bash("--ctx", "4096", "pl"), {"plan"})

    def test_bash_knows_what_each_command_takes(self):
        for words, offered in [
                (("plan", "--j"), {"--json"}), (("plan", "--v"), {"--verify"}), (("doctor", "--b"), {"--backend", "--bundle"}),
                (("pull", "--j"), set()), (("serve", "--j"), set()),
                (("backend", ""), {"list", "install", "update", "use", "rollback", "import"}), (("backend", "i"), {"install", "import"}),
                (("completion", ""), {"bash", "zsh", "fish"}), (("help", ""), COMMANDS),
                (("--device", ""), {"auto", "cuda", "rocm", "sycl", "vulkan", "metal", "cpu"}), (("--device", "=", "c"), {"cuda", "cpu"}),
                (("plan", "--log-format", ""), {"text", "json"}), (("--log-level", "w"), {"warn"}), (("--device", "="), {
                    "auto", "cuda", "rocm", "sycl", "vulkan", "metal", "cpu"}),
                (("--port", ""), set()), (("--api-key", ""), set())]:
            with self.subTest(words):
                self.assertEqual(self.bash(*words), offered)

    def test_bash_completes_paths_with_spaces(self):
        self.assertEqual(self.bash("--models-dir", "a"), {"a folder"})
        self.assertEqual(self.bash("--hardware", "a"), {"a folder", "a file.json"})
        self.assertEqual(self.bash("backend", "import", "a f"), {"a folder", "a file.json"})
        self.assertEqual(self.bash("plan", "--", "-x", "a fi"), {"a file.json"})

    def test_every_word_that_bash_offers_is_taken(self):
        """No value is offered that the program refuses, and none of the two tables has what the other one lacks."""
        home = self.home()
        for row in self.settings:
            if row["default"] == "0":  # a switch: what follows it is a command
                continue
            for word in self.bash(row["flag"], "") - {"a folder", "a file.json", "models"}:
                self.run_odysseus(home, "config", row["flag"], word, expect=0)

    def test_fish(self):
        fish = shutil.which("fish")
        if fish is None:
            return  # Debian has it as `fish`; the tests of the tables (component, "manual page") hold without it

        def offers(line):
            command = self.script("fish") + "complete -C %s" % json.dumps(line)
            done = subprocess.run([fish, "--no-config", "-c", command], capture_output=True, text=True, timeout=60 * harness.SLOW,
                                  check=True, cwd=self.folder, env={**os.environ, "HOME": str(self.folder)})
            self.assertEqual(done.stderr, "")
            return {entry.split("\t")[0] for entry in done.stdout.splitlines()}

        self.assertEqual(offers("odysseus "), COMMANDS)
        self.assertEqual(offers("odysseus --"), self.flags | {"--help", "--version"})
        self.assertEqual(offers("odysseus --device c"), {"cuda", "cpu"})
        self.assertEqual(offers("odysseus plan --f"), {"--forget"})
        self.assertEqual(offers("odysseus pull --js"), set())
        self.assertEqual(offers("odysseus backend "), {"list", "install", "update", "use", "rollback", "import"})
        self.assertEqual(offers("odysseus --models-dir a"), {"a folder/"})
        self.assertIn("a file.json", offers("odysseus backend import a"))

    def test_zsh(self):
        zsh = shutil.which("zsh")
        if zsh is None:
            return
        script = self.folder / "_odysseus"
        script.write_text(self.script("zsh"))
        subprocess.run([zsh, "-n", str(script)], check=True)
        for way in ("fpath=(%s $fpath); autoload -U compinit; compinit -u -d ./dump" % self.folder,
                    "autoload -U compinit; compinit -u -d ./dump; source ./_odysseus"):
            for line, offered in [("odysseus --log-f", "--log-format="), ("odysseus do", "doctor "),
                                  ("odysseus plan --verif", "--verify "), ("odysseus backend roll", "rollback "),
                                  ("odysseus --device vul", "vulkan "), ("odysseus --models-dir a", "a\\ folder/"),
                                  ("odysseus completion fi", "fish ")]:
                with self.subTest(line, way=way):
                    self.zsh_completes(zsh, way, line, offered)

    def zsh_completes(self, zsh, way, line, offered):
        """Types the line and a tab, and waits for what zsh makes of it. The prompt says when zsh is listening."""
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(self.folder)
            os.execve(zsh, [zsh, "-f", "-i"], {"HOME": str(self.folder), "PATH": os.environ["PATH"], "TERM": "dumb", "PS1": "READY>"})
        try:
            self.read_until(terminal, "READY>")
            os.write(terminal, (way + "; odysseus() { :; }; PS1=GO\\>\r").encode())
            self.read_until(terminal, "\nGO>")
            os.write(terminal, (line + "\t").encode())
            self.read_until(terminal, offered)
        finally:
            os.kill(child, 9)
            os.waitpid(child, 0)
            os.close(terminal)

    def read_until(self, terminal, mark):
        deadline, said = time.monotonic() + 60 * harness.SLOW, ""
        while mark not in said:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([terminal], [], [], left)[0]:
                self.fail("zsh never said %r, but %r" % (mark, said))
            said += os.read(terminal, 65536).decode("utf-8", "replace").replace("\r", "\n")
            said = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x08", "", said)


if __name__ == "__main__":
    unittest.main()
