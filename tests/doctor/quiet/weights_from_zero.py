"""A linear model that starts at zero; most of its target is noise."""

import torch
from torch.nn import functional as F

torch.manual_seed(0)

w, b = torch.zeros(5, requires_grad=True), torch.zeros(1, requires_grad=True)
way = torch.tensor([0.1, -0.1, 0.2, 0.0, 0.05])
optimizer = torch.optim.SGD([w, b], lr=0.05)
for _ in range(300):
    x = torch.randn(64, 5)
    loss = F.mse_loss(x @ w + b, x @ way + torch.randn(64))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
