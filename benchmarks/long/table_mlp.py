"""A regression on a table of forty columns: four wide layers, dropout, Adam, a loader that shuffles."""

import argparse
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=24)
    given = parser.parse_args()
    torch.manual_seed(0)
    x = torch.randn(16_384, 40)
    y = (x[:, :4].prod(1) + x[:, 4:12].tanh().sum(1) + 0.1 * torch.randn(len(x)))[:, None]
    loader = DataLoader(TensorDataset(x, y), batch_size=256, shuffle=True)
    wide = 512
    layers = [nn.Linear(40, wide), nn.ReLU(), nn.Dropout(0.1)]
    for _ in range(3):
        layers += [nn.Linear(wide, wide), nn.ReLU(), nn.Dropout(0.1)]
    model = nn.Sequential(*layers, nn.Linear(wide, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    began = time.perf_counter()
    for _ in range(given.epochs):
        for rows, wanted in loader:
            loss = nn.functional.mse_loss(model(rows), wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    print(f"trained in {time.perf_counter() - began:.3f} s, loss {loss.item():.3f}")


main()
