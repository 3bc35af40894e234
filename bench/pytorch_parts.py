"""What the PyTorch forms of several mixers share. n is the length of the chunks that a form works in."""

import math

import torch
from torch.nn import functional as F


def part(p, name):
    """The weights whose names begin with `name`, which is cut off."""
    return {key[len(name):]: value for key, value in p.items() if key.startswith(name)}


def linear(p, name, x):
    return F.linear(x, p[f"{name}.weight"], p.get(f"{name}.bias"))


def layer_norm(x, p, name):
    return F.layer_norm(x, x.shape[-1:], p[f"{name}.weight"], p[f"{name}.bias"], 1e-5)


def rms_norm(x, weight=1, eps=1e-5):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * weight


def taps(x, weight, bias):
    """A causal filter of each channel."""
    y = F.conv1d(x.transpose(1, 2), weight, bias, padding=weight.shape[2] - 1, groups=weight.shape[0])
    return y[..., : x.shape[1]].transpose(1, 2)


def short_convolution(x, weight, bias):
    return F.silu(taps(x, weight, bias))


def shifted(x):
    """The step before, [b, t, ..]; zeros before the first."""
    return torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], 1)


def chunks(x, n, dim=1):
    """[.., t, ..] as [.., t / n, n, ..]."""
    return x.unflatten(dim, (x.shape[dim] // n, n))


def in_chunks(x, h, n):
    """[b, t, width] as [b, h, t / n, n, width / h]."""
    return chunks(x.unflatten(-1, (h, x.shape[-1] // h)).transpose(1, 2), n, 2)


def from_chunks(x):
    """[b, h, t / n, n, e] as [b, t, h, e]."""
    return x.flatten(2, 3).transpose(1, 2)


def causal_mask(n):
    return torch.ones(n, n, dtype=torch.bool).triu(1)


# --- Recurrences


def states_before(decays, added, dim):
    """The state before each chunk, from what each adds and how it decays what is there."""
    before = [torch.zeros_like(added[0])]
    for decay, more in zip(decays[:-1], added[:-1]):
        before.append(before[-1] * decay + more)
    return torch.stack(before, dim)


def scan(a, x, n):
    """h[t] = a[t] h[t-1] + x[t] along dimension 1: the steps of all chunks at once, then from chunk to chunk."""
    local, decay = [], []
    for a_i, x_i in zip(chunks(a, n).unbind(2), chunks(x, n).unbind(2)):
        local.append(a_i * local[-1] + x_i if local else x_i)
        decay.append(a_i * decay[-1] if decay else a_i)
    before = states_before(decay[-1].unbind(1), local[-1].unbind(1), 1)
    return (torch.stack(local, 2) + torch.stack(decay, 2) * before.unsqueeze(2)).flatten(1, 2)


def fixed_scan(log_a, x, n):
    """h[t] = exp(log_a) h[t-1] + x[t], log_a [c], x [b, t, c]: the same, without decays of each step."""
    a, local = torch.exp(log_a), []
    for x_i in chunks(x, n).unbind(2):
        local.append(torch.addcmul(x_i, a, local[-1]) if local else x_i)
    decay = powers(log_a, 1, n + 1, 1).t()
    before = states_before([decay[-1]] * (x.shape[1] // n), local[-1].unbind(1), 1)
    return torch.addcmul(torch.stack(local, 2), decay, before.unsqueeze(2)).flatten(1, 2)


# --- Convolutions


def convolve(u, k):
    """Causal convolution of u [b, h, t] with k [h, t or less]."""
    t = u.shape[-1]
    return torch.fft.irfft(torch.fft.rfft(u, 2 * t) * torch.fft.rfft(k, 2 * t), 2 * t)[..., :t]


def powers(z, start, end, step):
    return torch.exp(z.unsqueeze(-1) * torch.arange(start, end, step))


def pole_kernels(c, z, t, n):
    """Re of the sum over poles of c exp(z l) for l < t: c [.., h, poles], z [h, poles] or [poles] -> [.., h, t]. The powers
    as a product of those of n steps and those of every n-th."""
    coarse = c.unsqueeze(-1) * powers(z, 0, t, n)
    return torch.matmul(coarse.transpose(-1, -2), powers(z, 0, n, 1)).real.flatten(-2)


# --- Attention by states. q, k, v [b, h, t / n, n, e], as in_chunks makes them


def product(q, k):
    return torch.matmul(q, k.transpose(-1, -2))


def prefix_attention(q, k, v):
    """The sum over j <= i of (q_i . k_j) v_j."""
    states = torch.matmul(k.transpose(-1, -2), v).cumsum(2)
    before = torch.cat([torch.zeros_like(states[:, :, :1]), states[:, :, :-1]], 2)
    return torch.matmul(product(q, k).tril(), v) + torch.matmul(q, before)


def decays_between(g):
    """exp of the log decay from step j to step i >= j, else 0, from that since the start of the chunk, g [.., n]."""
    return torch.exp((g.unsqueeze(-1) - g.unsqueeze(-2)).masked_fill(causal_mask(g.shape[-1]), -math.inf))


def head_decay_attention(q, k, v, g):
    """With one log decay a step and head, [b, h, t / n, n], or the same in all chunks, [1, h, 1, n]."""
    g = g.cumsum(-1)
    end = g[..., -1:]
    added = torch.matmul(k.transpose(-1, -2), v * torch.exp(end - g).unsqueeze(-1))
    ends = torch.exp(end).unsqueeze(-1).expand(-1, -1, v.shape[2], -1, -1)
    before = states_before(ends.unbind(2), added.unbind(2), 2)
    inside = torch.matmul(product(q, k) * decays_between(g), v)
    return inside + torch.matmul(q, before) * torch.exp(g).unsqueeze(-1)


def channel_decay_attention(q, k, v, g, bonus=None):
    """With a log decay g of every key channel, like k, which is taken out of the products of a chunk as factors of queries
    and keys. With `bonus` [h, 1, 1, e] a step reads the state before it and itself by that."""
    total = g.cumsum(3)
    end = total[..., -1:, :]
    added = torch.matmul((k * torch.exp(end - total)).transpose(-1, -2), v)
    before = states_before(torch.exp(end).transpose(-1, -2).unbind(2), added.unbind(2), 2)
    seen = q * torch.exp(total if bonus is None else total - g)
    scores = product(seen, k * torch.exp(-total))
    scores = scores.tril() if bonus is None else scores.tril(-1) + torch.diag_embed((q * bonus * k).sum(-1))
    return torch.matmul(scores, v) + torch.matmul(seen, before)


def delta_rule(q, k, v, beta, g=None):
    """The chunked (WY) form: one triangular system for each chunk, then from chunk to chunk. beta [.., n, 1]; g: log decays,
    [.., n]."""
    keys = k * beta
    scores, system, fade = product(q, k).tril(), product(keys, k).tril(-1), [1] * q.shape[2]
    if g is not None:
        g = g.cumsum(-1)
        decays, since = decays_between(g), torch.exp(g).unsqueeze(-1)
        scores, system, fade = scores * decays, system * decays, since[..., -1:, :].unbind(2)
        q, keys, k = q * since, keys * since, k * torch.exp(g[..., -1:] - g).unsqueeze(-1)
    solved = torch.linalg.solve_triangular(system + torch.eye(q.shape[-2]), torch.cat([v * beta, keys], -1), upper=False,
                                           unitriangular=True)
    u, w = solved.split([v.shape[-1], k.shape[-1]], -1)
    outputs, state = [], q.new_zeros(*q.shape[:2], k.shape[-1], v.shape[-1])
    for q_i, k_i, u_i, w_i, s_i, fade_i in zip(*(y.unbind(2) for y in (q, k, u, w, scores)), fade):
        fresh = u_i - torch.matmul(w_i, state)
        outputs.append(torch.matmul(q_i, state) + torch.matmul(s_i, fresh))
        state = state * fade_i + torch.matmul(k_i.transpose(-1, -2), fresh)
    return torch.stack(outputs, 2)
