"""What a recipe is, and which there are: every module of this folder with a `RECIPE` is one."""

from __future__ import annotations

import difflib
import importlib
from typing import Any, Protocol

from torch import Tensor

from undertow.data.vocabulary import Vocabulary
from undertow.errors import SettingError
from undertow.tasks.sampling import Request
from undertow.training.loop import Task
from undertow.wiring.next_token import NextToken

RECIPES = {
    "names": "a list of short strings: learns to invent new ones",
    "text": "one long text: learns to go on writing it",
}


class Job(Protocol):
    """One recipe, its data read and its network built, ready to train and to score."""

    task: Task
    model: NextToken
    vocabulary: Vocabulary
    data: list[dict[str, Any]]  # role, path, sha256, rows: for config.json

    @property
    def options(self) -> Any:
        """As they were given; those that were left open are chosen."""

    @property
    def default_epochs(self) -> float:
        """Passes over the data where no budget is given."""

    def held_out(self, steps: int, rows: int) -> Tensor:
        """Inputs [T, B] of the validation part, for those who look at the network and not at its loss."""

    def score(self, seed: int) -> dict[str, Any]:
        """The figures of `score.json`: test, validation, baselines, samples."""


class Recipe(Protocol):
    """A way to train a network on a user's file and to use it."""

    name: str
    Options: type[Any]

    def prepare(self, options: Any) -> Job:
        """Read the data and draw a fresh network."""

    def sample(self, model: NextToken, vocabulary: Vocabulary, request: Request) -> list[str]:
        """New strings from a trained network."""

    def score_file(self, model: NextToken, vocabulary: Vocabulary, path: str, options: Any) -> dict[str, Any]:
        """Nats a character on another file."""

    def inspect(self, path: str, options: Any) -> dict[str, Any]:
        """What is understood of a file, before any training."""


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
