"""Each layer is twice as wide as the one below, with He's start: a unit above shares its gradient with one other."""

import itertools

import torch
from torch import nn

torch.manual_seed(0)
layers = []
for below, above in itertools.pairwise([8, 16, 32, 64, 128, 256]):
    layers += [nn.Linear(below, above), nn.ReLU()]
net = nn.Sequential(*layers, nn.Linear(256, 1))
for layer in net:
    if isinstance(layer, nn.Linear):
        nn.init.kaiming_normal_(layer.weight)
        nn.init.zeros_(layer.bias)
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
for _ in range(200):
    x = torch.randn(64, 8)
    y = 10 + x[:, :1] * x[:, 1:2] + x[:, 2:3]
    loss = nn.functional.mse_loss(net(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
