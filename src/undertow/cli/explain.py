"""undertow explain RUN TEXT: why this character next, why this label?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

import tyro

from undertow.cli.arguments import parse
from undertow.cli.output import Tables, print_json
from undertow.report.save import figure_png, write_bytes
from undertow.report.table import print_table
from undertow.tasks.explaining import shown
from undertow.tasks.trained import Trained, load
from undertow.training.storage import make_folder

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
    label: str | None = None
    """The label to be explained, of a run that tells labels; by default the likeliest."""
    method: Literal["gradient", "integrated", "occlusion"] | None = None
    """gradient times input; integrated gradients, which sum to the whole; occlusion, each piece left out. By default
    integrated, of trees occlusion."""
    json: bool = False
    """Print as JSON."""


def run(words: list[str]) -> int:
    """Explain and print."""
    given = parse(Arguments, words, "explain", "Why this character next, why this label?")
    trained = load(given.run)
    found = trained.explain(given.text, next=given.next, label=given.label, method=given.method)
    if given.json:
        print_json({"run": trained.path.name, **asdict(found)})
    else:
        _show(found)
        _draw(trained, found)
    return 0


def _draw(run: Trained, found: Any) -> None:
    """Into the run's folder `figures`, where there is a picture of it."""
    if not hasattr(found, "picture"):
        return
    make_folder(run.path / "figures")
    path = run.path / "figures" / "explained.png"
    write_bytes(path, figure_png(found.picture()))
    print(path)


def _show(found: Any) -> None:
    largest = max((abs(c) for c in found.contributions), default=0.0) or 1.0
    measure = getattr(found, "measure", "adds, nats")
    rows = [
        {"reads": shown(piece), measure: f"{value:+.3f}", "": _bar(value / largest)}
        for piece, value in zip(found.pieces, found.contributions, strict=True)
    ]
    print_table(rows, list(rows[0]), found.title, Tables())
    for note in found.notes:
        print(note)


def _bar(share: float) -> str:
    return ("+" if share > 0 else "-") * round(WIDTH * abs(share))
