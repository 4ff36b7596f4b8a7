"""scripts/release_files.py and scripts/program_needs.py, with programs, sources and headers made here: no network, no compiler."""
import hashlib
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = json.loads((ROOT / "cmake/packaging/release.json").read_text())
URL = "https://example.org/v1"
HEADERS = {"httplib.h": '// Copyright (c) Somebody\n#define CPPHTTPLIB_VERSION "0.11.4"\n',
           "nlohmann/detail/abi_macros.hpp": "".join("#define NLOHMANN_JSON_VERSION_%s %d\n" % one
                                                     for one in (("MAJOR", 3), ("MINOR", 11), ("PATCH", 2))),
           "spdlog/version.h": "#define SPDLOG_VER_MAJOR 1\n#define SPDLOG_VER_MINOR 10\n#define SPDLOG_VER_PATCH 0\n",
           "fmt/core.h": "#define FMT_VERSION 90100\n", "CLI/Version.hpp": '#define CLI11_VERSION "2.3.1"\n',
           "asio/version.hpp": "#define ASIO_VERSION 102200\n"}


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def needs(path):
    return subprocess.run([sys.executable, "-B", ROOT / "scripts/program_needs.py", path], capture_output=True, text=True)


class ReleaseFiles(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = pathlib.Path(scratch.name)
        self.cross = self.scratch / "cross"
        for name, text in HEADERS.items():
            self.file(self.cross / "linux-x64/deps/include" / name, text)
        for line in (ROOT / "cmake/cross/libraries.txt").read_text().splitlines():
            words = line.split()
            if words and words[0] in TABLE["licence_files"]:
                self.archive(words[2], TABLE["licence_files"][words[0]], "the terms of %s\n" % words[0])

    def file(self, path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def archive(self, name, member, text):
        terms = self.file(self.scratch / "terms", text)
        (self.cross / "sources").mkdir(exist_ok=True)
        with tarfile.open(self.cross / "sources" / name, "w") as out:
            out.add(terms, "folder-1/" + member)

    def programs(self, folder, files):
        for one in files:
            self.file(folder / one["file"], "#!/bin/sh\necho %s \"$@\"\n" % one["file"]).chmod(0o755)

    def made(self, dist, *words):
        return subprocess.run([sys.executable, "-B", ROOT / "scripts/release_files.py", "1.2.3", dist, self.cross, *words],
                              capture_output=True, text=True, env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"})

    def released(self, name, files=tuple(TABLE["files"]), words=(URL,)):
        dist = self.scratch / name
        self.programs(dist, files)
        done = self.made(dist, *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return dist

    def test_the_same_programs_give_the_same_files(self):
        one = self.released("one")
        old = os.umask(0o077)
        try:
            two = self.released("another/and deeper")
        finally:
            os.umask(old)
        names = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
        self.assertEqual(names, sorted(path.relative_to(two) for path in two.rglob("*") if path.is_file()))
        for name in names:
            self.assertEqual((one / name).read_bytes(), (two / name).read_bytes(), name)

    def test_the_digests_are_those_of_all_files(self):
        dist = self.released("dist")
        sums = dict(reversed(line.split("  ")) for line in (dist / "SHA256SUMS").read_text().splitlines())
        there = {path.name for path in dist.iterdir() if path.is_file()} - {"SHA256SUMS"}
        self.assertEqual(set(sums), there)
        for name, digest in sums.items():
            self.assertEqual(digest, sha256(dist / name), name)

    def test_the_bill_of_materials_is_whole(self):
        dist = self.released("dist")
        bill = json.loads((dist / "odysseus.spdx.json").read_text())
        known = [one["SPDXID"] for one in bill["packages"] + bill["files"]] + ["SPDXRef-DOCUMENT"]
        self.assertEqual(len(known), len(set(known)))
        for one in known:
            self.assertRegex(one, r"^SPDXRef-[A-Za-z0-9.-]+$")
        for one in bill["relationships"]:
            self.assertIn(one["spdxElementId"], known)
            self.assertIn(one["relatedSpdxElement"], known)
        versions = {one["name"]: one["versionInfo"] for one in bill["packages"]}
        self.assertEqual((versions["odysseus"], versions["nlohmann-json"], versions["cpp-httplib"]), ("1.2.3", "3.11.2", "0.11.4"))
        self.assertEqual(bill["creationInfo"]["created"], "2023-11-14T22:13:20Z")

    def test_every_licence_lies_beside_the_programs(self):
        text = (self.released("dist") / "THIRD-PARTY-LICENSES.txt").read_text()
        for name in TABLE["licence_files"]:
            self.assertIn("the terms of %s\n" % name, text)
        self.assertIn("Copyright (c) Somebody", text)

    def test_package_managers_get_the_digests_of_their_programs(self):
        dist = self.released("dist")
        scoop = json.loads((dist / "packages/scoop/odysseus.json").read_text())
        self.assertEqual(scoop["architecture"]["64bit"]["hash"], sha256(dist / "odysseus-windows-x64.exe"))
        winget = (dist / "packages/winget/Odysseus.Odysseus.installer.yaml").read_text()
        self.assertIn("InstallerSha256: %s\n" % sha256(dist / "odysseus-windows-x64.exe").upper(), winget)
        formula = (dist / "packages/homebrew/odysseus.rb").read_text()
        self.assertEqual(re.findall(r'sha256 "(\w+)"', formula),
                         [sha256(dist / ("odysseus-macos-" + arch)) for arch in ("arm64", "x64")])
        recipe = subprocess.run(["bash", "-c", '. "$1" && echo "$pkgver $sha256sums_x86_64 $sha256sums_aarch64"', "-",
                                 dist / "packages/aur/PKGBUILD"], capture_output=True, text=True, check=True).stdout.split()
        self.assertEqual(recipe, ["1.2.3", *(sha256(dist / ("odysseus-linux-" + arch)) for arch in ("x64", "arm64"))])

    def test_package_managers_get_nothing_without_an_address_or_a_program(self):
        self.assertFalse((self.released("no address", words=()) / "packages").exists())
        self.assertFalse((self.released("one is missing", TABLE["files"][:-1]) / "packages").exists())

    def test_no_program_is_an_error(self):
        (self.scratch / "empty").mkdir()
        done = self.made(self.scratch / "empty")
        self.assertEqual(done.returncode, 1)
        self.assertIn("none of odysseus-linux-x64", done.stderr)

    @unittest.skipUnless(shutil.which("dpkg-deb"), "no dpkg-deb")
    def test_the_debian_package_has_the_program_of_its_machine(self):
        dist = self.released("dist")
        for one in (one for one in TABLE["files"] if "debian" in one):
            package = dist / ("odysseus_1.2.3_%s.deb" % one["debian"])
            inside = self.scratch / one["debian"]
            subprocess.run(["dpkg-deb", "-R", package, inside], check=True)
            self.assertEqual(sha256(inside / "usr/libexec/odysseus/odysseus"), sha256(dist / one["file"]))
            self.assertIn("Architecture: %s\n" % one["debian"], (inside / "DEBIAN/control").read_text())


def pe_file(import_address):
    """A 64-bit PE with one section, at 0x1000 when loaded and at 0x200 in the file, that imports KERNEL32.dll."""
    optional = struct.pack("<H", 0x20B) + bytes(110) + bytes(8) + struct.pack("<II", import_address, 40) + bytes(14 * 8)
    head = b"MZ" + bytes(0x3A) + struct.pack("<I", 0x40) + b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, len(optional), 0)
    section = b".idata\0\0" + struct.pack("<IIII", 0x100, 0x1000, 0x100, 0x200) + bytes(16)
    imports = struct.pack("<IIIII", 0, 0, 0, 0x1040, 0) + bytes(20)
    return (head + optional + section).ljust(0x200, b"\0") + (imports.ljust(0x40, b"\0") + b"KERNEL32.dll\0").ljust(0x100, b"\0")


def mach_o_file():
    name = b"/usr/lib/libSystem.B.dylib\0".ljust(32, b"\0")
    command = struct.pack("<IIIIII", 0x0C, 24 + len(name), 24, 0, 0, 0) + name
    return b"\xcf\xfa\xed\xfe" + struct.pack("<IIIIIII", 0x0100000C, 0, 2, 1, len(command), 0, 0) + command


class ProgramNeeds(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.path = pathlib.Path(scratch.name, "program")

    def of(self, data):
        self.path.write_bytes(data)
        return needs(self.path)

    @unittest.skipUnless(sys.platform == "linux", "no ELF here")
    def test_elf(self):
        done = needs("/bin/sh")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"(?m)^/lib.*/ld-")
        self.assertRegex(done.stdout, r"(?m)^libc\.")

    def test_pe(self):
        self.assertEqual(self.of(pe_file(0x1000)).stdout, "kernel32.dll\n")
        self.assertEqual(self.of(pe_file(0)).stdout, "")

    def test_mach_o(self):
        self.assertEqual(self.of(mach_o_file()).stdout, "/usr/lib/libSystem.B.dylib\n")

    def test_what_is_no_program_is_told_in_one_line(self):
        for data in (b"", b"#!/bin/sh\n", b"\x7fELF\1\1", b"\x7fELF\2\1", pe_file(0x9000), pe_file(0x1000)[:0x200], mach_o_file()[:40]):
            done = self.of(data)
            self.assertEqual(done.returncode, 1, data)
            self.assertRegex(done.stderr, r"\Aprogram_needs: .*\n\Z")


if __name__ == "__main__":
    unittest.main()
