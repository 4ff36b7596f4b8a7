"""Two hosts made of network namespaces, with a cable between them that is pulled: paired, over https, with the real llama-server."""
import ctypes
import os
import subprocess
import threading
import unittest
import uuid

import harness
import small_gpu
from harness import Case
from test_pairing import Pairing, https
from test_worker import BIG, CPU, small_machine

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET
_LIBC = ctypes.CDLL(None, use_errno=True)


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=60)


class Host:
    """A network namespace with one cable."""

    def __init__(self, address):
        self.name, self.address = "odysseus-" + uuid.uuid4().hex[:8], address
        ip("netns", "add", self.name)
        ip("-n", self.name, "link", "set", "lo", "up")

    def __enter__(self):
        """What this thread starts and connects from here on is on that host."""
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        there = os.open("/run/netns/" + self.name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if _LIBC.setns(there, _NEW_NETWORK) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(there)
        return self

    def __exit__(self, *_):
        failed = _LIBC.setns(self._home, _NEW_NETWORK) != 0
        os.close(self._home)
        if failed:
            raise OSError(ctypes.get_errno(), "setns back")

    def cable(self, state):
        ip("-n", self.name, "link", "set", "cable", state)

    def remove(self):
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, timeout=60, check=False)


def hosts_are_possible():
    name = "odysseus-" + uuid.uuid4().hex[:8]
    try:
        ip("netns", "add", name)
        ip("netns", "del", name)
        return True
    except (OSError, subprocess.SubprocessError):
        return False


@unittest.skipUnless(hosts_are_possible(), "no network namespaces here (ip netns add, as root)")
class TwoHosts(Case):
    def setUp(self):
        self.desk, self.box = Host("10.77.0.1"), Host("10.77.0.2")
        self.addCleanup(self.box.remove)
        self.addCleanup(self.desk.remove)
        ends = ["od" + uuid.uuid4().hex[:8] for _ in range(2)]
        ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for host, end in zip((self.desk, self.box), ends):
            ip("link", "set", end, "netns", host.name, "name", "cable")
            ip("-n", host.name, "address", "add", host.address + "/24", "dev", "cable")
            host.cable("up")

    def pair(self, box_home, desk_home, port):
        with self.box:
            far = Pairing(self, box_home, "--port", port)
        far.until("waiting +on port")
        with self.desk:
            near = Pairing(self, desk_home, self.box.address)
        self.assertEqual(far.code(), near.code())
        far.answer("yes")
        near.answer("yes")
        self.assertEqual((far.end(), near.end()), (0, 0), far.said + near.said)

    def peer_is(self, front, state):
        def seen():
            with self.desk:
                peer, = front.status()["peers"]
            return peer["state"] == state and peer
        return harness.wait_until(seen, "the peer is " + state, 120)

    def test_the_cable_is_pulled_and_put_back(self):
        box_home, desk_home, port = self.home(), self.home(), 8080
        box_home.model("far.gguf")
        desk_home.model("near.gguf")
        self.pair(box_home, desk_home, port)
        data = box_home.path / "data"
        with self.box:
            self.odysseus(box_home, "--ctx", "4096", "--host", "0.0.0.0", "--tls-cert", data / "machine.crt", "--tls-key",
                          data / "machine.key", port=port)

            def up():
                try:
                    return https(port, "GET", "/health")[0] == 200
                except OSError:
                    return False
            harness.wait_until(up, "the box answers over https")
        with self.desk:
            # With its key it is refused over plain http; a stranger learns nothing.
            ended = harness.run(desk_home, "serve", "--peer", "http://%s:%d#key" % (self.box.address, port))
            self.assertEqual(ended.returncode, 2, ended)
            self.assertIn("in the clear", ended.stderr)
            front = self.odysseus(desk_home, "--ctx", "4096", "--peer", "https://%s:%d" % (self.box.address, port)).wait_ready()
            self.assertEqual(front.chat("far").status, 200)
            self.assertEqual(front.chat("near").status, 200)
            events = front.stream({"model": "far", "stream": True, "max_tokens": 3500, "ignore_eos": True,
                                   "messages": [{"role": "user", "content": "go on"}]})
            self.assertEqual(next(events)[1].status, 200)
            next(events)
        ended, went = threading.Event(), []

        def read_on():
            try:
                for _, piece in events:
                    went.append(piece)
            except harness.strict_http.Cut as cut:
                went.append(cut)
            ended.set()
        self.box.cable("down")
        threading.Thread(target=read_on, daemon=True).start()
        self.assertTrue(ended.wait(90 * harness.SLOW), "the answer hangs after the cable was pulled")
        self.assertIsInstance(went[-1], harness.strict_http.Cut)
        self.peer_is(front, "unreachable")
        with self.desk:
            answer = front.chat("far")
            self.assertEqual((answer.status, answer.json["error"]["code"]), (503, "peer_unavailable"), answer)
            self.assertEqual(front.chat("near").status, 200)
        self.box.cable("up")
        self.peer_is(front, "ready")
        with self.desk:
            self.assertEqual(front.chat("far").status, 200)

    def test_the_cable_to_a_worker_is_pulled_and_put_back(self):
        box_home, desk_home = self.home(), self.home()
        desk_home.model("big.gguf", **BIG)
        desk_home.model("little.gguf")
        self.pair(box_home, desk_home, 8080)
        with self.box:
            worker = self.odysseus(box_home, "--device", "cpu", "worker", server=small_gpu.server(), port=None, llama_port=None,
                                   env=CPU)
            harness.wait_until(lambda: "ready " in worker.output(), "the worker is ready", 120)
        with self.desk:
            front = self.odysseus(desk_home, *small_machine(desk_home), "--worker", self.box.address, server=small_gpu.server(),
                                  env=CPU).wait_ready()
            answer = front.chat("big", timeout=180)
            self.assertEqual(answer.status, 200, (answer, front.output()))
            events = front.stream({"model": "big", "stream": True, "max_tokens": 3500, "ignore_eos": True,
                                   "messages": [{"role": "user", "content": "go on"}]})
            self.assertEqual(next(events)[1].status, 200)
            next(events)
        self.box.cable("down")
        with self.desk:
            with self.assertRaises(harness.strict_http.Cut):
                list(events)
            answer = front.chat("big")
            self.assertEqual((answer.status, answer.json["error"]["code"]), (503, "worker_lost"), answer)
            self.assertEqual(front.chat("little", timeout=180).status, 200)
        self.box.cable("up")
        with self.desk:
            harness.wait_until(lambda: front.chat("big", timeout=180).status == 200, "the big model answers again", 180)


if __name__ == "__main__":
    unittest.main()
