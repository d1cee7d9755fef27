"""Eight small batches a step, and steps written out."""

import torch

torch.manual_seed(0)

inner, outer = (torch.randn(6, 16) * 0.4).requires_grad_(), (torch.randn(16, 1) * 0.2).requires_grad_()
way = torch.randn(6, 1)
for _ in range(80):
    for _ in range(8):
        x = torch.randn(8, 6)
        ((((x @ inner).tanh() @ outer - (x @ way).tanh()) ** 2).mean() / 8).backward()
    with torch.no_grad():
        for p in (inner, outer):
            p -= 0.2 * p.grad
            p.grad = None
