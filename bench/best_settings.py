"""What both sides of a comparison run with, whatever the shell has set, and how a program of either side is run."""

import ctypes.util
import json
import os
import pathlib
import subprocess
import sys


def environment():
    env = dict(os.environ)
    env["OMP_NUM_THREADS"] = str(len(os.sched_getaffinity(0)))
    flags = pathlib.Path("/proc/cpuinfo").read_text()
    if "avx512bw" in flags:
        env["OPENBLAS_CORETYPE"] = "SkylakeX"
        env["ATEN_CPU_CAPABILITY"] = "avx512"
    elif "avx2" in flags:
        env["OPENBLAS_CORETYPE"] = "Haswell"
        env["ATEN_CPU_CAPABILITY"] = "avx2"
    # No page faults on every large temporary; PyTorch's guide to its tuning recommends this malloc. Settings as ours.
    if not ctypes.util.find_library("jemalloc"):
        sys.exit("libjemalloc is missing; install the package libjemalloc2")
    env["LD_PRELOAD"] = "libjemalloc.so.2"
    env["MALLOC_CONF"] = (
        "dirty_decay_ms:-1,muzzy_decay_ms:-1,oversize_threshold:0,thp:always,lg_extent_max_active_fit:24"
    )
    return env


def run(command, env):
    """The JSON of the last line that the command prints."""
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return json.loads(done.stdout.splitlines()[-1])
