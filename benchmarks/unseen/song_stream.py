"""A songbird's endless song, note by note: the key given at the start of a phrase
decides the note with which the phrase ends.  GRU, truncated backpropagation."""
import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F

FAULTS = ("window_too_short", "over_detached", "graph_retained", "step_too_large",
          "double_softmax", "step_too_small")
METRIC = (r"nats on closing notes: ([\d.einfa+-]+)", "lower")
KEYS, NOTES = 4, 5                     # tokens 0..3 keys, 4..7 closing notes, 8 cadence, 9.. filler
CADENCE, VOCAB = 2 * KEYS, 2 * KEYS + 1 + NOTES


def sing(birds, length, lag, g):
    """(birds, length) tokens, and a mask of the closing notes"""
    songs, marks = [], []
    for _ in range(birds):
        song, mark, note = [], [], 0
        while len(song) < length + 2 * lag:
            key = int(torch.randint(KEYS, (1,), generator=g))
            middle = lag - 2 + int(torch.randint(3, (1,), generator=g))
            steps = torch.randint(3, (middle,), generator=g).tolist()
            song.append(key)
            for s in steps:
                note = (note + s) % NOTES
                song.append(CADENCE + 1 + note)
            song += [CADENCE, KEYS + key]
            mark += [False] * (middle + 2) + [True]
        cut = int(torch.randint(lag, (1,), generator=g))
        songs.append(song[cut:cut + length])
        marks.append(mark[cut:cut + length])
    return torch.tensor(songs), torch.tensor(marks)


class Singer(nn.Module):
    def __init__(self, width, softmax=False, forgetful=False):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, 12)
        self.cell = nn.GRUCell(12, width)
        with torch.no_grad():
            self.cell.bias_hh[width:2 * width] += 2.0       # keep the state at first
        self.out = nn.Linear(width, VOCAB)
        self.softmax, self.forgetful = softmax, forgetful

    def forward(self, tokens, h):
        states = []
        for x in self.embed(tokens).unbind(1):
            if self.forgetful:
                h = h.detach()
            h = self.cell(x, h)
            states.append(h)
        logits = self.out(torch.stack(states, 1))
        return (logits.softmax(-1) if self.softmax else logits), h


@torch.no_grad()
def closing_nats(net, songs, marks, width):
    out, _ = net(songs[:, :-1], torch.zeros(len(songs), width))
    want = marks[:, 1:].clone()
    want[:, :40] = False
    return F.cross_entropy(out[want], songs[:, 1:][want]).item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", choices=FAULTS, default=None)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    fault, k = args.fault, args.seed % 5
    torch.manual_seed(args.seed)
    g = torch.Generator().manual_seed(77 + args.seed)
    lag, width, birds = (16, 20, 14, 18, 15)[k], (48, 56, 40, 48, 64)[k], (24, 20, 32, 24, 16)[k]
    window = 2 * lag + 8
    if fault == "window_too_short":
        window = 5
    total = 210 * (2 * lag + 8)
    songs, marks = sing(birds, total + 1, lag, g)
    test_songs, test_marks = sing(40, 300, lag, g)

    net = Singer(width, softmax=fault == "double_softmax", forgetful=fault == "over_detached")
    rate = {"step_too_large": 0.8, "step_too_small": 8e-6}.get(fault, 8e-3)
    opt = torch.optim.Adam(net.parameters(), lr=rate)
    h = torch.zeros(birds, width)
    windows = min(total // window, 1400)
    for i in range(windows):
        x = songs[:, i * window:(i + 1) * window]
        y = songs[:, i * window + 1:(i + 1) * window + 1]
        if fault != "graph_retained":
            h = h.detach()
        out, h = net(x, h)
        weight = 1.0 + 4.0 * marks[:, i * window + 1:(i + 1) * window + 1]
        each = F.cross_entropy(out.flatten(0, 1), y.flatten(), reduction="none")
        loss = (each * weight.flatten()).sum() / weight.sum()
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
        if i % (windows // 6) == 0:
            print(f"window {i:5d}  loss {loss.item():.4f}")
    print(f"nats on closing notes: {closing_nats(net, test_songs, test_marks, width):.4f}")


if __name__ == "__main__":
    main()
