"""Times one case of mixer_case in eager PyTorch, on the inputs and weights that mixer_case saved.

usage: pytorch_case.py NAME FILE [CHUNK]
Prints one JSON line: median seconds forward and forward + backward, peak memory of the latter, the chunk length (the
fastest of those in FORMS, unless given), and the largest error of the output and of any gradient against those in the
file, relative to the largest number of each.
"""

import ctypes
import json
import os
import sys

import torch

from pytorch_measure import difference, load, median_seconds, seconds_of
from pytorch_mixers import FORMS


def status(field):
    with open("/proc/self/status") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith(field))


def peak_of(body):
    """The most memory that a call holds beyond what is there before it."""
    ctypes.CDLL(None).mallctl(b"arena.4096.purge", None, None, None, 0)  # jemalloc: see best_settings.py
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = status("VmRSS")
    body()
    return status("VmHWM") - before


def main():
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    name, path, *chunk = sys.argv[1:]
    saved = load(path)
    form, lengths = FORMS[name]
    leaves = {key[3:]: value.requires_grad_(f"grad.{key[3:]}" in saved) for key, value in saved.items()
              if key.startswith("in.")}

    def both(n):
        for leaf in leaves.values():
            leaf.grad = None
        out = form(leaves, n)
        out.backward(saved["d_out"])
        return out

    best = int(chunk[0]) if chunk else min(lengths, key=lambda n: min(seconds_of(lambda: both(n)) for _ in range(2)))
    peak = peak_of(lambda: both(best))
    out = both(best).detach()
    pairs = [(out, saved["out"])] + [(leaves[key[5:]].grad, value) for key, value in saved.items()
                                     if key.startswith("grad.")]
    error = max(difference(a, b) for a, b in pairs)
    with torch.no_grad():
        forward = median_seconds(0.5, lambda: form(leaves, best))
    print(json.dumps({"case": name, "forward_seconds": forward, "both_seconds": median_seconds(1, lambda: both(best)),
                      "peak_bytes": peak, "chunk": best, "error": error}))


main()
