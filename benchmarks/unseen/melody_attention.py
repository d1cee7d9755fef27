"""Melodies from a rule book: the next pitch hangs on the previous one and on the one a few notes back.

A small causal attention model learns the rule; rests ("0") break the tunes up and are masked out.
"""
import argparse
import math

import torch
from torch import nn
import torch.nn.functional as F

FAULTS = ("sees_future", "not_in_optimizer", "step_too_large", "cut_graph", "nan_gradient_op",
          "wrong_sign")
METRIC = (r"continuations right: ([\d.einfa+-]+)", "higher")


class Descent(torch.optim.Optimizer):
    """Adam without bias correction, decoupled decay, momentum looked up ahead"""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.98), decay=1e-2, tiny=1e-8):
        super().__init__(params, dict(lr=lr, betas=betas, decay=decay, tiny=tiny))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                s = self.state[p]
                if not s:
                    s["m"], s["v"] = p.grad.clone(), p.grad ** 2
                s["m"].lerp_(p.grad, 1 - b1)
                s["v"].lerp_(p.grad ** 2, 1 - b2)
                ahead = b1 * s["m"] + (1 - b1) * p.grad
                p.mul_(1 - group["lr"] * group["decay"])
                p.addcdiv_(ahead, s["v"].sqrt() + group["tiny"], value=-group["lr"])


class Book:
    def __init__(self, pitches, back, gen):
        self.pitches, self.back, self.gen = pitches, back, gen
        self.rule = torch.stack([torch.randperm(pitches, generator=gen) for _ in range(pitches)]) + 1

    def tunes(self, n, length, noise=0.1, rests=0.03):
        def rand(*shape):
            return torch.randint(1, self.pitches + 1, shape, generator=self.gen)
        tune = rand(n, length)
        for t in range(self.back, length):
            lawful = self.rule[tune[:, t - 1] - 1, tune[:, t - self.back] - 1]
            tune[:, t] = torch.where(torch.rand(n, generator=self.gen) < noise, tune[:, t], lawful)
        tune[torch.rand(n, length, generator=self.gen) < rests] = 0
        return tune


def unit_scale(x, keep, eps):
    """every kept position to root mean square one, rests to zero"""
    x = x * keep
    size = ((x ** 2).mean(-1, keepdim=True) + eps).sqrt()
    return x / size.clamp(min=1e-3)


class Attention(nn.Module):
    def __init__(self, dim, heads, causal):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.out = nn.Linear(dim, dim)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (z.view(b, t, self.heads, -1).transpose(1, 2) for z in self.qkv(x).chunk(3, -1))
        score = q @ k.transpose(-1, -2) / math.sqrt(d / self.heads)
        if self.causal:
            score = score.masked_fill(torch.ones(t, t).triu(1).bool(), -1e9)
        return self.out((score.softmax(-1) @ v).transpose(1, 2).reshape(b, t, d))


class Composer(nn.Module):
    def __init__(self, pitches, length, dim, fault):
        super().__init__()
        self.cut = fault == "cut_graph"
        self.eps = 0.0 if fault == "nan_gradient_op" else 1e-6
        self.pitch = nn.Embedding(pitches + 1, dim)
        self.place = nn.Parameter(torch.randn(length, dim) * 0.5)
        self.attend = Attention(dim, 4, causal=fault != "sees_future")
        self.think = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))
        self.say = nn.Linear(dim, pitches)

    def forward(self, notes):
        keep = (notes > 0).float()[..., None]
        x = self.pitch(notes) + self.place[:notes.shape[1]]
        x = x + self.attend(unit_scale(x, keep, self.eps))
        if self.cut:
            x = x.detach()
        return self.say(x + self.think(x))


def continuations(net, book, length, n=300):
    """for several cuts: play the beginning only and ask for the note that follows"""
    tune = book.tunes(n, length + 1, noise=0.0, rests=0.0)
    right = []
    with torch.no_grad():
        for cut in range(length // 2, length + 1, 3):
            guess = net(tune[:, :cut])[:, -1].argmax(-1) + 1
            right.append((guess == tune[:, cut]).float().mean())
    return torch.stack(right).mean().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--fault", choices=FAULTS)
    ap.add_argument("--seed", type=int, default=0)
    a = ap.parse_args()
    torch.manual_seed(a.seed)
    pitches, back = ((7, 3), (6, 4), (8, 2), (7, 4), (6, 3))[a.seed % 5]
    length, dim = ((20, 32), (18, 40), (24, 32), (20, 40), (22, 36))[a.seed % 5]
    book = Book(pitches, back, torch.Generator().manual_seed(a.seed))
    tune = book.tunes(3000, length + 1)
    net = Composer(pitches, length, dim, a.fault)
    if a.fault == "not_in_optimizer":
        params = [net.place, *net.pitch.parameters(), *net.think.parameters(), *net.say.parameters()]
    else:
        params = list(net.parameters())
    opt = Descent(params, lr=4e-3 * (100 if a.fault == "step_too_large" else 1))
    steps = 800
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1.0, (s + 1) / 50) * (1 - 0.9 * s / steps))
    for step in range(steps):
        rows = torch.randint(0, len(tune), (32,))
        logits = net(tune[rows, :-1])
        wanted = tune[rows, 1:] - 1  # -1 is a rest: nothing to foretell
        loss = F.cross_entropy(logits[:, back:].flatten(0, 1), wanted[:, back:].flatten(), ignore_index=-1)
        if a.fault == "wrong_sign":
            loss = -loss
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        if step % 100 == 99:
            print(f"step {step + 1} loss {loss.item():.4f}")
    print(f"continuations right: {continuations(net, book, length):.4f}")


if __name__ == "__main__":
    main()
