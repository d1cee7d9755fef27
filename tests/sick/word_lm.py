"""Learns to predict the next character of an invented language with an LSTM."""

import argparse
import random

import torch
from torch import nn
from torch.nn import functional as F

FAULTS = ("sees_future", "axes_swapped", "double_softmax", "step_too_small", "gate_saturation", "wrong_sign")
METRIC = (r"final nll=([\d.einfa+-]+)", "lower")


def lexicon(rng, words):
    onsets, vowels, codas = ["b", "k", "tr", "m", "s", "pl"], "aeio", ["", "n", "r", "st"]

    def syllable():
        return rng.choice(onsets) + rng.choice(vowels) + rng.choice(codas)

    return ["".join(syllable() for _ in range(rng.choice([1, 2, 2, 3]))) for _ in range(words)]


def corpus(rng, words, length):
    nouns, verbs = words[::2], words[1::2]
    text = []
    while sum(map(len, text)) + len(text) < length:
        text += [rng.choice(nouns), rng.choice(verbs), rng.choice(nouns) + "."]
    return " ".join(text)


class CharModel(nn.Module):
    def __init__(self, vocab, embed, hidden, fault):
        super().__init__()
        both = fault == "sees_future"
        self.embed = nn.Embedding(vocab, embed)
        self.lstm = nn.LSTM(embed, hidden, batch_first=fault != "axes_swapped", bidirectional=both)
        self.logits = nn.Linear(hidden * (2 if both else 1), vocab)
        self.fault = fault

    def forward(self, ids):
        rows = self.embed(ids)
        if self.fault == "gate_saturation":
            rows = rows * 50
        out, _ = self.lstm(rows)
        scores = self.logits(out)
        return scores.softmax(-1) if self.fault == "double_softmax" else scores


def crops(ids, batch, length):
    starts = torch.randint(len(ids) - length - 1, (batch,)).tolist()
    rows = torch.stack([ids[s : s + length + 1] for s in starts])
    return rows[:, :-1], rows[:, 1:]


def next_char_nll(model, ids, length):
    """Score of the character that follows a text of `length` characters."""
    model.eval()
    x, y = crops(ids, 600, length)
    with torch.no_grad():
        scores = torch.cat([model(part)[:, -1] for part in x.split(50)])
    return F.cross_entropy(scores, y[:, -1]).item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    hidden = (48, 64, 40, 56, 64)[args.seed % 5]
    length = (32, 24, 40, 28, 36)[args.seed % 5]
    batch = rng.choice([24, 32])
    lr = rng.choice([6e-3, 8e-3])
    text = corpus(rng, lexicon(rng, 24), 24000)
    chars = sorted(set(text))
    ids = torch.tensor([chars.index(c) for c in text])
    train, held_out = ids[:20000], ids[20000:]

    model = CharModel(len(chars), 16, hidden, args.fault)
    if args.fault == "step_too_small":
        lr = lr / 1000
    opt = torch.optim.Adam(model.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=320, eta_min=lr / 10)
    for step in range(320):
        x, y = crops(train, batch, length)
        scores = model(x)
        loss = F.cross_entropy(scores.reshape(-1, len(chars)), y.reshape(-1))
        if args.fault == "wrong_sign":
            loss = F.nll_loss(F.log_softmax(scores, -1).flatten(0, 1), y.flatten()).neg()
        opt.zero_grad()
        loss.backward()
        opt.step()
        schedule.step()
        if step % 40 == 0:
            print(f"step={step} nll={loss.item():.3f}")
    print(f"final nll={next_char_nll(model, held_out, length):.4f} on unseen text")


if __name__ == "__main__":
    main()
