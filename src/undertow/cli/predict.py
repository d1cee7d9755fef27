"""undertow predict RUN INPUT ...: what does a trained run say of these?"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from undertow.cli.arguments import parse
from undertow.cli.output import Tables, print_json
from undertow.errors import SettingError
from undertow.report.table import print_table
from undertow.tasks.trained import load


@dataclass(frozen=True)
class Arguments:
    """Which run, and what it is asked."""

    run: Annotated[str, tyro.conf.Positional]
    """The run folder."""
    inputs: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """What is read, one answer each; without any, one a line is read from stdin."""
    json: bool = False
    """Print as JSON: {"run", "predictions": [...]}."""


def run(words: list[str]) -> int:
    """Print an answer an input."""
    given = parse(Arguments, words, "predict", "What does a trained run say of these?")
    trained = load(given.run)
    inputs = given.inputs or tuple(line.rstrip("\n") for line in sys.stdin)
    if not inputs:
        raise SettingError(
            'There is nothing to answer: undertow predict RUN "an input", or one a line on stdin.'
        )
    answers = trained.predict(inputs)
    if given.json:
        print_json({"run": trained.path.name, "predictions": answers})
    else:
        rows = [_row(answer) for answer in answers]
        print_table(rows, list(rows[0]), "", Tables())
    return 0


def _row(answer: dict[str, Any]) -> dict[str, Any]:
    """What fits into a row of a table."""
    return {key: _short(value) for key, value in answer.items() if not isinstance(value, dict | list)}


def _short(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
