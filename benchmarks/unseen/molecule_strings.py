# polarity class of small molecules written as strings (a toy dialect of SMILES)
import argparse
import random

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

FAULTS = ("reads_padding", "state_leaks", "axes_swapped", "gate_saturation", "double_softmax",
          "no_signal")
METRIC = (r"validation nll ([\d.einfa+-]+)", "lower")

ALPHABET = ["<pad>", "C", "N", "O", "S", "F", "=", "(", ")"]
INDEX = {ch: i for i, ch in enumerate(ALPHABET)}
WEIGHT = {"N": 1, "O": 1, "F": 1, "S": -1, "=": -1}


def grow(rng, budget):
    """a random chain with branches"""
    out = []
    while budget > 0:
        out.append(rng.choice("CCCNOFSS"))
        budget -= 1
        if budget > 3 and rng.random() < 0.15:
            inner = rng.randint(1, budget - 2)
            out += ["(", *grow(rng, inner), ")"]
            budget -= inner
        elif budget > 0 and rng.random() < 0.2:
            out.append("=")
    return out


def molecule(rng, longest):
    # most molecules are small, a few are long
    size = rng.randint(4, 12) if rng.random() < 0.85 else rng.randint(13, longest)
    atoms = grow(rng, size)
    balance = sum(WEIGHT.get(ch, 0) for ch in atoms)
    label = 0 if balance < -1 else 1 if balance < 1 else 2 if balance < 3 else 3
    return torch.tensor([INDEX[ch] for ch in atoms]), label


class Molecules(torch.utils.data.Dataset):
    def __init__(self, n, longest, rng):
        self.rows = [molecule(rng, longest) for _ in range(n)]

    def shuffle_labels(self, rng):
        labels = [y for _, y in self.rows]
        rng.shuffle(labels)
        self.rows = [(x, y) for (x, _), y in zip(self.rows, labels)]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


def collate(rows):
    strings, labels = zip(*rows)
    lengths = torch.tensor([len(s) for s in strings])
    return pad_sequence(strings, batch_first=True), lengths, torch.tensor(labels)


class PolarityNet(nn.Module):
    def __init__(self, dim, hidden, fault):
        super().__init__()
        self.fault = fault
        self.emb = nn.Embedding(len(ALPHABET), dim, padding_idx=0)
        self.gru = nn.GRU(dim, hidden, batch_first=fault != "axes_swapped")
        self.out = nn.Linear(hidden, 4)
        self.h = None
        if fault == "gate_saturation":
            self.emb.weight.data.mul_(50)

    def forward(self, tokens, lengths):
        x = self.emb(tokens)
        if self.fault == "state_leaks":
            y, h = self.gru(x, self.h)
            self.h = h.detach()
        else:
            y, _ = self.gru(x)
        if self.fault == "reads_padding":
            last = y[:, -1]
        else:
            last = y[torch.arange(len(lengths)), lengths - 1]
        z = self.out(last)
        return torch.softmax(z, -1) if self.fault == "double_softmax" else z


def validate(net, loader, criterion):
    net.eval()
    with torch.no_grad():
        losses = [criterion(net(x, n), y).item() for x, n, y in loader]
    net.train()
    return sum(losses) / len(losses)


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--fault", choices=FAULTS)
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    rng = random.Random(args.seed + 3)
    torch.manual_seed(args.seed)
    dim, hidden = ((12, 40), (16, 32), (8, 48), (12, 36), (16, 44))[args.seed % 5]
    longest = (60, 64, 56, 66, 58)[args.seed % 5]
    train, valid = Molecules(512, longest, rng), Molecules(512, longest, rng)
    if args.fault == "no_signal":
        train.shuffle_labels(rng)
    feed = DataLoader(train, 32, shuffle=True, drop_last=True, collate_fn=collate)
    hold = DataLoader(valid, 32, collate_fn=collate, drop_last=True)
    net = PolarityNet(dim, hidden, args.fault)
    opt = torch.optim.AdamW(net.parameters(), lr=8e-3, weight_decay=1e-3)
    decay = torch.optim.lr_scheduler.ExponentialLR(opt, 0.96)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(1, 25):
        total = 0.0
        for x, n, y in feed:
            loss = criterion(net(x, n), y)
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            opt.step()
            total += loss.item()
        decay.step()
        if epoch % 4 == 0:
            print("epoch", epoch, "train %.4f" % (total / len(feed)), "valid %.4f" % validate(net, hold, criterion))
    print("validation nll %.4f" % validate(net, hold, criterion))
