"""A trained run in use: sample from it, score it, write its report."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import msgspec
import torch

from undertow.errors import DataError, RunError, SettingError
from undertow.flow.attribution import Method
from undertow.report.report import write_report
from undertow.tasks.explaining import Question
from undertow.tasks.network import hash_of_file
from undertow.tasks.recipe import Recipe, find, scored_on, use_of
from undertow.tasks.sampling import Request
from undertow.training.checkpoints import load_best
from undertow.training.run import Run, open_run
from undertow.training.storage import read_json
from undertow.wiring.generate import Sampling


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
    def vocabulary(self) -> Any:
        """What it knows beside its weights: characters, words, classes."""
        return read_known(self, self.recipe)

    @cached_property
    def model(self) -> Any:
        """The network with its best weights, in eval mode."""
        check_cell(self)
        options, known = self.options, self.vocabulary
        try:
            with torch.random.fork_rng(devices=[]):
                model = self.recipe.build(options, known)
        except SettingError as error:
            raise RunError(
                f"{self.path}: no network is made of what its config.json and vocabulary.json say: {error}"
            ) from error
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
    ) -> Any:
        """Draw new ones: a list of strings; of a recipe that makes points or images, an array [N, ...] of them.

        Points stand in the mixture's own scale, images are uint8 [N, C, Y, X]; both know `count` and `seed` only.

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
            SettingError: a setting is out of range, or the recipe's samples have no such thing.
        """
        whole = {"count": count, "top_k": top_k, "seed": seed}
        _check_numbers(whole | ({} if length is None else {"length": length}), Integral)
        _check_numbers({"temperature": temperature, "top_p": top_p}, Real)
        if not isinstance(prefix, str):
            raise SettingError(f"sample: prefix must be a text, got {prefix!r}.")
        request = Request(count, prefix, length, Sampling(temperature, top_k, top_p, seed))
        sample = use_of(self.recipe, "sample")
        return sample(self.model, self.vocabulary, request, self.options)

    def predict(self, inputs: str | Path | Iterable[str | Path]) -> list[dict[str, Any]]:
        """The network's answer for each input, with what the recipe says beside it.

        Args:
            inputs: texts, or paths of images; one alone may stand without a list around it.

        Raises:
            SettingError: a run of this recipe does not predict, or an input is no text and no path.
            DataError: an input cannot be read.
        """
        predict = use_of(self.recipe, "predict")
        given = [inputs] if isinstance(inputs, str | Path) else _listed(inputs)
        texts = [self._text(one, f"input {number}") for number, one in enumerate(given, start=1)]
        answers: list[dict[str, Any]] = (
            predict(self.model, self.vocabulary, texts, self.options) if texts else []
        )
        return answers

    def _text(self, given: Any, where: str) -> str:
        """A text as it is; a path as one, where images are read.

        Raises:
            SettingError: it is something else.
            DataError: it holds no characters.
        """
        if isinstance(given, Path) and self.recipe.unit == "image":
            given = str(given)
        if not isinstance(given, str):
            wanted = "the path of an image" if self.recipe.unit == "image" else "a text"
            raise SettingError(f"{where} must be {wanted}, got {type(given).__name__} {str(given)[:60]!r}.")
        _check_characters(given, where)
        return given

    def explain(
        self,
        text: str | Path,
        *,
        next: str | None = None,
        label: str | None = None,
        method: Method | None = None,
    ) -> Any:
        """What each piece of a text adds to the network's choice.

        Args:
            text: what is read; of images, the path of one.
            next: the character to be explained, of a network that says characters; "" for the end.
            label: the label, of a network that says labels.
            method: gradient, integrated or occlusion; None is the recipe's own.

        Raises:
            SettingError: the recipe explains something else, or by other methods.
            DataError: the text cannot be read.
        """
        explain = use_of(self.recipe, "explain")
        question = Question(self._text(text, "what is explained"), next, label, method)
        return explain(self.model, self.vocabulary, question, self.options)

    def score_on(
        self,
        *files: str | Path,
        **reading: Any,
    ) -> dict[str, Any]:
        """The figures on another file; nothing is written.

        Args:
            files: one; of translate also two files of lines.
            reading: options of the recipe that say how it is read, such as column, label, encoding or skip_bad; those
                that are not given are as in training.

        Raises:
            DataError: the file cannot be used, or holds what the network never saw.
            SettingError: no such option, or not so many files.
        """
        given = make_options(self.recipe.Options, {"data": tuple(map(str, files)), **reading})
        asked = {name: getattr(given, name) for name in ("data", *reading)}
        return scored_on(self, self.recipe, replace(self.options, **asked))

    def report(self) -> Path:
        """Write report.html and the figures; returns the page's path."""
        return write_report(self.path)


def load(run: str | Path) -> Trained:
    """Open a trained run.

    Raises:
        RunError: no such run, damaged, or written by a newer version.
    """
    trained = Trained(open_run(run).path)
    config = trained.config
    kinds = {"recipe": str, "options": dict, "cell": dict, "data": list}
    for name, kind in kinds.items():
        if not isinstance(config.get(name), kind):
            raise RunError(
                f"{trained.path / 'config.json'} is damaged: it holds no {name}. Restore it from a copy."
            )
    return trained


def read_known(run: Run, recipe: Recipe) -> Any:
    """What a run knows beside its weights.

    Raises:
        RunError: missing, damaged, or of a newer format.
    """
    path = run.path / "vocabulary.json"
    record = read_json(path)
    try:
        return recipe.known(record if isinstance(record, dict) else {})
    except DataError as error:
        raise RunError(f"{path} cannot be used: {error}") from error


def check_cell(run: Run) -> None:
    """Is a cell of the user's own still the one that the run was trained with?

    Raises:
        RunError: its file has changed.
    """
    cell, name = run.config.get("cell") or {}, str((run.config.get("options") or {}).get("cell"))
    now = hash_of_file(name)
    if now and cell.get("file_sha256") != now:
        raise RunError(
            f"{name.partition(':')[0]} has changed since {run.path} began. Put it back as it was, or train a new run."
        )


def read_options(kind: type[Any], config: dict[str, Any]) -> Any:
    """The options of a run from its config.json.

    Raises:
        SettingError: an option that this version does not have, or a value of the wrong kind.
    """
    return make_options(kind, config["options"])


def make_options(kind: type[Any], values: dict[str, Any]) -> Any:
    """Options from keywords.

    Raises:
        SettingError: there is no such option, and the closest is named; or a value is of the wrong kind.
    """
    known = [field.name for field in fields(kind)]
    for name in values:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise SettingError(f"There is no option {name!r}.{hint} Options: {', '.join(known)}.")
    try:
        return msgspec.convert({name: _plain(value) for name, value in values.items()}, kind)
    except msgspec.ValidationError as error:
        fault, _, where = str(error).partition(" - at `$.")
        raise SettingError(f"Option {where.rstrip('`')} cannot be what was given: {fault}.") from error


def _plain(value: Any) -> Any:
    """A path as a string, a number of numpy as Python's."""
    if isinstance(value, Path):
        return str(value)
    return value.item() if hasattr(value, "item") else value


def _listed(inputs: Any) -> list[Any]:
    if not isinstance(inputs, Iterable) or isinstance(inputs, bytes | dict):
        raise SettingError(f"predict takes a list of inputs, got {type(inputs).__name__}.")
    return list(inputs)


def _check_numbers(given: dict[str, Any], kind: type[Integral] | type[Real]) -> None:
    """Refuse what is no number, or a broken one where something is counted.

    Raises:
        SettingError: names it.
    """
    for name, value in given.items():
        if not isinstance(value, kind) or isinstance(value, bool):
            wanted = "a whole number" if kind is Integral else "a number"
            raise SettingError(f"sample: {name} must be {wanted}, got {value!r}.")


def _check_characters(text: str, where: str) -> None:
    """Bytes that are no UTF-8 come from a terminal as halves of characters, which nobody can write down.

    Raises:
        DataError: there are such.
    """
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise DataError(f"{where} is not UTF-8: {text[:60]!a}. Is the terminal in another encoding?")
