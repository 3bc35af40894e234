"""Operators and mixers against eager PyTorch over the length of the sequence, with time and memory of a step.

usage: compare_lengths.py FOLDER_OF_PROGRAMS [--lengths 256,1024,...] [--cases a,b] [--longest-run SECONDS]
As compare_mixers.py, one round at each length: mixers with one sequence, operators with the batch of their case. By default
all that have sequences of free length. A case ends before the length at which PyTorch would run longer than --longest-run
or need more than two thirds of the memory, by what it took before; mixer_scaling has ours beyond that.
"""

import argparse
import json
import math
import os
import pathlib
import re
import subprocess

from best_settings import environment, run
from compare_mixers import compare

LENGTHS = "256,1024,4096,16384,65536,262144,1048576"
MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def has_length(case, programs, env):
    return subprocess.run([programs / "mixer_case", f"{case}@256"], env=env, capture_output=True).returncode == 0


def ahead(values, lengths, n):
    """What is to be expected at n, from what was measured at the lengths before: at least linear."""
    power = 1.0
    if len(values) > 1:
        power = max(power, math.log(values[-1] / values[-2]) / math.log(lengths[-1] / lengths[-2]))
    return values[-1] * (n / lengths[-1]) ** power


def rows_of(case, lengths, programs, env, limits, longest):
    seconds, bytes_, done = [], [], []
    for n in lengths:
        if done:
            for name, values, most in (("run", seconds, longest), ("need", bytes_, MEMORY * 2 / 3)):
                expected = ahead(values, done, n)
                if expected > most:
                    amount = f"{expected:.0f} s" if name == "run" else f"{expected / 2**30:.0f} GiB"
                    print(f"{case:<26}{n:>9}  left out: PyTorch would {name} {amount}")
                    return
        row = compare(f"{case}@{n}", programs, 1, env, env, limits)
        whole = row.get("both", row["forward"])
        done.append(n), seconds.append(whole["pytorch_s"]), bytes_.append(row["peak_bytes"][1])
        rows = int(found[1]) if (found := re.search(r"\bb(\d+)", row["sizes"])) else 1
        yield row | {"steps": n, "rows": rows}


def print_row(row):
    whole, steps = row.get("both", row["forward"]), row["steps"] * row["rows"]
    us = [1e6 * x / steps for x in (row["forward"]["longwave_s"], whole["longwave_s"], whole["pytorch_s"])]
    kib = [x / 1024 / steps for x in row["peak_bytes"]]
    print(f"{row['case'].split('@')[0]:<26}{row['steps']:>9}{us[0]:>10.3f}{us[1]:>10.3f}{us[2]:>10.3f}"
          f"{whole['speedup']:>8.1f}x{100 * whole['of_bound']:>6.0f} %{kib[0]:>9.1f}{kib[1]:>9.1f}")
    print(json.dumps(row), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--lengths", default=LENGTHS)
    parser.add_argument("--cases", default="")
    parser.add_argument("--longest-run", type=float, default=5)
    args = parser.parse_args()
    env = environment()
    listing = subprocess.run([args.programs / "mixer_case"], env=env, capture_output=True, text=True, check=True)
    known = listing.stdout.split()
    chosen = args.cases.split(",") if args.cases else [c for c in known if has_length(c, args.programs, env)]
    if unknown := set(chosen) - set(known):
        parser.error(f"unknown case {min(unknown)}; expected some of {','.join(known)}")
    machine = run([args.programs / "machine_limits"], env)
    print(json.dumps(machine))
    print("microseconds and KiB a step of one row")
    print(f"{'case':<26}{'steps':>9}{'fwd':>10}{'f+b':>10}{'pytorch':>10}{'faster':>9}{'bound':>8}{'KiB':>9}{'pytorch':>9}")
    lengths = [int(n) for n in args.lengths.split(",")]
    for case in chosen:
        for row in rows_of(case, lengths, args.programs, env, machine["limits"], args.longest_run):
            print_row(row)


main()
