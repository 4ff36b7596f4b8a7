"""The path of the specification, with a real llama-server: from settings to an answered chat, and an orderly end."""
import os
import pathlib
import re
import signal
import socket
import tarfile
import unittest

import gguf
import harness
from harness import Case, is_open, llama_server

# What differs from one answer to the next, whoever gives it: ids, clocks and speeds.
_VARYING = re.compile(rb'"(?:id|created|[a-z_]*_ms|[a-z_]*_per_second)":(?:"[^"]*"|[0-9.e+-]+)')


def alike(body):
    return _VARYING.sub(b"*", body)


class Serving(Case):
    """One odysseus for all: what it answers."""

    @classmethod
    def setUpClass(cls):
        cls.shared = harness.Home("a home with spaces")
        cls.addClassCleanup(cls.shared.remove)
        cls.shared.model("Tiny-Random-Q4_K_M.gguf")
        cls.shared.model("friendly/Weights-F16.gguf", seed=8)
        cls.server = harness.Odysseus(cls.shared, "--ctx", "4096")
        cls.addClassCleanup(cls.server.close)
        cls.server.wait_ready()

    def test_chat(self):
        answer = self.server.chat("Tiny-Random-Q4_K_M")
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json["choices"][0]["message"]["role"], "assistant")
        self.assertGreater(answer.json["usage"]["completion_tokens"], 0)

    def test_a_friendly_name_reaches_the_model(self):
        for name in ["friendly", "Weights-F16", "tiny-random-q4_k_m"]:
            with self.subTest(name):
                self.assertEqual(self.server.chat(name).status, 200)

    def test_an_unknown_model_is_named_with_its_nearest(self):
        answer = self.server.chat("frendly")
        self.assertEqual(answer.status, 404, answer)
        self.assertEqual(answer.json["error"]["code"], "model_not_found")
        self.assertIn("frendly", answer.json["error"]["message"])
        self.assertIn("friendly", answer.json["error"]["message"])

    def test_the_list_of_models(self):
        for path in ["/v1/models", "/models"]:
            answer = self.server.get(path)
            self.assertEqual(answer.status, 200, answer)
            entries = {entry["id"]: entry for entry in answer.json["data"]}
            self.assertIn("Tiny-Random-Q4_K_M", entries)
            self.assertIn("friendly", entries)
            for entry in entries.values():
                self.assertEqual(entry["object"], "model")
                self.assertIsInstance(entry["status"]["value"], str)

    def test_tokenize_comes_back_byte_for_byte(self):
        body = {"model": "friendly", "content": "many hands, \u00fcber alles \U0001f600"}
        port, key = self.server.direct()
        through = self.server.post("/tokenize", body)
        past = harness.request(port, "POST", "/tokenize", body, headers=key)
        self.assertEqual(through.status, 200, through)
        self.assertEqual(through.body, past.body)
        self.assertEqual(through.headers["Content-Type"], past.headers["Content-Type"])

    def test_an_error_of_llama_server_comes_back_as_it_is(self):
        body = {"model": "friendly", "input_prefix": "it has no tokens for that", "input_suffix": ""}
        port, key = self.server.direct()
        through = self.server.post("/infill", body)
        past = harness.request(port, "POST", "/infill", body, headers=key)
        self.assertEqual(past.status, 501)
        self.assertEqual((through.status, through.body), (past.status, past.body))

    def test_a_stream_arrives_as_it_is_made(self):
        body = {"model": "friendly", "stream": True, "max_tokens": 2000, "ignore_eos": True, "temperature": 0, "seed": 1,
                "cache_prompt": False, "messages": [{"role": "user", "content": "tell me everything"}]}
        self.assertEqual(self.server.chat("friendly").status, 200)  # loaded from here on
        pieces = list(self.server.stream(body))
        self.assertEqual(pieces[0][1].status, 200)
        self.assertIn("text/event-stream", pieces[0][1].headers["Content-Type"])
        data = pieces[1:]
        self.assertLess(data[0][0], data[-1][0] / 2, "the first event came late: %g of %g s" % (data[0][0], data[-1][0]))
        whole = b"".join(piece for _, piece in data)
        self.assertTrue(whole.endswith(b"data: [DONE]\n\n"), whole[-200:])
        said = re.findall(rb'"content":" ([a-z]+)"', whole)
        self.assertEqual(said, [word.encode() for word in gguf.WORDS] * 200)

        port, key = self.server.direct()
        past = harness.request(port, "POST", "/v1/chat/completions", body, headers=key)
        self.assertEqual(alike(whole), alike(past.body))

    def test_a_client_that_hangs_up_frees_the_slot(self):
        tokens = 3500
        body = {"model": "friendly", "stream": True, "max_tokens": tokens, "ignore_eos": True,
                "messages": [{"role": "user", "content": "go on for ever"}]}
        events = self.server.stream(body)
        next(events)
        next(events)
        events.close()

        def freed():
            port, key = self.server.direct()
            slots = harness.request(port, "GET", "/slots?model=friendly", headers=key)
            return slots.status == 200 and not any(slot["is_processing"] for slot in slots.json) and slots.json
        slot, = harness.wait_until(freed, "the slot is free after the client has gone")
        self.assertLess(slot["n_prompt_tokens"], tokens, "it went on to the end: %r" % slot)  # with those of the answer

    def test_the_status(self):
        status = self.server.status()
        self.assertEqual(status["state"], "ready")
        self.assertEqual(status["generation"], 1)
        self.assertEqual(status["context"]["tokens"], 4096)
        self.assertEqual(status["llama_server"]["port"], self.server.llama_port)

    def test_the_status_counts_the_tokens_of_every_client(self):
        def tokens():
            counted = self.server.status()["throughput"]
            return (counted["tokens_total"] or 0, counted["prompt_tokens_total"] or 0)
        before = tokens()
        usage = self.server.chat("friendly", max_tokens=40, ignore_eos=True, cache_prompt=False).json["usage"]
        self.assertEqual(usage["completion_tokens"], 40)

        def counted():  # at least: what another test asked for may be told late
            now = tokens()
            return now[0] >= before[0] + 40 and now[1] >= before[1] + usage["prompt_tokens"]
        harness.wait_until(counted, "40 tokens more than %s were counted" % (before,))

    def test_the_documented_arguments(self):
        argv = self.server.server_argv()
        self.assertEqual(argv[0].rsplit("/", 1)[-1], "llama-server")
        self.assertEqual(argv[1:15], ["--port", str(self.server.llama_port), "--models-dir", str(self.shared.path / "models"),
                                      "--models-max", "1", "--parallel", "1", "--ctx-size", "4096", "--threads", str(min(4, os.cpu_count())),
                                      "-ngl", "0"])


class Lifetime(Case):
    def test_sigint_and_sigterm_stop_everything(self):
        for how in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(how.name):
                home = self.home()
                home.model()
                server = self.odysseus(home).wait_ready()
                self.assertEqual(server.chat("tiny").status, 200)  # a process for the model is there too
                self.assertEqual(server.stop(how), 0, server.output())

    def test_a_stop_right_at_the_start(self):
        home = self.home()
        home.model()
        server = self.odysseus(home)
        harness.wait_until(lambda: is_open(server.port) or server.process.poll() is not None, "it has begun")
        self.assertEqual(server.stop(), 0, server.output())

    def test_a_taken_port_that_was_asked_for_is_exit_7(self):
        home = self.home()
        home.model()
        with socket.socket() as squatter:
            squatter.bind(("127.0.0.1", 0))
            squatter.listen()
            port = str(squatter.getsockname()[1])
            for flag in ["--port", "--llama-port"]:
                with self.subTest(flag):
                    self.run_odysseus(home, "--llama-server", llama_server(), flag, port, expect=7, says=[port])

    def test_a_second_one_in_the_same_home_is_exit_7(self):
        home = self.home()
        home.model()
        first = self.odysseus(home).wait_ready()
        self.run_odysseus(home, "--llama-server", llama_server(), "--port", harness.free_port(), expect=7,
                          says=["odysseus: running already", "--home"])
        self.assertEqual(first.chat("tiny").status, 200)
        self.assertEqual(first.stop(), 0)
        again = self.odysseus(home).wait_ready()
        self.assertEqual(again.stop(), 0)

    def test_a_llama_server_that_cannot_start_is_exit_6_with_its_last_lines(self):
        home = self.home()
        home.model()
        broken = home.outer / "llama-server"
        broken.write_text("#!/bin/sh\necho 'error: the flux capacitor is missing' >&2\nexit 3\n")
        broken.chmod(0o755)
        self.run_odysseus(home, "--llama-server", broken, "--port", harness.free_port(), expect=6,
                          says=["the flux capacitor is missing"])


class Comments(Case):
    def test_a_stream_that_waits_gets_comments_and_then_its_answer(self):
        """Nothing of it depends on time: llama-server stands still until a comment has come."""
        home = self.home()
        home.model()
        server = self.odysseus(home, "--ctx", "2048", "--sse-ping", "1").wait_ready()
        self.assertEqual(server.chat("tiny").status, 200)
        router = server.server_pid()
        os.kill(router, signal.SIGSTOP)
        events = server.stream({"model": "tiny", "stream": True, "messages": [{"role": "user", "content": "hello"}]})
        self.assertEqual(next(events)[1].status, 200)
        said = next(events)[1]
        os.kill(router, signal.SIGCONT)
        said += b"".join(piece for _, piece in events)
        self.assertRegex(said, rb"\A(: loading\.\.\.\n\n)+data: ")
        self.assertTrue(said.endswith(b"data: [DONE]\n\n"), said[-200:])


class DefaultPorts(Case):
    def test_the_default_ports(self):
        wanted, inner = [next(p for p in range(first, first + 100) if not is_open(p)) for first in (8080, 10086)]
        home = self.home()
        home.model()
        server = self.odysseus(home, port=None, llama_port=None).wait_ready()
        self.assertEqual(server.port, wanted)
        self.assertEqual(server.server_argv()[1:3], ["--port", str(inner)])
        server.llama_port = inner
        self.assertEqual(server.stop(), 0)

    def test_a_taken_port_that_was_not_asked_for_is_passed_over_and_said(self):
        home = self.home()
        home.model()
        with socket.socket() as squatter:
            if not is_open(8080):
                squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                squatter.bind(("127.0.0.1", 8080))
                squatter.listen()
            server = self.odysseus(home, port=None).wait_ready()
            self.assertGreater(server.port, 8080)
            self.assertIn("8080", server.output())
            self.assertEqual(server.chat("tiny").status, 200)
            self.assertEqual(server.stop(), 0)


class WrongUse(Case):
    def test_a_bad_value_is_named_with_its_origin_and_the_remedy(self):
        home = self.home()
        for flags, env, said in [
                (["--ctx", "abc"], {}, ["--ctx", "abc", "auto"]),
                (["--port", "99999"], {}, ["--port", "99999", "65535"]),
                (["--backend", "vllm"], {}, ["--backend", "vllm", "llama"]),
                (["--llama-server", "/no/such/llama-server"], {}, ["--llama-server", "/no/such/llama-server"]),
                ([], {"ODYSSEUS_LLAMA_CTX": "abc"}, ["ODYSSEUS_LLAMA_CTX", "abc", "auto"]),
                ([], {"ODYSSEUS_PROXY_PORT": "99999"}, ["ODYSSEUS_PROXY_PORT", "99999"]),
                ([], {"ODYSSEUS_LLAMA_PARALLEL": "0"}, ["ODYSSEUS_LLAMA_PARALLEL", "0"])]:
            with self.subTest(flags=flags, env=env):
                self.run_odysseus(home, *flags, env=env, expect=2, says=said)

    def test_a_bad_settings_file_is_named(self):
        home = self.home()
        home.settings(ctx="many")
        self.run_odysseus(home, expect=2, says=["launcher_config.json", "ctx", "many"])
        (home.path / "data/launcher_config.json").write_text("{")
        self.run_odysseus(home, expect=2, says=["launcher_config.json"])

    def test_a_misspelt_flag_or_command_is_exit_2_with_the_nearest(self):
        home = self.home()
        self.run_odysseus(home, "--prot", "8081", expect=2, says=["--prot", "--port"])
        self.run_odysseus(home, "modles", expect=2, says=["modles", "models"])


class Builds(Case):
    """Where llama-server comes from."""

    def test_offline_with_nothing_installed_is_exit_3(self):
        self.run_odysseus(self.home(), "--offline", "--port", harness.free_port(), expect=3, says=["offline"])

    def test_an_unreachable_release_host_is_exit_4(self):
        home = self.home()
        for command in [["--port", harness.free_port()], ["backend", "install"]]:
            with self.subTest(command):
                self.run_odysseus(home, *command, expect=4, says=["127.0.0.1:1"])
        self.assertFalse(list((home.path / "bin").rglob("*.part")) if (home.path / "bin").exists() else [])

    def serves(self, home):
        server = self.odysseus(home, server=None).wait_ready()
        self.assertEqual(server.chat("tiny").status, 200)
        self.assertTrue(server.server_argv()[0].startswith(str(home.path / "bin")), server.server_argv()[0])
        self.assertEqual(server.stop(), 0)

    def test_a_folder_is_imported_and_serves_without_a_network(self):
        home = self.home()
        home.model()
        self.run_odysseus(home, "backend", "import", pathlib.Path(llama_server()).parent, expect=0)
        self.serves(home)

    def test_an_archive_is_imported_and_the_home_may_move(self):
        home = self.home()
        home.model()
        folder = pathlib.Path(llama_server()).parent
        with tarfile.open(home.outer / "build.tar.gz", "w:gz", compresslevel=1) as archive:
            archive.add(folder, folder.name)
        imported = self.run_odysseus(home, "backend", "import", home.outer / "build.tar.gz", expect=0)
        self.assertEqual(imported.stderr.count("unpacking"), 1, imported.stderr)  # no terminal: one line, not a bar
        listed = self.run_odysseus(home, "backend", "list", expect=0)
        self.assertIn(folder.name.replace("llama-", ""), listed.stdout)
        self.serves(home)
        home.path = home.path.rename(home.outer / "moved to another drive")
        self.serves(home)

    def test_what_is_no_build_is_refused(self):
        home = self.home()
        (home.outer / "no.tar.gz").write_bytes(b"this is no archive")
        self.run_odysseus(home, "backend", "import", home.outer / "no.tar.gz", expect=5, says=["no.tar.gz"])
        self.run_odysseus(home, "backend", "import", home.outer / "missing.tar.gz", expect=2, says=["missing.tar.gz"])


class NoModel(Case):
    def test_the_toy_is_served_and_called_a_toy(self):
        server = self.odysseus(self.home()).wait_ready()
        self.assertEqual(server.chat("odysseus-toy").status, 200)
        self.assertRegex(server.output(), r"odysseus-toy")
        self.assertIn("random words", server.output())
        self.assertEqual(list((server.home.path / "models").iterdir()), [])  # the models folder is the user's
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
