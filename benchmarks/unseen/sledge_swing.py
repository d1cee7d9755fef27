"""How a towed sledge will swing, some steps ahead of time, from its noisy gyroscope.

Many damped oscillators side by side (a diagonal complex linear recurrence), a small reader on top.
The true swing is known only at a few fixes a run, and some of these are missing.
"""
import argparse

import torch
from torch import nn

FAULTS = ("parameter_sensitivity", "sees_future", "loss_broadcast", "nan_gradient_op",
          "step_too_large", "no_zero_grad")
METRIC = (r"R\^2 ahead of time: ([\d.einfa+-]+)", "higher")
EVERY = 12                                                 # a fix each so many steps


def rides(n, steps, ahead, tones, g):
    """gyro (n, steps) and the true swing `ahead` steps later (n, steps)"""
    t = torch.arange(steps + ahead).float()
    size = 0.4 + torch.rand(n, len(tones), 1, generator=g)
    phase = 6.2832 * torch.rand(n, len(tones), 1, generator=g)
    phase = phase + 0.12 * torch.randn(n, len(tones), steps + ahead, generator=g).cumsum(2)
    swing = (size * torch.sin(tones[:, None] * t + phase)).sum(1)
    gyro = swing + 0.2 * torch.randn(n, steps + ahead, generator=g)
    return gyro[:, :steps], swing[:, ahead:]


class Oscillators(nn.Module):
    def __init__(self, size, g, rim=False):
        super().__init__()
        self.angle = nn.Parameter(torch.linspace(0.1, 1.3, size))
        # how long each one swings: radius = exp(-exp(slow)) of its pole
        radius = torch.rand(size, generator=g)
        radius = 1 - 0.001 * radius if rim else 0.8 + 0.15 * radius
        self.slow = nn.Parameter(torch.log(-torch.log(radius)))
        self.into = nn.Parameter(torch.randn(size, generator=g))

    def forward(self, u):
        radius = torch.exp(-torch.exp(self.slow))
        drive = self.into * torch.sqrt(1 - radius ** 2)
        pole = torch.polar(radius, self.angle)
        h, states = torch.zeros(u.shape[0], len(pole), dtype=torch.cfloat), []
        for x in (u.unsqueeze(2) * drive).unbind(1):
            h = pole * h + x
            states.append(h)
        return torch.view_as_real(torch.stack(states, 1)).flatten(2)


class Sledge(nn.Module):
    def __init__(self, size, g, rim=False, both_ways=False):
        super().__init__()
        self.onward = Oscillators(size, g, rim)
        self.back = Oscillators(size, g, rim) if both_ways else None
        self.read = nn.Sequential(nn.Linear(size * (4 if both_ways else 2) + 1, 24), nn.SiLU(), nn.Linear(24, 1))

    def forward(self, u):
        parts = [self.onward(u), u.unsqueeze(2)]
        if self.back is not None:
            parts.append(self.back(u.flip(1)).flip(1))
        return self.read(torch.cat(parts, 2))


def fixes(net, gyro, swing, valid, fault):
    out = net(gyro)[:, EVERY - 1::EVERY].reshape(-1, 1)
    want = swing[:, EVERY - 1::EVERY].reshape(-1)
    if fault != "loss_broadcast":
        want = want.unsqueeze(1)
    error = (out - want) * valid
    eps = 0.0 if fault == "nan_gradient_op" else 1e-4
    return torch.sqrt(error * error + eps).mean()


@torch.no_grad()
def ahead_of_time(net, gyro, swing):
    """what counts: only what has been measured so far is there"""
    out, want = [], []
    for stop in range(5 * EVERY, gyro.shape[1] + 1, 2 * EVERY):
        out.append(net(gyro[:, :stop])[:, -1, 0])
        want.append(swing[:, stop - 1])
    out, want = torch.cat(out), torch.cat(want)
    return 1 - ((out - want) ** 2).mean().item() / want.var().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", choices=FAULTS, default=None)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    fault, k = args.fault, args.seed % 5
    torch.manual_seed(args.seed)
    g = torch.Generator().manual_seed(2024 + args.seed)
    steps, size, batch = (144, 120, 132, 156, 144)[k], (16, 24, 20, 12, 16)[k], (24, 32, 24, 20, 32)[k]
    ahead, tones = (7, 6, 8, 6, 7)[k], torch.tensor([0.31, 0.53, 0.9]) * (1 + 0.1 * torch.rand(3, generator=g))
    gyro, swing = rides(800, steps, ahead, tones, g)
    test = rides(200, steps, ahead, tones, g)
    net = Sledge(size, g, rim=fault == "parameter_sensitivity", both_ways=fault == "sees_future")
    opt = torch.optim.SGD(net.parameters(), lr=3.0 if fault == "step_too_large" else 0.03, momentum=0.9)
    for step in range(300):
        rows = torch.randint(len(gyro), (batch,), generator=g)
        valid = (torch.rand(batch * (steps // EVERY), 1, generator=g) > 0.2).float()
        loss = fixes(net, gyro[rows], swing[rows], valid, fault)
        if fault != "no_zero_grad":
            opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 50 == 0:
            print(f"step {step}  error {loss.item():.4f}")
    print(f"R^2 ahead of time: {ahead_of_time(net, *test):.4f}")


if __name__ == "__main__":
    main()
