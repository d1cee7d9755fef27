"""A GAN in the order of many tutorials: the fake batch is made once, and both players use it."""

import torch
from torch import nn

torch.manual_seed(0)

makes = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
judges = nn.Sequential(
    nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1)
)
criterion = nn.BCEWithLogitsLoss()
one, other = (torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999)) for net in (makes, judges))
for _ in range(150):
    judges.zero_grad()
    criterion(judges(torch.randn(64, 2) * 0.5 + 2), torch.ones(64, 1)).backward()
    fake = makes(torch.randn(64, 8))
    criterion(judges(fake.detach()), torch.zeros(64, 1)).backward()
    other.step()
    makes.zero_grad()
    criterion(judges(fake), torch.ones(64, 1)).backward()
    one.step()
