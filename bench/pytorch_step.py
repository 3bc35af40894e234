"""Times a training step (forward, backward, clip, AdamW) of one forecaster in eager PyTorch.

usage: pytorch_step.py MODEL LOOKBACK HORIZON CHANNELS BATCH STEPS
Prints one JSON line: seconds of every step, peak resident memory in MiB. `foreach` picks PyTorch's quicker AdamW.
"""

import json
import resource
import sys
import time

import torch

from pytorch_models import build


def main():
    name = sys.argv[1]
    lookback, horizon, channels, batch, steps = map(int, sys.argv[2:])
    torch.manual_seed(1)
    torch.set_flush_denormal(True)
    torch.set_num_threads(int(__import__("os").environ["OMP_NUM_THREADS"]))
    model = build(name, lookback, horizon, channels)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.1, foreach=True)
    x, y = torch.randn(batch, lookback, channels), torch.randn(batch, horizon, channels)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    for _ in range(steps + 2):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        model.loss(x, y).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"model": name, "seconds": seconds[2:], "peak_mib": peak / 1024,
                      "step_mib": (peak - before) / 1024,
                      "parameters": sum(p.numel() for p in model.parameters())}))


main()
