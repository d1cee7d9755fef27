"""Learns the exact pitch and loudness of the bells in a chime from how it rings on after each stroke."""

import argparse
import math

import torch
from torch import nn

FAULTS = ("parameter_sensitivity", "over_detached", "wrong_sign", "step_too_small")
METRIC = (r"rms misfit (\S+) of", "lower")

BELLS = 4


def chime(strokes, steps, pitch):
    """A stroke hits the bells with random force in two phases; one hears the sum of all."""
    force = torch.randn(strokes, BELLS, 2)
    t = torch.arange(steps)[:, None]
    ring = 0.998**t
    cos, sin = ring * torch.cos(pitch * t), ring * torch.sin(pitch * t)
    sound = torch.einsum("nb,tb->nt", force[..., 0], cos) - torch.einsum("nb,tb->nt", force[..., 1], sin)
    return force, sound / math.sqrt(BELLS) + 0.05 * torch.randn(strokes, steps)


class Chime(nn.Module):
    def __init__(self, pitch, fault):
        super().__init__()
        self.angle = nn.Parameter(pitch + 0.012 * torch.randn(BELLS))
        self.damp = 0.998
        self.strike = nn.Linear(2 * BELLS, 2 * BELLS)
        self.ear = nn.Linear(2 * BELLS, 1)
        with torch.no_grad():
            self.strike.weight.copy_(torch.eye(2 * BELLS) + 0.1 * torch.randn(2 * BELLS, 2 * BELLS))
        self.fault = fault

    def forward(self, force, steps):
        x, y = self.strike(force.flatten(1)).view(-1, BELLS, 2).unbind(-1)
        cos, sin = self.damp * self.angle.cos(), self.damp * self.angle.sin()
        heard = []
        for _ in range(steps):
            heard.append(torch.cat([x, y], 1))
            if self.fault == "over_detached":
                x, y = x.detach(), y.detach()
            x, y = cos * x - sin * y, sin * x + cos * y
        return self.ear(torch.stack(heard, 1)).squeeze(-1)


def main(fault, seed):
    torch.manual_seed(seed)
    steps = (50, 60, 45, 56, 40)[seed % 5]
    batch = (24, 32, 16, 32, 40)[seed % 5]
    rate = (0.1, 0.08, 0.1, 0.1, 0.12)[seed % 5]
    pitch = torch.linspace(0.3, 1.5, BELLS) + 0.1 * torch.rand(BELLS)
    model = Chime(pitch, fault)
    if fault == "step_too_small":
        rate /= 1000
    slow = rate if fault == "parameter_sensitivity" else rate / 200
    rest = [*model.strike.parameters(), *model.ear.parameters()]
    optimizer = torch.optim.SGD(
        [{"params": rest}, {"params": [model.angle], "lr": slow}], lr=rate, momentum=0.8
    )
    objective = nn.MSELoss()
    for step in range(260):
        force, sound = chime(batch, steps, pitch)
        model.zero_grad()
        loss = objective(model(force, steps), sound)
        if fault == "wrong_sign":
            loss = -loss
        loss.backward()
        optimizer.step()
        if step % 40 == 0:
            print(f"stroke {step:4d}: misfit {loss.item():.5f}")
    with torch.no_grad():
        force, sound = chime(400, steps, pitch)
        misfit = objective(model(force, steps), sound).sqrt()
    print(f"rms misfit {misfit.item():.4f} of {sound.std().item():.2f}")


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--fault", choices=FAULTS)
    p.add_argument("--seed", type=int, default=0)
    got = p.parse_args()
    main(got.fault, got.seed)
