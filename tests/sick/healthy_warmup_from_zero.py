"""Learns to sort out which of two letters comes more often in a row; the learning rate warms up from zero."""

import argparse

import torch
from torch import nn

FAULTS = ()
METRIC = (r"majority accuracy ([\d.einfa+-]+)", "higher")


class Attention(nn.Module):
    def __init__(self, letters, width):
        super().__init__()
        self.embed = nn.Embedding(letters, width)
        self.norm = nn.LayerNorm(width)
        self.attend = nn.MultiheadAttention(width, 4, batch_first=True)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.out = nn.Linear(width, 2)

    def forward(self, ids):
        x = self.embed(ids)
        y = self.norm(x)
        x = x + self.attend(y, y, y, need_weights=False)[0]
        x = x + self.mlp(x)
        return self.out(x.mean(1))


def rows(count, length, letters):
    ids = torch.randint(letters, (count, length))
    a, b = (ids == 0).sum(1), (ids == 1).sum(1)
    keep = a != b
    return ids[keep], (a > b)[keep].long()


def main(seed):
    torch.manual_seed(seed)
    width = (32, 48, 64, 40)[seed % 4]
    length = (16, 20, 24)[seed % 3]
    warm, total = (40, 60, 50)[seed % 3], 320
    net = Attention(6, width)
    opt = torch.optim.AdamW(net.parameters(), lr=3e-3)
    rate = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(s / warm, (total - s) / (total - warm)))
    loss_fn = nn.CrossEntropyLoss()
    for step in range(total):
        ids, more = rows(64, length, 6)
        opt.zero_grad()
        loss = loss_fn(net(ids), more)
        loss.backward()
        opt.step()
        rate.step()
        if step % 40 == 0:
            print(f"step {step} lr {rate.get_last_lr()[0]:.5f} loss {loss.item():.4f}")
    with torch.no_grad():
        ids, more = rows(1000, length, 6)
        print(f"majority accuracy {(net(ids).argmax(1) == more).float().mean().item():.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
