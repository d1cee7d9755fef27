"""Name the opening from the first plies of a game, whatever the move order. Small transformer encoder."""

import argparse
import itertools
import math
import random
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

FILES, RANKS = "abcdefgh", "3456"
PIECES = ("", "N", "B")
MOVES = ["<cls>", "<pad>"] + [p + f + r for p, f, r in itertools.product(PIECES, FILES, RANKS)]
CLS, PAD = 0, 1


@dataclass
class Config:
    openings: int = 12
    key_moves: int = 5
    max_plies: int = 14
    n_train: int = 6000
    n_valid: int = 800
    d_model: int = 48
    heads: int = 4
    layers: int = 2
    d_ff: int = 96
    dropout: float = 0.1
    batch_size: int = 64
    epochs: int = 7
    warmup: int = 40
    factor: float = 0.5
    smoothing: float = 0.05
    seed: int = 5


class OpeningBook:
    """Every opening is a set of key moves out of a small pool; the sets overlap, so no single move decides."""

    def __init__(self, cfg):
        rnd = random.Random(cfg.seed)
        tokens = list(range(2, len(MOVES)))
        rnd.shuffle(tokens)
        pool, self.fillers = tokens[:20], tokens[20:]
        self.lines = [rnd.sample(pool, cfg.key_moves) for _ in range(cfg.openings)]
        self.cfg = cfg

    def play(self, rnd):
        name = rnd.randrange(len(self.lines))
        moves = list(self.lines[name])
        if rnd.random() < 0.3:
            moves.pop(rnd.randrange(len(moves)))
        extra = rnd.randint(3, self.cfg.max_plies - len(moves))
        moves += rnd.choices(self.fillers, k=extra)
        rnd.shuffle(moves)
        return moves, name


class Games(Dataset):
    def __init__(self, book, n, seed):
        rnd = random.Random(seed)
        self.games = [book.play(rnd) for _ in range(n)]

    def __len__(self):
        return len(self.games)

    def __getitem__(self, i):
        return self.games[i]


def collate(games):
    longest = max(len(moves) for moves, _ in games) + 1
    tokens = torch.full((len(games), longest), PAD)
    for row, (moves, _) in zip(tokens, games):
        row[0] = CLS
        row[1 : len(moves) + 1] = torch.tensor(moves)
    return tokens, torch.tensor([name for _, name in games])


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len=64):
        super().__init__()
        pos = torch.arange(max_len).unsqueeze(1)
        freq = torch.exp(torch.arange(0, d_model, 2) * (-math.log(100.0) / d_model))
        table = torch.zeros(max_len, d_model)
        table[:, 0::2] = torch.sin(pos * freq)
        table[:, 1::2] = torch.cos(pos * freq)
        self.register_buffer("table", table)

    def forward(self, x):
        return x + 0.3 * self.table[: x.size(1)]


class EncoderLayer(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.attn = nn.MultiheadAttention(cfg.d_model, cfg.heads, dropout=cfg.dropout, batch_first=True)
        self.ff = nn.Sequential(nn.Linear(cfg.d_model, cfg.d_ff), nn.ReLU(), nn.Linear(cfg.d_ff, cfg.d_model))
        self.norm1, self.norm2 = nn.LayerNorm(cfg.d_model), nn.LayerNorm(cfg.d_model)
        self.drop = nn.Dropout(cfg.dropout)

    def forward(self, x, pad):
        seen, _ = self.attn(x, x, x, key_padding_mask=pad, need_weights=False)
        x = self.norm1(x + self.drop(seen))
        return self.norm2(x + self.drop(self.ff(x)))


class OpeningNamer(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.embed = nn.Embedding(len(MOVES), cfg.d_model, padding_idx=PAD)
        self.position = PositionalEncoding(cfg.d_model)
        self.layers = nn.ModuleList([EncoderLayer(cfg) for _ in range(cfg.layers)])
        self.name = nn.Linear(cfg.d_model, cfg.openings)

    def forward(self, tokens):
        pad = tokens == PAD
        x = self.position(self.embed(tokens))
        for layer in self.layers:
            x = layer(x, pad)
        return self.name(x[:, 0])


class NoamOpt:
    """The schedule of the transformer paper: linear warm-up, then one over the root of the step."""

    def __init__(self, optimizer, d_model, factor, warmup):
        self.optimizer, self.d_model, self.factor, self.warmup = optimizer, d_model, factor, warmup
        self.n = 0

    def rate(self):
        return self.factor * self.d_model**0.5 * min(self.n**-0.5, self.n * self.warmup**-1.5)

    def step(self):
        self.n += 1
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        self.optimizer.step()

    def zero_grad(self):
        self.optimizer.zero_grad()


@torch.no_grad()
def validate(model, loader):
    model.eval()
    hits, loss, n = 0, 0.0, 0
    for tokens, names in loader:
        logits = model(tokens)
        loss += F.cross_entropy(logits, names, reduction="sum").item()
        hits += (logits.argmax(-1) == names).sum().item()
        n += len(names)
    model.train()
    return loss / n, hits / n


def train(cfg):
    torch.manual_seed(cfg.seed)
    book = OpeningBook(cfg)
    train_loader = DataLoader(
        Games(book, cfg.n_train, cfg.seed + 1), cfg.batch_size, shuffle=True, collate_fn=collate, drop_last=True
    )
    valid_loader = DataLoader(Games(book, cfg.n_valid, cfg.seed + 2), 200, collate_fn=collate)
    model = OpeningNamer(cfg)
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {len(train_loader)} batches an epoch")
    opt = NoamOpt(
        torch.optim.Adam(model.parameters(), betas=(0.9, 0.98), eps=1e-9), cfg.d_model, cfg.factor, cfg.warmup
    )
    for epoch in range(cfg.epochs):
        running = 0.0
        for tokens, names in train_loader:
            opt.zero_grad()
            loss = F.cross_entropy(model(tokens), names, label_smoothing=cfg.smoothing)
            loss.backward()
            opt.step()
            running += loss.item()
        valid_loss, acc = validate(model, valid_loader)
        print(f"epoch {epoch}: train {running / len(train_loader):.3f}  valid {valid_loss:.3f}  named right {acc:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for key, value in vars(Config()).items():
        parser.add_argument(f"--{key.replace('_', '-')}", type=type(value), default=value)
    train(Config(**vars(parser.parse_args())))
