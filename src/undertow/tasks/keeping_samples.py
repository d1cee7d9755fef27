"""Samples that are no strings, as a file: a picture of them, or their numbers.

images   .png (1,024 at most, side by side)   .npy (uint8 [N, C, Y, X])
points   .png (a scatter)                     .npy (float32 [N, 2])         .csv (x,y a line)
"""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undertow.errors import SettingError
from undertow.report.made_pictures import MOST, image_sheet, scatter
from undertow.report.save import figure_png
from undertow.tasks.recipe import Recipe
from undertow.tasks.subject import Subject
from undertow.training.storage import write_atomic

USUAL = "samples"  # of images, as .png


def check_place(recipe: Recipe, known: Any, out: str | None) -> Path | None:
    """Where samples go, before any is drawn; None: to stdout.

    Raises:
        SettingError: strings are printed, or the file's ending is none of those there are.
    """
    if not isinstance(known, Subject):
        if out is not None:
            raise SettingError(
                f"--out is of runs that make points or images; the samples of {recipe.name} are printed: "
                "undertow sample RUN > FILE."
            )
        return None
    points = len(known.shape) == 1
    if out is None:
        return None if points else _free()
    endings = (".png", ".npy", ".csv") if points else (".png", ".npy")
    if Path(out).suffix not in endings:
        raise SettingError(f"--out must end in {' or '.join(endings)}, got {out!r}.")
    return Path(out)


def keep_samples(path: Path, samples: NDArray[Any], subject: Subject) -> str:
    """Write them as the file's ending says.

    Args:
        path: .png, .npy, or of points .csv.
        samples: [N, 2] points or [N, C, Y, X] uint8.
        subject: what they are.

    Returns:
        What is to be said of it: how many do not fit onto a picture; "" where all do.
    """
    data = io.BytesIO()
    if path.suffix == ".npy":
        np.save(data, samples)
    elif path.suffix == ".csv":
        np.savetxt(data, samples, fmt="%.6g", delimiter=",", header="x,y", comments="")
    else:
        figure = scatter(samples, subject.modes) if samples.ndim == 2 else image_sheet(samples)
        data.write(figure_png(figure))
    write_atomic(path, data.getvalue())
    if path.suffix != ".png" or samples.ndim == 2 or len(samples) <= MOST:
        return ""
    return f"{path} shows the first {MOST:,} of {len(samples):,} images; all go into --out FILE.npy."


def _free() -> Path:
    """samples.png, samples-2.png, ...: the first that no file has."""
    names = (Path(f"{USUAL}{f'-{n}' if n > 1 else ''}.png") for n in itertools.count(1))
    return next(path for path in names if not path.exists())
