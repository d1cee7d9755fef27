"""Run the doctor on the scripts of docs/stories, and draw what docs/stories.md shows."""

from __future__ import annotations

import sys
from pathlib import Path

import undertow as ut
from undertow.cli.diagnose import text
from undertow.doctor.plan import Plan
from undertow.report.diagnosis import gain_picture, loss_picture
from undertow.report.save import figure_png, write_bytes
from undertow.report.treatment import curves_picture, headline, outcome, score_picture

STORIES = Path(__file__).parent
PICTURES = STORIES.parent / "pictures"


def main() -> None:
    """One story, or all."""
    for name in sys.argv[1:] or ("first_word", "boiler", "numerals"):
        script = STORIES / f"{name}.py"
        told = ut.examine(script, steps=None)
        print(text(told), flush=True)
        _draw(f"{name}_loss", loss_picture(told))
        if name == "first_word":
            _draw(f"{name}_gain", gain_picture(told))
        if name != "numerals":
            _treated(name, script)


def _treated(name: str, script: Path) -> None:
    metric, goal = (r"right: ([\d.]+)", "higher") if name == "first_word" else (r"at the end: (\S+)", "lower")
    treated = ut.treat(script, plan=Plan(metric=metric, goal=goal, steps=0), tell=print)
    for trial in treated.trials:
        print(f"{trial.called}: {outcome(trial, treated)}")
    print(headline(treated), flush=True)
    _draw(f"{name}_treated", score_picture(treated, [t for t in treated.trials if t.effect]))
    _draw(f"{name}_curves", curves_picture(treated))


def _draw(name: str, figure: object) -> None:
    if figure is not None:
        write_bytes(PICTURES / f"story_{name}.png", figure_png(figure, dpi=130))  # type: ignore[arg-type]


main()
