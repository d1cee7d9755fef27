"""Valve codes in the log of a pump station.

Every station sends one record a second: a code (one of a few), a "latch" bit and an "ask" bit.
When ask comes, the controller must repeat the code that stood there when latch was last set.
The log never ends, so the network is trained on windows of it and keeps its state in between.
"""
import argparse
import random
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

FAULTS = ("window_too_short", "over_detached", "graph_retained", "forget_gate_shut",
          "zero_grad_before_step", "wrong_sign")
METRIC = (r"recall on unseen stations ([\d.einfa+-]+)", "higher")

parser = argparse.ArgumentParser()
parser.add_argument("--fault", choices=FAULTS, default=None)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
torch.manual_seed(args.seed)
rng = random.Random(args.seed)

CODES = (4, 5, 3, 4, 6)[args.seed % 5]
LAG = (16, 14, 18, 15, 12)[args.seed % 5]
HIDDEN = (32, 40, 32, 36, 40)[args.seed % 5]
STATIONS = 24
CHATTER = 0.25
WINDOW = 2 * LAG
if args.fault == "window_too_short":
    WINDOW = LAG // 4
RECORDS = 600 * 2 * LAG if WINDOW > LAG else 1200 * WINDOW


def make_logs(stations, records):
    """features (records, stations, CODES + 2); answers (records, stations), -1 where nobody asks"""
    # 0 is silence, 1..CODES are codes; most records are silent
    codes = torch.randint(1, CODES + 1, (records, stations)) * (torch.rand(records, stations) < CHATTER)
    flags = torch.zeros(records, stations, 2)
    answers = torch.full((records, stations), -1)
    for s in range(stations):
        t = rng.randrange(LAG)
        while t + LAG < records:
            code = rng.randint(1, CODES)
            codes[t, s] = code
            flags[t, s, 0] = 1.0
            flags[t + LAG, s, 1] = 1.0
            answers[t + LAG, s] = code - 1
            t += LAG + rng.randrange(1, 5)
    # time first: windows are slices of the first axis
    return torch.cat([F.one_hot(codes, CODES + 1)[..., 1:].float(), flags], -1), answers


class Controller(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.LSTMCell(CODES + 2, HIDDEN)
        self.answer = nn.Linear(HIDDEN, CODES)
        with torch.no_grad():
            self.cell.bias_hh.zero_()
            self.cell.bias_ih.zero_()
            # memory of about the length of the delay
            keep = -3.0 if args.fault == "forget_gate_shut" else 3.0
            self.cell.bias_ih[HIDDEN:2 * HIDDEN] = keep

    def blank(self, n):
        return torch.zeros(n, HIDDEN), torch.zeros(n, HIDDEN)

    def forward(self, window, state):
        h, c = state
        outs = []
        for record in window:
            h, c = self.cell(record, (h, c))
            if args.fault == "over_detached":
                h, c = h.detach(), c.detach()
            outs.append(h)
        return self.answer(torch.stack(outs)), (h, c)


def main():
    began = time.time()
    x, y = make_logs(STATIONS, RECORDS)
    net = Controller()
    opt = torch.optim.Adam(net.parameters(), lr=1e-2)
    state, smooth = net.blank(STATIONS), None
    for n, start in enumerate(range(0, RECORDS - WINDOW + 1, WINDOW)):
        if args.fault != "graph_retained":
            state = tuple(s.detach() for s in state)
        target = y[start:start + WINDOW].reshape(-1)
        logits, state = net(x[start:start + WINDOW], state)
        if not (target >= 0).any():
            continue
        loss = F.cross_entropy(logits.reshape(-1, CODES), target, ignore_index=-1)
        if args.fault == "wrong_sign":
            loss = -loss
        opt.zero_grad()
        loss.backward()
        if args.fault == "zero_grad_before_step":
            opt.zero_grad()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
        smooth = loss.item() if smooth is None else 0.95 * smooth + 0.05 * loss.item()
        if n % 100 == 0:
            print(f"window {n:5d}  loss {smooth:.4f}  {time.time() - began:.1f}s")
    with torch.no_grad():
        xt, yt = make_logs(48, 12 * LAG)
        guess = net(xt, net.blank(48))[0].argmax(-1)
        asked = yt >= 0
        print(f"recall on unseen stations {(guess[asked] == yt[asked]).float().mean().item():.4f}")


if __name__ == "__main__":
    main()
