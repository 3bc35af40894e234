"""Operators and mixers against eager PyTorch and against what the machine reaches, all in one run.

usage: compare_mixers.py FOLDER_OF_PROGRAMS [--rounds N] [--cases a,b] [--as-it-comes]
For every case both sides run in turn, N times (A B A B ...), on the same inputs and weights; results and gradients are held
against each other first. The bound of a case is the time that its exponentials, Fourier transforms and matrix products
alone take at the rates that the machine reaches in them (machine_limits), or that of reading and writing its tensors once at
the bandwidth of tensors of 16 MiB, whichever is longer; of a case without gradients that of its only pass. Table rows, each
followed by a JSON line. With --as-it-comes PyTorch has the C library's malloc.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

from best_settings import as_it_comes, environment, run

HERE = pathlib.Path(__file__).parent
TOLERANCE = 1e-3  # of float32 sums over thousands of steps in another order


def compare(case, programs, rounds, env, theirs_env, limits):
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        saved = pathlib.Path(folder) / "case.safetensors"
        for i in range(rounds):
            ours.append(run([programs / "mixer_case", case] + ([] if i else ["--save", saved]), env))
            chunk = [str(theirs[0]["chunk"])] if i else []
            theirs.append(run(["/usr/bin/python3", HERE / "pytorch_case.py", case, saved, *chunk], theirs_env))
    if theirs[0]["error"] > TOLERANCE:
        sys.exit(f"{case}: results of the two sides differ by {theirs[0]['error']:.1e}; expected at most {TOLERANCE}")
    row = {"case": case, "sizes": ours[0]["sizes"], "work": ours[0]["work"], "target": ours[0]["target"],
           "chunk_of_pytorch": theirs[0]["chunk"], "difference": theirs[0]["error"]}
    for i, kind in enumerate(("forward", "both")):
        if f"{kind}_seconds" not in ours[0]:
            continue
        a, b = (statistics.median(r[f"{kind}_seconds"] for r in side) for side in (ours, theirs))
        needed = {of: work[i] / limits[f"{of}_per_s"] for of, work in row["work"].items()}
        memory = needed.pop("tensor_bytes", 0)
        bound = max(memory, sum(needed.values()))
        row[kind] = {"longwave_s": a, "pytorch_s": b, "speedup": b / a, "bound_s": bound, "of_bound": bound / a}
    if "products_seconds" in ours[0]:
        row["products_s"] = statistics.median(r["products_seconds"] for r in ours)
    row["peak_bytes"] = [statistics.median(r["peak_bytes"] for r in side) for side in (ours, theirs)]
    return row


def milliseconds(seconds):
    return f"{1e3 * seconds:.2f}" if seconds >= 1e-4 else f"{1e3 * seconds:.4f}"


def print_row(row):
    whole, mib = row.get("both", row["forward"]), [x / 2**20 for x in row["peak_bytes"]]
    both = milliseconds(whole["longwave_s"]) if "both" in row else "-"
    target = f"{row['target']:.0f}x" if row["target"] else ""
    print(f"{row['case']:<29}{row['sizes']:<29}{milliseconds(row['forward']['longwave_s']):>9}"
          f"{row['forward']['speedup']:>7.1f}x{both:>10}{milliseconds(whole['pytorch_s']):>10}"
          f"{whole['speedup']:>7.1f}x{target:>6}{milliseconds(whole['bound_s']):>10}{100 * whole['of_bound']:>6.0f} %"
          f"{mib[0]:>8.0f}{mib[1]:>8.0f}")
    if "products_s" in row:
        alone = row["products_s"]
        print(f"{'':<29}its matrix products alone, at their own sizes: {1e3 * alone:.1f} ms, "
              f"{whole['pytorch_s'] / alone:.1f} times less than PyTorch, {alone / whole['longwave_s']:.0%} of our time")
    print(json.dumps(row), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--cases", default="")
    parser.add_argument("--as-it-comes", action="store_true")
    args = parser.parse_args()
    env = environment()
    listing = subprocess.run([args.programs / "mixer_case"], env=env, capture_output=True, text=True, check=True)
    known = listing.stdout.split()
    chosen = args.cases.split(",") if args.cases else known
    if unknown := set(chosen) - set(known):
        parser.error(f"unknown case {min(unknown)}; expected some of {','.join(known)}")
    machine = run([args.programs / "machine_limits"], env)
    print(json.dumps(machine))
    print(f"{'case':<29}{'sizes':<29}{'fwd ms':>9}{'faster':>8}{'f+b ms':>10}{'pytorch':>10}{'faster':>8}{'aim':>6}"
          f"{'bound ms':>10}{'of it':>8}{'MiB':>8}{'pytorch':>8}")
    theirs_env = as_it_comes(env) if args.as_it_comes else env
    for case in chosen:
        print_row(compare(case, args.programs, args.rounds, env, theirs_env, machine["limits"]))


if __name__ == "__main__":
    main()
