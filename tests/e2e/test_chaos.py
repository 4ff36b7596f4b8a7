"""Nothing lost, nothing left: several clients, a real llama-server, and faults at random times.

    ODYSSEUS_CHAOS_SECONDS    rounds go on for so long (20)
    ODYSSEUS_CHAOS_ROUNDS     ... or until so many are done, whichever comes first
    ODYSSEUS_CHAOS_SEED       the printed seed of another run; the faults and the requests are chosen alike

A round: clients send mixed requests, some faults strike, then odysseus has to come back to where it was. Every request
must have exactly one outcome:

    answer   whole, and right in its form; a stream ends with a finish_reason, then [DONE], once
    error    a right status and a body of OpenAI's shape; inside a stream: an event with the error
    cut      the framing of HTTP ends early, so any client can tell
    gone     no answer at all: only when odysseus itself was killed under the request, or was not there
    left     the client hung up on purpose

Anything else counts as lost: a hang beyond the deadline, a broken message, bytes after the answer, a [DONE] that
nothing was finished before, a stream that ends as if all were well.
"""
import collections
import itertools
import json
import os
import pathlib
import random
import re
import resource
import signal
import socket
import threading
import time
import unittest

import harness
from harness import Case, SLOW
from strict_http import Broken, Headers, answer_of

SECONDS = float(os.environ.get("ODYSSEUS_CHAOS_SECONDS") or 20)
ROUNDS = int(os.environ.get("ODYSSEUS_CHAOS_ROUNDS") or 0)
SEED = int(os.environ.get("ODYSSEUS_CHAOS_SEED") or random.SystemRandom().randrange(1 << 32))

CLIENTS = 5
REQUESTS = 4  # of each client in a round
FAULTS = (1, 3)  # least and most in a round
DEADLINE = 60 * SLOW  # of one request, whatever happens to it
STREAM_TOKENS = 40
DOWNTIME_SLACK = 0.5  # seconds around a kill of odysseus in which a request may have been under way

# KiB of address space for llama-server and its children. The heavy model takes 32 KiB a token, so it never holds at 32768;
# at 24576 it does with the first. The router needs much less than the last, see WRAPPER.
MEMORY_KIB = [1_200_000, 900_000, 700_000, 560_000]
ROOM_KIB = 200_000  # a running router gets no limit that is nearer than this to what it holds

# Small stacks and few arenas: a router without room for a thread or a process can do nothing (docs/reliability.md).
WRAPPER = """#!/bin/sh
export MALLOC_ARENA_MAX=2
ulimit -s 2048
ulimit -v $(cat '%s')
exec '%s' "$@"
"""


def check_error(status, headers, body, allowed):
    try:
        error = json.loads(body)["error"]
        shaped = isinstance(error["message"], str) and error["message"] and isinstance(error["type"], str) and "code" in error
    except (ValueError, KeyError, TypeError):
        shaped = False
    if not shaped:
        raise Broken("HTTP %d without OpenAI's shape: %r" % (status, body[:500]))
    if status not in allowed:
        raise Broken("HTTP %d was not to be expected: %r" % (status, body[:500]))
    if status == 503 and "Retry-After" not in headers:
        raise Broken("503 without Retry-After: %r" % body[:500])
    return "error %d" % status


def check_stream(body, whole):
    """The outcome of an event stream whose status was 200."""
    finished, done, tokens = False, 0, 0
    events = body.split(b"\n\n")
    tail = events.pop()
    for event in events:
        for line in event.split(b"\n"):
            if not line.startswith(b"data: "):
                if line and not line.startswith(b":"):
                    if line.startswith(b"error: "):
                        return "error in the stream"
                    raise Broken("a line that is no event: %r" % line[:200])
                continue
            if done:
                raise Broken("an event after [DONE]: %r" % line[:200])
            if line == b"data: [DONE]":
                if not finished:
                    raise Broken("[DONE], and nothing was finished: %r" % body[-500:])
                done += 1
                continue
            value = json.loads(line[6:])
            if "error" in value:
                return "error in the stream"
            for choice in value.get("choices", []):
                tokens += 1
                finished = finished or choice.get("finish_reason") is not None
    if done and whole and not tail:
        return "answer"
    if done:
        return "cut"  # after the last word
    if whole:
        raise Broken("a stream that ends well, without [DONE]: %r" % body[-500:])
    return "cut"


class Kind:
    """One kind of request: what is sent, what may come, and how the client behaves."""

    def __init__(self, name, method, path, body=None, errors=(500, 502, 503, 504), manner="reads"):
        self.name, self.method, self.path, self.body = name, method, path, body
        self.errors, self.manner = errors, manner

    def sent(self, host):
        body = json.dumps(self.body).encode() if self.body is not None else b""
        length = "Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body) if self.body is not None else ""
        return ("%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n" %
                (self.method, self.path, host, length)).encode() + body

    def check(self, status, headers, body, whole):
        if not whole and status != 200:
            return "cut"
        if status != 200:
            return check_error(status, headers, body, self.errors)
        if 200 in self.errors:
            raise Broken("%s was answered: %r" % (self.name, body[:500]))
        if headers.get("Content-Type", "").startswith("text/event-stream"):
            if not (self.body or {}).get("stream"):
                raise Broken("an event stream for %s" % self.name)
            return check_stream(body, whole)
        if not whole:
            return "cut"
        value = json.loads(body)
        if self.path == "/v1/chat/completions":
            if value["choices"][0]["finish_reason"] is None or value["usage"]["completion_tokens"] < 1:
                raise Broken("an unfinished answer: %r" % body[:500])
        elif self.path == "/tokenize" and not value["tokens"]:
            raise Broken("no tokens: %r" % body[:500])
        elif self.path == "/v1/models" and len(value["data"]) != 3:
            raise Broken("%d models" % len(value["data"]))
        return "answer"


def chat(model, stream=False, tokens=6):
    return {"model": model, "max_tokens": tokens, "ignore_eos": True, "stream": stream,
            "messages": [{"role": "user", "content": "what is left when all is lost?"}]}


def kinds():
    """(weight, kind)"""
    made = []
    for model, weight in [("toy", 6), ("tiny", 4), ("heavy", 2)]:
        made += [(weight, Kind("chat " + model, "POST", "/v1/chat/completions", chat(model))),
                 (weight, Kind("stream " + model, "POST", "/v1/chat/completions", chat(model, True, STREAM_TOKENS)))]
    made += [(4, Kind("tokenize", "POST", "/tokenize", {"model": "toy", "content": "a handful of words"})),
             (3, Kind("models", "GET", "/v1/models", errors=())),
             (3, Kind("health", "GET", "/health", errors=(503,))),
             (3, Kind("unknown model", "POST", "/v1/chat/completions", chat("nobody-knows-this-one"), errors=(404, 200))),
             (3, Kind("hangs up at once", "POST", "/v1/chat/completions", chat("toy"), manner="leaves at once")),
             (3, Kind("hangs up in the stream", "POST", "/v1/chat/completions", chat("tiny", True, 2000),
                      manner="leaves after a while")),
             (3, Kind("slow reader", "POST", "/v1/chat/completions", chat("toy", True, STREAM_TOKENS), manner="reads slowly"))]
    return made


def perform(kind, port, dice, examples):
    """Sends one request and returns its outcome."""
    deadline = time.monotonic() + DEADLINE
    with socket.socket() as connection:
        connection.settimeout(DEADLINE)
        if kind.manner == "reads slowly":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        data = b""
        try:
            connection.connect(("127.0.0.1", port))
            connection.sendall(kind.sent("127.0.0.1:%d" % port))
            if kind.manner == "leaves at once":
                time.sleep(dice.random() * 0.1)
                return "left"
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                connection.settimeout(left)
                piece = connection.recv(256 if kind.manner == "reads slowly" else 65536)
                if not piece:
                    break
                data += piece
                if kind.manner == "leaves after a while" and len(data) > 2000:
                    return "left"
                if kind.manner == "reads slowly":
                    time.sleep(0.01)
        except TimeoutError:
            raise Broken("no end within %g s; %r" % (DEADLINE, data[-300:])) from None
        except OSError:
            pass  # refused or reset; what has come is judged
    try:
        status, headers, body, whole = answer_of(data)
    except Broken as error:
        raise Broken("%s; all that came ends in %r" % (error, data[-1500:])) from None
    if status is None:
        return "gone"
    outcome = kind.check(status, headers, body, whole)
    if outcome.startswith("error"):
        examples[outcome] = "%s: %r" % (kind.name, body[-400:])
    return outcome


class Traffic:
    """What the clients saw, from all threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.sent = 0
        self.outcomes = collections.Counter()
        self.slowest = (0.0, "none")
        self.lost = []  # sentences
        self.gone = []  # (begin, end, name)
        self.examples = {}  # of an error's outcome, the last message

    def one(self, kind, port, dice):
        with self.lock:
            self.sent += 1
        begun = time.monotonic()
        lost = None
        try:
            outcome = perform(kind, port, dice, self.examples)
        except Exception as error:  # whatever it is: this request has no outcome
            outcome, lost = "lost", "%s: %s: %s" % (kind.name, type(error).__name__, error)
        ended = time.monotonic()
        with self.lock:
            self.outcomes[outcome] += 1
            self.slowest = max(self.slowest, (ended - begun, "%s, %s" % (kind.name, outcome)))
            if lost:
                self.lost.append(lost)
            if outcome == "gone":
                self.gone.append((begun, ended, kind.name))
        return outcome

    def settle_gone(self, downtimes):
        """A request without an answer is lost unless odysseus was being killed, or was not there, meanwhile."""
        with self.lock:
            for begun, ended, name in self.gone:
                if not any(begun - DOWNTIME_SLACK <= up and ended + DOWNTIME_SLACK >= down for down, up in downtimes):
                    self.lost.append("%s: no answer at all, and odysseus was there" % name)
                    self.outcomes["gone"] -= 1
                    self.outcomes["lost"] += 1
            self.gone = []


class Chaos(Case):
    def setUp(self):
        self.dice = random.Random(SEED)
        self.place = self.home()
        self.place.model("toy.gguf")
        self.place.model("tiny.gguf", seed=8)
        self.place.model("heavy.gguf", layers=8, heads=8, kv_heads=8, head_dim=128)
        self.limit_file = self.place.outer / "limit"
        self.wrapper = self.place.outer / "llama-server"
        self.wrapper.write_text(WRAPPER % (self.limit_file, harness.llama_server()))
        self.wrapper.chmod(0o755)
        self.faults = collections.Counter()
        self.downtimes = []
        self.traffic = Traffic()
        self.oom_steps = self.restarts = self.replayed = 0
        self.ports = {}
        self.there = threading.Event()  # odysseus is

    # odysseus

    def launch(self):
        self.set_limit(0)
        self.server = self.odysseus(self.place, "--ctx", "32768", server=self.wrapper, **self.ports).wait_ready()
        self.ports = {"port": self.server.port, "llama_port": self.server.llama_port}
        self.there.set()

    def set_limit(self, level):
        self.level = level
        self.limit_file.write_text(str(MEMORY_KIB[level]))

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.server.process.pid))

    def files(self):
        """Everything under HOME but the logs: what a run leaves behind."""
        return {str(path.relative_to(self.place.path)) for path in self.place.path.rglob("*") if path.is_file()
                and path.parent.name != "logs"}

    def children_of(self, is_parent):
        """The odysseus's own processes whose parent is such a one; asked of the system, not of odysseus."""
        found = []
        for pid, _ in harness.marked_processes(self.server.mark):
            try:
                parent = int(pathlib.Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()[1])
                if is_parent(parent):
                    found.append(pid)
            except OSError:
                continue  # it has gone meanwhile
        return found

    def router(self):
        found = self.children_of(lambda pid: pathlib.Path("/proc/%d/cmdline" % pid).read_bytes().startswith(b"llama-guard"))
        return found[0] if found else None

    def model_processes(self):
        router = self.router()
        return self.children_of(lambda pid: pid == router)

    # faults

    def signalled(self, pid, how):
        try:
            os.kill(pid, how)
        except (ProcessLookupError, TypeError):
            return False  # gone meanwhile, or not there
        return True

    def stopped_for_a_while(self, pid):
        if not self.signalled(pid, signal.SIGSTOP):
            return False
        time.sleep(self.dice.uniform(0.2, 2))
        self.signalled(pid, signal.SIGCONT)
        return True

    def a_model_process(self):
        return self.dice.choice(self.model_processes() or [None])

    def strike(self):
        fault = self.dice.choice(["kill llama-server", "stop and continue llama-server", "term llama-server",
                                  "kill llama-server", "kill a model", "kill a model", "stop and continue a model",
                                  "less memory", "less memory", "kill odysseus", "term a model"])
        struck = {"kill llama-server": lambda: self.signalled(self.router(), signal.SIGKILL),
                  "stop and continue llama-server": lambda: self.stopped_for_a_while(self.router()),
                  "term llama-server": lambda: self.signalled(self.router(), signal.SIGTERM),
                  "kill a model": lambda: self.signalled(self.a_model_process(), signal.SIGKILL),
                  "stop and continue a model": lambda: self.stopped_for_a_while(self.a_model_process()),
                  "term a model": lambda: self.signalled(self.a_model_process(), signal.SIGTERM),
                  "less memory": self.less_memory,
                  "kill odysseus": self.kill_odysseus}[fault]()
        self.faults[fault] += struck

    def less_memory(self):
        """For what is started from now on, and for what runs: models that it loads. The router keeps room for itself."""
        if self.level + 1 >= len(MEMORY_KIB):
            return False
        self.set_limit(self.level + 1)
        limit, router = MEMORY_KIB[self.level], self.router()
        try:
            held = int(re.search(r"VmSize:\s+(\d+)", pathlib.Path("/proc/%s/status" % router).read_text()).group(1))
            if held + ROOM_KIB < limit:
                resource.prlimit(router, resource.RLIMIT_AS, (limit << 10, limit << 10))
        except (OSError, AttributeError):
            pass  # it has gone meanwhile
        return True

    def take_counts(self):
        status = self.server.status()
        self.oom_steps += status["oom_steps"]
        self.restarts += status["restarts"]
        self.replayed += status["requests"]["replayed"]

    def kill_odysseus(self):
        try:
            self.take_counts()
        except (OSError, ValueError):
            pass
        down = time.monotonic()
        self.there.clear()
        self.server.process.kill()
        self.server.process.wait()
        self.server.check_nothing_left(2 / min(SLOW, 1))
        self.launch()
        self.downtimes.append((down, time.monotonic()))
        return True

    # rounds

    def round(self):
        dealt = [kind for weight, kind in kinds() for _ in range(weight)]

        def client(seed):
            dice = random.Random(seed)
            for _ in range(REQUESTS):
                if self.traffic.lost:
                    return
                if self.traffic.one(dice.choice(dealt), self.ports["port"], dice) == "gone":
                    self.there.wait(DEADLINE)

        clients = [threading.Thread(target=client, args=(self.dice.random(),)) for _ in range(CLIENTS)]
        for thread in clients:
            thread.start()
        for _ in range(self.dice.randint(*FAULTS)):
            time.sleep(self.dice.uniform(0.05, 1.2))
            self.strike()
        for thread in clients:
            thread.join(DEADLINE * (REQUESTS + 1))
            self.assertFalse(thread.is_alive(), "a client hangs")
        self.traffic.settle_gone(self.downtimes)

    def serves(self):
        """Whether a chat is answered; if not, it says why and when to come back."""
        if self.server.get("/health").status != 200:
            return False
        answer = self.server.chat("toy", timeout=DEADLINE)
        if answer.status != 200:
            check_error(answer.status, answer.headers, answer.body, (502, 503))
        return answer.status == 200

    def check_recovered(self):
        """It serves again, and holds no more than it did."""
        harness.wait_until(self.serves, "healthy again" + self.server._said(), 60)
        harness.wait_until(lambda: self.server.status()["requests"]["active"] <= 1, "no request is left over")
        try:
            harness.wait_until(lambda: self.descriptors() <= self.level_of_descriptors, "descriptors are back")
        except AssertionError:
            fds = pathlib.Path("/proc/%d/fd" % self.server.process.pid)
            self.fail("%d descriptors, %d in the beginning: %s" % (self.descriptors(), self.level_of_descriptors,
                                                                   sorted(os.readlink(fd) for fd in fds.iterdir())))

    def quiet_run(self):
        """What a run without faults opens and leaves behind."""
        self.launch()
        for model in ["toy", "heavy", "tiny", "toy"]:
            answer = self.server.chat(model, timeout=DEADLINE)
            self.assertEqual(answer.status, 200, answer)
        time.sleep(3)  # longer than an idle connection to llama-server is kept
        self.level_of_descriptors = self.descriptors()
        self.assertIsNotNone(self.router(), "the faults would strike nobody")
        self.assertTrue(self.model_processes())
        self.assertEqual(self.server.stop(), 0)
        return self.files() | {"data/context_memory.json"}  # what held after a memory failure

    def test_nothing_is_lost_and_nothing_is_left(self):
        print("\nchaos: seed %d" % SEED, flush=True)
        begun = time.monotonic()
        expected = self.quiet_run()
        self.launch()
        done = 0
        try:
            for done in itertools.count(1):
                self.round()
                if self.traffic.lost:
                    break
                self.check_recovered()
                if done == ROUNDS or time.monotonic() - begun > SECONDS:
                    break
            self.take_counts()
        finally:
            self.report(done, time.monotonic() - begun)
        self.assertFalse(self.traffic.lost)
        self.assertEqual(self.traffic.sent, sum(self.traffic.outcomes.values()))
        self.assertEqual(self.server.stop(signal.SIGTERM), 0, self.server._said())
        self.assertEqual(sorted(self.files() - expected), [], "files that a quiet run does not leave")

    def report(self, rounds, seconds):
        lost = self.traffic.lost
        print("chaos: %d rounds in %.0f s, %d faults, %d requests, lost %d; slowest request %.1f s (%s)" %
              (rounds, seconds, sum(self.faults.values()), self.traffic.sent, len(lost), *self.traffic.slowest))
        for title, counts in [("faults", self.faults), ("outcomes", self.traffic.outcomes)]:
            print("  %s: %s" % (title, ", ".join("%s %d" % pair for pair in sorted(counts.items()) if pair[1])))
        print("  memory steps %d, restarts %d, replayed %d" % (self.oom_steps, self.restarts, self.replayed))
        for outcome, example in sorted(self.traffic.examples.items()):
            print("  %s, for example: %s" % (outcome, example))
        for sentence in lost[:10]:
            print("  lost: " + sentence)
        if lost:
            log = (self.place.path / "logs/llama-server.log").read_text(errors="replace")
            print("%s\n--- llama-server said:\n%s" % (self.server._said(), log[-8000:]))
        print("", end="", flush=True)


class Found(Chaos):
    """What chaos has found, by itself."""

    test_nothing_is_lost_and_nothing_is_left = None

    def setUp(self):
        super().setUp()
        self.launch()
        self.assertEqual(self.server.chat("toy").status, 200)

    def test_an_end_that_nobody_reported_is_not_taken_for_the_next_one(self):
        os.kill(self.model_processes()[0], signal.SIGKILL)
        harness.wait_until(lambda: not self.model_processes(), "the model's process is gone")
        answer = self.server.chat("toy")
        self.assertEqual(answer.status, 200, answer)
        os.kill(self.model_processes()[0], signal.SIGKILL)
        answer = self.server.chat("toy")
        self.assertEqual(answer.status, 200, answer)

    def test_a_model_process_that_closed_its_port_and_stays_is_replaced(self):
        os.kill(self.model_processes()[0], signal.SIGTERM)
        for _ in range(2):
            answer = self.server.chat("toy")
            self.assertEqual(answer.status, 200, "%s%s" % (answer, self.server._said()))


class Judging(unittest.TestCase):
    """The judge itself: a test that cannot fail proves nothing."""

    HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    TEXT = b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":null}]}\n\n'
    LAST = b'data: {"choices":[{"delta":{},"finish_reason":"length"}]}\n\n'
    DONE = b"data: [DONE]\n\n"

    def outcome(self, *events, end=b"0\r\n\r\n"):
        data = self.HEAD + b"".join(b"%x\r\n%s\r\n" % (len(event), event) for event in events) + end
        status, headers, body, whole = answer_of(data)
        return Kind("stream", "POST", "/v1/chat/completions", chat("toy", True)).check(status, headers, body, whole)

    def test_streams(self):
        self.assertEqual(self.outcome(self.TEXT, self.LAST, self.DONE), "answer")
        self.assertEqual(self.outcome(self.TEXT, end=b""), "cut")
        self.assertEqual(self.outcome(self.TEXT, end=b"ff\r\ndata: {"), "cut")
        self.assertEqual(self.outcome(b'data: {"error":{"message":"m","type":"t","code":503}}\n\n'), "error in the stream")
        for events, end in [([self.TEXT, b"proxy error: Failed to read connection"], b"0\r\n\r\n"),
                            ([self.TEXT, self.DONE], b"0\r\n\r\n"), ([self.TEXT], b"0\r\n\r\n"),
                            ([self.TEXT, self.LAST, self.DONE, self.DONE], b"0\r\n\r\n"),
                            ([self.TEXT, self.LAST, self.DONE], b"0\r\n\r\nHTTP/1.1 200 OK\r\n"), ([self.TEXT], b"xyz\r\n")]:
            with self.subTest(events=events, end=end), self.assertRaises(Broken):
                self.outcome(*events, end=end)

    def test_errors(self):
        shaped = b'{"error":{"message":"m","type":"t","param":null,"code":"c"}}'
        kind = Kind("chat", "POST", "/v1/chat/completions", chat("toy"))
        self.assertEqual(kind.check(503, Headers([("Retry-After", "1")]), shaped, True), "error 503")
        for status, body in [(503, shaped), (500, b"oops"), (404, shaped), (500, b'{"error":"m"}')]:
            with self.subTest(status=status, body=body), self.assertRaises(Broken):
                kind.check(status, Headers([]), body, True)


if __name__ == "__main__":
    unittest.main()
