"""The clients that people really use, unmodified, against odysseus with a real llama-server: OpenAI's packages for
Python and JavaScript, Anthropic's, LangChain, and curl; and the examples of docs/clients.md as they stand there. The packages come from their registries into build/clients."""
import contextlib
import fcntl
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest
import venv

import harness
from gguf import EMOJI, WORDS
from harness import Case, wait_until

CLIENTS = pathlib.Path(__file__).resolve().parent / "clients"
PLACE = pathlib.Path(os.environ.get("ODYSSEUS_E2E_CLIENTS") or harness.ROOT / "build/clients")
PYTHON_PACKAGES = ["openai>=1.50,<3", "anthropic>=0.40,<3", "langchain-openai>=0.2,<2"]
NODE_PACKAGES = ["openai@>=4.60"]
KEY = "key-of-the-test"


def run(command, seconds=300, **options):
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False,
                            timeout=seconds * harness.SLOW, **options)
    if result.returncode:
        raise AssertionError("%s\nended with %d\n%s%s" % (command, result.returncode, result.stdout, result.stderr))
    return result.stdout


@contextlib.contextmanager
def alone():
    """One test process at a time makes what the others use."""
    PLACE.mkdir(parents=True, exist_ok=True)
    with open(PLACE / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@alone()
def client_python():
    """A Python that has the packages; made once."""
    python = PLACE / "venv/bin/python"
    done = PLACE / "venv/installed.txt"
    if not done.exists() or done.read_text() != "\n".join(PYTHON_PACKAGES):
        venv.create(PLACE / "venv", with_pip=True, clear=True)
        run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PYTHON_PACKAGES])
        done.write_text("\n".join(PYTHON_PACKAGES))
    return python


@alone()
def node_folder():
    """A folder whose node_modules have the package; made once."""
    folder = PLACE / "node"
    if not (folder / "node_modules/openai").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true, "type": "module"}\n')
        run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", *NODE_PACKAGES], cwd=folder)
    return folder


class Clients(Case):
    @classmethod
    def setUpClass(cls):
        cls.shared = harness.Home()
        cls.addClassCleanup(cls.shared.remove)
        cls.shared.model("friendly/Weights-F16.gguf")
        cls.server = harness.Odysseus(cls.shared, "--ctx", "8192", "--api-key", KEY)
        cls.addClassCleanup(cls.server.close)
        wait_until(lambda: harness.is_open(cls.server.port), "odysseus listens")
        cls.url = "http://127.0.0.1:%d" % cls.server.port

    def idle(self):
        """A client that hung up has left nothing running."""
        def none_active():
            status = self.server.get("/odysseus/status", headers={"Authorization": "Bearer " + KEY})
            return status.json["requests"]["active"] == 0
        wait_until(none_active, "no request is in flight")

    def test_openai_for_python(self):
        run([client_python(), CLIENTS / "with_openai.py", self.url + "/v1", "friendly", KEY])
        self.idle()

    def test_anthropic_for_python(self):
        run([client_python(), CLIENTS / "with_anthropic.py", self.url, "friendly", KEY])
        self.idle()

    def test_openai_for_javascript(self):
        script = node_folder() / "with_openai.mjs"
        shutil.copyfile(CLIENTS / "with_openai.mjs", script)  # so that it finds node_modules beside it
        run(["node", script, self.url + "/v1", "friendly", KEY])
        self.idle()

    def test_langchain(self):
        run([client_python(), CLIENTS / "with_langchain.py", self.url + "/v1", "friendly", KEY])
        self.idle()

    def examples(self, language):
        """The examples in this language of docs/clients.md, made to ask this server."""
        text = (harness.ROOT / "docs/clients.md").read_text()
        blocks = re.findall(r"^```%s\n(.*?)^```$" % language, text, re.M | re.S)
        for old, new in (("http://127.0.0.1:8080", self.url), ('"none"', '"%s"' % KEY), ("odysseus-toy", "friendly")):
            blocks = [block.replace(old, new) for block in blocks]
        return blocks

    def test_the_examples_of_the_documentation(self):
        found = self.examples("python")
        self.assertEqual(len(found), 3)
        for example in found:
            self.assertIn("one two three four five", run([client_python(), "-c", example]))
        found = self.examples("js")
        self.assertEqual(len(found), 1)
        script = node_folder() / "example.mjs"
        script.write_text(found[0])
        self.assertEqual(run(["node", script]).strip(), " ".join(WORDS))
        command = re.search(r"^    (curl .*\n +-d .*)$", (harness.ROOT / "docs/clients.md").read_text(), re.M).group(1)
        command = command.replace("http://127.0.0.1:8080", self.url).replace("odysseus-toy", "friendly")
        said = run(["sh", "-c", "%s -sS -H 'Authorization: Bearer %s'" % (command, KEY)])
        self.assertTrue(said.endswith("data: [DONE]\n\n"), said)
        self.assertIn('"content":" ten"', said)
        self.idle()

    def test_curl(self):
        body = json.dumps({"model": "friendly", "max_tokens": 4, "messages": [{"role": "user", "content": "hello"}]})
        # Without a content type curl calls it a form; llama-server reads JSON all the same.
        answer = json.loads(run(["curl", "-sS", "--fail", "-H", "Authorization: Bearer " + KEY, "-d", body,
                                 self.url + "/v1/chat/completions"]))
        self.assertEqual(answer["choices"][0]["message"]["content"], " one two three four")
        streamed = run(["curl", "-sSN", "--fail", "-H", "x-api-key: " + KEY, "-d", body[:-1] + ', "stream": true}',
                        self.url + "/v1/chat/completions"])
        self.assertTrue(streamed.endswith("data: [DONE]\n\n"), streamed)
        large = self.shared.outer / "large.json"
        large.write_text(json.dumps({"content": "a" * 3_000_000, "model": "friendly"}))
        answer = json.loads(run(["curl", "-sS", "--fail", "-H", "x-api-key: " + KEY, "-H", "Transfer-Encoding: chunked",
                                 "-H", "Expect: 100-continue",
                                 "-H", "Content-Type: application/json", "--data-binary", "@%s" % large, self.url + "/tokenize"]))
        self.assertGreater(len(answer["tokens"]), 100)


class Embeddings(Case):
    def test_openai_for_python(self):
        home = self.home()
        home.model("friendly/Weights-F16.gguf")
        server = self.odysseus(home, "--ctx", "2048", "--", "--embeddings", "--pooling", "mean").wait_ready()
        run([client_python(), CLIENTS / "with_openai.py", "http://127.0.0.1:%d/v1" % server.port, "friendly", "none",
             "embeddings"])


class BeginningOfMessages(Case):
    """llama-server leaves message_start out when the first token is a part of a character; Anthropic's package needs it."""

    def test_anthropic_for_python(self):
        home = self.home()
        home.model("friendly/Weights-F16.gguf", says=EMOJI + WORDS)
        server = self.odysseus(home, "--ctx", "2048", "--api-key", KEY).wait_ready()
        run([client_python(), CLIENTS / "with_anthropic.py", "http://127.0.0.1:%d" % server.port, "friendly", KEY,
             "\U0001f600 one two three four"])

    def test_an_answer_that_ends_in_its_first_character(self):
        home = self.home()
        home.model("tiny.gguf", says=EMOJI)
        server = self.odysseus(home, "--ctx", "2048").wait_ready()
        body = server.post("/v1/messages", {"model": "tiny", "max_tokens": 1, "stream": True,
                                            "messages": [{"role": "user", "content": "hello"}]}).body.decode()
        self.assertEqual(re.findall("^event: (.*)$", body, re.M), ["message_start", "message_delta", "message_stop"])


if __name__ == "__main__":
    sys.exit(unittest.main())
