"""Times one case of mixer_case in eager PyTorch, on the inputs and weights that mixer_case saved.

usage: pytorch_case.py NAME[@STEPS] FILE [CHUNK]
Prints one JSON line: median seconds forward and, of what has gradients, forward + backward; peak memory of the latter, the
chunk length (the fastest of those in FORMS, unless given), and the largest error of the outputs, of any gradient and of what
is updated in place against those in the file, relative to the largest number of each. Of what both sides draw for
themselves, the mean squares are compared.
"""

import ctypes
import json
import os
import sys

import torch

from pytorch_measure import difference, difference_of_draws, load, median_seconds, seconds_of
from pytorch_mixers import FORMS
from pytorch_operators import DRAWS
from pytorch_parts import part


def status(field):
    with open("/proc/self/status") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith(field))


def peak_of(body):
    """The most memory that a call holds beyond what is there before it."""
    if hasattr(program := ctypes.CDLL(None), "mallctl"):  # jemalloc: see best_settings.py
        program.mallctl(b"arena.4096.purge", None, None, None, 0)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = status("VmRSS")
    body()
    return status("VmHWM") - before


def main():
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(1)
    name, path, *chunk = sys.argv[1:]
    name = name.split("@")[0]
    saved = load(path)
    form, lengths = FORMS[name]
    kinds = {kind: part(saved, f"{kind}.") for kind in ("in", "out", "d_out", "grad", "after")}
    leaves = {key: value.clone().requires_grad_(key in kinds["grad"]) for key, value in kinds["in"].items()}
    outputs = lambda n: y if isinstance(y := form(leaves, n), tuple) else (y,)

    def forward(n):
        with torch.no_grad():
            return outputs(n)

    def both(n):
        for leaf in leaves.values():
            leaf.grad = None
        out = outputs(n)
        torch.autograd.backward(out, list(kinds["d_out"].values()))
        return out

    whole = both if kinds["grad"] else forward
    best = int(chunk[0]) if chunk else min(lengths, key=lambda n: min(seconds_of(lambda: whole(n)) for _ in range(2)))
    for key in kinds["after"]:
        leaves[key].copy_(kinds["in"][key])
    out = []
    record = {"case": name, "chunk": best, "peak_bytes": peak_of(lambda: out.extend(whole(best)))}
    pairs = [*zip(out, kinds["out"].values(), strict=True),
             *((leaves[key].grad, value) for key, value in kinds["grad"].items()),
             *((leaves[key], value) for key, value in kinds["after"].items())]
    error = difference_of_draws if name in DRAWS else difference
    record["error"] = max(error(a.detach(), b) for a, b in pairs)
    record["forward_seconds"] = median_seconds(0.5, lambda: forward(best))
    if kinds["grad"]:
        record["both_seconds"] = median_seconds(1, lambda: both(best))
    print(json.dumps(record))


main()
