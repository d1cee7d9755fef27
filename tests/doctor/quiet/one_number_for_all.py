"""Targets of one number for a batch, and one output spread over its row on purpose: shapes are fitted, none harms."""

import warnings

import torch
from torch import nn
from torch.nn import functional

warnings.filterwarnings("ignore", message="Using a target size")  # it is meant so
torch.manual_seed(0)
judge = nn.Sequential(nn.Linear(6, 24), nn.Tanh(), nn.Linear(24, 1))
level = nn.Sequential(nn.Linear(6, 24), nn.Tanh(), nn.Linear(24, 1))
optimizer = torch.optim.Adam([*judge.parameters(), *level.parameters()], 0.005)
for _ in range(150):
    real = torch.randn(32, 6) + 1
    noise = torch.randn(32, 6) - 1
    told = functional.l1_loss(judge(real), torch.ones(1)) + functional.mse_loss(
        judge(noise), torch.tensor(0.0)
    )
    rows = real.mean(1, keepdim=True) + 0.1 * torch.randn(32, 6)
    spread = level(real).expand(32, 6)
    loss = told + functional.mse_loss(spread, rows)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(float(loss.detach()))
