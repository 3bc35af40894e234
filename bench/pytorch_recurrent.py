"""Recurrent mixers and scans of recurrences in PyTorch; see pytorch_mixers.py."""

import torch
from torch.nn import functional as F

from pytorch_parts import fixed_scan, linear, scan, short_convolution


# --- Nonlinear recurrences: PyTorch's own loops over the steps, with one dense matrix


def network(function, x, weights, states=1):
    zero = x.new_zeros(1, x.shape[0], x.shape[2])
    start = zero if states == 1 else (zero,) * states
    return function(x, start, weights, True, 1, 0.0, True, False, True)[0]


def recurrent_weights(p):
    return [p[name] for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")]


def rnn(p, _):
    return network(torch.rnn_tanh, p["x"], recurrent_weights(p))


def lstm(p, _):
    return network(torch.lstm, p["x"], recurrent_weights(p), 2)


def gru(p, _):
    return network(torch.gru, p["x"], recurrent_weights(p))


def headwise_norm(y, p, heads):
    """Layer norm of each head's output with a weight and no bias."""
    return F.layer_norm(y.unflatten(-1, (heads, -1)), (y.shape[-1] // heads,)).flatten(-2) * p["norm_weight"]


def headwise(function, gates, states=1):
    """A recurrent matrix for each head as a dense one with blocks: PyTorch's loops know no other."""

    def form(p, _):
        r = p["R"]  # [heads, from, gates, to]
        w = torch.cat([torch.block_diag(*p[f"{gate}_weight"]) for gate in gates])
        u = torch.cat([torch.block_diag(*r[:, :, i].transpose(1, 2)) for i in range(len(gates))])
        b = p["b"].flatten(1)
        after = torch.zeros_like(b[: len(gates)])
        if function is torch.gru:  # b of n inside the product with r
            b, after = b[:3], torch.cat([after[:2], b[3:]])
        y = network(function, p["x"], [w, u, b.flatten(), after.flatten()], states)
        return headwise_norm(y, p, r.shape[0])

    return form


def slstm(p, _):
    """Step by step: no network of PyTorch has this cell, and its recurrence is not linear."""
    x, r = p["x"], p["R"]  # [heads, from, gates, to]
    b, t, d = x.shape
    heads, width = r.shape[0], r.shape[1]
    smooth = short_convolution(x, p["conv_weight"].unsqueeze(1), p["conv_bias"])
    inputs = lambda y, gates: torch.matmul(y.reshape(b * t, heads, width).transpose(0, 1), torch.cat(
        [p[f"{gate}_weight"] for gate in gates], 1).transpose(1, 2))  # [heads, b t, gates width]
    wx = torch.cat([inputs(smooth, ("igate", "fgate")), inputs(x, ("zgate", "ogate"))], -1)
    wx = wx.view(heads, b, t, 4 * width) + p["b"].transpose(0, 1).reshape(heads, 1, 1, 4 * width)
    matrix = r.flatten(2)
    h = c = n = x.new_zeros(heads, b, width)
    m = torch.full_like(h, -torch.inf)
    one = torch.ones_like(h)
    outputs = []
    for wx_i in wx.unbind(2):
        i, f, z, o = (wx_i + torch.matmul(h, matrix)).chunk(4, -1)
        kept = F.logsigmoid(f) + m
        m = torch.maximum(i, kept)
        keep, grow = torch.exp(kept - m), torch.exp(i - m)
        c = keep * c + grow * torch.tanh(z)
        n = torch.maximum(keep * n + grow, one)
        h = torch.sigmoid(o) * c / n
        outputs.append(h)
    return headwise_norm(torch.stack(outputs, 2).permute(1, 2, 0, 3).flatten(-2), p, heads)


# --- Linear recurrences


def candidate(c):
    return torch.where(c >= 0, c + 0.5, torch.sigmoid(c))


def gru_gates(maps):
    """What minGRU keeps of the state and what it adds."""
    c, z = maps.chunk(2, -1)
    return torch.sigmoid(-z), torch.sigmoid(z) * candidate(c)


def mingru(p, n):
    return scan(*gru_gates(linear(p, "to_hidden_and_gate", p["x"])), n)


def minlstm(p, n):
    c, f, i = linear(p, "to_hidden_and_f_i_gate", p["x"]).chunk(3, -1)
    balance = F.logsigmoid(f) - F.logsigmoid(i)
    return scan(torch.sigmoid(balance), torch.sigmoid(-balance) * candidate(c), n)


def lru(p, n):
    x, gamma = p["x"], torch.exp(p["gamma_log"]).unsqueeze(1)
    u = torch.complex(F.linear(x, gamma * p["B_re"]), F.linear(x, gamma * p["B_im"]))
    h = fixed_scan(torch.complex(-torch.exp(p["nu_log"]), torch.exp(p["theta_log"])), u, n)
    return F.linear(h.real, p["C_re"]) - F.linear(h.imag, p["C_im"]) + p["D"] * x


def s5(p, n):
    x, poles = p["x"], torch.complex(p["Lambda_re"], p["Lambda_im"])
    z = poles * torch.exp(p["log_step"].squeeze(1))
    b = ((torch.exp(z) - 1) / poles).unsqueeze(1) * torch.view_as_complex(p["B"])
    h = fixed_scan(z, torch.complex(F.linear(x, b.real), F.linear(x, b.imag)), n)
    c_re, c_im = p["C"].unbind(-1)
    return 2 * (F.linear(h.real, c_re) - F.linear(h.imag, c_im)) + p["D"] * x


def liquid_s4(p, n):
    x, poles = p["x"], torch.complex(-torch.exp(p["log_A_real"]), p["A_imag"])  # [d, states]
    z = poles * torch.exp(p["log_dt"]).unsqueeze(1)
    bu = (torch.exp(z) - 1) / poles * torch.view_as_complex(p["B"]) * x.unsqueeze(-1)
    h = scan(torch.exp(z) + bu, bu, n)
    return 2 * (h * torch.view_as_complex(p["C"])).sum(-1).real + p["D"] * x


def selective_scan(p, n):
    step = F.softplus(p["delta"] + p["delta_bias"]).unsqueeze(-1)
    h = scan(torch.exp(step * p["A"]), step * p["u"].unsqueeze(-1) * p["B"].unsqueeze(2), n)
    return torch.matmul(h, p["C"].unsqueeze(-1)).squeeze(-1) + p["D"] * p["u"]


def mamba(p, n):
    u, z = linear(p, "in_proj", p["x"]).chunk(2, -1)
    u = short_convolution(u, p["conv1d.weight"], p["conv1d.bias"])
    rank, states = p["dt_proj.weight"].shape[1], p["A_log"].shape[1]
    r, b, c = linear(p, "x_proj", u).split([rank, states, states], -1)
    y = selective_scan({"u": u, "delta": F.linear(r, p["dt_proj.weight"]), "delta_bias": p["dt_proj.bias"],
                        "A": -p["A_log"].exp(), "B": b, "C": c, "D": p["D"]}, n)
    return linear(p, "out_proj", y * F.silu(z))


SCANS = (8, 16, 32, 64)
RECURRENT_FORMS = {
    "selective_scan": (selective_scan, (16, 32, 64)),
    "lstm": (lstm, (0,)),
    "gru": (gru, (0,)),
    "rnn": (rnn, (0,)),
    "flashrnn_elman": (headwise(torch.rnn_tanh, ("gate",)), (0,)),
    "flashrnn_lstm": (headwise(torch.lstm, ("igate", "fgate", "zgate", "ogate"), 2), (0,)),
    "flashrnn_gru": (headwise(torch.gru, ("rgate", "zgate", "ngate")), (0,)),
    "slstm": (slstm, (0,)),
    "mingru": (mingru, SCANS),
    "minlstm": (minlstm, SCANS),
    "lru": (lru, SCANS),
    "s5": (s5, SCANS),
    "liquid_s4": (liquid_s4, (8, 16, 32)),
    "mamba": (mamba, (16, 32, 64)),
}
