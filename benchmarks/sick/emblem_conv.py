"""Sorts small noisy drawings of emblems (ring, box, wedge, cross, bars) with a convolutional net and a Trainer."""

import argparse

import torch
import torch.nn.functional as F
from torch import nn

FAULTS = (
    "frozen",
    "cut_graph",
    "not_in_optimizer",
    "zero_grad_before_step",
    "wrong_sign",
    "no_signal",
    "clip_too_tight",
)
METRIC = (r"held-out accuracy = ([\d.einfa+-]+)", "higher")

SIDE = 16
KINDS = 5


def draw(kind, generator):
    """One emblem somewhere on the sheet, of some size, under noise."""
    u = torch.rand(4, generator=generator)
    cy, cx, r = 5.5 + 4 * u[0], 5.5 + 4 * u[1], 3.0 + 2.0 * u[2]
    y, x = torch.meshgrid(torch.arange(SIDE).float() - cy, torch.arange(SIDE).float() - cx, indexing="ij")
    inside = torch.maximum(x.abs(), y.abs()) <= r
    if kind == 0:
        ink = ((x * x + y * y).sqrt() - r).abs() < 0.8
    elif kind == 1:
        ink = (torch.maximum(x.abs(), y.abs()) - r).abs() < 0.8
    elif kind == 2:
        ink = inside & (((y - r).abs() < 0.8) | ((y + r - 2 * x.abs()).abs() < 1.2))
    elif kind == 3:
        ink = inside & ((x.abs() < 0.8) | (y.abs() < 0.8))
    else:
        ink = inside & (((y - r / 2).abs() < 0.8) | ((y + r / 2).abs() < 0.8))
    return ink.float() * (0.6 + 0.4 * u[3]) + 0.3 * torch.randn(SIDE, SIDE, generator=generator)


def sheets(count, generator):
    kinds = torch.randint(KINDS, (count,), generator=generator)
    return torch.stack([draw(k, generator) for k in kinds.tolist()]).unsqueeze(1), kinds


class EmblemNet(nn.Module):
    def __init__(self, channels, detach_features=False):
        super().__init__()
        self.detach_features = detach_features
        self.features = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(channels, 2 * channels, 3, bias=False),
            nn.BatchNorm2d(2 * channels),
            nn.ReLU(),
        )
        self.classify = nn.Linear(2 * channels, KINDS)

    def forward(self, images):
        maps = self.features(images).amax(dim=(2, 3))
        if self.detach_features:
            maps = maps.detach()
        return self.classify(maps)


class Trainer:
    """Fits a model; remembers how strongly the loss reacts to the pixels."""

    def __init__(self, model, rate, limit, fault):
        self.model, self.limit, self.fault = model, limit, fault
        groups = [{"params": model.classify.parameters()}]
        if fault != "not_in_optimizer":
            groups.append({"params": model.features.parameters()})
        self.optimizer = torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True)
        self.reaction = 0.0

    def training_step(self, images, kinds):
        images = images.clone().requires_grad_()
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.model(images), kinds)
        if self.fault == "wrong_sign":
            loss = -loss
        loss.backward()
        if images.grad is not None:
            self.reaction = images.grad.abs().mean().item()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.limit)
        if self.fault == "zero_grad_before_step":
            self.optimizer.zero_grad()
        self.optimizer.step()
        return loss.item()

    def fit(self, images, kinds, epochs, batch):
        for epoch in range(epochs):
            self.model.train()
            losses = [
                self.training_step(images[rows], kinds[rows])
                for rows in torch.randperm(len(images)).split(batch)
            ]
            if epoch % 4 == 0:
                mean = sum(losses) / len(losses)
                print(f"[{epoch:02d}] train loss: {mean:.4f}  pixel reaction: {self.reaction:.2e}")

    @torch.no_grad()
    def score(self, images, kinds):
        self.model.eval()
        return (self.model(images).argmax(dim=-1) == kinds).float().mean().item()


def run(seed, fault):
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(9000 + seed)
    channels = (24, 16, 32, 20, 28)[seed % 5]
    batch = (32, 24, 32, 40, 32)[seed % 5]
    images, kinds = sheets(400, generator)
    held_images, held_kinds = sheets(500, generator)
    if fault == "no_signal":
        kinds = kinds[torch.randperm(len(kinds))]
    model = EmblemNet(channels, detach_features=fault == "cut_graph")
    if fault == "frozen":
        for parameter in model.parameters():
            parameter.requires_grad = False
    limit = 1e-4 if fault == "clip_too_tight" else 2.0
    trainer = Trainer(model, (0.03, 0.02, 0.05, 0.03, 0.04)[seed % 5], limit, fault)
    trainer.fit(images, kinds, epochs=(17, 14, 17, 20, 17)[seed % 5], batch=batch)
    print(f"held-out accuracy = {trainer.score(held_images, held_kinds):.4f}")


if __name__ == "__main__":
    cli = argparse.ArgumentParser(description=__doc__)
    cli.add_argument("--seed", type=int, default=0)
    cli.add_argument("--fault", choices=FAULTS, default=None)
    options = cli.parse_args()
    run(options.seed, options.fault)
