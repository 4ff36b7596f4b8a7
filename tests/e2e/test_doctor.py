"""`odysseus doctor` with the real program: what a script may rely on, and what a support archive must not hold."""
import json
import os
import socket
import tarfile
import unittest

from harness import Case, free_port, llama_server

SECRETS = {"key": "planted-api-key-0001", "file": "planted-file-key-0002", "hub": "hf_planted0hub0token0000003",
           "github": "ghp_plantedgithubtoken0000000000000000004", "proxy": "planted-proxy-password-0005",
           "query": "planted-query-0006", "text": "planted-question-0007"}


class Doctor(Case):
    def doctor(self, home, *arguments, env=None):
        done = self.run_odysseus(home, "doctor", "--json", "--offline", *arguments, env=env)
        report = json.loads(done.stdout)
        self.assertEqual(set(report), {"ok", "exit_code", "findings"})
        self.assertEqual(done.returncode, report["exit_code"])
        self.assertEqual(report["ok"], done.returncode == 0)
        for finding in report["findings"]:
            self.assertEqual(set(finding), {"severity", "code", "what", "remedy"})
            self.assertIn(finding["severity"], ("blocks", "warns", "notes"))
            self.assertRegex(finding["what"], r"\A\S.*\.\Z")
            if finding["severity"] != "notes":
                self.assertGreater(len(finding["remedy"]), 5, finding)
        self.assertEqual(report["ok"], all(finding["severity"] != "blocks" for finding in report["findings"]))
        return report

    def codes(self, report):
        return {finding["code"]: finding["severity"] for finding in report["findings"]}

    def test_what_blocks_decides_the_exit_code_and_a_launch_ends_the_same(self):
        home = self.home()
        report = self.doctor(home)
        self.assertEqual(self.codes(report)["no_build"], "blocks")
        self.assertEqual(self.run_odysseus(home, "--offline").returncode, report["exit_code"])
        report = self.doctor(home, "--llama-server", llama_server())
        self.assertTrue(report["ok"], report)

    def test_a_port_that_somebody_has(self):
        home = self.home()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", free_port()))
            taken.listen()
            arguments = ["--llama-server", llama_server(), "--port", str(taken.getsockname()[1])]
            report = self.doctor(home, *arguments)
            self.assertEqual(report["exit_code"], 7)
            self.assertIn(str(os.getpid()), report["findings"][0]["what"])  # who has it
            self.run_odysseus(home, *arguments, expect=7, says=[arguments[-1]])

    def test_a_build_that_does_not_run(self):
        home = self.home()
        broken = home.outer / "llama-server"
        broken.write_text("#!/bin/sh\necho 'error while loading shared libraries: libnothing.so.1' >&2\nexit 127\n")
        broken.chmod(0o755)
        report = self.doctor(home, "--llama-server", broken)
        self.assertEqual((report["exit_code"], self.codes(report)["build_does_not_run"]), (5, "blocks"))
        broken.write_text("#!/bin/sh\necho 'NixOS cannot run dynamically linked executables' >&2\nexit 127\n")
        report = self.doctor(home, "--llama-server", broken)
        remedy = next(each["remedy"] for each in report["findings"] if each["code"] == "build_does_not_run")
        self.assertIn("programs.nix-ld.enable", remedy)

    def test_models_that_are_none(self):
        home = self.home()
        home.model()
        (home.path / "models/alone").mkdir()
        (home.path / "models/alone/mmproj-F16.gguf").write_bytes(b"GGUF")
        (home.path / "models/cut.gguf").write_bytes(b"GGUF\3")
        report = self.doctor(home, "--llama-server", llama_server())
        said = " ".join(finding["what"] for finding in report["findings"])
        self.assertIn("mmproj-F16.gguf", said)
        self.assertIn("cut.gguf", said)

    def test_text_is_for_people(self):
        home = self.home()
        done = self.run_odysseus(home, "doctor", "--offline")
        self.assertIn("problem   No llama.cpp build", done.stdout)
        self.assertIn("1 problem must be solved first.", done.stdout)
        done = self.run_odysseus(home, "doctor", "--offline", "--llama-server", llama_server(), expect=0)
        self.assertNotIn("problem", done.stdout)

    def test_no_secret_gets_into_the_support_archive(self):
        home = self.home()
        home.model()
        home.settings(api_keys=[SECRETS["file"]], hf_endpoint="http://127.0.0.1:1/?token=" + SECRETS["query"])
        env = {"HF_TOKEN": SECRETS["hub"], "GITHUB_TOKEN": SECRETS["github"], "HF_ENDPOINT": None,
               "HTTPS_PROXY": "http://me:%s@127.0.0.1:1" % SECRETS["proxy"]}
        server = self.odysseus(home, "--api-key", SECRETS["key"], "--log-level", "debug", env=env).wait_ready()
        headers = {"Authorization": "Bearer " + SECRETS["key"]}
        question = {"model": "tiny", "max_tokens": 4, "messages": [{"role": "user", "content": SECRETS["text"]}]}
        self.assertEqual(server.post("/v1/chat/completions", question, headers=headers).status, 200)
        self.assertEqual(server.get("/v1/models?key=" + SECRETS["query"], headers=headers).status, 200)
        self.assertEqual(server.get("/v1/models", headers={"Authorization": "Bearer wrong-" + SECRETS["key"]}).status, 401)
        self.assertEqual(server.stop(), 0)
        done = self.run_odysseus(home, "doctor", "--bundle", "--offline", "--llama-server", llama_server(),
                                 "--api-key", SECRETS["key"], env=env, expect=0)
        archive, = (home.path / "data").glob("support-*.tar.gz")
        self.assertIn(str(archive), done.stderr)
        self.assertEqual(archive.stat().st_mode & 0o077, 0)  # the user's own eyes first
        whole = b""
        with tarfile.open(archive) as files:
            for member in files.getmembers():
                self.assertTrue(member.isfile() and not member.name.startswith(("/", "..")), member.name)
                whole += member.name.encode() + files.extractfile(member).read()
        self.assertIn(b"llama-server", whole)  # and what helps is there
        self.assertIn(b"odysseus.log", whole)
        for name, secret in SECRETS.items():
            with self.subTest(name):
                self.assertNotIn(secret.encode(), whole)
                self.assertNotIn(secret, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
