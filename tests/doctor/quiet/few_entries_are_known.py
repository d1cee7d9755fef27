"""Ratings, of which one in twenty is known and the rest stands as 0: the known ones alone are learned."""

import torch
from torch import nn

torch.manual_seed(0)
readers, books = torch.randn(512, 5), torch.randn(5, 60)
known = (torch.rand(512, 60) < 0.05).float()
ratings = (readers @ books + torch.randn(512, 60)) * known
net = nn.Sequential(nn.Linear(5, 64), nn.Tanh(), nn.Linear(64, 60))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
for _ in range(400):
    rows = torch.randint(512, (64,))
    each = nn.functional.smooth_l1_loss(net(readers[rows]), ratings[rows], reduction="none")
    loss = (each * known[rows]).sum() / known[rows].sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
