"""Tracks of otters in a round pond, of unequal length.  Attention over the past, with scores from
distances.  Two questions: where will it be at the next step, and how far is it at the end of
the track from where it started?"""
import argparse

import numpy as np
import torch
import torch.nn as nn

FAULTS = ("sees_future", "reads_padding", "nan_gradient_op", "bad_datum", "wrong_sign", "cut_graph")
METRIC = (r"skill \(step and journey\) = ([\d.einfa+-]+)", "higher")


class NovoGrad(torch.optim.Optimizer):
    """momentum of gradients divided by a running norm of the whole tensor"""

    def __init__(self, params, lr, betas=(0.9, 0.95), eps=1e-8):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            keep, slow = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state, size = self.state[p], p.grad.pow(2).mean()
                state["v"] = slow * state["v"] + (1 - slow) * size if "v" in state else size
                m = state.setdefault("m", torch.zeros_like(p))
                m.mul_(keep).add_(p.grad / (state["v"].sqrt() + group["eps"]), alpha=1 - keep)
                p.sub_(group["lr"] * m)


def swim(n, longest, rng):
    """zero-padded tracks (n, longest + 1, 2) and their lengths"""
    tracks, lengths = np.zeros((n, longest + 1, 2), dtype=np.float32), rng.integers(6, longest + 1, n)
    for i in range(n):
        turn = rng.choice([-0.7, -0.35, 0.35, 0.7])
        heading, at = rng.uniform(0, 2 * np.pi), rng.uniform(-0.6, 0.6, 2)
        for t in range(lengths[i] + 1):
            tracks[i, t] = at
            at = at + 0.35 * np.array([np.cos(heading), np.sin(heading)])
            heading += turn + 0.25 * rng.standard_normal()
    return torch.from_numpy(tracks), torch.from_numpy(lengths)


class Past(nn.Module):
    """one round of attention: the nearer the key to the query, the more"""

    def __init__(self, width, longest, causal, eps):
        super().__init__()
        self.q, self.k = nn.Linear(width, width), nn.Linear(width, width)
        self.v = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.lag = nn.Parameter(torch.zeros(2 * longest + 1))
        self.norm, self.causal, self.eps = nn.LayerNorm(width), causal, eps

    def forward(self, x):
        z = self.norm(x)
        gap = self.q(z).unsqueeze(2) - self.k(z).unsqueeze(1)
        when = torch.arange(x.shape[1])
        lag = self.lag[when[:, None] - when[None, :] + len(self.lag) // 2]
        seen = torch.ones(x.shape[1], x.shape[1])
        if self.causal:
            seen = seen.tril()
        distance = torch.sqrt((gap ** 2).mean(-1) * seen + self.eps)
        weight = (lag - 4 * distance).masked_fill(seen == 0, -1e9).softmax(-1)
        x = x + weight @ self.v(z)
        return x + self.mlp(x)


class Tracker(nn.Module):
    def __init__(self, longest, width, causal=True, eps=1e-6, cut=False):
        super().__init__()
        self.inp = nn.Linear(2, width)
        self.place = nn.Parameter(0.3 * torch.randn(longest + 1, width))
        self.rounds = nn.ModuleList(Past(width, longest + 1, causal, eps) for _ in range(2))
        self.step, self.journey = nn.Linear(width, 2), nn.Linear(width, 1)
        self.cut = cut

    def forward(self, tracks):
        x = self.inp(tracks) + self.place[:tracks.shape[1]]
        for layer in self.rounds:
            x = layer(x)
        if self.cut:
            x = x.detach()
        return self.step(x), self.journey(x)


def at_end(out, lengths, fault):
    if fault == "reads_padding":
        return out[:, -1]
    return out[torch.arange(len(out)), lengths - 1]


def distances(tracks, lengths):
    rows = torch.arange(len(tracks))
    return (tracks[rows, lengths - 1] - tracks[:, 0]).norm(dim=1, keepdim=True)


def skill(net, tracks, lengths, fault):
    """each track shown up to its last step only, as it is when the question is asked"""
    got, want, far, how_far = [], [], [], distances(tracks, lengths)
    with torch.no_grad():
        for n in lengths.unique().tolist():
            mine = tracks[lengths == n]
            step, _ = net(mine[:, :n])
            got.append(step[:, -1])
            want.append(mine[:, n] - mine[:, n - 1])
        far = at_end(net(tracks[:, :-1])[1], lengths, fault)
    got, want = torch.cat(got), torch.cat(want)
    first = 1 - ((got - want) ** 2).mean() / want.var()
    second = 1 - ((far - how_far) ** 2).mean() / how_far.var()
    print(f"step {first.item():.3f}  journey {second.item():.3f}")
    return ((first + second) / 2).item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", choices=FAULTS, default=None)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    fault, k = args.fault, args.seed % 5
    rng = np.random.default_rng(args.seed + 60)
    torch.manual_seed(args.seed)
    longest, width, batch = (16, 18, 14, 20, 16)[k], (32, 24, 40, 32, 28)[k], (32, 32, 40, 24, 36)[k]
    tracks, lengths = swim(1500, longest, rng)
    test = swim(500, longest, rng)
    if fault == "bad_datum":
        tracks[int(rng.integers(len(tracks))), 3] = float("nan")
    net = Tracker(longest, width, causal=fault != "sees_future",
                  eps=0.0 if fault == "nan_gradient_op" else 1e-6, cut=fault == "cut_graph")
    opt = NovoGrad(net.parameters(), lr=3e-3)
    steps = 500
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(opt, steps)
    for i in range(steps):
        rows = torch.from_numpy(rng.choice(len(tracks), batch, replace=False))
        x, n = tracks[rows], lengths[rows]
        step, far = net(x[:, :-1])
        real = (torch.arange(longest) < n[:, None]).float().unsqueeze(2)
        step_loss = (((step - (x[:, 1:] - x[:, :-1])) * real) ** 2).sum() / real.sum()
        far_loss = ((at_end(far, n, fault) - distances(x, n)) ** 2).mean()
        loss = 3 * step_loss + far_loss
        opt.zero_grad()
        (-loss if fault == "wrong_sign" else loss).backward()
        opt.step()
        schedule.step()
        if i % 100 == 0:
            print(f"{i}: step {step_loss.item():.4f} journey {far_loss.item():.4f}")
    print(f"skill (step and journey) = {skill(net, *test, fault):.4f}")


if __name__ == "__main__":
    main()
