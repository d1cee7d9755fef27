"""Diffusion models of points whose density is known, and of digits: how near comes the bound, and what is drawn?

Rings and grids of Gaussians beside their own -log density, which no bound can be below; MNIST's training images, split
by the recipe, beside independent pixels. A good sample of a mixture lies within 3 σ of a mode; their width beside
σ is told, of which the mixture itself has 0.975 and 98.9 % that are good.
"""

from __future__ import annotations

from statistics import mean
from typing import Any

import numpy as np
from _record import data_file
from _seeds import rows_by_name, spread, trained_by_seed

from undertow.data.mixtures import MIXTURES
from undertow.tasks.trained import Trained
from undertow.training.storage import read_array

ROWS: dict[str, dict[str, Any]] = {
    "ring": {"data": "ring"},
    "ring, linear": {"data": "ring", "schedule": "linear"},
    "grid": {"data": "grid"},
    "digits": {"minutes": 25},
}
GOOD = 3.0  # σ of a mode
ENOUGH = 20  # good samples of a mode that is covered, of 2,000


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


def _drawn(run: Trained) -> dict[str, Any] | None:
    """Of points, how many lie at a mode, and how many modes have any."""
    name = run.vocabulary.mixture
    if name is None:
        return None
    mixture, points = MIXTURES[name], read_array(run.path / "made" / "samples.npy").astype(float)
    away = np.sqrt(((points[:, None] - mixture.means) ** 2).sum(-1))
    good = away.min(1) < GOOD * mixture.deviation
    counts = np.bincount(away.argmin(1)[good], minlength=len(mixture.means))
    return {
        "good": round(float(good.mean()), 4),
        "covered": int((counts >= ENOUGH).sum()),
        "width": round(float(np.sqrt((away.min(1)[good] ** 2).mean() / 2)) / mixture.deviation, 3),
        "fewest_of_a_mode": int(counts.min()),
        "most_of_a_mode": int(counts.max()),
    }


if __name__ == "__main__":
    main()
