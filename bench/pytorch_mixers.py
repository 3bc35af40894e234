"""The operators and mixers of mixer_case in eager PyTorch, from their published equations, vectorised over time.

Each is a function of the inputs and weights by name (as mixer_case saves them) and of the length of the chunks that it
works in. FORMS lists the chunk lengths to try; the fastest counts. No loop takes single steps of the whole sequence: loops go
over chunks, or over the steps inside all chunks at once.
"""

import functools
import math

import torch
from torch.nn import functional as F


def chunks(x, n, dim=1):
    """[.., t, ..] as [.., t / n, n, ..]."""
    return x.unflatten(dim, (x.shape[dim] // n, n))


def scan(a, x, n):
    """h[t] = a[t] h[t-1] + x[t] along dimension 1: the steps of all chunks at once, then from chunk to chunk."""
    local, decay = [], []
    for a_i, x_i in zip(chunks(a, n).unbind(2), chunks(x, n).unbind(2)):
        local.append(a_i * local[-1] + x_i if local else x_i)
        decay.append(a_i * decay[-1] if decay else a_i)
    before = states_before(decay[-1].unbind(1), local[-1].unbind(1), 1)
    return (torch.stack(local, 2) + torch.stack(decay, 2) * before.unsqueeze(2)).flatten(1, 2)


def states_before(decays, added, dim):
    """The state before each chunk, from what each adds and how it decays what is there."""
    before = [torch.zeros_like(added[0])]
    for decay, more in zip(decays[:-1], added[:-1]):
        before.append(before[-1] * decay + more)
    return torch.stack(before, dim)


def selective_scan(p, n):
    step = F.softplus(p["delta"] + p["delta_bias"]).unsqueeze(-1)
    h = scan(torch.exp(step * p["A"]), step * p["u"].unsqueeze(-1) * p["B"].unsqueeze(2), n)
    return torch.matmul(h, p["C"].unsqueeze(-1)).squeeze(-1) + p["D"] * p["u"]


def causal_mask(n):
    return torch.ones(n, n, dtype=torch.bool).triu(1)


def linear_attention(p, n):
    q, k, v = (chunks(p[name].transpose(1, 2), n, 2) for name in "qkv")
    states = torch.matmul(k.transpose(-1, -2), v).cumsum(2)
    before = torch.cat([torch.zeros_like(states[:, :, :1]), states[:, :, :-1]], 2)
    y = torch.matmul(torch.matmul(q, k.transpose(-1, -2)).tril(), v) + torch.matmul(q, before)
    return y.flatten(2, 3).transpose(1, 2)


def softmax_attention(p, _):
    b, t, h, e = p["q"].shape
    q, k, v = (p[name].transpose(1, 2).reshape(b * h, t, e) for name in "qkv")
    mask = torch.zeros(t, t).masked_fill(causal_mask(t), -math.inf)
    weights = torch.baddbmm(mask.expand(b * h, t, t), q, k.transpose(1, 2), alpha=e**-0.5).softmax(-1)
    return torch.bmm(weights, v).view(b, h, t, e).transpose(1, 2)


def lstm(p, _):
    zero = p["x"].new_zeros(1, p["x"].shape[0], p["x"].shape[2])
    return torch.lstm(p["x"], (zero, zero), recurrent_weights(p), True, 1, 0.0, True, False, True)[0]


def gru(p, _):
    zero = p["x"].new_zeros(1, p["x"].shape[0], p["x"].shape[2])
    return torch.gru(p["x"], zero, recurrent_weights(p), True, 1, 0.0, True, False, True)[0]


def recurrent_weights(p):
    return [p[name] for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")]


def s4d_kernels(p, t, n):
    """[c, h, t]. Zero-order hold; the powers of the poles as a product of those of n steps and those of every n-th."""
    a = torch.complex(-torch.exp(p["A_real"]), -p["A_imag"])  # [h or 1, n]
    z = torch.exp(p["inv_dt"]) * a
    c = torch.view_as_complex(p["C"]) * torch.view_as_complex(p["B"])[0] * (torch.exp(z) - 1) / a
    fine = torch.exp(z.unsqueeze(-1) * torch.arange(n))  # [h, n, steps]
    if n < t:
        coarse = c.unsqueeze(-1) * torch.exp(z.unsqueeze(-1) * torch.arange(0, t, n))
        return 2 * torch.matmul(coarse.transpose(2, 3), fine).real.flatten(2)
    return 2 * torch.einsum("chn,hnl->chl", c, fine).real


def part(p, name):
    return {key[len(name):]: value for key, value in p.items() if key.startswith(name)}


def s4d(p, n):
    u, t = p["x"].transpose(1, 2).contiguous(), p["x"].shape[1]
    k = s4d_kernels(part(p, "kernel."), t, n)[0]
    y = torch.fft.irfft(torch.fft.rfft(u, 2 * t) * torch.fft.rfft(k, 2 * t), 2 * t)[..., :t]
    return (y + u * p["D"].transpose(0, 1)).transpose(1, 2)


def s4d_block(p, n):
    """Two kernels, the second of which weighs later steps; GELU, and a gated map of the features."""
    u, t = p["x"].transpose(1, 2).contiguous(), p["x"].shape[1]
    ahead, back = s4d_kernels(part(p, "layer.kernel."), t, n)
    k = F.pad(ahead, (0, t)) + F.pad(back.flip(-1), (t, 0))
    y = torch.fft.irfft(torch.fft.rfft(u, 2 * t) * torch.fft.rfft(k, 2 * t), 2 * t)[..., :t]
    # Contiguous: the gradient of gelu in PyTorch 1.13 is wrong where the one that comes in is not.
    y = (y + u * p["layer.D"].transpose(0, 1)).transpose(1, 2).contiguous()
    return F.glu(F.linear(F.gelu(y), p["output_linear.0.weight"], p["output_linear.0.bias"]), -1)


def short_convolution(x, weight, bias):
    y = F.conv1d(x.transpose(1, 2), weight, bias, padding=weight.shape[2] - 1, groups=weight.shape[0])
    return F.silu(y[..., : x.shape[1]]).transpose(1, 2)


def mamba(p, n):
    u, z = F.linear(p["x"], p["in_proj.weight"]).chunk(2, -1)
    u = short_convolution(u, p["conv1d.weight"], p["conv1d.bias"])
    rank, states = p["dt_proj.weight"].shape[1], p["A_log"].shape[1]
    r, b, c = F.linear(u, p["x_proj.weight"]).split([rank, states, states], -1)
    y = selective_scan({"u": u, "delta": F.linear(r, p["dt_proj.weight"]), "delta_bias": p["dt_proj.bias"],
                        "A": -p["A_log"].exp(), "B": b, "C": c, "D": p["D"]}, n)
    return F.linear(y * F.silu(z), p["out_proj.weight"])


def rms_norm(x, weight, eps=1e-5):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * weight


def mamba2(p, n):
    x, h = p["x"], p["D"].shape[0]
    inner = p["out_proj.weight"].shape[1]
    states = (p["conv1d.weight"].shape[0] - inner) // 2
    z, xbc, dt = F.linear(x, p["in_proj.weight"]).split([inner, inner + 2 * states, h], -1)
    dt = F.softplus(dt + p["dt_bias"])
    u, b, c = short_convolution(xbc, p["conv1d.weight"], p["conv1d.bias"]).split([inner, states, states], -1)
    u = u.unflatten(-1, (h, inner // h))
    v = chunks((u * dt.unsqueeze(-1)).transpose(1, 2), n, 2)  # [b, h, chunks, n, e]
    k, q = chunks(b, n).unsqueeze(1), chunks(c, n).unsqueeze(1)  # one group: shared by the heads
    g = chunks((dt * -p["A_log"].exp()).transpose(1, 2), n, 2).cumsum(-1)  # [b, h, chunks, n]
    decay = torch.exp((g.unsqueeze(-1) - g.unsqueeze(-2)).masked_fill(causal_mask(n), -math.inf))
    end = g[..., -1:]
    added = torch.matmul(k.transpose(-1, -2), v * torch.exp(end - g).unsqueeze(-1))
    before = states_before(torch.exp(end).unsqueeze(-1).unbind(2), added.unbind(2), 2)
    y = torch.matmul(torch.matmul(q, k.transpose(-1, -2)) * decay, v)
    y = (y + torch.matmul(q, before) * torch.exp(g).unsqueeze(-1)).flatten(2, 3).transpose(1, 2)
    y = (y + u * p["D"].unsqueeze(-1)).flatten(-2)
    return F.linear(rms_norm(y * F.silu(z), p["norm.weight"]), p["out_proj.weight"])


def gla(p, n):
    """Decays are taken out of the products of a chunk as factors of queries and keys."""
    x, h = p["x"], 4
    heads = lambda y: y.unflatten(-1, (h, y.shape[-1] // h)).transpose(1, 2)
    q, k, v = (chunks(heads(F.linear(x, p[f"{name}_proj.weight"])), n, 2) for name in "qkv")
    logits = F.linear(F.linear(x, p["gk_proj.0.weight"]), p["gk_proj.1.weight"], p["gk_proj.1.bias"])
    g = chunks(heads(F.logsigmoid(logits) / 16), n, 2).cumsum(3)
    end = g[..., -1:, :]
    q, near, far = q * torch.exp(g) * q.shape[-1] ** -0.5, k * torch.exp(-g), k * torch.exp(end - g)
    added = torch.matmul(far.transpose(-1, -2), v)
    before = states_before(torch.exp(end).transpose(-1, -2).unbind(2), added.unbind(2), 2)
    o = torch.matmul(torch.matmul(q, near.transpose(-1, -2)).tril(), v) + torch.matmul(q, before)
    o = rms_norm(o.flatten(2, 3).transpose(1, 2), p["g_norm.weight"]).flatten(-2)
    return F.linear(o * F.silu(F.linear(x, p["g_proj.weight"])), p["o_proj.weight"])


def deltanet(p, n):
    """The chunked (WY) form: one triangular system for each chunk, then from chunk to chunk."""
    x, h = p["x"], p["b_proj.weight"].shape[0]
    part = lambda name: short_convolution(F.linear(x, p[f"{name}_proj.weight"]), p[f"{name}_conv1d.weight"], None)
    heads = lambda y: chunks(y.unflatten(-1, (h, y.shape[-1] // h)).transpose(1, 2), n, 2)
    unit = lambda y: y * torch.rsqrt(y.square().sum(-1, keepdim=True) + 1e-6)
    q, k, v = unit(heads(part("q"))), unit(heads(part("k"))), heads(part("v"))
    q = q * q.shape[-1] ** -0.5
    beta = heads(torch.sigmoid(F.linear(x, p["b_proj.weight"])))
    system = torch.matmul(k * beta, k.transpose(-1, -2)).tril(-1) + torch.eye(n)
    solved = torch.linalg.solve_triangular(system, torch.cat([v * beta, k * beta], -1), upper=False, unitriangular=True)
    u, w = solved.split([v.shape[-1], k.shape[-1]], -1)
    scores = torch.matmul(q, k.transpose(-1, -2)).tril()
    outputs, state = [], x.new_zeros(x.shape[0], h, k.shape[-1], v.shape[-1])
    for q_i, k_i, u_i, w_i, s_i in zip(*(y.unbind(2) for y in (q, k, u, w, scores))):
        fresh = u_i - torch.matmul(w_i, state)
        outputs.append(torch.matmul(q_i, state) + torch.matmul(s_i, fresh))
        state = state + torch.matmul(k_i.transpose(-1, -2), fresh)
    o = rms_norm(torch.stack(outputs, 2).flatten(2, 3).transpose(1, 2), p["o_norm.weight"])
    return F.linear(o.flatten(-2), p["o_proj.weight"])


def attention(p, _):
    b, t, d = p["x"].shape
    q, k, v = (F.linear(p["x"], p[f"{name}.weight"]).view(b, t, d // 64, 64).transpose(1, 2)
               .reshape(-1, t, 64) for name in "qkv")
    weights = torch.baddbmm(q.new_zeros(1, 1, 1), q, k.transpose(1, 2), beta=0, alpha=1 / 8).softmax(-1)
    y = torch.bmm(weights, v).view(b, d // 64, t, 64).transpose(1, 2).reshape(b, t, d)
    return F.linear(y, p["o.weight"])


def layer_norm(x, p, name):
    return F.layer_norm(x, x.shape[-1:], p[f"{name}.weight"], p[f"{name}.bias"], 1e-5)


def stack(mixer, p, n):
    """Blocks of a mixer and, where there is one, an MLP, each behind a layer norm and around it the sum."""
    x = p["x"]
    for layer in range(1 + max(int(key.split(".")[1]) for key in p if key.startswith("layers."))):
        own = part(p, f"layers.{layer}.")
        x = x + mixer({**part(own, "mixer."), "x": layer_norm(x, own, "mixer_norm")}, n)
        if "channel.up.weight" not in own:
            continue
        hidden = F.linear(layer_norm(x, own, "channel_norm"), own["channel.up.weight"], own["channel.up.bias"])
        x = x + F.linear(F.gelu(hidden), own["channel.down.weight"], own["channel.down.bias"])
    return layer_norm(x, p, "norm")


FORMS = {
    "selective_scan": (selective_scan, (16, 32, 64)),
    "s4d": (s4d, (128, 16384)),
    "linear_attention": (linear_attention, (32, 64, 128, 256)),
    "softmax_attention": (softmax_attention, (0,)),
    "lstm": (lstm, (0,)),
    "gru": (gru, (0,)),
    "mamba": (mamba, (16, 32, 64)),
    "mamba2": (mamba2, (32, 64, 128, 256)),
    "gla": (gla, (16, 32, 64)),
    "deltanet": (deltanet, (32, 64, 128)),
    "s4d_stack": (functools.partial(stack, s4d_block), (125, 2000)),
    "transformer_stack": (functools.partial(stack, attention), (0,)),
}
