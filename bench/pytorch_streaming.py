"""Times the steps that mixer_streaming saved in eager PyTorch.

usage: pytorch_streaming.py FOLDER
Prints one JSON line for each FOLDER/NAME.safetensors: seconds a step of its four layers (norm, mixer, residual), with one
thread or as many as there are, whichever is quicker; and the largest error of the last output, relative to its largest
number.
"""

import json
import os
import pathlib
import sys

import torch

from pytorch_attention_steps import ATTENTION_STEPS
from pytorch_measure import difference, load, median_seconds
from pytorch_parts import part, rms_norm
from pytorch_recurrent_steps import RECURRENT_STEPS

STEPS_OF_A_RUN = 50
STEPS = {**ATTENTION_STEPS, **RECURRENT_STEPS}


def stream(layers, last_norm, x):
    """The last output of a run."""
    states = [state for _, state, _ in layers]
    for _ in range(STEPS_OF_A_RUN):
        y = x
        for i, (norm, _, step) in enumerate(layers):
            out, states[i] = step(rms_norm(y, norm), states[i])
            y = y + out
        y = rms_norm(y, last_norm)
    return y


@torch.inference_mode()
def measure(path):
    saved = load(path)
    p = part(saved, "in.")
    layers = []
    while own := part(p, f"layers.{len(layers)}."):
        layers.append((own["mixer_norm.weight"], *STEPS[path.stem](part(own, "mixer."))))
    run = lambda: stream(layers, p["norm.weight"], saved["x"].flatten())
    times = {}
    for threads in {1, int(os.environ["OMP_NUM_THREADS"])}:
        torch.set_num_threads(threads)
        error = difference(run(), saved["out"].flatten())
        times[threads] = median_seconds(0.5, run) / STEPS_OF_A_RUN
    threads = min(times, key=times.get)
    return {"mixer": path.stem, "seconds": times[threads], "threads": threads, "difference": error}


for path in sorted(pathlib.Path(sys.argv[1]).glob("*.safetensors")):
    if path.stem in STEPS:
        print(json.dumps(measure(path)), flush=True)
