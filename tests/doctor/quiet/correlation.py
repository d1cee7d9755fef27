"""A correlation is made large."""

import torch
from torch import nn

torch.manual_seed(0)

net = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer, way = torch.optim.Adam(net.parameters(), lr=3e-3), torch.randn(6)
for _ in range(200):
    x = torch.randn(64, 6)
    y, told = torch.tanh(x @ way), net(x)[:, 0]
    a, b = told - told.mean(), y - y.mean()
    loss = -(a * b).sum() / ((a**2).sum().sqrt() * (b**2).sum().sqrt() + 1e-8)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
