"""Nets of a thousand and ten thousand layers: what becomes of the gradient at the start, and do they learn?

The gradient at the start is that of the loss on a batch of handwritten digits, in float64, root mean square at every
layer's output, the first layer's beside the last one's. Then they learn from 54,000 digits for so many steps, without
augmentation; scored once on the 10,000 others. `docs/pictures/deep_gradients.png` shows the gradients.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from _record import ROOT, data_file
from _seeds import rows_by_name, spread, trained_by_seed
from torch import Tensor, nn
from torch.nn import functional

import undertow as ut
from undertow.data.pictures_idx import read_array
from undertow.nets.catalog import net
from undertow.report import style
from undertow.report.flow_deep import name_ends
from undertow.report.save import figure_png, write_bytes

LEARNED: dict[str, dict[str, Any]] = {
    "plain-100": {"width": 32, "steps": 1000, "learning_rate": 1e-3},
    "normed-100": {"width": 32, "steps": 1000, "learning_rate": 1e-3},
    "residual-100": {"width": 32, "steps": 1000, "learning_rate": 1e-3},
    "highway-100": {"width": 32, "steps": 1000, "learning_rate": 1e-3},
    "plain-1000": {"width": 32, "steps": 400, "learning_rate": 1e-3},
    "normed-1000": {"width": 32, "steps": 400, "learning_rate": 1e-3},
    "orthogonal-1000": {"width": 32, "steps": 400, "learning_rate": 1e-4},
    "highway-1000": {"width": 32, "steps": 400, "learning_rate": 1e-3},
    "residual-1000": {"width": 32, "steps": 400, "learning_rate": 1e-3},
    # without the doctor, who would read a hundred thousand operations at each look
    "residual-10000": {"width": 16, "steps": 200, "learning_rate": 1e-3, "watch": 1, "doctor": False},
}
DRAWN = ("plain-1000", "normed-1000", "orthogonal-1000", "highway-1000", "residual-1000")


def main() -> None:
    """Measure, keep row by row, print; then the picture."""
    rows_by_name(__doc__.splitlines()[0], list(LEARNED), lambda name, seeds: [_row(name, seeds)])
    _draw()


def _row(name: str, seeds: int) -> dict[str, Any]:
    settings = LEARNED[name]
    profile = _gradients(name, settings["width"])
    factor = (profile[0] / profile[-1]) ** (1 / (len(profile) - 1)) if profile[-1] else 0.0
    files = [data_file(f"images/{part}-images-idx3-ubyte.gz") for part in ("train", "t10k")]
    asked = {"data": files[0], "test": str(files[1]), "net": name, "plain": True, "watch": 4, **settings}
    try:
        runs = trained_by_seed("images", range(seeds), {**asked, "validations": 5})
    except ut.UndertowError as error:
        return _told(name, profile, factor) | {"test": None, "said": str(error).partition(".")[0]}
    scores = [run.score for run, _ in runs if run.score]
    return _told(name, profile, factor) | {
        "test": spread([score["test"]["accuracy"] for score in scores]),
        "said": "",
        "parameters": scores[0]["sizes"]["parameters"],
        "steps": settings["steps"],
        "cpu_minutes": round(sum(cost["cpu_minutes"] for _, cost in runs) / len(runs), 2),
    }


def _told(name: str, profile: list[float], factor: float) -> dict[str, Any]:
    decades = math.log10(profile[0] / profile[-1]) if profile[0] > 0 < profile[-1] else None
    return {"net": name, "first_beside_last_log10": decades, "factor_a_layer": factor}


def _gradients(name: str, width: int) -> list[float]:
    """Root mean square of the gradient at the end of each layer, first layer first."""
    torch.manual_seed(0)
    made = net(name, (1, 28, 28), 10, width).double()
    pixels, labels = (_digits(part)[:128] for part in ("images-idx3", "labels-idx1"))
    x = (torch.from_numpy(pixels.astype(np.float64)) - 33.3) / 78.6
    outputs: list[Tensor] = []

    def met(layer: nn.Module, given: object, y: Tensor) -> None:
        y.retain_grad()
        outputs.append(y)

    for layer in made.get_submodule("layers").children():
        layer.register_forward_hook(met)
    functional.cross_entropy(made(x[:, None]), torch.from_numpy(labels.astype(np.int64))).backward()  # type: ignore[no-untyped-call]
    return [float(y.grad.square().mean().sqrt()) for y in outputs if y.grad is not None]


def _digits(part: str) -> Any:
    return read_array(data_file(f"images/train-{part}-ubyte.gz"))


def _draw() -> None:
    """The gradient on its way back, from the last layer on the left to the first on the right."""
    figure = style.new_figure(9.0, 4.9)
    note = "root mean square at every layer, beside the last one's; at the start, in float64"
    style.heading(figure, "A gradient on its way back through a thousand layers", note)
    axes = style.bare(figure.add_axes((0.075, 0.115, 0.66, 0.70)))
    axes.set_yscale("log")
    ends = []
    for name, color in zip(DRAWN, style.LAYERS, strict=False):
        profile = np.array(_gradients(name, LEARNED[name]["width"]))[::-1]
        shown = profile / profile[0]
        axes.plot(np.arange(len(shown)), shown, color=color, linewidth=1.8)
        ends.append(
            (f"{name.partition('-')[0]}  $10^{{{math.log10(shown[-1]):.0f}}}$", float(shown[-1]), color)
        )
    axes.set_xlabel("layers behind the gradient", color=style.MUTED, size=style.SMALL)
    name_ends(axes, ends, 0.06)
    write_bytes(ROOT / "docs" / "pictures" / "deep_gradients.png", figure_png(figure))


if __name__ == "__main__":
    main()
