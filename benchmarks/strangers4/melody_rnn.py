"""Next-note model for invented folk melodies.

The tune generator only looks at the last two notes and at the beat, so a
plain tanh RNN with a small state does the job.
"""
import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)


@dataclass
class HParams:
    notes: int = 20
    length: int = 48
    dim: int = 40
    n_train: int = 1400
    n_valid: int = 300
    batch: int = 32
    cycles: int = 3
    epochs_per_cycle: int = 4
    lr: float = 6e-3
    smoothing: float = 0.1
    seed: int = 2


class Tunes(Dataset):
    def __init__(self, hp, n, seed):
        grammar = np.random.default_rng(1234)
        # where each interval leads, for strong and weak beats
        moves = np.array([-4, -2, -1, 0, 1, 2, 4])
        prefer = grammar.dirichlet(np.full(len(moves), 0.25), size=(2, 2 * hp.notes))
        rng = np.random.default_rng(seed)
        tunes = np.zeros((n, hp.length + 1), dtype=np.int64)
        self.best = np.zeros((n, hp.length), dtype=np.int64)
        for i in range(n):
            a, b = rng.integers(4, hp.notes - 4, 2)
            tunes[i, 0] = b
            for t in range(1, hp.length + 1):
                p = prefer[t % 2, b - a + hp.notes]
                move = rng.choice(moves, p=p)
                top = moves[p.argmax()]
                self.best[i, t - 1] = self._fold(b + top, hp.notes)
                a, b = b, self._fold(b + move, hp.notes)
                tunes[i, t] = b
        self.tunes = torch.from_numpy(tunes)
        self.ceiling = (self.best[:, 1:] == tunes[:, 2:]).mean()

    @staticmethod
    def _fold(note, n):
        note = abs(note)
        return note if note < n else 2 * (n - 1) - note

    def __len__(self):
        return len(self.tunes)

    def __getitem__(self, i):
        return self.tunes[i, :-1], self.tunes[i, 1:]


class SoftGradRound(torch.autograd.Function):
    """Rounds to eighths on the way forward, passes the gradient as it is."""

    @staticmethod
    def forward(ctx, x):
        return torch.round(x * 8) / 8

    @staticmethod
    def backward(ctx, grad):
        return grad


class MelodyModel(nn.Module):
    def __init__(self, hp):
        super().__init__()
        self.note = nn.Embedding(hp.notes, hp.dim)
        self.register_buffer("beat", torch.tensor([[1.0, -1.0]]).repeat(1, hp.length // 2).t() * torch.ones(1, hp.dim) * 0.5)
        self.rnn = nn.RNN(hp.dim, hp.dim, batch_first=True)
        self.mix = nn.Sequential(nn.Linear(2 * hp.dim, 4 * hp.dim), nn.ReLU(), nn.Linear(4 * hp.dim, hp.dim))
        self.read = nn.Linear(hp.dim, hp.notes, bias=False)
        self.read.weight = self.note.weight
        self.log_temp = nn.Parameter(torch.tensor(math.log(0.5)))
        nn.init.normal_(self.note.weight, std=0.5)
        nn.init.orthogonal_(self.rnn.weight_hh_l0, gain=0.35)

    def forward(self, notes):
        x = self.note(notes) + self.beat[: notes.shape[1]]
        h, _ = self.rnn(x)
        h = SoftGradRound.apply(h)
        z = self.mix(torch.cat([x, h], dim=-1))
        z = F.normalize(z, dim=-1)
        return self.read(z) / torch.exp(self.log_temp)


def step(model, optimizer, tunes, targets, hp):
    logits = model(tunes)
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), label_smoothing=hp.smoothing)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


@torch.no_grad()
def validate(model, loader):
    model.eval()
    nll, right, count = 0.0, 0, 0
    for tunes, targets in loader:
        logits = model(tunes)
        nll += F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum").item()
        right += (logits.argmax(-1) == targets)[:, 1:].sum().item()
        count += targets.numel()
    model.train()
    return math.exp(nll / count), right / (count - count // targets.shape[1])


def main():
    hp = HParams()
    torch.manual_seed(hp.seed)
    train_set, valid_set = Tunes(hp, hp.n_train, 50), Tunes(hp, hp.n_valid, 51)
    train = DataLoader(train_set, batch_size=hp.batch, shuffle=True, drop_last=True)
    valid = DataLoader(valid_set, batch_size=100)

    model = MelodyModel(hp)
    shared = {id(model.note.weight), id(model.log_temp)}
    optimizer = torch.optim.AdamW([
        {"params": [p for p in model.parameters() if id(p) not in shared], "weight_decay": 0.02},
        {"params": [model.note.weight, model.log_temp], "weight_decay": 0.0},
    ], lr=hp.lr)
    per_cycle = hp.epochs_per_cycle * len(train)
    schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=per_cycle, eta_min=1e-5)

    print(f"best possible accuracy on the held-out tunes {valid_set.ceiling:.3f}")
    for epoch in range(hp.cycles * hp.epochs_per_cycle):
        losses = []
        for tunes, targets in train:
            losses.append(step(model, optimizer, tunes, targets, hp))
            schedule.step()
        perplexity, accuracy = validate(model, valid)
        print(f"epoch {epoch + 1:2d}  loss {np.mean(losses):.4f}  held-out perplexity {perplexity:.3f}  "
              f"accuracy {accuracy:.3f}  temperature {model.log_temp.exp().item():.3f}")


if __name__ == "__main__":
    main()
