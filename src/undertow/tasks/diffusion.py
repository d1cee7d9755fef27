"""diffusion: images of the user's, or points of a mixture; a network that takes noise out, and draws new ones so.

    train       a step and noise for every example, drawn anew each time → the network says the noise (simple loss)
    validate    the simple loss at fixed steps and with fixed noise; and some samples, kept
    score       the bound on -log p of the test part, term by term, beside simple guessers

Source: Ho, Jain & Abbeel 2020. Axes: N examples, T steps of noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from undertow.compiler.precision import maps_in
from undertow.data.batches import count
from undertow.errors import SettingError
from undertow.nets.unet import UNet, check_side
from undertow.tasks.diffusion_made import drawn
from undertow.tasks.diffusion_options import DiffusionOptions, Known, build_model, settled
from undertow.tasks.diffusion_score import other_file, scored
from undertow.tasks.examples import Examples, inspect_examples, read_examples
from undertow.tasks.network import check_memory
from undertow.tasks.sampling import Request
from undertow.tasks.step_memory import check_step, kept_bytes, rounded, without_memory
from undertow.tasks.subject import check_request
from undertow.training.loop import Judged, StepLoss
from undertow.wiring.denoising import Way
from undertow.wiring.diffusion import Diffusion
from undertow.wiring.noising import simple_loss

LOOKED_AT = {"points": 5000, "images": 512}  # examples of a look at validation
TIMES = {"points": 4, "images": 1}  # that an example of a batch is met, each with a step and noise of its own
PASSES = 8.0  # over points, where nothing is said
STEPS_OF_IMAGES = 4500  # where nothing is said, and 4 passes at least
LOOKED = {"points": (500, 50), "images": (16, 40)}  # samples of a look, and steps they are drawn in
ROOM = 1.1  # beyond the farthest number of training that a sample may have


@dataclass
class DiffusionTask:
    """The training examples, batch by batch, each with a step and noise of its own."""

    model: Diffusion
    known: Known
    examples: Examples
    options: DiffusionOptions

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass."""
        return count(len(self.examples.train), self.options.batch)

    def batches(self, epoch: int, first: int) -> Iterator[Tensor]:
        """The batches of one epoch, in an order of its own."""
        order = np.random.default_rng([self.options.seed, epoch]).permutation(len(self.examples.train))
        for number in range(first, self.steps_per_epoch):
            members = order[number * self.options.batch : (number + 1) * self.options.batch]
            yield torch.from_numpy(self.examples.train.values[members])

    def loss(self, batch: Tensor, carried: list[Tensor]) -> StepLoss:
        """Mean (ε - ε_θ)² a number."""
        x = batch.repeat(TIMES[self.known.kind], *(1 for _ in self.known.shape))
        t = torch.randint(1, self.model.noising.steps + 1, (len(x),))
        with self.rounding():
            loss = simple_loss(self.model.noising, self.model, x, t, torch.randn_like(x)).mean()
        return StepLoss(loss, len(batch))

    def validate(self) -> Judged:
        """The simple loss at the same steps and with the same noise each time, and what is drawn by now."""
        x, t, noise = self._fixed
        with self.rounding():
            losses = [
                simple_loss(self.model.noising, self.model, x[some], t[some], noise[some])
                for some in torch.split(torch.arange(len(x)), self.options.batch)
            ]
            samples, steps = LOOKED[self.known.kind]
            way = Way(min(steps, self.options.noise_steps), self.options.eta)
            made = self.known.restored(drawn(self.model, self.known, samples, way, 0))
        value = float(torch.cat(losses).mean().detach())
        return Judged(value, {"simple_loss": value}, made)

    def rounding(self) -> AbstractContextManager[Any]:
        """While training, maps of images round as products do."""
        return maps_in(self.options.precision if self.known.images else "float32")

    @cached_property
    def _fixed(self) -> tuple[Tensor, Tensor, Tensor]:
        chance, steps = torch.Generator().manual_seed(0), self.model.noising.steps
        x = torch.from_numpy(self.examples.validation.values[: LOOKED_AT[self.known.kind]])
        t = 1 + torch.arange(len(x)) * steps // len(x)  # evenly from the first to the last
        return x, t, torch.randn(x.shape, generator=chance)


@dataclass
class DiffusionJob:
    """Examples read and split, with a network for them."""

    task: DiffusionTask

    @property
    def data(self) -> list[dict[str, Any]]:
        return self.task.examples.records

    @property
    def remarks(self) -> list[str]:
        return self.task.examples.remarks

    @property
    def model(self) -> Diffusion:
        return self.task.model

    @property
    def options(self) -> DiffusionOptions:
        """--width chosen."""
        return self.task.options

    @property
    def vocabulary(self) -> Known:
        return self.task.known

    @property
    def default_epochs(self) -> float:
        """Enough for files of any size."""
        return max(4.0, STEPS_OF_IMAGES / self.task.steps_per_epoch) if self.task.known.images else PASSES

    def held_out(self, steps: int, rows: int) -> Tensor:
        """None: an example has no steps of time.

        Raises:
            SettingError: always.
        """
        raise SettingError("Steps of noise are no steps of time: there is nothing to look back over.")

    def score(self, seed: int) -> dict[str, Any]:
        """The bound, guessers, and what is drawn."""
        way = Way(self.options.sampling_steps or 0, self.options.eta)
        return scored(self.model, self.task.known, self.task.examples, way, seed) | {
            "validation": {"simple_loss": self.task.validate().value}
        }


class DiffusionRecipe:
    """The recipe."""

    name = "diffusion"
    unit = "example"
    Options = DiffusionOptions

    def prepare(self, options: DiffusionOptions) -> DiffusionJob:
        """Read and split; draw a fresh network."""
        options.check()
        examples = read_examples(options)
        mixture = options.data[0] if examples.mixture else None
        limit = 1.0 if mixture is None else ROOM * float(np.abs(examples.train.values).max())
        known = Known(examples.shape, examples.names, examples.scale, mixture, limit)
        options = settled(options, known)
        if known.images:
            _check_step(options, known, min(options.batch, len(examples.train)))
        return DiffusionJob(DiffusionTask(self.build(options, known), known, examples, options))

    def build(self, options: DiffusionOptions, vocabulary: Known) -> Diffusion:
        """A fresh network."""
        width = options.width or 0
        check_memory((1100 if vocabulary.images else 14) * width**2, "--width")
        return build_model(options, vocabulary)

    def known(self, record: dict[str, Any]) -> Known:
        """Shape, classes, scale."""
        return Known.from_json(record)

    def describe(self, options: DiffusionOptions) -> dict[str, Any]:
        """The network, for config.json."""
        steps = f"{options.noise_steps:,} steps of noise, {options.schedule}"
        summary = "Noise is taken out step by step, by a network that says which noise it is."
        return {"name": "DDPM", "summary": summary, "file_sha256": None, "network": steps}

    def rows(self, vocabulary: Known) -> dict[str, tuple[str, ...]]:
        """None stands for anything."""
        return {}

    def score_file(self, model: Diffusion, vocabulary: Known, options: DiffusionOptions) -> dict[str, Any]:
        """The bound on another file."""
        return other_file(model, vocabulary, options)

    def inspect(self, options: DiffusionOptions) -> dict[str, Any]:
        """What is understood of the data."""
        examples = read_examples(options)
        if examples.mixture is None:
            check_side(examples.shape)
        return inspect_examples(examples)

    def sample(
        self, model: Diffusion, vocabulary: Known, request: Request, options: DiffusionOptions
    ) -> NDArray[Any]:
        """New points [N, 2] in the mixture's scale, or images [N, C, Y, X] uint8, in the run's steps and with its η.

        Raises:
            SettingError: what only strings can be asked for.
        """
        check_request(request)
        way = Way(settled(options, vocabulary).sampling_steps or 0, options.eta)
        return vocabulary.restored(drawn(model.eval(), vocabulary, request.count, way, request.how.seed))


RECIPE = DiffusionRecipe()


def _check_step(options: DiffusionOptions, known: Known, rows: int) -> None:
    check_side(known.shape)
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        net = UNet(
            known.shape[0], options.noise_steps, options.width or 1, attention=not options.no_attention
        )
    kept = kept_bytes(net, without_memory(rows, *known.shape), without_memory(rows, dtype=torch.int64))
    check_step(rounded(kept, options.precision), rows, known.shape)
