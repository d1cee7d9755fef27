"""Marks the parts of addresses of all lengths, word by word, reading from both ends over packed rows."""

import argparse
import random

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

METRIC = (r"tags right ([\d.einfa+-]+)", "higher")

NAMES = ["ash", "birch", "cedar", "elm", "maple", "oak", "rowan", "willow"]
STREET, TOWN, NUMBER, OTHER = range(4)
WORDS = ["<pad>", "street", "town", "near", "old", "at", *NAMES, *(str(i) for i in range(10))]
INDEX = {word: i for i, word in enumerate(WORDS)}


def address(rng):
    """A name is a street or a town by the word that follows some places later."""
    words, tags = [], []
    for _ in range(rng.randint(1, 5)):
        what = rng.choice((STREET, TOWN))
        name = rng.sample(NAMES, rng.randint(1, 3))
        words += [*name, "street" if what == STREET else "town"]
        tags += [what] * len(name) + [OTHER]
        if rng.random() < 0.5:
            digits = [str(rng.randrange(10)) for _ in range(rng.randint(1, 2))]
            words += digits
            tags += [NUMBER if what == STREET else OTHER] * len(digits)
        if rng.random() < 0.4:
            words.append(rng.choice(("near", "old", "at")))
            tags.append(OTHER)
    return torch.tensor([INDEX[w] for w in words]), torch.tensor(tags)


def batch(count, rng):
    words, tags = zip(*(address(rng) for _ in range(count)), strict=True)
    lengths = torch.tensor([len(row) for row in words])
    return (
        pad_sequence(words, batch_first=True),
        lengths,
        pad_sequence(tags, batch_first=True, padding_value=-1),
    )


class Tagger(nn.Module):
    def __init__(self, size, hidden):
        super().__init__()
        self.embed = nn.Embedding(len(WORDS), size, padding_idx=0)
        self.lstm = nn.LSTM(size, hidden, batch_first=True, bidirectional=True)
        self.tag = nn.Linear(2 * hidden, 4)

    def forward(self, words, lengths):
        packed = pack_padded_sequence(self.embed(words), lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.tag(states)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.manual_seed(seed)
    rng = random.Random(seed + 12)
    hidden = (32, 48, 24, 40, 64, 28, 36, 56)[seed % 8]
    model = Tagger((16, 24, 20, 12, 16, 32, 18, 16)[seed % 8], hidden)
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-3)
    criterion = nn.CrossEntropyLoss(ignore_index=-1)
    for step in range(250):
        words, lengths, tags = batch(24, rng)
        loss = criterion(model(words, lengths).transpose(1, 2), tags)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            print(f"step {step}  loss {loss.item():.4f}")
    with torch.no_grad():
        words, lengths, tags = batch(300, rng)
        real = tags >= 0
        right = (model(words, lengths).argmax(2) == tags)[real].float().mean().item()
    print(f"tags right {right:.4f}")


if __name__ == "__main__":
    main()
