"""Watches a chemical plant: one shared trunk, a head for the yield and a head for the alarm, trained with callbacks."""

import argparse
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

FAULTS = (
    "dead_units",
    "input_scale",
    "symmetry",
    "cut_graph",
    "not_in_optimizer",
    "nan_gradient_op",
    "wrong_sign",
)
METRIC = (r"alarm acc=([\d.einfa+-]+)", "higher")

SENSORS, ALARMS, ASSAYS = 12, 3, 2


class Shifts(Dataset):
    """One row a shift: sensors, what the laboratory found (where it measured), and the alarm raised."""

    def __init__(self, count, seed, scale=1.0):
        g = torch.Generator().manual_seed(seed)
        heat, flow, acid, load = torch.randn(4, count, generator=g)
        mixing = torch.randn(4, SENSORS, generator=torch.Generator().manual_seed(5))
        state = torch.stack((heat, flow, acid, load), 1)
        self.sensors = scale * (state @ mixing / 2 + 0.1 * torch.randn(count, SENSORS, generator=g))
        self.assay = torch.stack((torch.tanh(heat * flow), torch.sin(1.5 * acid) - 0.4 * load.abs()), 1)
        self.known = (torch.rand(count, ASSAYS, generator=g) < 0.5).float()
        risky = heat * flow + 0.8 * torch.sin(2 * acid)
        self.alarm = (risky > 0.55).long() + (risky > -0.45).long()

    def __len__(self):
        return len(self.alarm)

    def __getitem__(self, i):
        return self.sensors[i], self.assay[i], self.known[i], self.alarm[i]


class Plant(nn.Module):
    def __init__(self, width, depth, fault):
        super().__init__()
        self.fault = fault
        self.gate = nn.Tanh()
        layers = [nn.Linear(SENSORS if i == 0 else width, width) for i in range(depth)]
        for layer in layers:
            self.start(layer)
        self.layers = layers if fault == "not_in_optimizer" else nn.ModuleList(layers)
        self.heads = nn.ModuleDict({"assay": nn.Linear(width, ASSAYS), "alarm": nn.Linear(width, ALARMS)})

    def start(self, layer):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
        if self.fault == "symmetry":
            nn.init.constant_(layer.weight, math.sqrt(2) / layer.in_features)
        if self.fault == "dead_units":
            nn.init.constant_(layer.bias, -10.0)

    def forward(self, x):
        first, *rest = self.layers
        x = self.gate(first(x))
        for layer in rest:
            x = layer(x).relu()
        if self.fault == "cut_graph":
            x = x.detach()
        return {name: head(x) for name, head in self.heads.items()}


class PrintLoss:
    def __init__(self, every):
        self.every, self.seen = every, []

    def on_step(self, step, loss):
        self.seen.append(loss)
        if step % self.every == 0:
            recent = self.seen[-self.every :]
            print(f"step={step} loss={sum(recent) / len(recent):.4f}")


class StepDecay:
    def __init__(self, optimizer, at):
        self.scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, at, gamma=0.3)

    def on_step(self, step, loss):
        self.scheduler.step()


def assay_error(out, truth, known, fault):
    """Mean distance of the found from the predicted values, over what was measured."""
    square = (known * (out - truth) ** 2).sum(1)
    if fault != "nan_gradient_op":
        square = square + 1e-6
    return square.sqrt().mean()


def train(model, loader, optimizer, callbacks, epochs, fault):
    step = 0
    for _ in range(epochs):
        for sensors, assay, known, alarm in loader:
            out = model(sensors)
            loss = nn.functional.cross_entropy(out["alarm"], alarm)
            loss = loss + 0.5 * assay_error(out["assay"], assay, known, fault)
            if fault == "wrong_sign":
                loss = -loss
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            step += 1
            for callback in callbacks:
                callback.on_step(step, loss.item())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    k = args.seed % 5
    width, depth = (64, 48, 96, 80, 128)[k], (4, 6, 5, 8, 4)[k]
    batch = (64, 48, 80, 64, 96)[k]
    scale = 1000.0 if args.fault == "input_scale" else 1.0
    loader = DataLoader(Shifts(4000, 1 + args.seed, scale), batch_size=batch, shuffle=True, drop_last=True)
    held = Shifts(800, 501 + args.seed, scale)

    model = Plant(width, depth, args.fault)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=(1e-3, 1e-3, 8e-4, 5e-4, 8e-4)[k], alpha=0.95)
    steps = 6 * len(loader)
    callbacks = [PrintLoss(50), StepDecay(optimizer, [int(0.6 * steps), int(0.85 * steps)])]
    train(model, loader, optimizer, callbacks, 6, args.fault)
    with torch.inference_mode():
        guess = model(held.sensors)["alarm"].argmax(1)
    print(f"alarm acc={(guess == held.alarm).float().mean():.3f}")


if __name__ == "__main__":
    main()
