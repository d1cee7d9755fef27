"""A logistic regression that has learned all there is, gone on with at a small rate."""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)

way = torch.randn(8)
X = torch.randn(512, 8)
Y = (torch.rand(512) < torch.sigmoid(2 * X @ way)).float()[:, None]
net = nn.Linear(8, 1)
net.load_state_dict({"weight": 2 * way[None], "bias": torch.zeros(1)})
optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9)
for _ in range(300):
    rows = torch.randint(512, (64,))
    optimizer.zero_grad()
    F.binary_cross_entropy_with_logits(net(X[rows]), Y[rows]).backward()
    optimizer.step()
