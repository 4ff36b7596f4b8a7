"""One system call fails, over a whole start, serve and stop: the n-th of each kind, from the first to the last. Whatever
fails, odysseus neither crashes nor hangs, leaves no process behind and no torn file; a client gets an answer, a clean
error or a cut that it can see.

    ODYSSEUS_FAULT_SWEEP=N    how many runs a function gets (else 8, spread over its calls); all: every call
"""
import errno
import json
import os
import pathlib
import signal
import struct
import subprocess
import tempfile
import unittest

from harness import ROOT, SLOW, Case, is_open, request, stream, wait_until

FAKE = os.environ.get("ODYSSEUS_FAKE_LLAMA_SERVER") or str(ROOT / "build/dev/tests/fake_llama_server")
# In the order of fail_call.c.
FAULTS = [("accept", errno.EMFILE), ("accept4", errno.ENFILE), ("socket", errno.EMFILE), ("connect", errno.ENOMEM),
          ("read", errno.EIO), ("write", errno.ENOSPC), ("readv", errno.ENOMEM), ("writev", errno.ENOMEM),
          ("recvmsg", errno.ENOMEM), ("sendmsg", errno.ENOBUFS), ("recv", errno.ENOMEM), ("send", errno.ENOBUFS),
          ("epoll_ctl", errno.ENOMEM), ("open", errno.EMFILE), ("pipe2", errno.EMFILE), ("eventfd", errno.EMFILE),
          ("timerfd_create", errno.EMFILE), ("pthread_create", errno.EAGAIN), ("bind", errno.ENOMEM),
          ("listen", errno.ENOMEM), ("fsync", errno.EIO), ("rename", errno.EIO)]
CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}]}


class Sweep(Case):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="odysseus-fail-")
        cls.addClassCleanup(folder.cleanup)
        cls.library = pathlib.Path(folder.name) / "fail_call.so"
        subprocess.run(["cc", "-O1", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror", "-o", str(cls.library),
                        str(ROOT / "tests/tools/fail_call.c"), "-ldl"], check=True)

    def ask(self, port):
        """What a client sees: a status, or that the connection was cut. Anything else is an error of the test."""
        seen = []
        for ask in (lambda: request(port, "GET", "/health", timeout=10).status,
                    lambda: request(port, "POST", "/v1/chat/completions", CHAT, timeout=20).status,
                    lambda: sum(1 for _ in stream(port, "/v1/chat/completions", {**CHAT, "stream": True}, timeout=20)),
                    lambda: request(port, "GET", "/odysseus/status", timeout=10).status):
            try:
                seen.append(ask())
            except OSError as error:  # strict_http.Cut is one; Broken is none
                self.assertNotIsInstance(error, TimeoutError)
                seen.append(type(error).__name__)
        return seen

    def once(self, call, number, code):
        home = self.home()
        home.model()
        counts = home.outer / "counts"
        odysseus = self.odysseus(home, server=FAKE, env={
            "LD_PRELOAD": str(self.library), "FAIL_CALL": call, "FAIL_AT": str(number), "FAIL_ERRNO": str(code),
            "FAIL_COUNTS": str(counts)})
        wait_until(lambda: odysseus.process.poll() is not None or is_open(odysseus.port), "a port, or an end", 30)
        seen = self.ask(odysseus.port) if odysseus.process.poll() is None else []
        if odysseus.process.poll() is None:
            odysseus.process.send_signal(signal.SIGTERM)
        result = odysseus.wait_end(30)
        odysseus.check_nothing_left()
        said = odysseus.output()
        self.assertIn(result, range(0, 9), "it crashed\n" + said)
        if result:
            self.assertRegex(said, "(?m)^odysseus: .", "no sentence for exit code %d" % result)
        self.assertNotIn("unexpected error", said)
        for file in (home.path / "data").glob("*.json"):
            json.loads(file.read_text())
        for left in home.path.rglob("*.tmp*"):
            self.assertLess(len(list(home.path.rglob("*.tmp*"))), 2, left)
        numbers = dict(zip((name for name, _ in FAULTS), struct.unpack("=%dq" % len(FAULTS), counts.read_bytes())))
        odysseus.close()
        home.remove()
        return result, seen, numbers

    def test_each_call_may_fail(self):
        wanted = os.environ.get("ODYSSEUS_FAULT_SWEEP", "8")
        result, seen, counts = self.once("none", 0, 0)
        self.assertEqual((result, seen[1], seen[3]), (0, 200, 200))
        only = os.environ.get("ODYSSEUS_FAULT_CALL")
        runs = 0
        for call, code in FAULTS:
            if only and call != only:
                continue
            most = counts.get(call, 0)
            step = 1 if wanted == "all" else max(1, most // int(wanted))
            for number in range(1, most + 1, step):
                runs += 1
                with self.subTest(call=call, number=number, of=most):
                    result, seen, _ = self.once(call, number, code)
                    if wanted == "all":
                        print("%s %d of %d: %s %s" % (call, number, most, result, seen), flush=True)
        self.assertGreater(runs, 0)


if __name__ == "__main__":
    unittest.main()
