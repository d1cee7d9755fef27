"""Learns to read shifted, noisy dot-matrix digits with a small convolutional net."""

import argparse
import random

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

FAULTS = (
    "dead_units",
    "cut_graph",
    "not_in_optimizer",
    "frozen",
    "zero_grad_before_step",
    "step_too_small",
    "bad_datum",
    "no_signal",
)
METRIC = (r"val acc ([\d.einfa+-]+)", "higher")

FONT = (
    "01110 10001 10011 10101 11001 10001 01110",
    "00100 01100 00100 00100 00100 00100 01110",
    "01110 10001 00001 00110 01000 10000 11111",
    "11110 00001 00001 01110 00001 00001 11110",
    "00010 00110 01010 10010 11111 00010 00010",
    "11111 10000 11110 00001 00001 10001 01110",
    "00110 01000 10000 11110 10001 10001 01110",
    "11111 00001 00010 00100 01000 01000 01000",
    "01110 10001 10001 01110 10001 10001 01110",
    "01110 10001 10001 01111 00001 00010 01100",
)


class Digits(Dataset):
    def __init__(self, count, noise, fault=None):
        glyphs = torch.tensor([[[float(c) for c in row] for row in digit.split()] for digit in FONT])
        self.labels = torch.randint(10, (count,))
        self.images = torch.zeros(count, 1, 12, 10)
        for i, label in enumerate(self.labels.tolist()):
            top, left = random.randrange(6), random.randrange(6)
            ink = random.uniform(0.6, 1.2)
            self.images[i, 0, top : top + 7, left : left + 5] = ink * glyphs[label]
        self.images += noise * torch.randn_like(self.images)
        self.images = (self.images - self.images.mean()) / self.images.std()
        if fault == "no_signal":
            self.labels = self.labels[torch.randperm(count)]
        if fault == "bad_datum":
            self.images[random.randrange(count), 0, 5] = float("nan")

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.images[i], self.labels[i]


class Reader(nn.Module):
    def __init__(self, channels, hidden, fault=None):
        super().__init__()
        self.fault = fault
        self.features = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(channels, 2 * channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(2 * channels),
            nn.ReLU(),
        )
        self.hidden = nn.Linear(2 * channels * 6 * 5, hidden)
        self.out = nn.Linear(hidden, 10)
        if fault == "dead_units":
            nn.init.constant_(self.hidden.bias, -10.0)

    def forward(self, x):
        x = self.features(x).flatten(1)
        if self.fault == "cut_graph":
            x = x.detach()
        return self.out(torch.relu(self.hidden(x)))


def train_epoch(model, loader, opt, sched, fault):
    criterion = nn.CrossEntropyLoss()
    model.train()
    running = 0.0
    for x, y in loader:
        opt.zero_grad()
        loss = criterion(model(x), y)
        if fault == "frozen":
            loss.requires_grad_(True)
        loss.backward()
        if fault == "zero_grad_before_step":
            opt.zero_grad()
        opt.step()
        sched.step()
        running += loss.item()
    return running / len(loader)


def accuracy(model, loader):
    model.eval()
    right = 0
    with torch.no_grad():
        for x, y in loader:
            right += (model(x).argmax(1) == y).sum().item()
    return right / len(loader.dataset)


def run(fault, seed):
    torch.manual_seed(seed)
    random.seed(seed)
    channels = (6, 8, 10, 8, 12)[seed % 5]
    hidden = (48, 32, 64, 40, 24)[seed % 5]
    batch = (32, 24, 40, 32, 48)[seed % 5]
    lr = (0.05, 0.04, 0.06, 0.05, 0.08)[seed % 5]
    if fault == "step_too_small":
        lr /= 1000
    train = DataLoader(Digits(360 if fault == "no_signal" else 1200, 0.2, fault), batch, shuffle=True)
    val = DataLoader(Digits(500, 0.2), 100)
    model = Reader(channels, hidden, fault)
    params = list(model.parameters())
    if fault == "not_in_optimizer":
        params = [*model.hidden.parameters(), *model.out.parameters()]
    if fault == "frozen":
        for p in model.parameters():
            p.requires_grad = False
    opt = torch.optim.SGD(params, lr=lr, momentum=0.9, weight_decay=1e-4)
    epochs = 12 if batch < 40 else 15
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=lr, total_steps=epochs * len(train))
    for epoch in range(epochs):
        print(f"epoch {epoch + 1:2d}: train loss = {train_epoch(model, train, opt, sched, fault):.3f}")
    print(f"val acc {accuracy(model, val):.3f}")


if __name__ == "__main__":
    cli = argparse.ArgumentParser(description=__doc__)
    cli.add_argument("--fault", choices=FAULTS)
    cli.add_argument("--seed", type=int, default=0)
    options = cli.parse_args()
    run(options.fault, options.seed)
