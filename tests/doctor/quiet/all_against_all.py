"""An energy distance: every drawn number against every real one, and meant so."""

import torch
from torch import nn

torch.manual_seed(0)

net = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for _ in range(150):
    real, drawn = torch.randn(32) * 0.5 + 2, net(torch.randn(32, 4))[:, 0]
    across = (drawn[:, None] - real[None, :]).abs().mean()
    loss = 2 * across - (drawn[:, None] - drawn[None, :]).abs().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
