"""Every wrong use of every command: the exit code of the contract, nothing on stdout, and on stderr one sentence that names
what is wrong, where it came from and what would be right. And what is promised of the right uses: colour and time."""
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import time
import unittest

import harness
from harness import Case, llama_server

NOWHERE = "/proc/odysseus"  # nobody, not even root, can make a folder there
LONG = 1200  # characters; a longer "sentence" is a dump

# (arguments, exit code, what stderr must say)
COMMAND_LINE = [
    # flags and commands that there are not
    (["--cxt", "5"], 2, ["--cxt", "did you mean --ctx?"]),
    (["--hlp"], 2, ["did you mean --help?"]),
    (["-x"], 2, ["no flag -x", "odysseus --help"]),
    (["srve"], 2, ["'srve'", "did you mean serve?"]),
    (["dcotor"], 2, ["did you mean doctor?"]),
    (["xyzzy"], 2, ["'xyzzy'", "odysseus --help"]),
    # words of other programs
    (["run", "llama3"], 2, ["no command 'run'", "odysseus pull"]),
    (["list"], 2, ["here: odysseus models"]),
    (["LS"], 2, ["here: odysseus models"]),
    (["ps"], 2, ["odysseus doctor"]),
    (["stop"], 2, ["ctrl-c"]),
    (["rm", "x"], 2, ["models folder"]),
    (["/tmp/gemma.gguf"], 2, ["is a model file", "--models-dir"]),
    (["serve", "gemma.GGUF"], 2, ["is a model file", "--models-dir"]),
    (["--models-dir", "/nope/there"], 2, ["no models folder /nope/there", "--models-dir"]),
    ([""], 2, ["no command ''"]),
    (["plan", "--jsn"], 2, ["did you mean --json?"]),
    (["plan", "--verfy"], 2, ["did you mean --verify?"]),
    (["plan", "--bundle"], 2, ["plan has no flag --bundle", "doctor"]),
    (["doctor", "--verify"], 2, ["doctor has no flag --verify", "plan"]),
    (["doctor", "--bundel"], 2, ["did you mean --bundle?"]),
    (["models", "--forget"], 2, ["models has no flag --forget"]),
    (["config", "--jsno"], 2, ["did you mean --json?"]),
    (["backend", "list", "--forget"], 2, ["backend has no flag --forget"]),
    (["completion", "bash", "--json"], 2, ["completion has no flag --json"]),
    (["pull", "a/b", "--json"], 2, ["pull has no flag --json"]),
    (["serve", "--json"], 2, ["serve has no flag --json"]),
    (["--json"], 2, ["serve has no flag --json"]),
    (["help", "plan", "extra"], 2, ["one word too many"]),
    (["help", "nothing"], 2, ["no command 'nothing'"]),
    (["help", "pul"], 2, ["did you mean pull?"]),
    (["--version", "extra"], 2, ["'extra'"]),
    (["--version", "--nosuch"], 2, ["--nosuch"]),
    # words: missing, too many, empty, two commands at once
    (["plan", "extra"], 2, ["'extra'", "odysseus plan [--json]"]),
    (["doctor", "extra"], 2, ["'extra'", "odysseus doctor"]),
    (["models", "extra"], 2, ["'extra'", "odysseus models"]),
    (["config", "extra"], 2, ["'extra'", "odysseus config"]),
    (["serve", "extra"], 2, ["'extra'", "serve"]),
    (["plan", "doctor"], 2, ["two commands"]),
    (["plan", "plan"], 2, ["two commands"]),
    (["pull"], 2, ["pull needs a model", "odysseus pull unsloth/"]),
    (["pull", "a/b", "c/d"], 2, ["odysseus pull NAME"]),
    (["pull", ""], 2, ["empty", "odysseus pull NAME"]),
    (["backend"], 2, ["backend list | install"]),
    (["backend", "lst"], 2, ["did you mean list?"]),
    (["backend", "xyzzy"], 2, ["list, install"]),
    (["backend", "list", "extra"], 2, ["'extra'"]),
    (["backend", "rollback", "extra"], 2, ["'extra'"]),
    (["backend", "rollback"], 2, ["backend list"]),
    (["backend", "install", "a", "b"], 2, ["one word too many"]),
    (["backend", "install", ""], 2, ["empty"]),
    (["backend", "install", "../x"], 2, ["'../x'", "b11146"]),
    (["backend", "use"], 2, ["needs a TAG"]),
    (["backend", "use", ""], 2, ["empty"]),
    (["backend", "use", "b1"], 2, ["b1", "backend install b1"]),
    (["backend", "import"], 2, ["an archive"]),
    (["backend", "import", ""], 2, ["empty"]),
    (["backend", "import", "/nonexistent.tar.gz"], 2, ["there is no /nonexistent.tar.gz", ".tar.gz"]),
    (["backend", "import", "/etc/passwd"], 5, ["/etc/passwd", "archive"]),
    (["backend", "import", "/etc/default"], 5, ["no llama-server in /etc/default"]),
    (["completion"], 2, ["bash|zsh|fish"]),
    (["completion", "tcsh"], 2, ["'tcsh'", "bash, zsh or fish"]),
    (["completion", "bash", "zsh"], 2, ["one word too many"]),
    (["completion", ""], 2, ["empty"]),
    # names that cannot be pulled
    (["pull", "nonsense"], 2, ["'nonsense'", "ORG/NAME", "search=nonsense"]),
    (["pull", "a/b/c"], 2, ["too many '/'"]),
    (["pull", "../x"], 2, ["'../x'"]),
    (["pull", "a/b:"], 2, ["quantisation"]),
    (["pull", "a/b:!!"], 2, ["Q4_K_M"]),
    (["pull", "https://"], 2, ["'https://'"]),
    (["pull", "ftp://a/b.gguf"], 2, ["https"]),
    (["pull", "http://x.example/y.gguf"], 2, ["plain http", "use https"]),
    (["pull", "https://x.example/y.zip"], 2, ["does not end in .gguf"]),
    (["pull", "a/b", "--offline"], 4, ["offline"]),
    # contradictions
    (["--port", "18080", "--llama-port", "18080"], 2, ["--llama-port", "18080"]),
    (["--llama-port", "8080"], 2, ["--llama-port", "8080"]),
    (["--ollama-port", "8080"], 2, ["--ollama-port", "8080"]),
    (["--ollama-port", "x"], 2, ["--ollama-port", "from 0 to 65535"]),
    (["--host", "0.0.0.0"], 2, ["--api-key", "--allow-unauthenticated"]),
    (["--host", "192.0.2.1"], 2, ["--host 192.0.2.1", "--api-key"]),
    (["--host", "0.0.0.0", "--api-key", ""], 2, ["--api-key needs a value"]),
    (["--offline"], 3, ["--offline", "backend import"]),
    (["backend", "install", "--offline"], 3, ["--offline", "backend import"]),
    (["--", "--port", "5"], 2, ["--llama-port N"]),
    (["plan", "--", "-m", "x.gguf"], 2, ["odysseus pull NAME"]),
    (["plan", "--", "--api-key", "k"], 2, ["before the --"]),
    # files
    (["plan", "--llama-server", "/nonexistent"], 2, ["--llama-server", "/nonexistent"]),
    (["--llama-server", "/nonexistent"], 2, ["--llama-server", "/nonexistent"]),
    (["--llama-server", "/etc"], 2, ["no file /etc"]),
    (["--llama-server", "/etc/passwd"], 2, ["is not executable"]),
    (["plan", "--hardware", "/nonexistent"], 2, ["--hardware", "/nonexistent", "no such file"]),
    (["plan", "--hardware", "/etc"], 2, ["--hardware", "directory"]),
    (["plan", "--hardware", "/etc/passwd"], 2, ["--hardware", "not JSON"]),
]

# (setting, bad value, what would be right); each as a flag, in the environment and in the file
VALUES = [
    ("ctx", "0", "auto or a whole number"), ("ctx", "-1", "auto or a whole number"),
    ("ctx", "abc", "auto or a whole number"), ("ctx", "1e99", "auto or a whole number"),
    ("ctx", "8kb", "auto or a whole number"), ("ctx", "99999999999999999999", "auto or a whole number"),
    ("parallel", "0", "from 1 to 256"), ("parallel", "two", "from 1 to 256"), ("parallel", "1.5", "from 1 to 256"),
    ("threads", "0", "auto or a whole number"), ("threads", "-3", "auto or a whole number"),
    ("proxy_port", "99999", "from 1 to 65535"), ("proxy_port", "0", "from 1 to 65535"), ("proxy_port", "http", "1 to 65535"),
    ("ollama_port", "65536", "from 0 to 65535"), ("llama_port", "65536", "from 1 to 65535"), ("llama_port", "-5", "from 1 to 65535"),
    ("backend", "ollama", "llama"), ("device", "tpu", "auto, cuda, rocm, sycl, vulkan, metal, cpu"),
    ("release", "../../x", "stable, nightly or a tag"), ("host", "a b", "an address"),
    ("github_api", "ftp://x", "https://"), ("github_download", "nonsense", "https://"), ("hf_endpoint", "x", "https://"),
    ("offline", "maybe", "1 or 0"), ("per_model_context", "perhaps", "1 or 0"),
    ("allow_unauthenticated", "2", "1 or 0"), ("sse_ping_s", "-1", "from 0"), ("sse_ping_s", "x", "from 0"),
    ("log_level", "loud", "debug, info"), ("log_format", "xml", "text, json"),
]

# (text of launcher_config.json, what stderr must say)
CONFIG_FILES = [
    ("{", ["line 1"]), ('{"ctx": 1,,}', ["line 1, column 11"]), ("ctx = 5", ["is not JSON"]), ("[]", ["JSON object"]),
    ('"text"', ["JSON object"]), ('{"ctx": []}', ["ctx in", "is []"]), ('{"ctx": {}}', ["ctx in", "is {}"]),
    ('{"ctx": true}', ["ctx in", "'true' (file)"]), ('{"ctx": 1.5}', ["'1.5' (file)"]),
    ('{"api_keys": [1]}', ["api_keys in", "list of texts"]), ('{"api_keys": [""]}', ["api_keys in"]),
    ('{"host": ""}', ["host in", "an address"]), ('{"offline": []}', ["true or false"]),
    (" " * (1024 * 1024 + 1), ["larger than 1 MiB"]),
]

HARDWARE_FILES = [
    ("", ["not JSON"]), ("{", ["not JSON"]), ("[]", ["JSON object"]), ("{}", ['"os" is missing', "linux, macos or win"]),
    ('{"os": 5}', ['"os" is 5']), ('{"os": "amiga"}', ['"amiga"', "linux, macos or win"]),
    ('{"os": "linux", "arch": "ppc"}', ['"ppc"', "x64 or arm64"]),
    ('{"os": "linux", "arch": "x64", "backend": "tpu"}', ['"tpu"', "cuda, rocm"]),
    ('{"os": "linux", "arch": "x64", "ram_mib": "lots"}', ['"ram_mib"', "whole number"]),
    ('{"os": "linux", "arch": "x64", "ram_mib": -5}', ['"ram_mib"', "whole number"]),
    ('{"os": "linux", "arch": "x64", "gpus": 7}', ['"gpus" is 7', "list"]),
    ('{"os": "linux", "arch": "x64", "gpus": [{"total_mib": "x"}]}', ["total_mib"]),
]

COMMANDS = [["serve"], ["plan"], ["doctor"], ["models"], ["backend", "list"], ["backend", "install"], ["config"], ["pull", "a/b"]]
WRITERS = [["serve"], ["backend", "install"], ["backend", "import", "/etc"], ["pull", "a/b"]]


class BadUses(Case):
    def refused(self, home, arguments, code, says, **options):
        result = self.run_odysseus(home, *arguments, **options)
        shown = "odysseus %s\nexit %d\nstdout: %s\nstderr: %s" % (" ".join(arguments), result.returncode, result.stdout, result.stderr)
        self.assertEqual(result.returncode, code, shown)
        self.assertEqual(result.stdout, "", shown)
        self.assertRegex(result.stderr, r"\Aodysseus: \S[^\n]+\n\Z", shown)
        self.assertLess(len(result.stderr), LONG, shown)
        self.assertNotRegex(result.stderr, r"(?i)error: .*error: |exception|terminate called|what\(\)|\x1b|std::| 0x[0-9a-f]{6}|  ", shown)
        for words in says:
            self.assertIn(words.lower(), result.stderr.lower(), shown)

    def test_the_command_line(self):
        home = self.home()
        for arguments, code, says in COMMAND_LINE:
            with self.subTest(" ".join(arguments)):
                # in the environment, because harness.run's own --home would stand behind a "--"
                self.refused(None, arguments, code, says, env={"ODYSSEUS_HOME": str(home.path)})

    def settings(self):
        said = self.run_odysseus(self.home(), "config", "--json", expect=0).stdout
        return {row["name"]: row for row in harness.json.loads(said)["settings"]}

    def test_values_name_themselves_and_where_they_came_from(self):
        table = self.settings()
        for name, bad, right in VALUES:
            row, home = table[name], self.home()
            with self.subTest(name, bad=bad, by="flag"):
                self.refused(home, ["config", "%s=%s" % (row["flag"], bad)], 2, [row["flag"] + " is '" + bad, "(flag)", right])
            with self.subTest(name, bad=bad, by="environment"):
                self.refused(home, ["config"], 2, [row["environment"] + " is '" + bad, "(environment)", right],
                             env={row["environment"]: bad})
            with self.subTest(name, bad=bad, by="file"):
                home.settings(**{row["file_key"]: bad})
                self.refused(home, ["config"], 2, [row["file_key"] + " in ", "launcher_config.json", bad, "(file)", right],
                             env={row["environment"]: None})

    def test_quotation_marks_that_cmd_left_on_a_variable_are_told(self):
        self.refused(self.home(), ["config"], 2, ["ODYSSEUS_MODELS_DIR", "quotation marks", 'set "NAME=VALUE"'],
                     env={"ODYSSEUS_MODELS_DIR": '"C:\\Models"'})

    def test_every_flag_that_takes_a_value_needs_one(self):
        home = self.home()
        for row in self.settings().values():
            if row["default"] in ("0",):  # a switch
                continue
            for arguments in (["config", row["flag"] + "="], ["config", row["flag"], ""], ["config", row["flag"], "--offline"]):
                with self.subTest(" ".join(arguments)):
                    self.refused(None, arguments, 2, [row["flag"] + " needs a value"], env={"ODYSSEUS_HOME": str(home.path)})

    def test_an_empty_variable_is_as_if_it_were_not_set(self):
        home = self.home()
        empty = {row["environment"]: "" for row in self.settings().values()}
        said = harness.json.loads(self.run_odysseus(home, "config", "--json", expect=0, env=empty).stdout)["settings"]
        self.assertEqual({row["origin"] for row in said if row["name"] != "home"}, {"default"})

    def test_keys_that_are_none_are_refused_and_keys_are_never_shown(self):
        home = self.home()
        self.refused(home, ["serve"], 2, ["ODYSSEUS_API_KEY", "must be a key"], env={"ODYSSEUS_API_KEY": " , "})
        self.refused(home, ["serve", "--api-key", "planted,secret"], 2, ["give the flag twice"])
        result = self.run_odysseus(home, "config", "--api-key", "planted-secret", "--ctx", "x")
        self.assertNotIn("planted", result.stderr)

    def test_the_settings_file(self):
        home = self.home()
        file = home.path / "data/launcher_config.json"
        file.parent.mkdir()
        for text, says in CONFIG_FILES:
            for command in (["config"], ["plan"], ["serve"]):
                with self.subTest(text[:40], command=command):
                    file.write_text(text)
                    self.refused(home, command, 2, [str(file)] + says)
        file.unlink()
        file.mkdir()
        self.refused(home, ["config"], 2, [str(file), "is no file"])

    def test_a_slip_in_a_key_is_told_and_another_launcher_s_key_is_not(self):
        home = self.home()
        home.settings(ctxx=5, home="/x", theme="dark")
        said = self.run_odysseus(home, "config", expect=0).stderr
        self.assertIn("did you mean ctx?", said)
        self.assertIn("--home", said)
        self.assertNotIn("theme", said)
        self.assertEqual(said.count("\n"), 2, said)

    def test_hardware_files(self):
        home = self.home()
        file = home.outer / "pc.json"
        for text, says in HARDWARE_FILES:
            with self.subTest(text):
                file.write_text(text)
                self.refused(home, ["plan", "--offline", "--hardware", str(file)], 2, ["--hardware", str(file)] + says)
        self.refused(home, ["plan"], 2, ["ODYSSEUS_HARDWARE: " + str(file)], env={"ODYSSEUS_HARDWARE": str(file)})

    def test_a_home_or_a_models_folder_that_is_a_file(self):
        home = self.home()
        file = home.outer / "file"
        file.write_text("")
        for command in COMMANDS:
            with self.subTest(" ".join(command)):
                self.refused(None, [*command, "--home", str(file)], 2, ["--home is '%s' (flag)" % file, "a folder"])
                self.refused(None, command, 2, ["ODYSSEUS_HOME is '%s' (environment)" % file], env={"ODYSSEUS_HOME": str(file)})
                self.refused(home, [*command, "--models-dir", str(file)], 2, ["--models-dir is '%s' (flag)" % file, "a folder"])

    def test_a_home_where_nothing_can_be_written(self):
        home = self.home()
        for command in WRITERS:
            with self.subTest(" ".join(command)):
                self.refused(None, [*command, "--home", NOWHERE], 2, ["(--home)", NOWHERE, "ODYSSEUS_HOME=DIR"])
        for command in (["serve"], ["pull", "a/b"]):
            self.refused(home, [*command, "--models-dir", NOWHERE], 2, [NOWHERE, "(--models-dir)", "--models-dir DIR"])
        said = self.run_odysseus(None, "doctor", "--home", NOWHERE, "--offline")
        self.assertEqual(said.returncode, 2)
        self.assertIn("Nothing can be written in " + NOWHERE, said.stdout)

    def test_a_folder_that_is_not_there_yet_is_no_fault_to_look_into(self):
        home = self.home()
        away = str(home.outer / "not/yet")
        for command in (["models"], ["backend", "list"], ["config"], ["plan", "--offline"]):
            result = self.run_odysseus(None, *command, "--home", away, expect=0)
            self.assertLess(result.stderr.count("\n"), 3, result.stderr)
        self.assertFalse(os.path.exists(away))  # looking writes nothing

    def test_a_release_host_that_is_not_reached_comes_with_a_way_out(self):
        for command in (["serve"], ["backend", "install"]):
            self.refused(self.home(), command, 4, ["127.0.0.1:1", "backend import FILE"])
        self.refused(self.home(), ["pull", "a/b"], 4, ["127.0.0.1:1", "--hf-endpoint"])


class GoodUses(Case):
    def on_terminal(self, home, *arguments, columns=0, **env):
        """What a terminal shows of it."""
        outer, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 40 if columns else 0, columns, 0, 0))
        environment = {**os.environ, "ODYSSEUS_HOME": str(home.path), "TERM": "xterm-256color", **env}
        environment = {key: value for key, value in environment.items() if value is not None}
        subprocess.run([harness.BINARY, *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=inner, stderr=inner,
                       timeout=120 * harness.SLOW, check=False)
        os.close(inner)
        said = b""
        while True:
            try:
                piece = os.read(outer, 65536)
            except OSError:
                piece = b""
            if not piece:
                break
            said += piece
        os.close(outer)
        return said.decode()

    def test_colour_is_for_terminals_that_want_it(self):
        home = self.home()
        self.assertIn("\x1b[", self.on_terminal(home, "models", NO_COLOR=None))
        self.assertNotIn("\x1b", self.on_terminal(home, "models", NO_COLOR="1"))
        self.assertNotIn("\x1b", self.on_terminal(home, "models", NO_COLOR=None, TERM="dumb"))
        self.assertNotIn("\x1b", self.run_odysseus(home, "models", expect=0).stderr)

    def test_a_table_leaves_its_last_columns_out_where_there_is_no_room(self):
        home = self.home()
        wide = self.on_terminal(home, "config", columns=250)
        self.assertIn("--per-model-context", wide)
        narrow = self.on_terminal(home, "config", columns=len("per_model_context      ") * 4)
        self.assertNotIn("--per-model-context", narrow)
        self.assertIn("per_model_context", narrow)

    def test_help_and_plan_are_quick(self):
        """In time on the processor, which does not grow as much on a busy machine as time on the clock; that one has ten
        times as much. The best of many counts: a slow program makes all of them slow."""
        home = self.home()
        home.model()
        self.run_odysseus(home, "backend", "import", os.path.dirname(llama_server()), expect=0, timeout=120)
        for limit_ms, arguments in ((20, ["--help"]), (20, ["--version"]), (100, ["plan"]), (100, ["plan", "--json"])):
            limit_ms *= harness.SLOW
            runs = []
            while not runs or (len(runs) < 30 and not self.is_quick(runs, limit_ms)):
                runs.append(self.costs_ms(home, *arguments))
            self.assertTrue(self.is_quick(runs, limit_ms), "%s: (processor, clock) in ms: %s" % (arguments, runs))

    def is_quick(self, runs, limit_ms):
        return min(cpu for cpu, _ in runs) < limit_ms and min(clock for _, clock in runs) < 10 * limit_ms

    def costs_ms(self, home, *arguments):
        """On the processor, with its children's, and on the clock."""
        begun = time.monotonic()
        process = subprocess.Popen([harness.BINARY, *arguments], env={**os.environ, "ODYSSEUS_HOME": str(home.path)},
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0, arguments)
        return (used.ru_utime + used.ru_stime) * 1000, (time.monotonic() - begun) * 1000

    def test_every_command_has_help_with_an_example(self):
        commands = re.findall(r"^  (\w+) ", self.run_odysseus(None, "--help", expect=0).stdout.split("Examples:")[0], re.M)
        self.assertGreater(len(commands), 8)
        for command in commands:
            for arguments in ([command, "--help"], ["help", command], [command, "-h"]):
                said = self.run_odysseus(None, *arguments, expect=0)
                self.assertEqual(said.stderr, "")
                self.assertRegex(said.stdout, r"Examples:\n  \S*.*odysseus")


if __name__ == "__main__":
    unittest.main()
