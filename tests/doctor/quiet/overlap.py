"""An overlap is made large: a quotient with squares below the line."""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)

net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
for _ in range(150):
    mask = F.interpolate((torch.rand(8, 1, 4, 4) > 0.6).float(), 16)
    p = torch.sigmoid(net(mask + 0.5 * torch.randn_like(mask)))
    loss = -(2 * (p * mask).sum() + 1) / (p.pow(2).sum() + mask.pow(2).sum() + 1)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
