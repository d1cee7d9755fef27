"""One layer, a long first step, a rate that falls: the loss leaps, comes down again, and the rest is noise."""

import torch
from torch import nn

torch.manual_seed(0)
scores = torch.randn(200, 10) / 14
net = nn.Linear(200, 10)
optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 400)
for _ in range(400):
    x = torch.rand(256, 200)
    classes = (3 * x @ scores + torch.randn(256, 10)).argmax(1)
    loss = nn.functional.cross_entropy(net(x), classes)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
