"""Imitate a darts player: a small conditional GAN learns where the darts land for each aim."""

import copy
import logging
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

log = logging.getLogger("darts")

AIMS = {"bull": (0.0, 0.0), "treble 20": (0.0, 1.0), "treble 19": (-0.31, -0.95), "double 16": (-1.32, -0.95)}


@dataclass
class Recipe:
    throws: int = 8000
    noise: int = 8
    width: int = 64
    aim_dim: int = 6
    batch_size: int = 128
    steps: int = 2600
    critic_steps: int = 1
    lr_g: float = 1e-3
    lr_d: float = 2e-3
    penalty: float = 0.05
    warmup: int = 100
    ema: float = 0.99
    seed: int = 19


class Throws(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        self.aim = rng.integers(0, len(AIMS), n)
        centre = np.array(list(AIMS.values()))[self.aim]
        drift = rng.gamma(2.0, 0.05, n) - 0.1
        along = rng.normal(0, 0.25, n)
        across = rng.normal(0, 0.10, n)
        tilt = np.array([0.3, -0.4, 0.9, 0.0])[self.aim]
        x = np.cos(tilt) * across - np.sin(tilt) * along
        y = np.sin(tilt) * across + np.cos(tilt) * along - drift
        self.landed = torch.tensor(centre + np.stack([x, y], 1), dtype=torch.float32)
        self.aim = torch.tensor(self.aim)

    def __len__(self):
        return len(self.aim)

    def __getitem__(self, i):
        return self.landed[i], self.aim[i]


class Generator(nn.Module):
    def __init__(self, r):
        super().__init__()
        self.aim = nn.Embedding(len(AIMS), r.aim_dim)
        self.body = nn.Sequential(
            nn.Linear(r.noise + r.aim_dim, r.width), nn.ReLU(), nn.Linear(r.width, r.width), nn.ReLU()
        )
        self.land = nn.Linear(r.width, 2)
        self.noise = r.noise

    def forward(self, aim):
        z = torch.randn(len(aim), self.noise)
        return self.land(self.body(torch.cat([z, self.aim(aim)], dim=1)))


class Discriminator(nn.Module):
    """Projection discriminator."""

    def __init__(self, r):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(2, r.width),
            nn.LeakyReLU(0.2),
            nn.Linear(r.width, r.width),
            nn.LeakyReLU(0.2),
            nn.Linear(r.width, r.width),
            nn.LeakyReLU(0.2),
        )
        self.real = nn.Linear(r.width, 1)
        self.aim = nn.Embedding(len(AIMS), r.width)

    def forward(self, landed, aim):
        h = self.body(3 * landed)
        return self.real(h).squeeze(1) + (h * self.aim(aim)).sum(1) / h.size(1) ** 0.5


class Ema:
    def __init__(self, model, decay):
        self.model = copy.deepcopy(model).requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model):
        for slow, fast in zip(self.model.parameters(), model.parameters()):
            slow.lerp_(fast, 1 - self.decay)


def forever(loader):
    while True:
        yield from loader


def discriminator_step(gen, disc, opt, landed, aim, r):
    with torch.no_grad():
        fake = gen(aim)
    landed = landed.clone().requires_grad_()
    real_score, fake_score = disc(landed, aim), disc(fake, aim)
    loss = F.softplus(-real_score).mean() + F.softplus(fake_score).mean()
    (slope,) = torch.autograd.grad(real_score.sum(), landed, create_graph=True)
    opt.zero_grad(set_to_none=True)
    (loss + 0.5 * r.penalty * slope.square().sum(1).mean()).backward()
    opt.step()
    return loss.item()


def generator_step(gen, disc, opt, aim):
    disc.requires_grad_(False)
    loss = F.softplus(-disc(gen(aim), aim)).mean()
    opt.zero_grad(set_to_none=True)
    loss.backward()
    opt.step()
    disc.requires_grad_(True)
    return loss.item()


def energy_distance(a, b):
    within = torch.cdist(a, a).mean() + torch.cdist(b, b).mean()
    return (2 * torch.cdist(a, b).mean() - within).clamp_min(0).sqrt().item()


@torch.no_grad()
def compare(gen, data):
    """Energy distance for each aim, and the error of the mean landing point in widths of the spread."""
    distance, offset = [], []
    for k in range(len(AIMS)):
        real = data.landed[data.aim == k]
        fake = gen(torch.full((len(real),), k))
        distance.append(energy_distance(real, fake))
        offset.append(((real.mean(0) - fake.mean(0)).norm() / real.std(0).norm()).item())
    return np.mean(distance), max(offset)


def main():
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    r = Recipe()
    torch.manual_seed(r.seed)
    stream = forever(DataLoader(Throws(r.throws, r.seed), r.batch_size, shuffle=True, drop_last=True))
    held = Throws(1600, r.seed + 1)
    other = Throws(1600, r.seed + 2)
    floor = np.mean([energy_distance(held.landed[held.aim == k], other.landed[other.aim == k]) for k in range(4)])
    gen, disc = Generator(r), Discriminator(r)
    slow = Ema(gen, r.ema)
    opt_g = torch.optim.Adam(gen.parameters(), lr=r.lr_g, betas=(0.5, 0.99))
    opt_d = torch.optim.Adam(disc.parameters(), lr=r.lr_d, betas=(0.5, 0.99))

    def ramp(step):
        return min(1.0, step / r.warmup) * (1.0 if step < r.steps // 2 else 2 - 2 * step / r.steps)

    schedules = [torch.optim.lr_scheduler.LambdaLR(opt, ramp) for opt in (opt_g, opt_d)]
    sums = np.zeros(2)
    for step in range(1, r.steps + 1):
        for _ in range(r.critic_steps):
            landed, aim = next(stream)
            loss_d = discriminator_step(gen, disc, opt_d, landed, aim, r)
        loss_g = generator_step(gen, disc, opt_g, aim)
        slow.update(gen)
        for schedule in schedules:
            schedule.step()
        sums += loss_d, loss_g
        if step % 200 == 0:
            distance, offset = compare(slow.model, held)
            log.info(
                "step %4d  D %.3f  G %.3f  energy distance %.3f (two real sets %.3f)  worst mean off by %.2f",
                step, *(sums / 200), distance, floor, offset,
            )
            sums[:] = 0


if __name__ == "__main__":
    main()
