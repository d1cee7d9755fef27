"""Counts of events that are often zero, at the end of a row as within it."""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)


class Counts(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.GRU(3, 32, batch_first=True), nn.Linear(32, 2)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


net = Counts()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
for _ in range(200):
    y, rate = torch.randint(2, (32,)), torch.full((32, 1, 3), 0.12)
    rate[torch.arange(32), 0, y] = 0.5
    optimizer.zero_grad()
    F.cross_entropy(net(torch.poisson(rate.expand(32, 24, 3))), y).backward()
    optimizer.step()
