"""odysseus's own memory does not grow with the requests it has served.

    ODYSSEUS_GROWTH_SECONDS    gives up its second measurement after so long (300); fewer than 10,000 requests then fail
"""
import json
import os
import threading
import time
import unittest

import strict_http
from harness import Case, SLOW

SECONDS = float(os.environ.get("ODYSSEUS_GROWTH_SECONDS") or 300) * SLOW
CONNECTIONS = 8
FIRST, LAST = 1_000, 10_000
GROWTH_MOST = 1.1


class Growth(Case):
    def send(self, port, count, deadline, done):
        """`count` small requests over one connection that is kept."""
        body = json.dumps({"content": "a handful of words"}).encode()
        with strict_http.Connection(port, timeout=60 * SLOW) as connection:
            for number in range(count):
                if time.monotonic() > deadline:
                    return
                if number % 2:
                    answer = connection.request("POST", "/tokenize", body, {"Content-Type": "application/json"})
                else:
                    answer = connection.request("GET", "/v1/models")
                if answer.status == 200:
                    done.append(None)  # atomic

    def requests(self, port, count):
        """How many were answered with 200."""
        done, deadline = [], time.monotonic() + SECONDS
        shares = [count // CONNECTIONS + (number < count % CONNECTIONS) for number in range(CONNECTIONS)]
        threads = [threading.Thread(target=self.send, args=(port, share, deadline, done)) for share in shares]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(done)

    def test_resident_memory_after_many_requests(self):
        home = self.home()
        home.model()
        # AddressSanitizer keeps what was freed, 256 MiB of it, unless told otherwise.
        server = self.odysseus(home, "--ctx", "2048", env={"ASAN_OPTIONS": "quarantine_size_mb=1"}).wait_ready()
        self.assertEqual(server.chat("tiny").status, 200)
        self.assertEqual(self.requests(server.port, FIRST), FIRST)
        early = server.resident_kib()
        begun = time.monotonic()
        self.assertEqual(self.requests(server.port, LAST - FIRST), LAST - FIRST)
        late = server.resident_kib()
        print("\nresident: %d KiB after %d requests, %d KiB after %d: x %.3f; %.0f requests a second" %
              (early, FIRST, late, LAST, late / early, (LAST - FIRST) / (time.monotonic() - begun)), flush=True)
        self.assertLessEqual(late, early * GROWTH_MOST)
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
