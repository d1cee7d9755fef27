"""Ages: targets far from 0 make the first loss large; gradients grow a little downward behind norms of the batch."""

import torch
from torch import nn

torch.manual_seed(1)
layers = [nn.Linear(10, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU()]
for _ in range(3):
    layers += [nn.Linear(64, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU()]
net = nn.Sequential(*layers, nn.Linear(64, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
direction = torch.randn(10)
for _ in range(400):
    x = torch.randn(64, 10)
    age = 40 + 12 * torch.tanh(x @ direction)
    loss = nn.functional.mse_loss(net(x).squeeze(1), age)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
