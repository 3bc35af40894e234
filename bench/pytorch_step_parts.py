"""What the streaming steps of several mixers share in PyTorch; see pytorch_streaming.py.

A mixer is a function of its weights. It returns the state before the first step and the function of an input [d] and a
state that returns an output [d] and the state after it. What depends on weights alone is computed once.
"""

import torch
from torch.nn import functional as F

LONGEST = 4096  # steps that a model is made for


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


def taps(x, window, weight, bias):
    """A causal filter of each channel; the last inputs [c, taps]."""
    window = torch.cat([window[:, 1:], x.unsqueeze(-1)], -1)
    y = (window * weight.view_as(window)).sum(-1)
    return y if bias is None else y + bias, window


def filtered(x, window, weight, bias):
    """SiLU of it."""
    y, window = taps(x, window, weight, bias)
    return F.silu(y), window


def unit(y):
    return y * torch.rsqrt(y.square().sum(-1, keepdim=True) + 1e-6)
