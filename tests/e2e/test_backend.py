"""odysseus backend list, install, use, rollback and import, as a user types them. The builds are small: their llama-server
is a script, which hands a start on to the real one."""
import io
import json
import os
import pathlib
import shutil
import signal
import stat
import tarfile
import threading
import unittest
import zipfile

from harness import Case, llama_server, marked_processes, wait_until
from release_host import ReleaseHost
from test_acquire import ASSET

SCRIPT = """#!/bin/sh
case "$1" in
--version) echo 'version: 0.5.0 (build %(number)s, commit abc)' >&2 ;;
--list-devices) echo 'Available devices:' ;;
*) exec '%(real)s' "$@" ;;
esac
"""

# As a program without a run path: its library is found by LD_LIBRARY_PATH or not at all.
NEEDS_PATH = """#!/bin/sh
case ":$LD_LIBRARY_PATH:" in
*":$(dirname "$0"):"*) ;;
*) echo "$0: error while loading shared libraries: libllama.so: cannot open shared object file: No such file or directory" >&2
   exit 127 ;;
esac
""" + SCRIPT.partition("\n")[2]


def files(tag, script=SCRIPT):
    return {"llama-server": (script % {"number": tag[1:], "real": llama_server()}).encode(), "libllama.so": tag.encode()}


def tar_gz(members, top=""):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(top + name)
            info.size, info.mode = len(data), 0o755
            archive.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def release(tag):
    return {ASSET % tag: tar_gz(files(tag), "llama-%s/" % tag)}


class Backend(Case):
    def host(self, *tags):
        host = ReleaseHost(tags[0], release(tags[0]), {tag: release(tag) for tag in tags[1:]})
        self.addCleanup(host.close)
        return host

    def backend(self, home, *words, host=None, **options):
        at = words.index("--") if "--" in words else len(words)
        return self.run_odysseus(home, "backend", *words[:at], "--device", "cpu", *words[at:], env=host and host.environment(), **options)

    def listed(self, home):
        """{id: "*" for the one in use, "-" for the one before, else ""}"""
        builds = json.loads(self.backend(home, "list", "--json", expect=0).stdout)["builds"]
        return {build["id"]: "*" if build["current"] else "-" if build["previous"] else "" for build in builds}

    def planned(self, home, **options):
        plan = json.loads(self.run_odysseus(home, "plan", "--json", "--offline", **options).stdout)
        return plan["build"] and plan["build"]["tag"]

    def check_nothing_else(self, home):
        """Builds, the store's own records, nothing that was left."""
        store = next((home.path / "bin").iterdir())
        names = {path.name for path in store.iterdir()} - {".lock", ".in-use", "current.json"}
        self.assertEqual(names, set(self.listed(home)))

    def test_install_list_use_and_rollback(self):
        home, host = self.home(), self.host("b10003", "b10002", "b10001")
        first = self.backend(home, "install", "b10001", host=host, expect=0, says=["now in use: b10001-cpu"])
        self.assertEqual(first.stdout, "")
        self.assertEqual(self.planned(home), "b10001")
        self.backend(home, "rollback", expect=2, says=["no earlier build"])
        self.assertEqual(self.planned(home), "b10001")

        self.backend(home, "install", host=host, expect=0, says=["now in use: b10003-cpu"])  # the stable one
        self.assertEqual(self.listed(home), {"b10001-cpu": "-", "b10003-cpu": "*"})
        self.assertEqual(self.planned(home), "b10003")
        table = self.backend(home, "list", expect=0).stdout
        self.assertRegex(table, r"(?m)^\* +b10003-cpu +b10003 +CPU +ggml-org/llama.cpp")
        self.assertRegex(table, r"(?m)^- +b10001-cpu ")

        self.backend(home, "rollback", expect=0, says=["now in use: b10001-cpu"])
        self.assertEqual(self.planned(home), "b10001")
        self.backend(home, "rollback", expect=0)  # there and back
        self.assertEqual(self.planned(home), "b10003")
        self.backend(home, "use", "b10001", expect=0)
        self.assertEqual(self.planned(home), "b10001")
        self.backend(home, "use", "b10003-cpu", expect=0)

        host.requests.clear()
        self.backend(home, "install", "b10002", host=host, expect=0)  # the oldest makes room
        self.assertEqual(self.listed(home), {"b10002-cpu": "*", "b10003-cpu": "-"})
        self.assertEqual(self.planned(home), "b10002")
        self.assertEqual(sum("/releases/download/" in path for path in host.requests), 1)
        self.check_nothing_else(home)

    def test_update_takes_the_newest_after_its_check_and_can_be_undone(self):
        home, host = self.home(), self.host("b10003", "b10001")
        self.backend(home, "install", "b10001", host=host, expect=0)
        says = ["llama.cpp b10003 instead of b10001", "compare/b10001...b10003", "now in use: b10003-cpu"]
        self.backend(home, "update", host=host, expect=0, says=says)
        self.backend(home, "update", host=host, expect=0, says=["there is nothing newer"])
        self.backend(home, "rollback", expect=0, says=["now in use: b10001-cpu"])
        self.backend(home, "update", "--offline", host=host, expect=4, says=["--offline forbids"])
        self.assertEqual(self.listed(home), {"b10001-cpu": "*", "b10003-cpu": "-"})

    def test_update_takes_no_known_bad_build_a_second_time(self):
        home, host = self.home(), self.host("b10950")
        self.backend(home, "install", "b10950", host=host, expect=0)
        host.requests.clear()
        self.backend(home, "update", host=host, expect=0, says=["there is nothing newer"])
        self.assertEqual([path for path in host.requests if path.endswith(".tar.gz")], [])

    def test_a_start_tells_of_a_newer_build_once_a_day_and_asks_nobody_offline(self):
        home, host = self.home(), self.host("b10003", "b10001")
        self.backend(home, "install", "b10001", host=host, expect=0)
        note = home.path / "data/update_check.json"
        note.write_text("{}")
        line = "llama.cpp b10003 is out (b10001 is in use): odysseus backend update"
        first = self.odysseus(home, "--device", "cpu", env=host.environment(), server=None)
        first.wait_ready()
        wait_until(lambda: line in first.output(), "the news")
        first.stop()
        self.assertEqual(json.loads(note.read_text())["newest"], "b10003")
        host.requests.clear()
        for words in ((), ("--offline",)):
            again = self.odysseus(home, "--device", "cpu", *words, env=host.environment(), server=None)
            again.wait_ready()
            again.stop()
            self.assertNotIn(line, again.output())
        self.assertEqual(host.requests, [])

    def test_a_gpu_that_came_later_is_told_at_every_start_with_what_to_do(self):
        home, host = self.home(), self.host("b10001")
        tools = home.path / "tools"
        tools.mkdir()
        smi = tools / "nvidia-smi"
        path = "%s:%s" % (tools, os.environ["PATH"])
        environment = dict(host.environment(), PATH=path)
        self.run_odysseus(home, "backend", "install", "--device", "auto", env=environment, expect=0)
        smi.write_text("#!/bin/sh\ncase $1 in --query*) echo 'NVIDIA GeForce RTX 4090, 24564, 23187, 580.65.06, 8.9, GPU-a' ;;\n"
                       "*) echo '| CUDA Version: 13.0 |' ;; esac\n")
        smi.chmod(0o755)
        came = "NVIDIA GeForce RTX 4090 came after this llama.cpp build (CPU) was chosen"
        for _ in range(2):
            running = self.odysseus(home, env=environment, server=None)
            running.wait_ready()
            self.assertIn(came, running.output())
            self.assertIn("odysseus backend install", running.output())
            self.assertIn(came, " ".join(running.status()["hardware"]["notes"]))
            running.stop()
        codes = {one["code"] for one in json.loads(self.run_odysseus(home, "doctor", "--json", env=environment).stdout)["findings"]}
        self.assertIn("better_build", codes)

    def test_gh_verifies_the_attestation_where_it_is_installed(self):
        home, host = self.home(), self.host("b10602", "b10601", "b10501")
        tools = home.path / "tools"
        tools.mkdir()
        asked = home.path / "asked"
        def gh(status, says):
            script = tools / "gh"
            script.write_text("#!/bin/sh\necho \"$@\" >> '%s'\necho '%s' >&2\nexit %d\n" % (asked, says, status))
            script.chmod(0o755)
        environment = dict(host.environment(), PATH="%s:%s" % (tools, os.environ["PATH"]))
        def install(tag, **options):
            return self.run_odysseus(home, "backend", "install", tag, "--device", "cpu", env=environment, **options)
        gh(0, "Verification succeeded!")
        install("b10601", expect=0, says=["gh has verified"])
        self.assertRegex(asked.read_text(), r"attestation verify \S+%s --repo ggml-org/llama.cpp" % (ASSET % "b10601"))
        says = ["gh attestation verify %s --repo ggml-org/llama.cpp" % (ASSET % "b10601")]
        self.backend(home, "list", expect=0, says=says)
        self.assertTrue(json.loads(self.backend(home, "list", "--json", expect=0).stdout)["builds"][0]["attested"])
        gh(1, "Error: no attestations found for sha256:ab")
        install("b10602", expect=5, says=["gh refutes"])
        gh(4, "run gh auth login")
        install("b10602", expect=0)
        asked.unlink()
        install("b10501", expect=0)  # from before the attestations
        self.assertFalse(asked.exists())

    def test_a_build_that_does_not_take_the_saved_arguments_is_not_used(self):
        home, host = self.home(), self.host("b10002", "b10001")
        self.backend(home, "install", "b10001", host=host, expect=0)
        says = ["does not take --mlock", "--load-mode mlock", "the build in use stays"]
        self.backend(home, "install", "b10002", "--", "--temp", "0", "--mlock", host=host, expect=2, says=says)
        self.assertEqual(self.listed(home), {"b10001-cpu": "*"})
        host.requests.clear()
        self.backend(home, "install", "b10002", "--", "--temp", "0", host=host, expect=0)  # what was fetched is there still
        self.assertEqual(sum("/releases/download/" in path for path in host.requests), 0)
        self.check_nothing_else(home)
        (home.path / "data/llama_arguments.json").write_text('["--mlock"]')  # of the last launch
        self.backend(home, "use", "b10001", expect=2, says=says)
        self.assertEqual(self.planned(home), "b10002")
        odysseus = self.odysseus(home, "--ctx", "2048", "--", "--temp", "0", server=None).wait_ready()
        odysseus.stop()
        self.backend(home, "use", "b10001", expect=0)

    def test_an_unknown_tag_is_told_with_what_there_is(self):
        home, host = self.home(), self.host("b10002")
        self.backend(home, "use", "b10002", expect=2, says=["there is none", "backend install b10002"])
        self.backend(home, "install", host=host, expect=0)
        self.backend(home, "use", "b10003", expect=2, says=["did you mean b10002?", "backend install b10003"])
        self.backend(home, "install", "b10009", host=host, expect=3, says=["no llama.cpp release b10009", "/releases lists"])  # no such release
        self.assertEqual(self.planned(home), "b10002")
        self.check_nothing_else(home)

    def test_offline_install_is_refused_and_the_rest_works(self):
        home, host = self.home(), self.host("b10002", "b10001")
        self.backend(home, "install", "--offline", host=host, expect=3, says=["--offline", "backend import"])
        self.assertEqual(host.requests, [])
        for tag in ("b10001", "b10002"):
            self.backend(home, "install", tag, host=host, expect=0)
        self.backend(home, "rollback", "--offline", expect=0)
        self.backend(home, "use", "b10002", "--offline", expect=0)
        self.assertEqual(self.planned(home), "b10002")

    def test_import_of_an_archive_and_a_folder(self):
        home = self.home()
        (home.outer / "one.tar.gz").write_bytes(tar_gz(files("b10001"), "any/where/"))
        with zipfile.ZipFile(home.outer / "two.zip", "w") as archive:
            for name, data in files("b10002").items():
                archive.writestr(name, data)  # no modes, as zip programs on Windows write them
        folder = home.outer / "three/bin"
        folder.mkdir(parents=True)
        for name, data in files("b10003").items():
            (folder / name).write_bytes(data)
            (folder / name).chmod(0o755)
        for tag, what in (("b10001", "one.tar.gz"), ("b10002", "two.zip"), ("b10003", "three")):
            before = sorted(path.name for path in home.outer.rglob("*") if home.path not in path.parents)
            self.backend(home, "import", home.outer / what, "--offline", expect=0, says=["now in use: %s-cpu-import" % tag])
            self.assertEqual(self.planned(home), tag)
            server = next((home.path / "bin").rglob(tag + "*/**/llama-server"))
            self.assertTrue(server.stat().st_mode & stat.S_IXUSR)
            after = sorted(path.name for path in home.outer.rglob("*") if home.path not in path.parents)
            self.assertEqual(after, before)  # what was imported stays as it was
        self.backend(home, "rollback", expect=0)
        self.assertEqual(self.planned(home), "b10002")
        self.check_nothing_else(home)

    def test_what_does_not_run_is_not_imported(self):
        home = self.home()
        (home.outer / "good.tar.gz").write_bytes(tar_gz(files("b10001")))
        self.backend(home, "import", home.outer / "good.tar.gz", expect=0)
        broken = "#!/bin/sh\necho \"version 'GLIBC_2.99' not found\" >&2\nexit 1\n"
        illegal = SCRIPT.partition("*)")[0] % {"number": "10002"} + "*) kill -ILL $$ ;;\nesac\n"
        for name, script, says in (("broken", broken, "GLIBC_2.99"), ("for another processor", illegal, "does not have"),
                                   ("silent", "#!/bin/sh\n", "does not say which build it is"),
                                   ("garbage", "\0\1\2", "does not run here")):
            (home.outer / "bad.tar.gz").write_bytes(tar_gz({"llama-server": script.encode()}))
            with self.subTest(name):
                self.backend(home, "import", home.outer / "bad.tar.gz", expect=5, says=[says])
                self.assertEqual(self.planned(home), "b10001")
                self.check_nothing_else(home)

    def test_a_hostile_archive_is_refused_and_leaves_nothing(self):
        home = self.home()
        inside = home.outer / "evil.tar.gz"

        def evil(*infos):
            with tarfile.open(inside, "w:gz") as archive:
                for name, data in files("b10001").items():
                    info = tarfile.TarInfo(name)
                    info.size, info.mode = len(data), 0o755
                    archive.addfile(info, io.BytesIO(data))
                for info, data in infos:
                    archive.addfile(info, io.BytesIO(data))

        def member(name, kind=tarfile.REGTYPE, target="", data=b""):
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, target, len(data)
            return info, data

        cases = {"climbs": [member("../../outside", data=b"x")], "absolute": [member("/tmp/odysseus-outside", data=b"x")],
                 "link": [member("lib", tarfile.SYMTYPE, "/etc"), member("lib/passwd", data=b"x")],
                 "device": [member("null", tarfile.CHRTYPE)], "twice": [member("llama-server", data=b"x")],
                 "colon": [member("llama-server:stream", data=b"x")]}
        for name, infos in cases.items():
            with self.subTest(name):
                evil(*infos)
                self.backend(home, "import", inside, expect=5, says=["evil.tar.gz"])
                self.assertEqual(self.listed(home), {})
                self.assertEqual(sorted(path.name for path in home.outer.iterdir()), ["evil.tar.gz", home.path.name])
                self.check_nothing_else(home)
        self.assertFalse(pathlib.Path("/tmp/odysseus-outside").exists())
        evil()  # the same without anything evil
        self.backend(home, "import", inside, expect=0)

    def test_a_build_that_needs_its_folder_on_the_library_path(self):
        home = self.home()
        home.model()
        (home.outer / "bare.tar.gz").write_bytes(tar_gz({**files("b10001", NEEDS_PATH), "llama-fit-params": (
            NEEDS_PATH.replace("*) exec", "-m) exec") % {"number": "10001", "real": os.path.join(
                os.path.dirname(llama_server()), "llama-fit-params")}).encode()}))
        self.backend(home, "import", home.outer / "bare.tar.gz", expect=0)
        folder = str(next((home.path / "bin").rglob("llama-server")).parent)
        own = {"LD_LIBRARY_PATH": "/nowhere"}
        running = self.odysseus(home, server=None, env=own).wait_ready()
        self.assertEqual(running.chat("tiny").status, 200)
        # The router, and the process of the model.
        paths = []
        for pid, command in marked_processes(running.mark):
            if "--model" in command and "llama-server" in command:
                environ = pathlib.Path("/proc/%d/environ" % pid).read_bytes().decode().split("\0")
                paths += [entry.partition("=")[2] for entry in environ if entry.startswith("LD_LIBRARY_PATH=")]
        self.assertGreaterEqual(len(paths), 2, paths)
        self.assertEqual(set(paths), {folder + ":/nowhere"})
        self.assertEqual(running.stop(), 0)
        doctor = self.run_odysseus(home, "doctor", "--json", "--offline", env=own)
        self.assertNotIn("build_does_not_run", doctor.stdout)
        verified = self.run_odysseus(home, "plan", "--verify", "--offline", env=own, expect=0)
        self.assertNotIn("llama-fit-params exited", verified.stdout + verified.stderr)
        # The other way round: where nothing helps, nothing is imported.
        (home.outer / "worse.tar.gz").write_bytes(tar_gz(files("b10002", NEEDS_PATH.replace("$(dirname", "/lost$(dirname"))))
        self.backend(home, "import", home.outer / "worse.tar.gz", expect=5, says=["error while loading shared libraries"])

    def test_two_installations_at_once(self):
        home, host = self.home(), self.host("b10001")
        inside, go_on = threading.Event(), threading.Event()

        def hold(name):
            inside.set()
            go_on.wait(120)

        host.before_file = hold
        install = ("backend", "install", "b10001", "--device", "cpu")
        options = {"env": host.environment(), "server": None, "port": None, "llama_port": None}
        first = self.odysseus(home, *install, **options)
        self.assertTrue(inside.wait(60))
        second = self.odysseus(home, *install, **options)
        wait_until(lambda: "(process %d) is installing a build; waiting" % first.process.pid in second.output(), "it waits")
        go_on.set()
        self.assertEqual((first.wait_end(), second.wait_end()), (0, 0), first.output() + second.output())
        self.assertEqual(sum("/releases/download/" in path for path in host.requests), 1, host.requests)
        self.assertEqual(self.listed(home), {"b10001-cpu": "*"})
        self.check_nothing_else(home)

    def test_a_build_that_was_removed_by_hand(self):
        home, host = self.home(), self.host("b10002", "b10001")
        for tag in ("b10001", "b10002"):
            self.backend(home, "install", tag, host=host, expect=0)
        store = next((home.path / "bin").iterdir())
        shutil.rmtree(store / "b10002-cpu")
        self.assertEqual(self.planned(home), "b10001")  # the one before, and it is said
        plan = json.loads(self.run_odysseus(home, "plan", "--json", "--offline", expect=0).stdout)
        self.assertIn("b10002-cpu is damaged", plan["build"]["reason"])
        self.backend(home, "install", "b10002", host=host, expect=0)
        self.assertEqual(self.planned(home), "b10002")
        (store / "b10001-cpu/llama-server").unlink()  # a build without its program is none
        self.backend(home, "rollback", expect=2)
        shutil.rmtree(store / "b10001-cpu")
        shutil.rmtree(store / "b10002-cpu")
        self.assertIsNone(self.planned(home))
        self.run_odysseus(home, "--offline", expect=3, says=["--offline", "backend import"])

    def test_a_changed_file_is_found_and_repaired(self):
        home, host = self.home(), self.host("b10001")
        self.backend(home, "install", host=host, expect=0)
        library = next((home.path / "bin").rglob("libllama.so"))
        library.write_bytes(b"B" + library.read_bytes()[1:])
        doctor = lambda: {finding["code"]: finding for finding in json.loads(
            self.run_odysseus(home, "doctor", "--json", "--offline").stdout)["findings"]}
        self.assertIn("libllama.so was changed", doctor()["build_changed"]["what"])
        self.backend(home, "install", host=host, expect=0, says=["damaged", "replaced"])
        self.assertEqual(library.read_bytes(), b"b10001")
        self.assertNotIn("build_changed", doctor())

    def test_a_running_build_stays_whatever_is_installed(self):
        tags = ["b10004", "b10003", "b10002", "b10001"]
        home, host = self.home(), self.host(*tags)
        home.model()
        self.backend(home, "install", "b10001", host=host, expect=0)
        running = self.odysseus(home, "--device", "cpu", server=None).wait_ready()
        for tag in ("b10002", "b10003", "b10004"):
            self.backend(home, "install", tag, host=host, expect=0)
        self.assertEqual(len(self.listed(home)), 4)
        self.assertEqual(running.chat("tiny").status, 200)  # its model's process starts from the same folder
        generation = running.status()["generation"]
        self.kill_server(running, generation)
        self.assertEqual(running.chat("tiny").status, 200)
        self.assertEqual(running.stop(), 0)
        self.assertEqual(self.planned(home), "b10004")
        self.backend(home, "use", "b10003", expect=0)  # tidies up
        self.assertEqual(self.listed(home), {"b10003-cpu": "*", "b10004-cpu": "-"})
        self.check_nothing_else(home)

    def kill_server(self, running, generation):
        os.kill(running.server_pid(), signal.SIGKILL)
        wait_until(lambda: running.status()["generation"] > generation and running.status()["state"] == "ready", "it is back")


if __name__ == "__main__":
    unittest.main()
