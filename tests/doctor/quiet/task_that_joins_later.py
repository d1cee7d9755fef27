"""A second head whose loss joins after 250 steps."""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)

body, main, aux = nn.Sequential(nn.Linear(6, 32), nn.ReLU()), nn.Linear(32, 3), nn.Linear(32, 1)
net = nn.ModuleDict({"body": body, "main": main, "aux": aux})
optimizer, way = torch.optim.Adam(net.parameters(), lr=3e-3), torch.randn(6, 3)
for step in range(320):
    x = torch.randn(32, 6)
    h = body(x)
    told = aux(h)[:, 0]
    loss = F.cross_entropy(main(h), (x @ way).argmax(1))
    if step >= 250:
        loss = loss + 0.1 * (told - x.sum(1)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
