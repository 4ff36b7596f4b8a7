"""The power is cut while odysseus writes: what it changes on the disk is traced once, and then every point of the trace is a
disk of its own. What was written and not flushed is gone there, or half there. An odysseus that starts on such a disk works.

    ODYSSEUS_POWER_CUTS=N    how many points are tried, spread over the trace (else 24); all: every one
"""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import harness
from harness import ROOT, Case
from test_backend import release, ASSET

FAKE = os.environ.get("ODYSSEUS_FAKE_LLAMA_SERVER") or str(ROOT / "build/dev/tests/fake_llama_server")
TAG = "b9000"


def replayed(steps, folder, lost):
    """Does the steps below the folder. `lost`: which share of the bytes that were not flushed is gone, from the end."""
    dirty = {}  # file: bytes that are certain
    for call, name, more in steps:
        path = folder / name
        if call == "folder":
            path.mkdir(parents=True, exist_ok=True)
        elif call == "create":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        elif call == "empty":
            path.write_bytes(b"")
        elif call == "write":
            at, _, digits = more.partition("\t")
            with open(path, "r+b") as file:
                file.seek(int(at))
                file.write(bytes.fromhex(digits))
            dirty.setdefault(name, int(at))
        elif call == "fsync":
            dirty.pop(name, None)
        elif call == "mode":
            path.chmod(int(more, 8))
        elif call == "rename":
            if path.is_dir() and (folder / more).is_dir():
                (folder / more).rmdir()
            os.rename(path, folder / more)
            dirty = {(more + file[len(name):] if (file + "/").startswith(name + "/") else file): at for file, at in dirty.items()}
        elif call == "remove":
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)
            dirty.pop(name, None)
        else:
            raise AssertionError("an unknown step: %s" % call)
    for name, certain in dirty.items():
        file = folder / name
        if file.is_file():
            size = file.stat().st_size
            os.truncate(file, size - int((size - certain) * lost))


class PowerCut(Case):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="odysseus-trace-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.library = cls.folder / "write_trace.so"
        subprocess.run(["cc", "-O1", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror", "-o", str(cls.library),
                        str(ROOT / "tests/tools/write_trace.c"), "-ldl"], check=True)
        cls.archive = cls.folder / "build.tar.gz"
        cls.archive.write_bytes(release(TAG)[ASSET % TAG])

    def serve(self, home, **options):
        """Down the ladder once, so that what held is remembered."""
        running = self.odysseus(home, server=FAKE, env={"FAKE_LLAMA": "--oom-above 8192", **options}).wait_ready()
        self.assertEqual(running.chat("tiny").status, 200)
        self.assertEqual(running.status()["context"]["tokens"], 8192)
        self.assertEqual(running.stop(), 0)

    def traced(self):
        home = self.home()
        home.model()
        trace = home.outer / "trace"
        environment = {"LD_PRELOAD": str(self.library), "TRACE_ROOT": str(home.path), "TRACE_FILE": str(trace)}
        self.run_odysseus(home, "backend", "import", str(self.archive), "--device", "cpu", expect=0, env=environment)
        self.serve(home, **environment)
        steps = [tuple((line + "\t\t").split("\t", 2)) for line in trace.read_text().splitlines()]
        steps = [(call, name, more.rstrip("\t")) for call, name, more in steps if not name.startswith("logs/")]
        names = {name.rsplit("/", 1)[-1] for call, name, _ in steps} | {more for call, _, more in steps if call == "rename"}
        for file in ("current.json", "context_memory.json", "manifest.json", "models.ini", "llama-server.json"):
            self.assertTrue(any(file in name for name in names), "%s is not in the trace: %s" % (file, sorted(names)))
        self.assertIn("fsync", {call for call, _, _ in steps})
        return steps

    def check(self, steps, lost):
        home = self.home()
        home.model()
        replayed(steps, home.path, lost)
        listed = self.run_odysseus(home, "backend", "list", "--json", "--device", "cpu", expect=0)
        for build in json.loads(listed.stdout)["builds"]:
            self.assertFalse(build.get("trouble"), build)
        self.run_odysseus(home, "backend", "import", str(self.archive), "--device", "cpu", expect=0)
        store = next((home.path / "bin").iterdir())
        self.assertEqual([path.name for path in store.glob(".staging*")], [])
        self.serve(home)
        shutil.rmtree(home.outer)

    def test_a_start_after_each_point_works(self):
        steps = self.traced()
        wanted = os.environ.get("ODYSSEUS_POWER_CUTS", "24")
        step = 1 if wanted == "all" else max(1, len(steps) // int(wanted))
        for number in range(0, len(steps) + 1, step):
            with self.subTest(after=steps[number - 1][:2] if number else "nothing", number=number, of=len(steps)):
                for lost in (1.0, 0.5)[:1 if wanted != "all" else 2]:
                    self.check(steps[:number], lost)


if __name__ == "__main__":
    unittest.main()
