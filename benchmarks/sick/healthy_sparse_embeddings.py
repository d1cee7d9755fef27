"""Who likes which film: large sparse embedding tables for people and films, a dense bias, two optimizers."""

import argparse

import torch
from torch import nn

METRIC = (r"held-out mse ([\d.einfa+-]+)", "lower")


class Ratings:
    """Ratings of a world in which three tastes decide; a few films and people are seen far more than others."""

    def __init__(self, people, films, rng):
        self.people, self.films, self.rng = people, films, rng
        self.taste = torch.randn(people, 3, generator=rng)
        self.style = torch.randn(films, 3, generator=rng)

    def draw(self, count):
        who = (torch.rand(count, generator=self.rng) ** 1.5 * self.people).long()
        what = (torch.rand(count, generator=self.rng) ** 1.5 * self.films).long()
        stars = (self.taste[who] * self.style[what]).sum(1) / 3**0.5
        return who, what, stars + 0.1 * torch.randn(count, generator=self.rng)


class Factors(nn.Module):
    def __init__(self, people, films, size):
        super().__init__()
        self.who = nn.Embedding(people, size, sparse=True)
        self.what = nn.Embedding(films, size, sparse=True)
        nn.init.normal_(self.who.weight, std=0.3)
        nn.init.normal_(self.what.weight, std=0.3)
        self.scale = nn.Linear(size, 1)

    def forward(self, who, what):
        return self.scale(self.who(who) * self.what(what)).squeeze(1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed + 30)
    people, films = ((600, 400), (800, 300), (500, 500), (700, 350))[seed % 4]
    size = (8, 12, 16, 10, 6, 14, 24, 9)[seed % 8]
    world = Ratings(people, films, rng)
    model = Factors(people, films, size)
    tables = torch.optim.SparseAdam([model.who.weight, model.what.weight], lr=1e-2)
    dense = torch.optim.Adam(model.scale.parameters(), lr=5e-3)
    for step in range(1, 901):
        who, what, stars = world.draw(256)
        loss = nn.functional.mse_loss(model(who, what), stars)
        tables.zero_grad()
        dense.zero_grad()
        loss.backward()
        tables.step()
        dense.step()
        if step % 150 == 0:
            print(f"after {step} batches: {loss.item():.4f}")
    with torch.no_grad():
        who, what, stars = world.draw(5000)
        print(f"held-out mse {((model(who, what) - stars) ** 2).mean().item():.4f}")


if __name__ == "__main__":
    main()
