"""Pictures of a diffusion model: its bound by steps, and what it makes, out of the arrays in the run's folder."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import NDArray

from undertow.report import style, words
from undertow.report.diffusion_words import held_out_bound, signed
from undertow.report.made_pictures import strip
from undertow.report.made_sections import modes_of
from undertow.training.run import MADE
from undertow.training.storage import read_array

LEAST = 1e-12  # nats that are drawn


def diffusion_figures(run: Path, score: dict[str, Any]) -> dict[str, Figure]:
    """Those pictures that there are records for: the bound, and the way from noise to samples.

    Args:
        run: its folder.
        score: `score.json`.
    """
    found = held_out_bound(score)
    if found is None:
        return {}
    part, entry = found
    names = [f"t = {words.count(t)}" if t else "sample" for t in score["samples"]["frames"]]
    frames = dict(zip(names, read_array(run / MADE / "strip.npy"), strict=True))
    heads = ("From noise to samples", "the same ones at some steps, noise on the left")
    return {"bound": bound_by_step(entry, part), "strip": strip(frames, modes_of(run), heads)}


def bound_by_step(entry: dict[str, Any], part: str) -> Figure:
    """L_{t-1} of every step t, and how much has come together on the way down from T."""
    bound, steps = entry["bound"], np.asarray(entry["bound"]["steps"])
    times = np.arange(2, len(steps) + 2)
    figure = style.new_figure(9.0, 4.1)
    ends = f"the first term {signed(bound['prior'])}, the last {signed(bound['last'])}, all {signed(bound['nats'])}"
    style.heading(figure, "Where the bound comes from", f"nats an example, {part}: {ends}")
    _by_step(figure.add_axes((0.065, 0.13, 0.40, 0.62)), times, steps)
    _together(figure.add_axes((0.565, 0.13, 0.40, 0.62)), times, steps)
    return figure


def _by_step(axes: Any, times: NDArray[Any], steps: NDArray[Any]) -> None:
    _axes(axes, times, "nats of each step down, L of t - 1")
    steps = np.maximum(steps, LEAST)
    axes.plot(times, steps, color=style.SKY, linewidth=0.7, alpha=0.6)
    edges = np.unique(np.geomspace(2, times[-1] + 1, 33).astype(int))
    middle = [float(np.sqrt(a * max(b - 1, a))) for a, b in itertools.pairwise(edges)]
    mean = [float(steps[a - 2 : b - 2].mean()) for a, b in itertools.pairwise(edges)]
    axes.plot(middle, mean, color=style.BLUE, linewidth=2.2)
    axes.set_ylim(steps.min() / 1.5, steps.max() * 1.5)
    axes.set_yscale("log")
    axes.yaxis.set_minor_formatter(NullFormatter())


def _together(axes: Any, times: NDArray[Any], steps: NDArray[Any]) -> None:
    _axes(axes, times, "together, from the last step down to t")
    summed = np.cumsum(steps[::-1])[::-1]
    axes.fill_between(times, 0, summed, color=style.SKY, alpha=0.35, linewidth=0)
    axes.plot(times, summed, color=style.BLUE, linewidth=2.2)
    axes.set_ylim(0, 1.05 * max(summed[0], LEAST))


def _axes(axes: Any, times: NDArray[Any], title: str) -> None:
    style.bare(axes)
    style.panel_title(axes, title)
    axes.set_xscale("log")
    axes.set_xlim(2, max(times[-1], 3))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda t, _: f"{t:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("step of noise t", color=style.MUTED, size=style.SMALL, labelpad=2)
