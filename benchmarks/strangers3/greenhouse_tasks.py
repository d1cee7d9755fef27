"""Greenhouse twin: next-hour temperature, humidity and a condensation warning from one shared trunk.

Trunk and heads have their own optimizers, since the heads are swapped whenever a new house is connected.
"""

import argparse
import logging
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, random_split

logger = logging.getLogger("greenhouse")


@dataclass
class TrunkOptions:
    width: int = 64
    depth: int = 3
    lr: float = 0.03
    momentum: float = 0.9


@dataclass
class HeadOptions:
    lr: float = 3e-3
    weight_decay: float = 1e-4


@dataclass
class Options:
    hours: int = 6000
    batch_size: int = 64
    epochs: int = 44
    seed: int = 21
    trunk: TrunkOptions = field(default_factory=TrunkOptions)
    heads: HeadOptions = field(default_factory=HeadOptions)


class GreenhouseHours(Dataset):
    """Sun, outside air, vent, lamp, misting, crop height, wind -> three things we want one hour later."""

    def __init__(self, hours, seed):
        rng = np.random.default_rng(seed)
        clock = rng.uniform(0, 24, hours)
        sun = np.clip(np.sin((clock - 6) / 12 * np.pi), 0, None) * rng.uniform(0.4, 1.0, hours)
        outside = 8 + 7 * np.sin((clock - 9) / 12 * np.pi) + rng.normal(0, 3, hours)
        vent, lamp, mist = rng.uniform(0, 1, (3, hours))
        height = rng.uniform(0.1, 2.2, hours)
        wind = rng.gamma(2.0, 1.5, hours)
        exchange = vent * (1 - np.exp(-wind / 3))
        temp = (1 - exchange) * (18 + 12 * sun + 3 * lamp) + exchange * outside - 2 * mist * sun
        hum = 60 + 25 * mist * (1 - exchange) + 8 * np.tanh(height) * sun - 0.8 * (temp - 18)
        dew = temp - (100 - hum) / 5
        wet = (dew > 0.35 * temp + 0.65 * outside + 2).astype(np.float32)
        x = np.stack(
            [np.sin(clock / 12 * np.pi), np.cos(clock / 12 * np.pi), sun, outside, vent, lamp, mist, height, wind], 1
        )
        y = np.stack([temp + rng.normal(0, 0.3, hours), hum + rng.normal(0, 0.8, hours)], 1)
        self.x = torch.tensor((x - x.mean(0)) / x.std(0), dtype=torch.float32)
        self.y = torch.tensor((y - y.mean(0)) / y.std(0), dtype=torch.float32)
        self.wet = torch.tensor(wet)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i, 0], self.y[i, 1], self.wet[i]


class Trunk(nn.Module):
    def __init__(self, n_in, opts):
        super().__init__()
        self.lift = nn.Linear(n_in, opts.width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(opts.width), nn.Linear(opts.width, opts.width), nn.SiLU())
            for _ in range(opts.depth)
        )

    def forward(self, x):
        h = self.lift(x)
        for block in self.blocks:
            h = h + block(h)
        return h


class Head(nn.Sequential):
    def __init__(self, width):
        super().__init__(nn.LayerNorm(width), nn.Linear(width, 32), nn.SiLU(), nn.Linear(32, 1))

    def forward(self, h):
        return super().forward(h).squeeze(-1)


class Twin:
    names = ("temperature", "humidity", "condensation")

    def __init__(self, opts, n_in):
        self.opts = opts
        self.trunk = Trunk(n_in, opts.trunk)
        self.heads = nn.ModuleDict({name: Head(opts.trunk.width) for name in self.names})
        self.optimizers = {
            "trunk": torch.optim.SGD(self.trunk.parameters(), lr=opts.trunk.lr, momentum=opts.trunk.momentum),
            "heads": torch.optim.AdamW(
                self.heads.parameters(), lr=opts.heads.lr, weight_decay=opts.heads.weight_decay
            ),
        }
        self.schedulers = [
            torch.optim.lr_scheduler.CosineAnnealingLR(opt, opts.epochs) for opt in self.optimizers.values()
        ]
        self.mse, self.bce = nn.MSELoss(), nn.BCEWithLogitsLoss()

    def clear(self):
        map(lambda opt: opt.zero_grad(set_to_none=True), self.optimizers.values())

    def advance(self):
        for opt in self.optimizers.values():
            opt.step()

    def predict(self, x):
        h = self.trunk(x)
        return {name: head(h) for name, head in self.heads.items()}

    def losses(self, batch):
        x, temp, hum, wet = batch
        out = self.predict(x)
        return {
            "temperature": self.mse(out["temperature"], temp),
            "humidity": self.mse(out["humidity"], hum),
            "condensation": self.bce(out["condensation"], wet),
        }

    def train_epoch(self, loader):
        totals = dict.fromkeys(self.names, 0.0)
        for batch in loader:
            self.clear()
            losses = self.losses(batch)
            sum(losses.values()).backward()
            self.advance()
            for name, value in losses.items():
                totals[name] += value.item() / len(loader)
        for scheduler in self.schedulers:
            scheduler.step()
        return totals

    @torch.no_grad()
    def evaluate(self, loader):
        rows = [(self.predict(batch[0]), batch[1:]) for batch in loader]
        report = {}
        for i, name in enumerate(self.names):
            guess = torch.cat([out[name] for out, _ in rows])
            truth = torch.cat([targets[i] for _, targets in rows])
            if name == "condensation":
                report[name] = ((guess > 0) == (truth > 0.5)).float().mean().item()
            else:
                report[name] = 1 - ((guess - truth) ** 2).mean().item() / truth.var().item()
        return report


def parse():
    opts = Options()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=opts.epochs)
    parser.add_argument("--trunk-lr", type=float, default=opts.trunk.lr)
    parser.add_argument("--seed", type=int, default=opts.seed)
    args = parser.parse_args()
    opts.epochs, opts.trunk.lr, opts.seed = args.epochs, args.trunk_lr, args.seed
    return opts


def main():
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    opts = parse()
    torch.manual_seed(opts.seed)
    data = GreenhouseHours(opts.hours, opts.seed)
    train, held = random_split(data, [opts.hours - 1000, 1000], generator=torch.Generator().manual_seed(opts.seed))
    train_loader = DataLoader(train, batch_size=opts.batch_size, shuffle=True, drop_last=True)
    held_loader = DataLoader(held, batch_size=500)
    twin = Twin(opts, data.x.size(1))
    for epoch in range(1, opts.epochs + 1):
        losses = twin.train_epoch(train_loader)
        if epoch % 4 == 0:
            report = twin.evaluate(held_loader)
            logger.info(
                "epoch %2d  loss %s  held out: R2 temp %.3f, R2 hum %.3f, warning right %.3f",
                epoch,
                " ".join(f"{v:.3f}" for v in losses.values()),
                *report.values(),
            )
    logger.info("share of warnings in the data %.3f", data.wet.mean().item())


if __name__ == "__main__":
    main()
