#!/usr/bin/env python3
"""The include arrows of the layers, checked over every #include of longwave/. Prints offences; exit code 1 if any."""

import pathlib
import re
import sys

# A layer may include itself and whatever is reachable from it.
ARROWS = {
    "base": [], "io": ["base"], "data": ["io"], "kernels": ["base"], "ops": ["kernels"], "nn": ["ops", "io"],
    "mixers": ["nn"], "channel": ["nn"], "models": ["mixers", "channel"], "tasks": ["models", "data"],
    "report": ["io"], "train": ["tasks", "report"], "stream": ["models"], "cli": ["train", "stream", "report"],
}
TORCH_FREE = {"base", "io", "kernels", "data", "report"}
MIXER_CONTRACT = "longwave/mixers/mixer.h"
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)


def reachable(layer):
    found = {layer}
    for next_layer in ARROWS[layer]:
        found |= reachable(next_layer)
    return found


def offences(path, include):
    """Why `path` ("longwave/<layer>/<file>") must not include `include`, if it must not."""
    layer = path.split("/")[1]
    if layer not in ARROWS:
        yield f"folder {layer} is not a layer of this table"
        return
    if include == "torch/torch.h":
        yield "torch/torch.h doubles the compile time; include the headers of what is used"
    program = path == "longwave/cli/main.cpp"
    if (layer in TORCH_FREE or program) and include.split("/")[0] in ("ATen", "torch", "c10"):
        yield f"{'the program' if program else 'layer ' + layer} must not see libtorch"
    if not include.startswith("longwave/"):
        return
    target = include.split("/")[1]
    if program and target != "base":
        yield "the program loads the library at run time and may include base alone"
    if target not in reachable(layer):
        yield f"{layer} must not include {target}; allowed: {', '.join(sorted(reachable(layer)))}"
    own_header = str(pathlib.PurePath(path).with_suffix(".h"))
    if layer == target == "mixers" and include not in (MIXER_CONTRACT, own_header):
        yield "mixers must not include each other"


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    count = 0
    for file in sorted((root / "longwave").rglob("*")):
        if file.suffix not in (".h", ".cpp", ".cu"):
            continue
        path = file.relative_to(root).as_posix()
        for include in INCLUDE.findall(file.read_text()):
            for reason in offences(path, include):
                print(f"{path}: includes {include}: {reason}")
                count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
