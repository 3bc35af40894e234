"""A table of the JSON lines of mixer_scaling: standard input -> the same lines, then the table.

A row says how much a step of the longest sequence takes over one of 1024 steps, for the lengths that were run.
"""

import json
import sys


def scaling_cells(series, kind):
    """The longest length, us and KiB a step there, and the time over that of 1024 steps."""
    run = {t: r[kind] for t, r in series.items() if "seconds" in r[kind]}
    t = max(run)
    us = {n: 1e6 * run[n]["seconds"] / n for n in run}
    growth = f"{us[t] / us[1024]:.2f}" if 1024 in us and t > 1024 else ""
    return f"{t:>9}{us[t]:>9.2f}{run[t]['peak_bytes'] / t / 1024:>9.1f}{growth:>7}"


def scaling_table(rows):
    head = f"{'longest':>9}{'us/step':>9}{'KiB/step':>9}{'/ 1k':>7}"
    print(f"{'':<18}{'':<10}{'evaluation':>34}{'training (forward and backward)':>34}\n{'mixer':<18}{'cost':<10}{head}{head}")
    by_mixer = {}
    for r in rows:
        by_mixer.setdefault(r["mixer"], {})[r["t"]] = r
    for mixer, series in by_mixer.items():
        cost = next(iter(series.values()))["cost"]
        print(f"{mixer:<18}{cost:<10}{scaling_cells(series, 'forward')}{scaling_cells(series, 'both')}")


def main():
    rows = []
    for line in sys.stdin:
        print(line, end="", flush=True)
        rows.append(json.loads(line))
    scaling_table([r for r in rows if "mixer" in r])


main()
