"""What both sides of a comparison run with, whatever the shell has set, and how a program of either side is run."""

import ctypes.util
import json
import os
import pathlib
import re
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
    # No page faults on every large temporary; PyTorch's guide to its tuning recommends this malloc. Our settings.
    if not ctypes.util.find_library("jemalloc"):
        sys.exit("libjemalloc is missing; install the package libjemalloc2")
    env["LD_PRELOAD"] = "libjemalloc.so.2"
    source = (pathlib.Path(__file__).parents[1] / "longwave/cli/allocator.cpp").read_text()
    env["MALLOC_CONF"] = re.search(r'malloc_conf =\s+"([^"]+)"', source)[1]
    return env


def as_it_comes(env):
    """The same with the C library's malloc, as Python has it unless told otherwise."""
    return {name: value for name, value in env.items() if name not in ("LD_PRELOAD", "MALLOC_CONF")}


def run(command, env):
    """The JSON of the last line that the command prints."""
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return json.loads(done.stdout.splitlines()[-1])
