"""odysseus pair on two machines, https between them, and whoever comes in between."""
import http.client
import json
import os
import pathlib
import re
import socket
import ssl
import stat
import subprocess
import threading
import unittest

import harness
from harness import Case

_CERTIFICATES = pathlib.Path(__file__).resolve().parent.parent / "data/tls"


def open_port():
    """One that is free on every address: those of the harness are kept on one of them."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


class Pairing:
    """One run of `odysseus pair`."""

    def __init__(self, case, home, *arguments):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("ODYSSEUS_")}
        self.process = subprocess.Popen([harness.BINARY, "pair", *map(str, arguments), "--home", str(home.path)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        case.addCleanup(self._close)
        self.said, self._changed = "", threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while piece := self.process.stderr.read(1):
            with self._changed:
                self.said += piece
                self._changed.notify_all()

    def _close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(10)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()

    def until(self, pattern):
        def told():
            return re.search(pattern, self.said)
        with self._changed:
            if not self._changed.wait_for(told, 60 * harness.SLOW):
                raise AssertionError("'%s' does not come: %s" % (pattern, self.said))
            return told()

    def code(self):
        return self.until(r"code +(\d{4} \d{4})\n").group(1)

    def answer(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def end(self):
        code = self.process.wait(60 * harness.SLOW)
        self._reader.join(10)
        return code


class Between:
    """Ends the TLS of both sides with a certificate of its own, and passes on what they say."""

    def __init__(self, target):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        certificate = (str(_CERTIFICATES / "box.crt"), str(_CERTIFICATES / "box.key"))
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(*certificate)
        self.client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.client.check_hostname, self.client.verify_mode = False, ssl.CERT_NONE
        self.client.load_cert_chain(*certificate)
        self.target = target
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        plain, _ = self.listener.accept()
        connecting = self.server.wrap_socket(plain, server_side=True)
        waiting = self.client.wrap_socket(socket.create_connection(("127.0.0.1", self.target)))
        try:  # line by line, in turns, as the protocol has it; then the answers
            for source, sink in ((connecting, waiting), (waiting, connecting), (connecting, waiting), (connecting, waiting),
                                 (waiting, connecting)):
                sink.sendall(source.recv(4096))
        except OSError:
            pass
        connecting.close()
        waiting.close()

    def close(self):
        self.listener.close()


def https(port, method, path, body=None, headers=None):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=context)
    try:
        connection.request(method, path, json.dumps(body) if body else None, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class Pair(Case):
    def paired(self, far_home, near_home, far_port):
        port = open_port()
        far = Pairing(self, far_home, ":%d" % port, "--port", far_port)
        far.until("waiting +on port")
        near = Pairing(self, near_home, "127.0.0.1:%d" % port)
        self.assertEqual(far.code(), near.code())
        far.answer("yes")
        near.answer("y")
        self.assertEqual((far.end(), near.end()), (0, 0), far.said + near.said)
        return far, near

    def test_two_machines_are_paired_and_one_answers_for_the_other(self):
        far_home, near_home, port = self.home(), self.home(), harness.free_port()
        far_home.model("far.gguf")
        near_home.model("near.gguf")
        far, near = self.paired(far_home, near_home, port)
        self.assertIn("--peer https://127.0.0.1:%d" % port, near.said)
        self.assertIn("--tls-cert", far.said)
        for home in (far_home, near_home):
            for name in ("machine.key", "machine.crt", "paired.json"):
                self.assertEqual(stat.S_IMODE((home.path / "data" / name).stat().st_mode), 0o600, name)
        data = far_home.path / "data"
        server = self.odysseus(far_home, "--ctx", "4096", "--tls-cert", data / "machine.crt", "--tls-key",
                               data / "machine.key", port=port)

        def up():
            try:
                return https(port, "GET", "/health")[0] == 200
            except OSError:
                return False
        harness.wait_until(up, "the far machine answers over https")
        self.assertIn("https://127.0.0.1:%d" % port, server.output())
        self.assertEqual(https(port, "GET", "/v1/models")[0], 401)  # it needs the key
        self.assertEqual(harness.request(port, "GET", "/v1/models").status, 400)  # and https

        front = self.odysseus(near_home, "--ctx", "4096", "--peer", "https://127.0.0.1:%d" % port).wait_ready()
        answer = front.chat("far")
        self.assertEqual(answer.status, 200, answer)
        body = {"model": "far", "stream": True, "max_tokens": 300, "ignore_eos": True, "messages": []}
        whole = b"".join(piece for _, piece in list(front.stream(body))[1:])
        self.assertTrue(whole.endswith(b"data: [DONE]\n\n"), whole[-200:])
        kept = json.loads((near_home.path / "data/paired.json").read_text())["paired"][0]
        told = front.output() + front.get("/odysseus/status").body.decode() + front.get("/metrics").body.decode()
        self.assertNotIn(kept["key"], told + near.said + far.said)
        self.assertNotIn(kept["accepts"], told + near.said + far.said)

        # A machine that was not paired, and one that was paired with another certificate.
        stranger = harness.run(self.home(), "doctor", "--json", "--offline", "--peer", "https://127.0.0.1:%d#key" % port)
        self.assertIn("certificate will not do", stranger.stdout)
        other = self.home()
        (other.path / "data").mkdir(exist_ok=True)
        (other.path / "data/paired.json").write_text(json.dumps({"paired": [{**kept, "certificate": "0" * 64}]}))
        wrong = harness.run(other, "doctor", "--json", "--offline", "--peer", "https://127.0.0.1:%d" % port)
        self.assertIn("not the one that it was paired with", wrong.stdout)

    def test_codes_that_differ_keep_nothing(self):
        for far_says, near_says in (("no", "yes"), ("yes", "no")):
            with self.subTest(far=far_says):
                far_home, near_home, port = self.home(), self.home(), open_port()
                far = Pairing(self, far_home, ":%d" % port)
                far.until("waiting +on port")
                near = Pairing(self, near_home, "127.0.0.1:%d" % port)
                far.code(), near.code()
                far.answer(far_says)
                near.answer(near_says)
                self.assertEqual((far.end(), near.end()), (4, 4), far.said + near.said)
                for home in (far_home, near_home):
                    self.assertFalse((home.path / "data/paired.json").exists())

    def test_somebody_in_between_leads_to_other_codes(self):
        port = open_port()
        far = Pairing(self, self.home(), ":%d" % port)
        far.until("waiting +on port")
        between = Between(port)
        self.addCleanup(between.close)
        near = Pairing(self, self.home(), "127.0.0.1:%d" % between.port)
        self.assertNotEqual(far.code(), near.code())

    def test_strangers_who_connect_do_not_end_the_wait(self):
        far_home, port = self.home(), open_port()
        far = Pairing(self, far_home, ":%d" % port)
        far.until("waiting +on port")
        for said in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b""):
            def connected():
                try:
                    with socket.create_connection(("127.0.0.1", port), 5) as stranger:
                        stranger.sendall(said)
                    return True
                except OSError:
                    return False
            before = far.said.count("note ")
            harness.wait_until(connected, "the stranger is in")
            harness.wait_until(lambda: far.said.count("note ") > before, "the stranger is out")
        near = Pairing(self, self.home(), "127.0.0.1:%d" % port)
        self.assertEqual(near.code(), far.code())
        far.answer("yes")
        near.answer("yes")
        self.assertEqual((far.end(), near.end()), (0, 0), far.said + near.said)

    def test_what_is_refused(self):
        home = self.home()
        for arguments, code, says in ((("pair", "http://box"), 2, "no machine to pair with"),
                                      (("pair", "127.0.0.1:%d" % harness.free_port()), 4, "cannot be reached"),
                                      (("serve", "--tls-cert", "/x.crt"), 2, "--tls-key")):
            with self.subTest(arguments):
                ended = harness.run(home, *arguments)
                self.assertEqual(ended.returncode, code, ended)
                self.assertIn(says, ended.stderr)


if __name__ == "__main__":
    unittest.main()
