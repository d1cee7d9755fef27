"""How many people board the tram?  Stop x line x hour counts for a made-up city.

usage: python tram_ridership.py [--epochs N] [--lr LR] ...
"""
import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.set_num_threads(1)
N_STOPS, N_LINES = 60, 9
TYPICAL_LOG, SPREAD_LOG = 2.3, 0.7     # log(1 + boardings), from last year's counts


def parse():
    p = argparse.ArgumentParser()
    p.add_argument("--rows", type=int, default=20000)
    p.add_argument("--epochs", type=int, default=12)
    p.add_argument("--batch-size", type=int, default=64)
    p.add_argument("--lr", type=float, default=0.05)
    p.add_argument("--momentum", type=float, default=0.9)
    p.add_argument("--weight-decay", type=float, default=1e-4)
    p.add_argument("--max-norm", type=float, default=2.0)
    p.add_argument("--hidden", type=int, default=64)
    p.add_argument("--seed", type=int, default=3)
    return p.parse_args()


def make_city(rows, seed):
    """Boardings follow the character of the stop (homes, offices, school,
    night life), the hour, the weekday and the rain."""
    rng = np.random.default_rng(seed)
    stop = rng.integers(0, N_STOPS, rows)
    line = rng.integers(0, N_LINES, rows)
    hour = rng.integers(5, 25, rows)
    day = rng.integers(0, 7, rows)
    rain = rng.gamma(0.6, 1.0, rows) * (rng.random(rows) < 0.35)

    character = rng.dirichlet(np.full(4, 0.5), N_STOPS)
    size = rng.normal(0.0, 0.5, N_STOPS)
    line_pull = rng.normal(0.0, 0.3, N_LINES)
    weekend = day >= 5

    def peak(centre, width):
        return np.exp(-0.5 * ((hour - centre) / width) ** 2)

    work = ~weekend
    curves = np.stack([
        2.2 * peak(7.5, 1.2) * work + 0.8 * peak(11, 2.5) * weekend,
        2.4 * peak(17.0, 1.3) * work,
        2.8 * peak(13.5, 0.9) * work,
        1.9 * peak(23.0, 1.5) * (0.5 + weekend),
    ], axis=1)
    log_rate = 2.0 + size[stop] + line_pull[line] + (character[stop] * curves).sum(1)
    log_rate += 0.25 * np.tanh(rain) * (0.5 - character[stop, 3])
    boarded = rng.poisson(np.exp(log_rate))

    clock = 2 * np.pi * hour / 24
    dense = np.stack([np.sin(clock), np.cos(clock), np.sin(2 * clock), np.cos(2 * clock),
                      weekend * 1.0, np.log1p(rain)], axis=1)
    return TensorDataset(
        torch.as_tensor(stop), torch.as_tensor(line),
        torch.tensor(dense, dtype=torch.float32),
        torch.tensor((np.log1p(boarded) - TYPICAL_LOG) / SPREAD_LOG, dtype=torch.float32),
    )


class Ridership(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.stop = nn.Embedding(N_STOPS, 12)
        self.line = nn.Embedding(N_LINES, 4)
        self.net = nn.Sequential(
            nn.Linear(12 + 4 + 6, hidden), nn.SiLU(),
            nn.Linear(hidden, hidden), nn.SiLU(),
            nn.Linear(hidden, 1),
        )

    def forward(self, stop, line, dense):
        x = torch.cat([self.stop(stop), self.line(line), dense], dim=-1)
        return self.net(x).squeeze(-1)


def descend(model, optimizer, loss, limit):
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), limit)
    optimizer.step()


def train(model, loader, optimizer, args):
    model.train()
    running = 0.0
    for stop, line, dense, y in loader:
        loss = nn.functional.mse_loss(model(stop, line, dense), y)
        descend(model, optimizer, loss, args.weight_decay)
        running += loss.item()
    return running / len(loader)


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    pred, true = [], []
    for stop, line, dense, y in loader:
        pred.append(model(stop, line, dense))
        true.append(y)
    pred, true = torch.cat(pred), torch.cat(true)
    return (1 - (pred - true).pow(2).mean() / true.var(unbiased=False)).item()


def main():
    args = parse()
    torch.manual_seed(args.seed)
    data = make_city(args.rows, args.seed)
    held = len(data) // 6
    train_part, test_part = random_split(data, [len(data) - held, held])
    train_loader = DataLoader(train_part, args.batch_size, shuffle=True)
    test_loader = DataLoader(test_part, 1000)

    model = Ridership(args.hidden)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=args.momentum,
                                weight_decay=args.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.epochs, eta_min=args.lr / 20)
    for epoch in range(args.epochs):
        loss = train(model, train_loader, optimizer, args)
        schedule.step()
        print(f"epoch {epoch:2d} | train mse {loss:.4f} | held-out R2 {evaluate(model, test_loader):.3f}")


if __name__ == "__main__":
    main()
