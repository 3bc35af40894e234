"""Attention and its linear relatives in PyTorch; see pytorch_mixers.py."""

import functools
import math

import torch
from torch.nn import functional as F

from pytorch_parts import (causal_mask, channel_decay_attention, chunks, delta_rule as chunked_delta_rule, fixed_scan,
                           from_chunks, head_decay_attention, in_chunks, layer_norm, linear, prefix_attention, rms_norm,
                           scan, shifted, short_convolution)


def split(x, h):
    return x.unflatten(-1, (h, x.shape[-1] // h))


def projections(p, names, h, n):
    return (in_chunks(linear(p, name, p["x"]), h, n) for name in names)


# --- Positions: tables in double, since angles grow with the position


@functools.lru_cache
def rotation(t, width, last_exponent):
    """Cosines and sines [t, 1, width / 2] at rates from 1 to 10000^-last_exponent."""
    rates = 10000.0 ** -torch.linspace(0, last_exponent, width // 2, dtype=torch.double)
    angles = torch.arange(t, dtype=torch.double).view(t, 1, 1) * rates
    return angles.cos().float(), angles.sin().float()


def rotary(t, width):
    return rotation(t, width, 1 - 2 / width)


def turned(first, second, tables):
    cosine, sine = tables
    return first * cosine - second * sine, second * cosine + first * sine


def turned_halves(x, tables):
    return torch.cat(turned(*x.chunk(2, -1), tables), -1)


def turned_neighbours(x, tables):
    return torch.stack(turned(x[..., ::2], x[..., 1::2], tables), -1).flatten(-2)


# --- Softmax attention


def softmax_read(q, k, v, causal):
    """q, k, v [b, t, h, e]."""
    b, t, h, e = q.shape
    q, k, v = (x.transpose(1, 2).reshape(b * h, t, e) for x in (q, k, v))
    if causal:
        mask = torch.zeros(t, t).masked_fill(causal_mask(t), -math.inf)
        scores = torch.baddbmm(mask.expand(b * h, t, t), q, k.transpose(1, 2), alpha=e**-0.5)
    else:
        scores = torch.baddbmm(q.new_zeros(1, 1, 1), q, k.transpose(1, 2), beta=0, alpha=e**-0.5)
    return torch.bmm(scores.softmax(-1), v).view(b, h, t, e).transpose(1, 2)


def softmax_attention(p, _):
    return softmax_read(p["q"], p["k"], p["v"], True)


def attention(p, _):
    q, k, v = (split(linear(p, name, p["x"]), p["x"].shape[2] // 64) for name in "qkv")
    tables = rotary(q.shape[1], 64)
    y = softmax_read(turned_halves(q, tables), turned_halves(k, tables), v, True)
    return linear(p, "o", y.flatten(-2))


def full_attention(p, _):
    q, k, v = (split(linear(p, name, p["x"]), p["x"].shape[2] // 64) for name in "qkv")
    return linear(p, "o", softmax_read(q, k, v, False).flatten(-2))


# --- Sums over the past


def linear_attention(p, n):
    return from_chunks(prefix_attention(*(chunks(p[name].transpose(1, 2), n, 2) for name in "qkv")))


def read(q, k, v, n):
    """Linear attention of q, k, v [b, t, h, e]."""
    return linear_attention({"q": q, "k": k, "v": v}, n)


def attention_maps(p):
    """Queries, keys and values in heads of 64."""
    return (split(linear(p, f"{name}_projection", p["x"]), p["x"].shape[2] // 64) for name in ("query", "key", "value"))


def linear_transformer(p, n):
    q, k, v = attention_maps(p)
    q, k = F.elu(q) + 1, F.elu(k) + 1
    total = (q * k.cumsum(1)).sum(-1, keepdim=True) + 1e-6
    return linear(p, "out_projection", (read(q, k, v, n) / total).flatten(-2))


def flowformer(p, n):
    q, k, v = attention_maps(p)
    q, k = torch.sigmoid(q), torch.sigmoid(k)
    steps = torch.arange(1.0, q.shape[1] + 1).view(1, -1, 1)
    flow = lambda x, y: ((x + 1e-6) * (y.cumsum(1) + 1e-6)).sum(-1) / steps  # [b, t, h]
    incoming, outgoing = flow(q, k).unsqueeze(-1), flow(k, q).unsqueeze(-1)
    weight = torch.exp(flow(k, q / incoming).clamp(-1, 1))
    competition = weight / weight.cumsum(1) * steps
    share = torch.sigmoid(flow(q, k / outgoing)) / steps
    y = share.unsqueeze(-1) * read(q / incoming, k, v * competition.unsqueeze(-1), n)
    return linear(p, "out_projection", y.flatten(-2))


def wave(p, n):
    """Base linear."""
    x = p["x"]
    d, h = x.shape[2], x.shape[2] // 64
    q, k, v, error_key = (linear(p, name, x) for name in ("q1", "k1", "v1", "k2"))
    o = read(split(q, h), split(k, h), split(v, h), n).flatten(-2)
    query = -F.leaky_relu(q * -(64**-0.5), 0.02)
    key = torch.sigmoid(error_key * (0.02 * d**-0.5))
    missed = x - shifted(o)
    return linear(p, "c_proj", o + read(*(split(y, h) for y in (shifted(query), shifted(key), missed)), n).flatten(-2))


def zeros(p, n):
    """Exponentials relative to the largest score of all, which cancels."""
    x = p["x"]
    h = x.shape[2] // 64
    steps = torch.arange(1.0, x.shape[1] + 1).view(1, -1, 1)
    tables = rotary(x.shape[1], 64)

    def unit(y):
        y = turned_halves(y, tables)
        return y / torch.sqrt(y.square().sum(-1, keepdim=True) + 1e-24)

    q, k, v, u = (split(linear(p, name, x), h) for name in "qkvu")
    tau = torch.exp(p["prior_log_tau"]).squeeze(-1)
    s = (u * (u.cumsum(1) + tau.unsqueeze(-1) * p["prior_mu"])).sum(-1) / (-8 * (tau + steps))  # [b, t, h]
    weight = torch.exp(s - s.amax(1, keepdim=True).detach())
    each = lambda y: y.unsqueeze(-1)
    values = torch.cat([each(weight) * v, each(s) * v, v], -1)
    weighted, first, plain = read(unit(q), unit(k), values, n).chunk(3, -1)
    mean = plain / each(steps)
    centred = (first - each(s.cumsum(1)) * mean) / each(steps)
    one, more = torch.sigmoid(split(linear(p, "gate", x), h)[..., :2]).unbind(-1)
    o = each(more) * (weighted / each(weight.cumsum(1) + 1e-12) - mean) + each(one - more) * centred
    return linear(p, "out_proj", F.layer_norm(o, (64,)).flatten(-2))


def fem(p, n):
    """Prior linear."""
    x = p["x"]
    h = x.shape[2] // 64
    width, keys = p["W_v.weight"].shape[0], p["W_q.weight"].shape[0]
    normed = layer_norm(x, p, "tdc.fwd.norm")
    decay, new, positive = (linear(p, f"tdc.fwd.{name}", normed) for name in ("in_f", "x_f", "shortcut"))
    positive = F.softplus(positive) + 1e-8
    memory = layer_norm(scan(torch.exp(-F.softplus(decay)), new, n), p, "tdc.fwd.ln")
    scales = torch.matmul(positive / rms(positive) * memory, p["tdc.fwd.out_proj"]).split(
        [width, keys, keys, width, width], -1)
    v, q, k, share, gate = (linear(p, f"W_{name}", x) * (1 + scale) for name, scale in zip(
        ("v", "q", "k", "lambda", "gate"), scales))
    tables = rotary(x.shape[1], keys // h)

    def features(y):
        return F.relu(turned_neighbours(split(y, h), tables)) + 1e-6

    q, k = features(q), features(k)
    beta = split(F.softplus(p["_beta_param"]) + 1e-6, h)
    v = torch.maximum(torch.minimum(split(v, h), 40 / beta), -40 / beta)
    total = (q * k.cumsum(1)).sum(-1, keepdim=True).clamp_min(1e-6)
    mean, power = (read(q, k, torch.cat([v, torch.exp(beta * v)], -1), n) / total).chunk(2, -1)
    energy = torch.log(power.clamp_min(0) + torch.finfo(torch.float).tiny) / beta
    share, gate = torch.sigmoid(split(share, h)), split(F.softplus(gate) + 1e-6, h)
    return linear(p, "W_o", (gate / rms(gate) * ((1 - share) * mean + share * energy)).flatten(-2))


def rms(x):
    return x.square().mean(-1, keepdim=True).sqrt()


# --- States that decay


def mamba2(p, n):
    h, inner = p["D"].shape[0], p["out_proj.weight"].shape[1]
    states = (p["conv1d.weight"].shape[0] - inner) // 2
    z, xbc, dt = linear(p, "in_proj", p["x"]).split([inner, inner + 2 * states, h], -1)
    dt = F.softplus(dt + p["dt_bias"])
    u, b, c = short_convolution(xbc, p["conv1d.weight"], p["conv1d.bias"]).split([inner, states, states], -1)
    u = split(u, h)
    v = chunks((u * dt.unsqueeze(-1)).transpose(1, 2), n, 2)
    g = chunks((dt * -p["A_log"].exp()).transpose(1, 2), n, 2)
    # One group: B and C are shared by the heads.
    y = from_chunks(head_decay_attention(chunks(c, n).unsqueeze(1), chunks(b, n).unsqueeze(1), v, g))
    y = (y + u * p["D"].unsqueeze(-1)).flatten(-2)
    return linear(p, "out_proj", rms_norm(y * F.silu(z), p["norm.weight"]))


def retnet(p, n):
    x, h = p["x"], p["x"].shape[2] // 64
    tables = rotation(x.shape[1], 64, 1.0)
    q, k = (turned_neighbours(split(linear(p, f"{name}_proj", x), h), tables) for name in "qk")
    q, k = (chunks(y.transpose(1, 2), n, 2) for y in (q / 8, k))
    g = torch.log1p(-(2.0 ** (-5 - torch.arange(h)))).view(1, h, 1, 1).expand(1, h, 1, n)
    o = from_chunks(head_decay_attention(q, k, in_chunks(linear(p, "v_proj", x), h, n), g))
    return linear(p, "out_proj", F.silu(linear(p, "g_proj", x)) * rms_norm(o, eps=1e-6).flatten(-2))


def gla(p, n):
    x, h = p["x"], 4
    q, k, v = projections(p, ("q_proj", "k_proj", "v_proj"), h, n)
    g = in_chunks(F.logsigmoid(linear(p, "gk_proj.1", linear(p, "gk_proj.0", x))) / 16, h, n)
    o = from_chunks(channel_decay_attention(q * q.shape[-1] ** -0.5, k, v, g))
    return linear(p, "o_proj", rms_norm(o, p["g_norm.weight"]).flatten(-2) * F.silu(linear(p, "g_proj", x)))


def key_value_average(k, v, decay, first, n):
    """RWKV-4's weighted average of v. Keys relative to the largest of all steps, which cancels."""
    weight = torch.exp(k - k.amax(1, keepdim=True).detach())
    both = torch.cat([weight * v, weight], -1)
    past = shifted(fixed_scan(-decay.repeat(2), both, n))
    above, below = (past + torch.exp(first).repeat(2) * both).chunk(2, -1)
    return above / below


def rwkv4(p, n):
    x, before = p["x"], shifted(p["x"])
    mixed = lambda name: before + p[f"time_mix_{name}"] * (x - before)
    k, v, r = linear(p, "key", mixed("k")), linear(p, "value", mixed("v")), linear(p, "receptance", mixed("r"))
    average = key_value_average(k, v, torch.exp(p["time_decay"]), p["time_first"], n)
    return linear(p, "output", torch.sigmoid(r) * average)


def rwkv6(p, n):
    x, h = p["x"], p["time_faaaa"].shape[0]
    change = shifted(x) - x
    low = torch.tanh(torch.matmul(x + change * p["time_maa_x"], p["time_maa_w1"])).chunk(5, -1)
    w, k, v, r, g = (x + change * (p[f"time_maa_{name}"] + torch.matmul(low_i, out))
                     for name, low_i, out in zip("wkvrg", low, p["time_maa_w2"]))
    decay = p["time_decay"] + torch.matmul(torch.tanh(torch.matmul(w, p["time_decay_w1"])), p["time_decay_w2"])
    parts = (linear(p, "receptance", r), linear(p, "key", k), linear(p, "value", v), -torch.exp(decay))
    bonus = p["time_faaaa"].view(h, 1, 1, -1)
    o = from_chunks(channel_decay_attention(*(in_chunks(y, h, n) for y in parts), bonus))
    o = F.layer_norm(o, o.shape[-1:], eps=64e-5).flatten(-2) * p["ln_x.weight"] + p["ln_x.bias"]
    return linear(p, "output", o * F.silu(linear(p, "gate", g)))


# --- The delta rule


def deltanet(p, n):
    """With decays and gates where there are weights for them."""
    x, h = p["x"], p["b_proj.weight"].shape[0]
    q, k, v = (in_chunks(short_convolution(linear(p, f"{name}_proj", x), p[f"{name}_conv1d.weight"], None), h, n)
               for name in "qkv")
    unit = lambda y: y * torch.rsqrt(y.square().sum(-1, keepdim=True) + 1e-6)
    beta, g = in_chunks(torch.sigmoid(linear(p, "b_proj", x)), h, n), None
    if "a_proj.weight" in p:
        decay = -torch.exp(p["A_log"]) * F.softplus(linear(p, "a_proj", x) + p["dt_bias"])
        g = in_chunks(decay, h, n).squeeze(-1)
    o = chunked_delta_rule(unit(q) * q.shape[-1] ** -0.5, unit(k), v, beta, g)
    o = rms_norm(from_chunks(o), p["o_norm.weight"]).flatten(-2)
    return linear(p, "o_proj", o * F.silu(linear(p, "g_proj", x)) if "g_proj.weight" in p else o)


WIDE = (32, 64, 128, 256)
ATTENTION_FORMS = {
    "linear_attention": (linear_attention, WIDE),
    "softmax_attention": (softmax_attention, (0,)),
    "attention": (attention, (0,)),
    "linear_transformer": (linear_transformer, WIDE),
    "flowformer": (flowformer, WIDE),
    "wave": (wave, WIDE),
    "zeros": (zeros, WIDE),
    "fem": (fem, WIDE),
    "mamba2": (mamba2, WIDE),
    "retnet": (retnet, WIDE),
    "gla": (gla, (16, 32, 64)),
    "rwkv4": (rwkv4, (16, 32, 64)),
    "rwkv6": (rwkv6, (16, 32, 64)),
    "deltanet": (deltanet, (32, 64, 128)),
    "gated_deltanet": (deltanet, (32, 64, 128)),
}
