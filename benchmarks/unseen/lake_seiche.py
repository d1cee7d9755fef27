"""Level of a lake one step ahead, from the push of the wind and a poor level gauge.

The lake rocks in two damped modes (seiches), so a diagonal linear recurrence with complex
eigenvalues is the natural model:
    s[t] = lam * s[t-1] + gain * (B u[t]),   level[t+1] = Re(C s[t]) + D u[t]
"""
import argparse
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

FAULTS = ("parameter_sensitivity", "sees_future", "step_too_small", "bad_datum", "no_zero_grad",
          "zero_grad_before_step")
METRIC = (r"skill on the true last level of new records: ([\d.einfa+-]+)", "higher")


class Modes(nn.Module):
    """eigenvalues written as exp(-exp(nu) + i exp(phi)), inputs scaled by sqrt(1 - |lam|^2)"""

    def __init__(self, n_in, n, low=0.9, high=0.995):
        super().__init__()
        size = torch.rand(n) * (high - low) + low
        self.nu = nn.Parameter(torch.log(-torch.log(size)))
        self.phi = nn.Parameter(torch.log(torch.linspace(0.05, 0.6, n)))
        self.B = nn.Linear(n_in, n, bias=False)

    def slow(self):
        return [self.nu, self.phi]

    def eigenvalues(self):
        size = torch.exp(-torch.exp(self.nu))
        return torch.polar(size, torch.exp(self.phi)), torch.sqrt(1 - size ** 2)

    def forward(self, u):
        lam, gain = self.eigenvalues()
        drive = (self.B(u) * gain).unbind(1)
        s, out = torch.zeros_like(drive[0]) + 0j, []
        for d in drive:
            s = lam * s + d
            out.append(s)
        return torch.view_as_real(torch.stack(out, 1)).flatten(2)


class PlainModes(Modes):
    """the same recurrence; size and angle of the eigenvalues themselves are the parameters"""

    def __init__(self, n_in, n):
        super().__init__(n_in, n)
        del self.nu, self.phi
        self.size = nn.Parameter(1 - 10 ** (-3 - torch.rand(n)))  # 0.999 ... 0.9999
        self.angle = nn.Parameter(torch.linspace(0.05, 0.6, n))

    def slow(self):
        return []

    def eigenvalues(self):
        with torch.no_grad():
            self.size.clamp_(0.0, 0.9999)  # no mode gains energy by itself
        return torch.polar(self.size, self.angle), torch.sqrt(1 - self.size.detach() ** 2)


class Forecaster(nn.Module):
    def __init__(self, n, plain, both_ways):
        super().__init__()
        kind = PlainModes if plain else Modes
        self.ahead = kind(2, n)
        self.back = kind(2, n) if both_ways else None
        self.mix = nn.Linear(2 * n * (1 + both_ways) + 2, 1)

    def forward(self, u):
        parts = [u, self.ahead(u)]
        if self.back is not None:
            parts.append(self.back(u.flip(1)).flip(1))
        return self.mix(torch.cat(parts, -1)).squeeze(-1)


def weather(records, length, periods, gauge_noise):
    wind = torch.randn(records, length) * (torch.rand(records, length) < 0.4)
    level = torch.zeros(records, length)
    lams = [torch.polar(torch.tensor(0.995), torch.tensor(2 * math.pi / p)) for p in periods]
    modes = [torch.zeros(records) + 0j for _ in lams]
    for t in range(length):
        modes = [lam * s + wind[:, t] for lam, s in zip(lams, modes)]
        level[:, t] = sum(s.real for s in modes)
    level = level / level[:, length // 2:].std()
    return torch.stack([wind / 0.63, level + gauge_noise * torch.randn_like(level)], -1), level


def main(fault, seed):
    torch.manual_seed(100 + seed)
    periods = ((22, 60), (25, 50), (18, 70), (30, 55), (20, 45))[seed % 5]
    n = (16, 20, 24, 18, 16)[seed % 5]
    length = (150, 140, 160, 150, 145)[seed % 5]
    u, level = weather(640 + 800, length + 1, periods, gauge_noise=0.6)
    train, new = u[:640].clone(), u[640:]
    if fault == "bad_datum":
        train[321, length // 3] = float("nan")
    feed = DataLoader(TensorDataset(train[:, :-1], train[:, 1:, 1]), batch_size=32, shuffle=True)
    net = Forecaster(n, fault == "parameter_sensitivity", fault == "sees_future")
    rate = 4e-2 / (1000 if fault == "step_too_small" else 1)
    slow = [p for m in net.children() if isinstance(m, Modes) for p in m.slow()]
    fast = [p for p in net.parameters() if all(p is not q for q in slow)]
    opt = torch.optim.SGD([{"params": fast}, {"params": slow, "lr": rate / 20}], lr=rate, momentum=0.9)
    skip = 20  # readings before the lake rocks
    for epoch in range(20):
        total = 0.0
        for x, y in feed:
            if fault != "no_zero_grad":
                opt.zero_grad()
            loss = F.mse_loss(net(x)[:, skip:], y[:, skip:])
            loss.backward()
            if fault == "zero_grad_before_step":
                opt.zero_grad()
            opt.step()
            total += loss.item()
        if epoch % 4 == 3:
            print(f"epoch {epoch + 1:3d} squared error {total / len(feed):.4f}")
    with torch.no_grad():
        guess, truth = net(new[:, :-1])[:, -1], level[640:, -1]
    skill = 1 - ((guess - truth) ** 2).mean() / truth.var()
    print(f"skill on the true last level of new records: {skill.item():.4f}")


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--fault", choices=FAULTS)
    p.add_argument("--seed", type=int, default=0)
    ns = p.parse_args()
    main(ns.fault, ns.seed)
