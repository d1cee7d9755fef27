"""undertow report RUN: write its page and pictures again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from undertow.cli.arguments import parse
from undertow.report.report import write_report
from undertow.training.run import open_run


@dataclass(frozen=True)
class Arguments:
    """Which run."""

    run: Annotated[str, tyro.conf.Positional]
    """The run folder."""


def run(words: list[str]) -> int:
    """Write the report and print where it is."""
    given = parse(Arguments, words, "report", "Write a run's report.html and pictures again.")
    print(write_report(open_run(given.run).path))
    return 0
