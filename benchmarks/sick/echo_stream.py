"""Streams of symbols: a flagged one must be named again a fixed while later. A GRU cell, window by window."""

import argparse
import time

import torch
import torch.nn.functional as F
from torch import nn

FAULTS = ("window_too_short", "over_detached", "graph_retained")
METRIC = (r"echoes right: ([\d.einfa+-]+)", "higher")
LAGS = (20, 16, 24, 28, 18)  # steps, by seed

SYMBOLS = 4
BUDGET = 7.0  # seconds of processor time


class Streams:
    """Symbol streams side by side; in each, flagged symbols and, `lag` steps later, the call for them."""

    def __init__(self, count, lag, rng):
        self.count, self.lag, self.rng = count, lag, rng
        self.phase = torch.randint(lag + 3, (count,), generator=rng)
        self.held = torch.zeros(count, dtype=torch.long)

    def next_step(self):
        symbol = torch.randint(SYMBOLS, (self.count,), generator=self.rng)
        flagged = self.phase == 0
        called = self.phase == self.lag
        self.held = torch.where(flagged, symbol, self.held)
        self.phase = (self.phase + 1) % (self.lag + 3)
        row = torch.cat((F.one_hot(symbol, SYMBOLS), flagged[:, None], called[:, None]), 1).float()
        return row, torch.where(called, self.held, -100)

    def window(self, steps):
        rows, targets = zip(*(self.next_step() for _ in range(steps)), strict=True)
        return torch.stack(rows), torch.stack(targets)


class Nudge(torch.optim.Optimizer):
    """Sign-like steps: momentum over the root of the mean square."""

    def __init__(self, params, lr, keep=0.9, hold=0.99):
        super().__init__(params, {"lr": lr, "keep": keep, "hold": hold})

    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state.update(age=0, mean=torch.zeros_like(p.data), square=torch.zeros_like(p.data))
                state["age"] += 1
                state["mean"].lerp_(p.grad.data, 1 - group["keep"])
                state["square"].lerp_(p.grad.data.square(), 1 - group["hold"])
                mean = state["mean"] / (1 - group["keep"] ** state["age"])
                square = state["square"] / (1 - group["hold"] ** state["age"])
                p.data -= group["lr"] * mean / (square.sqrt() + 1e-7)


class Echo(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.cell = nn.GRUCell(SYMBOLS + 2, hidden)
        self.name = nn.Linear(hidden, SYMBOLS)
        with torch.no_grad():
            self.cell.bias_ih[hidden : 2 * hidden] += 2.0

    def forward(self, rows, h, cut_each_step=False):
        states = []
        for row in rows:
            if cut_each_step:
                h = h.detach()
            h = self.cell(row, h)
            states.append(h)
        return self.name(torch.stack(states)), h


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = torch.Generator().manual_seed(args.seed + 3)
    k = args.seed % 5
    hidden, lag, count = (48, 32, 64, 40, 56)[k], LAGS[k], (32, 24, 24, 32, 40)[k]
    window = lag // 4 if args.fault == "window_too_short" else 2 * lag
    streams = Streams(count, lag, rng)
    net = Echo(hidden)
    optimizer = Nudge(net.parameters(), lr=0.01)
    h = torch.zeros(count, hidden)
    began, seen = time.process_time(), 0
    for index in range(700 * lag // window):
        rows, targets = streams.window(window)
        if args.fault != "graph_retained":
            h = h.detach()
        out, h = net(rows, h, cut_each_step=args.fault == "over_detached")
        calls = targets >= 0
        seen += int(calls.sum())
        loss = F.cross_entropy(out[calls], targets[calls], reduction="sum") / max(1, int(calls.sum()))
        optimizer.zero_grad()
        loss.backward(retain_graph=args.fault == "graph_retained")
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        if index % 50 == 0:
            print(f"window {index} ({seen} calls): {loss.item():.3f}")
        if time.process_time() - began > BUDGET:
            break
    with torch.no_grad():
        rows, targets = streams.window(8 * lag)
        out, _ = net(rows, h)
        calls = targets >= 0
        share = (out.argmax(-1) == targets)[calls].float().mean().item()
    print(f"echoes right: {share:.3f}")


if __name__ == "__main__":
    main()
