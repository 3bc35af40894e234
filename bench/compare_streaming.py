"""A streaming step of every mixer that streams against memory traffic and eager PyTorch.

usage: compare_streaming.py FOLDER_OF_PROGRAMS [--mixers a,b]
JSON lines of mixer_streaming, with the time in PyTorch ("pytorch_seconds"), then a table.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

from best_settings import environment

HERE = pathlib.Path(__file__).parent
TOLERANCE = 1e-3


def records_of(command, env):
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(done.returncode)
    return [json.loads(line) for line in done.stdout.splitlines()]


def measure(programs, names, env):
    with tempfile.TemporaryDirectory() as folder:
        ours = records_of([programs / "mixer_streaming", "--save", folder, *names], env)
        theirs = {r["mixer"]: r for r in records_of(["/usr/bin/python3", HERE / "pytorch_streaming.py", folder], env)}
    for r in ours:
        if other := theirs.get(r.get("mixer")):
            if other["difference"] > TOLERANCE:
                sys.exit(f"{r['mixer']}: outputs of the two sides differ by {other['difference']:.1e}; expected at most "
                         f"{TOLERANCE}")
            r.update(pytorch_seconds=other["seconds"], pytorch_threads=other["threads"], difference=other["difference"],
                     speedup=other["seconds"] / r["seconds"])
    return ours


def print_table(rows):
    print(f"{'mixer':<18}{'us a step':>10}{'limit us':>10}{'times':>8}{'weights KiB':>13}{'state KiB':>11}"
          f"{'pytorch us':>12}{'faster':>8}")
    for r in rows:
        if "left_out" in r:
            print(f"{r['mixer']:<18}does not stream: {r['left_out']}")
            continue
        theirs = f"{1e6 * r['pytorch_seconds']:>12.0f}{r['speedup']:>7.1f}x" if "speedup" in r else ""
        print(f"{r['mixer']:<18}{1e6 * r['seconds']:>10.0f}{1e6 * r['limit_seconds']:>10.0f}{r['times_limit']:>8.1f}"
              f"{r['weight_bytes'] / 1024:>13.0f}{r['state_bytes'] / 1024:>11.0f}{theirs}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--mixers", default="")
    args = parser.parse_args()
    rows = measure(args.programs, args.mixers.split(",") if args.mixers else [], environment())
    for row in rows:
        print(json.dumps(row))
    print_table([r for r in rows if "mixer" in r])


main()
