"""The reader itself: what it takes, what it refuses, and that it takes nothing that curl refuses (tests/data/framings.json)."""
import json
import socket
import subprocess
import threading
import unittest

import harness
import strict_http

FRAMINGS = json.loads((harness.ROOT / "tests/data/framings.json").read_text())


class OneAnswer:
    """A server that gives `data` to each who asks, `step` bytes at a time, and closes."""

    def __init__(self, data, step=None):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._data, self._step = data, step or len(data) or 1
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            connection, _ = self._listener.accept()
            with connection:
                asked = b""
                while b"\r\n\r\n" not in asked:
                    asked += connection.recv(65536) or b"\r\n\r\n"
                if asked == b"\r\n\r\n":
                    return  # close() came
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for at in range(0, len(self._data), self._step):
                    connection.sendall(self._data[at:at + self._step])
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):  # else the end could be a reset, which loses what came before
                    pass

    def close(self):
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._listener.close()


def verdict_of(data):
    try:
        _, _, body, whole = strict_http.answer_of(data)
    except strict_http.Broken:
        return "broken", None
    return ("whole", body) if whole else ("cut", None)


class Reading(unittest.TestCase):
    def test_every_framing(self):
        for row in FRAMINGS:
            with self.subTest(row["name"]):
                expected = row["body"].encode() if row["verdict"] == "whole" else None
                self.assertEqual(verdict_of(row["answer"].encode("latin-1")), (row["verdict"], expected))

    def test_the_pieces_in_which_it_comes_change_nothing(self):
        for row in FRAMINGS:
            data = row["answer"].encode("latin-1")
            for size in (1, 2, 3, 7):
                pieces = [data[at:at + size] for at in range(0, len(data), size)]
                reader = strict_http.Reader(lambda: pieces.pop(0) if pieces else b"")
                with self.subTest(row["name"], size=size):
                    try:
                        status, headers = reader.head()
                        body = b"".join(reader.body(status, headers))
                        verdict = "broken" if reader.rest() or pieces else "whole"
                    except strict_http.Broken:
                        verdict = "broken"
                    except strict_http.Cut:
                        verdict = "cut"
                    self.assertEqual(verdict, row["verdict"])
                    if verdict == "whole":
                        self.assertEqual(body, row["body"].encode())

    def test_a_head_without_end_is_refused(self):
        for line in (b"X: " + b"a" * 1000 + b"\r\n", b"a" * 1000):
            reader = strict_http.Reader(lambda line=line: line)
            with self.assertRaises(strict_http.Broken):
                reader.head()

    def test_a_head_alone_has_no_body(self):
        data = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
        self.assertEqual(strict_http.answer_of(data, "HEAD")[2:], (b"", True))

    def test_headers(self):
        headers = strict_http.answer_of(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA: 1\r\na: 2\r\n\r\n")[1]
        self.assertEqual((headers["CONTENT-length"], headers.get("A"), headers.get("B", "none")), ("0", "1, 2", "none"))
        self.assertNotIn("B", headers)


class OnAConnection(unittest.TestCase):
    def ask(self, data, step=None):
        server = OneAnswer(data, step)
        self.addCleanup(server.close)
        with strict_http.Connection(server.port, timeout=20 * harness.SLOW) as connection:
            return connection.request("GET", "/")

    def test_a_whole_answer(self):
        data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        for step in (None, 1):
            self.assertEqual(self.ask(data, step).body, b"hello")

    def test_what_comes_after_the_last_answer(self):
        with self.assertRaisesRegex(strict_http.Broken, "after the answer"):
            self.ask(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhelloX", step=1)

    def test_an_answer_that_is_cut(self):
        with self.assertRaises(strict_http.Cut):
            self.ask(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello")


class BesideCurl(unittest.TestCase):
    def test_nothing_that_curl_refuses_is_taken(self):
        refused = 0
        for row in FRAMINGS:
            server = OneAnswer(row["answer"].encode("latin-1"))
            self.addCleanup(server.close)
            done = subprocess.run(["curl", "-sS", "--noproxy", "*", "-m", str(20 * harness.SLOW), "http://127.0.0.1:%d/" % server.port],
                                  stdin=subprocess.DEVNULL, capture_output=True, check=False)
            with self.subTest(row["name"], stderr=done.stderr):
                self.assertNotEqual(done.returncode, 28, "curl timed out")
                if row["verdict"] == "whole":
                    self.assertEqual((done.returncode, done.stdout), (0, row["body"].encode()))
            refused += done.returncode != 0
        print("\n%d framings; curl refuses %d, we %d" % (len(FRAMINGS), refused, sum(row["verdict"] != "whole" for row in FRAMINGS)))


if __name__ == "__main__":
    unittest.main()
