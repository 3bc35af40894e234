"""Streaming steps of attention and its linear relatives in PyTorch; see pytorch_streaming.py."""

import torch
from torch.nn import functional as F

from pytorch_attention import rms, rotary, rotation, turned_halves, turned_neighbours
from pytorch_parts import layer_norm, rms_norm
from pytorch_step_parts import LONGEST, filtered, heads, linear, outer, read, unit


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


def attention_maps(p, x):
    """Queries, keys and values in heads of 64."""
    return (heads(linear(p, f"{name}_projection", x), x.shape[0] // 64) for name in ("query", "key", "value"))


def linear_attention(p):
    h = p["query_projection.weight"].shape[0] // 64

    def step(x, state):
        s, total = state
        q, k, v = attention_maps(p, x)
        q, k = F.elu(q) + 1, F.elu(k) + 1
        s, total = s + outer(k, v), total + k
        y = read(q, s) / ((q * total).sum(-1, keepdim=True) + 1e-6)
        return linear(p, "out_projection", y.flatten()), (s, total)

    return (torch.zeros(h, 64, 64), torch.zeros(h, 64)), step


def flowformer(p):
    h = p["query_projection.weight"].shape[0] // 64

    def step(x, state):
        s, sums, weights, t = state
        q, k, v = attention_maps(p, x)
        q, k, t = torch.sigmoid(q), torch.sigmoid(k), t + 1
        flow = lambda y, total: ((y + 1e-6) * (total + 1e-6)).sum(-1, keepdim=True) / t
        queries, keys = sums[0] + q, sums[1] + k
        incoming, outgoing = flow(q, keys), flow(k, queries)
        shared_queries, shared_keys = sums[2] + q / incoming, sums[3] + k / outgoing
        weight = torch.exp(flow(k, shared_queries).clamp(-1, 1))
        weights = weights + weight
        s = s + outer(k, v * (weight / weights * t))
        share = torch.sigmoid(flow(q, shared_keys)) / t
        y = share * read(q / incoming, s)
        return linear(p, "out_projection", y.flatten()), (s, (queries, keys, shared_queries, shared_keys), weights, t)

    zero = torch.zeros(h, 64)
    return (torch.zeros(h, 64, 64), (zero,) * 4, torch.zeros(h, 1), 0), step


def wave(p):
    """Base linear; the second sum is over what the first one missed, a step behind."""
    d = p["q1.weight"].shape[0]
    h = d // 64

    def step(x, state):
        s, missed, o_before, query_before, key_before = state
        q, k, v, error_key = (linear(p, name, x) for name in ("q1", "k1", "v1", "k2"))
        s = s + outer(heads(k, h), heads(v, h))
        o = read(heads(q, h), s).flatten()
        missed = missed + outer(heads(key_before, h), heads(x - o_before, h))
        y = o + read(heads(query_before, h), missed).flatten()
        query, key = -F.leaky_relu(q * -(64**-0.5), 0.02), torch.sigmoid(error_key * (0.02 * d**-0.5))
        return linear(p, "c_proj", y), (s, missed, o, query, key)

    zero, sums = torch.zeros(d), torch.zeros(h, 64, 64)
    return (sums, sums, zero, zero, zero), step


def zeros(p):
    """The sums of exponentials are relative to the largest score so far."""
    h = p["q.weight"].shape[0] // 64
    cosine, sine = rotary(LONGEST, 64)
    tau = torch.exp(p["prior_log_tau"]).view(h, 1)
    prior = tau * p["prior_mu"].view(h, 64)

    def normed(y, t):
        y = turned_halves(y, (cosine[t], sine[t]))
        return y / torch.sqrt(y.square().sum(-1, keepdim=True) + 1e-24)

    def step(x, state):
        exponentials, sums, total, largest, scores, weights, t = state
        q, k, v, u = (heads(linear(p, name, x), h) for name in "qkvu")
        q, k, steps = normed(q, t), normed(k, t), t + 1
        total = total + u
        s = (u * (total + prior)).sum(-1, keepdim=True) / (-8 * (tau + steps))
        above = torch.maximum(largest, s)
        fade, weight = torch.exp(largest - above), torch.exp(s - above)
        exponentials = fade.unsqueeze(-1) * exponentials + outer(k, weight * v)
        sums = sums + outer(k, torch.cat([s * v, v], -1))
        scores, weights = scores + s, fade * weights + weight
        first, plain = read(q, sums).chunk(2, -1)
        mean = plain / steps
        centred = (first - scores * mean) / steps
        one, more = torch.sigmoid(heads(linear(p, "gate", x), h)[:, :2]).split(1, -1)
        o = more * (read(q, exponentials) / (weights + 1e-12) - mean) + (one - more) * centred
        y = linear(p, "out_proj", F.layer_norm(o, (64,)).flatten())
        return y, (exponentials, sums, total, above, scores, weights, steps)

    one, square = torch.zeros(h, 1), torch.zeros(h, 64, 64)
    return (square, square.repeat(1, 1, 2), torch.zeros(h, 64), one - torch.inf, one, one, 0), step


def fem(p):
    """Prior linear."""
    width, keys = p["W_v.weight"].shape[0], p["W_q.weight"].shape[0]
    h = keys // 64
    cosine, sine = rotary(LONGEST, 64)
    beta = heads(F.softplus(p["_beta_param"]) + 1e-6, h)
    limit = 40 / beta

    def features(y, t):
        return F.relu(turned_neighbours(heads(y, h), (cosine[t], sine[t]))) + 1e-6

    def step(x, state):
        memory, s, total, t = state
        normed = layer_norm(x, p, "tdc.fwd.norm")
        decay, new, positive = (linear(p, f"tdc.fwd.{name}", normed) for name in ("in_f", "x_f", "shortcut"))
        memory, positive = torch.sigmoid(-decay) * memory + new, F.softplus(positive) + 1e-8
        scales = torch.matmul(positive / rms(positive) * layer_norm(memory, p, "tdc.fwd.ln"), p["tdc.fwd.out_proj"])
        v, q, k, share, gate = (linear(p, f"W_{name}", x) * (1 + scale) for name, scale in zip(
            ("v", "q", "k", "lambda", "gate"), scales.split([width, keys, keys, width, width])))
        q, k = features(q, t), features(k, t)
        v = torch.maximum(torch.minimum(heads(v, h), limit), -limit)
        s, total = s + outer(k, torch.cat([v, torch.exp(beta * v)], -1)), total + k
        mean, power = (read(q, s) / (q * total).sum(-1, keepdim=True).clamp_min(1e-6)).chunk(2, -1)
        energy = torch.log(power.clamp_min(0) + torch.finfo(torch.float).tiny) / beta
        share, gate = torch.sigmoid(heads(share, h)), heads(F.softplus(gate) + 1e-6, h)
        y = gate / rms(gate) * torch.lerp(mean, energy, share)
        return linear(p, "W_o", y.flatten()), (memory, s, total, t + 1)

    memory = torch.zeros(p["tdc.fwd.in_f.weight"].shape[0])
    return (memory, torch.zeros(h, 64, 2 * width // h), torch.zeros(h, 64), 0), step


# --- States that decay


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


def rwkv4(p):
    """Sums relative to the largest exponent so far."""
    mixes = torch.cat([p[f"time_mix_{name}"].view(1, -1) for name in "kvr"])
    fade, bonus = torch.exp(p["time_decay"]), p["time_first"]

    def step(x, state):
        before, above, below, largest = state
        k, v, r = (linear(p, name, y) for name, y in zip(("key", "value", "receptance"), torch.lerp(before, x, mixes)))
        top = torch.maximum(largest, bonus + k)
        past, now = torch.exp(largest - top), torch.exp(bonus + k - top)
        y = (past * above + now * v) / (past * below + now)
        top = torch.maximum(largest - fade, k)
        past, now = torch.exp(largest - fade - top), torch.exp(k - top)
        return linear(p, "output", torch.sigmoid(r) * y), (x, past * above + now * v, past * below + now, top)

    zero = torch.zeros_like(fade)
    return (zero, zero, zero, zero - 1e38), step


def rwkv6(p):
    h = p["time_faaaa"].shape[0]
    mixes = torch.cat([p[f"time_maa_{name}"].view(1, -1) for name in "wkvrg"])
    into, out, mix = p["time_maa_w1"].t().contiguous(), p["time_maa_w2"], p["time_maa_x"].flatten()
    decay_in, decay_out = (p[f"time_decay_w{i}"].t().contiguous() for i in (1, 2))
    base, bonus = p["time_decay"].flatten(), p["time_faaaa"].unsqueeze(-1)

    def step(x, state):
        s, before = state
        change = before - x
        low = torch.tanh(torch.mv(into, torch.addcmul(x, change, mix))).view(5, 1, -1)
        w, k, v, r, g = torch.addcmul(x, change, mixes + torch.bmm(low, out).squeeze(1)).unbind(0)
        decay = torch.exp(-torch.exp(torch.addmv(base, decay_out, torch.tanh(torch.mv(decay_in, w)))))
        r, k, v = (heads(linear(p, name, y), h) for name, y in (("receptance", r), ("key", k), ("value", v)))
        new = outer(k, v)
        o = F.layer_norm(read(r, torch.addcmul(s, bonus, new)), v.shape[-1:], eps=64e-5).flatten()
        o = torch.addcmul(p["ln_x.bias"], o, p["ln_x.weight"])
        return linear(p, "output", o * F.silu(linear(p, "gate", g))), (heads(decay, h).unsqueeze(-1) * s + new, x)

    return (torch.zeros(h, base.shape[0] // h, base.shape[0] // h), torch.zeros_like(base)), step


# --- The delta rule


def deltanet(p):
    """With decays and gates where there are weights for them."""
    h = p["b_proj.weight"].shape[0]
    weights = [p[f"{name}_conv1d.weight"] for name in "qkv"]
    decays, gates = "a_proj.weight" in p, "g_proj.weight" in p
    rate = -torch.exp(p["A_log"]) if decays else None

    def step(x, state):
        s, windows = state
        parts = [filtered(linear(p, f"{name}_proj", x), window, weight, None)
                 for name, window, weight in zip("qkv", windows, weights)]
        q, k, v = (heads(y, h) for y, _ in parts)
        q, k = unit(q), unit(k)
        if decays:
            s = torch.exp(rate * F.softplus(linear(p, "a_proj", x) + p["dt_bias"])).view(h, 1, 1) * s
        s = s + outer(k, torch.sigmoid(linear(p, "b_proj", x)).unsqueeze(-1) * (v - read(k, s)))
        o = rms_norm(read(q, s) * q.shape[-1] ** -0.5, p["o_norm.weight"]).flatten()
        o = o * F.silu(linear(p, "g_proj", x)) if gates else o
        return linear(p, "o_proj", o), (s, [window for _, window in parts])

    keys, values = (weight.shape[0] // h for weight in weights[1:])
    return (torch.zeros(h, keys, values), [torch.zeros_like(weight.squeeze(1)) for weight in weights]), step


ATTENTION_STEPS = {
    "attention": attention,
    "linear_attention": linear_attention,
    "flowformer": flowformer,
    "wave": wave,
    "zeros": zeros,
    "fem": fem,
    "mamba2": mamba2,
    "retnet": retnet,
    "gla": gla,
    "rwkv4": rwkv4,
    "rwkv6": rwkv6,
    "deltanet": deltanet,
    "gated_deltanet": deltanet,
}
