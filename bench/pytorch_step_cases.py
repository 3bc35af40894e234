"""Steps of recurrences (b = t = 1) in PyTorch, from a given state; see pytorch_mixers.py.

Complex numbers are two planes, as the operators take them; products of planes need fewer calls than putting complex tensors
together.
"""

import torch
from torch.nn import functional as F

from pytorch_step_parts import outer, read


def turned(start, a, h):
    """start + a h."""
    new = torch.addcmul(start, a[0], h)
    new[0].addcmul_(a[1], h[1], value=-1)
    new[1].addcmul_(a[1], h[0])
    return new


def real_sum(c, h):
    """The real part of c . h over the states."""
    return torch.addcmul(c[0] * h[0], c[1], h[1], value=-1).sum(0)


def selective_scan(p, _):
    u, step = p["u"].flatten(), F.softplus(p["delta"].flatten() + p["delta_bias"])
    h = torch.addcmul(outer(step * u, p["B"].flatten()), torch.exp(step.unsqueeze(1) * p["A"]), p["state"][0])
    y = torch.addcmul(torch.mv(h, p["C"].flatten()), p["D"], u)
    return y[None, None], h.unsqueeze(0)


def linear_scan(p, _):
    return torch.addcmul(p["u"], p["a"], p["state"])


def diagonal_scan(p, _):
    return turned(p["u"][0, 0], p["pole"], p["state"][0])[None, None]


def diagonal_ssm(p, _):
    h = turned(p["b"] * p["x"].flatten(), p["a"], p["state"][0])
    return real_sum(p["c"], h)[None, None], h.unsqueeze(0)


def heads(p):
    return (p[name][0, 0] for name in "qkv")


def linear_attention(p, _):
    q, k, v = heads(p)
    state = torch.baddbmm(p["state"][0], k.unsqueeze(2), v.unsqueeze(1))
    return read(q, state)[None, None], state.unsqueeze(0)


def decaying_attention(p, _):
    q, k, v = heads(p)
    decay = torch.exp(p["g"]).view(k.shape[0], -1, 1)
    state = torch.addcmul(outer(k, v), decay, p["state"][0])
    return read(q, state)[None, None], state.unsqueeze(0)


def delta_rule(p, _):
    q, k, v = heads(p)
    state = p["state"][0]
    fresh = (v - read(k, state)) * p["beta"].view(-1, 1)
    state = torch.baddbmm(state, k.unsqueeze(2), fresh.unsqueeze(1))
    return read(q, state)[None, None], state.unsqueeze(0)


def wkv4(p, _):
    """Numerator, denominator and largest exponent, of the output and of the state at once."""
    k, v, (a, b, before) = p["k"].flatten(), p["v"].flatten(), p["state"][0]
    old, new = torch.stack([before, before - p["w"]]), torch.stack([p["u"] + k, k])
    top = torch.maximum(old, new)
    old, new = torch.exp(old - top), torch.exp(new - top)
    above, below = torch.addcmul(old * a, new, v), torch.addcmul(new, old, b)
    return (above[0] / below[0])[None, None], torch.stack([above[1], below[1], top[1]]).unsqueeze(0)


def lstm_cell(p, _):
    h, c = p["state"][0]  # [1, d] each
    pre = torch.addmm(p["wx"].view(1, -1) + p["bias"].view(1, -1), h, p["r"].view(h.shape[1], -1)).view(4, -1)
    i, f = torch.sigmoid(pre[:2])
    c = torch.addcmul(f * c, i, torch.tanh(pre[2]))
    h = torch.sigmoid(pre[3]) * torch.tanh(c)
    return h[None, None], torch.stack([h, c]).unsqueeze(0)


def short_convolution(p, _):
    window = torch.cat([p["state"][:, 1:], p["x"]], 1)
    return F.silu((window * p["weight"].t()).sum(1, keepdim=True) + p["bias"]), window


def dplr_recurrence(p, _):
    x, before = p["x"].flatten(), p["state"][0]
    h = turned(before, p["g"], before).addcmul_(p["b"], x).addcmul_(p["p"][0], real_sum(p["q"][0], before), value=-2)
    return 2 * real_sum(p["c"][0], h)[None, None, None], h.unsqueeze(0)


STEP_FORMS = {
    "selective_scan_step": (selective_scan, (0,)),
    "linear_scan_step": (linear_scan, (0,)),
    "diagonal_scan_step": (diagonal_scan, (0,)),
    "diagonal_ssm_step": (diagonal_ssm, (0,)),
    "linear_attention_step": (linear_attention, (0,)),
    "channel_decay_attention_step": (decaying_attention, (0,)),
    "head_decay_attention_step": (decaying_attention, (0,)),
    "delta_rule_step": (delta_rule, (0,)),
    "wkv4_step": (wkv4, (0,)),
    "lstm_cell_step": (lstm_cell, (0,)),
    "short_convolution_step": (short_convolution, (0,)),
    "dplr_recurrence_step": (dplr_recurrence, (0,)),
}
