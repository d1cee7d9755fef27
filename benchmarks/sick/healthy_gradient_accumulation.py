"""Grades wines from their analysis; the batch does not fit, so gradients of several small ones are added up."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

METRIC = (r"graded right: ([\d.einfa+-]+)", "higher")


def wines(count, generator):
    sugar, acid, alcohol, tannin, age, ash = torch.randn(6, count, generator=generator)
    balance = sugar * acid + 0.7 * alcohol - (tannin - 0.5 * age) ** 2 + 0.4 * age
    balance = balance + 0.1 * torch.randn(count, generator=generator)
    grade = (balance > -1.4).long() + (balance > 0.1).long()
    return TensorDataset(torch.stack((sugar, acid, alcohol, tannin, age, ash), 1), grade)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed + 20)
    width = (64, 96, 48, 128, 80, 56, 72, 100)[seed % 8]
    accumulate = (4, 2, 8, 4, 6, 3, 4, 2)[seed % 8]
    small = (16, 32, 8, 12, 16, 24, 20, 24)[seed % 8]
    train, held = wines(6000, generator), wines(1000, generator)
    loader = DataLoader(train, batch_size=small, shuffle=True, drop_last=True)
    model = nn.Sequential(
        nn.Linear(6, width),
        nn.GELU(),
        nn.LayerNorm(width),
        nn.Linear(width, width),
        nn.GELU(),
        nn.Linear(width, 3),
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.01)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(4):
        optimizer.zero_grad()
        total = 0.0
        for i, (x, y) in enumerate(loader, start=1):
            loss = criterion(model(x), y) / accumulate
            loss.backward()
            total += loss.item()
            if i % accumulate == 0:
                optimizer.step()
                optimizer.zero_grad()
        print(f"epoch {epoch}: mean loss {total * accumulate / len(loader):.4f}")
    model.eval()
    with torch.no_grad():
        x, y = held.tensors
        print(f"graded right: {(model(x).argmax(1) == y).float().mean().item():.4f}")


if __name__ == "__main__":
    main()
