"""A language model of characters: two layers of torch's LSTM, truncated backpropagation with carried state."""

import argparse
import time

import torch
from torch import nn


class Model(nn.Module):
    def __init__(self, characters, hidden):
        super().__init__()
        self.embedding = nn.Embedding(characters, 64)
        self.lstm = nn.LSTM(64, hidden, 2)
        self.readout = nn.Linear(hidden, characters)

    def forward(self, ids, state):
        y, state = self.lstm(self.embedding(ids), state)
        return self.readout(y), state


def text(length, characters):
    """A chain of order two: something to learn, and something that cannot be."""
    chances = torch.softmax(3 * torch.randn(characters, characters, characters), dim=2)
    drawn = torch.rand(length)
    edges = chances.cumsum(2)
    ids = [0, 1]
    for n in range(length):
        ids.append(int(torch.searchsorted(edges[ids[-2], ids[-1]], drawn[n]).clamp(max=characters - 1)))
    return torch.tensor(ids)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=700)
    given = parser.parse_args()
    torch.manual_seed(0)
    ids = text(40_000, 30)
    streams = ids[: 32 * (len(ids) // 32)].view(32, -1).T
    model = Model(30, 256)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    state, began = None, time.perf_counter()
    for step in range(given.steps):
        place = (step * 64) % (len(streams) - 65)
        inputs, targets = streams[place : place + 64], streams[place + 1 : place + 65]
        scores, state = model(inputs, state)
        state = tuple(s.detach() for s in state)
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    print(f"trained in {time.perf_counter() - began:.3f} s, loss {loss.item():.3f}")


main()
