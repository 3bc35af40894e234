"""Operators by themselves in PyTorch, as its own functions have them or composed; see pytorch_mixers.py."""

import functools

import torch
from torch.nn import functional as F
from torch.optim.adamw import adamw as adamw_function

from pytorch_attention import WIDE, key_value_average, linear_attention, rotary, softmax_read, turned_halves
from pytorch_convolutions import cauchy, channels_first, channels_last, filtered, woodbury
from pytorch_parts import (channel_decay_attention, chunks, convolve, delta_rule, fixed_scan, from_chunks,
                           head_decay_attention, pole_kernels, product, rms_norm as norm, scan, short_convolution)
from pytorch_recurrent import gru_gates, selective_scan


# --- Passes over memory

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
                   foreach=False, amsgrad=False, beta1=0.9, beta2=0.999, lr=1.0, weight_decay=0.01, eps=1e-8,
                   maximize=False)
    return ()


def grad_norm(p, _):
    return torch.stack([torch.linalg.vector_norm(g) for g in listed(p, "g")]).norm()


def dropout(p, _):
    return F.dropout(p["x"], 0.1)


# --- Attention


def in_chunks(name, p, n):
    """[b, t, h, ..] as [b, h, t / n, n, ..]."""
    return chunks(p[name].transpose(1, 2), n, 2)


def decaying(attention, p, n):
    return from_chunks(attention(*(in_chunks(name, p, n) for name in ("q", "k", "v", "g"))))


def delta(p, n):
    q, k, v, beta = (in_chunks(name, p, n) for name in ("q", "k", "v", "beta"))
    return from_chunks(delta_rule(q, k, v, beta.unsqueeze(-1)))


def score_attention(p, _):
    return softmax_read(p["q"], p["k"], p["v"], False)


# --- State spaces


def complex_scan(p, n):
    """States stand for conjugate pairs."""
    own = {**p, **{name: torch.view_as_complex(p[name]) for name in "ABC"}}
    y = selective_scan({**own, "D": torch.zeros_like(p["D"])}, n)
    return 2 * y.real + p["D"] * p["u"]


def fft_convolution(p, _):
    return filtered(p["u"], p["k"][0], p["skip"][0])


def vandermonde_kernel(p, n):
    return 2 * pole_kernels(torch.view_as_complex(p["v"]), torch.view_as_complex(p["x"]), int(p["t"]), n)


def cauchy_kernel(p, _):
    v, z, w = (torch.view_as_complex(p[name]) for name in "vzw")
    return torch.view_as_real(cauchy(v.transpose(0, 1), z, w).transpose(0, 1))


def diagonal_ssm(p, n):
    """As a convolution."""
    a, b, c = (torch.complex(*p[name]) for name in "abc")
    kernel = pole_kernels(b * c, torch.log(a), p["x"].shape[1], n)
    return channels_last(convolve(channels_first(p["x"]), kernel))


def pole_convolution(p, n):
    """Both directions as one kernel of twice the length."""
    x, t = p["x"], p["x"].shape[1]
    ahead, back = 2 * pole_kernels(torch.view_as_complex(p["v"]), torch.view_as_complex(p["z"]), t, n)
    k = F.pad(ahead, (0, t)) + F.pad(back.flip(-1), (t, 0))
    return torch.addcmul(channels_last(convolve(channels_first(x), k)), x, p["skip"])


def dplr_recurrence(p, n):
    """With the transition as a real matrix: inside all chunks a product with the response to an impulse, then from chunk to
    chunk."""
    x, (re, im) = p["x"], p["g"]
    b, t, d = x.shape
    stacked = lambda pair: torch.cat([*pair]).t()  # [2, s, d] as [d, 2 s]
    reading = lambda pair: 2 * torch.cat([pair[0], -pair[1]]).t()  # what gives 2 Re(c . h)
    re, im = torch.diag_embed(1 + re.t()), torch.diag_embed(im.t())
    power = torch.cat([torch.cat([re, -im], -1), torch.cat([im, re], -1)], 1)
    power = power - stacked(p["p"][0]).unsqueeze(2) * reading(p["q"][0]).unsqueeze(1)
    columns, out = stacked(p["b"]).unsqueeze(2), reading(p["c"][0]).unsqueeze(1)
    rows = torch.bmm(out, power)
    while columns.shape[2] < n:
        columns = torch.cat([columns, torch.bmm(power, columns)], 2)
        rows = torch.cat([rows, torch.bmm(rows, power)], 1)
        power = torch.bmm(power, power)
    lags = torch.arange(n).unsqueeze(1) - torch.arange(n)
    impulse = torch.bmm(out, columns)[:, 0, lags.clamp_min(0)] * (lags >= 0)
    u = chunks(x, n).permute(3, 2, 1, 0).reshape(d, n, -1)  # [d, n, chunks b]
    state, before = p["state"].permute(3, 1, 2, 0).flatten(1, 2), []
    for added in torch.bmm(columns.flip(2), u).unflatten(2, (-1, b)).unbind(2):
        before.append(state)
        state = torch.baddbmm(added, power, state)
    y = torch.baddbmm(torch.bmm(impulse, u), rows, torch.cat(before, 2))
    return (y.view(d, n, -1, b).permute(3, 2, 1, 0).reshape(b, t, 1, d),
            state.unflatten(1, (2, -1)).permute(3, 1, 2, 0))


def bilinear_step(p, _):
    """One triangular system for every step size, in float64 as there: (1 - s A) w = x + s b u, and the state 2 w - x."""
    a, x = p["a"].double(), p["x"].double().permute(1, 2, 0)  # [h, n, rows]
    half = p["half"].double().view(-1, 1, 1)
    right = x + half * p["b"].double().view(1, -1, 1) * p["u"].double().t().unsqueeze(1)
    middle = torch.linalg.solve_triangular(torch.eye(a.shape[0]).double() - half * a, right, upper=False)
    return (2 * middle - x).permute(2, 0, 1).float()


# --- Channel mixers and the loss


def mlp(p, _):
    return F.linear(F.gelu(F.linear(p["x"], p["w1"], p["b1"])), p["w2"], p["b2"])


def gated_map(p, _):
    return F.glu(F.linear(F.gelu(p["x"]), p["weight"], p["bias"]))


def residual_mlp(p, _):
    return p["x"] + mlp({**p, "x": norm(p["x"], p["norm"])}, _)


def linear_cross_entropy(p, _):
    return F.cross_entropy(F.linear(p["x"], p["weight"], p["bias"]), p["targets"].long())


# --- Operators of forecasters


def scaled_segments(p, _):
    x, s = p["x"].transpose(1, 2), 96
    mean, deviation = x[..., -s:].mean(2, keepdim=True), x.std(2, keepdim=True) + 1e-8
    return F.pad((x - mean) / deviation, (-x.shape[2] % s, 0)).unflatten(2, (-1, s)), mean, deviation


def next_segments(p, _):
    n = p["next"]
    forecast = n[:, :, -1] * p["deviation"] + p["mean"]
    return forecast.transpose(1, 2), F.mse_loss(n[:, :, :-1], p["z"][:, :, 1:])


def arx_tokens(p, _):
    """Every segment as a token of the mixed channels and one of its own."""
    z = p["z"]
    mixed = torch.matmul(p["mix_weight"], z.flatten(2)) + p["mix_bias"].unsqueeze(1)
    tokens = [norm(F.linear(x, p[f"{kind}_weight"], p[f"{kind}_bias"]), p[f"{kind}_norm"])
              for kind, x in (("exo", mixed.view_as(z)), ("main", z))]
    return norm(torch.stack(tokens, 3).flatten(2, 3) + p["positions"], p["norm"])


def var_attention(p, _):
    """Sequences are short: the scores of all steps at once."""
    h, e = p["structural"].shape[:2]
    x = norm(p["y"], p["input_norm"])
    maps = norm(F.linear(x, p["weight"], p["bias"]).unflatten(-1, (-1, e)), p["map_norm"], 1e-8)
    maps = maps.unflatten(2, (-1, h)).permute(2, 0, 3, 1, 4)  # [2 layers, b, h, t, e]
    k, read = x.unflatten(-1, (h, e)).transpose(1, 2), 0
    for q, v in zip(maps[::2], maps[1::2]):
        k = torch.matmul(product(q, k).tril(), v)
        read = read + k[:, :, 1::2]
    return norm(x[:, 1::2] + torch.matmul(read, p["structural"]).transpose(1, 2).flatten(2), p["output_norm"])


def masked_series(p, _):
    """The cut is a step whose gradient is that of its argument."""
    y = p["x"] * p["scale"]
    line = 1 - p["ramp"] * ((y * p["mask_weight"]).sum(2, keepdim=True) + p["mask_bias"].unsqueeze(1))
    changes = y.diff(dim=2) / (y.std(2, keepdim=True) + 1e-6)
    return y * ((line.detach() > 0) + (line - line.detach())), changes.square().mean()


DRAWS = {"dropout"}  # what both sides draw for themselves
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
    "dropout": (dropout, (0,)),
    "selective_scan_complex": (complex_scan, (16, 32, 64)),
    "channel_decay_attention": (functools.partial(decaying, channel_decay_attention), (16, 32, 64)),
    "head_decay_attention": (functools.partial(decaying, head_decay_attention), WIDE),
    "delta_rule": (delta, (32, 64, 128)),
    "causal_linear_attention": (linear_attention, (8, 16, 32, 64)),
    "score_attention": (score_attention, (0,)),
    "fft_convolution": (fft_convolution, (0,)),
    "vandermonde_kernel": (vandermonde_kernel, (64, 128, 256)),
    "cauchy_kernel": (cauchy_kernel, (0,)),
    "diagonal_ssm": (diagonal_ssm, (64, 128, 2048)),
    "pole_convolution": (pole_convolution, (64, 128, 2048)),
    "dplr_recurrence": (dplr_recurrence, (16, 32, 64, 128)),
    "bilinear_step": (bilinear_step, (0,)),
    "gated_map": (gated_map, (0,)),
    "mlp": (mlp, (0,)),
    "residual_mlp": (residual_mlp, (0,)),
    "linear_cross_entropy": (linear_cross_entropy, (0,)),
    "scaled_segments": (scaled_segments, (0,)),
    "next_segments": (next_segments, (0,)),
    "arx_tokens": (arx_tokens, (0,)),
    "var_attention": (var_attention, (0,)),
    "masked_series": (masked_series, (0,)),
}
