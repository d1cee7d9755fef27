"""A run folder's pictures and its page, from the records in it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from undertow.errors import RunError
from undertow.flow.records import Flow
from undertow.flow.store import kept
from undertow.report.attention_map import attention_map
from undertow.report.class_pictures import calibration, confusion
from undertow.report.class_words import held_out_classes
from undertow.report.diffusion_pictures import diffusion_figures
from undertow.report.figures import lengths, loss_curves, novelty
from undertow.report.flow import flow_figures
from undertow.report.made_learning import distances, tells_distance
from undertow.report.made_sections import made_figures
from undertow.report.page import build_page
from undertow.report.pixels import first_layer, wrong_images
from undertow.report.save import figure_png, write_bytes, write_text
from undertow.report.tree_picture import tree_picture
from undertow.report.unrolled import Unrolled, draw_unrolled
from undertow.training.run import Run, open_run
from undertow.training.storage import make_folder


def write_report(run: Path, *, steps: int = 3) -> Path:
    """Write `report.html` and `figures/*.png` of a run, scored or not.

    Args:
        run: the run folder.
        steps: how many steps the unrolled graph shows.

    Returns:
        The path of the page.

    Raises:
        RunError: no run folder, or one of its records is damaged.
        StorageError: the files cannot be written.
    """
    folder = open_run(run)
    config, score = folder.config, _score(folder)
    figures = _figures(folder, score, kept(run / "flow"), steps)
    pictures = {name: figure_png(figure) for name, figure in figures.items()}
    make_folder(run / "figures")
    for name, png in pictures.items():
        write_bytes(run / "figures" / f"{name}.png", png)
    page = run / "report.html"
    write_text(
        page,
        build_page({"run": run.resolve().name} | config, folder.history, score, pictures, folder.verdicts),
    )
    return page


def unrolled_of(config: dict[str, Any], steps: int = 3) -> Unrolled | None:
    """The graph to draw for a run, or None where the cell was not recorded."""
    cell, options = config.get("cell") or {}, config.get("options") or {}
    if not cell.get("states"):
        return None
    weights, upper = (
        tuple((name, tuple(sizes)) for name, sizes in cell.get(key) or ())
        for key in ("weights", "upper_weights")
    )
    return Unrolled(
        str(cell.get("name", "cell")),
        tuple(cell["states"]),
        weights,
        steps=steps,
        layers=options.get("layers") or 1,
        bidirectional=cell.get("directions") == 2,
        of=str(cell.get("of", "")),
        upper_weights=upper,
    )


def _figures(
    folder: Run, score: dict[str, Any] | None, flows: Sequence[Flow], steps: int
) -> dict[str, Figure]:
    """Those pictures that there are records for."""
    config, history, score = folder.config, folder.history, score or {}
    samples = score.get("samples") or {}
    record = unrolled_of(config, steps)
    drawn = {
        "loss": _learning(folder, score) if history.events else None,
        "confusion": confusion(score) if held_out_classes(score) else None,
        "calibration": calibration(score) if held_out_classes(score) else None,
        "wrong_images": wrong_images(_with_image(score)) if _with_image(score) else None,
        "filters": first_layer(score["filters"]) if score.get("filters") else None,
        "novelty": novelty(score) if samples.get("histogram") else None,
        "lengths": lengths(score) if samples.get("lengths") else None,
        "unrolled": draw_unrolled(record) if record else None,
        **{
            f"attention_{n}": attention_map(one)
            for n, one in enumerate(score.get("translations") or (), start=1)
        },
        **{
            f"tree_{n}": tree_picture(one, score["classes"])
            for n, one in enumerate(score.get("trees") or (), start=1)
        },
    }
    told = {name: figure for name, figure in drawn.items() if figure is not None}
    made = diffusion_figures(folder.path, score) | made_figures(folder.path, score)
    return told | made | flow_figures(flows)


def _with_image(score: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry for entry in score.get("surely_wrong") or () if entry.get("image")]


def _learning(folder: Run, score: dict[str, Any]) -> Figure:
    if tells_distance(folder.history):
        real, samples = score.get("real") or {}, score.get("samples") or {}
        return distances(folder.history, real.get("distance"), samples.get("modes"))
    unit = str(folder.config.get("unit", "character"))
    return loss_curves(folder.history, score.get("baselines") or {}, score, unit)


def _score(run: Run) -> dict[str, Any] | None:
    try:
        return run.score
    except (RunError, TypeError, ValueError) as error:
        remedy = f"Write it anew with `undertow score {run.path}`, or delete it."
        raise RunError(f"{run.path / 'score.json'} is damaged. {remedy}") from error
