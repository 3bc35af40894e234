"""The forecasters of the benchmark in eager PyTorch: what a user of a Python research repository runs today.

Written from the published mathematics in the natural vectorised form. Shapes: x [b, l, c] -> forecast [b, p, c].
SAMoVAR comes in two forms: "states" materialises the running state of every step, as the released program does;
"quadratic" multiplies the masked score matrix, which is quicker at these sizes.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F


class RmsNorm(nn.Module):
    def __init__(self, shape, eps=1e-5):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape))
        self.eps = eps

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


class Mlp(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x)))


class Samovar(nn.Module):
    def __init__(self, lookback, horizon, channels, width=64, heads=8, layers=3, dropout=0.1, form="states"):
        super().__init__()
        self.p, self.h, self.form = horizon, heads, form
        self.n = -(-lookback // horizon)
        self.pad = self.n * horizon - lookback
        tokens, e = 2 * self.n, width // heads
        self.main, self.exo = nn.Linear(horizon, width), nn.Linear(horizon, width)
        self.mix = nn.Linear(channels, channels)
        self.norm_main, self.norm_exo = RmsNorm(width), RmsNorm(width)
        self.head = nn.Linear(width, horizon)
        self.position = nn.Parameter(0.02 * torch.randn(tokens, width))
        self.kind = nn.Parameter(0.02 * torch.randn(1, 1, 2, width))
        self.channel = nn.Parameter(0.02 * torch.randn(1, channels, tokens, width))
        self.channel_kind = nn.Parameter(0.02 * torch.randn(1, channels, 2, width))
        self.pre_norm, self.final_norm, self.var_norm = RmsNorm(width), RmsNorm(width), RmsNorm(width)
        self.lns = nn.ModuleList(RmsNorm(width) for _ in range(layers))
        self.mlps = nn.ModuleList(Mlp(width, 4 * width) for _ in range(layers))
        self.q = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
        self.v = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
        self.q_norm = nn.ModuleList(RmsNorm((heads, e), 1e-8) for _ in range(layers))
        self.v_norm = nn.ModuleList(RmsNorm((heads, e), 1e-8) for _ in range(layers))
        self.lu = nn.Parameter(math.sqrt(0.02 / math.sqrt(e)) * torch.randn(heads, e, e))
        self.drop = nn.Dropout(dropout)
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.normal_(m.weight, std=0.02)
                nn.init.zeros_(m.bias)
        self.register_buffer("mask", torch.tril(torch.ones(tokens, tokens)))

    def attend(self, q, k, v):  # [n, h, t, e]
        if self.form == "quadratic":
            return (q @ k.transpose(-1, -2) * self.mask) @ v
        states = torch.cumsum(k.unsqueeze(-1) * v.unsqueeze(-2), dim=2)  # [n, h, t, e, e]
        return (q.unsqueeze(-2) @ states).squeeze(-2)

    def forward(self, x):
        b, l, c = x.shape
        mean = x[:, -self.p:].mean(1, keepdim=True)
        std = x.std(1, keepdim=True) + 1e-8
        z = ((x - mean) / std).transpose(1, 2)
        z = F.pad(z, (self.pad, 0)).view(b, c, self.n, self.p)
        exo = self.norm_exo(self.exo(self.mix(z.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)))
        tokens = torch.stack([exo, self.norm_main(self.main(z))], 3).flatten(2, 3)  # [b, c, t, d]
        t, d = tokens.shape[2:]
        place = (self.position[: self.n].repeat_interleave(2, 0) + self.channel
                 + self.kind.repeat(1, 1, self.n, 1) + self.channel_kind.repeat(1, 1, self.n, 1))
        y = self.pre_norm(self.drop(tokens) + place).reshape(b * c, t, d)
        for norm, mlp in zip(self.lns, self.mlps):
            y = y + self.drop(mlp(norm(y)))
        x0 = self.var_norm(y)
        heads = lambda u: u.view(b * c, t, self.h, d // self.h)
        k, total = heads(x0).transpose(1, 2), 0
        for q, v, qn, vn in zip(self.q, self.v, self.q_norm, self.v_norm):
            o = self.attend(qn(heads(q(x0))).transpose(1, 2), k, vn(heads(v(x0))).transpose(1, 2))
            total, k = total + o, self.drop(o)
        lower = torch.tril(self.lu, -1) + torch.eye(d // self.h)
        upper = torch.triu(self.lu, 1) + torch.diag_embed(F.softplus(torch.diagonal(self.lu, dim1=-2, dim2=-1)))
        read = total[:, :, 1::2] @ (lower @ upper)
        y = x0[:, 1::2] + read.transpose(1, 2).reshape(b * c, self.n, d)
        out = self.head(self.final_norm(y)).view(b, c, self.n, self.p)
        self.next_step = F.mse_loss(out[:, :, :-1], z[:, :, 1:])
        return out[:, :, -1].transpose(1, 2) * std + mean

    def loss(self, x, y):
        return F.mse_loss(self(x), y) + self.next_step


class DLinear(nn.Module):
    def __init__(self, lookback, horizon):
        super().__init__()
        self.seasonal, self.trend = nn.Linear(lookback, horizon), nn.Linear(lookback, horizon)

    def forward(self, x):
        z = x.transpose(1, 2)
        trend = F.avg_pool1d(F.pad(z, (12, 12), mode="replicate"), 25, 1)
        return (self.seasonal(z - trend) + self.trend(trend)).transpose(1, 2)

    def loss(self, x, y):
        return F.mse_loss(self(x), y)


class ResidualAttentionLayer(nn.Module):  # PatchTST
    def __init__(self, width, heads, hidden, dropout):
        super().__init__()
        self.h = heads
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.ff = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, width))
        self.norm1, self.norm2 = nn.BatchNorm1d(width), nn.BatchNorm1d(width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x, scores):
        n, t, d = x.shape
        heads = lambda u: u.view(n, t, self.h, -1).transpose(1, 2)
        raw = heads(self.q(x)) @ heads(self.k(x)).transpose(-1, -2) * (d // self.h) ** -0.5
        if scores is not None:
            raw = raw + scores
        a = (raw.softmax(-1) @ heads(self.v(x))).transpose(1, 2).reshape(n, t, d)
        x = self.norm1((x + self.drop(self.out(a))).transpose(1, 2)).transpose(1, 2)
        x = self.norm2((x + self.drop(self.ff(x))).transpose(1, 2)).transpose(1, 2)
        return x, raw


class PatchTst(nn.Module):
    def __init__(self, lookback, horizon, width=128, heads=8, hidden=2048, layers=3, dropout=0.1):
        super().__init__()
        n = (lookback - 16) // 8 + 2
        self.embed, self.position = nn.Linear(16, width), nn.Parameter(torch.rand(n, width) * 0.04 - 0.02)
        self.layers = nn.ModuleList(ResidualAttentionLayer(width, heads, hidden, dropout) for _ in range(layers))
        self.head, self.drop = nn.Linear(width * n, horizon), nn.Dropout(dropout)

    def forward(self, x):
        b, l, c = x.shape
        mean = x.mean(1, keepdim=True).detach()
        std = torch.sqrt(x.var(1, keepdim=True, unbiased=False) + 1e-5).detach()
        z = F.pad(((x - mean) / std).transpose(1, 2), (0, 8), mode="replicate").unfold(-1, 16, 8)
        y = self.drop(self.embed(z) + self.position).flatten(0, 1)
        scores = None
        for layer in self.layers:
            y, scores = layer(y, scores)
        return self.head(y.transpose(1, 2).reshape(b, c, -1)).transpose(1, 2) * std + mean

    def loss(self, x, y):
        return F.mse_loss(self(x), y)


class ITransformer(nn.Module):
    def __init__(self, lookback, horizon, width=128, heads=8, hidden=2048, layers=3, dropout=0.1):
        super().__init__()
        self.embed, self.project, self.h = nn.Linear(lookback, width), nn.Linear(width, horizon), heads
        self.qkv = nn.ModuleList(nn.ModuleList(nn.Linear(width, width) for _ in range(4)) for _ in range(layers))
        self.conv1 = nn.ModuleList(nn.Conv1d(width, hidden, 1) for _ in range(layers))
        self.conv2 = nn.ModuleList(nn.Conv1d(hidden, width, 1) for _ in range(layers))
        self.norms = nn.ModuleList(nn.ModuleList(nn.LayerNorm(width) for _ in range(2)) for _ in range(layers))
        self.norm, self.drop = nn.LayerNorm(width), nn.Dropout(dropout)

    def forward(self, x, marks):
        c = x.shape[2]
        mean = x.mean(1, keepdim=True).detach()
        x = x - mean
        std = torch.sqrt(x.var(1, keepdim=True, unbiased=False) + 1e-5)
        y = self.drop(self.embed(torch.cat([(x / std).transpose(1, 2), marks.transpose(1, 2)], 1)))
        b, t, d = y.shape
        heads = lambda u: u.view(b, t, self.h, -1).transpose(1, 2)
        for (q, k, v, out), conv1, conv2, (n1, n2) in zip(self.qkv, self.conv1, self.conv2, self.norms):
            a = (heads(q(y)) @ heads(k(y)).transpose(-1, -2) * (d // self.h) ** -0.5).softmax(-1)
            y = n1(y + self.drop(out((self.drop(a) @ heads(v(y))).transpose(1, 2).reshape(b, t, d))))
            f = self.drop(F.gelu(conv1(y.transpose(1, 2))))
            y = n2(y + self.drop(conv2(f)).transpose(1, 2))
        return self.project(self.norm(y)).transpose(1, 2)[:, :, :c] * std + mean

    def loss(self, x, y):
        return F.mse_loss(self(x, x.new_zeros(x.shape[0], x.shape[1], 4)), y)


class Cats(nn.Module):
    def __init__(self, lookback, horizon, c, rate=8, fc=8, fn=8, fl=16, fe=4):
        super().__init__()
        self.l, self.p, self.c, self.fn = lookback, horizon, c, fn
        f = self.f = 2 * fc + 2 * fn + c + fl + c + fe + c
        self.aggregate = nn.Linear(lookback, 1)
        self.score = nn.Sequential(nn.Linear(c, 8 * f), nn.GELU(), nn.Linear(8 * f, f), nn.Sigmoid())
        self.blocks = nn.ModuleList(
            nn.Conv1d(c, k * fn, k, stride=k, padding=((k - lookback % k) % k) // 2) for k in (12, 24))
        self.conv = nn.ModuleList([nn.Conv1d(c, fc, 49, padding=24), nn.Conv1d(c, fc, 193, padding=96)])
        self.grouped = nn.Conv1d(c, c, 99, padding=49, groups=c)
        self.pointwise = nn.Conv1d(c, fl, 1)
        self.embedding = nn.Parameter(torch.randn(1, lookback, fe))
        self.mask_w, self.mask_b = nn.Parameter(torch.zeros(f, lookback)), nn.Parameter(torch.zeros(f, 1))
        self.predictor = nn.Sequential(nn.Linear(lookback, rate * lookback), nn.Dropout(0.1), nn.GELU(),
                                       nn.Linear(rate * lookback, horizon))
        self.mix = nn.Conv1d(f, c, 1)
        nn.init.zeros_(self.mix.weight)
        self.register_buffer("lin", torch.linspace(1, 0, lookback))

    def series(self, conv, k, x):
        y = conv(x)
        b, _, n = y.shape
        y = y.view(b, self.fn, k, n).transpose(2, 3).reshape(b, self.fn, n * k)
        return F.pad(y, (self.l - n * k, 0))

    def forward(self, x):
        last = x[:, -1:].detach()
        z = (x - last).transpose(1, 2)  # [b, c, l]
        b = z.shape[0]
        scores = self.score(F.relu(self.aggregate(z)).transpose(1, 2)).transpose(1, 2)  # [b, f, 1]
        ones = scores.new_ones(b, self.f - self.c, 1)
        encode = torch.cat([scores[:, : -self.c], ones[:, : self.c]], 1)
        decode = torch.cat([ones, scores[:, -self.c:]], 1)
        pool = torch.cat([self.series(self.blocks[0], 12, z), self.series(self.blocks[1], 24, z), self.conv[0](z),
                          self.conv[1](z), self.grouped(z), self.pointwise(z), z,
                          self.embedding.transpose(1, 2).expand(b, -1, -1), z], 1) * encode
        n = (pool - pool.mean(-1, keepdim=True)) / (pool.std(-1, keepdim=True) + 1e-6)
        self.continuity = (n[..., 1:] - n[..., :-1]).pow(2).mean()
        gate = (pool * self.mask_w).sum(-1, keepdim=True) + self.mask_b
        m = 1 - self.lin * gate
        pool = pool * ((m > 0).float().detach() + m - m.detach())
        future = self.predictor(pool)
        out = future[:, -self.c:] + self.mix(future * decode)
        return out.transpose(1, 2) + last

    def loss(self, x, y):
        return F.mse_loss(self(x), y) + self.continuity


def build(name, lookback, horizon, channels):
    return {
        "samovar": lambda: Samovar(lookback, horizon, channels),
        "samovar_quadratic": lambda: Samovar(lookback, horizon, channels, form="quadratic"),
        "dlinear": lambda: DLinear(lookback, horizon),
        "patchtst": lambda: PatchTst(lookback, horizon),
        "cats": lambda: Cats(lookback, horizon, channels),
        "itransformer": lambda: ITransformer(lookback, horizon),
    }[name]()
