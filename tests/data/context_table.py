#!/usr/bin/env python3
"""Writes context_table.tsv: the documented estimate of the context, computed here without any of odysseus's own code.

    tests/data/context_table.py > tests/data/context_table.tsv

The rule (docs/models.md, "The context"), in GiB:
    available  GPU: free memory, else the whole, of all its GPUs; else the larger of 4 and floor(0.55 * RAM). CPU: RAM.
    usable     available - largest model - 2.5 (GPU) or 2 (CPU)
    estimate   usable / KV of 4096 tokens * 4096 / slots
    answer     the largest rung that is not above the estimate, else the lowest; never above the smallest rung that is as
               large as what the model was trained for
KV of 4096 tokens: from the model's own cost of a token, else by its size: 5.5 GiB and more 1.05, 4 and more 0.85, else 0.55.
An unknown RAM counts as 4. "-" is "not known" or "none".
"""
import itertools
import math

GIB = 1024 ** 3
RUNGS = [32768, 24576, 16384, 12288, 8192, 4096, 2048]
COLUMNS = ["backend", "free_mib", "total_mib", "ram_mib", "model_bytes", "kv_bytes_per_token", "trained", "parallel",
           "available_mib", "overhead_mib", "kv_mib_per_4096", "estimated_max_tokens", "tokens"]


def estimate(backend, free, total, ram, model, per_token, trained, parallel):
    known = True
    if ram is None:
        ram_gib, known = 4.0, False
    else:
        ram_gib = ram / 1024
    if backend == "cpu":
        available, overhead = ram_gib, 2.0
    else:
        overhead = 2.5
        gpus = [whole if left is None else left for left, whole in zip(free, total)]
        gpus = [mib for mib in gpus if mib is not None]
        if gpus:
            available, known = sum(gpus) / 1024, True
        else:
            available = max(4, math.floor(0.55 * ram_gib))
    model_gib = (model or 0) / GIB
    if per_token is not None:
        kv = per_token * 4096 / GIB
    else:
        kv = 1.05 if model_gib >= 5.5 else 0.85 if model_gib >= 4 else 0.55
    usable = available - model_gib - overhead
    most = max(0, math.floor((usable / kv) * 4096 / parallel))
    tokens = next((rung for rung in RUNGS if rung <= most), RUNGS[-1])
    if trained is not None:
        tokens = min(tokens, next((rung for rung in reversed(RUNGS) if rung >= trained), RUNGS[0]))
    return [int(available * 1024) if known else None, int(overhead * 1024), repr(kv * 1024), most, tokens]


MACHINES = [
    ("cuda", [23000], [24576], 65536), ("cuda", [7900], [8192], 32768), ("cuda", [None], [12288], 32768),
    ("cuda", [None], [None], 16384), ("cuda", [None], [None], 6000), ("cuda", [None], [None], None),
    ("cuda", [23000, 22000], [24576, 24576], 131072), ("cuda", [5000, None], [6144, 4096], 16384), ("cuda", [0], [8192], 16384),
    ("rocm", [15500], [16384], 32768), ("vulkan", [3800], [4096], 16384), ("vulkan", [None], [6144], 8192),
    ("metal", [None], [None], 16384), ("metal", [None], [None], 65536), ("metal", [None], [None], 8191),
    ("cpu", [], [], 4096), ("cpu", [], [], 8192), ("cpu", [], [], 15872), ("cpu", [], [], 32768), ("cpu", [], [], 131072),
    ("cpu", [], [], None), ("cpu", [], [], 1500),
]
# Sizes on both sides of each step, and some of real files.
MODELS = [(None, None), (300_128, 512), (807_694_464, 114_688), (4 * GIB - 1, None), (4 * GIB, None), (int(5.5 * GIB) - 1, None),
          (int(5.5 * GIB), None), (4_920_739_232, 131_072), (4_683_074_240, 57_344), (12_109_566_560, 524_288), (40 * GIB, 327_680)]
TRAINED = [(131072, 1), (8192, 1), (None, 4), (5000, 2), (1024, 1)]


def main():
    print("# " + "\t".join(COLUMNS))
    rows = [(*machine, *model, None if model[0] is None else trained, parallel)
            for (machine, model), (trained, parallel) in zip(itertools.product(MACHINES, MODELS), itertools.cycle(TRAINED))]
    rows += [(*machine, *model, None, parallel) for machine in MACHINES[:2] + MACHINES[16:18] for model in MODELS for parallel in (1, 3)]
    shown = lambda value: "-" if value is None else ",".join(map(shown, value)) or "-" if isinstance(value, list) else str(value)
    for row in rows:
        print("\t".join(shown(value) for value in [*row, *estimate(*row)]))


if __name__ == "__main__":
    main()
