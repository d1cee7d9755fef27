"""Learns, on endless streams, to repeat at a query the key seen some steps before (truncated backpropagation)."""

import argparse

import torch
import torch.nn.functional as F
from torch import nn

FAULTS = ("window_too_short", "graph_retained", "forget_gate_shut", "step_too_small")
METRIC = (r"echo accuracy ([\d.einfa+-]+) over", "higher")
LAGS = (14, 18, 16, 20, 12)  # steps, by seed
KEYS = 3


class Streams:
    """B endless streams: a key, `lag` steps of hum, a query for that key, a short gap, and again."""

    def __init__(self, batch, lag):
        self.lag = lag
        self.phase = torch.randint(lag + 4, (batch,))
        self.key = torch.randint(KEYS, (batch,))

    def window(self, steps):
        batch = len(self.phase)
        x = torch.zeros(batch, steps, KEYS + 2)
        y = torch.full((batch, steps), -100)
        x[:, :, -1] = 0.3 * torch.randn(batch, steps)
        for t in range(steps):
            fresh = self.phase == 0
            self.key = torch.where(fresh, torch.randint(KEYS, (batch,)), self.key)
            x[fresh, t, self.key[fresh]] = 1.0
            asked = self.phase == self.lag
            x[asked, t, KEYS] = 1.0
            y[asked, t] = self.key[asked]
            gap = self.lag + 1 + int(torch.randint(4, ()))
            self.phase = torch.where(self.phase >= gap, 0, self.phase + 1)
        return x, y


class Echo(nn.Module):
    def __init__(self, hidden, fault):
        super().__init__()
        self.lstm = nn.LSTM(KEYS + 2, hidden, batch_first=True)
        self.out = nn.Linear(hidden, KEYS)
        for name, p in self.lstm.named_parameters():
            if "bias" in name:
                nn.init.zeros_(p)
        forget = -3.0 if fault == "forget_gate_shut" else 2.0
        self.lstm.bias_ih_l0.data[hidden : 2 * hidden] = forget

    def forward(self, x, state):
        y, state = self.lstm(x, state)
        return self.out(y), state


def test(model, lag, batch):
    streams, state, hits = Streams(batch, lag), None, []
    with torch.no_grad():
        for i in range(6):
            x, y = streams.window(2 * lag)
            out, state = model(x, state)
            if i:
                hits.append((out.argmax(-1) == y)[y >= 0])
    return torch.cat(hits).float()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    hidden = (32, 24, 48, 32, 40)[args.seed % 5]
    lag = LAGS[args.seed % 5]
    batch = (24, 32, 24, 32, 40)[args.seed % 5]
    window = lag // 4 if args.fault == "window_too_short" else 3 * lag
    steps = 700 if args.fault == "window_too_short" else 250
    lr = 1e-5 if args.fault == "step_too_small" else 1e-2
    model = Echo(hidden, args.fault)
    opt = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-4)
    streams, state = Streams(batch, lag), None
    for step in range(steps):
        x, y = streams.window(window)
        if state is not None and args.fault != "graph_retained":
            state = tuple(s.detach() for s in state)
        logits, state = model(x, state)
        if not (y >= 0).any():
            continue
        loss = F.cross_entropy(logits.flatten(0, 1), y.flatten(), ignore_index=-100)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        if step % 40 == 0:
            print("window", step, "loss", f"{loss.item():.4f}")
    hits = test(model, lag, 100)
    print(f"echo accuracy {hits.mean().item():.3f} over {len(hits)} queries")
