"""Remember the first number of a noisy row of fifty, and say at its end whether it was above zero."""

import torch
from torch import nn

STEPS, LENGTH = 500, 50


class Recall(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.rnn = nn.RNN(1, hidden, batch_first=True)
        self.read = nn.Linear(hidden, 2)

    def forward(self, x):
        y, _ = self.rnn(x)
        return self.read(y[:, -1])


def batch(rows=64):
    x = 0.3 * torch.randn(rows, LENGTH, 1)
    sign = torch.randint(2, (rows,))
    x[:, 0, 0] = 2.0 * sign - 1.0
    return x, sign


def main():
    torch.manual_seed(0)
    model = Recall()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for step in range(STEPS):
        x, sign = batch()
        loss = nn.functional.cross_entropy(model(x), sign)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step}: loss {loss.item():.3f}")
    with torch.no_grad():
        x, sign = batch(2000)
        print(f"right: {(model(x).argmax(1) == sign).float().mean():.3f}")


main()
