"""undertow explain RUN TEXT: why this character next?"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

import tyro

from undertow.cli.arguments import parse
from undertow.cli.output import Tables, print_json
from undertow.report.table import print_table
from undertow.tasks.explaining import Explanation, explain
from undertow.tasks.trained import load

WIDTH = 30  # characters of a bar


@dataclass(frozen=True)
class Arguments:
    """Which run, and what it reads."""

    run: Annotated[str, tyro.conf.Positional]
    """The run folder."""
    text: Annotated[str, tyro.conf.Positional]
    """What the network reads."""
    next: str | None = None
    """The character to be explained, empty for the end of a string; by default the likeliest."""
    method: Literal["gradient", "integrated", "occlusion"] = "integrated"
    """gradient times input; integrated gradients, which sum to the whole; occlusion, each character left out."""
    json: bool = False
    """Print as JSON."""


def run(words: list[str]) -> int:
    """Explain and print."""
    given = parse(Arguments, words, "explain", "Why this character next?")
    trained = load(given.run)
    found = explain(trained.model, trained.vocabulary, given.text, given.next, given.method)
    if given.json:
        print_json({"run": trained.path.name, **asdict(found)})
    else:
        _show(found)
    return 0


def _show(found: Explanation) -> None:
    largest = max((abs(c) for c in found.contributions), default=0.0) or 1.0
    rows = [
        {"reads": shown(character), "adds, nats": f"{value:+.3f}", "": _bar(value / largest)}
        for character, value in zip(found.characters, found.contributions, strict=True)
    ]
    title = f"{shown(found.next)} comes next with p = {math.exp(found.log_p):.3f}"
    print_table(rows, list(rows[0]), title, Tables())
    shares = ", ".join(f"the last {n}: {share:.0%}" for n, share in found.share_of_last.items())
    if shares:
        print(f"Of all that is contributed, either way: {shares}.")


def shown(character: str) -> str:
    """As it is, in quotes where it could not be seen."""
    return character if character.isprintable() and not character.isspace() else repr(character)


def _bar(share: float) -> str:
    return ("+" if share > 0 else "-") * round(WIDTH * abs(share))
