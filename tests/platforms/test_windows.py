"""The program for Windows under wine: start, requests, streams, the end of either side, folders with umlauts, installing.

    ODYSSEUS_WINDOWS_BUILD    build/windows, with odysseus.exe and tests/fake_llama_server.exe
    ODYSSEUS_WINE             a wine for 64-bit programs (else the one of Debian's package wine64)

Standard library and the end-to-end tests' harness only. What wine cannot show is in docs/platforms.md.
"""
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

import harness  # noqa: E402 - its folder had to be named first
from release_host import ReleaseHost  # noqa: E402

BUILD = pathlib.Path(os.environ.get("ODYSSEUS_WINDOWS_BUILD") or ROOT / "build/windows")
WINE = os.environ.get("ODYSSEUS_WINE") or "/usr/lib/wine/wine64"
PREFIX = BUILD / "wine"
EXE = BUILD / "odysseus.exe"
FAKE = BUILD / "tests/fake_llama_server.exe"


def windows(path):
    """The name under which Windows programs see a file of this system."""
    return "Z:" + str(path).replace("/", "\\")


def environment(mark, **more):
    kept = {key: value for key, value in os.environ.items()
            if key in ("PATH", "HOME", "LANG", "TMPDIR", "USER") or key.startswith("LC_")}
    return {**kept, "LC_ALL": "C.UTF-8", "WINEPREFIX": str(PREFIX), "WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml=",
            "ODYSSEUS_GITHUB_API": harness.CLOSED, "ODYSSEUS_GITHUB_DOWNLOAD": harness.CLOSED, "HF_ENDPOINT": harness.CLOSED,
            "E2E_MARK": mark, **more}


def setUpModule():
    for file in (EXE, FAKE, pathlib.Path(WINE)):
        if not file.is_file():
            raise AssertionError("%s is missing: scripts/check-platform windows-x64 makes what these tests need" % file)
    PREFIX.mkdir(parents=True, exist_ok=True)
    # The first start makes the prefix; one server stays for all tests, for each start of it takes a second.
    subprocess.run([WINE, "wineboot", "-u"], env=environment("boot"), timeout=300, check=True, capture_output=True)


def tearDownModule():
    server = shutil.which("wineserver") or str(pathlib.Path(WINE).with_name("wineserver64"))
    subprocess.run([server, "-k"], env=environment("boot"), timeout=60, check=False, capture_output=True)


class Case(unittest.TestCase):
    def setUp(self):
        self.outer = pathlib.Path(tempfile.mkdtemp(prefix="odysseus-windows-"))
        self.addCleanup(shutil.rmtree, self.outer, ignore_errors=True)
        self.mark = self.id() + str(time.monotonic())
        self.addCleanup(harness._end_marked, self.mark)
        self.home = self.folder("home")

    def folder(self, name):
        home = self.outer / name
        (home / "models").mkdir(parents=True)
        harness.gguf.write_model(home / "models/tiny.gguf", name="tiny")
        return home

    def run_exe(self, *arguments, expect=0, program=EXE, home=None, timeout=120, **more):
        words = [str(word) for word in arguments]
        if home is not None:
            words += ["--home", windows(home)]
        result = subprocess.run([WINE, str(program), *words], env=environment(self.mark, **more), stdin=subprocess.DEVNULL,
                                capture_output=True, timeout=timeout, check=False)
        result.out = result.stdout.decode("utf-8", "replace").replace("\r\n", "\n")
        result.err = result.stderr.decode("utf-8", "replace").replace("\r\n", "\n")
        if expect is not None:
            self.assertEqual(result.returncode, expect, "\nstdout: %s\nstderr: %s" % (result.out, result.err))
        return result

    def start(self, *arguments, home=None, flags="", server=FAKE):
        self.port, self.llama_port = harness.free_port(), harness.free_port()
        self.log = open(self.outer / "log", "ab+")
        self.addCleanup(self.log.close)
        command = [WINE, str(EXE), "--home", windows(home or self.home), "--port", str(self.port), "--llama-port",
                   str(self.llama_port), "--ctx", "2048", *arguments]
        if server:
            command += ["--llama-server", windows(server)]
        self.process = subprocess.Popen(command, env=environment(self.mark, FAKE_LLAMA=flags), stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=subprocess.STDOUT)
        harness.wait_until(self.is_ready, "odysseus is ready", 90)

    def said(self):
        return (self.outer / "log").read_text(errors="replace")

    def is_ready(self):
        self.assertIsNone(self.process.poll(), self.said())
        try:
            return harness.request(self.port, "GET", "/health", timeout=5).status == 200
        except OSError:
            return False

    def chat(self, **more):
        return harness.request(self.port, "POST", "/v1/chat/completions",
                               {"model": "tiny", "messages": [{"role": "user", "content": "x"}], **more})

    def named(self, name):
        """The unix processes of this test whose program has the name."""
        def program(line):
            return line.split(".exe")[0].replace("\\", "/").split("/")[-1] + ".exe"
        return [pid for pid, line in harness.marked_processes(self.mark) if name in program(line)]

    def nothing_left(self):
        def gone():
            return not self.named("odysseus.exe") and not self.named("fake_llama_server")
        harness.wait_until(gone, "no process is left; there are %r" % harness.marked_processes(self.mark), 30)
        for port in (self.port, self.llama_port):
            harness.wait_until(lambda: not harness.is_open(port), "port %d is closed" % port, 15)


class Words(Case):
    def test_version_help_and_bad_uses_have_their_exit_codes(self):
        self.assertRegex(self.run_exe("--version").out, r"^odysseus \d+\.\d+\.\d+\n$")
        self.assertIn("--llama-server", self.run_exe("--help").out)
        self.assertIn("--ctx", self.run_exe("--ctx", "many", expect=2).err)
        self.run_exe("--no-such-flag", expect=2)

    def test_plan_and_doctor_look_at_this_machine(self):
        plan = self.run_exe("plan", "--json", "--offline", "--llama-server", windows(FAKE), home=self.home)
        self.assertIsInstance(json.loads(plan.out), dict)
        doctor = self.run_exe("doctor", "--offline", home=self.home, expect=None)
        self.assertEqual(doctor.returncode, 3, doctor.err)  # no build, and none may be fetched
        self.assertIn("No llama.cpp build is installed yet", doctor.out)

    def test_folders_with_umlauts_and_blanks_are_folders(self):
        for name in ("mein Ordner", "Büro Übung", "данные 模型"):
            home = self.folder(name)
            models = self.run_exe("models", home=home).out
            self.assertIn("tiny", models, name)
            config = self.run_exe("config", home=home).out
            self.assertIn(name, config)

    def test_a_path_of_more_than_260_characters(self):
        # Wine lists no folder whose own path is that long (its cmd does not either); a file in it may be.
        home = self.folder("l" * (250 - len(windows(self.outer)) - 1))
        self.assertGreater(len(windows(home / "models/tiny.gguf")), 260)
        self.assertIn("tiny", self.run_exe("models", home=home).out)


ASSET = "llama-%s-bin-win-cpu-x64.zip"


def release(tag):
    """A release for Windows: a zip with the fake server as llama-server.exe."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(FAKE, "llama-server.exe")
        archive.writestr("build.txt", tag[1:])
        archive.writestr("llama.dll", tag)
    return {ASSET % tag: packed.getvalue()}


class Installing(Case):
    def backend(self, *words, host=None, **options):
        return self.run_exe("backend", *words, "--device", "cpu", home=self.home, **(host.environment() if host else {}), **options)

    def listed(self):
        builds = json.loads(self.backend("list", "--json").out)["builds"]
        return {build["id"]: "*" if build["current"] else "-" if build["previous"] else "" for build in builds}

    def test_install_update_rollback_and_serve(self):
        self.home = self.folder("Büro Übung")
        old = ReleaseHost("b9001", release("b9001"))
        self.addCleanup(old.close)
        self.backend("install", host=old)
        self.assertEqual(["*"], list(self.listed().values()))
        new = ReleaseHost("b9002", release("b9002"), {"b9001": release("b9001")})
        self.addCleanup(new.close)
        self.backend("install", host=new)
        self.assertEqual(["*", "-"], sorted(self.listed().values()))
        self.backend("rollback")
        current = [name for name, mark in self.listed().items() if mark == "*"]
        self.assertEqual(len(current), 1)
        self.assertIn("b9001", current[0])
        self.start(home=self.home, server=None)
        self.assertEqual(self.chat().status, 200, self.said())

    def test_a_damaged_archive_is_refused(self):
        host = ReleaseHost("b9001", release("b9001"))
        self.addCleanup(host.close)
        host.digests[ASSET % "b9001"] = "0" * 64
        refused = self.backend("install", host=host, expect=None)
        self.assertNotEqual(refused.returncode, 0)
        self.assertEqual({}, self.listed())


class Script(Case):
    def test_start_bat_takes_the_program_beside_it(self):
        folder = self.outer / "my folder"
        folder.mkdir()
        shutil.copy(ROOT / "start.bat", folder)
        shutil.copy(EXE, folder / "odysseus.exe")
        result = subprocess.run([WINE, "cmd", "/c", windows(folder / "start.bat"), "--version"], env=environment(self.mark),
                                stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(b"odysseus ", result.stdout)


class Serving(Case):
    def test_it_answers_streams_and_ends_in_order(self):
        self.start()
        self.assertEqual(self.chat().json["choices"][0]["message"]["content"], "hello")
        pieces = b"".join(piece for _, piece in harness.stream(self.port, "/v1/chat/completions", {"model": "tiny", "stream": True,
                          "messages": []}) if isinstance(piece, bytes))
        self.assertIn(b"data: [DONE]", pieces)
        models = harness.request(self.port, "GET", "/v1/models").json
        self.assertIn("tiny", [model["id"] for model in models["data"]])

    def test_in_a_folder_with_umlauts(self):
        self.start(home=self.folder("Büro Übung"))
        self.assertEqual(self.chat().status, 200)

    def test_a_server_that_dies_is_started_again(self):
        self.start()
        self.assertEqual(self.chat().status, 200)
        for pid in self.named("fake_llama_server"):
            os.kill(pid, signal.SIGKILL)
        self.assertEqual(self.chat().status, 200, self.said())

    def test_when_odysseus_is_ended_by_force_nothing_is_left(self):
        self.start()
        self.assertEqual(self.chat().status, 200)
        self.assertTrue(self.named("fake_llama_server"))
        for pid in self.named("odysseus.exe"):
            os.kill(pid, signal.SIGKILL)
        self.nothing_left()

    def test_a_second_one_in_the_same_home_is_refused(self):
        self.start()
        second = self.run_exe("--port", harness.free_port(), "--llama-port", harness.free_port(), "--llama-server", windows(FAKE),
                              home=self.home, expect=None)
        self.assertNotEqual(second.returncode, 0)
        self.assertIn("already", second.err.lower())
        self.assertEqual(self.chat().status, 200)

    def test_less_context_after_no_memory(self):
        self.start("--ctx", "8192", flags="--oom-above 4096")
        self.assertEqual(self.chat().status, 200, self.said())


if __name__ == "__main__":
    unittest.main()
