"""Learns from which of four invented countries a name comes, by an embedding and a recurrent net over its letters."""

import argparse
import random

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

FAULTS = ("reads_padding", "axes_swapped", "no_signal", "frozen", "not_in_optimizer")
METRIC = (r"origin: ([\d.einfa+-]+) of the test names", "higher")

LETTERS = "abcdefghijklmnopqrstuvwxyz"
ENDINGS = (("ona", "eris", "usk"), ("ula", "aris", "ink"), ("ena", "oris", "alk"), ("ila", "uris", "ork"))
COUNTRIES = len(ENDINGS)


def make_name(rng, country, longest):
    size = rng.randint(2, 7) if rng.random() < 0.8 else rng.randint(30, longest)
    body = "".join(rng.choice("bcdfglmnprst") + rng.choice("aeiou") for _ in range(size))[:size]
    ending = rng.choice(ENDINGS[country])
    if rng.random() < 0.04:
        ending = rng.choice(LETTERS) + ending[1:]
    return body + ending


class Names(Dataset):
    def __init__(self, rng, count, longest, fault=None):
        self.origin = [rng.randrange(COUNTRIES) for _ in range(count)]
        self.names = [make_name(rng, c, longest) for c in self.origin]
        if fault == "no_signal":
            rng.shuffle(self.origin)

    def __len__(self):
        return len(self.names)

    def __getitem__(self, i):
        return torch.tensor([1 + LETTERS.index(c) for c in self.names[i]]), self.origin[i]


def collate(items):
    ids, origin = zip(*items, strict=True)
    lengths = torch.tensor([len(i) for i in ids])
    return pad_sequence(ids, batch_first=True), lengths, torch.tensor(origin)


class Net(nn.Module):
    def __init__(self, embed, hidden, fault):
        super().__init__()
        self.fault = fault
        self.letters = nn.Embedding(27, embed, padding_idx=0)
        self.rnn = nn.RNN(embed, hidden, batch_first=fault != "axes_swapped")
        self.guess = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, COUNTRIES))

    def forward(self, ids, lengths):
        rows = self.letters(ids)
        out, _ = self.rnn(rows)
        last = lengths - 1
        if self.fault == "reads_padding":
            last = torch.full_like(lengths, ids.shape[1] - 1)
        return self.guess(out[torch.arange(len(ids)), last])


def share_right(model, loader):
    right = total = 0
    model.eval()
    with torch.inference_mode():
        for ids, lengths, origin in loader:
            right += (model(ids, lengths).argmax(-1) == origin).sum().item()
            total += len(origin)
    model.train()
    return right / total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    hidden = (32, 48, 40, 64, 56)[args.seed % 5]
    batch = (16, 20, 24, 16, 32)[args.seed % 5]
    longest = (44, 48, 56, 52, 44)[args.seed % 5]
    small = args.fault == "no_signal"
    data = Names(rng, 120 if small else 900, longest, args.fault)
    train = DataLoader(data, batch, shuffle=True, collate_fn=collate)
    test = DataLoader(Names(rng, 400, longest), 80, collate_fn=collate)
    net = Net(12, hidden, args.fault)
    params = net.parameters()
    if args.fault == "frozen":
        for p in net.parameters():
            p.requires_grad_(False)
    if args.fault == "not_in_optimizer":
        params = net.guess[2].parameters()
    opt = torch.optim.RMSprop(params, lr=1.5e-3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(80 if small else 8):
        losses = []
        for ids, lengths, origin in train:
            opt.zero_grad()
            loss = criterion(net(ids, lengths), origin)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 2.0)
            opt.step()
            losses.append(loss.item())
        print(f"({epoch}) train {sum(losses) / len(losses):.4f}")
    print(f"origin: {share_right(net, test):.3f} of the test names are placed")


if __name__ == "__main__":
    main()
