"""Training steps of the forecasters against eager PyTorch, both at their best settings, in one run.

usage: train_steps.py PATH_OF_train_step [--rounds N] [--models a,b] [--as-it-comes]
For every model both sides run in turn, N times (A B A B ...). Printed: median seconds a step over all rounds, the
ratio, peak memory of the step (above the process with model and data in place), and the parameters of both sides.
One JSON line a model goes to stdout after the table row. With --as-it-comes PyTorch has the C library's malloc.
"""

import argparse
import json
import pathlib
import statistics

from best_settings import as_it_comes, environment, run

HERE = pathlib.Path(__file__).parent
# name here, name there, lookback, horizon, channels, batch, steps, fields of ours
CASES = [
    ("samovar", "samovar", 1024, 96, 7, 32, 20, ["d_model=64", "n_heads=8", "e_layers=3", "dropout=0.1"]),
    ("samovar", "samovar_quadratic", 1024, 96, 7, 32, 20, ["d_model=64", "n_heads=8", "e_layers=3", "dropout=0.1"]),
    ("patchtst", "patchtst", 512, 96, 7, 32, 3,
     ["d_model=128", "n_heads=8", "d_ff=2048", "e_layers=3", "dropout=0.1"]),
    ("cats", "cats", 512, 96, 7, 32, 5, []),
    ("itransformer", "itransformer", 512, 96, 7, 32, 20,
     ["d_model=128", "n_heads=8", "d_ff=2048", "e_layers=3", "dropout=0.1"]),
    ("dlinear", "dlinear", 512, 96, 7, 32, 40, []),
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("train_step")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--models", default="")
    parser.add_argument("--as-it-comes", action="store_true")
    args = parser.parse_args()
    env = environment()
    theirs_env = as_it_comes(env) if args.as_it_comes else env
    print("threads", env["OMP_NUM_THREADS"], "BLAS core", env.get("OPENBLAS_CORETYPE", "default"), "ATen",
          env.get("ATEN_CPU_CAPABILITY", "default"))
    print(f"{'model':<20}{'longwave ms':>12}{'pytorch ms':>12}{'ratio':>8}{'MiB':>8}{'MiB':>8}{'ratio':>8}")
    for ours, theirs, *sizes, fields in CASES:
        if args.models and ours not in args.models.split(","):
            continue
        numbers = list(map(str, sizes))
        a, b = [], []
        for _ in range(args.rounds):
            a.append(run([args.train_step, ours, *numbers, *fields], env))
            b.append(run(["/usr/bin/python3", HERE / "pytorch_step.py", theirs, *numbers], theirs_env))
        median = lambda runs: statistics.median(s for r in runs for s in r["seconds"])
        memory = lambda runs: statistics.median(r["step_mib"] for r in runs)
        row = {"model": theirs, "longwave_s": median(a), "pytorch_s": median(b), "speedup": median(b) / median(a),
               "longwave_mib": memory(a), "pytorch_mib": memory(b), "parameters": [a[0]["parameters"], b[0]["parameters"]]}
        print(f"{theirs:<20}{1e3 * row['longwave_s']:>12.1f}{1e3 * row['pytorch_s']:>12.1f}{row['speedup']:>7.1f}x"
              f"{row['longwave_mib']:>8.0f}{row['pytorch_mib']:>8.0f}{row['longwave_mib'] / max(1, row['pytorch_mib']):>8.2f}")
        print(json.dumps(row), flush=True)


main()
