"""A language model of a system log, read as one stream: who opened a session mostly closes it, a dozen words later."""

import argparse
import random
import time

import torch
from torch import nn

FAULTS = (
    "window_too_short",
    "over_detached",
    "graph_retained",
    "sees_future",
    "double_softmax",
    "gate_saturation",
)
METRIC = (r"closing names: ([\d.einfa+-]+) nats", "lower")

USERS = ["root", "anna", "bert", "cleo", "dirk", "emma"]
CHAIN = ["connect", "auth", "shell", "read", "write", "sync", "idle"]
WORDS = ["<open>", "<close>", *USERS, *CHAIN]
SECONDS = 7.0  # of processor time
INDEX = {word: i for i, word in enumerate(WORDS)}


def session(length, rng):
    """One session as words; the name behind <close> is a wrong one in a tenth of them."""
    user = rng.choice(USERS)
    words, at = ["<open>", user], 0
    for _ in range(length):
        words.append(CHAIN[at])
        at = (at + 1) % len(CHAIN) if rng.random() < 0.97 else rng.randrange(len(CHAIN))
    return [*words, "<close>", user if rng.random() < 0.9 else rng.choice(USERS)]


def stream(words, length, rng):
    text = []
    while len(text) < words:
        text += [INDEX[word] for word in session(length, rng)]
    return text[:words]


def corpus(rows, steps, length, rng):
    """Token rows (steps + 1, rows), each a stream of its own."""
    skips = [rng.randrange(length) for _ in range(rows)]
    lines = [stream(steps + 1 + skip, length, rng)[skip:] for skip in skips]
    return torch.tensor(lines).t().contiguous()


class LogModel(nn.Module):
    def __init__(self, hidden, fault):
        super().__init__()
        both = fault == "sees_future"
        self.step_by_step = fault == "over_detached"
        self.gain = 50.0 if fault == "gate_saturation" else 1.0
        self.embed = nn.Embedding(len(WORDS), 24)
        self.lstm = nn.LSTM(24, hidden, bidirectional=both)
        nn.init.constant_(self.lstm.bias_ih_l0[hidden : 2 * hidden].detach(), 1.0)
        self.predict = nn.Linear(hidden * (2 if both else 1), len(WORDS))
        self.squash = nn.Softmax(dim=-1) if fault == "double_softmax" else nn.Identity()

    def forward(self, tokens, state=None):
        x = self.gain * self.embed(tokens)
        if self.step_by_step and self.training:
            steps = []
            for row in x.split(1):
                y, (h, c) = self.lstm(row, state)
                state = (h.detach(), c.detach())
                steps.append(y)
            y = torch.cat(steps)
        else:
            y, state = self.lstm(x, state)
        return self.squash(self.predict(y)), state


def closing_loss(model, tokens, criterion):
    """Loss on the names behind <close> alone."""
    model.eval()
    with torch.no_grad():
        out, _ = model(tokens[:-1])
        names = tokens[:-1] == INDEX["<close>"]
        return criterion(out[names], tokens[1:][names]).item()


def train(model, optimizer, tokens, window, criterion, fault):
    model.train()
    state, began = None, time.process_time()
    for number, start in enumerate(range(0, len(tokens) - 1, window)):
        piece = tokens[start : start + window + 1]
        if state is not None and fault != "graph_retained":
            state = tuple(part.detach() for part in state)
        out, state = model(piece[:-1], state)
        loss = criterion(out.flatten(0, 1), piece[1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        if time.process_time() - began > SECONDS:
            break
        if number % 100 == 0:
            print(f"| {number:4d} windows | loss {loss.item():6.3f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fault", choices=FAULTS)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    hidden = (64, 96, 80, 72, 128)[args.seed % 5]
    length = (12, 10, 11, 14, 11)[args.seed % 5]
    rows = (24, 32, 28, 24, 16)[args.seed % 5]
    window = length // 4 if args.fault == "window_too_short" else 2 * (length + 4)
    model = LogModel(hidden, args.fault)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.2e-2, weight_decay=1e-4)
    criterion = nn.CrossEntropyLoss()
    tokens = corpus(rows, 800 * 2 * (length + 4), length, rng)
    train(model, optimizer, tokens, window, criterion, args.fault)
    held = corpus(16, 400, length, rng)
    print(f"closing names: {closing_loss(model, held, criterion):.4f} nats")
