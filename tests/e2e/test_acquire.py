"""The way to llama.cpp, from a release host to an answered chat: the archive is made of the real llama-server."""
import io
import json
import pathlib
import platform
import re
import subprocess
import tarfile
import unittest

import harness
from harness import Case, llama_server
from release_host import ReleaseHost

ASSET = {"x86_64": "llama-%s-bin-ubuntu-x64.tar.gz", "aarch64": "llama-%s-bin-ubuntu-arm64.tar.gz"}[platform.machine()]


class Acquire(Case):
    @classmethod
    def setUpClass(cls):
        folder = pathlib.Path(llama_server()).parent
        said = subprocess.run([llama_server(), "--version"], capture_output=True, text=True, check=True)
        cls.tag = "b" + re.search(r"\bbuild (\d+)", said.stderr + said.stdout).group(1)
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
            archive.add(folder, "llama-" + cls.tag)
        cls.archive = packed.getvalue()

    def host(self):
        host = ReleaseHost(self.tag, {ASSET % self.tag: self.archive})
        self.addCleanup(host.close)
        return host

    def serve(self, home, host):
        server = self.odysseus(home, "--device", "cpu", server=None, env=host.environment()).wait_ready(90)
        self.assertEqual(server.chat("tiny").status, 200)
        self.assertEqual(server.stop(), 0)
        return server.output()

    def test_the_first_launch_fetches_and_the_second_asks_nobody(self):
        home, host = self.home(), self.host()
        home.model()
        self.serve(home, host)
        self.assertIn("/ggml-org/llama.cpp/releases/download/%s/%s" % (self.tag, ASSET % self.tag), host.requests)
        host.requests.clear()
        self.serve(home, host)
        self.assertEqual(host.requests, [])
        left = [path for path in (home.path / "bin").rglob("*") if path.name.endswith((".tar.gz", ".part"))]
        self.assertEqual(left, [])

    def test_nothing_is_written_outside_of_home(self):
        home, host = self.home(), self.host()
        home.model()
        before = sorted(path.name for path in home.outer.iterdir())
        self.serve(home, host)
        after = sorted(path.name for path in home.outer.iterdir() if not path.name.startswith("odysseus-"))
        self.assertEqual(after, before)
        self.assertEqual({path.name for path in home.path.iterdir()} - {"bin", "data", "logs", "models"}, set())

    def test_a_download_that_breaks_off_goes_on_where_it_was(self):
        home, host = self.home(), self.host()
        host.cut = {ASSET % self.tag}
        first = self.run_odysseus(home, "backend", "install", "--device", "cpu", env=host.environment(), timeout=120)
        if first.returncode != 0:  # it may go on by itself, or when it is asked again
            self.assertEqual(first.returncode, 4, first.stderr)
            self.run_odysseus(home, "backend", "install", "--device", "cpu", env=host.environment(), expect=0, timeout=120)

    def test_a_wrong_digest_is_exit_5_and_nothing_stays(self):
        home, host = self.home(), self.host()
        host.digests[ASSET % self.tag] = "0" * 64
        self.run_odysseus(home, "backend", "install", "--device", "cpu", env=host.environment(), expect=5,
                          says=[ASSET % self.tag], timeout=120)
        self.assertEqual(list((home.path / "bin").rglob("llama-server")), [])

    def test_plan_counts_with_what_the_build_can_use(self):
        """A GPU that no build of the release serves: the build computes on the CPU, and so does the estimate."""
        home, host = self.home(), self.host()
        home.model()
        machine = {"os": "linux", "arch": platform.machine().replace("x86_64", "x64").replace("aarch64", "arm64"),
                   "backend": "cuda", "ram_mib": 65536, "available_ram_mib": 60000,
                   "gpus": [{"vendor": "nvidia", "name": "Tesla K80", "total_mib": 11441, "free_mib": 11000,
                             "driver": "470.256", "cuda": "11.4", "compute_capability": "3.7"}]}
        file = home.outer / "machine.json"
        file.write_text(json.dumps(machine))
        said = self.run_odysseus(home, "plan", "--json", "--hardware", str(file), env=host.environment(), expect=0)
        plan = json.loads(said.stdout)
        self.assertEqual(plan["build"]["files"][0]["name"], ASSET % self.tag)
        self.assertEqual(plan["argv"][plan["argv"].index("-ngl") + 1], "0")
        self.assertGreater(plan["context"]["available_mib"], 50000)

    def test_a_rate_limit_is_exit_4_with_the_remedy(self):
        home, host = self.home(), self.host()
        host.refusal = (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "4102444800"}, "API rate limit exceeded")
        host.assets = {}  # and a guess of the names finds nothing either
        self.run_odysseus(home, "backend", "install", env=host.environment(), expect=4, says=["GITHUB_TOKEN"])


if __name__ == "__main__":
    unittest.main()
