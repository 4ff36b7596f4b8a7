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
import threading
import time
import unittest
import venv

import harness
from gguf import EMOJI, TOOL_CALL, TOOL_TEMPLATE, WORDS
from harness import Case, wait_until

CLIENTS = pathlib.Path(__file__).resolve().parent / "clients"
PLACE = pathlib.Path(os.environ.get("ODYSSEUS_E2E_CLIENTS") or harness.ROOT / "build/clients")
# As they were when docs/clients.md said that they work.
PYTHON_PACKAGES = ["openai==3.57.0", "anthropic==2.14.0", "langchain-openai==1.7.4", "litellm==1.110.2", "llm==0.36",
                   "ollama==0.6.3"]
AIDER_PACKAGES = ["aider-chat==0.86.2"]  # it wants older ones than the others
NODE_PACKAGES = ["openai@6.49.0", "@anthropic-ai/sdk@1.14.0", "ollama@0.6.4"]
AGENT_PACKAGES = ["@anthropic-ai/claude-code@2.1.197"]
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


def installed(folder, packages, install):
    """The folder, with what install() puts there; made once for these packages. Skips where their registry cannot be reached."""
    done = folder / "installed.txt"
    if done.exists() and done.read_text() == "\n".join(packages):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    try:
        install()
    except AssertionError as error:
        if re.search("ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|NewConnectionError|NameResolutionError|ConnectTimeout", str(error)):
            raise unittest.SkipTest("the packages' registry cannot be reached: %s" % str(error)[-300:])
        raise
    done.write_text("\n".join(packages))
    return folder


@alone()
def client_python(name="venv", packages=PYTHON_PACKAGES):
    """A Python that has the packages."""
    folder = PLACE / name

    def install():
        venv.create(folder, with_pip=True, clear=True)
        run([folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages])

    return installed(folder, packages, install) / "bin/python"


@alone()
def node_folder():
    """A folder whose node_modules have the packages."""
    folder = PLACE / "node"

    def install():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true, "type": "module"}\n')
        run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", *NODE_PACKAGES], cwd=folder)

    return installed(folder, NODE_PACKAGES, install)


def run_node(script, *arguments):
    place = node_folder() / script
    shutil.copyfile(CLIENTS / script, place)  # so that it finds node_modules beside it
    run(["node", place, *arguments])


class Clients(Case):
    @classmethod
    def setUpClass(cls):
        cls.shared = harness.Home()
        cls.addClassCleanup(cls.shared.remove)
        cls.shared.model("friendly/Weights-F16.gguf")
        cls.shared.model("other/Weights-F16.gguf")
        cls.server = harness.Odysseus(cls.shared, "--ctx", "8192", "--sse-ping", "1", "--api-key", KEY)
        cls.addClassCleanup(cls.server.close)
        wait_until(lambda: harness.is_open(cls.server.port), "odysseus listens")
        cls.url = "http://127.0.0.1:%d" % cls.server.port

    def idle(self):
        """A client that hung up has left nothing running."""
        def none_active():
            status = self.server.get("/odysseus/status", headers={"Authorization": "Bearer " + KEY})
            return status.json["requests"]["active"] == 0
        wait_until(none_active, "no request is in flight")

    @contextlib.contextmanager
    def long_load(self):
        """The first request within waits for its model while another one is in use, for longer than --sse-ping."""
        def active():
            return self.server.get("/odysseus/status", headers={"Authorization": "Bearer " + KEY}).json["requests"]["active"]

        def hold():
            body = {"model": "other", "stream": True, "n_probs": 50, "ignore_eos": True, "max_tokens": 8000,
                    "messages": [{"role": "user", "content": "hello"}]}
            answer = harness.stream(self.server.port, "/v1/chat/completions", body, {"Authorization": "Bearer " + KEY})
            next(answer)
            held.set()
            deadline = time.monotonic() + 60 * harness.SLOW
            while active() < 2 and not over.is_set() and time.monotonic() < deadline:
                time.sleep(0.05)
            over.wait(2.5)
            answer.close()

        held, over = threading.Event(), threading.Event()
        holder = threading.Thread(target=hold)
        holder.start()
        try:
            self.assertTrue(held.wait(60 * harness.SLOW), "the other model is in use")
            yield
        finally:
            over.set()
            holder.join()

    def speak(self, command, **options):
        """Runs a client, which finds its model not loaded, and must leave nothing running."""
        with self.long_load():
            said = run(command, **options)
        self.idle()
        return said

    def node_script(self, name):
        script = node_folder() / name
        shutil.copyfile(CLIENTS / name, script)  # so that it finds node_modules beside it
        return script

    def test_openai_for_python(self):
        self.speak([client_python(), CLIENTS / "with_openai.py", self.url + "/v1", "friendly", KEY])

    def test_anthropic_for_python(self):
        self.speak([client_python(), CLIENTS / "with_anthropic.py", self.url, "friendly", KEY])

    def test_openai_for_javascript(self):
        self.speak(["node", self.node_script("with_openai.mjs"), self.url + "/v1", "friendly", KEY])

    def test_anthropic_for_javascript(self):
        self.speak(["node", self.node_script("with_anthropic.mjs"), self.url, "friendly", KEY])

    def test_langchain(self):
        self.speak([client_python(), CLIENTS / "with_langchain.py", self.url + "/v1", "friendly", KEY])

    def test_litellm(self):
        self.speak([client_python(), CLIENTS / "with_litellm.py", self.url + "/v1", "friendly", KEY])

    def test_llm(self):
        self.speak(["sh", CLIENTS / "with_llm.sh", client_python().parent / "llm", self.url + "/v1", "friendly", KEY,
                    self.shared.outer / "llm"])

    def test_aider(self):
        aider = client_python("aider", AIDER_PACKAGES).parent / "aider"
        folder = self.shared.outer / "aider"
        folder.mkdir()
        options = ["--no-check-update", "--no-show-model-warnings", "--yes-always", "--no-git", "--no-pretty", "--analytics-disable",
                   "--message", "hello"]
        environment = {**os.environ, "HOME": str(folder), "OPENAI_API_BASE": self.url + "/v1", "OPENAI_API_KEY": KEY,
                       "AIDER_MODEL_METADATA_FILE": os.devnull, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        said = self.speak([aider, "--model", "openai/friendly", *options], cwd=folder, env=environment)
        self.assertIn(" ".join(WORDS), said)
        wrong = run([aider, "--model", "openai/friendlyx", *options], cwd=folder, env=environment)
        self.assertIn("does not exist", wrong)

    def examples(self, language):
        """The examples in this language of docs/clients.md, made to ask this server."""
        text = (harness.ROOT / "docs/clients.md").read_text()
        blocks = re.findall(r"^```%s\n(.*?)^```$" % language, text, re.M | re.S)
        for old, new in (("http://127.0.0.1:8080", self.url), ('"none"', '"%s"' % KEY), ("odysseus-toy", "friendly")):
            blocks = [block.replace(old, new) for block in blocks]
        return blocks

    def test_the_examples_of_the_documentation(self):
        found = self.examples("python")
        self.assertEqual(len(found), 4)
        for example in found:
            self.assertIn("one two three four five",
                          run([client_python(), "-c", example], env={**os.environ, "OLLAMA_API_KEY": KEY}))
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
    def test_them(self):
        home = self.home()
        home.model("friendly/Weights-F16.gguf")
        server = self.odysseus(home, "--ctx", "2048", "--", "--embeddings", "--pooling", "last").wait_ready()
        url = "http://127.0.0.1:%d" % server.port
        run([client_python(), CLIENTS / "with_openai.py", url + "/v1", "friendly", "none", "embeddings"])
        run([client_python(), CLIENTS / "with_ollama.py", url, "friendly", "none", "embeddings"])
        run_node("with_ollama.mjs", url, "friendly", "none", "embeddings")
        self.assertEqual(server.chat("friendly", max_tokens=2).json["choices"][0]["message"]["content"], " one two")

    def test_without_a_model_for_them(self):
        home = self.home()
        home.model("friendly.gguf")
        home.model("other.gguf")
        server = self.odysseus(home, "--ctx", "2048").wait_ready()
        for path, body in (("/v1/embeddings", {"input": "a"}), ("/api/embed", {"input": "a"}), ("/embedding", {"content": "a"})):
            with self.subTest(path):
                answer = server.post(path, {"model": "friendly", **body})
                self.assertEqual(answer.status, 501)
                self.assertIn("this request needs one for embeddings. Get one: odysseus pull", answer.body.decode())
        home.model("vectors.gguf", pooling=1)
        wait_until(lambda: len(server.get("/v1/models").json["data"]) == 3, "it is found")
        for path, body in (("/v1/embeddings", {"input": "a"}), ("/api/embed", {"input": "a"})):
            with self.subTest(path):
                answer = server.post(path, {"model": "other", **body})
                self.assertIn("There is: vectors.", answer.body.decode())
                self.assertEqual(server.post(path, body).status, 200)  # which no other can be meant for
        asked = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 1}
        for path in ("/v1/chat/completions", "/v1/messages", "/api/chat"):
            for streamed in (False, True):
                with self.subTest(path, streamed=streamed):
                    answer = server.post(path, {**asked, "stream": streamed})
                    self.assertEqual(answer.status, 400)
                    said = json.loads(answer.body)["error"]
                    self.assertIn("There is: friendly, other;", said if path == "/api/chat" else said["message"])


class ToolCalls(Case):
    """A tool called through each client, whole and streamed; the model calls it whatever it is asked."""

    @classmethod
    def setUpClass(cls):
        home = harness.Home()
        cls.addClassCleanup(home.remove)
        home.model("friendly.gguf", says=TOOL_CALL, template=TOOL_TEMPLATE)
        cls.server = harness.Odysseus(home, "--ctx", "4096", "--api-key", KEY)
        cls.addClassCleanup(cls.server.close)
        cls.server.wait_ready()
        cls.url = "http://127.0.0.1:%d" % cls.server.port

    def test_openai(self):
        run([client_python(), CLIENTS / "with_openai.py", self.url + "/v1", "friendly", KEY, "tool"])
        run_node("with_openai.mjs", self.url + "/v1", "friendly", KEY, "tool")

    def test_anthropic(self):
        run([client_python(), CLIENTS / "with_anthropic.py", self.url, "friendly", KEY, "tool"])
        run_node("with_anthropic.mjs", self.url, "friendly", KEY, "tool")

    def test_langchain_and_litellm(self):
        run([client_python(), CLIENTS / "with_langchain.py", self.url + "/v1", "friendly", KEY, "tool"])
        run([client_python(), CLIENTS / "with_litellm.py", self.url + "/v1", "friendly", KEY, "tool"])

    def test_ollama(self):
        run([client_python(), CLIENTS / "with_ollama.py", self.url, "friendly", KEY, "tool"])
        run_node("with_ollama.mjs", self.url, "friendly", KEY, "tool")


@alone()
def claude_code():
    """The program."""
    folder = PLACE / "claude-code"
    package = folder / "node_modules/@anthropic-ai/claude-code"

    def install():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}\n')
        run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", *AGENT_PACKAGES], cwd=folder)
        run(["node", "install.cjs"], cwd=package)

    return installed(folder, AGENT_PACKAGES, install) / "node_modules/.bin/claude"


class CodingAgent(Case):
    """Claude Code, which streams a prompt of some 12,000 tokens with its tools to the Messages API."""

    def ask(self, server, key, seconds=240):
        home = pathlib.Path(server.home.outer) / "agent"
        (home / "work").mkdir(parents=True, exist_ok=True)
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "ANTHROPIC_BASE_URL": "http://127.0.0.1:%d" % server.port,
                       "ANTHROPIC_AUTH_TOKEN": key, "DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
        result = subprocess.run([claude_code(), "-p", "hello", "--output-format", "json"], cwd=home / "work", env=environment,
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                                timeout=seconds * harness.SLOW)
        return json.loads(result.stdout)

    def test_it_is_answered(self):
        home = self.home()
        home.model("friendly.gguf", trained_context=65536)
        server = self.odysseus(home, "--ctx", "65536", "--alias", "claude-*=friendly", "--api-key", KEY, "--sse-ping", "1")
        claude_code()  # before the time counts
        server.wait_ready()
        said = self.ask(server, KEY)
        self.assertFalse(said["is_error"], said)
        self.assertEqual(said["result"].split(), list(WORDS), said)
        self.assertGreater(said["usage"]["input_tokens"], 2000, said)
        self.assertEqual(self.ask(server, KEY)["result"].split(), list(WORDS))
        self.assertEqual(server.stop(), 0)


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
