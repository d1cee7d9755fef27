"""Conveyor belt: the bar code is scanned when a part enters, the bin is chosen when it leaves.

In between there are only vibration readings, so the network has to remember. Own recurrent cell: an LSTM with
coupled gates (one gate decides both what is written and what is kept).
"""

import argparse
import math
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


@dataclass
class BeltConfig:
    steps: int = 50
    codes: int = 4
    sensors: int = 3
    hidden: int = 32
    gate_bias: float = 3.0
    batch_size: int = 64
    updates: int = 240
    lr: float = 5e-3
    warmup: int = 20
    clip: float = 1.0
    seed: int = 8


class BeltRuns(Dataset):
    """Each run: a one-hot code in the first two steps, correlated noise on the sensors everywhere."""

    def __init__(self, cfg, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.code = torch.randint(0, cfg.codes, (n,), generator=g)
        noise = 0.5 * torch.randn(n, cfg.steps, cfg.sensors, generator=g)
        for t in range(1, cfg.steps):
            noise[:, t] += 0.7 * noise[:, t - 1]
        scan = torch.zeros(n, cfg.steps, cfg.codes)
        scan[:, :2] = F.one_hot(self.code, cfg.codes).float().unsqueeze(1)
        self.readings = torch.cat([scan, noise], dim=-1)

    def __len__(self):
        return len(self.code)

    def __getitem__(self, i):
        return self.readings[i], self.code[i]


class CoupledLSTMCell(nn.Module):
    def __init__(self, n_in, n_hidden, gate_bias):
        super().__init__()
        self.n_hidden = n_hidden
        self.from_input = nn.Linear(n_in, 3 * n_hidden)
        self.from_hidden = nn.Linear(n_hidden, 3 * n_hidden, bias=False)
        self.reset_parameters(gate_bias)

    def reset_parameters(self, gate_bias):
        nn.init.xavier_uniform_(self.from_input.weight)
        for block in self.from_hidden.weight.data.chunk(3, dim=0):
            nn.init.orthogonal_(block)
        nn.init.zeros_(self.from_input.bias)
        self.from_input.bias.data[: self.n_hidden] = gate_bias

    def forward(self, x, state):
        h, c = state
        gate, out, cand = (self.from_input(x) + self.from_hidden(h)).chunk(3, dim=-1)
        gate = torch.sigmoid(gate)
        c = (1 - gate) * c + gate * torch.tanh(cand)
        h = torch.sigmoid(out) * torch.tanh(c)
        return h, (h, c)


class BeltNet(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cell = CoupledLSTMCell(cfg.codes + cfg.sensors, cfg.hidden, cfg.gate_bias)
        self.head = nn.Linear(cfg.hidden, cfg.codes)

    def initial_state(self, batch):
        zeros = torch.zeros(batch, self.cell.n_hidden)
        return zeros, zeros

    def forward(self, readings):
        state = self.initial_state(readings.size(0))
        for x in readings.unbind(1):
            h, state = self.cell(x, state)
        return self.head(h)


class Meter:
    """Exponential moving average for printing."""

    def __init__(self, keep=0.9):
        self.keep, self.value = keep, None

    def add(self, x):
        self.value = x if self.value is None else self.keep * self.value + (1 - self.keep) * x


def endless(loader):
    while True:
        yield from loader


@torch.no_grad()
def confusion(model, loader, codes):
    model.eval()
    table = torch.zeros(codes, codes, dtype=torch.long)
    for readings, code in loader:
        guess = model(readings).argmax(1)
        for a, b in zip(code, guess):
            table[a, b] += 1
    model.train()
    return table


def main():
    defaults = BeltConfig()
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=defaults.steps)
    parser.add_argument("--updates", type=int, default=defaults.updates)
    parser.add_argument("--hidden", type=int, default=defaults.hidden)
    parser.add_argument("--gate-bias", type=float, default=defaults.gate_bias)
    parser.add_argument("--lr", type=float, default=defaults.lr)
    parser.add_argument("--seed", type=int, default=defaults.seed)
    cfg = BeltConfig(**vars(parser.parse_args()))
    torch.manual_seed(cfg.seed)

    train_loader = DataLoader(
        BeltRuns(cfg, 4000, cfg.seed), batch_size=cfg.batch_size, shuffle=True, drop_last=True
    )
    test_loader = DataLoader(BeltRuns(cfg, 400, cfg.seed + 1), batch_size=200)
    model = BeltNet(cfg)
    optimizer = torch.optim.Adam(model.parameters(), lr=cfg.lr)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1.0, (s + 1) / cfg.warmup))

    loss_meter, grad_meter = Meter(), Meter()
    for update, (readings, code) in enumerate(endless(train_loader), start=1):
        loss = F.cross_entropy(model(readings), code)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), cfg.clip)
        optimizer.step()
        scheduler.step()
        loss_meter.add(loss.item())
        grad_meter.add(float(norm))
        if update % 40 == 0:
            table = confusion(model, test_loader, cfg.codes)
            acc = table.diag().sum().item() / table.sum().item()
            print(
                f"update {update:4d}  loss {loss_meter.value:.3f} (chance {math.log(cfg.codes):.3f})  "
                f"grad norm {grad_meter.value:.3f}  right bin {acc:.3f}"
            )
        if update >= cfg.updates:
            break
    print(confusion(model, test_loader, cfg.codes))


if __name__ == "__main__":
    main()
