"""How far back do fresh recurrences feel, and what do bounds promise?

RNN, LSTM, GRU, residual RNN and recurrent highway at T = 100 and 1,000. Each cell as it is drawn, 64 units over 32
features of noise, 16 rows; Jacobians of the first row. Pictures go to docs/pictures.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import replace
from typing import Any

import torch
from _record import ROOT, keep

from undertow import cells, flow
from undertow.flow.records import Horizon, Jacobians, Spectrum
from undertow.recurrent.recurrent import Recurrent
from undertow.report.flow_steps import bounds, jacobian_steps
from undertow.report.flow_time import gains
from undertow.report.save import figure_png, write_bytes
from undertow.report.table import print_table

CELLS = (cells.RNN, cells.LSTM, cells.GRU, cells.ResidualRNN, cells.RecurrentHighway)
STEPS = (100, 1000)
INPUTS, HIDDEN, ROWS = 32, 64, 16
LAGS = (10, 50, 99)


def main() -> None:
    """Measure, draw, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    rows = []
    for steps in STEPS:
        found = [_measured(kind, steps, seed) for kind in CELLS]
        rows += [_row(steps, *one) for one in found]
        _draw(steps, found)
    print_table(
        [_shown(row) for row in rows], list(_shown(rows[0])), "What a fresh recurrence feels", sys.stdout
    )
    keep("How far back do fresh recurrences feel, and what do bounds promise?", rows, seed=seed)


def _measured(kind: type[Any], steps: int, seed: int) -> tuple[Horizon, Jacobians, Spectrum]:
    torch.manual_seed(seed)
    layer = Recurrent(kind(INPUTS, HIDDEN))
    x = torch.randn(steps, ROWS, INPUTS)
    (horizon,), (walk,), (spectrum,) = (
        flow.horizon(layer, x),
        flow.jacobian(layer, x),
        flow.lyapunov(layer, x),
    )
    return horizon, walk, spectrum


def _row(steps: int, horizon: Horizon, walk: Jacobians, spectrum: Spectrum) -> dict[str, Any]:
    at = {str(k): k - 1 for k in LAGS}
    return {
        "cell": horizon.cell,
        "steps": steps,
        "horizon": horizon.steps,
        "beyond": horizon.beyond,
        "rate": horizon.rate,
        "norm_of_a_step": sum(walk.norm) / len(walk.norm),
        "radius_of_a_step": sum(walk.radius) / len(walk.radius),
        "largest_exponent": spectrum.exponents[0],
        "truth": {k: walk.truth[n] for k, n in at.items()},
        "product": {k: walk.product[n] for k, n in at.items()},
        "weights": None if walk.weights is None else {k: walk.weights[n] for k, n in at.items()},
        "as_taught": None if walk.as_taught is None else {k: walk.as_taught[n] for k, n in at.items()},
    }


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    lag = str(LAGS[1])

    def number(name: str) -> str:
        return "" if row[name] is None else f"{row[name][lag]:.1e}"

    return {
        "cell": row["cell"],
        "T": f"{row['steps']:,}",
        "horizon": f"over {row['horizon']:,}" if row["beyond"] else f"{row['horizon']:,}",
        "rate": f"{row['rate']:.4f}",
        "e^λ₁": f"{math.exp(row['largest_exponent']):.4f}",
        "norm of a step": f"{row['norm_of_a_step']:.2f}",
        "radius": f"{row['radius_of_a_step']:.2f}",
        f"truth, lag {lag}": number("truth"),
        "∏‖J‖": number("product"),
        "‖W‖ and slopes": number("weights"),
        "as taught": number("as_taught"),
    }


def _draw(steps: int, found: list[tuple[Horizon, Jacobians, Spectrum]]) -> None:
    named = [replace(one, module=one.cell) for one, _, _ in found]
    pictures = {f"flow_gains_{steps}": gains(named)}
    for _, walk, spectrum in found:
        if steps == STEPS[0]:
            walk = replace(walk, module=walk.cell)
            pictures[f"flow_bounds_{walk.cell}"] = bounds(walk)
            pictures[f"flow_steps_{walk.cell}"] = jacobian_steps(walk, spectrum)
    for name, figure in pictures.items():
        write_bytes(ROOT / "docs" / "pictures" / f"{name}.png", figure_png(figure, dpi=110))


if __name__ == "__main__":
    main()
