"""The static Linux program: it needs nothing of the system, and does its work with what is inside.

    ODYSSEUS_BINARY                the program (else dist/odysseus-linux-x64)
    ODYSSEUS_FAKE_LLAMA_SERVER     the fake llama-server

Standard library and the end-to-end tests' harness only; certificates are made by openssl."""
import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("ODYSSEUS_BINARY", str(ROOT / "dist/odysseus-linux-x64"))
sys.path.insert(0, str(ROOT / "tests/e2e"))

import harness  # noqa: E402 - its folder had to be named first
from release_host import ReleaseHost  # noqa: E402
from test_acquire import ASSET  # noqa: E402

FAKE = os.environ.get("ODYSSEUS_FAKE_LLAMA_SERVER") or str(ROOT / "build/dev/tests/fake_llama_server")


class Portable(harness.Case):
    def test_it_needs_no_library_and_no_loader(self):
        needs = subprocess.run([ROOT / "scripts/program_needs.py", harness.BINARY], capture_output=True, text=True, check=True).stdout
        self.assertEqual(needs, "")
        self.assertLessEqual(os.path.getsize(harness.BINARY), 9 * 1024 * 1024)

    def test_it_starts_in_an_empty_system(self):
        root = pathlib.Path(tempfile.mkdtemp(prefix="odysseus-empty-"))
        self.addCleanup(shutil.rmtree, root)
        shutil.copy(harness.BINARY, root / "odysseus")
        command = ["chroot", str(root), "/odysseus", "--version"]
        if os.geteuid() != 0:
            command = ["unshare", "--map-root-user", *command]
        said = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]})
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertRegex(said.stdout, r"^odysseus \d")

    def test_plan_and_doctor(self):
        home = self.home()
        home.model()
        plan = self.run_odysseus(home, "plan", "--offline", expect=0)
        self.assertIn("context", plan.stdout)
        self.assertIn("llama.cpp", self.run_odysseus(home, "doctor", "--offline").stdout)

    def test_it_serves_with_a_guard_and_leaves_nothing(self):
        home = self.home()
        home.model()
        server = self.odysseus(home, "--ctx", "2048", server=FAKE).wait_ready()
        self.assertEqual(server.chat("tiny").status, 200)
        self.assertEqual(server.stop(), 0)

    def test_https_is_checked_by_the_certificates_that_are_named(self):
        host, folder = self.https_host()
        home = self.home()
        words = ("backend", "install", "--device", "cpu")
        none = {"CURL_CA_BUNDLE": None, "SSL_CERT_FILE": None}
        refused = self.run_odysseus(home, *words, expect=4, env={**host.environment(), **none})
        self.assertIn("certificate", refused.stderr.lower())
        named = {**host.environment(), **none, "SSL_CERT_FILE": str(folder / "cert.pem")}
        taken = self.run_odysseus(home, *words, env=named)
        self.assertTrue(any(path.endswith(ASSET % "b9001") for path in host.requests), taken.stderr)

    def https_host(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="odysseus-tls-"))
        self.addCleanup(shutil.rmtree, folder)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
                        "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
                       capture_output=True, check=True)
        host = ReleaseHost("b9001", {ASSET % "b9001": b"no archive"})
        self.addCleanup(host.close)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        host._server.socket = context.wrap_socket(host._server.socket, server_side=True)
        host.url = host.url.replace("http:", "https:")
        return host, folder


if __name__ == "__main__":
    unittest.main()
