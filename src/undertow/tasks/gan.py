"""gan: images, or points of a mixture; a generator learns to make more, a critic to tell them apart.

    train       rounds of --critic-steps batches for the critic, then one for the generator (`wiring/adversarial.py`)
    keep        the weights whose samples, of one noise always, are nearest to the validation part (`data/sliced.py`)
    score       modes or classes that are covered, precision, recall, distance; beside them real ones never seen
    sample      new points or images

Whose turn it is follows from the number of the step. Axes: B rows, N samples, Z numbers of noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from undertow.data.mixtures import MIXTURES
from undertow.data.mode_figures import modes_found
from undertow.data.sliced import sliced_wasserstein
from undertow.errors import DataError, SettingError, UndertowError
from undertow.nets.adversaries import Adversaries, still
from undertow.nets.generator import stages_of
from undertow.tasks.examples import Examples, inspect_examples, read_examples, read_whole
from undertow.tasks.gan_options import GanOptions, settled
from undertow.tasks.made_scores import score_made, shown, some
from undertow.tasks.network import check_memory
from undertow.tasks.recipe import Own
from undertow.tasks.sampling import Request
from undertow.tasks.step_memory import check_step, kept_in, without_memory
from undertow.tasks.subject import Subject, check_request, subject_of
from undertow.training.loop import Judged, StepLoss
from undertow.wiring import adversarial

LOOKED_AT = {1: 5000, 3: 2000}  # samples at each look at validation, by the axes of one: points, images
KEPT = {1: 2000, 3: 64}  # of them in made/
TOGETHER = 500  # samples made at once
STEPS = {1: 45_000, 3: 16_000}  # where no budget is given
SMALLEST = 20  # images that anything can be learned from


class Batch(NamedTuple):
    """A step: the critic's, with real rows, or the generator's."""

    real: Tensor | None  # [B, ...], None at a step of the generator


@dataclass
class GanTask:
    """The training part, turn by turn."""

    model: Adversaries
    examples: Examples
    subject: Subject
    options: GanOptions

    @property
    def turns(self) -> int:
        """Steps of the critic in a round."""
        return self.options.critic_steps or 1

    @property
    def rows(self) -> int:
        """Of a step."""
        return self.options.batch or 1

    @property
    def rounds(self) -> int:
        """In one pass over the training part."""
        return max(1, len(self.examples.train) // (self.turns * self.rows))

    @property
    def steps_per_epoch(self) -> int:
        """All turns of its rounds."""
        return self.rounds * (self.turns + 1)

    def batches(self, epoch: int, first: int) -> Iterator[Batch]:
        """The turns of one epoch; of few examples some come more than once."""
        values, rows = self.examples.train.values, self.rows
        order = np.random.default_rng([self.options.seed, epoch]).permutation(len(values))
        order = np.resize(order, self.rounds * self.turns * rows)
        for step in range(first, self.steps_per_epoch):
            number, turn = divmod(step, self.turns + 1)
            if turn == self.turns:
                yield Batch(None)
            else:
                at = (number * self.turns + turn) * rows
                yield Batch(torch.from_numpy(values[order[at : at + rows]]))

    def loss(self, batch: Batch, carried: list[Tensor]) -> StepLoss:
        """Of whose turn it is. Told is how far apart the critic sees both, which a turn of the generator repeats."""
        if self.options.kind == "wgan":
            adversarial.clip_weights(self.model.critic, self.options.clip)
        if batch.real is None:
            return self._of_generator(carried)
        return self._of_critic(batch.real)

    def _of_critic(self, real: Tensor) -> StepLoss:
        options, critic = self.options, self.model.critic
        with torch.no_grad():
            made = self.model(self.model.noise(len(real)))
        told, taken = critic(torch.cat([real, made])).chunk(2)
        apart = self._apart(told, taken)
        loss = -adversarial.game_value(told, taken) if options.kind == "gan" else -apart
        if options.kind == "wgan-gp":
            points = adversarial.between(real, made)
            loss = loss + (options.penalty or 0.0) * adversarial.gradient_penalty(critic, points)
        return StepLoss(loss, len(real), [apart], apart)

    def _of_generator(self, carried: list[Tensor]) -> StepLoss:
        with still(self.model.critic):
            taken = self.model.critic(self.model(self.model.noise(self.rows)))
        if self.options.kind != "gan":
            loss = -taken.mean()
        else:
            loss = adversarial.saturating(taken) if self.options.saturating else adversarial.fooling(taken)
        return StepLoss(loss, self.rows, carried, carried[0])

    def _apart(self, real: Tensor, made: Tensor) -> Tensor:
        return (adversarial.divergence if self.options.kind == "gan" else adversarial.distance)(real, made)

    def validate(self) -> Judged:
        """How far are samples of the same noise as ever from the validation part?"""
        real, axes = self.beside, len(self.subject.shape)
        values = drawn(self.model, LOOKED_AT[axes], self.options.seed)
        critic = self.model.critic
        with torch.no_grad():
            apart = self._apart(critic(torch.from_numpy(real)), critic(torch.from_numpy(values)))
        made, mixture = self.subject.restored(values), self.subject.modes
        if mixture is None:
            distance, figures = sliced_wasserstein(values, real), {}
        else:
            distance, found = (
                sliced_wasserstein(made, self.subject.restored(real)),
                modes_found(made, mixture),
            )
            figures = {"covered": found.covered, "good_share": found.good_share}
        told = {"distance": distance, "critic": float(apart), **figures}
        return Judged(distance, told, made[: KEPT[axes]])

    @cached_property
    def beside(self) -> NDArray[np.float32]:
        """As many of the validation part."""
        return some(self.examples.validation, LOOKED_AT[len(self.subject.shape)], self.options.seed)


@dataclass
class GanJob:
    """Examples read and split, with adversaries for them."""

    task: GanTask

    @property
    def data(self) -> list[dict[str, Any]]:
        return self.task.examples.records

    @property
    def model(self) -> Adversaries:
        return self.task.model

    @property
    def options(self) -> GanOptions:
        """What was left open is chosen."""
        return self.task.options

    @property
    def vocabulary(self) -> Subject:
        return self.task.subject

    @property
    def remarks(self) -> list[str]:
        return self.task.examples.remarks

    @property
    def default_epochs(self) -> float:
        """So many steps, whatever the examples' number."""
        return STEPS[len(self.task.subject.shape)] / self.task.steps_per_epoch

    def held_out(self, steps: int, rows: int) -> Tensor:
        """None: a sample has no steps of time.

        Raises:
            SettingError: always.
        """
        raise SettingError("What a gan makes has no steps of time to look back over.")

    def score(self, seed: int) -> dict[str, Any]:
        """samples, real, and of images judge: `tasks/made_scores.py`."""
        task = self.task

        def draw(count: int) -> NDArray[np.float32]:
            return drawn(self.model, count, seed + 1)

        return score_made(draw, task.examples, task.subject, seed) | shown(draw, task.examples, task.subject)


class GanRecipe:
    """The recipe."""

    name = "gan"
    unit = "sample"
    Options = GanOptions

    def prepare(self, options: GanOptions) -> GanJob:
        """Read and split; draw fresh networks.

        Raises:
            SettingError: no data, or a setting out of range.
            DataError: images that cannot be used, or too few.
        """
        options.check()
        examples = _enough(options)
        subject, options = subject_of(examples, options.data[0]), settled(options, examples)
        task = GanTask(self.build(options, subject), examples, subject, options)
        if examples.mixture is None:
            _check_step(task)
        return GanJob(task)

    def build(self, options: GanOptions, vocabulary: Subject) -> Adversaries:
        """Fresh networks."""
        options.check()
        latent, width = options.latent or 1, options.width or 1
        with torch.device("meta"):
            large = Adversaries(vocabulary.shape, latent, width, options.norm)
        check_memory(sum(p.numel() for p in large.parameters()), "--width or --latent")
        return Adversaries(vocabulary.shape, latent, width, options.norm)

    def known(self, record: dict[str, Any]) -> Subject:
        """What is made."""
        return Subject.from_json(record)

    def describe(self, options: GanOptions) -> dict[str, Any]:
        """The game, for config.json."""
        told = {
            "gan": "a critic that says real or made",
            "wgan": "a critic that says how far apart, its weights clipped",
            "wgan-gp": "a critic that says how far apart, its slope held at 1",
        }
        network = f"{options.latent} numbers of noise, width {options.width}"
        return {"name": options.kind, "summary": told[options.kind], "file_sha256": None, "network": network}

    def rows(self, vocabulary: Subject) -> dict[str, tuple[str, ...]]:
        """No tensor has rows that stand for something."""
        return {}

    def sample(
        self, model: Adversaries, vocabulary: Subject, request: Request, options: GanOptions
    ) -> NDArray[Any]:
        """New points [N, 2] in the mixture's scale, or images [N, C, Y, X] uint8.

        Raises:
            SettingError: what only strings can be asked for.
        """
        check_request(request)
        return vocabulary.restored(drawn(model.eval(), request.count, request.how.seed))

    def score_beside(self, run: Own, options: GanOptions) -> dict[str, Any]:
        """The figures beside all of another file, of the same shape; judged by who learned from the run's own.

        Raises:
            DataError: examples of another shape, or of another mixture.
        """
        examples, vocabulary = _beside(run, options), run.vocabulary
        subject, shape = subject_of(examples, options.data[0]), examples.test.values.shape[1:]
        if (shape, subject.mixture) != (vocabulary.shape, vocabulary.mixture):
            raise DataError(
                f"{options.data[0]} holds {_said(shape, subject.mixture)}, and this run makes "
                f"{_said(vocabulary.shape, vocabulary.mixture)}. Give it more of the same."
            )
        told = score_made(
            lambda count: drawn(run.model, count, options.seed + 1), examples, subject, options.seed
        )
        if "judge" in told:
            told["judge"]["learned_from"] = examples.records[0]["path"]
        return told

    def inspect(self, options: GanOptions) -> dict[str, Any]:
        """Sizes, classes and shapes.

        Raises:
            DataError: too few images to train on.
            SettingError: images too small for the networks.
        """
        examples = _enough(options)
        if examples.mixture is None:
            channels, height, width = examples.shape
            stages_of((channels, height, width))
        return inspect_examples(examples)


RECIPE = GanRecipe()


def _beside(run: Own, options: GanOptions) -> Examples:
    """All of a file as the test part; the judge's training part, and real ones to compare with, are the run's own.

    Where that is not to be had, or the labels are others, the file is split as one to learn from is.
    """
    names = run.vocabulary.names
    if options.data[0] in MIXTURES:
        return read_examples(options)
    own = _own(run)
    whole = None if own is None else read_whole(options, names)
    return read_examples(options) if own is None or whole is None else replace(own, test=whole, strange=True)


def _own(run: Own) -> Examples | None:
    """What the run learned from, if it is still what it was."""
    try:
        found = read_examples(run.options)
    except UndertowError:
        return None
    return found if found.records[0]["sha256"] == run.config["data"][0]["sha256"] else None


def _enough(options: GanOptions) -> Examples:
    examples = read_examples(options)
    if len(examples.train) < SMALLEST:
        raise DataError(
            f"{options.data[0]}: {len(examples.train)} images to train on are too few; a generator needs at least "
            f"{SMALLEST}, and some thousands to be of use."
        )
    return examples


def drawn(model: Adversaries, count: int, seed: int) -> NDArray[np.float32]:
    """So many samples in the network's own scale [N, ...], in the mode that it is in."""
    dice = torch.Generator().manual_seed(seed)
    made: list[Tensor] = []
    with torch.no_grad():
        for first in range(0, count, TOGETHER):
            made.append(model(model.noise(min(TOGETHER, count - first), dice)))
    return torch.cat(made).numpy()


def _check_step(task: GanTask) -> None:
    """At the critic's turn it sees as many made as real; of its slope the way back is kept, too."""
    options, shape = task.options, task.subject.shape
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        critic = Adversaries(shape, options.latent or 1, options.width or 1, options.norm).critic

    def turn() -> None:
        critic(without_memory(2 * task.rows, *shape))
        if options.kind == "wgan-gp":
            adversarial.gradient_penalty(critic, without_memory(task.rows, *shape))

    check_step(kept_in(turn, critic), task.rows, shape)


def _said(shape: tuple[int, ...], mixture: str | None) -> str:
    return (
        f"points of the {mixture}" if mixture else f"images of {'x'.join(map(str, (*shape[1:], shape[0])))}"
    )
