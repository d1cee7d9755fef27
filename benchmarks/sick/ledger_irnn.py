"""Keeps the balance of a ledger, paid in less paid out, with a ReLU net that starts from the identity."""

import argparse

import torch
from torch import nn

FAULTS = ("exploding_time", "clip_after_step", "state_leaks")
METRIC = (r"held-out error: ([\d.einfa+-]+)", "lower")


class Ledger(nn.Module):
    def __init__(self, hidden, radius):
        super().__init__()
        self.rnn = nn.RNN(2, hidden, nonlinearity="relu")
        self.total = nn.Linear(hidden, 1)
        with torch.no_grad():
            self.rnn.weight_hh_l0.copy_(radius * torch.eye(hidden))
            self.rnn.weight_ih_l0.normal_(0, 0.2)
            self.rnn.bias_ih_l0.zero_()
            self.rnn.bias_hh_l0.zero_()

    def forward(self, entries, state=None):
        _, state = self.rnn(entries, state)
        return self.total(state[0]).squeeze(1), state


def pages(length, rows, rng):
    """Entries (line, page, paid in and paid out) and the balance at the foot of each page, overdrawn ones at zero."""
    amount = torch.rand(length, rows, 2, generator=rng)
    entries = amount * (torch.rand(length, rows, 2, generator=rng) < 0.3)
    balance = entries[..., 0].sum(0) - 0.8 * entries[..., 1].sum(0)
    return entries, balance.clamp(min=0.0)


class Clerk:
    """Owns the model, its optimizer and the loop."""

    def __init__(self, fault, seed):
        self.fault = fault
        self.rng = torch.Generator().manual_seed(seed + 55)
        self.length = (50, 60, 40, 70, 45)[seed % 5]
        self.rows = (32, 24, 40, 32, 48)[seed % 5]
        radius = 1.2 if fault == "exploding_time" else 1.0
        self.model = Ledger((64, 48, 100, 40, 80)[seed % 5], radius)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.002, momentum=0.9)
        self.state = None

    def step(self):
        entries, total = pages(self.length, self.rows, self.rng)
        guess, state = self.model(entries, self.state)
        if self.fault == "state_leaks":
            self.state = state.detach()
        loss = nn.functional.mse_loss(guess, total)
        self.optimizer.zero_grad()
        loss.backward()
        if self.fault == "clip_after_step":
            self.optimizer.step()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        else:
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
        return loss.item()

    def work(self, steps):
        decay = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, steps)
        for i in range(1, steps + 1):
            loss = self.step()
            decay.step()
            if i % 100 == 0:
                print(f"{i} pages batches booked, squared error {loss:.4f}")

    @torch.no_grad()
    def audit(self):
        errors = []
        for _ in range(10):
            entries, total = pages(self.length, self.rows, self.rng)
            guess, state = self.model(entries, self.state)
            if self.fault == "state_leaks":
                self.state = state
            errors.append((guess - total).pow(2).mean() / total.var())
        return torch.stack(errors).mean().item()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    clerk = Clerk(given.fault, given.seed)
    clerk.work(700)
    print(f"held-out error: {clerk.audit():.4f}")
