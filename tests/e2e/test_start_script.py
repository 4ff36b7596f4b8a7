"""start.sh itself: what it runs, in which order, and that it is out of the way then. The program, the build and Debian's
llama.cpp are stand-ins that write down how they were called."""
import hashlib
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]

PROGRAM = """#!/bin/sh
[ "$1" != --version ] || exit 0
{ printf '%s' odysseus; printf ' [%s]' "$@"; echo; } >>"$CALLS"
if [ "$1 $2" = "backend install" ]; then exit "${INSTALL_EXIT:-0}"; fi
if [ "$1 $2" = "backend import" ]; then exit "${IMPORT_EXIT:-0}"; fi
[ -z "${WAIT:-}" ] || { trap 'exit 42' INT TERM; echo $$; while :; do sleep 0.05; done; }
exit "${SERVE_EXIT:-0}"
"""
MAKER = '#!/bin/sh\necho "maker [$1]" >>"$CALLS"\nexit "${MAKER_EXIT:-0}"\n'


class StartScript(unittest.TestCase):
    def setUp(self):
        outer = pathlib.Path(tempfile.mkdtemp(prefix="odysseus-start-"))
        self.addCleanup(shutil.rmtree, outer)
        self.calls = outer / "calls"
        self.project = (outer / "my project").resolve()
        for folder in ["cmake", "src", "include", "scripts", "build/release", "tools"]:
            (self.project / folder).mkdir(parents=True)
        for file in ["start.sh", "scripts/lib.sh"]:
            shutil.copy(ROOT / file, self.project / file)
        for file in ["CMakeLists.txt", "CMakePresets.json"]:
            (self.project / file).touch()
        self.write("build/release/odysseus", PROGRAM)
        self.write("scripts/debian-llama-server", MAKER)
        self.write("tools/patchelf", "#!/bin/sh\n")
        self.write("build/release/.built", "")  # the last one: nothing is newer

    def write(self, name, text):
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def installed(self):
        self.write("bin/llama-linux-x64/b1/llama-server", "#!/bin/sh\n")

    def environment(self, more):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("ODYSSEUS_")}
        return {**kept, "CALLS": str(self.calls), "PATH": "%s:%s" % (self.project / "tools", kept["PATH"]), **more}

    def start(self, *arguments, expect=0, **environment):
        """Runs it from another folder; returns the calls, with the project's path as @."""
        result = subprocess.run([self.project / "start.sh", *arguments], cwd="/", env=self.environment(environment),
                                capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, check=False)
        self.assertEqual(result.returncode, expect, result.stderr)
        self.assertEqual(result.stdout, "")
        calls = self.calls.read_text().splitlines() if self.calls.exists() else []
        return [call.replace(str(self.project), "@") for call in calls]

    def test_with_a_build_installed_it_serves_at_once(self):
        self.installed()
        self.assertEqual(self.start("--ctx", "8192", "--", "--foo bar"),
                         ["odysseus [--home] [@] [--ctx] [8192] [--] [--foo bar]"])

    def test_the_exit_code_is_odysseus_s(self):
        self.installed()
        for code in (0, 2, 6, 7):
            self.start(expect=code, SERVE_EXIT=str(code))

    def test_without_one_it_installs_first(self):
        self.assertEqual(self.start("serve", "--ctx", "8192"),
                         ["odysseus [backend] [install] [--home] [@] [--ctx] [8192]", "odysseus [--home] [@] [--ctx] [8192]"])

    def test_an_unreachable_host_means_debian_s_build(self):
        self.assertEqual(self.start(INSTALL_EXIT="4"),
                         ["odysseus [backend] [install] [--home] [@]", "maker [@/.cache/llama-cpp-debian.tar.gz]",
                          "odysseus [backend] [import] [@/.cache/llama-cpp-debian.tar.gz] [--home] [@]",
                          "odysseus [--home] [@]"])

    def test_what_fails_on_that_way_ends_it(self):
        self.assertEqual(len(self.start(INSTALL_EXIT="4", MAKER_EXIT="4", expect=4)), 2)
        self.calls.unlink()
        self.assertEqual(len(self.start(INSTALL_EXIT="4", IMPORT_EXIT="5", expect=5)), 3)

    def test_other_failures_are_not_the_network_s(self):
        self.assertEqual(self.start(INSTALL_EXIT="3", expect=3), ["odysseus [backend] [install] [--home] [@]"])
        self.calls.unlink()
        self.assertEqual(len(self.start(INSTALL_EXIT="2", SERVE_EXIT="2", expect=2)), 2)  # it says itself what is wrong

    def test_nothing_is_installed_for_what_needs_no_build(self):
        for arguments in (["plan", "--json"], ["--ctx", "8192", "models"], ["--help"], ["--offline"],
                          ["--llama-server", "/x/llama-server"], ["--llama-server=/x/llama-server"]):
            with self.subTest(arguments):
                self.assertEqual(self.start(*arguments), ["odysseus [--home] [@]" + "".join(" [%s]" % a for a in arguments)])
                self.calls.unlink()
        self.assertEqual(len(self.start(ODYSSEUS_LLAMA_SERVER="/x/llama-server")), 1)
        self.calls.unlink()
        self.assertEqual(len(self.start(ODYSSEUS_OFFLINE="1")), 1)
        self.calls.unlink()
        self.write("data/launcher_config.json", '{"llama_server": "/x/llama-server"}')
        self.assertEqual(len(self.start()), 1)

    def test_another_home_is_respected(self):
        self.installed()
        self.assertEqual(self.start("plan", ODYSSEUS_HOME="/elsewhere"), ["odysseus [--home] [/elsewhere] [plan]"])
        self.calls.unlink()
        other = self.project / "other"
        self.assertEqual(self.start("--home", str(other), INSTALL_EXIT="3", expect=3)[0],  # no build there
                         "odysseus [backend] [install] [--home] [@/other] [--home] [@/other]")

    def prebuilt(self, folder, version="1.2.3", digest=None):
        """A released program in `folder` of a folder in which nothing was built."""
        shutil.rmtree(self.project / "build")
        self.write("CMakeLists.txt", "project(odysseus VERSION 1.2.3 LANGUAGES CXX)\n")
        machine = {"x86_64": "x64", "aarch64": "arm64"}[platform.machine()]
        name = "odysseus-linux-" + machine
        text = PROGRAM.replace("|| exit 0", "|| { echo odysseus %s; exit 0; }" % version, 1).replace("odysseus;", "released;")
        self.write(folder + "/" + name, text)
        self.write(folder + "/SHA256SUMS", "%s  odysseus-windows-x64.exe\n%s  %s\n" % (
            "0" * 64, digest or hashlib.sha256(text.encode()).hexdigest(), name))
        # A build ends here, with a sentence and exit code 1.
        for tool in ["apt-get", "cmake"]:
            self.write("tools/" + tool, "#!/bin/sh\nexit 1\n")

    def test_a_released_program_is_used(self):
        self.prebuilt("dist")
        self.assertEqual(self.start("plan"), ["released [--home] [@] [plan]"])

    def test_a_released_program_beside_the_script_is_used(self):
        self.prebuilt(".")
        self.assertEqual(self.start("plan"), ["released [--home] [@] [plan]"])

    def test_a_released_program_that_is_not_the_right_one_is_not_used(self):
        for wrong, words in (({"version": "1.2.30"}, "another version"), ({"digest": "0" * 64}, "SHA256SUMS")):
            with self.subTest(words):
                (self.project / "build").mkdir(exist_ok=True)
                self.prebuilt("dist", **wrong)
                result = subprocess.run([self.project / "start.sh", "plan"], env=self.environment({}), capture_output=True,
                                        text=True, timeout=120, stdin=subprocess.DEVNULL, check=False)
                self.assertNotEqual(result.returncode, 0)
                self.assertIn(words, result.stderr)
                self.assertFalse(self.calls.exists())

    def test_where_somebody_builds_the_build_is_used(self):
        self.prebuilt("dist")
        self.write("build/release/odysseus", PROGRAM)
        self.write("build/release/.built", "")
        self.assertEqual(self.start("plan"), ["odysseus [--home] [@] [plan]"])

    def end(self, pids):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def test_it_becomes_odysseus(self):
        """Signals reach the program itself, and no shell stays behind."""
        self.installed()
        for shell in (["dash"] if shutil.which("dash") else []) + ["bash"]:
            for how in (signal.SIGINT, signal.SIGTERM):
                with self.subTest(shell=shell, how=how.name):
                    process = subprocess.Popen([shell, self.project / "start.sh"], env=self.environment({"WAIT": "1"}),
                                               stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
                    self.addCleanup(process.stdout.close)
                    program = int(process.stdout.readline())
                    self.addCleanup(self.end, {process.pid, program})
                    self.assertEqual(program, process.pid)
                    process.send_signal(how)
                    self.assertEqual(process.wait(60), 42)


if __name__ == "__main__":
    unittest.main()
