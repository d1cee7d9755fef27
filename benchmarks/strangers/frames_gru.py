#!/usr/bin/env python
# Frame-wise phone recognition on made-up "speech" (filter-bank like features), GRU acoustic model.
import argparse
import logging
import math
import time
from dataclasses import dataclass

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split

log = logging.getLogger("frames")


@dataclass
class Config:
    n_utts: int = 480
    n_frames: int = 80
    n_mels: int = 20
    n_phones: int = 12
    mean_duration: float = 9.0
    noise: float = 2.2
    hidden: int = 64
    layers: int = 2
    dropout: float = 0.1
    batch_size: int = 24
    epochs: int = 10
    lr: float = 3e-3
    patience: int = 5
    seed: int = 3


def make_corpus(cfg):
    """Every phone has a mean spectrum; phones last some frames; noise hides single frames."""
    g = torch.Generator().manual_seed(cfg.seed)
    spectra = torch.randn(cfg.n_phones, cfg.n_mels, generator=g)
    feats = torch.zeros(cfg.n_utts, cfg.n_frames, cfg.n_mels)
    labels = torch.zeros(cfg.n_utts, cfg.n_frames, dtype=torch.long)
    for u in range(cfg.n_utts):
        speaker = 0.2 * torch.randn(cfg.n_mels, generator=g)
        t = 0
        while t < cfg.n_frames:
            phone = torch.randint(cfg.n_phones, (), generator=g)
            r = torch.rand((), generator=g).item()
            dur = max(4, int(-math.log(r + 1e-6) * 0.5 * cfg.mean_duration + 0.5 * cfg.mean_duration))
            labels[u, t : t + dur] = phone
            feats[u, t : t + dur] = spectra[phone] + speaker
            t += dur
    feats += cfg.noise * torch.randn(feats.shape, generator=g)
    return feats, labels


class CMVN(nn.Module):
    """Mean and variance normalisation with statistics of the training set."""

    def __init__(self, n):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n))
        self.register_buffer("std", torch.ones(n))

    def fit(self, x):
        flat = x.reshape(-1, x.shape[-1])
        self.mean.copy_(flat.mean(0))
        self.std.copy_(flat.std(0))

    def forward(self, x):
        return (x - self.mean) / self.std


class AcousticModel(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cmvn = CMVN(cfg.n_mels)
        self.prenet = nn.Sequential(nn.Linear(cfg.n_mels, cfg.hidden), nn.ReLU(), nn.Dropout(cfg.dropout))
        self.rnn = nn.GRU(cfg.hidden, cfg.hidden, num_layers=cfg.layers, dropout=cfg.dropout)
        self.norm = nn.LayerNorm(cfg.hidden)
        self.classifier = nn.Linear(cfg.hidden, cfg.n_phones)

    def forward(self, feats):
        x = self.prenet(self.cmvn(feats))
        x, _ = self.rnn(x)
        return self.classifier(self.norm(x))


class Trainer:
    def __init__(self, cfg, model, train_loader, dev_loader):
        self.cfg, self.model = cfg, model
        self.train_loader, self.dev_loader = train_loader, dev_loader
        self.criterion = nn.CrossEntropyLoss(label_smoothing=0.02)
        self.opt = torch.optim.AdamW(model.parameters(), lr=cfg.lr, weight_decay=1e-3)
        self.sched = torch.optim.lr_scheduler.ReduceLROnPlateau(self.opt, factor=0.5, patience=1)
        self.history = []

    def run_batch(self, feats, labels):
        logits = self.model(feats)
        loss = self.criterion(logits.flatten(0, 1), labels.flatten())
        return logits, loss

    def train_epoch(self):
        self.model.train()
        total = 0.0
        for feats, labels in self.train_loader:
            self.opt.zero_grad(set_to_none=True)
            _, loss = self.run_batch(feats, labels)
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.opt.step()
            total += loss.item()
        return total / len(self.train_loader)

    @torch.no_grad()
    def evaluate(self):
        self.model.eval()
        total, right, frames = 0.0, 0, 0
        for feats, labels in self.dev_loader:
            logits, loss = self.run_batch(feats, labels)
            total += loss.item()
            right += (logits.argmax(-1) == labels).sum().item()
            frames += labels.numel()
        return total / len(self.dev_loader), right / frames

    def fit(self):
        best, bad = float("inf"), 0
        for epoch in range(1, self.cfg.epochs + 1):
            start = time.perf_counter()
            train_loss = self.train_epoch()
            dev_loss, acc = self.evaluate()
            self.sched.step(dev_loss)
            self.history.append((train_loss, dev_loss, acc))
            spent = time.perf_counter() - start
            log.info(
                "epoch %2d  train %.4f  dev %.4f  fer %.4f  (%.1fs)",
                epoch,
                train_loss,
                dev_loss,
                1 - acc,
                spent,
            )
            if dev_loss < best - 1e-3:
                best, bad = dev_loss, 0
            else:
                bad += 1
                if bad >= self.cfg.patience:
                    log.info("no progress for %d epochs, stopping", bad)
                    break
        return max(acc for _, _, acc in self.history)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=Config.epochs)
    parser.add_argument("--lr", type=float, default=Config.lr)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(name)s %(message)s")
    cfg = Config(epochs=args.epochs, lr=args.lr)
    torch.manual_seed(cfg.seed)
    dataset = TensorDataset(*make_corpus(cfg))
    train, dev = random_split(dataset, [cfg.n_utts - 96, 96])
    model = AcousticModel(cfg)
    model.cmvn.fit(dataset.tensors[0][train.indices])
    log.info("%d parameters", sum(p.numel() for p in model.parameters()))
    trainer = Trainer(
        cfg,
        model,
        DataLoader(train, batch_size=cfg.batch_size, shuffle=True, drop_last=True),
        DataLoader(dev, batch_size=cfg.batch_size),
    )
    print(f"best frame accuracy: {trainer.fit():.4f}")


if __name__ == "__main__":
    main()
