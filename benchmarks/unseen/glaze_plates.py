"""Photographs of glazed test plates (12 x 12, grey): direction of the brush and thickness
of the glaze, six kinds.  A plain deep convolutional net, no normalisation."""
import argparse
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

FAULTS = ("vanishing_depth", "exploding_depth", "dead_units", "cut_graph", "input_scale", "clip_too_tight")
METRIC = (r"accuracy on new plates ([\d.einfa+-]+)", "higher")
SIDE, KINDS = 12, 6


def plates(n, g):
    label = torch.randint(KINDS, (n,), generator=g)
    angle = (label % 3).float() * math.pi / 3 + 0.15 * torch.randn(n, generator=g)
    height = torch.where(label >= 3, 1.0, 0.35) * (1 + 0.1 * torch.randn(n, generator=g))
    phase = 2 * math.pi * torch.rand(n, generator=g)
    r = torch.arange(SIDE).float()
    along = (torch.cos(angle)[:, None, None] * r[None, :, None]
             + torch.sin(angle)[:, None, None] * r[None, None, :])
    image = height[:, None, None] * torch.sin(1.3 * along + phase[:, None, None])
    return (image + 0.05 * torch.randn(n, SIDE, SIDE, generator=g)).unsqueeze(1), label


class Kiln(nn.Module):
    def __init__(self, depth, width, act=torch.relu, gain=1.0, bias=0.0, cut_at=None):
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, padding=1)
        self.layers = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=1, stride=2 if i in (1, 5) else 1) for i in range(depth))
        self.head = nn.Linear(width, KINDS)
        self.act, self.cut_at = act, cut_at
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            with torch.no_grad():
                layer.weight.mul_(gain)
                layer.bias.fill_(bias)

    def forward(self, x):
        x = torch.tanh(self.stem(x))
        for i, layer in enumerate(self.layers):
            if i == self.cut_at:
                x = x.detach()
            x = self.act(layer(x))
        return self.head(x.mean((2, 3)))


def main(fault, seed):
    torch.manual_seed(seed)
    g = torch.Generator().manual_seed(seed + 500)
    k = seed % 5
    depth, width, batch = (14, 16, 13, 15, 18)[k], (20, 16, 24, 20, 18)[k], (32, 40, 32, 24, 32)[k]
    images, labels = plates(2000, g)
    new_images, new_labels = plates(500, g)
    if fault == "input_scale":
        images, new_images = 1000 * images, 1000 * new_images
    net = Kiln(depth, width,
               act=torch.sigmoid if fault == "vanishing_depth" else torch.relu,
               gain=3.0 if fault == "exploding_depth" else 1.0,
               bias=-10.0 if fault == "dead_units" else 0.0,
               cut_at=depth - 1 if fault == "cut_graph" else None)
    steps, warm = 420, 40
    opt = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        opt, lambda s: min(1.0, (s + 1) / warm) * (1.0 if s < 300 else 0.2))
    limit = 1e-4 if fault == "clip_too_tight" else 5.0
    running = None
    for step in range(steps):
        pick = torch.randint(len(images), (batch,), generator=g)
        loss = F.cross_entropy(net(images[pick]), labels[pick])
        opt.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), limit)
        opt.step()
        schedule.step()
        running = loss.item() if running is None else 0.95 * running + 0.05 * loss.item()
        if step % 60 == 59:
            print(f"{step + 1:4d} firings, loss {running:.4f}")
    with torch.no_grad():
        right = (net(new_images).argmax(1) == new_labels).float().mean().item()
    print(f"accuracy on new plates {right:.4f}")


if __name__ == "__main__":
    cli = argparse.ArgumentParser()
    cli.add_argument("--fault", choices=FAULTS, default=None)
    cli.add_argument("--seed", type=int, default=0)
    main(**vars(cli.parse_args()))
