"""Will this reader borrow that book this week?  A village library, in miniature.

Model: sparse tables for readers and books, a fixed random-feature view of the
calendar, a residual tower whose branches begin as zero, and a slowly averaged
copy of the model that gives soft targets for the pairs nobody has rated.
"""
import copy
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)


@dataclass(frozen=True)
class Options:
    readers: int = 160
    books: int = 120
    rated: int = 20000
    unrated: int = 20000
    held_out: int = 5000
    width: int = 10
    calendar: int = 32
    blocks: int = 2
    micro_batch: int = 64
    accumulate: int = 4
    epochs: int = 5
    table_lr: float = 0.01
    tower_lr: float = 2e-3
    temperature_lr: float = 1e-5
    ema: float = 0.98
    agree: float = 0.3
    seed: int = 17


class Village:
    def __init__(self, opt):
        self.opt, self.rng = opt, np.random.default_rng(opt.seed)
        r = self.rng
        self.taste = r.normal(0, 1, (opt.readers, 4))
        self.genre = r.normal(0, 1, (opt.books, 4))
        self.fame = r.normal(0, 0.7, opt.books)
        self.season = r.uniform(0, 1, opt.books)

    def draw(self, n):
        r = self.rng
        who = r.integers(0, self.opt.readers, n)
        what = r.integers(0, self.opt.books, n)
        when = r.random(n)
        pull = (self.taste[who] * self.genre[what]).sum(1) + self.fame[what] - 0.4
        pull += 1.5 * np.cos(2 * math.pi * (when - self.season[what]))
        took = r.random(n) < 1 / (1 + np.exp(-1.5 * pull))
        return [torch.as_tensor(who), torch.as_tensor(what),
                torch.tensor(when, dtype=torch.float32), torch.tensor(took, dtype=torch.float32)]


class Loans(Dataset):
    """Rated pairs; each comes with a second, unrated pair."""

    def __init__(self, rated, unrated=None):
        self.rated = rated
        self.unrated = rated[:3] if unrated is None else unrated[:3]

    def __len__(self):
        return len(self.rated[0])

    def __getitem__(self, i):
        return [c[i] for c in self.rated], [c[i] for c in self.unrated]


class Calendar(nn.Module):
    """Random cosine features of the time of year."""

    def __init__(self, features):
        super().__init__()
        self.wave = nn.Linear(2, features)
        nn.init.normal_(self.wave.weight, std=1.5)
        nn.init.uniform_(self.wave.bias, 0, 2 * math.pi)
        self.wave.requires_grad_(False)

    def forward(self, when):
        angle = 2 * math.pi * when
        return torch.cos(self.wave(torch.stack([angle.cos(), angle.sin()], dim=-1)))


class Branch(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)
        nn.init.zeros_(self.down.weight)
        nn.init.zeros_(self.down.bias)

    def forward(self, x):
        return x + self.down(F.gelu(self.up(self.norm(x))))


class LoanModel(nn.Module):
    def __init__(self, opt):
        super().__init__()
        w = opt.width
        self.reader = nn.Embedding(opt.readers, w, sparse=True)
        self.book = nn.Embedding(opt.books, w, sparse=True)
        nn.init.normal_(self.reader.weight, std=0.3)
        nn.init.normal_(self.book.weight, std=0.3)
        self.calendar = Calendar(opt.calendar)
        self.mix = nn.Linear(3 * w + opt.calendar, 2 * w)
        self.season = nn.Linear(opt.calendar, w)
        self.tower = nn.Sequential(*[Branch(2 * w) for _ in range(opt.blocks)])
        self.drop = nn.Dropout(0.1)
        self.out = nn.Linear(2 * w, 1)
        self.log_temperature = nn.Parameter(torch.zeros(()))

    def forward(self, who, what, when):
        u, b, c = self.reader(who), self.book(what), self.calendar(when)
        h = self.mix(torch.cat([u, b, u * b, c], dim=-1))
        h = self.out(self.tower(self.drop(h))).squeeze(-1)
        fit = (u * b).sum(-1) + (self.season(c) * b).sum(-1)
        return (h + fit) * self.log_temperature.exp()

    def optimizers(self, opt):
        tables = [self.reader.weight, self.book.weight]
        special = {id(p) for p in tables} | {id(self.log_temperature)}
        rest = [p for p in self.parameters() if p.requires_grad and id(p) not in special]
        return [
            torch.optim.SparseAdam(tables, lr=opt.table_lr),
            torch.optim.AdamW([
                {"params": rest, "lr": opt.tower_lr, "weight_decay": 0.02},
                {"params": [self.log_temperature], "lr": opt.temperature_lr, "weight_decay": 0.0},
            ]),
        ]


@torch.no_grad()
def follow(average, model, keep):
    for slow, fast in zip(average.parameters(), model.parameters()):
        slow.lerp_(fast, 1 - keep)


def train_epoch(model, average, loader, optimizers, opt):
    model.train()
    average.eval()
    seen = []
    for k, ((who, what, when, took), other) in enumerate(loader, start=1):
        loss = F.binary_cross_entropy_with_logits(model(who, what, when), took)
        with torch.no_grad():
            belief = torch.sigmoid(average(*other))
        agree = F.binary_cross_entropy_with_logits(model(*other), belief)
        ((loss + opt.agree * agree) / opt.accumulate).backward()
        seen.append(loss.item())
        if k % opt.accumulate == 0:
            for o in optimizers:
                o.step()
                o.zero_grad()
            follow(average, model, opt.ema)
    return sum(seen) / len(seen)


@torch.no_grad()
def auc(model, loader):
    model.eval()
    scores = torch.cat([model(*pair[:3]) for pair, _ in loader])
    took = torch.cat([pair[3] for pair, _ in loader])
    rank = scores.argsort().argsort().double() + 1
    p, n = took.sum().item(), (1 - took).sum().item()
    return (rank[took == 1].sum().item() - p * (p + 1) / 2) / (p * n)


def main(opt):
    torch.manual_seed(opt.seed)
    village = Village(opt)
    train = DataLoader(Loans(village.draw(opt.rated), village.draw(opt.unrated)),
                       opt.micro_batch, shuffle=True, drop_last=True)
    test = DataLoader(Loans(village.draw(opt.held_out)), 1000)
    model = LoanModel(opt)
    average = copy.deepcopy(model).requires_grad_(False)
    optimizers = model.optimizers(opt)
    for epoch in range(opt.epochs):
        loss = train_epoch(model, average, train, optimizers, opt)
        print(f"epoch {epoch + 1}: loss {loss:.4f}  held-out AUC {auc(model, test):.4f}"
              f"  (averaged copy {auc(average, test):.4f})")


if __name__ == "__main__":
    main(Options())
