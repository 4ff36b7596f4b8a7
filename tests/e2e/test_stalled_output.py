"""A terminal that is held (Ctrl-S, a selection in a console, a pager that nobody scrolls) and a disk that stalls stop nothing:
requests are answered, what dies is started again, and the end is an end."""
import fcntl
import os
import select
import signal
import unittest

from harness import Case, wait_until

F_SETPIPE_SZ = 1031  # fcntl.F_SETPIPE_SZ of Python 3.10


class StalledOutput(Case):
    def setUp(self):
        super().setUp()
        self.stuck = self.home()
        self.stuck.model("toy.gguf")
        self.read, self.write = os.pipe()
        self.addCleanup(os.close, self.read)
        self.addCleanup(os.close, self.write)
        fcntl.fcntl(self.write, F_SETPIPE_SZ, 4096)

    def is_full(self):
        poll = select.poll()
        poll.register(self.write, select.POLLOUT)
        return not poll.poll(0)

    def test_nothing_waits_for_a_terminal_and_a_log_that_take_no_more(self):
        (self.stuck.path / "logs").mkdir()
        os.mkfifo(self.stuck.path / "logs/llama-server.log")  # even opening it waits
        odysseus = self.odysseus(self.stuck, output=self.write).wait_ready()
        for _ in range(200):
            answer = odysseus.chat("toy", max_tokens=1)
            self.assertEqual(answer.status, 200, answer)
            if self.is_full():
                break
        self.assertTrue(self.is_full())
        before = odysseus.status()
        os.kill(odysseus.server_pid(), signal.SIGKILL)
        wait_until(lambda: odysseus.status()["generation"] > before["generation"] and odysseus.status()["state"] == "ready",
                   "llama-server runs again")
        answer = odysseus.chat("toy", max_tokens=1)
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(odysseus.stop(signal.SIGTERM), 0)


if __name__ == "__main__":
    unittest.main()
