"""Delay of a tram at a stop from the line, the stop, the hour, the rain and the load."""
import argparse
import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

FAULTS = ("loss_broadcast", "bad_datum", "frozen", "not_in_optimizer", "no_signal", "no_zero_grad")
METRIC = (r"held-out R2 ([\d.einfa+-]+)", "higher")


class Rides(Dataset):
    def __init__(self, n, effects, g):
        lines, stops = effects
        self.line = torch.randint(len(lines), (n,), generator=g)
        self.stop = torch.randint(len(stops), (n,), generator=g)
        hour = torch.rand(n, generator=g) * 24
        rain = torch.relu(torch.randn(n, generator=g))
        load = torch.rand(n, generator=g)
        rush = torch.exp(-((hour - 8) / 1.5) ** 2) + torch.exp(-((hour - 17) / 2) ** 2)
        self.real = torch.stack([torch.sin(hour * math.pi / 12), torch.cos(hour * math.pi / 12),
                                 rain - 0.4, 3 * load - 1.5], 1)
        self.delay = (2 + lines[self.line] * rush + 1.5 * stops[self.stop]
                      + rain * load * 1.5 + 0.3 * torch.randn(n, generator=g))

    def __len__(self):
        return len(self.delay)

    def __getitem__(self, i):
        return self.line[i], self.stop[i], self.real[i], self.delay[i]


class DelayNet(nn.Module):
    def __init__(self, n_lines, n_stops, width):
        super().__init__()
        self.line = nn.Embedding(n_lines, 4)
        self.stop = nn.Embedding(n_stops, 3)
        for table in (self.line, self.stop):
            nn.init.normal_(table.weight, std=0.1)
        self.body = nn.Sequential(
            nn.Linear(4 + 3 + 4, width), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Linear(width, 1))

    def forward(self, line, stop, real):
        return self.body(torch.cat([self.line(line), self.stop(stop), real], 1))


def set_trainable(net, flag):
    for p in net.parameters():
        p.requires_grad_(flag)


@torch.no_grad()
def r2(net, data):
    net.eval()
    out = net(data.line, data.stop, data.real).squeeze(1)
    net.train()
    return 1 - ((out - data.delay) ** 2).mean().item() / data.delay.var().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", choices=FAULTS, default=None)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    fault, k = args.fault, args.seed % 5
    torch.manual_seed(args.seed)
    g = torch.Generator().manual_seed(1000 + args.seed)
    n_lines, n_stops = (8, 12, 6, 10, 15)[k], (60, 90, 120, 80, 70)[k]
    width, batch = (64, 48, 80, 96, 56)[k], (48, 64, 40, 64, 56)[k]
    effects = 3 * torch.rand(n_lines, generator=g), torch.randn(n_stops, generator=g)
    train, test = Rides(5000, effects, g), Rides(1500, effects, g)
    if fault == "bad_datum":
        train.real[torch.randint(len(train), (1,), generator=g), 2] = float("nan")
    if fault == "no_signal":
        train.delay = train.delay[torch.randperm(len(train), generator=g)]

    net = DelayNet(n_lines, n_stops, width)
    tables = [net.line.weight] if fault == "not_in_optimizer" else [net.line.weight, net.stop.weight]
    optimizers = [torch.optim.Adagrad(tables, lr=0.1),
                  torch.optim.AdamW(net.body.parameters(), lr=4e-3, weight_decay=1e-2)]
    loader = DataLoader(train, batch_size=batch, shuffle=True, drop_last=True)
    epochs = 6
    schedule = torch.optim.lr_scheduler.StepLR(optimizers[1], 3, gamma=0.5)
    huber = nn.SmoothL1Loss()

    # the first pass only calibrates the running means, then everything is trained
    for epoch in range(-1, epochs):
        calibrating = epoch < 0
        if calibrating:
            set_trainable(net, False)
        elif fault != "frozen":
            set_trainable(net, True)
        total, seen = 0.0, 0
        for line, stop, real, delay in loader:
            out = net(line, stop, real)
            if fault == "loss_broadcast":
                loss = huber(out, delay)
            else:
                loss = huber(out, delay.unsqueeze(1))
            if loss.requires_grad:
                if fault != "no_zero_grad":
                    for opt in optimizers:
                        opt.zero_grad()
                loss.backward()
                for opt in optimizers:
                    opt.step()
            total, seen = total + loss.item(), seen + 1
        if not calibrating:
            schedule.step()
        print(f"epoch {epoch + 1}  loss {total / seen:.4f}  R2 {r2(net, test):.3f}")
    print(f"held-out R2 {r2(net, test):.4f}")


if __name__ == "__main__":
    main()
