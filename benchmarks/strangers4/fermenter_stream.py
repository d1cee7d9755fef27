"""CO2 release of twelve fermentation tanks, followed as endless logs.

Each tank is one row of the batch and its log is cut into windows that are read
in order, so what the cell remembers is handed from window to window.  When a
tank is emptied and refilled, its memory starts afresh.  Everything is written
with plain tensors: an own recurrent cell, an own read-out, no nn.Module.
"""
import math

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)

TANKS, WINDOW = 12, 16
TRAIN_STEPS, TEST_STEPS = 3200, 800
HIDDEN, EPOCHS, LR = 32, 10, 4e-3


def tank_log(steps, rng):
    """Inputs: sugar dose, cooling on/off, thermometer, freshly filled.  Output: CO2 rate."""
    seen, co2 = np.zeros((steps, 4)), np.zeros((steps, 1))
    sugar, yeast, temp, cooling, age = 2.0, 0.4, 0.0, 0.0, 0
    for t in range(steps):
        fresh = age > 90 and rng.random() < 0.03
        if fresh:
            sugar, yeast, age = 2.0, 0.4, 0
        age += 1
        dose = rng.uniform(0.5, 2.0) if rng.random() < 0.08 else 0.0
        if rng.random() < 0.06:
            cooling = 1.0 - cooling
        sugar += dose
        temp += 0.12 * (1.0 - 2.0 * cooling - temp) + rng.normal(0, 0.03)
        pace = 0.15 * math.exp(0.6 * temp)
        eaten = pace * yeast * sugar / (0.6 + sugar)
        sugar -= eaten
        yeast += 0.12 * eaten + 0.02 - 0.05 * yeast
        seen[t] = dose, cooling, temp + rng.normal(0, 0.1), float(fresh)
        co2[t] = 14.0 * eaten + rng.normal(0, 0.03)
    return seen, co2


class OrderedWindows(Dataset):
    """Item k is window k of all the tanks: (tanks, WINDOW, features)."""

    def __init__(self, steps, rng, centre=None):
        logs = [tank_log(steps, rng) for _ in range(TANKS)]
        self.x = torch.tensor(np.stack([a for a, _ in logs]), dtype=torch.float32)
        y = torch.tensor(np.stack([b for _, b in logs]), dtype=torch.float32)
        self.centre = (y.mean(), y.std()) if centre is None else centre
        self.y = (y - self.centre[0]) / self.centre[1]

    def __len__(self):
        return self.x.shape[1] // WINDOW

    def __getitem__(self, k):
        part = slice(k * WINDOW, (k + 1) * WINDOW)
        return self.x[:, part], self.y[:, part]


def new_weights(inputs, hidden, generator):
    def normal(rows, cols, gain=1.0):
        return torch.randn(rows, cols, generator=generator) * gain / math.sqrt(rows)

    weights = {
        "into": normal(inputs, 3 * hidden, 0.7),
        "back": normal(hidden, 2 * hidden),
        "back_new": normal(hidden, hidden),
        "bias": torch.cat([torch.zeros(hidden), torch.linspace(-4.0, 0.5, hidden), torch.zeros(hidden)]),
        "read": torch.zeros(hidden, 1),
        "read_bias": torch.zeros(1),
    }
    return {name: w.requires_grad_() for name, w in weights.items()}


def cell(w, x, h):
    size = h.shape[1]
    from_x = x @ w["into"] + w["bias"]
    gates = torch.sigmoid(from_x[:, : 2 * size] + h @ w["back"])
    reset, update = gates[:, :size], gates[:, size:]
    fresh = torch.tanh(from_x[:, 2 * size:] + (reset * h) @ w["back_new"])
    return (1 - update) * h + update * fresh


def read_window(w, x, h):
    guesses = []
    for step in x.unbind(1):
        h = h * (1.0 - step[:, 3:4])
        h = cell(w, step, h)
        guesses.append(h @ w["read"] + w["read_bias"])
    return torch.stack(guesses, dim=1), h


def follow(w, stream, optimizer=None):
    """One pass over the logs, in order.  Returns mean loss, guesses, truths."""
    h = torch.zeros(TANKS, HIDDEN)
    losses, guesses, truths = [], [], []
    for x, y in stream:
        guess, h = read_window(w, x, h)
        loss = (guess - y).square().mean()
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(list(w.values()), 0.5)
            optimizer.step()
        h = h.detach()
        losses.append(loss.item())
        guesses.append(guess.detach())
        truths.append(y)
    return sum(losses) / len(losses), torch.cat(guesses, 1), torch.cat(truths, 1)


def main():
    rng = np.random.default_rng(30)
    train = OrderedWindows(TRAIN_STEPS, rng)
    test = OrderedWindows(TEST_STEPS, rng, train.centre)
    train_stream = DataLoader(train, batch_size=None, shuffle=False)
    test_stream = DataLoader(test, batch_size=None, shuffle=False)

    w = new_weights(4, HIDDEN, torch.Generator().manual_seed(30))
    optimizer = torch.optim.Adam(w.values(), lr=LR, betas=(0.9, 0.98))
    for epoch in range(1, EPOCHS + 1):
        for group in optimizer.param_groups:
            group["lr"] = LR * 0.5 * (1 + math.cos(math.pi * (epoch - 1) / EPOCHS))
        loss, _, _ = follow(w, train_stream, optimizer)
        with torch.no_grad():
            _, guess, truth = follow(w, test_stream)
        r2 = 1 - (guess - truth).square().mean() / truth.var(unbiased=False)
        print(f"pass {epoch:2d}  loss {loss:.4f}  held-out R2 {r2:.3f}")


if __name__ == "__main__":
    main()
