"""Which station called? The call sign opens the line, noise follows, and a plain tanh nn.RNN answers at the end."""

import argparse
import functools

import torch
from torch import nn

FAULTS = ("vanishing_time", "wrong_sign", "step_too_large", "axes_swapped")
METRIC = (r"heldout_ce ([\d.einfa+-]+)", "lower")

CALLS = {
    "EA": [1, 0, 1, 1, 0, 0],
    "LX": [1, 1, 0, 1, 0, 1],
    "OH": [0, 1, 1, 0, 1, 1],
    "SV": [0, 0, 1, 1, 1, 0],
    "TF": [1, 1, 1, 0, 0, 1],
}


def lines(count, length, tones):
    """Keyed tone (count, length, 2) in two receivers with noise; the call takes the first six marks."""
    station = torch.randint(len(CALLS), (count,))
    marks = torch.tensor(list(CALLS.values())).float()[station]
    signal = torch.zeros(count, length)
    signal[:, :6] = 2 * marks - 1
    heard = signal.unsqueeze(2) * tones + 0.1 * torch.randn(count, length, 2)
    return heard, station


class Operator(nn.Module):
    def __init__(self, hidden, radius, batch_first):
        super().__init__()
        self.rnn = nn.RNN(2, hidden, batch_first=batch_first)
        self.answer = nn.Linear(hidden, len(CALLS))
        nn.init.orthogonal_(self.rnn.weight_hh_l0, gain=radius)
        nn.init.normal_(self.rnn.weight_ih_l0, std=0.3)
        nn.init.zeros_(self.rnn.bias_ih_l0)
        nn.init.zeros_(self.rnn.bias_hh_l0)

    def forward(self, heard):
        return self.answer(self.rnn(heard)[0][:, -1])


def train_step(model, optimizer, heard, station, sign):
    loss = sign * nn.functional.cross_entropy(model(heard), station)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def main(fault, seed):
    torch.manual_seed(seed)
    hidden = (64, 100, 80, 128, 48)[seed % 5]
    length = (40, 35, 50, 45, 30)[seed % 5]
    draw = functools.partial(lines, length=length, tones=torch.tensor([1.0, 0.6]))
    radius = 0.5 if fault == "vanishing_time" else 1.0
    model = Operator(hidden, radius, batch_first=fault != "axes_swapped")
    rate = (1e-3, 7e-4, 1e-3, 7e-4, 1.5e-3)[seed % 5] * (100 if fault == "step_too_large" else 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    sign = -1 if fault == "wrong_sign" else 1
    for step in range(500):
        loss = train_step(model, optimizer, *draw(32), sign)
        if not step % 100:
            print(f"{step=} {loss=:.4f}")
    with torch.no_grad():
        heard, station = draw(600)
        print(f"heldout_ce {nn.functional.cross_entropy(model(heard), station):.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
