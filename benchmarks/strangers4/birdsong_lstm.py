"""Which bird is it?  A small bidirectional LSTM over mel-like frames."""
import random
from dataclasses import dataclass, field
from typing import List

import numpy as np
import torch
import torch.nn as nn
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)


@dataclass
class Config:
    species: List[str] = field(default_factory=lambda: ["wren", "chiffchaff", "cuckoo", "nightjar", "swift"])
    frames: int = 36
    bands: int = 14
    hidden: int = 28
    batch_size: int = 32
    accumulate: int = 2
    epochs: int = 6
    lr: float = 5e-3
    weight_decay: float = 0.01
    max_norm: float = 2.0
    warmup: int = 20
    seed: int = 5


class SongDataset(Dataset):
    """Renders a song as energy over (frame, band), with other sounds around it."""

    def __init__(self, cfg, n, seed):
        self.cfg = cfg
        rng = np.random.default_rng(seed)
        self.labels = rng.integers(0, len(cfg.species), n)
        self.songs = np.stack([self._render(rng, k) for k in self.labels]).astype(np.float32)

    def _pitch_track(self, rng, k):
        n = self.cfg.frames
        t = np.arange(n, dtype=float)
        low = rng.uniform(2.0, 4.5)
        high = low + rng.uniform(4.0, 6.0)
        speed = rng.uniform(0.8, 1.25)
        if k == 0:                                   # fast up-sweeps
            return low + (high - low) * ((t * speed / 6.0) % 1.0)
        if k == 1:                                   # two notes in turn
            return np.where((t * speed / 4.0).astype(int) % 2 == 0, low, high)
        if k == 2:                                   # high, then low, pause
            phase = (t * speed / 14.0) % 1.0
            return np.where(phase < 0.3, high, np.where(phase < 0.7, low, np.nan))
        if k == 3:                                   # steady churr, amplitude changes only
            return np.full(n, 0.5 * (low + high)) + 0.3 * rng.standard_normal(n)
        return high - (high - low) * ((t * speed / 6.0) % 1.0)   # fast down-sweeps

    def _render(self, rng, k):
        cfg = self.cfg
        track = self._pitch_track(rng, k)
        bands = np.arange(cfg.bands)
        energy = np.exp(-0.5 * ((bands[None] - track[:, None]) / 0.8) ** 2)
        energy = np.nan_to_num(energy) * rng.uniform(1.2, 2.4)
        energy = np.roll(energy, rng.integers(0, cfg.frames), axis=0)
        energy += 0.35 * np.abs(rng.standard_normal(energy.shape))
        energy += rng.uniform(0, 0.6) * np.exp(-bands / 3.0)[None]
        return np.log1p(energy)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return torch.from_numpy(self.songs[i]), int(self.labels[i])


class AttentionPool(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.score = nn.Linear(dim, 1)

    def forward(self, h):
        w = torch.softmax(self.score(h).squeeze(-1), dim=1)
        return torch.einsum("bt,btd->bd", w, h)


class SongNet(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.norm = nn.LayerNorm(cfg.bands)
        self.rnn = nn.LSTM(cfg.bands, cfg.hidden, batch_first=True, bidirectional=True)
        self.pool = AttentionPool(2 * cfg.hidden)
        self.classify = nn.Sequential(nn.Dropout(0.1), nn.Linear(2 * cfg.hidden, len(cfg.species)))

    def forward(self, x):
        h, _ = self.rnn(self.norm(x))
        return self.classify(self.pool(h))


class Trainer:
    def __init__(self, cfg, model, train_loader, test_loader):
        self.cfg, self.model = cfg, model
        self.train_loader, self.test_loader = train_loader, test_loader
        self.criterion = nn.CrossEntropyLoss()
        self.optim = torch.optim.AdamW(model.parameters(), lr=cfg.lr, weight_decay=cfg.weight_decay)
        updates = cfg.epochs * len(train_loader) // cfg.accumulate
        self.sched = LambdaLR(self.optim, lambda s: min((s + 1) / cfg.warmup, max(0.05, 1 - s / updates)))

    def _update(self):
        clip_grad_norm_(self.model.parameters(), self.cfg.max_norm)
        self.optim.zero_grad()
        self.optim.step()
        self.sched.step()

    def run_epoch(self):
        self.model.train()
        total = 0.0
        for i, (songs, labels) in enumerate(self.train_loader):
            loss = self.criterion(self.model(songs), labels)
            (loss / self.cfg.accumulate).backward()
            if (i + 1) % self.cfg.accumulate == 0:
                self._update()
            total += loss.item()
        return total / len(self.train_loader)

    @torch.no_grad()
    def accuracy(self):
        self.model.eval()
        right = sum((self.model(s).argmax(1) == y).sum().item() for s, y in self.test_loader)
        return right / len(self.test_loader.dataset)

    def fit(self):
        for epoch in range(self.cfg.epochs):
            loss = self.run_epoch()
            print(f"epoch {epoch}: train loss {loss:.4f}, held-out accuracy {self.accuracy():.3f}, "
                  f"lr {self.sched.get_last_lr()[0]:.2e}")


if __name__ == "__main__":
    cfg = Config()
    random.seed(cfg.seed)
    torch.manual_seed(cfg.seed)
    train_loader = DataLoader(SongDataset(cfg, 2432, 100), batch_size=cfg.batch_size, shuffle=True, drop_last=True)
    test_loader = DataLoader(SongDataset(cfg, 800, 200), batch_size=200)
    Trainer(cfg, SongNet(cfg), train_loader, test_loader).fit()
