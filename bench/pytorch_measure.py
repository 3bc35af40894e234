"""Reading what our programs saved, and times, for the PyTorch side of the comparisons."""

import json
import statistics
import time

import numpy
import torch


def load(path):
    """The tensors of a safetensors file, all of them float32."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        body = file.read()
    header.pop("__metadata__", None)
    return {name: torch.from_numpy(numpy.frombuffer(body, "<f4", offset=entry["data_offsets"][0],
                                                    count=int(numpy.prod(entry["shape"]))).copy()).view(entry["shape"])
            for name, entry in header.items()}


def difference(a, b):
    """The largest error of a, relative to the largest number of b."""
    return float((a - b).abs().max() / b.abs().max().clamp_min(1e-30))


def difference_of_draws(a, b):
    """That of the mean squares."""
    return difference(a.square().mean(), b.square().mean())


def seconds_of(body):
    start = time.perf_counter()
    body()
    return time.perf_counter() - start


def median_seconds(budget, body):
    """Of calls that take about `budget` seconds together: at least one, at most 50 or as many as fill 20 ms."""
    all_runs, total = [], 0
    while not all_runs or (total < budget and (len(all_runs) < 50 or total < 0.02)):
        all_runs.append(seconds_of(body))
        total += all_runs[-1]
    return statistics.median(all_runs)
