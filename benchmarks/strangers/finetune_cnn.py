"""Pretrain a small CNN on textures, then fit a new head for other textures with few examples."""

import math
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


@dataclass(frozen=True)
class PretrainConfig:
    classes: tuple = (0, 1, 2, 3, 4, 5)
    examples: int = 1500
    epochs: int = 5
    batch_size: int = 50
    lr: float = 2e-3


@dataclass(frozen=True)
class FinetuneConfig:
    classes: tuple = (6, 7, 8, 9)
    examples: int = 240
    epochs: int = 25
    micro_batch: int = 6
    accumulate: int = 5
    warmup: int = 40
    lr: float = 2e-2
    clip: float = 0.25


def texture(kind, g, side=16):
    """Ten families of stripes, checks, dots and rings of random phase."""
    axis = torch.linspace(-1, 1, side)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    a, b = (6.28 * torch.rand(2, generator=g)).tolist()
    freq = 5 + torch.rand((), generator=g).item()
    if kind < 4:
        angle = math.pi * kind / 4
        image = torch.sin(freq * (x * math.cos(angle) + y * math.sin(angle)) + a)
    elif kind == 4:
        image = torch.sin(freq * x + a) * torch.sin(freq * y + b)
    elif kind == 5:
        image = torch.sin(2 * freq * torch.sqrt(x**2 + y**2 + 1e-3) + a)
    elif kind < 8:
        angle = math.pi * (kind - 6) / 4 + math.pi / 8
        image = torch.sin(1.6 * freq * (x * math.cos(angle) + y * math.sin(angle)) + a)
    elif kind == 8:
        image = torch.sin(freq * (x + y) + a) * torch.sin(freq * (x - y) + b)
    else:
        image = torch.sin(freq * x * y * 2 + a)
    return (image + 0.6 * torch.randn(side, side, generator=g)).unsqueeze(0)


def make_set(classes, n, seed):
    g = torch.Generator().manual_seed(seed)
    labels = torch.randint(len(classes), (n,), generator=g)
    images = torch.stack([texture(classes[k], g) for k in labels.tolist()])
    return TensorDataset(images, labels)


class Backbone(nn.Module):
    width = 48

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 5, padding=2)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(32)
        self.conv3 = nn.Conv2d(32, self.width, 3, padding=1)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        return F.relu(self.conv3(x)).mean(dim=(2, 3))


class Classifier(nn.Module):
    def __init__(self, backbone, classes):
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(backbone.width, classes)

    def forward(self, x):
        return self.head(self.backbone(x))


def accuracy(model, dataset):
    was_training = model.training
    model.eval()
    with torch.no_grad():
        hits = [
            (model(x).argmax(1) == y).float().sum().item() for x, y in DataLoader(dataset, batch_size=250)
        ]
    model.train(was_training)
    return sum(hits) / len(dataset)


def pretrain(cfg):
    model = Classifier(Backbone(), len(cfg.classes))
    loader = DataLoader(make_set(cfg.classes, cfg.examples, 1), batch_size=cfg.batch_size, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=cfg.lr)
    for epoch in range(cfg.epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        print(
            f"pretrain {epoch}: loss {loss.item():.3f}, held out {accuracy(model, make_set(cfg.classes, 300, 2)):.3f}"
        )
    return model.backbone


def finetune(backbone, cfg):
    for p in backbone.parameters():
        p.requires_grad_(False)
    model = Classifier(backbone, len(cfg.classes))
    nn.init.zeros_(model.head.weight)
    nn.init.zeros_(model.head.bias)
    train, held = make_set(cfg.classes, cfg.examples, 3), make_set(cfg.classes, 400, 4)
    loader = DataLoader(train, batch_size=cfg.micro_batch, shuffle=True)
    optimizer = torch.optim.SGD((p for p in model.parameters() if p.requires_grad), lr=cfg.lr, momentum=0.9)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / cfg.warmup))
    for epoch in range(cfg.epochs):
        model.train()
        model.backbone.eval()  # keep the running statistics of the pretraining
        total = 0.0
        for i, (x, y) in enumerate(loader):
            loss = F.cross_entropy(model(x), y)
            (loss / cfg.accumulate).backward()
            total += loss.item()
            if (i + 1) % cfg.accumulate == 0:
                nn.utils.clip_grad_norm_(model.head.parameters(), cfg.clip)
                optimizer.step()
                optimizer.zero_grad()
                schedule.step()
        if epoch % 4 == 0:
            lr = schedule.get_last_lr()[0]
            print(
                f"finetune {epoch}: loss {total / len(loader):.3f}, lr {lr:.4f}, held {accuracy(model, held):.3f}"
            )
    return accuracy(model, held)


if __name__ == "__main__":
    torch.manual_seed(6)
    score = finetune(pretrain(PretrainConfig()), FinetuneConfig())
    print(f"held-out accuracy of the new head: {score:.4f}")
