"""The parts of a page that show what was made: while it learned, beside real ones, class by class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from undertow.data.mixtures import MIXTURES, Mixture
from undertow.report import words
from undertow.report.made_pictures import beside, by_class, moments, strip
from undertow.report.made_words import made_samples
from undertow.report.markup import Markup, picture, section
from undertow.training.run import MADE
from undertow.training.storage import read_array, read_json

PICTURES = {
    "made": "Samples while it learned: what the same noise became",
    "beside": "Real and made: real ones it never saw, and its samples",
    "by_class": "Samples by class: their share beside the fair one",
}


def made_sections(figures: dict[str, bytes]) -> Markup:
    """Nothing where nothing was made but strings."""
    shown = (picture(figures[name], alt) for name, alt in PICTURES.items() if name in figures)
    return section("What it makes", *shown)


def made_figures(run: Path, score: dict[str, Any] | None) -> dict[str, Figure]:
    """The pictures that the run's folder `made` and its score have records for."""
    folder = run / MADE
    steps = (
        sorted(int(file.stem) for file in folder.glob("*.npy") if file.stem.isdigit())
        if folder.is_dir()
        else []
    )
    modes = modes_of(run)
    drawn: dict[str, Figure] = {}
    if steps:
        made = {f"step {words.count(n)}": read_array(folder / f"{n:08d}.npy") for n in moments(steps)}
        drawn["made"] = strip(made, modes)
    samples = made_samples(score)
    if samples is None or score is None:
        return drawn
    if all((folder / f"{name}.npy").exists() for name in ("real", "samples")):
        seen, own = (read_array(folder / f"{name}.npy") for name in ("real", "samples"))
        drawn["beside"] = beside(seen, own, modes)
    fair = score.get("fair")  # runs of before have none
    if fair and len(score["classes"]) > 1:
        drawn["by_class"] = by_class(score["classes"], samples, fair)
    return drawn


def modes_of(run: Path) -> Mixture | None:
    """Of the mixture that the run learned from, if it did."""
    file = run / "vocabulary.json"
    known = read_json(file) if file.exists() else {}
    return MIXTURES.get(str(known.get("mixture")))
