"""Learns the slow and fast decays of a thermal plant from its long recordings, by a diagonal linear recurrence."""

import argparse

import torch

FAULTS = ("parameter_sensitivity", "graph_retained", "clip_after_step", "state_leaks", "bad_datum")
METRIC = (r"unexplained: ([\d.einfa+-]+)", "lower")

WINDOWS = 6


def record(rng, streams, steps):
    """Heater power, with surges, and temperature of `streams` runs of one plant with three time constants."""
    power = torch.randn(streams, steps, generator=rng)
    surge = torch.rand(streams, steps // 20 + 1, generator=rng) < 0.01
    power = power * (1 + 11 * surge.repeat_interleave(20, 1)[:, :steps])
    heat = torch.zeros(streams, 3)
    decay = torch.tensor([0.97, 0.9, 0.6])
    temperature = torch.empty(streams, steps)
    for t in range(steps):
        heat = decay * heat + (1 - decay**2).sqrt() * power[:, t : t + 1]
        temperature[:, t] = heat @ torch.tensor([1.2, -0.7, 0.5])
    return power, temperature + 0.05 * torch.randn(streams, steps, generator=rng)


class Plant:
    """h' = a h + b x and y = c h, one decay a unit."""

    def __init__(self, units, fault):
        self.plain = fault == "parameter_sensitivity"
        decay = 0.99 - torch.linspace(0, 1, units) ** 2 * 0.6
        self.a = decay if self.plain else torch.log(-torch.log(decay))
        self.b = torch.ones(units)
        self.c = torch.randn(units) / units
        for p in self.params():
            p.requires_grad_()

    def params(self):
        return [self.a, self.b, self.c]

    def step_through(self, power, h):
        if self.plain:
            a, b = self.a, self.b
        else:
            a = torch.exp(-torch.exp(self.a))
            b = self.b * torch.sqrt(1 - a * a)
        outputs = []
        for x in power.unbind(1):
            h = a * h + b * x[:, None]
            outputs.append(h @ self.c)
        return torch.stack(outputs, 1), h

    def keep_stable(self):
        if self.plain:
            self.a.data.clamp_(0.0, 0.9995)


def limit(grads, most):
    norm = torch.sqrt(sum(g.square().sum() for g in grads))
    for g in grads:
        g.mul_(torch.clamp(most / (norm + 1e-6), max=1.0))


def update(plant, lr, fault):
    grads = [p.grad for p in plant.params()]
    if fault != "clip_after_step":
        limit(grads, 0.5)
    for p in plant.params():
        p.data -= lr * p.grad
    if fault == "clip_after_step":
        limit(grads, 0.5)
    plant.keep_stable()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    fault = args.fault
    torch.manual_seed(args.seed)
    rng = torch.Generator().manual_seed(args.seed)
    units = (16, 24, 20, 32, 28)[args.seed % 5]
    window = (50, 60, 45, 50, 40)[args.seed % 5]
    streams = (16, 12, 20, 16, 24)[args.seed % 5]
    lr = 0.1
    power, temperature = record(rng, 8 * streams, window * WINDOWS)
    if fault == "bad_datum":
        power[3, 70] = float("nan")
    plant = Plant(units, fault)
    for epoch in range(9):
        order = torch.randperm(8 * streams, generator=rng)
        h, seen = torch.zeros(streams, units), []
        for group in order.split(streams):
            if fault != "state_leaks":
                h = torch.zeros(streams, units)
            for k in range(WINDOWS):
                part = slice(k * window, (k + 1) * window)
                if fault == "state_leaks":
                    group = torch.randperm(8 * streams, generator=rng)[:streams]
                if fault != "graph_retained":
                    h = h.detach()
                guess, h = plant.step_through(power[group, part], h)
                loss = (guess - temperature[group, part]).square().mean()
                for p in plant.params():
                    p.grad = None
                loss.backward(retain_graph=fault == "graph_retained")
                update(plant, lr, fault)
                seen.append(loss.item())
        print(f"pass {epoch}  loss {sum(seen) / len(seen):.4f}  worst {max(seen):.3f}")
    power, temperature = record(rng, 64, window * WINDOWS)
    with torch.no_grad():
        guess, _ = plant.step_through(power, torch.zeros(64, units))
    rest = (guess - temperature).square().mean() / temperature.var()
    print(f"unexplained: {rest.item():.5f}")


if __name__ == "__main__":
    main()
