"""Which bird was it? Dilated 1-d convolutions over mel bands of short recordings, focal loss for rare species."""

import logging
import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler

log = logging.getLogger("birds")


class Params(NamedTuple):
    species: int = 24
    bands: int = 20
    frames: int = 40
    clips: int = 2400
    held_out: int = 600
    channels: int = 32
    batch_size: int = 48
    epochs: int = 12
    lr: float = 0.03
    momentum: float = 0.9
    weight_decay: float = 1e-4
    gamma: float = 1.0
    temperature: float = 1.0
    seed: int = 13


class Repertoire:
    """Pitch, slope, length and pause of the notes, one row per species."""

    def __init__(self, p):
        rng = np.random.default_rng(p.seed)
        self.pitch = rng.uniform(3, p.bands - 4, p.species)
        self.slope = rng.uniform(-0.7, 0.7, p.species)
        self.length = rng.integers(4, 12, p.species)
        self.pause = rng.integers(2, 8, p.species)
        self.warble = rng.uniform(0, 2.0, p.species)
        self.frequency = rng.dirichlet(np.full(p.species, 4.0))
        self.p = p

    def record(self, s, rng):
        p = self.p
        frames, bands = np.arange(p.frames), np.arange(p.bands)
        phase = (frames + rng.integers(0, 20)) % (self.length[s] + self.pause[s])
        sounding = phase < self.length[s]
        centre = self.pitch[s] + rng.normal(0, 0.4) + self.slope[s] * (phase - self.length[s] / 2)
        centre = centre + self.warble[s] * np.sin(phase * 1.6)
        mel = np.exp(-0.5 * ((bands[:, None] - centre[None]) / 0.9) ** 2) * sounding
        return rng.uniform(0.7, 1.3) * mel + rng.normal(0, 0.25, mel.shape)


class ClipSet(Dataset):
    def __init__(self, repertoire, n, seed, train):
        rng = np.random.default_rng(seed)
        p = repertoire.p
        self.label = rng.choice(p.species, n, p=repertoire.frequency)
        self.mel = torch.tensor(np.stack([repertoire.record(s, rng) for s in self.label]), dtype=torch.float32)
        self.train = train

    def __len__(self):
        return len(self.label)

    def __getitem__(self, i):
        mel = self.mel[i]
        if self.train:
            mel = mel.roll(int(torch.randint(-4, 5, ())), dims=1)
        return mel, int(self.label[i])

    def sampler(self):
        counts = np.bincount(self.label, minlength=self.label.max() + 1)
        return WeightedRandomSampler((1 / np.sqrt(counts[self.label])).tolist(), len(self))


class Block(nn.Module):
    def __init__(self, c, dilation):
        super().__init__()
        self.conv1 = nn.Conv1d(c, c, 3, padding=dilation, dilation=dilation, bias=False)
        self.conv2 = nn.Conv1d(c, c, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm1d(c), nn.BatchNorm1d(c)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(x + self.bn2(self.conv2(y)))


class ScoreHead(nn.Module):
    """Attention pooling over frames, one score for each species."""

    def __init__(self, c, species, temperature):
        super().__init__()
        self.attend = nn.Conv1d(c, 1, 1)
        self.fc = nn.Linear(c, species)
        self.temperature = temperature

    def forward(self, x):
        weight = torch.softmax(self.attend(x), dim=-1)
        pooled = (weight * x).sum(-1) + x.mean(-1)
        return F.softmax(self.fc(pooled) / self.temperature, dim=-1)


class CallNet(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv1d(p.bands, p.channels, 3, padding=1, bias=False), nn.BatchNorm1d(p.channels), nn.ReLU()
        )
        self.body = nn.Sequential(*[Block(p.channels, d) for d in (1, 2, 4)])
        self.head = ScoreHead(p.channels, p.species, p.temperature)

    def forward(self, mel):
        return self.head(self.body(self.stem(mel)))


class FocalLoss(nn.Module):
    def __init__(self, gamma):
        super().__init__()
        self.gamma = gamma

    def forward(self, scores, target):
        logp = F.log_softmax(scores, dim=-1).gather(1, target[:, None]).squeeze(1)
        return -((1 - logp.exp()) ** self.gamma * logp).mean()


@torch.no_grad()
def top_k(net, loader, ks=(1, 3)):
    net.eval()
    hits, n = dict.fromkeys(ks, 0), 0
    for mel, label in loader:
        ranked = net(mel).topk(max(ks), dim=1).indices
        for k in ks:
            hits[k] += (ranked[:, :k] == label[:, None]).any(1).sum().item()
        n += len(label)
    net.train()
    return [hits[k] / n for k in ks]


def run(p):
    torch.manual_seed(p.seed)
    repertoire = Repertoire(p)
    train_set = ClipSet(repertoire, p.clips, p.seed + 1, train=True)
    held_set = ClipSet(repertoire, p.held_out, p.seed + 2, train=False)
    train_loader = DataLoader(train_set, p.batch_size, sampler=train_set.sampler(), drop_last=True)
    held_loader = DataLoader(held_set, 200)

    net, criterion = CallNet(p), FocalLoss(p.gamma)
    decay = [w for w in net.parameters() if w.dim() > 1]
    plain = [w for w in net.parameters() if w.dim() <= 1]
    optimizer = torch.optim.SGD(
        [{"params": decay, "weight_decay": p.weight_decay}, {"params": plain, "weight_decay": 0.0}],
        lr=p.lr,
        momentum=p.momentum,
        nesterov=True,
    )
    total = p.epochs * len(train_loader)
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda i: min(1.0, (i + 1) / 30) * 0.5 * (1 + math.cos(math.pi * i / total))
    )
    for epoch in range(1, p.epochs + 1):
        total_loss = 0.0
        for mel, label in train_loader:
            loss = criterion(net(mel), label)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            scheduler.step()
            total_loss += loss.item()
        top1, top3 = top_k(net, held_loader)
        log.info("epoch %d  focal %.3f  top-1 %.3f  top-3 %.3f", epoch, total_loss / len(train_loader), top1, top3)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    run(Params())
