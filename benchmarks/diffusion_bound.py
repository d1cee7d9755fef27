"""Diffusion models of points whose density is known, and of digits: how near comes the bound, and what is drawn?

Rings and grids of Gaussians beside their own -log density, which no bound can be below; MNIST's training images, split
by the recipe, beside independent pixels. A good sample of a mixture lies within 4 σ of a mode; the width of modes is
told beside σ: of the mixture itself it is nearly 1.
"""

from __future__ import annotations

from statistics import mean
from typing import Any

import numpy as np
from _record import data_file
from _seeds import rows_by_name, spread, trained_by_seed

from undertow.data.mixtures import MIXTURES
from undertow.data.mode_figures import NEAR
from undertow.tasks.trained import Trained
from undertow.training.storage import read_array

ROWS: dict[str, dict[str, Any]] = {
    "ring": {"data": "ring"},
    "ring, linear": {"data": "ring", "schedule": "linear"},
    "grid": {"data": "grid"},
    "digits": {"minutes": 25},
}
FIGURES = ("covered", "good_share", "precision", "recall", "distance", "kl")


def main() -> None:
    """Measure, keep row by row, print."""
    rows_by_name(__doc__.splitlines()[0], list(ROWS), lambda name, seeds: [_row(name, ROWS[name], seeds)])


def _row(name: str, settings: dict[str, Any], seeds: int) -> dict[str, Any]:
    if "data" not in settings:
        settings = {**settings, "data": data_file("images/train-images-idx3-ubyte.gz")}
    runs = trained_by_seed("diffusion", range(seeds), settings)
    scores = [run.score for run, _ in runs if run.score]
    bounds = [score["test"]["bound"] for score in scores]
    return {
        "data": name,
        "nats": spread([bound["nats"] for bound in bounds]),
        "standard_error": spread([bound["standard_error"] for bound in bounds]),
        "bits": spread([bound["bits_a_number"] for bound in bounds])
        if "bits_a_number" in bounds[0]
        else None,
        "prior": spread([bound["prior"] for bound in bounds]),
        "steps": spread([sum(bound["steps"]) for bound in bounds]),
        "last": spread([bound["last"] for bound in bounds]),
        "simple_loss": spread([score["validation"]["simple_loss"] for score in scores]),
        "baselines": scores[0]["baselines"],
        "drawn": [_drawn(run) for run, _ in runs],
        "updates": [run.history.of("end")[-1]["step"] for run, _ in runs],
        "cpu_minutes": round(mean(cost["cpu_minutes"] for _, cost in runs), 2),
    }


def _drawn(run: Trained) -> dict[str, Any]:
    """What the score says of samples; of points also how wide their modes are."""
    samples = (run.score or {})["samples"]
    told = {key: round(samples[key], 4) for key in FIGURES if samples.get(key) is not None}
    name = run.vocabulary.mixture
    if name is None:
        return told
    mixture, points = MIXTURES[name], read_array(run.path / "made" / "samples.npy").astype(float)
    away = np.sqrt(((points[:, None] - mixture.means) ** 2).sum(-1)).min(1)
    good = away[away < NEAR * mixture.deviation]
    return told | {"width": round(float(np.sqrt((good**2).mean() / 2)) / mixture.deviation, 3)}


if __name__ == "__main__":
    main()
