"""Fetching models with the real program, from a hub that redirects to a storage host, as the real one does."""
import json
import os
import subprocess
import time
import unittest

import gguf
import harness
from hub import Hub

TOKEN = "hf_planted0secret0of0the0test0000000000"
GIB = 1 << 30


def model_bytes(folder, pad=0):
    gguf.write_model(folder / "made.gguf", name="tiny")
    data = (folder / "made.gguf").read_bytes()
    os.unlink(folder / "made.gguf")
    return data + b"\0" * pad  # what lies behind the tensors is nobody's


class Pull(harness.Case):
    def setUp(self):
        self.hub = Hub()
        self.addCleanup(self.hub.close)
        self.place = self.home()
        self.models = self.place.path / "models"

    def environment(self, **more):
        return {"HF_ENDPOINT": self.hub.url, **more}

    def pull(self, name="org/Tiny-GGUF", *arguments, expect=0, says=(), **env):
        done = self.run_odysseus(self.place, "pull", name, *arguments, env=self.environment(**env), expect=expect, says=says)
        if expect != 0:
            self.assertEqual(done.stdout, "")
            self.assertRegex(done.stderr.splitlines()[-1], r"\Aodysseus: \S")
        return done

    def offered(self):
        """The models that odysseus sees, by their ids."""
        said = self.run_odysseus(self.place, "models", "--json", expect=0).stdout
        return [model["id"] for model in json.loads(said)["models"]]

    def there(self):
        return sorted(str(path.relative_to(self.models)) for path in self.models.rglob("*") if path.is_file())

    def with_two_quants(self, pad=0):
        data = model_bytes(self.place.outer, pad)
        self.hub.add("Tiny-Q4_K_M.gguf", data)
        self.hub.add("Tiny-Q8_0.gguf", data + b"\0" * 64)
        self.hub.add("README.md", b"# Tiny")
        return data

    def hardware(self, **values):
        file = self.place.outer / "pc.json"
        file.write_text(json.dumps({"os": "linux", "arch": "x64", "backend": "cpu", **values}))
        return ["--hardware", str(file)]

    def test_a_name_alone_takes_the_best_that_fits_and_it_is_a_model_then(self):
        self.with_two_quants()
        done = self.pull()
        path = self.models / "Tiny-Q8_0/Tiny-Q8_0.gguf"
        self.assertEqual(done.stdout, "%s\n" % path)  # the result, for scripts
        self.assertIn("the best of 2 that fits", done.stderr)
        self.assertNotIn("\r", done.stderr)  # no bar where there is no terminal
        self.assertEqual(path.read_bytes(), self.hub.files["Tiny-Q8_0.gguf"])
        self.assertEqual(self.there(), ["Tiny-Q8_0/Tiny-Q8_0.gguf"])
        self.assertEqual(self.offered(), ["Tiny-Q8_0"])
        self.hub.storage_requests.clear()
        self.assertIn("there already", self.pull().stderr)
        self.assertEqual(self.hub.storage_requests, [])

    def test_the_choice_follows_the_machine(self):
        data = model_bytes(self.place.outer)
        self.hub.add("Tiny-Q8_0.gguf", data, size=8 * GIB)
        self.hub.add("Tiny-Q4_K_M.gguf", data)
        self.assertIn("Q4_K_M", self.pull("org/Tiny-GGUF", *self.hardware(ram_mib=8192)).stdout)
        self.hub.sizes["Tiny-Q4_K_M.gguf"] = 5 * GIB
        self.pull("org/Tiny-GGUF", *self.hardware(ram_mib=4096), expect=2, says=["none of the 2", "Q4_K_M"])

    def test_a_quantisation_that_is_named_and_one_that_there_is_not(self):
        self.with_two_quants()
        self.pull("org/Tiny-GGUF:q4_k_m")
        self.assertEqual(self.there(), ["Tiny-Q4_K_M/Tiny-Q4_K_M.gguf"])
        self.pull("org/Tiny-GGUF:Q5_K_M", expect=2, says=["Q5_K_M", "Q4_K_M", "Q8_0"])
        self.pull("org/Nothing", expect=2, says=["org/Nothing"])

    def test_a_split_model_and_its_projector_appear_when_all_is_there(self):
        data = model_bytes(self.place.outer)
        for name in ("Tiny-Q4_K_M-00001-of-00002.gguf", "Tiny-Q4_K_M-00002-of-00002.gguf", "mmproj-F16.gguf"):
            self.hub.add(name, data)
        self.hub.digests["mmproj-F16.gguf"] = "0" * 64  # the last one does not come whole
        self.pull(expect=5, says=["mmproj-F16.gguf"])
        self.assertEqual(self.offered(), [])
        self.assertEqual([name for name in self.there() if name.endswith(".gguf")], [])
        self.hub.add("mmproj-F16.gguf", data)
        self.hub.storage_requests.clear()
        self.pull()
        self.assertEqual(self.hub.fetched(), ["mmproj-F16.gguf"])  # the others were kept
        folder = "Tiny-Q4_K_M/"
        self.assertEqual(self.there(), [folder + name for name in sorted(self.hub.files)])

    def test_a_wrong_digest_is_exit_5_and_nothing_stays(self):
        self.with_two_quants()
        self.hub.digests["Tiny-Q8_0.gguf"] = "0" * 64
        self.pull(expect=5, says=["Tiny-Q8_0.gguf", "SHA-256"])
        self.assertEqual(self.there(), [])
        self.assertEqual(self.offered(), [])

    def test_a_pull_that_is_killed_goes_on_where_it_was(self):
        data = self.with_two_quants(pad=8 << 20)
        self.hub.hold = "Tiny-Q4_K_M.gguf"
        command = [harness.BINARY, "pull", "org/Tiny-GGUF:Q4_K_M", "--home", str(self.place.path)]
        process = subprocess.Popen(command, env={**os.environ, **self.environment()}, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.kill)
        self.assertTrue(self.hub.half_sent.wait(60 * harness.SLOW))

        def arrived():
            return sum(path.stat().st_size for path in self.models.rglob("*") if path.is_file()) > len(data) // 4
        harness.wait_until(arrived, "a quarter of the model is on the disk")
        process.kill()  # SIGKILL: nothing can be put in order
        process.wait()
        self.hub.release()
        self.assertEqual(self.offered(), [])  # what is there is no model
        self.assertTrue(self.there())
        self.hub.storage_requests.clear()
        self.pull("org/Tiny-GGUF:Q4_K_M")
        ranges = [headers.get("Range") for _, headers in self.hub.storage_requests]
        self.assertEqual(len(ranges), 1)
        self.assertRegex(ranges[0] or "", r"\Abytes=[1-9]\d+-\Z")
        self.assertEqual(self.there(), ["Tiny-Q4_K_M/Tiny-Q4_K_M.gguf"])
        self.assertEqual((self.models / self.there()[0]).read_bytes(), data)

    def test_ctrl_c_says_so_and_keeps_what_came(self):
        self.with_two_quants(pad=8 << 20)
        self.hub.hold = "Tiny-Q8_0.gguf"
        process = subprocess.Popen([harness.BINARY, "pull", "org/Tiny-GGUF", "--home", str(self.place.path)],
                                   env={**os.environ, **self.environment()}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        self.assertTrue(self.hub.half_sent.wait(60 * harness.SLOW))
        begun = time.monotonic()
        process.send_signal(2)
        out, said = process.communicate(timeout=40 * harness.SLOW)
        self.assertEqual((process.returncode, out), (130, ""))
        self.assertRegex(said.splitlines()[-1], r"\Aodysseus: stopped; the same command goes on with the download \(\d+% done\)\Z")
        self.assertLess(time.monotonic() - begun, 30 * harness.SLOW)  # the hub holds the file for 60 s
        self.assertTrue(all(not name.endswith(".gguf") for name in self.there()))

    def test_the_token_is_for_the_hub_alone(self):
        self.with_two_quants()
        self.hub.private = TOKEN
        self.pull(expect=4, says=["HF_TOKEN"])
        refused = self.pull(expect=4, HF_TOKEN="hf_another0one0that0is0not0let0in00000")
        self.assertNotIn("hf_another", refused.stderr)
        self.hub.requests.clear()
        done = self.pull(HF_TOKEN=TOKEN)
        self.assertNotIn(TOKEN, done.stdout + done.stderr)
        self.assertTrue(all(headers.get("Authorization") == "Bearer " + TOKEN for _, headers in self.hub.requests))
        self.assertTrue(self.hub.storage_requests)
        for _, headers in self.hub.storage_requests:  # 127.0.0.2 is another host
            self.assertNotIn(TOKEN, str(headers))
        for path in self.place.path.rglob("*"):
            if path.is_file():
                self.assertNotIn(TOKEN.encode(), path.read_bytes(), path)
        self.pull(expect=2, says=["HF_TOKEN"], HF_TOKEN="two words")

    def test_only_one_at_a_time(self):
        self.with_two_quants(pad=1 << 20)
        self.hub.hold = "Tiny-Q8_0.gguf"
        process = subprocess.Popen([harness.BINARY, "pull", "org/Tiny-GGUF", "--home", str(self.place.path)],
                                   env={**os.environ, **self.environment()}, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.kill)
        self.assertTrue(self.hub.half_sent.wait(60 * harness.SLOW))
        self.pull(expect=7, says=["another odysseus", str(process.pid)])
        process.kill()
        process.wait()


if __name__ == "__main__":
    unittest.main()
