"""The score of a diffusion model: the bound on -log p of unseen examples, term by term, beside simple guessers.

Every step's term is a mean over a few test examples, other ones for every step in turn, with noise of its own; so the
sum is a mean over the whole part, told with its standard error. Of few examples each is met at many steps, and one that
is hard is so at all of them: what it adds at any step is summed before it is squared. Points are told where the data
lies, not as they were scaled: -log p(x) = -log p(x / s) + D log s. Axes: N examples, D numbers of one, T steps of
noise.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from undertow.data.mixtures import MIXTURES
from undertow.data.pictures import read_pictures
from undertow.errors import DataError
from undertow.tasks.diffusion_made import drawn, frames
from undertow.tasks.diffusion_options import DiffusionOptions, Known
from undertow.tasks.examples import Examples, read_examples
from undertow.tasks.guessers import gaussian_nats, histogram_nats, mixture_nats
from undertow.tasks.made_scores import score_made, shown
from undertow.tasks.remarks import only_file
from undertow.wiring.denoising import Way
from undertow.wiring.diffusion import Diffusion
from undertow.wiring.elbo import bits_a_number, last_term, prior_term, step_term

ROWS = {"points": 256, "images": 16}  # examples of every step's term
FIRST_ROWS = {"points": 5000, "images": 512}  # of the first step's
DRAWN = {"points": 5000, "images": 256}  # and judged
STRIP = {"points": 1000, "images": 25}  # samples whose way is shown
FRAMES = 6


def scored(model: Diffusion, known: Known, examples: Examples, way: Way, seed: int) -> dict[str, Any]:
    """test, baselines, what `score_made` says of samples, and arrays of what is drawn."""
    values = drawn(model, known, DRAWN[known.kind], way, seed)

    def draw(count: int) -> NDArray[np.float32]:
        return values[:count]

    times, strip = frames(model, known, STRIP[known.kind], way, FRAMES)
    found = score_made(draw, examples, known, seed, DRAWN[known.kind]) | shown(draw, examples, known)
    found["samples"] |= {"steps": way.steps or model.noising.steps, "eta": way.eta, "frames": times}
    found["arrays"]["strip"] = strip
    return {
        "test": tested(model, known, torch.from_numpy(examples.test.values)),
        "baselines": baselines(known, examples.train.values, examples.test.values),
        **found,
    }


def tested(model: Diffusion, known: Known, x: Tensor) -> dict[str, Any]:
    """The record of a part."""
    return {
        "examples": len(x),
        "kind": known.kind,
        "shape": list(known.shape),
        "bound": bound(model, known, x),
    }


def bound(model: Diffusion, known: Known, x: Tensor) -> dict[str, Any]:
    """Every term, their sum, and its standard error by chance of examples and noise, in nats an example.

    Args:
        model: in eval mode.
        known: of its run.
        x: examples [N, ...] as the network reads them.
    """
    kind, denoiser = known.kind, model.denoiser()
    chance = torch.Generator().manual_seed(0)
    terms = _Terms(len(x))
    with torch.no_grad():
        for t in range(2, model.noising.steps + 1):
            members = (torch.arange(min(ROWS[kind], len(x))) + (t - 2) * ROWS[kind]) % len(x)
            rows, at = x[members], torch.full((len(members),), t)
            terms.add(step_term(denoiser, rows, at, torch.randn(rows.shape, generator=chance)), members)
        first = x[: FIRST_ROWS[kind]]
        noise = torch.randn(first.shape, generator=chance)
        pieces = zip(torch.split(first, 64), torch.split(noise, 64), strict=True)
        last = torch.cat([last_term(denoiser, *piece, levels=known.images) for piece in pieces])
        terms.add(last, torch.arange(len(first)))
        terms.add(prior_term(model.noising, x), torch.arange(len(x)))
    scaled = x[0].numel() * float(np.log(known.scale))  # 0 of images
    *means, last_step, prior = terms.means
    first_step = last_step + scaled
    return {
        **_figures(prior + sum(means) + first_step, known),
        "standard_error": terms.standard_error,
        "prior": prior,
        "steps": means,
        "last": first_step,
    }


def baselines(known: Known, train: NDArray[np.float32], test: NDArray[np.float32]) -> dict[str, Any]:
    """Nats an example of guessers that know each number alone; of a mixture also of itself, which none can beat."""
    if known.images:
        levels = [known.restored(part) for part in (train, test)]
        told = {"independent pixels": histogram_nats(levels[0], levels[1])}
    else:
        points = [part.astype(np.float64) * known.scale for part in (train, test)]
        told = {"one Gaussian": gaussian_nats(points[0], points[1])}
        if known.mixture is not None:
            told["the mixture itself"] = mixture_nats(MIXTURES[known.mixture], points[1])
    return {name: _figures(nats, known) for name, nats in told.items()}


def other_file(model: Diffusion, known: Known, options: DiffusionOptions) -> dict[str, Any]:
    """The bound on another file's images, or on points of a mixture.

    Raises:
        DataError: examples of another shape.
    """
    name = only_file(options)
    if name in MIXTURES:
        values = read_examples(options).test.values
    else:
        values = read_pictures(name, options.layout).pixels.astype(np.float32) / 127.5 - 1
    if values.shape[1:] != known.shape:
        raise DataError(
            f"{name} holds examples of shape {values.shape[1:]}; the run was trained on {known.shape}. Give such."
        )
    return {"test": tested(model, known, torch.from_numpy(values))}


class _Terms:
    """Means of terms, each over some of N examples, and the standard error of their sum.

    An example adds to the sum's error what it is off by in all its terms together. Where each stands in one term, this
    is the sum of the terms' own squared errors; where all stand in all, the error of the mean of their sums.
    """

    def __init__(self, examples: int) -> None:
        self.means: list[float] = []
        self._off = torch.zeros(examples, dtype=torch.float64)

    def add(self, told: Tensor, members: Tensor) -> None:
        """One term, of each of these examples."""
        told, count = told.double(), len(members)
        self.means.append(float(told.mean()))
        if count > 1:  # with one degree of freedom less, as in a variance
            self._off.index_add_(0, members, (told - told.mean()) / (count * (count - 1)) ** 0.5)

    @property
    def standard_error(self) -> float:
        return float(self._off.square().sum().sqrt())


def _figures(nats: float, known: Known) -> dict[str, float]:
    """Of images also bits a number, as everyone tells them."""
    bits = {"bits_a_number": bits_a_number(nats, int(np.prod(known.shape)))} if known.images else {}
    return {"nats": nats, **bits}
