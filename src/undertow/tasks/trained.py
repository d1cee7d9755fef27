"""A trained run in use: sample from it, score it, write its report."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from undertow.data.vocabulary import Vocabulary
from undertow.errors import RunError, SettingError
from undertow.report.report import write_report
from undertow.tasks.network import build_network
from undertow.tasks.recipe import Recipe, find
from undertow.tasks.sampling import Request
from undertow.training.checkpoints import load_best
from undertow.training.run import Run, open_run
from undertow.training.storage import read_json
from undertow.wiring.generate import Sampling
from undertow.wiring.next_token import NextToken


@dataclass(frozen=True)
class Trained(Run):
    """A run folder with its network at hand."""

    @cached_property
    def recipe(self) -> Recipe:
        """What it was trained for."""
        return find(str(self.config.get("recipe")))

    @cached_property
    def options(self) -> Any:
        """The options it was trained with."""
        return read_options(self.recipe.Options, self.config)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The characters it knows."""
        return Vocabulary.from_json(read_json(self.path / "vocabulary.json"))

    @cached_property
    def model(self) -> NextToken:
        """The network with its best weights, in eval mode."""
        with torch.random.fork_rng(devices=[]):
            model = build_network(self.options, self.vocabulary.size)
        load_best(self, model)
        return model.eval()

    def sample(
        self,
        count: int = 20,
        *,
        prefix: str = "",
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        length: int | None = None,
        seed: int = 0,
    ) -> list[str]:
        """Draw new strings.

        Args:
            count: how many.
            prefix: how they begin.
            temperature: below 1 safer, above 1 wilder, 0 always the likeliest.
            top_k: draw from the k likeliest characters only; 0 is off.
            top_p: draw from the fewest likeliest that hold this much probability.
            length: most characters drawn; None leaves it to the recipe.
            seed: same seed, same samples.

        Raises:
            DataError: the prefix holds a character that the network never saw.
            SettingError: a setting is out of range.
        """
        request = Request(count, prefix, length, Sampling(temperature, top_k, top_p, seed))
        return self.recipe.sample(self.model, self.vocabulary, request)

    def score_on(self, path: str | Path, *, skip_bad: bool = False) -> dict[str, Any]:
        """Nats a character on another file; nothing is written.

        Raises:
            DataError: the file cannot be used, or holds characters that the network never saw.
        """
        options = self.options
        if skip_bad and hasattr(options, "skip_bad"):
            options = replace(options, skip_bad=True)
        return self.recipe.score_file(self.model, self.vocabulary, str(path), options)

    def report(self) -> Path:
        """Write report.html and the figures; returns the page's path."""
        return write_report(self.path)


def load(run: str | Path) -> Trained:
    """Open a trained run.

    Raises:
        RunError: no such run, damaged, or written by a newer version.
    """
    return Trained(open_run(run).path)


def read_options(kind: type[Any], config: dict[str, Any]) -> Any:
    """The options of a run from its config.json.

    Raises:
        RunError: the record does not fit.
    """
    stored = config.get("options")
    if not isinstance(stored, dict):
        raise RunError("config.json holds no options: the run folder is damaged. Restore it from a copy.")
    return make_options(kind, {k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()})


def make_options(kind: type[Any], values: dict[str, Any]) -> Any:
    """Options from keywords.

    Raises:
        SettingError: there is no such option; names the closest.
    """
    known = [field.name for field in fields(kind)]
    for name in values:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise SettingError(f"There is no option {name!r}.{hint} Options: {', '.join(known)}.")
    return kind(**values)
