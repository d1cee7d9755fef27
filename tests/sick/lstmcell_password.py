"""Learns to give back, when asked, the letter shown at the start of a long row of distracting letters."""

import argparse
import math
import random

import torch
from torch import nn, optim

FAULTS = (
    "forget_gate_shut",
    "gate_saturation",
    "window_too_short",
    "over_detached",
)
METRIC = (r"password accuracy = ([\d.einfa+-]+)%", "higher")
LAGS = (32, 30, 28, 36, 34)  # steps, by seed

SECRETS, NOISES = 4, 6
ASK = SECRETS + NOISES
TOKENS = ASK + 1


class Keeper(nn.Module):
    def __init__(self, hidden, lag, fault):
        super().__init__()
        self.size, self.lag, self.fault = hidden, lag, fault
        self.table = nn.Parameter(torch.randn(TOKENS, 16))
        self.cell = nn.LSTMCell(16, hidden)
        self.answer = nn.Linear(hidden, SECRETS)
        self.start_gates()

    def start_gates(self):
        n = self.size
        forget = torch.log(torch.empty(n).uniform_(1, self.lag / 2))
        if self.fault == "forget_gate_shut":
            forget = torch.full((n,), -3.0)
        with torch.no_grad():
            self.cell.bias_hh.zero_()
            self.cell.bias_ih.zero_()
            self.cell.bias_ih[n : 2 * n] = forget

    def forward(self, tokens):
        rows = self.table[tokens]
        if self.fault == "gate_saturation":
            rows = rows * 50
        h = rows.new_zeros(len(rows), self.size)
        c = torch.zeros_like(h)
        for t in range(rows.shape[1]):
            if self.fault == "over_detached":
                h, c = h.detach(), c.detach()
            if self.fault == "window_too_short" and t % 10 == 0:
                h, c = h.detach(), c.detach()
            h, c = self.cell(rows[:, t], (h, c))
        return self.answer(h)


def draw(batch, lag):
    secret = torch.randint(SECRETS, (batch,))
    tokens = torch.randint(SECRETS, ASK, (batch, lag + 1))
    tokens[:, 0] = secret
    tokens[:, -1] = ASK
    return tokens, secret


def main(fault, seed):
    torch.manual_seed(seed)
    rng = random.Random(100 + seed)
    hidden = rng.choice([32, 36, 40])
    lag = LAGS[seed % 5]
    batch = rng.choice([32, 40])
    model = Keeper(hidden, lag, fault)
    opt = optim.Adam(model.parameters(), lr=rng.choice([0.005, 0.006]))
    loss_fn = nn.CrossEntropyLoss()
    average = math.log(SECRETS)
    for i in range(360):
        tokens, secret = draw(batch, lag)
        opt.zero_grad()
        loss = loss_fn(model(tokens), secret)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        average = 0.95 * average + 0.05 * loss.item()
        if i % 60 == 59:
            print(f"batch {i + 1}, running loss {average:.3f}")
    with torch.no_grad():
        tokens, secret = draw(600, lag)
        hits = (model(tokens).argmax(1) == secret).float().mean().item()
    print(f"password accuracy = {100 * hits:.1f}%")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--fault", choices=FAULTS)
    ap.add_argument("--seed", type=int, default=0)
    main(**vars(ap.parse_args()))
