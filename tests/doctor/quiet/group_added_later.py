"""The optimizer is given its matrices after it is made, in a group of their own."""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)

net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3))
way = torch.randn(10, 3)
optimizer = torch.optim.SGD([p for p in net.parameters() if p.dim() == 1], lr=0.05, momentum=0.9)
optimizer.add_param_group({"params": [p for p in net.parameters() if p.dim() > 1], "weight_decay": 1e-4})
for _ in range(250):
    x = torch.randn(32, 10)
    optimizer.zero_grad()
    F.cross_entropy(net(x), (x @ way).argmax(1)).backward()
    optimizer.step()
