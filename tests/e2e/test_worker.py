"""odysseus worker and --worker: a model that one machine does not hold, with the real llama-server and RPC server."""
import json
import os
import pathlib
import re
import select
import signal
import socket
import ssl
import tempfile
import threading
import time
import unittest

import harness
import small_gpu
from harness import Case
from test_pairing import Pairing, open_port
from test_small_gpu import GPU_MIB, dense

CPU = {"VK_DRIVER_FILES": "/nonexistent"}  # the build with RPC has Vulkan too
BIG = {"padding_mib": 200}  # for a machine of 96 MiB


def small_machine(home):
    """Its memory as odysseus is told of it: 96 MiB."""
    file = home.path / "machine.json"
    file.write_text(json.dumps({"os": "linux", "arch": "x64", "backend": "cpu", "ram_mib": 96, "available_ram_mib": 96,
                                "cpu_cores": 2}))
    return ("--hardware", file, "--ctx", "2048")


def as_nobody(question):
    """What it says, 0 for true, to another user of this machine."""
    pid = os.fork()
    if pid == 0:
        code = 2
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            code = 0 if question() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def hears_nothing(port):
    with socket.create_connection(("127.0.0.1", port), 60) as stranger:
        try:
            return stranger.recv(1) == b""
        except ConnectionResetError:
            return True


class Relay:
    """A network between the two machines that is slow, or goes dead without a word."""

    def __init__(self, target, delay_s=0.0):
        self.target, self.delay_s, self.dead = target, delay_s, threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.sockets = self.listener.getsockname()[1], [self.listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self.sockets += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source, sink):
        late = []  # (when, bytes)
        try:
            while True:
                wait = max(0.0, late[0][0] - time.monotonic()) if late else 1.0
                if select.select([source], [], [], wait)[0]:
                    piece = source.recv(65536)
                    if not piece:
                        break
                    late.append((time.monotonic() + self.delay_s, piece))
                while late and late[0][0] <= time.monotonic():
                    if self.dead.is_set():
                        return  # both ends stay open, and hear nothing any more
                    sink.sendall(late.pop(0)[1])
            sink.shutdown(socket.SHUT_WR)
        except (OSError, ValueError):
            for end in (source, sink):
                end.close()

    def close(self):
        for one in self.sockets:
            one.close()


class Worker(Case):
    def pair(self, far_home, near_home):
        port = open_port()
        far = Pairing(self, far_home, ":%d" % port)
        far.until("waiting +on port")
        near = Pairing(self, near_home, "127.0.0.1:%d" % port)
        self.assertEqual(far.code(), near.code())
        far.answer("yes")
        near.answer("yes")
        self.assertEqual((far.end(), near.end()), (0, 0), far.said + near.said)

    def worker(self, home, port=0):
        port = port or open_port()
        running = self.odysseus(home, "--device", "cpu", "worker", "127.0.0.1:%d" % port, server=small_gpu.server(), port=None,
                                llama_port=None, env=CPU)
        running.worker_port = port

        def ready():
            self.assertIsNone(running.process.poll(), running.output())
            return "ready " in running.output()
        harness.wait_until(ready, "the worker is ready", 120)
        return running

    def front(self, home, port, *arguments, server=None):
        return self.odysseus(home, *small_machine(home), "--worker", "127.0.0.1:%d" % port, *arguments,
                             server=server or small_gpu.server(), env=CPU).wait_ready(180)

    def two(self):
        far, near = self.home(), self.home()
        near.model("big.gguf", **BIG)
        near.model("little.gguf")
        self.pair(far, near)
        return far, near

    def rpc_processes(self, worker):
        return [pid for pid, name in harness.marked_processes(worker.mark) if "rpc-server" in name]

    def answers(self, front, model="big"):
        answer = front.chat(model, timeout=180)
        self.assertEqual(answer.status, 200, (answer, front.output()))
        self.assertIn("one two three", answer.json["choices"][0]["message"]["content"])

    def answers_again(self, front):
        def again():
            return front.chat("big", timeout=180).status == 200
        harness.wait_until(again, "the big model answers again", 180)

    def model_of(self, front, name):
        return next(model for model in front.status()["models"] if model["id"] == name)

    def long_answer(self, front):
        """A stream that has begun, and what came of it."""
        events = front.stream({"model": "big", "stream": True, "max_tokens": 3500, "ignore_eos": True,
                               "messages": [{"role": "user", "content": "go on"}]}, timeout=180)
        self.assertEqual(next(events)[1].status, 200)
        next(events)
        ended, went = threading.Event(), []

        def read_on():
            try:
                for _, piece in events:
                    went.append(piece)
            except (harness.strict_http.Cut, OSError) as cut:
                went.append(cut)
            ended.set()
        threading.Thread(target=read_on, daemon=True).start()
        return ended, went

    def test_a_model_that_one_machine_does_not_hold_answers_with_a_worker(self):
        far, near = self.two()
        alone = self.run_odysseus(near, "plan", "--json", *small_machine(near), "--llama-server", small_gpu.server(), env=CPU)
        fits = {model["id"]: model["fits"] for model in json.loads(alone.stdout)["models"]}
        self.assertEqual(fits, {"big": "no", "little": "yes"})
        worker = self.worker(far)
        there = ("--worker", "127.0.0.1:%d" % worker.worker_port)
        planned = self.run_odysseus(near, "plan", "--json", *small_machine(near), *there, "--llama-server",
                                    small_gpu.server(), env=CPU)
        plan = json.loads(planned.stdout)
        self.assertEqual(plan["worker"]["state"], "ready", plan["worker"])
        self.assertGreater(plan["worker"]["free_mib"], 0)
        front = self.front(near, worker.worker_port)
        self.answers(front)
        self.answers(front, "little")
        self.answers(front)
        status = front.status()
        self.assertEqual(status["worker"]["state"], "ready", status["worker"])
        self.assertTrue(self.model_of(front, "big")["placement"]["worker"])
        self.assertIn("spread over", self.model_of(front, "big")["placement"]["reason"])
        self.assertFalse(self.model_of(front, "little")["placement"]["worker"])
        self.assertEqual(len(self.rpc_processes(worker)), 1)
        again = self.run_odysseus(near, "plan", "--json", *small_machine(near), *there, "--llama-server", small_gpu.server(),
                                  env=CPU)
        self.assertEqual(json.loads(again.stdout)["worker"]["state"], "ready")  # in use by this very machine
        # Another machine that may use it is told who does.
        third = self.home()
        self.pair(far, third)
        third.model("big.gguf", **BIG)
        refused = self.run_odysseus(third, "plan", *small_machine(third), *there, "--llama-server", small_gpu.server(), env=CPU)
        self.assertIn("in use by", " ".join(refused.stdout.split()))
        self.assertEqual(front.stop(), 0)
        harness.wait_until(lambda: not self.rpc_processes(worker), "the RPC server has ended with the session")
        self.assertEqual(worker.stop(signal.SIGTERM), 0)

    def test_strangers_get_nothing(self):
        far, near = self.two()
        worker = self.worker(far)
        where = ("127.0.0.1", worker.worker_port)
        with socket.create_connection(where, 30) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            self.assertEqual(plain.recv(100), b"")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(where, 30) as plain, self.assertRaises(OSError):
            with context.wrap_socket(plain) as bare:  # without a certificate
                bare.sendall(b"{}\n")
                if not bare.recv(100):
                    raise OSError("ended")
        # One that was paired with somebody else.
        other, third = self.home(), self.home()
        self.pair(other, third)
        context.load_cert_chain(third.path / "data/machine.crt", third.path / "data/machine.key")
        with socket.create_connection(where, 30) as plain, context.wrap_socket(plain) as unknown:
            unknown.sendall(b'{"odysseus_worker": 1, "build": "b1", "want": "hold"}\n')
            said = b""
            while piece := unknown.recv(4096):
                said += piece
        self.assertIn("not paired with the worker", json.loads(said)["refused"])
        # Not the machine that this one was paired with.
        file = near.path / "data/paired.json"
        kept = json.loads(file.read_text())
        file.write_text(json.dumps({"paired": [{**kept["paired"][0], "certificate": "0" * 64}]}))
        wrong = self.run_odysseus(near, "plan", *small_machine(near), "--worker", "127.0.0.1:%d" % worker.worker_port,
                                  "--llama-server", small_gpu.server(), env=CPU)
        self.assertIn("not the one that it was paired with", " ".join(wrong.stdout.split()))
        file.write_text(json.dumps({"paired": []}))
        self.run_odysseus(near, "serve", *small_machine(near), "--worker", "127.0.0.1", expect=2, says=["was not paired"])
        file.write_text(json.dumps(kept))
        # Another user of this machine does not reach the worker through the port that leads there.
        front = self.front(near, worker.worker_port)
        self.answers(front)
        if os.geteuid() == 0:
            port = re.search(r"rpc = 127\.0\.0\.1:(\d+)", (near.path / "data/models.ini").read_text()).group(1)
            self.assertEqual(as_nobody(lambda: hears_nothing(int(port))), 0)
        self.answers(front)
        self.assertEqual(len(self.rpc_processes(worker)), 1)
        self.assertEqual(front.stop(), 0)
        self.assertEqual(worker.stop(signal.SIGTERM), 0)

    def test_another_build_is_refused_in_words(self):
        far, near = self.two()
        worker = self.worker(far)
        other = near.path / "llama-server"
        other.write_text("#!/bin/sh\n[ \"$1\" = --version ] && { echo 'version: 0.6.0 (build 11434, commit abc)' >&2; exit; }\n"
                         "exec %s \"$@\"\n" % small_gpu.server())
        other.chmod(0o755)
        front = self.front(near, worker.worker_port, server=other)
        said = front.status()["worker"]
        self.assertEqual(said["state"], "unreachable", said)
        self.assertIn("the worker has b11669, this machine b11434".replace("b11669", self.build()), said["reason"])
        answer = front.chat("big")
        self.assertEqual((answer.status, answer.json["error"]["code"]), (503, "worker_lost"), answer)
        self.assertEqual(answer.headers["retry-after"], "5")
        self.assertIn("same build", answer.json["error"]["message"])
        self.answers(front, "little")

    def build(self):
        return re.search(r"-(b\d+)/", str(small_gpu.server())).group(1)

    def test_the_rpc_server_dies_in_mid_answer(self):
        far, near = self.two()
        worker = self.worker(far)
        front = self.front(near, worker.worker_port)
        self.answers(front)
        ended, went = self.long_answer(front)
        for pid in self.rpc_processes(worker):
            os.kill(pid, signal.SIGKILL)
        self.assertTrue(ended.wait(60 * harness.SLOW), "the answer hangs")
        self.assertIsInstance(went[-1], harness.strict_http.Cut, went[-1:])
        self.answers_again(front)
        self.assertGreaterEqual(front.status()["worker"]["losses"], 1)
        self.assertEqual(front.status()["oom_steps"], 0)
        self.assertEqual(front.stop(), 0)
        self.assertEqual(worker.stop(signal.SIGTERM), 0)

    def test_the_worker_is_killed_and_started_again(self):
        far, near = self.two()
        worker = self.worker(far)
        front = self.front(near, worker.worker_port)
        self.answers(front)
        ended, went = self.long_answer(front)
        worker.process.kill()
        self.assertTrue(ended.wait(60 * harness.SLOW), "the answer hangs")
        self.assertIsInstance(went[-1], harness.strict_http.Cut, went[-1:])
        worker.process.wait()
        worker.check_nothing_left()  # the RPC server goes with it

        def lost():
            answer = front.chat("big", timeout=180)
            return answer.status == 503 and answer.json["error"]["code"] == "worker_lost" and answer
        answer = harness.wait_until(lost, "the big model says that the worker is lost", 120)
        self.assertIn("is not there", answer.json["error"]["message"])
        self.assertIn("retry-after", answer.headers)
        self.answers(front, "little")
        self.worker(far, worker.worker_port)
        self.answers_again(front)
        self.assertTrue(self.model_of(front, "big")["placement"]["worker"])
        self.assertEqual(front.stop(), 0)

    def test_the_network_is_slow_and_then_dead(self):
        far, near = self.two()
        worker = self.worker(far)
        relay = Relay(worker.worker_port, delay_s=0.1)
        self.addCleanup(relay.close)
        front = self.front(near, relay.port)
        self.answers(front)
        ended, went = self.long_answer(front)
        relay.dead.set()
        self.assertTrue(ended.wait(120 * harness.SLOW), "the answer hangs")
        self.assertIsInstance(went[-1], harness.strict_http.Cut, went[-1:])
        self.answers(front, "little")
        harness.wait_until(lambda: not self.rpc_processes(worker), "the worker has noticed", 120)
        relay.dead.clear()
        self.answers_again(front)
        self.assertEqual(front.stop(), 0)
        self.assertEqual(worker.stop(signal.SIGTERM), 0)

    def test_a_small_gpu_goes_on_alone(self):
        folder = tempfile.TemporaryDirectory(prefix="odysseus-small-gpu-")
        self.addCleanup(folder.cleanup)
        variables = small_gpu.environment(GPU_MIB, pathlib.Path(folder.name))
        far, near = self.home(), self.home()
        near.model("big.gguf", **dense(1.3))
        self.pair(far, near)
        worker = self.worker(far)
        front = self.odysseus(near, "--device", "vulkan", "--worker", "127.0.0.1:%d" % worker.worker_port,
                              server=small_gpu.server(), env=variables).wait_ready(180)

        def runs(fits, spread):
            model = self.model_of(front, "big")
            return (model["fits"], model["placement"]["worker"]) == (fits, spread)
        self.assertTrue(runs("yes", True), front.status())
        self.assertEqual(front.chat("big", timeout=300).status, 200, front.output())
        # Once llama-server is another one: a request that the loss itself broke is sent again once, and here that load has
        # to go down the ladder.
        before = front.status()["generation"]
        worker.process.kill()

        def is_another():
            status = front.status()
            return status["generation"] > before and status["state"] == "ready" and runs("partly", False)
        harness.wait_until(is_another, "it runs without the worker", 120)
        self.assertEqual(front.chat("big", timeout=300).status, 200, front.output())
        self.worker(far, worker.worker_port)
        harness.wait_until(lambda: runs("yes", True), "it is to run with the worker again", 120)
        self.assertEqual(front.chat("big", timeout=300).status, 200, front.output())
        self.assertEqual(front.stop(), 0)

    def test_what_is_refused(self):
        home = self.home()
        none = self.run_odysseus(home, "worker", expect=2)
        self.assertIn("no machine is paired", none.stderr)
        self.run_odysseus(home, "worker", "http://x", expect=2, says=["no place to listen"])
        self.run_odysseus(home, "serve", "--worker", "http://box", expect=2, says=["--worker"])
        far, near = self.two()
        self.run_odysseus(near, "serve", "--worker", "127.0.0.1", "--models-max", "2", "--llama-server", small_gpu.server(),
                          expect=2, says=["one model at a time"])
        # llama.cpp's own way to another machine is told of, and then tried.
        self.run_odysseus(self.home(), "serve", "--device", "cpu", "--llama-server", small_gpu.server(), "--", "--rpc",
                          "240.0.0.1:50052", env=CPU, expect=6, says=["--rpc 240.0.0.1:50052 is spoken to in the clear"])
        without = self.home()  # a build that brings no RPC server
        lonely = without.path / "bin"
        lonely.mkdir()
        os.link(small_gpu.server(), lonely / "llama-server")
        self.run_odysseus(far, "worker", "127.0.0.1:%d" % open_port(), "--device", "cpu", "--llama-server", lonely / "llama-server",
                          env=CPU, expect=3, says=["brings no RPC server"])


if __name__ == "__main__":
    unittest.main()
