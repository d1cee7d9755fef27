"""Training from a recipe's name to a scored run with its report; and going on where a run was stopped."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch

from undertow.cells.cell import Cell
from undertow.compiler.precision import products_in, resolved
from undertow.doctor.attending import Attending
from undertow.errors import CellError, DataError, DivergedError
from undertow.report.report import write_report
from undertow.tasks.borrow import borrow
from undertow.tasks.recipe import LEARNED, Job, Marking, Recipe, find
from undertow.tasks.trained import Trained, check_cell, load, make_options
from undertow.training.budget import budget_of
from undertow.training.checkpoints import Position, load_best
from undertow.training.companion import Companion, Nobody
from undertow.training.display import Display, Silent
from undertow.training.loop import Beside, fit
from undertow.training.run import MADE, Run, create_run, free_name, surroundings
from undertow.training.storage import write_array, write_json

SLOW = 2.0  # seconds of scoring, after which it is said
ARRAYS = "arrays"  # of a score: kept in the run's folder of what it makes


@dataclass(frozen=True)
class Place:
    """Where a run goes, and what it starts from."""

    out: str | None = None
    """The run folder; without it, the first free one under runs/."""
    source: str | None = None
    """Another run, whose weights are the start."""


def train(
    recipe: str,
    *,
    data: str | Path | tuple[str, ...] | list[str] | None = None,
    cell: str | type[Cell] | None = None,
    out: str | Path | None = None,
    start_from: str | Path | None = None,
    display: Display | None = None,
    **options: Any,
) -> Trained:
    """Train a network on a file, score it, write its report.

    Args:
        recipe: names, text, classify, tree, translate, images, gan or diffusion.
        data: a file, several, or the name of an embedded set.
        cell: a cell's name, FILE.py:Class, or a class of your own that lives in a file; None is the recipe's own.
        out: the run folder; without it, the first free one under runs/.
        start_from: another run whose weights are the start.
        display: where progress goes; None is silent.
        options: any option of `undertow train RECIPE --help`, with underscores: hidden=128, minutes=2.

    Returns:
        The run, ready to be used.

    Raises:
        UndertowError: an option, a file or the place is wrong; says what to do.
    """
    kind = find(recipe).Options
    if data is not None:
        options["data"] = (str(data),) if isinstance(data, str | Path) else tuple(map(str, data))
    if cell is not None:
        options["cell"] = cell if isinstance(cell, str) else _cell_name(cell)
    place = Place(None if out is None else str(out), None if start_from is None else str(start_from))
    return begin(recipe, make_options(kind, options), place, display or Silent())


def begin(recipe: str, options: Any, place: Place, display: Display) -> Trained:
    """Read the data, make the run folder, train."""
    options.check()
    torch.manual_seed(options.seed)
    kind = find(recipe)
    job = kind.prepare(options)
    if job.options != options:
        display.say(_chosen(options, job.options))
    options = job.options
    if place.source:
        display.say(borrow(job, kind, place.source))
    for remark in job.remarks:
        display.say(remark)
    stem = f"{recipe}-{Path(options.data[0]).stem}"
    path = Path(place.out) if place.out else free_name(Path("runs"), stem)
    run = create_run(path, _config(kind, options, place, job))
    _keep_known(run, job)
    parameters = sum(p.numel() for p in job.model.parameters())
    display.say(f"Training {parameters:,} parameters into {run.path}")
    return _finish(run, job, options, display)


def resume(path: str | Path, display: Display | None = None) -> Trained:
    """Go on where a run was stopped, by Ctrl-C or a kill; the result is as if it had not been.

    Raises:
        RunError: no such run, or damaged.
        DataError: the data is not what it was.
    """
    run = load(path)
    options = run.options
    torch.set_num_threads(int(run.config.get("threads", torch.get_num_threads())))
    torch.manual_seed(options.seed)
    check_cell(run)
    job = run.recipe.prepare(options)
    _check_unchanged(run, job)
    if run.config.get("from") and run.pointer("last") is None:
        borrow(job, run.recipe, run.config["from"])
    _keep_known(run, job)
    return _finish(run, job, options, display or Silent())


def rescore(run: Trained) -> dict[str, Any]:
    """Score a run's best weights again on its own data, and write score.json.

    Raises:
        DataError: the data is not what it was.
    """
    return _score(run, prepared(run), run.options.seed)


def prepared(run: Trained) -> Job:
    """A run's own data read again, and a fresh network for it.

    Raises:
        DataError: the data is not what it was.
    """
    check_cell(run)
    with torch.random.fork_rng(devices=[]):
        job = run.recipe.prepare(run.options)
    _check_unchanged(run, job)
    return job


def _keep_known(run: Run, job: Job) -> None:
    """What must be known beside the weights; of some recipes also marks of what was learned from."""
    write_json(run.path / "vocabulary.json", job.vocabulary.to_json())
    if isinstance(job, Marking):
        write_array(run.path / LEARNED, job.marks)


def _finish(run: Run, job: Job, options: Any, display: Display) -> Trained:
    budget = budget_of(options, job.task.steps_per_epoch, job.default_epochs)
    companion: Companion = Nobody()
    if options.doctor:
        companion = Attending(run.path / "verdicts.jsonl", display.say, options.stop_on)
    with products_in(options.precision):
        position = fit(job.task, options, budget, run, Beside(display, companion))
    with _scoring(run, display):
        _score(run, job, options.seed)
        write_report(run.path)
    if position.finished == "diverged":
        raise DivergedError(_diverged(run, position))
    return Trained(run.path)


@contextmanager
def _scoring(run: Run, display: Display) -> Iterator[None]:
    """Says what goes on where it takes long, and how to come to the score where it is broken off."""
    slow = threading.Timer(SLOW, display.say, ("Scoring, and writing the report ...",))
    slow.start()
    try:
        yield
    except KeyboardInterrupt:
        display.say(f"The training is done, its score is not. Score it with: undertow resume {run.path}")
        raise
    finally:
        slow.cancel()


def _chosen(given: Any, settled: Any) -> str:
    """Settings that were left open."""
    names = [f.name for f in fields(given) if getattr(given, f.name) != getattr(settled, f.name)]
    told = ", ".join(f"--{n.replace('_', '-')} {_plain(getattr(settled, n))}" for n in names)
    return f"Chosen: {told}"


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _score(run: Run, job: Job, seed: int) -> dict[str, Any]:
    load_best(run, job.model)
    job.model.eval()
    figures = job.score(seed)
    for name, array in figures.pop(ARRAYS, {}).items():  # what is to be seen of what it makes
        write_array(run.path / MADE / f"{name}.npy", array)
    document = {
        "recipe": run.config["recipe"],
        "run": run.path.name,
        "data": run.config["data"],
        **figures,
    }
    write_json(run.path / "score.json", document)
    return document


def _config(recipe: Recipe, options: Any, place: Place, job: Job) -> dict[str, Any]:
    return {
        "recipe": recipe.name,
        "unit": recipe.unit,
        "options": asdict(options),
        "changed": [f.name for f in fields(options) if getattr(options, f.name) != f.default],
        "cell": recipe.describe(options),
        "parameters": sum(p.numel() for p in job.model.parameters()),
        "data": job.data,
        "remarks": job.remarks,
        "from": place.source,
        "threads": torch.get_num_threads(),
        "products": resolved(options.precision),
        **surroundings(),
    }


def _check_unchanged(run: Run, job: Job) -> None:
    known, files = run.config["data"], job.data
    if len(known) < len(files):  # an older undertow hashed no file of labels
        files = [record for record in files if record["path"] in {was["path"] for was in known}]
    for was, now in zip(known, files, strict=True):
        if was["sha256"] != now["sha256"]:
            raise DataError(
                f"{now['path']} has changed since {run.path} began, so the run cannot go on exactly. "
                f"Put the file back as it was, or train a new run."
            )


def _diverged(run: Run, position: Position) -> str:
    kept = (
        f"The best weights (validation {position.best:.4f}) are in {run.path}. " if position.best_step else ""
    )
    return (
        f"Training stopped at step {position.step}: the loss was no number any more. {kept}"
        f"Lower --learning-rate, or set --clip-norm 1."
    )


def _cell_name(cell: type[Cell]) -> str:
    if cell.__module__.startswith("undertow."):
        from undertow.cells.catalog import snake

        return snake(cell.__name__)
    try:
        file = inspect.getsourcefile(cell)
    except TypeError:
        file = None
    if file is None or not Path(file).is_file():
        raise CellError(
            f"{cell.__name__} lives in no file, so the run could not be loaded again. Save it as my_cell.py and "
            f"give cell='my_cell.py:{cell.__name__}'."
        )
    return f"{file}:{cell.__name__}"
