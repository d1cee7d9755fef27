"""A small attention net finds the largest of some numbered parcels; the learning rate warms up from zero."""

import argparse

import torch
from torch import nn

METRIC = (r"picked the right one: ([\d.einfa+-]+)", "higher")

CODES = 12


def shelves(count, length, rng):
    """Parcels with a code and a weight; the answer is the code of the heaviest."""
    code = torch.randint(CODES, (count, length), generator=rng)
    weight = torch.rand(count, length, generator=rng)
    return code, weight, code[torch.arange(count), weight.argmax(1)]


class Picker(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.code = nn.Embedding(CODES, size)
        self.weight = nn.Sequential(nn.Linear(1, size), nn.GELU(), nn.Linear(size, size))
        layer = nn.TransformerEncoderLayer(size, 4, 2 * size, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.score = nn.Linear(size, 1)
        self.answer = nn.Linear(size, CODES)

    def forward(self, code, weight):
        x = self.encoder(self.code(code) + self.weight(weight.unsqueeze(2)))
        share = self.score(x).softmax(dim=1)
        return self.answer((share * x).sum(1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed + 6)
    size = (32, 48, 40, 64, 36, 56, 44, 24)[seed % 8]
    length = (8, 6, 10, 7, 9, 6, 8, 7)[seed % 8]
    warm, total = (60, 40, 80, 50, 70, 60, 45, 55)[seed % 8], 500
    model = Picker(size)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: step / warm if step < warm else 1 - 0.9 * (step - warm) / (total - warm)
    )
    for step in range(total):
        code, weight, best = shelves(48, length, rng)
        loss = nn.functional.cross_entropy(model(code, weight), best)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            print(f"{step:4d} rate {schedule.get_last_lr()[0]:.5f} loss {loss.item():.4f}")
    model.eval()
    with torch.no_grad():
        code, weight, best = shelves(1000, length, rng)
        print(f"picked the right one: {(model(code, weight).argmax(1) == best).float().mean().item():.3f}")


if __name__ == "__main__":
    main()
