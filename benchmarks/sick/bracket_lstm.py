"""Which bracket closes a long line? An LSTM reads the opening one, a stretch of code, and must name the closing one."""

import argparse
import math

import torch
from torch import nn

FAULTS = (
    "forget_gate_shut",
    "axes_swapped",
    "gate_saturation",
    "step_too_large",
)
METRIC = (r"closing bracket right in ([\d.einfa+-]+)%", "higher")

OPENING = "([{<"
LETTERS = "abcdefgh=+;"
VOCABULARY = {char: i for i, char in enumerate(OPENING + LETTERS)}


def lines(count, span, rng):
    """Index rows of `count` lines: an opening bracket, then letters."""
    kind = torch.randint(len(OPENING), (count, 1), generator=rng)
    code = torch.randint(len(OPENING), len(VOCABULARY), (count, span), generator=rng)
    return torch.cat((kind, code), dim=1), kind.squeeze(1)


class Closer(nn.Module):
    def __init__(self, hidden, span, fault):
        super().__init__()
        self.embed = nn.Embedding(len(VOCABULARY), 16)
        self.gain = 50.0 if fault == "gate_saturation" else 1.0
        self.lstm = nn.LSTM(16, hidden, batch_first=fault != "axes_swapped")
        self.decide = nn.Linear(hidden, len(OPENING))
        reach = torch.empty(hidden).uniform_(math.log(span / 4), math.log(2 * span))
        with torch.no_grad():
            self.lstm.bias_hh_l0.zero_()
            self.lstm.bias_ih_l0.zero_()
            self.lstm.bias_ih_l0[:hidden] = -reach
            if fault == "forget_gate_shut":
                self.lstm.bias_ih_l0[hidden : 2 * hidden] = -3.0
            else:
                self.lstm.bias_ih_l0[hidden : 2 * hidden] = reach

    def forward(self, tokens):
        states, _ = self.lstm(self.gain * self.embed(tokens))
        return self.decide(states[:, -1])


def right(model, tokens, kinds):
    model.eval()
    with torch.no_grad():
        share = (model(tokens).argmax(-1) == kinds).float().mean()
    model.train()
    return 100 * share.item()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--seed", default=0, type=int)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_flush_denormal(True)
    rng = torch.Generator().manual_seed(args.seed + 1234)

    hidden = (48, 64, 40, 32, 56)[args.seed % 5]
    span = (60, 45, 70, 85, 50)[args.seed % 5]
    batch = (32, 40, 32, 24, 32)[args.seed % 5]
    rate = (6e-3, 5e-3, 6e-3, 8e-3, 5e-3)[args.seed % 5]
    if args.fault == "step_too_large":
        rate *= 100
    model = Closer(hidden, span, args.fault)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    loss_of = nn.CrossEntropyLoss()
    held = lines(400, span, rng)
    for step in range(1, 251):
        tokens, kinds = lines(batch, span, rng)
        model.zero_grad()
        loss = loss_of(model(tokens), kinds)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0:
            print(f"step {step}: loss {loss.item():.3f}, held-out {right(model, *held):.1f}%")
    print(f"closing bracket right in {right(model, *lines(600, span, rng)):.1f}%")


if __name__ == "__main__":
    main()
