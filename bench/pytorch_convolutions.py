"""Mixers that are long convolutions in PyTorch; see pytorch_mixers.py."""

import math

import torch
from torch.nn import functional as F

from pytorch_parts import convolve, layer_norm, linear, part, pole_kernels, short_convolution, taps


def channels_first(x):
    return x.transpose(1, 2).contiguous()


def channels_last(y):
    # Contiguous: the gradient of gelu in PyTorch 1.13 is wrong where the one that comes in is not.
    return y.transpose(1, 2).contiguous()


def filtered(x, k, skip):
    """k [h, t or less], skip [h]: [b, t, h] to the same."""
    u = channels_first(x)
    return channels_last(convolve(u, k) + u * skip.unsqueeze(-1))


def gated_output(p, y):
    """GELU, then a map of the features to twice as many, of which one half gates the other."""
    weight, bias = p["output_linear.0.weight"], p["output_linear.0.bias"]
    return F.glu(F.linear(F.gelu(y), weight.flatten(1), bias.flatten()), -1)


# --- Diagonal state spaces


def s4d_kernels(p, t, n):
    """[c, h, t], by zero-order hold."""
    a = torch.complex(-torch.exp(p["A_real"]), -p["A_imag"])  # [h or 1, n]
    z = torch.exp(p["inv_dt"]) * a
    c = torch.view_as_complex(p["C"]) * torch.view_as_complex(p["B"])[0] * (torch.exp(z) - 1) / a
    return 2 * pole_kernels(c, z, t, n)


def s4d(p, n):
    return filtered(p["x"], s4d_kernels(part(p, "kernel."), p["x"].shape[1], n)[0], p["D"][0])


def s4d_block(p, n):
    return gated_output(p, filtered(p["x"], s4d_kernels(part(p, "layer.kernel."), p["x"].shape[1], n)[0],
                                    p["layer.D"][0]))


def both_ways_block(p, n):
    """The S4D block with a second kernel, which weighs later steps."""
    u, t = channels_first(p["x"]), p["x"].shape[1]
    ahead, back = s4d_kernels(part(p, "layer.kernel."), t, n)
    k = F.pad(ahead, (0, t)) + F.pad(back.flip(-1), (t, 0))
    return gated_output(p, channels_last(convolve(u, k) + u * p["layer.D"].transpose(0, 1)))


def s4d_minimal(p, n):
    a = torch.complex(-torch.exp(p["kernel.log_A_real"]), p["kernel.A_imag"])
    z = torch.exp(p["kernel.log_dt"]).unsqueeze(-1) * a
    c = torch.view_as_complex(p["kernel.C"]) * (torch.exp(z) - 1) / a
    return gated_output(p, filtered(p["x"], 2 * pole_kernels(c, z, p["x"].shape[1], n), p["D"]))


def dss(p, n):
    """Kernels normalised by a softmax over the steps; poles that decay."""
    t, dt = p["x"].shape[1], torch.exp(p["kernel.log_dt"])
    poles = torch.view_as_complex(p["kernel.Lambda"])
    z = torch.complex(dt[:, :1] * poles.real, dt[:, -1:] * poles.imag)
    total = poles * (torch.exp(z * t) - 1)
    c = torch.view_as_complex(p["kernel.W"])[0] * (torch.exp(z) - 1) * total.conj() / (total * total.conj() + 1e-7)
    return gated_output(p, filtered(p["x"], pole_kernels(c, z, t, n), p["D"][0]))


def h3(p, n):
    """Heads of one feature: the products are element by element."""
    q, k, v = (linear(p, f"{name}_proj", p["x"]) for name in "qkv")
    first, last = p["ssm_k_kernel.kernel.B"], p["ssm_k_kernel.kernel.C"][0]
    states = last.shape[1]
    lags = F.pad(last, (0, states - 1)).unfold(1, states, 1)  # [h, lag, state]
    k = filtered(k, torch.matmul(lags, first.unsqueeze(-1)).squeeze(-1), p["ssm_k_D"])
    own = part(p, "kernel.kernel.")
    dt = torch.exp(own["log_dt"]).unsqueeze(-1)
    half = dt / 2 * torch.complex(-torch.exp(own["inv_A_real"]), own["A_imag"])  # bilinear: (1 + half) / (1 - half)
    c = torch.view_as_complex(own["C"])[0] * torch.view_as_complex(own["B"]) * dt / (1 - half)
    kernel = 2 * pole_kernels(c, 2 * torch.atanh(half), q.shape[1], n)
    return linear(p, "output_linear", q * filtered(k * v, kernel, p["D"]))


def gss(p, n):
    x = p["x"]
    normed = layer_norm(x, p, "norm")
    u, v = F.gelu(linear(p, "to_u.0", normed)), F.gelu(linear(p, "to_v.0", normed))
    z = torch.complex(-torch.exp(p["dss.Lambda_real"]), torch.exp(p["dss.Lambda_imag"]))
    c = torch.complex(p["dss.C_real"], p["dss.C_imag"]) * (torch.exp(z) - 1) / z
    v = filtered(layer_norm(v, p, "dss.norm"), pole_kernels(c, z, x.shape[1], n), p["dss.param_D"])
    return x + linear(p, "to_out", linear(p, "to_gate", v) * u)


def mega_ema(p, n):
    weight = torch.sigmoid(p["delta"].squeeze(-1))
    kept = torch.log1p(-weight * torch.sigmoid(p["alpha"].squeeze(-1)))
    c = weight * p["beta"].squeeze(-1) * p["gamma"] / math.sqrt(p["gamma"].shape[1])
    return F.silu(filtered(p["x"], pole_kernels(c, kept, p["x"].shape[1], n), p["omega"]))


# --- Other kernels


def woodbury(bc, bq, pc, pq, at):
    """The response at nodes of a diagonal plus a matrix of rank 1, from the sums over the diagonal."""
    return at * (bc - bq * pc / (1 + pq))


def cauchy(v, z, w):
    """The sums over poles w [h, n] of v / (z - w) + the same with conjugate v and w, v [h, m, n], z [l] imaginary:
    [h, m, l], from 2 (z Re v - Re(v conj w)) / (z^2 - 2 z Re w + |w|^2)."""
    poles = w.unsqueeze(-1)
    inverse = torch.view_as_real(1 / (z * z - 2 * z * poles.real + poles.abs().square())).flatten(2)  # [h, n, 2 l]
    numerators = torch.cat([v.real, (v * w.conj().unsqueeze(1)).real], 1)
    first, second = torch.view_as_complex(torch.matmul(numerators, inverse).unflatten(-1, (-1, 2))).chunk(2, 1)
    return 2 * (z * first - second)


def s4_kernel(own, t):
    """[h, t], diagonal plus low rank: the generating function at the roots of unity, from sums over pairs of conjugate
    poles, with one inverse for all of them. In float, as published."""
    dt = torch.exp(own["inv_dt"])  # [h, 1]
    w = dt * torch.complex(-torch.exp(own["A_real"]), -own["A_imag"])  # [h, n]
    b, c, low = (torch.view_as_complex(own[name])[0] for name in "BCP")
    tangent = torch.tan(torch.arange(t // 2, dtype=torch.double) * (math.pi / t)).float()
    z = torch.complex(torch.zeros_like(tangent), 2 * tangent)
    v = dt.unsqueeze(1) * torch.stack([b * c, b * low.conj(), low * c, low * low.conj()], 1)  # [h, 4, n]
    spectrum = woodbury(*cauchy(v, z, w).unbind(1), 1 + z / 2)
    at_infinity = (dt * (b * c).real).sum(-1, keepdim=True)
    return torch.fft.irfft(torch.cat([spectrum, torch.complex(at_infinity, torch.zeros_like(at_infinity))], -1), t)


def s4(p, _):
    return filtered(p["x"], s4_kernel(part(p, "kernel."), p["x"].shape[1]), p["D"][0])


def s4_block(p, _):
    return gated_output(p, filtered(p["x"], s4_kernel(part(p, "layer.kernel."), p["x"].shape[1]), p["layer.D"][0]))


def lssl(p, _):
    """The dense system is not trained: powers of it on the input vector and on C, each about the root of t of them by
    doubling, in double as ours."""
    t, a, b = p["x"].shape[1], p["transition.a"].double(), p["transition.b"].double()
    dt = torch.exp(p["log_dt"].double()).view(-1, 1, 1)
    identity = torch.eye(a.shape[0], dtype=torch.double)
    right = torch.cat([identity + dt / 2 * a, dt * b.unsqueeze(-1)], -1)
    power, columns = torch.linalg.solve(identity - dt / 2 * a, right).split([a.shape[0], 1], -1)
    while columns.shape[-1] ** 2 < t:
        columns = torch.cat([columns, torch.matmul(power, columns)], -1)
        power = torch.matmul(power, power)
    rows = p["C"].double()
    while rows.shape[-2] * columns.shape[-1] < t:
        rows = torch.cat([rows, torch.matmul(rows, power)], -2)
        power = torch.matmul(power, power)
    k = torch.matmul(rows, columns).flatten(1)[:, :t].float()
    return linear(p, "output_linear", F.gelu(filtered(p["x"], k, p["D"].squeeze(1))))


def sgconv(p, _):
    pieces = [p[f"kernel_list.{i}"][0] for i in range(sum(key.startswith("kernel_list.") for key in p))]
    multiplier = p["multiplier"].unsqueeze(-1)
    longer = [F.interpolate(piece.unsqueeze(0), scale_factor=float(2 ** max(0, i - 1)), mode="linear")[0]
              * multiplier ** (len(pieces) - 1 - i) for i, piece in enumerate(pieces)]
    k = torch.cat(longer, -1)[:, : p["x"].shape[1]] / p["kernel_norm"][0]
    return gated_output(p, filtered(p["x"], k, p["D"][0]))


def hyena(p, _):
    """Two multiplications around one convolution, whose filter is an MLP of the position."""
    own = part(p, "filter_fn.")
    h = own["pos_emb.z"][0]
    for layer in (0, 2, 4):
        h = torch.sin(own["implicit_filter.1.freq"] * linear(own, f"implicit_filter.{layer}", h))
    h = linear(own, "implicit_filter.6", h) * torch.exp(-own["pos_emb.t"][0] * own["modulation.deltas"][0].abs())
    outer, inner, v = taps(linear(p, "in_proj", p["x"]), p["short_filter.weight"], p["short_filter.bias"]).chunk(3, -1)
    return linear(p, "out_proj", outer * filtered(inner * v, h.t(), own["bias"]))


def conv(p, _):
    return linear(p, "out", short_convolution(p["x"], p["conv.weight"], p["conv.bias"]))


KERNELS = (64, 256, 4096)
CONVOLUTION_FORMS = {
    "s4d": (s4d, (128, 16384)),
    "s4d_block": (s4d_block, KERNELS),
    "s4d_minimal": (s4d_minimal, KERNELS),
    "s4": (s4, (0,)),
    "s4_block": (s4_block, (0,)),
    "dss": (dss, KERNELS),
    "h3": (h3, KERNELS),
    "gss": (gss, KERNELS),
    "mega_ema": (mega_ema, KERNELS),
    "lssl": (lssl, (0,)),
    "sgconv": (sgconv, (0,)),
    "hyena": (hyena, (0,)),
    "conv": (conv, (0,)),
}
