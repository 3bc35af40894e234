#!/usr/bin/env python3
"""Keeps the learning curves of finished runs of a minutes recipe as its golden short run.

    scripts/golden_curve.py NAME RUN...

writes tests/golden/curves/NAME.json: the validation score that the recipe's [pass] is about (without a validation split: the
training loss), after every epoch or round of each run (its file metrics.jsonl), and the scores that the verdict was about, by
the runs' seeds, beside a checksum of the recipe as it was. tests/train/golden_curves_test holds later builds and
recipes against it.
"""
import hashlib
import json
import pathlib
import sys


def lines(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


def toml_value(text, section, key):
    """A number or word of a resolved recipe, which the program wrote one `key = value` a line."""
    inside = False
    for line in text.splitlines():
        if line.startswith("["):
            inside = line.strip() == f"[{section}]"
        elif inside and line.split("=")[0].strip() == key:
            return json.loads(line.split("=", 1)[1].split("#")[0])
    raise SystemExit(f"no {section}.{key} in the run's recipe")


def checksum(recipe):
    """Of what trains: all lines up to [pass] but comments and empty ones."""
    lines = recipe.read_text().split("\n[pass]")[0].splitlines()
    return hashlib.sha256("".join(line + "\n" for line in lines if line and not line.startswith("#")).encode()).hexdigest()


def main():
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    name, runs = sys.argv[1], [pathlib.Path(run) for run in sys.argv[2:]]
    curves, reached, steps = {}, {}, None
    for run in runs:
        recipe = (run / "recipe.toml").read_text()
        seed = str(toml_value(recipe, "train", "seed"))
        metrics = toml_value(recipe, "pass", "metric")
        metrics = metrics if isinstance(metrics, list) else [metrics]
        score = metrics[0].split("@")[0]
        epochs = [entry for entry in lines(run / "metrics.jsonl") if entry["kind"] == "epoch"]
        result = json.loads((run / "result.json").read_text())
        if steps not in (None, [entry["step"] for entry in epochs]):
            raise SystemExit(f"{run}: was scored at other steps than {runs[0]}")
        steps = [entry["step"] for entry in epochs]
        validates = bool(epochs[0]["val"])  # wt2_mini trains on the validation text: its curve is the training loss
        curves[seed] = [round(entry["val"][score] if validates else entry["train"]["loss"], 5) for entry in epochs]
        scores = result["test"] or result["val"]
        reached[seed] = {metric: round(scores[metric], 5) for metric in metrics} | {"verdict": result["verdict"]}
    root = pathlib.Path(__file__).parent.parent
    path = root / "tests" / "golden" / "curves" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    seeds = sorted(curves, key=int)
    recipe = checksum(root / "recipes" / "sequence" / f"{name}.toml")
    fields = [f'"recipe": "{recipe}"', f'"score": {json.dumps(score if validates else "training loss")}', f'"steps": {json.dumps(steps)}']
    for key, values in (("curves", curves), ("reached", reached)):
        fields.append(f'"{key}": {{\n' + ",\n".join(f'  "{s}": {json.dumps(values[s])}' for s in seeds) + "\n }")
    path.write_text("{\n " + ",\n ".join(fields) + "\n}\n")
    print(f"{path.name}: seeds {', '.join(seeds)}")


main()
