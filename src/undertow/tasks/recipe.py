"""What a recipe is, and which there are: every module of this folder with a `RECIPE` is one.

A recipe reads a user's file, builds a network for it, scores it, and uses it. What it knows of its data beside the
weights (characters, words, classes) is its vocabulary, which a run keeps in vocabulary.json.
"""

from __future__ import annotations

import difflib
import importlib
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from undertow.errors import SettingError
from undertow.training.loop import Task

RECIPES = {
    "names": "a list of short strings: learns to invent new ones",
    "text": "one long text: learns to go on writing it",
    "classify": "a table of texts and labels: learns to tell the label of a text",
    "tree": "sentences as trees in brackets: learns the label of every phrase",
    "images": "images with labels: learns to tell the label of an image",
    "translate": "pairs of texts: learns to write the other side of each",
    "diffusion": "images or points: learns to draw new ones out of noise",
    "gan": "images, or points of a mixture: learns to make more, against a critic",
}
LEARNED = "learned.npy"  # file of a run: marks of what it learned from
USES = {
    "sample": "draws new ones",
    "predict": "tells the answer for an input",
    "explain": "takes an answer apart",
}


class Known(Protocol):
    """What a run must know beside its weights."""

    def to_json(self) -> dict[str, Any]:
        """As it is kept in vocabulary.json."""


class Job(Protocol):
    """One recipe, its data read and its network built, ready to train and to score."""

    task: Task
    data: list[dict[str, Any]]  # role, path, sha256, rows: for config.json

    @property
    def model(self) -> nn.Module:
        """The network."""

    @property
    def vocabulary(self) -> Known:
        """What must be kept beside the weights."""

    @property
    def options(self) -> Any:
        """As they were given; those that were left open are chosen."""

    @property
    def default_epochs(self) -> float:
        """Passes over the data where no budget is given."""

    def held_out(self, steps: int, rows: int) -> Tensor:
        """Inputs [T, B] of the validation part, for those who look at the network and not at its loss."""

    @property
    def remarks(self) -> list[str]:
        """What is to be said of the data before training on it."""

    def score(self, seed: int) -> dict[str, Any]:
        """The figures of `score.json`: test, validation, baselines, samples."""


@runtime_checkable
class Marking(Protocol):
    """A job whose run keeps marks of what it learned from, so that it can tell them in another file."""

    @property
    def marks(self) -> NDArray[np.uint64]:
        """Sorted."""


class Own(Protocol):
    """A trained run, to a recipe that scores it on other files beside what it learned from."""

    @property
    def path(self) -> Path:
        """Its folder."""

    @property
    def config(self) -> dict[str, Any]:
        """Its config.json."""

    @property
    def options(self) -> Any:
        """That it was trained with."""

    @property
    def model(self) -> Any:
        """Its best weights."""

    @property
    def vocabulary(self) -> Any:
        """What it knows."""


class Recipe(Protocol):
    """A way to train a network on a user's file and to use it. `sample`, `predict`, `explain`: those that it can.

    One that must know what a run learned from, to score it on other files, has `score_beside` for `score_file`.
    """

    name: str
    unit: str  # what nats are counted by: character, text, ...
    Options: type[Any]

    def prepare(self, options: Any) -> Job:
        """Read the data and draw a fresh network."""

    def build(self, options: Any, vocabulary: Any) -> nn.Module:
        """A fresh network, from torch's global generator."""

    def known(self, record: dict[str, Any]) -> Known:
        """The vocabulary out of vocabulary.json."""

    def describe(self, options: Any) -> dict[str, Any]:
        """The cell, for config.json."""

    def rows(self, vocabulary: Any) -> dict[str, tuple[str, ...]]:
        """Tensors of the network whose rows stand for something, with what: so that another run's rows find theirs."""

    def score_file(self, model: Any, vocabulary: Any, options: Any) -> dict[str, Any]:
        """The figures on other files: options.data."""

    def inspect(self, options: Any) -> dict[str, Any]:
        """What is understood of files, before any training."""


def find(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        SettingError: no such recipe; names the closest.
    """
    if name not in RECIPES:
        close = difflib.get_close_matches(name, RECIPES, n=1, cutoff=0.4)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise SettingError(f"There is no recipe {name!r}.{hint} Recipes: {', '.join(RECIPES)}.")
    recipe: Recipe = importlib.import_module(f"undertow.tasks.{name}").RECIPE
    return recipe


def scored_on(run: Own, recipe: Recipe, options: Any) -> dict[str, Any]:
    """The figures of a run on other files: options.data."""
    figures: dict[str, Any] = (
        recipe.score_beside(run, options)
        if hasattr(recipe, "score_beside")
        else recipe.score_file(run.model, run.vocabulary, options)
    )
    return figures


def use_of(recipe: Recipe, verb: str) -> Any:
    """What a recipe does at this verb.

    Raises:
        SettingError: it does not know the verb; says which it knows.
    """
    if not hasattr(recipe, verb):
        able = ", ".join(f"`undertow {known} RUN`" for known in USES if hasattr(recipe, known))
        raise SettingError(f"A run of {recipe.name} cannot {verb}. It can: {able}.")
    return getattr(recipe, verb)
