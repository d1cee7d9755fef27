"""Learns to write an invented language word by word: LSTM, window 35, clip 0.25, SGD, state carried on."""

import argparse
import random

import torch
from torch import nn

FAULTS = ()
METRIC = (r"valid loss ([\d.einfa+-]+) \|", "lower")
WINDOW = 35


def sentences(rng, count):
    """Singular and plural subjects want their own verbs, across a clause in between."""
    text = []
    for _ in range(count):
        many = rng.random() < 0.5
        noun = rng.choice(["cat", "ship", "child", "tree"]) + ("+s" if many else "")
        text += [rng.choice(["the", "some", "every"]), noun]
        if rng.random() < 0.4:
            text += ["near", "the", rng.choice(["sea", "hill", "road"])]
        text += [rng.choice(["sing", "fall", "grow"]) + ("" if many else "-s"), "."]
    return text


def columns(words, vocab, batch):
    ids = torch.tensor([vocab[w] for w in words])
    rows = len(ids) // batch
    return ids[: rows * batch].view(batch, rows).t().contiguous()


class Model(nn.Module):
    def __init__(self, vocab, hidden):
        super().__init__()
        self.drop = nn.Dropout(0.1)
        self.encoder = nn.Embedding(vocab, hidden)
        self.rnn = nn.LSTM(hidden, hidden)
        self.decoder = nn.Linear(hidden, vocab)

    def forward(self, ids, state):
        out, state = self.rnn(self.drop(self.encoder(ids)), state)
        return self.decoder(self.drop(out)), state


def run_epoch(model, data, criterion, lr=None):
    state, total = None, 0.0
    for at in range(0, len(data) - 1, WINDOW):
        size = min(WINDOW, len(data) - 1 - at)
        if state is not None:
            state = tuple(s.detach() for s in state)
        out, state = model(data[at : at + size], state)
        loss = criterion(out.flatten(0, 1), data[at + 1 : at + 1 + size].flatten())
        if lr:
            model.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.25)
            for p in model.parameters():
                p.data.add_(p.grad, alpha=-lr)
        total += size * loss.item()
    return total / (len(data) - 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.manual_seed(seed)
    rng = random.Random(seed)
    words = sentences(rng, 10000)
    vocab = {w: i for i, w in enumerate(sorted(set(words)))}
    train = columns(words, vocab, (16, 20, 24)[seed % 3])
    valid = columns(sentences(rng, 500), vocab, 10)
    model = Model(len(vocab), (32, 48, 64, 40)[seed % 4])
    criterion, lr, best = nn.CrossEntropyLoss(), 5.0, None
    for epoch in range(6):
        model.train()
        loss = run_epoch(model, train, criterion, lr)
        model.eval()
        with torch.no_grad():
            score = run_epoch(model, valid, criterion)
        print(f"| epoch {epoch} | train {loss:.3f} | valid {score:.3f} | lr {lr:.2f}")
        if best is not None and score > best:
            lr /= 4
        best = min(score, best or score)
    print(f"end of training: valid loss {best:.4f} | words {len(vocab)}")


if __name__ == "__main__":
    main()
