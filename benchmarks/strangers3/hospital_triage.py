"""Acuity at the emergency desk (four levels) from vitals, age and the chief complaint."""

import argparse
import logging
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%M:%S", level=logging.INFO)
log = logging.getLogger("triage")

COMPLAINTS = ("chest pain", "breathless", "fall", "fever", "headache", "cut", "rash", "dizzy")
LEVELS = ("immediate", "urgent", "standard", "can wait")


@dataclass
class TriageConfig:
    visits: int = 2200
    held_out: int = 600
    emb: int = 8
    width: int = 96
    dropout: float = 0.05
    batch_size: int = 32
    epochs: int = 60
    lr: float = 2e-3
    weight_decay: float = 1e-4
    seed: int = 77


def admit(n, rng):
    """Visits in the order of arrival."""
    age = rng.uniform(1, 95, n)
    complaint = rng.integers(0, len(COMPLAINTS), n)
    severity = rng.normal(0, 1, n)
    pulse = 78 + 14 * severity + rng.normal(0, 5, n)
    pressure = 122 - 9 * severity + 0.2 * (age - 50) + rng.normal(0, 6, n)
    oxygen = 97 - 2.0 * np.clip(severity, 0, None) - 2.5 * (complaint == 1) + rng.normal(0, 0.6, n)
    fever = 36.8 + 1.3 * (complaint == 3) + 0.3 * severity + rng.normal(0, 0.2, n)
    base = np.array([1.2, 1.0, 0.0, 0.1, -0.3, -0.6, -1.1, 0.2])[complaint]
    risk = base + 1.3 * severity + 0.015 * (age - 45) + 0.5 * (complaint == 0) * (age > 60)
    acuity = 3 - np.searchsorted(np.quantile(risk, [0.25, 0.5, 0.75]), risk)
    vitals = np.stack([age, pulse, pressure, oxygen, fever], axis=1)
    return {"vitals": vitals, "complaint": complaint, "acuity": acuity}


def mix(table, rng):
    """Arrivals follow the season, so mix them before cutting off the held-out part."""
    return {name: column[rng.permutation(len(column))] for name, column in table.items()}


def cut(table, n):
    return {k: v[:n] for k, v in table.items()}, {k: v[n:] for k, v in table.items()}


class Scaler:
    def fit(self, x):
        self.mean, self.std = x.mean(0), x.std(0)
        return self

    def __call__(self, x):
        return (x - self.mean) / self.std


class Visits(Dataset):
    def __init__(self, table, scaler):
        self.vitals = torch.tensor(scaler(table["vitals"]), dtype=torch.float32)
        self.complaint = torch.tensor(table["complaint"])
        self.acuity = torch.tensor(table["acuity"])

    def __len__(self):
        return len(self.acuity)

    def __getitem__(self, i):
        return self.vitals[i], self.complaint[i], self.acuity[i]


class TriageNet(nn.Module):
    def __init__(self, cfg, n_vitals):
        super().__init__()
        self.complaint = nn.Embedding(len(COMPLAINTS), cfg.emb)
        self.vitals = nn.Sequential(nn.Linear(n_vitals, cfg.width), nn.ReLU())
        self.mix = nn.Sequential(
            nn.Linear(cfg.width + cfg.emb, cfg.width),
            nn.ReLU(),
            nn.Dropout(cfg.dropout),
            nn.Linear(cfg.width, cfg.width),
            nn.ReLU(),
        )
        self.level = nn.Linear(cfg.width, len(LEVELS))

    def forward(self, vitals, complaint):
        return self.level(self.mix(torch.cat([self.vitals(vitals), self.complaint(complaint)], dim=1)))


@torch.no_grad()
def assess(net, loader, criterion):
    net.eval()
    out = SimpleNamespace(loss=0.0, right=0, close=0, n=0)
    for vitals, complaint, acuity in loader:
        logits = net(vitals, complaint)
        off = (logits.argmax(1) - acuity).abs()
        out.loss += criterion(logits, acuity).item() * len(acuity)
        out.right += (off == 0).sum().item()
        out.close += (off <= 1).sum().item()
        out.n += len(acuity)
    net.train()
    return SimpleNamespace(loss=out.loss / out.n, right=out.right / out.n, close=out.close / out.n)


def prepare(cfg):
    rng = np.random.default_rng(cfg.seed)
    table = mix(admit(cfg.visits + cfg.held_out, rng), rng)
    train, held = cut(table, cfg.visits)
    scaler = Scaler().fit(train["vitals"])
    return Visits(train, scaler), Visits(held, scaler)


def fit(cfg):
    torch.manual_seed(cfg.seed)
    train_set, held_set = prepare(cfg)
    loader = DataLoader(train_set, batch_size=cfg.batch_size, shuffle=True)
    train_view, held_view = DataLoader(train_set, batch_size=550), DataLoader(held_set, batch_size=300)
    net = TriageNet(cfg, train_set.vitals.size(1))
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(net.parameters(), lr=cfg.lr, weight_decay=cfg.weight_decay)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, cfg.epochs * len(loader))
    for epoch in range(1, cfg.epochs + 1):
        for vitals, complaint, acuity in loader:
            optimizer.zero_grad()
            loss = criterion(net(vitals, complaint), acuity)
            loss.backward()
            optimizer.step()
            scheduler.step()
        if epoch % 10 == 0:
            a, b = assess(net, train_view, criterion), assess(net, held_view, criterion)
            log.info(
                "epoch %3d  train loss %.3f right %.3f  held out loss %.3f right %.3f within one %.3f",
                epoch, a.loss, a.right, b.loss, b.right, b.close,
            )
    return net


if __name__ == "__main__":
    config = TriageConfig()
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=config.epochs)
    parser.add_argument("--width", type=int, default=config.width)
    parser.add_argument("--seed", type=int, default=config.seed)
    config.__dict__.update(vars(parser.parse_args()))
    fit(config)
