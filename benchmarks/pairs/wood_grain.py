"""Names the direction in which the grain of a small board runs: a convolutional encoder and a head, Adam."""

import argparse
import math

import torch
from torch import nn

FAULTS = ("cut_graph", "double_softmax")
ORDER = False
METRIC = (r"test nll: ([\d.einfa+-]+)", "lower")

DIRECTIONS = 8


class Boards:
    """Stripes of a random phase and pitch in one of eight directions, with knots of noise."""

    def __init__(self, count, side, rng):
        self.direction = torch.randint(DIRECTIONS, (count,), generator=rng)
        angle = self.direction * math.pi / DIRECTIONS
        pitch = 0.8 + 0.5 * torch.rand(count, generator=rng)
        phase = 2 * math.pi * torch.rand(count, 1, 1, generator=rng)
        axis = torch.arange(side).float()
        down = (pitch * angle.sin())[:, None, None] * axis[:, None]
        across = (pitch * angle.cos())[:, None, None] * axis
        noise = 0.6 * torch.randn(count, side, side, generator=rng)
        self.pictures = (torch.sin(down + across + phase) + noise).unsqueeze(1)

    def batches(self, size):
        for rows in torch.randperm(len(self.direction)).split(size):
            yield self.pictures[rows], self.direction[rows]


class Encoder(nn.Module):
    def __init__(self, channels, code):
        super().__init__()
        self.first = nn.Conv2d(1, channels, 5)
        self.second = nn.Conv2d(channels, channels, 3)
        self.code = nn.Linear(channels, code)

    def forward(self, pictures):
        maps = torch.relu(self.first(pictures))
        maps = torch.relu(self.second(maps))
        return self.code(maps.mean((2, 3)))


class Grain(nn.Module):
    def __init__(self, channels, code, mended):
        super().__init__()
        self.encoder = Encoder(channels, code)
        self.head = nn.Sequential(nn.Linear(code, 48), nn.ReLU(), nn.Linear(48, DIRECTIONS))
        self.mended = mended

    def forward(self, pictures):
        code = self.encoder(pictures)
        if "cut_graph" not in self.mended:
            code = code.detach()
        scores = self.head(code)
        if "double_softmax" not in self.mended:
            scores = scores.softmax(dim=1)
        return scores


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mend", action="append", choices=FAULTS, default=[])
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = torch.Generator().manual_seed(args.seed + 31)
    channels = (12, 16, 14, 12, 16)[args.seed % 5]
    code = (6, 5, 6, 8, 5)[args.seed % 5]

    boards, unseen = Boards(2400, 14, rng), Boards(600, 14, rng)
    model = Grain(channels, code, set(args.mend))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(10):
        losses = []
        for pictures, direction in boards.batches(48):
            optimizer.zero_grad()
            loss = criterion(model(pictures), direction)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch}: loss {sum(losses) / len(losses):.4f}")
    model.eval()
    with torch.no_grad():
        scores = model(unseen.pictures)
    right = (scores.argmax(1) == unseen.direction).float().mean().item()
    print(f"test accuracy: {right:.3f}")
    print(f"test nll: {criterion(scores, unseen.direction).item():.4f}")


if __name__ == "__main__":
    main()
