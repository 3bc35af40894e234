"""Times the steps that mixer_streaming saved in eager PyTorch, those of the mixers that STEPS has.

usage: pytorch_streaming.py FOLDER
Prints one JSON line for each FOLDER/NAME.safetensors: seconds a step of its four layers (norm, mixer, residual), with one
thread or as many as there are, whichever is quicker; and the largest error of the last output, relative to its largest
number.
"""

import json
import os
import pathlib
import sys

import torch
from torch.nn import functional as F

from pytorch_attention import rotary, rotation, turned_halves, turned_neighbours
from pytorch_measure import difference, load, median_seconds
from pytorch_parts import part, rms_norm

STEPS_OF_A_RUN, LONGEST = 50, 4096


# A mixer is a function of its weights. It returns the state before the first step and the function of an input [d] and a
# state that returns an output [d] and the state after it. What depends on weights alone is computed once.


def linear(p, name, x):
    weight, bias = p[f"{name}.weight"], p.get(f"{name}.bias")
    return torch.mv(weight, x) if bias is None else torch.addmv(bias, weight, x)


def heads(x, h):
    return x.view(h, -1)


def outer(k, v):
    return k.unsqueeze(-1) * v.unsqueeze(-2)


def read(q, s):
    """[h, k], [h, k, v] -> [h, v]."""
    return torch.matmul(q.unsqueeze(-2), s).squeeze(-2)


def filtered(x, window, weight, bias):
    """SiLU of a causal filter of each channel; the last inputs [c, taps]."""
    window = torch.cat([window[:, 1:], x.unsqueeze(-1)], -1)
    y = (window * weight.squeeze(1)).sum(-1)
    return F.silu(y if bias is None else y + bias), window


def cell(function, p):
    weights = [p[name] for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")]
    zero = torch.zeros(1, weights[1].shape[1])

    def step(x, h):
        h = function(x.unsqueeze(0), h, *weights)
        return (h[0] if isinstance(h, tuple) else h).squeeze(0), h

    return (zero, zero) if function is torch.lstm_cell else zero, step


def candidate(c):
    return torch.where(c >= 0, c + 0.5, torch.sigmoid(c))


def mingru(p):
    def step(x, h):
        c, z = linear(p, "to_hidden_and_gate", x).chunk(2)
        h = torch.lerp(h, candidate(c), torch.sigmoid(z))
        return h, h

    return torch.zeros(p["to_hidden_and_gate.weight"].shape[0] // 2), step


def minlstm(p):
    def step(x, h):
        c, f, i = linear(p, "to_hidden_and_f_i_gate", x).chunk(3)
        h = torch.lerp(h, candidate(c), torch.sigmoid(F.logsigmoid(i) - F.logsigmoid(f)))
        return h, h

    return torch.zeros(p["to_hidden_and_f_i_gate.weight"].shape[0] // 3), step


def diagonal(pole, b, c, skip):
    """h = pole h + b x, y = Re c h + skip x, with b and c matrices."""
    b, c = torch.cat([b.real, b.imag]), torch.cat([c.real, -c.imag], 1)

    def step(x, h):
        h = pole * h + torch.complex(*torch.mv(b, x).chunk(2))
        return torch.addcmul(torch.mv(c, torch.cat([h.real, h.imag])), skip, x), h

    return torch.zeros_like(pole), step


def lru(p):
    pole = torch.exp(torch.complex(-torch.exp(p["nu_log"]), torch.exp(p["theta_log"])))
    b = torch.exp(p["gamma_log"]).unsqueeze(1) * torch.complex(p["B_re"], p["B_im"])
    return diagonal(pole, b, torch.complex(p["C_re"], p["C_im"]), p["D"])


def s5(p):
    poles = torch.complex(p["Lambda_re"], p["Lambda_im"])
    pole = torch.exp(poles * torch.exp(p["log_step"].squeeze(1)))
    b = ((pole - 1) / poles).unsqueeze(1) * torch.view_as_complex(p["B"])
    return diagonal(pole, b, 2 * torch.view_as_complex(p["C"]), p["D"])


def s4d(p):
    a = torch.complex(-torch.exp(p["kernel.A_real"]), -p["kernel.A_imag"])
    pole = torch.exp(torch.exp(p["kernel.inv_dt"]) * a)  # [h, n]
    b, c = torch.view_as_complex(p["kernel.B"])[0] * (pole - 1) / a, 2 * torch.view_as_complex(p["kernel.C"])[0]

    def step(x, h):
        h = pole * h + b * x.unsqueeze(-1)
        return torch.addcmul((h * c).sum(-1).real, p["D"][0], x), h

    return torch.zeros_like(pole), step


def mamba(p):
    a, weight, bias = -torch.exp(p["A_log"]), p["conv1d.weight"], p["conv1d.bias"]
    sizes = [p["dt_proj.weight"].shape[1], a.shape[1], a.shape[1]]

    def step(x, state):
        window, h = state
        u, z = linear(p, "in_proj", x).chunk(2)
        u, window = filtered(u, window, weight, bias)
        r, b, c = linear(p, "x_proj", u).split(sizes)
        dt = F.softplus(linear(p, "dt_proj", r))
        h = torch.exp(dt.unsqueeze(-1) * a) * h + outer(dt * u, b)
        return linear(p, "out_proj", torch.addcmul(torch.mv(h, c), p["D"], u) * F.silu(z)), (window, h)

    return (torch.zeros_like(weight.squeeze(1)), torch.zeros_like(a)), step


def mamba2(p):
    h, inner, weight, bias = p["D"].shape[0], p["out_proj.weight"].shape[1], p["conv1d.weight"], p["conv1d.bias"]
    states = (weight.shape[0] - inner) // 2
    a, skip = -torch.exp(p["A_log"]), p["D"].unsqueeze(-1)

    def step(x, state):
        window, s = state
        z, xbc, dt = linear(p, "in_proj", x).split([inner, inner + 2 * states, h])
        dt = F.softplus(dt + p["dt_bias"])
        xbc, window = filtered(xbc, window, weight, bias)
        u, b, c = xbc.split([inner, states, states])
        u = heads(u, h)
        s = torch.exp(dt * a).view(h, 1, 1) * s + outer(b, dt.unsqueeze(-1) * u)
        y = (torch.matmul(c, s) + skip * u).flatten()
        return linear(p, "out_proj", rms_norm(y * F.silu(z), p["norm.weight"])), (window, s)

    return (torch.zeros_like(weight.squeeze(1)), torch.zeros(h, states, inner // h)), step


def attention(p):
    h = p["q.weight"].shape[0] // 64
    cosine, sine = rotary(LONGEST, 64)
    kept = torch.empty(2, h, LONGEST, 64)  # keys and values, overwritten by every run

    def step(x, t):
        q, k, v = (heads(linear(p, name, x), h) for name in "qkv")
        tables = cosine[t], sine[t]
        kept[0, :, t], kept[1, :, t] = turned_halves(k, tables), v
        k, v = kept[:, :, : t + 1]
        weights = (torch.matmul(k, turned_halves(q, tables).unsqueeze(-1)) / 8).softmax(1)
        return linear(p, "o", read(weights.squeeze(-1), v).flatten()), t + 1

    return 0, step


def linear_attention(p):
    h = p["query_projection.weight"].shape[0] // 64

    def step(x, state):
        s, total = state
        q, k, v = (heads(linear(p, f"{name}_projection", x), h) for name in ("query", "key", "value"))
        q, k = F.elu(q) + 1, F.elu(k) + 1
        s, total = s + outer(k, v), total + k
        y = read(q, s) / ((q * total).sum(-1, keepdim=True) + 1e-6)
        return linear(p, "out_projection", y.flatten()), (s, total)

    return (torch.zeros(h, 64, 64), torch.zeros(h, 64)), step


def retnet(p):
    h = p["q_proj.weight"].shape[0] // 64
    cosine, sine = rotation(LONGEST, 64, 1.0)
    decay = (1 - 2.0 ** (-5 - torch.arange(h))).view(h, 1, 1)

    def step(x, state):
        s, t = state
        q, k, v = (heads(linear(p, f"{name}_proj", x), h) for name in "qkv")
        tables = cosine[t], sine[t]
        s = decay * s + outer(turned_neighbours(k, tables), v)
        o = rms_norm(read(turned_neighbours(q, tables), s) / 8, eps=1e-6).flatten()
        return linear(p, "out_proj", F.silu(linear(p, "g_proj", x)) * o), (s, t + 1)

    return (torch.zeros(h, 64, p["v_proj.weight"].shape[0] // h), 0), step


def gla(p):
    h = 4

    def step(x, s):
        q, k, v = (heads(linear(p, f"{name}_proj", x), h) for name in "qkv")
        decay = torch.exp(F.logsigmoid(linear(p, "gk_proj.1", linear(p, "gk_proj.0", x))) / 16)
        s = heads(decay, h).unsqueeze(-1) * s + outer(k, v)
        o = rms_norm(read(q, s) * q.shape[-1] ** -0.5, p["g_norm.weight"]).flatten()
        return linear(p, "o_proj", o * F.silu(linear(p, "g_proj", x))), s

    return torch.zeros(h, p["k_proj.weight"].shape[0] // h, p["v_proj.weight"].shape[0] // h), step


def deltanet(p):
    h = p["b_proj.weight"].shape[0]
    weights = [p[f"{name}_conv1d.weight"] for name in "qkv"]
    unit = lambda y: y * torch.rsqrt(y.square().sum(-1, keepdim=True) + 1e-6)

    def step(x, state):
        s, windows = state
        parts = [filtered(linear(p, f"{name}_proj", x), window, weight, None)
                 for name, window, weight in zip("qkv", windows, weights)]
        q, k, v = (heads(y, h) for y, _ in parts)
        q, k = unit(q), unit(k)
        s = s + outer(k, torch.sigmoid(linear(p, "b_proj", x)).unsqueeze(-1) * (v - read(k, s)))
        o = rms_norm(read(q, s) * q.shape[-1] ** -0.5, p["o_norm.weight"]).flatten()
        return linear(p, "o_proj", o), (s, [window for _, window in parts])

    keys, values = (weight.shape[0] // h for weight in weights[1:])
    return (torch.zeros(h, keys, values), [torch.zeros_like(weight.squeeze(1)) for weight in weights]), step


STEPS = {
    "rnn": lambda p: cell(torch.rnn_tanh_cell, p),
    "lstm": lambda p: cell(torch.lstm_cell, p),
    "gru": lambda p: cell(torch.gru_cell, p),
    "mingru": mingru,
    "minlstm": minlstm,
    "lru": lru,
    "s5": s5,
    "s4d": s4d,
    "mamba": mamba,
    "mamba2": mamba2,
    "attention": attention,
    "linear_attention": linear_attention,
    "retnet": retnet,
    "gla": gla,
    "deltanet": deltanet,
}


def stream(layers, last_norm, x):
    """The last output of a run."""
    states = [state for _, state, _ in layers]
    for _ in range(STEPS_OF_A_RUN):
        y = x
        for i, (norm, _, step) in enumerate(layers):
            out, states[i] = step(rms_norm(y, norm), states[i])
            y = y + out
        y = rms_norm(y, last_norm)
    return y


@torch.inference_mode()
def measure(path):
    saved = load(path)
    p = part(saved, "in.")
    layers = []
    while own := part(p, f"layers.{len(layers)}."):
        layers.append((own["mixer_norm.weight"], *STEPS[path.stem](part(own, "mixer."))))
    run = lambda: stream(layers, p["norm.weight"], saved["x"].flatten())
    times = {}
    for threads in {1, int(os.environ["OMP_NUM_THREADS"])}:
        torch.set_num_threads(threads)
        error = difference(run(), saved["out"].flatten())
        times[threads] = median_seconds(0.5, run) / STEPS_OF_A_RUN
    threads = min(times, key=times.get)
    return {"mixer": path.stem, "seconds": times[threads], "threads": threads, "difference": error}


for path in sorted(pathlib.Path(sys.argv[1]).glob("*.safetensors")):
    if path.stem in STEPS:
        print(json.dumps(measure(path)), flush=True)
