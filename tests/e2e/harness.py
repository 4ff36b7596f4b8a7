"""What the end-to-end tests share: the built odysseus, a real llama-server, a HOME of their own, and a look at what is
left when it has gone. Standard library only.

    ODYSSEUS_BINARY              the program (else build/dev/odysseus)
    ODYSSEUS_E2E_LLAMA_SERVER    a real llama-server (else the one that ./test.sh put into .cache/llama-server)
    ODYSSEUS_E2E_SLOW            a factor for every deadline, for slow machines and sanitizers

A missing llama-server fails the tests; it never skips them.
"""
import atexit
import glob
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import uuid

import gguf
import strict_http
from strict_http import Response  # noqa: F401 - what request() gives

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("ODYSSEUS_BINARY") or str(ROOT / "build/dev/odysseus")
SLOW = float(os.environ.get("ODYSSEUS_E2E_SLOW") or 1)
CLOSED = "http://127.0.0.1:1"  # nobody listens there
# Inherited by every process that a test starts. No ODYSSEUS_ in front: those are not handed on to llama-server.
_MARK = "E2E_MARK"


def llama_server():
    named = os.environ.get("ODYSSEUS_E2E_LLAMA_SERVER")
    found = [named] if named else sorted(glob.glob(str(ROOT / ".cache/llama-server/*/llama-server")))
    if not found or not os.access(found[-1], os.X_OK):
        raise AssertionError("no real llama-server for the end-to-end tests: ODYSSEUS_E2E_LLAMA_SERVER is %r; "
                             "scripts/debian-llama-server --unpacked .cache/llama-server makes one" % named)
    return os.path.abspath(found[-1])


def wait_until(condition, what, seconds=60):
    """Returns condition()'s first true value; fails when it has not come in time."""
    deadline = time.monotonic() + seconds * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("waited %g s in vain: %s" % (seconds * SLOW, what))
        time.sleep(0.02)


def is_open(port, host="127.0.0.1"):
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((host, port)) == 0


PORTS = range(20000, 32000)  # below those that Linux gives out by itself
_PORT_LOCKS = "127.0.0.77"  # whoever has a port here may use the port of the same number on 127.0.0.1; tests/page/ports.mjs too
_handed_out = []  # the locks: held until this process ends, however it ends


def free_port():
    """A port on which nobody listens, and that no other test, of this process or another, is given meanwhile."""
    start = random.SystemRandom().randrange(len(PORTS))  # elsewhere than the others, only for speed
    for port in (PORTS[(start + step) % len(PORTS)] for step in range(len(PORTS))):
        lock = socket.socket()
        try:
            lock.bind((_PORT_LOCKS, port))
            with socket.socket() as probe:
                # As a server does: connections that were closed a moment ago are no hindrance.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
                probe.listen()
        except OSError:
            lock.close()
            continue
        _handed_out.append(lock)
        return port
    raise AssertionError("no free port")


def marked_processes(mark):
    """The processes that carry the mark in their environment: pid and command line. Zombies do not count."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if ("%s=%s" % (_MARK, mark)).encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append((int(entry.name), (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")))
        except (OSError, ValueError):
            continue  # it has gone meanwhile, or is another user's
    return found


def request(port, method, path, body=None, headers=None, timeout=60, host="127.0.0.1"):
    """One HTTP request; `body` may be bytes, or a value that is sent as JSON."""
    headers = dict(headers or {})
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    with strict_http.Connection(port, host, timeout * SLOW) as connection:
        return connection.request(method, path, body, headers)


def stream(port, path, body, headers=None, timeout=60):
    """Yields (seconds since the request was sent, bytes) as they arrive; the first item is (seconds, Response without a
    body) when the head is there. Closing the generator hangs up."""
    with strict_http.Connection(port, timeout=timeout * SLOW) as connection:
        begun = time.monotonic()
        connection.send("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})})
        status, fields = connection.head()
        yield time.monotonic() - begun, Response(status, fields, b"")
        for piece in connection.pieces():
            yield time.monotonic() - begun, piece


class Home:
    """A HOME for one test, removed afterwards."""

    def __init__(self, name="home"):
        self.outer = pathlib.Path(tempfile.mkdtemp(prefix="odysseus-e2e-"))
        self.path = self.outer / name
        (self.path / "models").mkdir(parents=True)

    def model(self, file="tiny.gguf", **shape):
        path = self.path / "models" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        gguf.write_model(path, name=path.stem, **shape)
        return path

    def settings(self, **values):
        (self.path / "data").mkdir(exist_ok=True)
        (self.path / "data/launcher_config.json").write_text(json.dumps(values))

    def remove(self):
        shutil.rmtree(self.outer, ignore_errors=True)


def _environment(mark, extra):
    """A clean one: nothing of the machine's own settings reaches the test."""
    kept = {key: value for key, value in os.environ.items()
            if not key.startswith(("ODYSSEUS_", "LLAMA_", "GGML_", "HF_")) and not key.lower().endswith("_proxy")}
    for token in ("GITHUB_TOKEN", "GH_TOKEN"):
        kept.pop(token, None)
    kept.update({"ODYSSEUS_GITHUB_API": CLOSED, "ODYSSEUS_GITHUB_DOWNLOAD": CLOSED, "HF_ENDPOINT": CLOSED, _MARK: mark})
    kept.update(extra or {})
    return {key: value for key, value in kept.items() if value is not None}


def _end_marked(mark):
    for pid, _ in marked_processes(mark):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


_RUN_MARK = uuid.uuid4().hex  # one for all: to look through /proc costs more than most runs
atexit.register(_end_marked, _RUN_MARK)


def run(home, *arguments, env=None, timeout=120, binary=None):
    """Runs odysseus to its end: .returncode, .stdout, .stderr (text)."""
    words = list(map(str, arguments))
    own = words.index("--") if "--" in words else len(words)
    command = [binary or BINARY, *words[:own], *(["--home", str(home.path)] if home else []), *words[own:]]
    try:
        return subprocess.run(command, env=_environment(_RUN_MARK, env), stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=timeout * SLOW, text=True, errors="replace", check=False)
    except subprocess.TimeoutExpired:
        _end_marked(_RUN_MARK)
        raise


class Odysseus:
    """A running odysseus. `port` and `llama_port` are free ones unless given; None leaves the flag out. `output`: where it writes
    instead of the file that output() reads."""

    FREE = object()

    def __init__(self, home, *arguments, env=None, server=FREE, port=FREE, llama_port=FREE, binary=None,
                 output=None):
        self.home, self.mark = home, uuid.uuid4().hex
        self.port = free_port() if port is self.FREE else port
        self.llama_port = free_port() if llama_port is self.FREE else llama_port
        command = [binary or BINARY, "--home", str(home.path)]
        if self.port is not None:
            command += ["--port", str(self.port)]
        if self.llama_port is not None:
            command += ["--llama-port", str(self.llama_port)]
        if server is not None:
            command += ["--llama-server", llama_server() if server is self.FREE else str(server)]
        options, separator, rest = list(map(str, arguments)), [], []
        if "--" in options:
            at = options.index("--")
            options, separator, rest = options[:at], ["--"], options[at + 1:]
        self.output_path = home.outer / ("odysseus-%s.log" % self.mark[:8])
        self._output = open(self.output_path, "wb")
        self.started = time.monotonic()
        self.process = subprocess.Popen(command + options + separator + rest, env=_environment(self.mark, env),
                                        stdin=subprocess.DEVNULL, stdout=self._output if output is None else output, stderr=subprocess.STDOUT)

    def output(self):
        return self.output_path.read_text(errors="replace")

    def _said(self):
        return "\n--- odysseus said:\n" + self.output()[-8000:]

    def wait_ready(self, seconds=90):
        """Until a request would be served. Finds the port from what was printed when it was not asked for."""
        def ready():
            if self.process.poll() is not None:
                raise AssertionError("odysseus ended with %d before it was ready%s" % (self.process.returncode, self._said()))
            if self.port is None:
                said = re.search(r"http://127\.0\.0\.1:(\d+)", self.output())
                if not said:
                    return False
                self.port = int(said.group(1))
            try:
                return request(self.port, "GET", "/health", timeout=5).status == 200
            except OSError:
                return False
        try:
            wait_until(ready, "odysseus is ready", seconds)
        except AssertionError as error:
            raise AssertionError(str(error) + self._said()) from None
        return self

    def get(self, path, **options):
        return request(self.port, "GET", path, **options)

    def post(self, path, body, **options):
        return request(self.port, "POST", path, body, **options)

    def chat(self, model, text="hello", max_tokens=8, timeout=60, **more):
        return self.post("/v1/chat/completions", {"model": model, "max_tokens": max_tokens, "temperature": 0, "seed": 1,
                                                  "messages": [{"role": "user", "content": text}], **more},
                         timeout=timeout)

    def stream(self, body, path="/v1/chat/completions", **options):
        return stream(self.port, path, body, **options)

    def status(self):
        return self.get("/odysseus/status").json

    def server_pid(self):
        return self.status()["llama_server"]["pid"]

    def server_argv(self):
        return pathlib.Path("/proc/%d/cmdline" % self.server_pid()).read_bytes().decode().split("\0")[:-1]

    def direct(self):
        """(port, headers) for asking llama-server itself, past odysseus."""
        status = self.status()["llama_server"]
        argv = self.server_argv()
        environ = pathlib.Path("/proc/%d/environ" % status["pid"]).read_bytes().decode().split("\0")
        keys = [argv[i + 1] for i, word in enumerate(argv) if word == "--api-key"]
        keys += [word.partition("=")[2] for word in environ if word.startswith("LLAMA_API_KEY=")]
        return status["port"], {"Authorization": "Bearer " + keys[0].split(",")[0]} if keys else {}

    def resident_kib(self):
        text = pathlib.Path("/proc/%d/status" % self.process.pid).read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", text).group(1))

    def wait_end(self, seconds=60):
        try:
            return self.process.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            raise AssertionError("odysseus did not end in %g s%s" % (seconds * SLOW, self._said())) from None

    def stop(self, how=signal.SIGINT, seconds=60):
        """Asks it to stop, waits, and returns the exit code. Nothing may be left."""
        self.process.send_signal(how)
        code = self.wait_end(seconds)
        self.check_nothing_left()
        return code

    def check_nothing_left(self, seconds=15):
        """No process of it, no open port. A process that is just going gets a moment, a long one on a busy machine."""
        deadline = time.monotonic() + seconds * SLOW
        left = marked_processes(self.mark)
        while left and time.monotonic() < deadline:
            time.sleep(0.02)
            left = marked_processes(self.mark)
        assert not left, "left behind: %s%s" % (left, self._said())
        # A process that ends gives up its memory, by which it is known here, before its sockets.
        for port in (self.port, self.llama_port):
            while port is not None and is_open(port) and time.monotonic() < deadline:
                time.sleep(0.02)
            assert port is None or not is_open(port), "port %d is still open%s" % (port, self._said())

    def close(self):
        """For tearDown: ends whatever is still there, without a verdict."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        _end_marked(self.mark)
        self._output.close()


class Case(unittest.TestCase):
    """With self.home(), self.odysseus(...) and self.run_odysseus(...), cleaned up by themselves."""

    maxDiff = None

    def home(self, name="home"):
        home = Home(name)
        self.addCleanup(home.remove)
        return home

    def odysseus(self, home, *arguments, **options):
        running = Odysseus(home, *arguments, **options)
        self.addCleanup(running.close)
        return running

    def run_odysseus(self, home, *arguments, expect=None, says=(), **options):
        """Runs it to its end; `expect` is the exit code and `says` what must stand on stderr."""
        result = run(home, *arguments, **options)
        if expect is not None:
            self.assertEqual(result.returncode, expect, "\nstdout: %s\nstderr: %s" % (result.stdout, result.stderr))
        for words in says:
            self.assertIn(words.lower(), result.stderr.lower())
        return result
