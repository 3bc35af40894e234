"""Stacks of six blocks at the lengths of ListOps in PyTorch; see pytorch_mixers.py."""

import functools
import math

import torch
from torch.nn import functional as F

from pytorch_attention import full_attention, split
from pytorch_convolutions import both_ways_block, channels_first, channels_last, gated_output, s4d_kernels
from pytorch_parts import layer_norm, linear, part


def stack(mixer, p, n):
    """Blocks of a mixer and, where there is one, an MLP, each behind a layer norm and around it the sum."""
    x, real = p["x"], p.get("real")
    for layer in range(1 + max(int(key.split(".")[1]) for key in p if key.startswith("layers."))):
        own = part(p, f"layers.{layer}.")
        x = x + mixer({**part(own, "mixer."), "x": layer_norm(x, own, "mixer_norm"), "real": real}, n)
        if "channel.up.weight" in own:
            hidden = F.gelu(linear(own, "channel.up", layer_norm(x, own, "channel_norm")))
            x = x + linear(own, "channel.down", hidden)
    return layer_norm(x, p, "norm")


# --- Mixers that leave padding out; real [b, t] tells what is none


def fast_length(n):
    """The shortest length from n that is a product of powers of 2, 3 and 5, which transforms take well."""
    return min(m for a in range(14) for b in range(4) for c in range(3) if (m := 2**a * 3**b * 5**c) >= n)


def padded_both_ways_block(p, n):
    x = p["x"] * p["real"].unsqueeze(-1)
    u, t = channels_first(x), x.shape[1]
    ahead, back = s4d_kernels(part(p, "layer.kernel."), t, n)[..., :t]
    size = fast_length(2 * t)
    k = F.pad(ahead, (0, size - t)) + F.pad(back.flip(-1), (size - t, 0))
    y = torch.fft.irfft(torch.fft.rfft(u, size) * torch.fft.rfft(k, size), size)[..., :t]
    return gated_output(p, channels_last(y + u * p["layer.D"].transpose(0, 1)))


def padded_attention(p, _):
    q, k, v = (split(linear(p, name, p["x"]), p["x"].shape[2] // 64) for name in "qkv")
    b, t, h, e = q.shape
    q, k, v = (y.transpose(1, 2).reshape(b * h, t, e) for y in (q, k, v))
    mask = torch.zeros(b, t).masked_fill(~p["real"], -math.inf).repeat_interleave(h, 0).unsqueeze(1)
    scores = torch.baddbmm(mask.expand(b * h, t, t), q, k.transpose(1, 2), alpha=e**-0.5)
    y = torch.bmm(scores.softmax(-1), v).view(b, h, t, e).transpose(1, 2)
    return linear(p, "o", y.flatten(-2))


def expressions(mixer, by_length, p, n):
    """Forward and backward of all batches of four: expressions as they come or those of similar length together."""
    lengths, x, dy = p["lengths"].long(), p["x"], p["dy"]
    weights = {name: value.detach().requires_grad_() for name, value in p.items() if name not in ("lengths", "x", "dy")}
    order = lengths.argsort(stable=True) if by_length else torch.arange(len(lengths))
    means = torch.empty_like(dy)
    with torch.enable_grad():
        for rows in order.split(4):
            own = lengths[rows].unsqueeze(1)
            most = int(own.max())
            real = torch.arange(most) < own
            y = stack(mixer, {**weights, "x": x[rows, :most], "real": real}, n)
            mean = (y * real.unsqueeze(-1)).sum(1) / own
            mean.backward(dy[rows])
            means[rows] = mean.detach()
    return (means, *(value.grad for value in weights.values()))


LISTOPS_FORMS = {
    "s4d_stack": (functools.partial(stack, both_ways_block), (125, 2000)),
    "transformer_stack": (functools.partial(stack, full_attention), (0,)),
}
for name, by_length in (("listops", False), ("listops_by_length", True)):
    LISTOPS_FORMS[f"s4d_{name}"] = (functools.partial(expressions, padded_both_ways_block, by_length), (128, 2048))
    LISTOPS_FORMS[f"transformer_{name}"] = (functools.partial(expressions, padded_attention, by_length), (0,))
