"""Two and three machines on one: real odysseus processes with real llama-servers, peers of each other on loopback."""
import signal
import socket
import threading

import gguf
import harness
from harness import Case


class Relay:
    """A TCP relay between two machines, for cutting the link."""

    def __init__(self, target):
        self.target, self.port = target, harness.free_port()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.pairs, self.lock, self.cut_off = [], threading.Lock(), False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            with self.lock:
                self.pairs.append((client, server))
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def _copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def cut(self):
        """Ends all connections, and takes no more."""
        self.listener.close()
        with self.lock:
            for pair in self.pairs:
                for end in pair:
                    try:
                        end.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass
                    end.close()

    close = cut


class Peers(Case):
    def peer(self, home, *arguments, **options):
        return self.odysseus(home, "--ctx", "4096", *arguments, **options).wait_ready()

    def home_with(self, *models):
        home = self.home()
        for file in models:
            home.model(file)
        return home

    @staticmethod
    def url(running, key=None):
        return "http://127.0.0.1:%d%s" % (running.port, "#" + key if key else "")

    @staticmethod
    def known(front, name, state="ready"):
        def seen():
            peers = front.status()["peers"]
            return peers and all(peer["state"] == state for peer in peers if name in peer["url"]) and peers
        return harness.wait_until(seen, "the peer is %s" % state)

    def test_a_chat_goes_to_the_machine_that_has_the_model(self):
        far = self.peer(self.home_with("far.gguf", "both.gguf"), "--api-key", "sesame")
        near = self.peer(self.home_with("near.gguf", "both.gguf"), "--peer", self.url(far, "sesame"))
        ids = [entry["id"] for entry in near.get("/v1/models").json["data"]]
        self.assertIn("far", ids)
        self.assertIn("both", ids)
        self.assertIn("both@127.0.0.1", ids)
        self.assertNotIn("near@127.0.0.1", ids)
        answer = near.chat("far")
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json["choices"][0]["message"]["content"].split()[0], gguf.WORDS[0])
        self.assertEqual(near.chat("near").status, 200)
        # Loaded there, not here: it is answered there; and the other way round.
        self.assertEqual(near.chat("both@127.0.0.1").status, 200)
        peer, = self.known(near, str(far.port))
        self.assertEqual(peer["requests"]["total"], 2)
        self.assertEqual(peer["failures"], 0)
        self.assertIsInstance(peer["free_mib"], int)
        self.assertEqual(far.get("/odysseus/status", headers={"Authorization": "Bearer sesame"}).json["requests"]["total"], 2)
        self.assertNotIn("sesame", near.output() + near.get("/odysseus/status").body.decode() +
                         near.get("/metrics").body.decode())

        # A stream, word for word, and Ollama's API.
        body = {"model": "far", "stream": True, "max_tokens": 50, "ignore_eos": True, "messages": []}
        whole = b"".join(piece for _, piece in list(near.stream(body))[1:])
        self.assertTrue(whole.endswith(b"data: [DONE]\n\n"), whole[-200:])
        ollama = near.post("/api/chat", {"model": "far", "stream": False, "messages": [{"role": "user", "content": "hello"}]})
        self.assertEqual(ollama.status, 200, ollama)
        self.assertEqual(ollama.json["message"]["content"].split()[0], gguf.WORDS[0])

    def test_the_other_machine_is_killed(self):
        second = self.peer(self.home_with("far.gguf"))
        third = self.peer(self.home_with("far.gguf"))
        front = self.peer(self.home_with("near.gguf"), "--peer", self.url(second), "--peer", self.url(third))
        self.assertEqual(front.chat("far", "a tale").status, 200)
        counts = {peer["url"]: peer["requests"]["total"] for peer in front.status()["peers"]}
        self.assertEqual(sorted(counts.values()), [0, 1])
        killed, left = (second, third) if counts[self.url(second)] else (third, second)
        killed.process.send_signal(signal.SIGKILL)
        killed.wait_end()
        for turn in ("a tale", "another"):  # also the conversation that was there
            answer = front.chat("far", turn)
            self.assertEqual(answer.status, 200, answer)
        self.known(front, str(killed.port), "unreachable")
        left.process.send_signal(signal.SIGKILL)
        left.wait_end()
        answer = front.chat("far", "a tale")
        self.assertEqual((answer.status, answer.json["error"]["code"]), (503, "peer_unavailable"), answer)
        self.assertIn("Retry-After", answer.headers)
        self.assertEqual(front.chat("near").status, 200)
        self.assertEqual(front.stop(), 0)

    def test_the_link_is_cut_in_mid_stream(self):
        far = self.peer(self.home_with("far.gguf"))
        link = Relay(far.port)
        self.addCleanup(link.close)
        near = self.peer(self.home_with("near.gguf"), "--peer", "http://127.0.0.1:%d" % link.port)
        self.assertEqual(near.chat("far").status, 200)
        body = {"model": "far", "stream": True, "max_tokens": 3500, "ignore_eos": True,
                "messages": [{"role": "user", "content": "go on"}]}
        events = near.stream(body)
        self.assertEqual(next(events)[1].status, 200)
        next(events)
        link.cut()
        with self.assertRaises(harness.strict_http.Cut):
            for _ in events:
                pass
        self.known(near, str(link.port), "unreachable")
        self.assertEqual(near.chat("near").status, 200)

        def free():
            slots = far.get("/slots?model=far")
            return slots.status == 200 and not any(slot["is_processing"] for slot in slots.json)
        harness.wait_until(free, "the slot there is free")

    def test_a_peer_of_each_other(self):
        first_port = harness.free_port()
        second = self.peer(self.home_with("two.gguf"), "--peer", "http://127.0.0.1:%d" % first_port)
        first = self.peer(self.home_with("one.gguf"), "--peer", self.url(second), port=first_port)
        self.assertEqual(first.chat("two").status, 200)

        def back():
            return second.chat("one").status == 200
        harness.wait_until(back, "the second machine knows the first one")
        self.assertEqual(first.chat("three").status, 404)
        self.assertEqual(second.status()["requests"]["total"], 2)

    def test_what_is_refused_at_the_start(self):
        home = self.home_with("tiny.gguf")
        for peer, says in (("http://192.0.2.1:8080#hush", "in the clear"), ("box:8080#hush", "--peer"),
                           ("http://me:hush@127.0.0.1:8080", "name before its host")):
            with self.subTest(peer):
                ended = harness.run(home, "serve", "--peer", peer)
                self.assertEqual(ended.returncode, 2, ended)
                self.assertIn(says, ended.stderr)
                self.assertNotIn("hush", ended.stdout + ended.stderr)
        shown = harness.run(home, "config", env={"ODYSSEUS_PEER": "http://127.0.0.1:1#hush,http://127.0.0.1:2"})
        self.assertEqual(shown.returncode, 0, shown)
        self.assertIn("http://127.0.0.1:1#(set),http://127.0.0.1:2", shown.stdout)

    def test_doctor_tells_of_peers(self):
        far = self.peer(self.home_with("far.gguf"))
        closed = harness.free_port()
        told = harness.run(self.home_with("near.gguf"), "doctor", "--json", "--offline", "--peer", self.url(far), "--peer",
                           "http://127.0.0.1:%d#hush" % closed)
        findings = {finding["code"]: finding for finding in harness.json.loads(told.stdout)["findings"]}
        self.assertIn("1 model", findings["peer_answers"]["what"])
        self.assertIn(str(closed), findings["peer_unreachable"]["what"])
        self.assertNotIn("hush", told.stdout)
