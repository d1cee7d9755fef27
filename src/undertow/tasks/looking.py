"""A trained network looked at on held-out data: what it feels of its past, by its Jacobians."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from undertow.errors import DataError, SettingError, ShapeError
from undertow.flow.jacobians import jacobian
from undertow.flow.reach import horizon
from undertow.flow.records import Horizon, Jacobians, Spectrum
from undertow.flow.spectrum import lyapunov
from undertow.report.flow_steps import bounds, jacobian_steps
from undertow.report.flow_time import gains
from undertow.report.save import figure_png, write_bytes
from undertow.tasks.start import prepared
from undertow.tasks.trained import Trained
from undertow.training.storage import make_folder

ROWS = 16


@dataclass(frozen=True)
class Looked:
    """Every recurrent layer and direction of a network, in the order of its walks."""

    steps: int
    rows: int
    horizons: tuple[Horizon, ...]
    jacobians: tuple[Jacobians, ...]  # of the first row; none where the state is too wide
    spectra: tuple[Spectrum, ...]

    def document(self) -> dict[str, Any]:
        """As plain data, for --json."""
        return asdict(self)


def look(run: Trained, steps: int) -> Looked:
    """Walk through held-out data with the best weights, and measure.

    Raises:
        SettingError: fewer than two steps.
        DataError: the data has changed, or holds too little for two steps.
    """
    if steps < 2:
        raise SettingError(f"--steps must be at least 2, got {steps}.")
    inputs = prepared(run).held_out(steps, ROWS)
    if len(inputs) < 2:
        raise DataError("The validation part holds no sequence of two steps.")
    return _measured(run, inputs)


def _measured(run: Trained, inputs: Tensor) -> Looked:
    first, model = inputs[:, :1], run.model
    steps, rows = inputs.shape
    horizons = tuple(horizon(model, inputs))
    try:
        return Looked(steps, rows, horizons, tuple(jacobian(model, first)), tuple(lyapunov(model, first)))
    except ShapeError:  # too wide for so many steps, which `undertow flow` says
        return Looked(steps, rows, horizons, (), ())


def draw(run: Trained, looked: Looked) -> list[Path]:
    """The pictures, in the run's folder `figures`; gives their paths."""
    figures = {"horizon": gains(looked.horizons)}
    for one, spectrum in zip(looked.jacobians, looked.spectra, strict=True):
        place = f"{one.module.replace('.', '_')}_{one.layer + 1}{'_backward' if one.direction else ''}"
        figures[f"jacobian_{place}"] = jacobian_steps(one, spectrum)
        figures[f"bounds_{place}"] = bounds(one)
    folder = run.path / "figures"
    make_folder(folder)
    paths = [folder / f"{name}.png" for name in figures]
    for path, figure in zip(paths, figures.values(), strict=True):
        write_bytes(path, figure_png(figure))
    return paths
