#!/usr/bin/env python3
"""What goes with the released programs: SHA256SUMS, a bill of materials (SPDX 2.3), the licences of the libraries inside,
.deb packages, and the files of Homebrew, winget, scoop and the AUR. One table, cmake/packaging/release.json.

    scripts/release_files.py VERSION DIST CROSS_DIR [URL]

DIST has the programs. CROSS_DIR is where scripts/cross-deps works. URL is the folder that they will be downloaded from;
without one there are no package managers' files. The time that files carry is SOURCE_DATE_EPOCH: the same programs give the
same files. Standard library only; a .deb needs dpkg-deb.
"""
import gzip
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
TABLE = json.loads((ROOT / "cmake/packaging/release.json").read_text())
NAME = TABLE["name"]
PROGRAMS = [one["file"] for one in TABLE["files"]]


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def libraries():
    """name, version, archive, its SHA-256, licence: those inside a program."""
    lines = (ROOT / "cmake/cross/libraries.txt").read_text().splitlines()
    return [line.split() for line in lines if line and not line.startswith(("#", "catch2"))]


def header_version(one, cross):
    for include in sorted(cross.glob("*/deps/include")):
        found = re.findall(one["version"], (include / one["header"]).read_text(errors="replace"))
        return ".".join(dict.fromkeys(found) if len(found) == 1 else found[:3])
    raise SystemExit("release_files: no headers in %s: run scripts/cross-deps first" % cross)


def bill_of_materials(version, dist, cross, epoch):
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))
    packages = [{"name": NAME, "versionInfo": version, "licenseDeclared": TABLE["licence"]}]
    packages += [{"name": name, "versionInfo": number, "licenseDeclared": licence, "packageFileName": archive,
                  "checksums": [{"algorithm": "SHA256", "checksumValue": digest}]}
                 for name, number, archive, digest, licence in libraries()]
    packages += [{"name": one["name"], "versionInfo": header_version(one, cross), "licenseDeclared": one["licence"]}
                 for one in TABLE["headers"]]
    zig = re.search(r"^zig_version=(.+)$", (ROOT / "scripts/cross.sh").read_text(), re.M).group(1)
    packages.append({"name": "zig", "versionInfo": zig, "licenseDeclared": "MIT",
                     "comment": "the compiler; its copies of musl (MIT), libc++ (Apache-2.0 WITH LLVM-exception) and mingw-w64 are inside"})
    for one in packages:
        one.update({"SPDXID": "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", one["name"]), "downloadLocation": "NOASSERTION",
                    "licenseConcluded": "NOASSERTION", "copyrightText": "NOASSERTION", "filesAnalyzed": False})
    files = [{"fileName": "./" + name, "SPDXID": "SPDXRef-File-" + name, "licenseConcluded": "NOASSERTION",
              "copyrightText": "NOASSERTION", "checksums": [{"algorithm": "SHA256", "checksumValue": sha256(dist / name)}]}
             for name in PROGRAMS if (dist / name).exists()]
    own = "SPDXRef-" + NAME
    relations = [["SPDXRef-DOCUMENT", "DESCRIBES", own]]
    relations += [[own, "STATIC_LINK", one["SPDXID"]] for one in packages[1:-1]]
    relations += [[packages[-1]["SPDXID"], "BUILD_TOOL_OF", own]]
    relations += [[one["SPDXID"], "GENERATED_FROM", own] for one in files]
    digest = hashlib.sha256("".join(one["checksums"][0]["checksumValue"] for one in files).encode()).hexdigest()
    return {"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "%s-%s" % (NAME, version),
            "documentNamespace": "urn:odysseus:sbom:" + digest,
            "creationInfo": {"created": created, "creators": ["Tool: scripts/release_files.py"]},
            "packages": packages, "files": files,
            "relationships": [{"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b} for a, kind, b in relations]}


def licences(cross):
    """Those texts that the libraries' licences want beside a program."""
    text = ["odysseus contains these libraries.\n"]
    for name, number, archive, _, licence in libraries():
        with tarfile.open(cross / "sources" / archive) as sources:
            member = next(one for one in sources if one.name.split("/", 1)[-1] == TABLE["licence_files"][name])
            text.append("\n==== %s %s (%s)\n\n%s" % (name, number, licence, sources.extractfile(member).read().decode("utf-8", "replace")))
    for one in TABLE["headers"]:
        text.append("\n==== %s %s (%s)\n" % (one["name"], header_version(one, cross), one["licence"]))
        notices = re.findall(r"^//.*(?:Copyright|SPDX-FileCopyrightText).*$", next(iter(sorted(cross.glob("*/deps/include"))))
                             .joinpath(one["header"]).read_text(errors="replace"), re.M)
        text += ["%s\n" % line.lstrip("/ ") for line in notices]
    return "".join(text)


def write(path, text, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)


def debian_package(version, one, dist, speaker, epoch, folder):
    """A .deb that needs no library: it installs on every Debian and Ubuntu. `speaker` runs here and prints the texts."""
    def says(*words):
        return subprocess.run([speaker, *words], capture_output=True, check=True).stdout
    program = (dist / one["file"]).read_bytes()
    write(folder / "usr/libexec/odysseus/odysseus", program, 0o755)
    write(folder / "usr/bin/odysseus", (ROOT / "cmake/packaging/odysseus.sh").read_bytes(), 0o755)
    write(folder / "usr/share/bash-completion/completions/odysseus", says("completion", "bash"))
    write(folder / "usr/share/zsh/vendor-completions/_odysseus", says("completion", "zsh"))
    write(folder / "usr/share/fish/vendor_completions.d/odysseus.fish", says("completion", "fish"))
    write(folder / "usr/share/man/man1/odysseus.1.gz", gzip.compress(says("help", "man"), 9, mtime=0))
    write(folder / "usr/lib/systemd/user/odysseus.service", (ROOT / "cmake/packaging/odysseus.service").read_bytes())
    write(folder / "usr/share/doc/odysseus/copyright", (ROOT / "LICENSE").read_bytes() + (dist / "THIRD-PARTY-LICENSES.txt").read_bytes())
    kib = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) // 1024
    write(folder / "DEBIAN/control", "Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: %s <%s>\nInstalled-Size: %d\n"
          "Recommends: ca-certificates, libgomp1, libvulkan1\nSection: net\nPriority: optional\nDescription: %s\n"
          % (NAME, version, one["debian"], TABLE["publisher"], TABLE["contact"], kib, TABLE["description"]))
    for directory in [folder, *folder.rglob("*")]:
        if directory.is_dir():
            directory.chmod(0o755)
    for file in [folder, *folder.rglob("*")]:
        os.utime(file, (epoch, epoch))
    package = dist / ("%s_%s_%s.deb" % (NAME, version, one["debian"]))
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(folder), str(package)], check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)})


def homebrew(version, url, digest):
    def part(arch, block):
        return ("  %s do\n    url \"%s/odysseus-macos-%s\"\n    sha256 \"%s\"\n  end\n"
                % (block, url, arch, digest["odysseus-macos-" + arch]))
    return ("class Odysseus < Formula\n  desc \"%s\"\n  homepage \"%s\"\n  version \"%s\"\n  license \"%s\"\n%s%s\n  def install\n"
            "    bin.install Dir[\"odysseus-macos-*\"].first => \"odysseus\"\n  end\n\n  test do\n"
            "    assert_match version.to_s, shell_output(\"#{bin}/odysseus --version\")\n  end\nend\n"
            % (TABLE["description"], url, version, TABLE["licence"], part("arm64", "on_arm"), part("x64", "on_intel")))


def scoop(version, url, digest):
    file = next(one for one in TABLE["files"] if "scoop" in one)
    return json.dumps({"version": version, "description": TABLE["description"], "homepage": url, "license": TABLE["licence"],
                       "architecture": {file["scoop"]: {"url": "%s/%s#/odysseus.exe" % (url, file["file"]), "hash": digest[file["file"]]}},
                       "bin": "odysseus.exe", "persist": ["bin", "models", "logs", "data"]}, indent=4) + "\n"


def winget(version, url, digest):
    file = next(one for one in TABLE["files"] if "winget" in one)
    head = "PackageIdentifier: Odysseus.Odysseus\nPackageVersion: %s\n" % version
    tail = "ManifestType: %s\nManifestVersion: 1.6.0\n"
    return {
        "Odysseus.Odysseus.yaml": head + "DefaultLocale: en-US\n" + tail % "version",
        "Odysseus.Odysseus.locale.en-US.yaml": head + "PackageLocale: en-US\nPublisher: %s\nPackageName: %s\nLicense: %s\n"
        "ShortDescription: %s\n" % (TABLE["publisher"], NAME, TABLE["licence"], TABLE["description"]) + tail % "defaultLocale",
        "Odysseus.Odysseus.installer.yaml": head + "InstallerType: portable\nCommands:\n- odysseus\nInstallers:\n- Architecture: %s\n"
        "  InstallerUrl: %s/%s\n  InstallerSha256: %s\n" % (file["winget"], url, file["file"], digest[file["file"]].upper())
        + tail % "installer"}


def aur(version, url, digest):
    files = [one for one in TABLE["files"] if "aur" in one]
    return ("pkgname=odysseus-bin\npkgver=%s\npkgrel=1\npkgdesc=\"%s\"\narch=(%s)\nurl=\"%s\"\nlicense=(%s)\nprovides=(odysseus)\n"
            "conflicts=(odysseus)\n%s\npackage() {\n    install -Dm755 \"$srcdir/odysseus-$pkgver\" \"$pkgdir/usr/lib/odysseus/odysseus\"\n"
            "    install -dm755 \"$pkgdir/usr/bin\"\n"
            "    printf '#!/bin/sh\\nODYSSEUS_HOME=${ODYSSEUS_HOME:-${XDG_DATA_HOME:-$HOME/.local/share}/odysseus}\\nexport ODYSSEUS_HOME\\n"
            "exec /usr/lib/odysseus/odysseus \"$@\"\\n' >\"$pkgdir/usr/bin/odysseus\"\n    chmod 755 \"$pkgdir/usr/bin/odysseus\"\n}\n"
            % (version, TABLE["description"], " ".join(one["aur"] for one in files), url, TABLE["licence"],
               "".join("source_%s=(\"odysseus-%s::%s/%s\")\nsha256sums_%s=(%s)\n"
                       % (one["aur"], version, url, one["file"], one["aur"], digest[one["file"]]) for one in files)))


def main():
    if len(sys.argv) not in (4, 5):
        raise SystemExit(__doc__)
    version, dist, cross = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    url = sys.argv[4].rstrip("/") if len(sys.argv) == 5 else None
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    there = [one for one in TABLE["files"] if (dist / one["file"]).exists()]
    if not there:
        raise SystemExit("release_files: none of %s is in %s" % (", ".join(PROGRAMS), dist))
    write(dist / "THIRD-PARTY-LICENSES.txt", licences(cross))
    write(dist / "odysseus.spdx.json", json.dumps(bill_of_materials(version, dist, cross, epoch), indent=2) + "\n")
    speaker = dist / "odysseus-linux-x64"
    if speaker.exists() and shutil.which("dpkg-deb"):
        for one in (one for one in there if "debian" in one):
            with tempfile.TemporaryDirectory() as folder:
                debian_package(version, one, dist, speaker, epoch, pathlib.Path(folder, "package"))
    digest = {one["file"]: sha256(dist / one["file"]) for one in there}
    if url and len(digest) == len(PROGRAMS):
        write(dist / "packages/homebrew/odysseus.rb", homebrew(version, url, digest))
        write(dist / "packages/scoop/odysseus.json", scoop(version, url, digest))
        write(dist / "packages/aur/PKGBUILD", aur(version, url, digest))
        for name, text in winget(version, url, digest).items():
            write(dist / "packages/winget" / name, text)
    files = sorted(file for file in dist.iterdir() if file.is_file() and file.name != "SHA256SUMS")
    write(dist / "SHA256SUMS", "".join("%s  %s\n" % (sha256(file), file.name) for file in files))


if __name__ == "__main__":
    main()
