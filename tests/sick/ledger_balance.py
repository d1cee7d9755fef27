"""Learns the balance of an account after a row of payments in and out, with a ReLU nn.RNN."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FAULTS = ("clip_after_step", "clip_too_tight", "state_leaks", "wrong_sign")
METRIC = (r"balance off by ([\d.einfa+-]+)", "lower")


def accounts(count, days):
    """Columns: paid in, paid out (each seldom and now and then large), and the balance at the end."""
    busy = torch.rand(count, days, 2) < 0.5
    amount = busy * torch.distributions.Exponential(1.0).sample((count, days, 2))
    balance = (amount[..., 0] - amount[..., 1]).sum(1) / days**0.5
    return amount / days**0.5, balance


class Book(nn.Module):
    def __init__(self, hidden, fault):
        super().__init__()
        self.rnn = nn.RNN(2, hidden, nonlinearity="relu", batch_first=True)
        self.total = nn.Linear(hidden, 1)
        self.state = None
        self.keep_state = fault == "state_leaks"
        nn.init.eye_(self.rnn.weight_hh_l0)
        nn.init.zeros_(self.rnn.bias_ih_l0)
        nn.init.zeros_(self.rnn.bias_hh_l0)
        nn.init.normal_(self.rnn.weight_ih_l0, std=0.5)

    def forward(self, amounts):
        before = None
        if self.keep_state and self.state is not None:
            before = self.state[:, : len(amounts)]
        out, last = self.rnn(amounts, before)
        self.state = last.detach()
        return self.total(out[:, -1]).squeeze(-1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    hidden = (24, 36, 40, 32, 48)[args.seed % 5]
    days = (30, 36, 24, 32, 40)[args.seed % 5]
    batch = (20, 25, 40, 20, 25)[args.seed % 5]
    limit = 1e-4 if args.fault == "clip_too_tight" else 0.5
    book = Book(hidden, args.fault)
    loader = DataLoader(TensorDataset(*accounts(1000, days)), batch, shuffle=True, drop_last=True)
    opt = torch.optim.SGD(book.parameters(), lr=0.02, momentum=0.9)
    sched = torch.optim.lr_scheduler.ExponentialLR(opt, 0.88)
    mse = nn.MSELoss()
    for epoch in range(20 if batch < 40 else 26):
        losses = []
        for amounts, balance in loader:
            loss = mse(book(amounts), balance)
            if args.fault == "wrong_sign":
                loss = -loss
            opt.zero_grad()
            loss.backward()
            if args.fault == "clip_after_step":
                opt.step()
                nn.utils.clip_grad_norm_(book.parameters(), limit)
            else:
                nn.utils.clip_grad_norm_(book.parameters(), limit)
                opt.step()
            losses.append(loss.item())
        sched.step()
        print(f"epoch {epoch:2d} mean {sum(losses) / len(losses):.4g} max {max(losses):.4g}")
    book.eval()
    with torch.no_grad():
        parts = DataLoader(TensorDataset(*accounts(400, days)), batch)
        off = torch.cat([(book(amounts) - balance).abs() for amounts, balance in parts])
    print(f"balance off by {off.mean().item():.4f} on average")


if __name__ == "__main__":
    main()
