"""Bearing defects from short vibration recordings, few labels.

An auto-encoder learns the recordings of the whole plant first; then its encoder is kept as it is and a classifier is
trained on top for the defects of one machine, in half precision, the labelled batches split so that they fit.
"""

import argparse
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

DEFECTS = ("none", "inner race", "outer race", "cage", "loose")


@dataclass
class Stage:
    epochs: int
    batch_size: int
    lr: float
    warmup: int


@dataclass
class Plan:
    samples: int = 128
    plant: int = 3000
    labelled: int = 1408
    held_out: int = 500
    code: int = 48
    pretrain: Stage = None
    tune: Stage = None
    accumulate: int = 4
    seed: int = 23

    def __post_init__(self):
        self.pretrain = self.pretrain or Stage(epochs=28, batch_size=64, lr=2e-3, warmup=50)
        self.tune = self.tune or Stage(epochs=28, batch_size=16, lr=4e-3, warmup=40)


def record(n, samples, rng):
    """Log spectra of vibrations: shaft harmonics, plus the lines and side bands of the defect."""
    defect = rng.integers(0, len(DEFECTS), n)
    t = np.arange(2 * samples) / (2 * samples)
    shaft = rng.uniform(5.5, 7.5, (n, 1))
    signal = np.sin(2 * np.pi * (shaft * t + rng.random((n, 1))))
    ratio = np.array([0.0, 5.4, 3.6, 0.4, 0.0])[defect][:, None]
    burst = np.maximum(np.cos(2 * np.pi * (ratio * shaft * t + rng.random((n, 1)))), 0) ** 6
    ring = np.sin(2 * np.pi * (rng.uniform(70, 90, (n, 1)) * t + rng.random((n, 1))))
    signal += 1.6 * (ratio > 1) * burst * ring
    signal += 0.7 * (defect == 3)[:, None] * np.sin(2 * np.pi * 0.4 * shaft * t + 1) * signal
    for k in (2, 3, 4):
        signal += 0.5 * (defect == 4)[:, None] * np.sin(2 * np.pi * (k * shaft * t + rng.random((n, 1))))
    signal += rng.normal(0, 0.35, signal.shape)
    spectrum = np.log1p(np.abs(np.fft.rfft(signal * np.hanning(2 * samples), axis=1))[:, :samples])
    return torch.tensor(spectrum, dtype=torch.float32), torch.tensor(defect)


class Encoder(nn.Module):
    def __init__(self, samples, code):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv1d(1, 12, 7, stride=2, padding=3), nn.ReLU(), nn.Conv1d(12, 24, 5, stride=2, padding=2), nn.ReLU()
        )
        self.code = nn.Linear(24 * (samples // 4), code)

    def forward(self, x):
        return self.code(self.conv(x.unsqueeze(1)).flatten(1))


class AutoEncoder(nn.Module):
    def __init__(self, plan):
        super().__init__()
        self.encoder = Encoder(plan.samples, plan.code)
        self.decoder = nn.Sequential(nn.Linear(plan.code, 128), nn.ReLU(), nn.Linear(128, plan.samples))

    def forward(self, x):
        return self.decoder(self.encoder(x))


class DefectNet(nn.Module):
    def __init__(self, encoder, code):
        super().__init__()
        self.encoder = encoder
        self.head = nn.Sequential(
            nn.BatchNorm1d(code), nn.Linear(code, 96), nn.ReLU(), nn.Dropout(0.1), nn.Linear(96, len(DEFECTS))
        )
        self.encoder.requires_grad_(False)

    def train(self, mode=True):
        super().train(mode)
        self.encoder.eval()
        return self

    def forward(self, x):
        with torch.no_grad():
            code = self.encoder(x)
        return self.head(code)


def warm(optimizer, stage, updates):
    def factor(i):
        return i / stage.warmup if i < stage.warmup else (updates - i) / (updates - stage.warmup)

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def pretrain(plan, spectra):
    stage = plan.pretrain
    model = AutoEncoder(plan)
    loader = DataLoader(TensorDataset(spectra), stage.batch_size, shuffle=True, drop_last=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=stage.lr)
    scheduler = warm(optimizer, stage, stage.epochs * len(loader))
    for epoch in range(1, stage.epochs + 1):
        total = 0.0
        for (x,) in loader:
            noisy = x + 0.2 * torch.randn_like(x)
            loss = F.mse_loss(model(noisy), x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.item()
        if epoch % 4 == 0:
            print(f"auto-encoder epoch {epoch:2d}  explained {1 - total / len(loader) / spectra.var().item():.3f}")
    return model.encoder


def fine_tune(plan, encoder, labelled, held):
    stage = plan.tune
    net = DefectNet(encoder, plan.code)
    loader = DataLoader(TensorDataset(*labelled), stage.batch_size, shuffle=True, drop_last=True)
    updates = stage.epochs * (len(loader) // plan.accumulate)
    optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=stage.lr)
    scheduler = warm(optimizer, stage, updates)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**20, growth_interval=100)
    skipped = 0
    for epoch in range(1, stage.epochs + 1):
        net.train()
        total = 0.0
        for i, (x, defect) in enumerate(loader, start=1):
            with torch.autocast("cpu", dtype=torch.float16):
                logits = net(x)
            loss = F.cross_entropy(logits.float(), defect)
            scaler.scale(loss / plan.accumulate).backward()
            total += loss.item()
            if i % plan.accumulate == 0:
                before = scaler.get_scale()
                scaler.unscale_(optimizer)
                nn.utils.clip_grad_norm_(net.head.parameters(), 1.0)
                scaler.step(optimizer)
                scaler.update()
                optimizer.zero_grad()
                if scaler.get_scale() < before:
                    skipped += 1
                else:
                    scheduler.step()
        if epoch % 4 == 0:
            print(
                f"defects epoch {epoch:2d}  loss {total / len(loader):.3f}  held out right {right(net, *held):.3f}  "
                f"scale 2^{np.log2(scaler.get_scale()):.0f}  skipped {skipped}"
            )
    return net


@torch.no_grad()
def right(net, x, defect):
    net.eval()
    return (net(x).argmax(1) == defect).float().mean().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=Plan.seed)
    parser.add_argument("--accumulate", type=int, default=Plan.accumulate)
    plan = Plan(**vars(parser.parse_args()))
    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(plan.seed)
    spectra, _ = record(plan.plant, plan.samples, rng)
    mean, std = spectra.mean(0), spectra.std(0)
    labelled, held = record(plan.labelled, plan.samples, rng), record(plan.held_out, plan.samples, rng)
    encoder = pretrain(plan, (spectra - mean) / std)
    fine_tune(plan, encoder, ((labelled[0] - mean) / std, labelled[1]), ((held[0] - mean) / std, held[1]))


if __name__ == "__main__":
    main()
