"""undertow treat SCRIPT: which remedy helps, by trial."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated

import tyro

from undertow.cli.arguments import parse, say
from undertow.cli.output import Tables, print_json
from undertow.cli.script_words import only_document, split, writable
from undertow.doctor.plan import Plan
from undertow.doctor.treat import Treatment, treat
from undertow.report.save import write_text
from undertow.report.table import print_table
from undertow.report.treatment import headline, outcome, treatment_page

ABOUT = (
    "Which remedy helps? Every one is tried beside a control, from the same start. Options stand before the script; "
    "what follows it is its own."
)


@dataclass(frozen=True)
class Arguments:
    """Which script, and how it is tried."""

    script: Annotated[str, tyro.conf.Positional]
    """A Python file that trains with PyTorch."""
    metric: str | None = None
    """A regular expression with a group around a number; its last match in what the script prints is the score.
    Without it: the last loss taken without gradients, else the training loss."""
    goal: str = "lower"
    """Is lower or higher better?"""
    draws: int = 3
    """Draws of chance: with each, every seed that the script sets is another."""
    seed_option: str | None = None
    """The script's own option for its seed, as in --seed-option=--seed: draws are then its seeds 0, 1, 2."""
    steps: int = 2000
    """Optimizer steps of each run. 0: to the script's end."""
    workers: int = 1
    """Runs at a time; each has its share of the cores."""
    most: int = 16
    """Remedies that are tried, at most."""
    out: str = "treatment.html"
    """The page with numbers and pictures."""
    json: bool = False
    """Print as JSON."""


def run(words: list[str]) -> int:
    """Try them; 0 where one helped or nothing is wrong, 1 where none did."""
    own, rest = split(words, Arguments)
    given = parse(Arguments, own, "treat", ABOUT)
    plan = Plan(**{f.name: getattr(given, f.name) for f in fields(Plan)})
    out = writable(given.out)
    with only_document(given.json):
        told = treat(given.script, rest, plan, say)
    if given.json:
        print_json(told.document())
    else:
        _print(told)
    write_text(out, treatment_page(told))
    say(f"The page: {out}")
    return 0 if told.best is not None or not told.verdicts else 1


def _print(told: Treatment) -> None:
    for verdict in told.verdicts:
        print(f"{verdict['code']} {verdict['name']}: {verdict['says']}")
    if told.trials:
        rows = [{"remedy": t.called, "for": t.code, "what came of it": outcome(t, told)} for t in told.trials]
        title = f"{told.draws} draws, {told.steps:,} steps at most; {told.score}, {told.goal} is better"
        print()
        print_table(rows, ["remedy", "for", "what came of it"], title, Tables())
    for code, _, says in told.edits:
        print(f"\nAn edit that only you can make ({code}): {says}")
    print(f"\n{headline(told)}")
