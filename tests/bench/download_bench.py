#!/usr/bin/env python3
"""odysseus's download and unpacking beside curl's and bsdtar's, on this machine, in one run.

    download_bench.py FETCH_TOOL [--mib 1024] [--runs 3] [--dir FOLDER] [--copying]

A file from a server on 127.0.0.1 that uses sendfile, as web servers do, is fetched by curl and by FETCH_TOOL with its SHA-256
checked; an archive laid out as a release's is unpacked by bsdtar and by
FETCH_TOOL. The order alternates, the best of the runs counts. Exit 1 when a target is missed:
0.8 of curl's throughput, 32 MiB of peak memory, 0.8 of bsdtar's speed.
"""
import argparse
import hashlib
import http.server
import io
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

TARGET_RATIO = 0.8
TARGET_PEAK_MIB = 32


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = os.path.join(self.server.folder, os.path.basename(self.path))
        with open(path, "rb") as file:
            self.send_response(200)
            self.send_header("Content-Length", str(os.fstat(file.fileno()).st_size))
            self.end_headers()
            self.wfile.flush()
            if self.server.sendfile:
                self.connection.sendfile(file)
            else:
                shutil.copyfileobj(file, self.wfile)

    def log_message(self, *_):
        pass


def serve(folder, sendfile):
    """A server in a process of its own; gives its port, and the process."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read_end)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.folder, server.sendfile = folder, sendfile
        os.write(write_end, str(server.server_port).encode())
        os.close(write_end)
        server.serve_forever()
    os.close(write_end)
    port = int(os.read(read_end, 16))
    os.close(read_end)
    return port, pid


def timed(command):
    """Seconds, CPU seconds and peak memory (MiB) of one run. rusage's ru_maxrss would count this
    script's own memory, from before the program was loaded."""
    start = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak_kib = 0
    while True:
        try:
            with open(f"/proc/{child.pid}/status") as status_file:
                lines = [line.split() for line in status_file]
            if ["Name:", os.path.basename(command[0])[:15]] in lines:
                peak_kib = max([peak_kib] + [int(line[1]) for line in lines if line[0] == "VmHWM:"])
        except OSError:
            pass
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            break
        time.sleep(0.01)
    seconds = time.monotonic() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"failed: {' '.join(command)}")
    return seconds, usage.ru_utime + usage.ru_stime, peak_kib / 1024


def compare(title, mib, first, second, runs, clean):
    """Runs both in turn; prints the best of each and gives second's share of first's speed."""
    best = {}
    peak = {}
    for _ in range(runs):
        for name, command in (first, second):
            clean()
            os.sync()
            seconds, cpu, rss = timed(command)
            if name not in best or seconds < best[name][0]:
                best[name] = (seconds, cpu)
            peak[name] = max(peak.get(name, 0), rss)
    for name, _ in (first, second):
        seconds, cpu = best[name]
        print(f"{title:10} {name:28} {seconds:7.2f} s  {mib / seconds:7.0f} MiB/s  CPU {cpu:6.2f} s"
              f"  peak {peak[name]:6.1f} MiB")
    ratio = best[first[0]][0] / best[second[0]][0]
    print(f"{title:10} ratio {ratio:.2f} (target {TARGET_RATIO})")
    return ratio, peak[second[0]]


def make_file(path, mib):
    digest = hashlib.sha256()
    piece = random.Random(1).randbytes(1 << 20)
    with open(path, "wb") as out:
        for number in range(mib):
            block = number.to_bytes(8, "little") + piece[8:]
            out.write(block)
            digest.update(block)
    return digest.hexdigest()


def make_archive(path, mib):
    """As a CUDA build: a few large libraries that shrink to about a third, many small files."""
    rng = random.Random(2)
    words = [rng.randbytes(64) for _ in range(4000)]
    with tarfile.open(path, "w:gz", compresslevel=6) as out:
        def add(name, data, mode):
            info = tarfile.TarInfo("llama-b1/" + name)
            info.size, info.mode = len(data), mode
            out.addfile(info, io.BytesIO(data))
        for number in range(8):
            size = mib * (1 << 20) // 8
            library = b"".join(words[min(int(rng.expovariate(0.002)), 3999)] for _ in range(size // 64))
            add(f"libggml-{number}.so", library, 0o755)
        for number in range(40):
            add(f"llama-tool-{number}", rng.randbytes(20000), 0o755)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tool")
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--unpack-mib", type=int, default=384)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--dir")
    parser.add_argument("--copying", action="store_true",
                        help="a server that copies the file through Python and so takes more of the CPU")
    args = parser.parse_args()
    for program in ("curl", "bsdtar"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is missing")
    folder = tempfile.mkdtemp(prefix="odysseus-bench-", dir=args.dir)
    server = None
    try:
        os.mkdir(f"{folder}/served")
        digest = make_file(f"{folder}/served/file", args.mib)
        port, server = serve(f"{folder}/served", not args.copying)
        url, got = f"http://127.0.0.1:{port}/file", f"{folder}/got"

        def clean():
            for name in ("got", "got.part", "got.part.json"):
                if os.path.exists(f"{folder}/{name}"):
                    os.remove(f"{folder}/{name}")
            shutil.rmtree(f"{folder}/out", ignore_errors=True)
            os.mkdir(f"{folder}/out")

        fetch_ratio, peak = compare(
            "download", args.mib, ("curl", ["curl", "-sS", "-o", got, url]),
            ("odysseus, with digest", [args.tool, "fetch", url, got, digest]), args.runs, clean)
        clean()
        os.remove(f"{folder}/served/file")
        archive = f"{folder}/archive.tar.gz"
        make_archive(archive, args.unpack_mib)
        print(f"unpack     archive of {os.path.getsize(archive) / (1 << 20):.0f} MiB")
        unpack_ratio, unpack_peak = compare(
            "unpack", args.unpack_mib,
            ("bsdtar", ["bsdtar", "-xf", archive, "-C", f"{folder}/out"]),
            ("odysseus, with digests", [args.tool, "unpack", archive, f"{folder}/out"]), args.runs, clean)
        peak = max(peak, unpack_peak)
        print(f"peak memory of odysseus {peak:.1f} MiB (target {TARGET_PEAK_MIB})")
        good = min(fetch_ratio, unpack_ratio) >= TARGET_RATIO and peak < TARGET_PEAK_MIB
        print("all targets met" if good else "A TARGET IS MISSED")
        return 0 if good else 1
    finally:
        if server:
            os.kill(server, 15)
            os.waitpid(server, 0)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
