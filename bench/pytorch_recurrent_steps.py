"""Streaming steps of recurrent mixers and state spaces in PyTorch; see pytorch_streaming.py."""

import torch
from torch.nn import functional as F

from pytorch_parts import layer_norm, part
from pytorch_step_parts import LONGEST, filtered, linear, outer, taps


# --- Nonlinear recurrences


def cell(function, p):
    weights = [p[name] for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")]
    zero = torch.zeros(1, weights[1].shape[1])

    def step(x, h):
        h = function(x.unsqueeze(0), h, *weights)
        return (h[0] if isinstance(h, tuple) else h).squeeze(0), h

    return (zero, zero) if function is torch.lstm_cell else zero, step


def headwise(p, gates):
    """Functions that give every gate its part of an input and of a state, [heads, width] to [heads, gates, width], by the
    weights of `gates` and by the recurrent matrix of all; the output [d] of a state; a state of zeros; the biases."""
    r = p["R"]  # [heads, from, gates, to]
    heads, width = r.shape[0], r.shape[3]

    def map_of(matrix):
        return lambda y: torch.bmm(y.view(heads, 1, width), matrix).view(heads, -1, width)

    given = map_of(torch.cat([p[f"{gate}_weight"].transpose(1, 2) for gate in gates], 2).contiguous())
    output = lambda h: F.layer_norm(h, (width,)).flatten() * p["norm_weight"]
    return given, map_of(r.flatten(2)), output, torch.zeros(heads, width), p["b"].transpose(0, 1)


def flashrnn_elman(p):
    given, recalled, output, zero, b = headwise(p, ("gate",))

    def step(x, h):
        h = torch.tanh(given(x) + recalled(h) + b).squeeze(1)
        return output(h), h

    return zero, step


def flashrnn_lstm(p):
    given, recalled, output, zero, b = headwise(p, ("igate", "fgate", "zgate", "ogate"))

    def step(x, state):
        h, c = state
        i, f, z, o = (given(x) + recalled(h) + b).unbind(1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(z)
        h = torch.sigmoid(o) * torch.tanh(c)
        return output(h), (h, c)

    return (zero, zero), step


def flashrnn_gru(p):
    given, recalled, output, zero, b = headwise(p, ("rgate", "zgate", "ngate"))

    def step(x, h):
        new, old = given(x) + b[:, :3], recalled(h)
        r, z = torch.sigmoid(new[:, :2] + old[:, :2]).unbind(1)
        h = torch.lerp(torch.tanh(new[:, 2] + r * (old[:, 2] + b[:, 3])), h, z)
        return output(h), h

    return zero, step


def slstm(p):
    smooth_given, recalled, output, zero, b = headwise(p, ("igate", "fgate"))
    given = headwise(p, ("zgate", "ogate"))[0]

    def step(x, state):
        window, h, c, n, m = state
        smooth, window = filtered(x, window, p["conv_weight"], p["conv_bias"])
        i, f, z, o = (torch.cat([smooth_given(smooth), given(x)], 1) + recalled(h) + b).unbind(1)
        kept = F.logsigmoid(f) + m
        m = torch.maximum(i, kept)
        keep, grow = torch.exp(kept - m), torch.exp(i - m)
        c = keep * c + grow * torch.tanh(z)
        n = torch.clamp_min(keep * n + grow, 1)
        h = torch.sigmoid(o) * c / n
        return output(h), (window, h, c, n, m)

    return (torch.zeros_like(p["conv_weight"]), zero, zero, zero, torch.full_like(zero, -torch.inf)), step


# --- Linear recurrences


def candidate(c):
    return torch.where(c >= 0, c + 0.5, torch.sigmoid(c))


def mingru(p):
    def step(x, h):
        c, z = linear(p, "to_hidden_and_gate", x).chunk(2)
        h = torch.lerp(h, candidate(c), torch.sigmoid(z))
        return h, h

    return torch.zeros(p["to_hidden_and_gate.weight"].shape[0] // 2), step


def minlstm(p):
    def step(x, h):
        c, f, i = linear(p, "to_hidden_and_f_i_gate", x).chunk(3)
        h = torch.lerp(h, candidate(c), torch.sigmoid(F.logsigmoid(i) - F.logsigmoid(f)))
        return h, h

    return torch.zeros(p["to_hidden_and_f_i_gate.weight"].shape[0] // 3), step


def diagonal(pole, b, c, skip):
    """h = pole h + b x, y = Re c h + skip x, with b and c matrices."""
    b, c = torch.cat([b.real, b.imag]), torch.cat([c.real, -c.imag], 1)

    def step(x, h):
        h = pole * h + torch.complex(*torch.mv(b, x).chunk(2))
        return torch.addcmul(torch.mv(c, torch.cat([h.real, h.imag])), skip, x), h

    return torch.zeros_like(pole), step


def lru(p):
    pole = torch.exp(torch.complex(-torch.exp(p["nu_log"]), torch.exp(p["theta_log"])))
    b = torch.exp(p["gamma_log"]).unsqueeze(1) * torch.complex(p["B_re"], p["B_im"])
    return diagonal(pole, b, torch.complex(p["C_re"], p["C_im"]), p["D"])


def s5(p):
    poles = torch.complex(p["Lambda_re"], p["Lambda_im"])
    pole = torch.exp(poles * torch.exp(p["log_step"].squeeze(1)))
    b = ((pole - 1) / poles).unsqueeze(1) * torch.view_as_complex(p["B"])
    return diagonal(pole, b, 2 * torch.view_as_complex(p["C"]), p["D"])


def each_alone(pole, b, c, skip):
    """h = pole h + b x of every feature by itself, y = Re c h + skip x; pole, b and c [h, n]."""

    def step(x, h):
        h = pole * h + b * x.unsqueeze(-1)
        y = (h * c).sum(-1)
        return torch.addcmul(y.real if y.is_complex() else y, skip, x), h

    return torch.zeros_like(pole * c), step


def gated(p, core):
    """GELU, then a map of the features to twice as many, of which one half gates the other."""
    weight, bias = p["output_linear.0.weight"].flatten(1), p["output_linear.0.bias"]
    start, inner = core

    def step(x, state):
        y, state = inner(x, state)
        return F.glu(torch.addmv(bias, weight, F.gelu(y)), -1), state

    return start, step


def s4d(p):
    a = torch.complex(-torch.exp(p["kernel.A_real"]), -p["kernel.A_imag"])
    pole = torch.exp(torch.exp(p["kernel.inv_dt"]) * a)  # [h, n]
    b = torch.view_as_complex(p["kernel.B"])[0] * (pole - 1) / a
    return each_alone(pole, b, 2 * torch.view_as_complex(p["kernel.C"])[0], p["D"][0])


def s4d_minimal(p):
    a = torch.complex(-torch.exp(p["kernel.log_A_real"]), p["kernel.A_imag"])
    pole = torch.exp(torch.exp(p["kernel.log_dt"]).unsqueeze(-1) * a)
    return gated(p, each_alone(pole, (pole - 1) / a, 2 * torch.view_as_complex(p["kernel.C"]), p["D"]))


def s4(p):
    """Bilinear; the inverse of a diagonal less a rank needs two sums over the poles a step (Woodbury). C is stored as
    what the kernel of LONGEST steps needs."""
    own = {name: value.double() for name, value in part(p, "kernel.").items()}
    dt = torch.exp(own["inv_dt"])  # [h, 1]
    w = dt * torch.complex(-torch.exp(own["A_real"]), -own["A_imag"])
    b, c, low = (torch.view_as_complex(own[name])[0] for name in "BCP")
    kept, ahead, entered = (y / (1 - w / 2) for y in (1 + w / 2, dt / 2 * low, dt * b))
    # As real sums over [Re h, Im h]: of conj(P) h and of conj(P) times what is kept of it, both twice.
    real = lambda y: torch.cat([y.real, -y.imag], -1)
    sums = 2 * torch.stack([real(low.conj()), real(low.conj() * kept)], 1)  # [h, 2, 2 n]
    m, n = (2 * (low.conj() * y).sum(-1, keepdim=True).real for y in (ahead, entered))

    def state_after(h, x, kept, ahead, entered, sums, m, n):
        q, e = torch.matmul(sums, torch.cat([h.real, h.imag], -1).unsqueeze(-1)).unbind(1)
        return kept * h - ahead * (q + (e - m * q + n * x) / (1 + m)) + entered * x

    # The matrix of a step, on [Re h, Im h], to find C.
    size = w.shape[1]
    units = torch.cat([torch.eye(size), 1j * torch.eye(size)]).cdouble()
    columns = torch.stack([state_after(unit.expand_as(w), 0.0, kept, ahead, entered, sums, m, n) for unit in units], -1)
    matrix = torch.cat([columns.real, columns.imag], 1)  # [h, 2 n, 2 n]
    rest = torch.eye(2 * size).double() - torch.matrix_power(matrix, LONGEST)
    c = torch.linalg.solve(rest.transpose(1, 2), 2 * real(c)).float()  # [h, 2 n]
    constants = [y.to(torch.cfloat if y.is_complex() else torch.float) for y in (kept, ahead, entered, sums, m, n)]
    skip = p["D"][0]

    def step(x, h):
        h = state_after(h, x.unsqueeze(-1), *constants)
        return torch.addcmul((c * torch.cat([h.real, h.imag], -1)).sum(-1), skip, x), h

    return torch.zeros_like(constants[0]), step


def lssl(p):
    a, b, dt = p["transition.a"].double(), p["transition.b"].double(), torch.exp(p["log_dt"].double()).view(-1, 1, 1)
    identity = torch.eye(a.shape[0]).double()
    right = torch.cat([identity + dt / 2 * a, dt * b.unsqueeze(-1)], -1)
    power, entered = (y.float() for y in torch.linalg.solve(identity - dt / 2 * a, right).split([a.shape[0], 1], -1))
    c, skip = p["C"], p["D"].squeeze(1)

    def step(x, h):
        h = torch.baddbmm(entered * x.view(-1, 1, 1), power, h)
        return linear(p, "output_linear", F.gelu(torch.addcmul(torch.bmm(c, h).flatten(), skip, x))), h

    return torch.zeros_like(entered), step


def mega_ema(p):
    weight = torch.sigmoid(p["delta"].squeeze(-1))
    kept = 1 - weight * torch.sigmoid(p["alpha"].squeeze(-1))
    c = p["gamma"] * p["gamma"].shape[1] ** -0.5
    start, inner = each_alone(kept, weight * p["beta"].squeeze(-1), c, p["omega"])

    def step(x, h):
        y, h = inner(x, h)
        return F.silu(y), h

    return start, step


def liquid_s4(p):
    a = torch.complex(-torch.exp(p["log_A_real"]), p["A_imag"])
    pole = torch.exp(a * torch.exp(p["log_dt"]).unsqueeze(1))
    b, c, skip = (pole - 1) / a * torch.view_as_complex(p["B"]), 2 * torch.view_as_complex(p["C"]), p["D"]

    def step(x, h):
        entered = b * x.unsqueeze(-1)
        h = torch.addcmul(entered, pole + entered, h)
        return torch.addcmul((h * c).sum(-1).real, skip, x), h

    return torch.zeros_like(pole), step


def gss(p):
    z = torch.complex(-torch.exp(p["dss.Lambda_real"]), torch.exp(p["dss.Lambda_imag"]))
    c = torch.complex(p["dss.C_real"], p["dss.C_imag"]) * (torch.exp(z) - 1) / z
    start, inner = each_alone(torch.exp(z), torch.ones_like(c), c, p["dss.param_D"])

    def step(x, h):
        normed = layer_norm(x, p, "norm")
        v, h = inner(layer_norm(F.gelu(linear(p, "to_v.0", normed)), p, "dss.norm"), h)
        return x + linear(p, "to_out", linear(p, "to_gate", v) * F.gelu(linear(p, "to_u.0", normed))), h

    return start, step


def h3(p):
    """Heads of one feature; the first system is a filter of as many taps as it has states."""
    first, last = p["ssm_k_kernel.kernel.B"], p["ssm_k_kernel.kernel.C"][0]
    states = last.shape[1]
    lags = F.pad(last, (0, states - 1)).unfold(1, states, 1)  # [h, lag, state]
    weight = torch.matmul(lags, first.unsqueeze(-1)).squeeze(-1).flip(-1).contiguous()
    own = part(p, "kernel.kernel.")
    dt = torch.exp(own["log_dt"]).unsqueeze(-1)
    half = dt / 2 * torch.complex(-torch.exp(own["inv_A_real"]), own["A_imag"])
    b = torch.view_as_complex(own["B"]) * dt / (1 - half)
    start, inner = each_alone((1 + half) / (1 - half), b, 2 * torch.view_as_complex(own["C"])[0], p["D"])

    def step(x, state):
        window, h = state
        q, k, v = (linear(p, f"{name}_proj", x) for name in "qkv")
        past, window = taps(k, window, weight, None)
        y, h = inner(torch.addcmul(past, p["ssm_k_D"], k) * v, h)
        return linear(p, "output_linear", q * y), (window, h)

    return (torch.zeros_like(weight), start), step


def conv(p):
    weight = p["conv.weight"]

    def step(x, window):
        y, window = filtered(x, window, weight, p["conv.bias"])
        return linear(p, "out", y), window

    return torch.zeros_like(weight.squeeze(1)), step


def mamba(p):
    a, weight, bias = -torch.exp(p["A_log"]), p["conv1d.weight"], p["conv1d.bias"]
    sizes = [p["dt_proj.weight"].shape[1], a.shape[1], a.shape[1]]

    def step(x, state):
        window, h = state
        u, z = linear(p, "in_proj", x).chunk(2)
        u, window = filtered(u, window, weight, bias)
        r, b, c = linear(p, "x_proj", u).split(sizes)
        dt = F.softplus(linear(p, "dt_proj", r))
        h = torch.exp(dt.unsqueeze(-1) * a) * h + outer(dt * u, b)
        return linear(p, "out_proj", torch.addcmul(torch.mv(h, c), p["D"], u) * F.silu(z)), (window, h)

    return (torch.zeros_like(weight.squeeze(1)), torch.zeros_like(a)), step


RECURRENT_STEPS = {
    "rnn": lambda p: cell(torch.rnn_tanh_cell, p),
    "lstm": lambda p: cell(torch.lstm_cell, p),
    "gru": lambda p: cell(torch.gru_cell, p),
    "flashrnn_elman": flashrnn_elman,
    "flashrnn_lstm": flashrnn_lstm,
    "flashrnn_gru": flashrnn_gru,
    "slstm": slstm,
    "mingru": mingru,
    "minlstm": minlstm,
    "lru": lru,
    "s5": s5,
    "s4": s4,
    "s4_block": lambda p: gated(p, s4(part(p, "layer."))),
    "s4d": s4d,
    "s4d_minimal": s4d_minimal,
    "lssl": lssl,
    "mega_ema": mega_ema,
    "liquid_s4": liquid_s4,
    "gss": gss,
    "h3": h3,
    "conv": conv,
    "mamba": mamba,
}
