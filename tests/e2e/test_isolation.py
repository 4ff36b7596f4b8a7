"""Settings of llama.cpp that were made for another program do not reach odysseus's llama-server: the user's config.ini, the
system's, the environment. With a real llama-server; the system's file in a mount namespace of its own."""
import subprocess
import unittest

import harness
from harness import BINARY, Case, llama_server, request

# Each broke, blinded or opened odysseus in the user's config.ini (b11669).
LINES = ["api-key = x", "model = /x.gguf", "hf-repo = a/b", "docker-repo = a/b", "api-prefix = /x",
         "ssl-key-file = /x\nssl-cert-file = /y", "log-verbosity = 0", "log-jsonl = true", "log-file = %(home)s/x.log",
         "no-log-prefix = true", "tools = all", "agent = true", "mcp-servers-config = /x.json", "ui-mcp-proxy = true",
         "models-autoload = false", "models-preset = /x.ini", "models-dir = /x", "mmproj = /x.gguf", "model-draft = /x.gguf",
         "hf-repo-draft = a/b", "ctx-size = 512\nparallel = 8\nn-gpu-layers = 99\nthreads = 99", "host = 0.0.0.0\nport = 1",
         "path = /tmp"]
# What no variable and no argument takes back: only a file that is not read does.
HOLDING = ["embeddings = true", "lora = /x.gguf", "api-key-file = /x", "log-disable = true", "list-devices = true",
           "gpt-oss-20b-default = true", "garbage line", "ctx-size = abc"]

NAMESPACE = """#!/bin/sh
# The system's files but for one, seen by what is started here alone.
exec unshare %(map)s --mount --propagation private sh -c '
mkdir -p "%(folder)s/etc" && cp -a /etc/. "%(folder)s/etc" 2>/dev/null
mkdir -p "%(folder)s/etc/llama.cpp" && cp "%(folder)s/config.ini" "%(folder)s/etc/llama.cpp/config.ini"
mount --bind "%(folder)s/etc" /etc && exec "$@"' sh "%(binary)s" "$@"
"""


def can_mount():
    """How a mount namespace can be had here; None: not at all."""
    for way in ("", "--map-root-user"):
        done = subprocess.run(["unshare", *way.split(), "--mount", "--propagation", "private", "mount", "--bind", "/tmp", "/tmp"],
                              capture_output=True, check=False)
        if done.returncode == 0:
            return way
    return None


class Isolation(Case):
    def check_serves(self, odysseus, key=None):
        odysseus.wait_ready(30)
        self.assertEqual(odysseus.chat("tiny", max_tokens=2).status, 200)
        self.assertIn(odysseus.get("/tools").status, (403, 404), "the tools of llama-server are switched on")
        log = (odysseus.home.path / "logs/llama-server.log").read_text(errors="replace")
        self.assertIn("spawning server instance", log, "the log is blind")
        self.assertNotIn('{"', log.splitlines()[0])
        return log

    def tried(self, lines, **options):
        home = self.home()
        home.model("tiny.gguf")
        return home, lines % {"home": home.path}

    def test_the_users_config(self):
        for lines in LINES + HOLDING:
            with self.subTest(lines):
                home, text = self.tried(lines)
                config = home.outer / "cfg/llama.cpp"
                config.mkdir(parents=True)
                (config / "config.ini").write_text("[*]\n%s\n" % text)
                odysseus = self.odysseus(home, "--ctx", "2048", env={"XDG_CONFIG_HOME": str(home.outer / "cfg")})
                self.assertNotIn("using config file", self.check_serves(odysseus))
                # Without the system's file llama-server stays open to this machine's own programs, as documented.
                self.assertEqual(request(odysseus.llama_port, "GET", "/props").status, 200)
                odysseus.stop()

    def test_the_systems_config(self):
        way = can_mount()
        if way is None:
            self.skipTest("no mount namespace can be had here")
        for lines in LINES:
            with self.subTest(lines):
                home, text = self.tried(lines)
                (home.outer / "config.ini").write_text("[*]\n%s\n" % text)
                odysseus = self.odysseus(home, "--ctx", "2048", binary=self.in_namespace(home, way))
                self.assertIn("using config file: /etc/llama.cpp/config.ini", self.check_serves(odysseus))
                odysseus.stop()

    def in_namespace(self, home, way):
        script = home.outer / "namespace.sh"
        script.write_text(NAMESPACE % {"map": way, "folder": home.outer, "binary": BINARY})
        script.chmod(0o755)
        return str(script)

    def test_what_the_systems_config_holds_is_told(self):
        way = can_mount()
        if way is None:
            self.skipTest("no mount namespace can be had here")
        home, _ = self.tried("")
        (home.outer / "config.ini").write_text("[*]\nlist-devices = true\nembeddings = true\n")
        binary = self.in_namespace(home, way)
        server = ("--llama-server", llama_server(), "--offline")
        self.run_odysseus(home, *server, "--port", harness.free_port(), "--llama-port", harness.free_port(), binary=binary,
                          expect=6, says=["cannot override list-devices, embeddings", "llama-server also reads /etc/llama.cpp"])
        doctor = self.run_odysseus(home, "doctor", *server, binary=binary)
        self.assertIn("cannot override list-devices, embeddings", doctor.stdout)

    def test_the_environment(self):
        home, _ = self.tried("")
        odysseus = self.odysseus(home, "--ctx", "2048", env={
            "LLAMA_ARG_TOOLS": "all", "LLAMA_ARG_NO_MODELS_AUTOLOAD": "1", "LLAMA_ARG_EMBEDDINGS": "1", "LLAMA_APP_CMD": "serve",
            "LLAMA_ARG_LOG_VERBOSITY": "0", "LLAMA_ARG_DRAFT_MAX": "16", "LLAMA_ARG_STATIC_PATH": "/etc"})
        self.check_serves(odysseus)
        said = odysseus.output()
        for name in ("LLAMA_ARG_TOOLS", "LLAMA_ARG_NO_MODELS_AUTOLOAD", "LLAMA_ARG_EMBEDDINGS", "LLAMA_APP_CMD", "LLAMA_ARG_STATIC_PATH"):
            self.assertIn(name, said)
        odysseus.stop()


class Arguments(Case):
    def test_a_removed_argument_is_told_by_its_new_name(self):
        for words, now in ((["--mlock"], "--load-mode mlock"), (["--draft-max", "16"], "--spec-draft-n-max"),
                           (["-fa"], "--flash-attn on"), (["--no_mmap"], "--load-mode none")):
            with self.subTest(words):
                home = self.home()
                done = self.run_odysseus(home, "--llama-server", llama_server(), "--offline", "--port", harness.free_port(),
                                         "--llama-port", harness.free_port(), "--", *words, expect=6)
                self.assertIn(now, done.stderr.strip().splitlines()[-1])

    def test_the_unified_program(self):
        home = self.home()
        home.model("tiny.gguf")
        unified = home.outer / "llama"
        unified.write_text("#!/bin/sh\n[ \"$1\" = serve ] || exit 9\nshift\nexec '%s' \"$@\"\n" % llama_server())
        unified.chmod(0o755)
        odysseus = self.odysseus(home, "--ctx", "2048", server=unified).wait_ready()
        self.assertEqual(odysseus.chat("tiny", max_tokens=2).status, 200)
        odysseus.stop()
        doctor = harness.run(home, "doctor", "--llama-server", str(unified), "--offline")
        self.assertNotIn("does not run", doctor.stdout)


if __name__ == "__main__":
    unittest.main()
