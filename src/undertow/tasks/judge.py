"""A judge of images: a small CNN, trained for a moment on some of the training part, that tells classes.

It says which class a made image is, and its hidden features are where precision and recall are measured. How often it
is right on images that it never saw is said beside all that it says. Draws from a generator of its own.
Axes: N images, H hidden features, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from undertow.nets.cnn import CNN
from undertow.tasks.examples import Part

MOST = 10_000  # images that it is trained on
STEPS = 200
ROWS = 100
RATE = 3e-3


@dataclass(frozen=True, eq=False)
class Told:
    """What it says of images.

    Args:
        p: of each class [N, K].
        features: before the scores [N, H].
    """

    p: NDArray[np.float64]
    features: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Judge:
    """Trained."""

    net: CNN
    trained_on: int

    def told(self, images: NDArray[np.float32]) -> Told:
        """What it says of images [N, C, Y, X] from -1 to 1."""
        found: list[tuple[Tensor, Tensor]] = []
        with torch.no_grad():
            for first in range(0, len(images), ROWS):
                x = squared(torch.from_numpy(images[first : first + ROWS]))
                features = self.net.hidden(self.net.features(x).flatten(1))
                found.append((features, torch.softmax(self.net.readout(features).double(), -1)))
        return Told(torch.cat([p for _, p in found]).numpy(), torch.cat([f for f, _ in found]).numpy())

    def accuracy(self, part: Part) -> float:
        """How often it is right."""
        return float((self.told(part.values).p.argmax(1) == part.classes).mean())


def trained_judge(train: Part, classes: int, seed: int) -> Judge:
    """A judge for these classes, from the training part."""
    rng = np.random.default_rng([seed, 1])
    chosen = rng.permutation(len(train))[:MOST]
    _, channels, tall, broad = train.values.shape
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = CNN(channels, max(tall, broad), classes, width=16, hidden=64, dropout=0.3)
        optimizer = torch.optim.Adam(net.parameters(), lr=RATE)
        for _ in range(STEPS):
            rows = rng.choice(chosen, min(ROWS, len(chosen)), replace=False)
            scores = net(squared(torch.from_numpy(train.values[rows])))
            optimizer.zero_grad()
            loss = functional.cross_entropy(scores, torch.from_numpy(train.classes[rows]))
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return Judge(net.eval(), len(chosen))


def squared(images: Tensor) -> Tensor:
    """Images [N, C, Y, X] in a dark frame that makes them square."""
    tall, broad = images.shape[2:]
    side = max(tall, broad)
    return functional.pad(images, [0, side - broad, 0, side - tall], value=-1.0)
