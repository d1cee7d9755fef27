"""Weights are drawn at every call, in evaluation mode, too."""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)


class Drawn(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.mean = nn.Parameter(torch.randn(outputs, inputs) / inputs**0.5)
        self.spread = nn.Parameter(torch.full((outputs, inputs), -4.0))

    def forward(self, x):
        return F.linear(x, self.mean + F.softplus(self.spread) * torch.randn_like(self.mean))


net = nn.Sequential(Drawn(8, 32), nn.ReLU(), Drawn(32, 3))
optimizer, way = torch.optim.Adam(net.parameters(), lr=5e-3), torch.randn(8, 3)
for _ in range(250):
    x = torch.randn(32, 8)
    optimizer.zero_grad()
    F.cross_entropy(net(x), (x @ way).argmax(1)).backward()
    optimizer.step()
