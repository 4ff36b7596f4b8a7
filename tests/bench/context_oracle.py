#!/usr/bin/env python3
"""How good is the context that odysseus chooses? For random models and GPUs: what `plan` chooses, against the largest rung
with which a real llama-server loads the model whole on that GPU (Mesa's software GPU with little memory, tests/e2e/small_gpu.py).
GPUs of more than 4 GiB would take that much RAM: there llama-fit-params says what is needed, which allocates nothing.

  tests/bench/context_oracle.py [--shapes 40] [--seed N] [--check] [--gpus MIB,...]

--check fails where the mean of chosen / best is below 0.9, or a chosen context does not hold. Prints its seed; some ten
seconds a shape on two cores."""
import argparse
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import harness  # noqa: E402
import small_gpu  # noqa: E402

REAL_MIB_MAX = 4096
LADDER = (32768, 24576, 16384, 12288, 8192, 4096, 2048)
LOADED = ("model loaded", "server is listening", "starting the main loop")
FAILED = ("failed to load", "exiting due to", "error: ", "unable to load")


def random_shape(source, mib):
    """A model of 0.15 to 0.95 of the GPU, with the proportions that models have."""
    layers, head_dim = source.choice((8, 12, 16, 24, 32, 48)), source.choice((64, 128))
    share, forward = source.uniform(0.15, 0.95), source.uniform(2.5, 5.5)
    group = source.choice((1, 2, 4, 8))  # heads that share keys and values
    a_layer = 2 * (2 + 2 / group + 3 * forward)  # bytes, for each square of the width
    width = (mib * 2**20 * share / layers / a_layer) ** 0.5
    kv_heads = max(round(width / head_dim / group), 1)
    heads = kv_heads * group
    width = heads * head_dim
    return {"layers": layers, "width": width, "heads": heads, "kv_heads": kv_heads, "head_dim": head_dim, "hollow": True,
            "feed_forward": max(round(width * forward / 32), 1) * 32, "trained_context": 131072}


def holds(model, tokens, variables):
    command = [small_gpu.server(), "-m", model, "--port", str(harness.free_port()), "-c", str(tokens), "-ngl", "99", "--parallel", "1",
               "-fit", "off", "--no-warmup", "--offline", "-t", "2", "--cache-ram", "0"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", env={**os.environ, **variables}) as server:
        watchdog = threading.Timer(300, server.kill)
        watchdog.start()
        loaded = False
        for line in server.stdout:
            loaded = any(words in line for words in LOADED)
            if loaded or any(words in line for words in FAILED):
                break
        watchdog.cancel()
        server.kill()
    return loaded


def would_hold(model, tokens, variables, mib):
    """As holds, by what llama.cpp itself counts."""
    done = subprocess.run([small_gpu.server().with_name("llama-fit-params"), "-m", model, "-c", str(tokens), "-ngl", "99", "--fit-print",
                           "on"], capture_output=True, text=True, timeout=300, check=False, env={**os.environ, **variables})
    device = re.search(r"^Vulkan0 (\d+) (\d+) (\d+)", done.stdout, re.M)
    if not device:
        raise SystemExit("llama-fit-params: " + done.stderr[-300:])
    return sum(map(int, device.groups())) <= mib


def best_rung(model, variables, mib):
    """The largest that holds: what holds, holds with less as well. 0: none."""
    by_count = mib > REAL_MIB_MAX
    low, high = 0, len(LADDER)  # the first index that holds
    while low < high:
        middle = (low + high) // 2
        tokens = LADDER[middle]
        if would_hold(model, tokens, variables, mib) if by_count else holds(model, tokens, variables):
            high = middle
        else:
            low = middle + 1
    return LADDER[low] if low < len(LADDER) else 0


def chosen(home, variables):
    done = harness.run(home, "plan", "--json", "--device", "vulkan", "--llama-server", small_gpu.server(), env=variables)
    if done.returncode:
        raise SystemExit("plan failed: " + done.stderr)
    model = json.loads(done.stdout)["models"][0]
    return model["context"]["tokens"], model["fits"]


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--shapes", type=int, default=40)
    options.add_argument("--seed", type=int, default=None)
    options.add_argument("--check", action="store_true")
    options.add_argument("--gpus", default="1024,2048,4096,6144,8192,12288,16384,24576")
    options = options.parse_args()
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    source = random.Random(seed)
    gpus = [int(mib) for mib in options.gpus.split(",")]
    print("seed %d\n%6s %9s %6s %6s %9s %7s %7s %6s" % (seed, "GPU", "model", "layers", "kv", "a token", "chosen", "best", "ratio"))
    ratios, broken = [], 0
    with tempfile.TemporaryDirectory(prefix="odysseus-oracle-") as folder:
        for _ in range(options.shapes):
            mib = source.choice(gpus)
            shape = random_shape(source, mib)
            variables = {**small_gpu.environment(mib, pathlib.Path(folder)), "SMALL_GPU_RANGE_MIB": "4095"}  # as cards have it
            home = harness.Home("home")
            try:
                model = home.model("shape.gguf", **shape)
                tokens, fits = chosen(home, variables)
                best = best_rung(model, variables, mib)
            finally:
                home.remove()
            size = model_mib(shape)
            ratio = None
            if best and fits == "yes":
                ratio = min(tokens / best, 1)
                ratios.append(ratio)
                broken += tokens > best
            elif best:
                ratio = 0  # it would have run whole
                ratios.append(ratio)
            elif fits == "yes":
                broken += 1
            a_token = shape["layers"] * shape["kv_heads"] * shape["head_dim"] * 4 / 1024
            print("%6d %9d %6d %6d %6.0f KiB %7s %7s %6s" % (mib, size, shape["layers"], shape["kv_heads"], a_token,
                                                         tokens if fits == "yes" else fits, best or "none",
                                                         "-" if ratio is None else "%.2f" % ratio), flush=True)
    mean = statistics.mean(ratios) if ratios else 0
    print("mean of chosen / best: %.3f over %d that hold whole; chosen and does not hold: %d" % (mean, len(ratios), broken))
    return int(options.check and (mean < 0.9 or broken > 0))


def model_mib(shape):
    block = 3 * shape["width"] * shape["feed_forward"] + 2 * shape["width"] * (shape["heads"] + shape["kv_heads"]) * shape["head_dim"]
    return shape["layers"] * block * 2 / 2**20


if __name__ == "__main__":
    sys.exit(main())
