"""Operators that are one pass over memory in PyTorch, as its own functions have them or composed; see pytorch_mixers.py."""

import torch
from torch.nn import functional as F
from torch.optim.adamw import adamw as adamw_function

from pytorch_attention import key_value_average, rotary, turned_halves
from pytorch_convolutions import woodbury
from pytorch_parts import fixed_scan, rms_norm as norm, scan, short_convolution
from pytorch_recurrent import gru_gates


def rms_norm(p, _):
    return norm(p["x"], p["weight"])


def layer_norm(p, _):
    return F.layer_norm(p["x"], p["weight"].shape, p["weight"], p["bias"], 1e-5)


def residual_norm(p, _):
    total = p["x"] + p["residual"]
    return norm(total, p["weight"]), total


def batch_norm(p, _):
    return F.batch_norm(p["x"].flatten(0, 1), None, None, p["weight"], p["bias"], True, eps=1e-5).view_as(p["x"])


def convolution(p, _):
    return short_convolution(p["x"], p["weight"].unsqueeze(1), p["bias"])


def gated_linear_unit(p, _):
    return F.glu(p["x"] + p["bias"], -1)


def gated_activation(p, _):
    return F.silu(p["x"]) * p["up"]


def minimal_gates(p, _):
    return gru_gates(p["maps"])


def rotary_positions(p, _):
    return turned_halves(p["x"], rotary(p["x"].shape[1], p["x"].shape[3]))


def linear_scan(p, n):
    return scan(p["a"], p["u"], n)


def diagonal_scan(p, n):
    h = fixed_scan(torch.log(torch.complex(*p["pole"])), torch.complex(*p["u"].unbind(2)), n)
    return torch.stack([h.real, h.imag], 2)


def wkv4(p, n):
    return key_value_average(p["k"], p["v"], p["w"], p["u"], n)


def fill_steps(p, _):
    return p["x"].masked_fill(p["valid"] == 0, 0)


def reverse_steps(p, _):
    x, lengths = p["x"], p["lengths"].long().unsqueeze(1)
    steps = torch.arange(x.shape[1])
    order = torch.where(steps < lengths, lengths - 1 - steps, steps)
    return x.flatten(0, 1).index_select(0, (order + x.shape[1] * torch.arange(x.shape[0]).unsqueeze(1)).flatten()).view_as(x)


def low_rank_response(p, _):
    (bc, bq), (pc, pq) = torch.view_as_complex(p["s"])
    tangent = torch.complex(torch.ones_like(p["tangent"]), p["tangent"])
    return torch.view_as_real(woodbury(bc, bq, pc, pq, tangent))[None, None]


def listed(p, name):
    return [p[f"{name}.{i}"] for i in range(sum(key.startswith(f"{name}.") for key in p))]


def adamw(p, _):
    """In place, the 10th step."""
    weights = listed(p, "w")
    adamw_function(weights, listed(p, "g"), listed(p, "m"), listed(p, "v"), [], [torch.tensor(9.0) for _ in weights],
                   foreach=False, amsgrad=False, beta1=0.9, beta2=0.999, lr=1e-3, weight_decay=0.01, eps=1e-8,
                   maximize=False)
    return ()


def grad_norm(p, _):
    return torch.stack([torch.linalg.vector_norm(g) for g in listed(p, "g")]).norm()


SCANS = (8, 16, 32, 64)
OPERATOR_FORMS = {
    "rms_norm": (rms_norm, (0,)),
    "layer_norm": (layer_norm, (0,)),
    "residual_norm": (residual_norm, (0,)),
    "batch_norm": (batch_norm, (0,)),
    "short_convolution": (convolution, (0,)),
    "gated_linear_unit": (gated_linear_unit, (0,)),
    "gated_activation": (gated_activation, (0,)),
    "minimal_gates": (minimal_gates, (0,)),
    "rotary": (rotary_positions, (0,)),
    "linear_scan": (linear_scan, SCANS),
    "diagonal_scan": (diagonal_scan, SCANS),
    "wkv4": (wkv4, SCANS),
    "fill_steps": (fill_steps, (0,)),
    "reverse_steps": (reverse_steps, (0,)),
    "low_rank_response": (low_rank_response, (0,)),
    "adamw": (adamw, (0,)),
    "grad_norm": (grad_norm, (0,)),
}
