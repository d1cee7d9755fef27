"""undertow flow RUN: how far back does a trained network feel?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from undertow.cli.arguments import parse
from undertow.cli.output import Tables, print_json
from undertow.flow.records import Horizon
from undertow.report.table import print_table
from undertow.tasks.looking import Looked, draw, look
from undertow.tasks.trained import load


@dataclass(frozen=True)
class Arguments:
    """Which run, and how long a sequence."""

    run: Annotated[str, tyro.conf.Positional]
    """The run folder."""
    steps: int = 200
    """Of held-out data that are walked; fewer where there are fewer."""
    json: bool = False
    """Print as JSON: steps, rows, horizons, jacobians, spectra."""


def run(words: list[str]) -> int:
    """Measure, draw and print."""
    given = parse(Arguments, words, "flow", "How far back does a trained network feel?")
    trained = load(given.run)
    looked = look(trained, given.steps)
    pictures = draw(trained, looked)
    if given.json:
        print_json({"run": trained.path.name, **looked.document()})
        return 0
    _show(looked)
    print("\n".join(str(path) for path in pictures))
    return 0


def _show(looked: Looked) -> None:
    rows = [_row(looked, number, one) for number, one in enumerate(looked.horizons)]
    title = f"What the last of {looked.steps:,} steps feels, {looked.rows} rows of held-out data"
    print_table(rows, list(rows[0]), title, Tables())
    if not looked.jacobians:
        print("The state is too wide for its Jacobians at so many steps: take a smaller --steps.")


def _row(looked: Looked, number: int, one: Horizon) -> dict[str, Any]:
    row = {
        "layer": f"{one.layer + 1}{' backward' if one.direction else ''}",
        "cell": one.cell,
        "horizon": _steps(one),
        "rate": f"{one.rate:.4f}",
    }
    if looked.jacobians:
        walk, spectrum = looked.jacobians[number], looked.spectra[number]
        row["norm of a step"] = f"{sum(walk.norm) / len(walk.norm):.2f}"
        row["spectral radius"] = f"{sum(walk.radius) / len(walk.radius):.2f}"
        row["largest Lyapunov exponent"] = f"{spectrum.exponents[0]:.3f}"
    return row


def _steps(one: Horizon) -> str:
    if not one.beyond:
        return f"{one.steps:,}"
    further = f", about {one.expected:,.0f} by its rate" if math.isfinite(one.expected) else ""
    return f"over {one.steps:,}{further}"
