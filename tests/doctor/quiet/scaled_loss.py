"""A loss scaler whose factor grows while the loss falls."""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)

net = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 3))
optimizer, way = torch.optim.AdamW(net.parameters(), lr=2e-2), torch.randn(8, 3)
scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=40)
for _ in range(300):
    x = torch.randn(32, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = F.cross_entropy(net(x), (x @ way).argmax(1))
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()
