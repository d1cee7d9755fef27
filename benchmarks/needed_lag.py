"""Does the needed lag, measured by its probe on a few batches, agree with what training on windows shows?

Real sets: characters of Shakespeare, letters of names, oil temperature a day later, the load of the next hour. On each,
an LSTM is trained anew for every K on windows of K steps, from whose last it tells the target, with as many optimizer
steps for every K; K runs to 64. The needed lag by training is the last step of the smallest window that takes away all
but a twentieth of what the best one takes away from the loss of always saying the same, on held-out streams.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import torch
from _record import data_file, keep
from torch import Tensor, nn
from torch.nn import functional as F

from undertow import LSTM
from undertow.doctor.needed_lag import NEARLY, needed_lag
from undertow.report.table import print_table

LONGEST = 64
WINDOWS = (1, 2, 4, 8, 12, 16, 24, 32, LONGEST)
STEPS, ROWS, HIDDEN = 800, 128, 96
BATCHES = 24  # that the probe is shown
SEEDS = 3


@dataclass(frozen=True)
class Stream:
    """Streams of inputs [N, S, I] or tokens [N, S], and what is to be told at every step [N, S] or [N, S, O]."""

    x: Tensor
    y: Tensor


def shakespeare() -> Stream:
    """The next character."""
    text = data_file("lm/tinyshakespeare.txt").read_text(encoding="utf-8")
    return _next_of(text, 64)


def titles() -> Stream:
    """The next letter of names, one after another with an end between them."""
    names = data_file("names/names_makemore.txt").read_text(encoding="utf-8").split()
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(0)).tolist()
    return _next_of("\n".join(names[n] for n in order), 64)


def _next_of(text: str, streams: int) -> Stream:
    letters = sorted(set(text))
    ids = torch.tensor([letters.index(c) for c in text])
    length = (len(ids) - 1) // streams
    return Stream(
        ids[: streams * length].view(streams, length), ids[1 : streams * length + 1].view(streams, length)
    )


def oil() -> Stream:
    """The temperature of the oil a day later, from all seven columns."""
    x = _standard(_columns("timeseries/ETTh1.csv", slice(1, 8)))
    return _cut(x[:-24], x[24:, 6:], 16)


def load() -> Stream:
    """The load of the next hour, from its own past."""
    x = _standard(_columns("timeseries/ETTh1.csv", slice(1, 2)))
    return _cut(x[:-1], x[1:], 16)


def _columns(name: str, which: slice) -> Tensor:
    with data_file(name).open(encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    return torch.tensor(np.array([row[which] for row in rows], dtype=np.float32))


def _standard(x: Tensor) -> Tensor:
    return (x - x.mean(0)) / x.std(0)


def _cut(x: Tensor, y: Tensor, streams: int) -> Stream:
    length = len(x) // streams
    return Stream(*(t[: streams * length].view(streams, length, -1) for t in (x, y)))


SETS: dict[str, Callable[[], Stream]] = {
    "Shakespeare, next character": shakespeare,
    "names, next letter": titles,
    "ETTh1, oil a day later": oil,
    "ETTh1, load of the next hour": load,
}


class Reader(nn.Module):
    """Tells the target from a window's last state."""

    def __init__(self, data: Stream) -> None:
        super().__init__()
        self.tokens = not data.x.is_floating_point()
        size = int(data.x.max()) + 1 if self.tokens else data.x.shape[-1]
        self.put_in = nn.Embedding(size, 32) if self.tokens else nn.Identity()
        self.lstm = LSTM(32 if self.tokens else size, HIDDEN, batch_first=True)
        self.read = nn.Linear(HIDDEN, size if self.tokens else data.y.shape[-1])

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.lstm(self.put_in(x))
        return self.read(states[:, -1])


def explained(data: Stream, window: int, seed: int) -> float:
    """The share of held-out targets' cost that a network of this window takes away."""
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    split = int(len(data.x) * 0.8)
    model = Reader(data)
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, STEPS)
    for _ in range(STEPS):
        x, y = _drawn(data, range(split), window, ROWS, rng)
        loss = _cost(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    held = torch.Generator().manual_seed(1000)
    with torch.no_grad():
        x, y = _drawn(
            data, range(split, len(data.x)), LONGEST, 4096, held
        )  # the same targets for every window
        cost = float(_cost(model(x[:, -window:]), y))
        _, seen = _drawn(data, range(split), window, 4096, rng)
        same = seen.bincount(minlength=model.read.out_features).double() if model.tokens else seen.mean(0)
        alike = (
            (same / same.sum()).clamp(min=1e-9).log().float().expand(len(y), -1)
            if model.tokens
            else same.expand_as(y)
        )
        return 1 - cost / float(_cost(alike, y))


def _drawn(
    data: Stream, streams: range, window: int, rows: int, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    stream = torch.tensor(streams)[torch.randint(len(streams), (rows,), generator=rng)]
    end = torch.randint(LONGEST - 1, data.x.shape[1], (rows,), generator=rng)
    places = end[:, None] + torch.arange(1 - window, 1)
    return data.x[stream[:, None], places], data.y[stream, end]


def _cost(said: Tensor, y: Tensor) -> Tensor:
    return F.mse_loss(said, y) if y.is_floating_point() else F.cross_entropy(said, y)


def by_training(data: Stream, seed: int) -> tuple[int, dict[int, float]]:
    """The needed lag, and what every window explains."""
    shares = {window: explained(data, window, seed) for window in WINDOWS}
    enough = (1 - NEARLY) * max(shares.values())
    return min(window for window, share in shares.items() if share >= enough) - 1, shares


def by_probe(data: Stream, seed: int) -> tuple[int | None, tuple[float, ...]]:
    """Of batches as a training would draw them."""
    rng = torch.Generator().manual_seed(seed)
    batches = []
    for _ in range(BATCHES):
        stream = torch.randint(len(data.x), (ROWS,), generator=rng)
        start = torch.randint(data.x.shape[1] - LONGEST, (ROWS, 1), generator=rng) + torch.arange(LONGEST)
        batches.append(tuple(t[stream[:, None], start].transpose(0, 1) for t in (data.x, data.y)))
    told = needed_lag(batches, seed=seed)
    return told.steps, told.explained


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=SEEDS)
    seeds = parser.parse_args().seeds
    rows = []
    for name, made in SETS.items():
        data = made()
        trained = [by_training(data, seed) for seed in range(seeds)]
        probed = [by_probe(data, seed) for seed in range(seeds)]
        shares = {str(w): round(median(s[w] for _, s in trained), 4) for w in WINDOWS}
        rows.append(_row(name, [lag for lag, _ in trained], [lag for lag, _ in probed], shares))
        print_table([_shown(row) for row in rows[-1:]], list(_shown(rows[-1])), name, sys.stdout)
    keep(__doc__.splitlines()[0], rows, seeds=seeds, steps=STEPS)


def _row(name: str, trained: list[int], probed: list[int | None], shares: dict[str, float]) -> dict[str, Any]:
    return {"set": name, "by_training": trained, "by_probe": probed, "explained_by_window": shares}


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "explained_by_window": " ".join(f"{w}:{s:.2f}" for w, s in row["explained_by_window"].items()),
    }


if __name__ == "__main__":
    main()
