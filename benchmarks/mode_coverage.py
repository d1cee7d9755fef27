"""Modes that are lost: how much of what is real does a GAN make, a plain one, with clipped weights, with a penalty?

Points: 8 Gaussians on a ring, 25 on a grid; a mode is covered that gets a tenth of its fair share of all samples in
good ones, those within 4 σ. Digits: MNIST's 60,000; classes told by a judge, of samples among real ones. All rows have
the same networks, batch, average and number of steps in all; steps of the critic and learning rate are the recipe's own
for each game, so a plain GAN, which takes turns one by one, has two to three times the steps of the generator.
"""

from __future__ import annotations

from statistics import mean
from typing import Any

from _record import data_file
from _seeds import rows_by_name, spread, trained_by_seed

DATA = ("ring", "grid", "digits")
KINDS = ("gan", "wgan", "wgan-gp")
ROWS = {
    f"{data}, {kind}": {"data": data, "kind": kind}
    for data in DATA
    for kind in KINDS
    if (data, kind) != ("digits", "wgan")
}
FIGURES = ("covered", "good_share", "precision", "recall", "distance", "kl")


def main() -> None:
    """Measure, keep row by row, print."""
    rows_by_name(__doc__.splitlines()[0], list(ROWS), lambda name, seeds: [_row(name, ROWS[name], seeds)])


def _row(name: str, settings: dict[str, Any], seeds: int) -> dict[str, Any]:
    if settings["data"] == "digits":
        settings = {**settings, "data": data_file("images/train-images-idx3-ubyte.gz")}
    runs = trained_by_seed("gan", range(seeds), settings)
    scores = [run.score for run, _ in runs if run.score]
    samples, real = ([score[key] for score in scores] for key in ("samples", "real"))
    told = [key for key in FIGURES if all(of.get(key) is not None for of in samples)]
    return {
        "game": name,
        "of": samples[0].get("modes", samples[0].get("classes")),
        **{key: spread([of[key] for of in samples]) for key in told},
        "real": {key: round(mean(of[key] for of in real), 4) for key in FIGURES if key in real[0]},
        "verdicts": sorted({told["code"] for run, _ in runs for told in run.verdicts}),
        "cpu_minutes": round(mean(cost["cpu_minutes"] for _, cost in runs), 2),
    }


if __name__ == "__main__":
    main()
