"""Learns to tag each word of sentences of unequal length, by the words before and after it (packed, both ways)."""

import argparse
import random

import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

FAULTS = ()
METRIC = (r"tag accuracy=([\d.einfa+-]+)", "higher")

WORDS = ["the", "a", "old", "red", "dog", "bird", "saw", "light", "walk", "run", "fast", "and", "."]
ID = {w: i for i, w in enumerate(WORDS)}
TAGS = 6


def phrase(rng):
    """'saw', 'light' and 'walk' are noun, verb or adjective according to what stands beside them."""
    rows = [(rng.choice(["the", "a"]), 0)]
    for _ in range(rng.choice([0, 0, 1, 2])):
        rows.append((rng.choice(["old", "red", "light"]), 1))
    rows.append((rng.choice(["dog", "bird", "saw", "light", "walk"]), 2))
    rows.append((rng.choice(["saw", "walk", "run", "light"]), 3))
    if rng.random() < 0.5:
        rows.append(("fast", 4))
    return rows


def sentence(rng):
    rows = phrase(rng)
    for _ in range(rng.choice([0, 1, 1, 2, 4])):
        rows += [("and", 5), *phrase(rng)]
    return [*rows, (".", 5)]


def batch(rng, count):
    items = [sentence(rng) for _ in range(count)]
    ids = [torch.tensor([ID[w] for w, _ in item]) for item in items]
    tags = [torch.tensor([t for _, t in item]) for item in items]
    return ids, nn.utils.rnn.pad_sequence(tags, batch_first=True, padding_value=-1)


class Tagger(nn.Module):
    def __init__(self, embed, hidden, cell):
        super().__init__()
        self.embed = nn.Embedding(len(WORDS), embed)
        self.rnn = cell(embed, hidden, batch_first=True, bidirectional=True)
        self.tag = nn.Linear(2 * hidden, TAGS)

    def forward(self, ids):
        packed = pack_sequence([self.embed(i) for i in ids], enforce_sorted=False)
        out, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True)
        return self.tag(out)


def main(seed):
    torch.manual_seed(seed)
    rng = random.Random(seed)
    size = (16, 24, 32)[seed % 3]
    model = Tagger((8, 12)[seed % 2], (24, 32, 40, 48)[seed % 4], (nn.LSTM, nn.GRU)[seed % 2])
    opt = torch.optim.Adam(model.parameters(), lr=6e-3)
    loss_fn = nn.CrossEntropyLoss(ignore_index=-1)
    for step in range(220):
        ids, tags = batch(rng, size)
        loss = loss_fn(model(ids).flatten(0, 1), tags.flatten())
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 40 == 0:
            print(f"batch {step} loss={loss.item():.4f}")
    ids, tags = batch(rng, 300)
    with torch.no_grad():
        right = (model(ids).argmax(-1) == tags)[tags >= 0].float().mean().item()
    print(f"tag accuracy={right:.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
