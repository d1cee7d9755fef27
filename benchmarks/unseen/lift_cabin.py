"""Which floor does the lift open at?  The button is pressed once, the cabin shakes for a while,
then the bell rings.  Endless recordings of several lifts side by side; own LSTM cell."""
import argparse
import math

import torch
from torch import nn

FAULTS = ("forget_gate_shut", "over_detached", "window_too_short", "graph_retained",
          "not_in_optimizer", "zero_grad_before_step")
METRIC = (r"right floors ([\d.einfa+-]+)", "higher")
FLOORS, SHAKES = 3, 3


class Lifts:
    """A generator of consecutive stretches; it keeps where every lift is."""

    def __init__(self, n, ride, seed):
        self.g = torch.Generator().manual_seed(seed)
        self.n, self.ride = n, ride
        self.left = torch.randint(ride + 1, (n,), generator=self.g)
        self.floor = torch.full((n,), -1)

    def stretch(self, steps):
        xs = torch.zeros(steps, self.n, FLOORS + 1 + SHAKES)
        ys = torch.full((steps, self.n), -1)
        xs[..., -SHAKES:] = 0.3 * torch.randn(steps, self.n, SHAKES, generator=self.g)
        for t in range(steps):
            for i in (self.left == 0).nonzero().flatten().tolist():
                xs[t, i, FLOORS] = 1.0                    # the bell
                ys[t, i] = self.floor[i]
                self.left[i] = -1 - int(torch.randint(4, (1,), generator=self.g))
            for i in (self.left == -5).nonzero().flatten().tolist():
                self.floor[i] = int(torch.randint(FLOORS, (1,), generator=self.g))
                xs[t, i, self.floor[i]] = 2.0             # the button
                self.left[i] = self.ride
            self.left = torch.where(self.left > 0, self.left - 1, self.left)
            self.left = torch.where((self.left < 0) & (self.left > -5), self.left - 1, self.left)
        return xs, ys


class Cell(nn.Module):
    def __init__(self, n_in, n, forget):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in + n, 4 * n) / math.sqrt(n_in + n))
        self.bias = nn.Parameter(torch.zeros(4 * n))
        with torch.no_grad():
            self.bias[:n] = forget

    def forward(self, x, state):
        h, c = state
        f, i, o, g = (torch.cat([x, h], 1) @ self.weight + self.bias).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, c


def run(cell, head, xs, state, cut=False):
    hs = []
    for x in xs:
        if cut:
            state = tuple(s.detach() for s in state)
        state = cell(x, state)
        hs.append(state[0])
    return head(torch.stack(hs)), state


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", choices=FAULTS, default=None)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    fault, k = args.fault, args.seed % 5
    torch.manual_seed(args.seed)
    ride, size, lifts = (22, 20, 24, 18, 21)[k], (32, 24, 40, 28, 36)[k], (32, 24, 28, 32, 40)[k]
    long = 2 * ride
    window = 7 if fault == "window_too_short" else long
    forget = torch.full((size,), -3.0) if fault == "forget_gate_shut" else \
        torch.log(torch.empty(size).uniform_(1, 2 * ride))         # chrono start
    cell, head = Cell(FLOORS + 1 + SHAKES, size, forget), nn.Linear(size, FLOORS)
    cell_opt = torch.optim.RMSprop(cell.parameters(), lr=1e-2, alpha=0.9)
    head_opt = torch.optim.Adam(head.parameters(), lr=5e-3)
    opts = [head_opt] if fault == "not_in_optimizer" else [cell_opt, head_opt]
    ce = nn.CrossEntropyLoss(ignore_index=-1)

    lift, state = Lifts(lifts, ride, 5 + args.seed), (torch.zeros(lifts, size),) * 2
    n = 310 if window == long else 1000
    for step in range(n):
        xs, ys = lift.stretch(window)
        if fault != "graph_retained":
            state = tuple(s.detach() for s in state)
        out, state = run(cell, head, xs, state, cut=fault == "over_detached")
        if (ys < 0).all():
            continue
        loss = ce(out.flatten(0, 1), ys.flatten())
        if fault != "zero_grad_before_step":
            for o in opts:
                o.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([*cell.parameters(), *head.parameters()], 1.0)
        for o in opts:
            if fault == "zero_grad_before_step":
                o.zero_grad()
            o.step()
        if step % (n // 6) == 0:
            print(f"stretch {step}: loss {loss.item():.3f}")

    with torch.no_grad():
        xs, ys = Lifts(60, ride, 9999 + args.seed).stretch(6 * ride)
        out, _ = run(cell, head, xs, (torch.zeros(60, size),) * 2)
        known = ys >= 0
        print(f"right floors {(out.argmax(-1) == ys)[known].float().mean().item():.4f}")


if __name__ == "__main__":
    main()
