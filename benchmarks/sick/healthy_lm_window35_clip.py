"""A word model over made-up sentences: LSTM, windows of 35 words in order, gradients clipped to 0.25."""

import argparse
import math
import random

import torch
from torch import nn

METRIC = (r"test ppl ([\d.einfa+-]+)", "lower")

ARTICLES = ["the", "a", "one", "every"]
NOUNS = "cat dog bird child ship farmer river teacher stone horse".split()  # noqa: SIM905
VERBS = "sees finds follows likes leaves carries draws".split()  # noqa: SIM905
ENDS = [".", "again .", "today .", "and sings ."]
WORDS = sorted({*ARTICLES, *NOUNS, *VERBS, *" ".join(ENDS).split()})
INDEX = {word: i for i, word in enumerate(WORDS)}


def sentence(rng):
    """The verb goes with its subject, the object with the verb, most of the time."""
    subject = rng.randrange(len(NOUNS))
    verb = subject % len(VERBS) if rng.random() < 0.8 else rng.randrange(len(VERBS))
    target = (subject + verb) % len(NOUNS) if rng.random() < 0.7 else rng.randrange(len(NOUNS))
    text = f"{rng.choice(ARTICLES)} {NOUNS[subject]} {VERBS[verb]} {rng.choice(ARTICLES)} {NOUNS[target]}"
    return [INDEX[word] for word in f"{text} {rng.choice(ENDS)}".split()]


def columns(words, count, rng):
    text = []
    while len(text) < words * count:
        text += sentence(rng)
    return torch.tensor(text[: words * count]).view(count, words).t().contiguous()


class Words(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.drop = nn.Dropout(0.1)
        self.embed = nn.Embedding(len(WORDS), size)
        self.lstm = nn.LSTM(size, size)
        self.decode = nn.Linear(size, len(WORDS))

    def forward(self, tokens, state):
        hidden, state = self.lstm(self.drop(self.embed(tokens)), state)
        return self.decode(self.drop(hidden)).flatten(0, 1), state


def windows(data, bptt=35):
    for start in range(0, len(data) - 1, bptt):
        stop = min(start + bptt, len(data) - 1)
        yield data[start:stop], data[start + 1 : stop + 1].flatten()


def test_loss(model, data, criterion):
    model.eval()
    total, state = 0.0, None
    with torch.no_grad():
        for tokens, targets in windows(data):
            out, state = model(tokens, state)
            total += criterion(out, targets).item() * len(tokens)
    return total / (len(data) - 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.manual_seed(seed)
    rng = random.Random(seed)
    model = Words((64, 48, 80, 56, 72, 96, 40, 60)[seed % 8])
    train = columns(1800, (16, 20, 12, 24, 16, 12, 20, 16)[seed % 8], rng)
    test = columns(400, 10, rng)
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(5):
        model.train()
        state, losses = None, []
        for tokens, targets in windows(train):
            if state is not None:
                state = tuple(s.detach() for s in state)
            out, state = model(tokens, state)
            loss = criterion(out, targets)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.25)
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch} train ppl {math.exp(sum(losses) / len(losses)):.2f}")
    print(f"test ppl {math.exp(test_loss(model, test, criterion)):.3f}")


if __name__ == "__main__":
    main()
