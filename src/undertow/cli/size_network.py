"""The sizes of networks, for `undertow size`: a function or class of the user's, or layers of a cell."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from undertow.cells import catalog
from undertow.cells.cell import Cell
from undertow.cli.arguments import say
from undertow.cli.output import print_json
from undertow.cli.size import LARGEST, check_classes, image
from undertow.cli.size import Cell as CellWords
from undertow.cli.size import Model as ModelWords
from undertow.cli.size import Net as NetWords
from undertow.errors import SettingError, ShapeError
from undertow.nets import catalog as catalog_of_nets
from undertow.recurrent.recurrent import Recurrent
from undertow.report.table import print_table
from undertow.sizing.fit import largest, parse_memory
from undertow.sizing.in_time import Way, ways
from undertow.sizing.size import size
from undertow.sizing.sizes import Row, Sizes

COUNTED = (
    "FLOPs: matrix products and convolutions, 2 for a multiply-add; biases and pointwise work are left out."
)
ENGINES = {"kernel": "numba", "eager loop": "eager"}


# ---- a network of the user's


def is_cell(what: str) -> bool:
    """Does FILE.py:Name name a cell?"""
    file, _, name = what.partition(":")
    thing = getattr(_module(file), name, None) if name else None
    return isinstance(thing, type) and issubclass(thing, Cell)


def model(what: str, given: ModelWords) -> int:
    """Print the sizes of a network of the user's."""
    inputs = [parse_input(text) for text in given.input]
    if not inputs:
        raise SettingError(
            "size: --input is missing: the shape that the network takes, like --input 100x8x64."
        )
    network = build(what)
    if given.memory is not None:
        return _fits(
            lambda n: size(network, *_with_batch(inputs, given.batch_axis, n), optimizer=given.optimizer),
            given,
        )
    found = size(network, *(_empty(*i) for i in inputs), optimizer=given.optimizer)
    if given.json:
        print_json(document(found))
        return 0
    print_table([_shown(row) for row in found.with_children()], COLUMNS)
    print(summary(found))
    return 0


COLUMNS = (
    "module",
    "kind",
    "output",
    "parameters",
    "multiply-adds",
    "forward_FLOPs",
    "backward_FLOPs",
    "kept",
)


def _shown(row: Row) -> dict[str, Any]:
    return {
        "module": "  " * row.path.count(".")
        + ("  " * bool(row.path))
        + (row.path.rpartition(".")[2] or "(all)"),
        "kind": row.kind,
        "output": " ".join("x".join(map(str, shape)) or "1" for shape in row.output),
        "parameters": f"{row.parameters:,}",
        "multiply-adds": f"{row.multiply_adds:,}",
        "forward_FLOPs": f"{row.forward_flops:,}",
        "backward_FLOPs": f"{row.backward_flops:,}",
        "kept": human(row.kept_bytes),
    }


def summary(found: Sizes) -> str:
    """The whole, in words."""
    total = found.total
    lines = [
        f"weights {human(total.weight_bytes)}, gradients {human(found.gradient_bytes)}, "
        f"{found.optimizer} {human(found.optimizer_bytes)}, kept for backward {human(total.kept_bytes)}",
        f"peak of a training step {human(found.peak_bytes)}, of inference {human(found.inference_peak_bytes)}",
        COUNTED,
    ]
    return "\n".join(lines)


def document(found: Sizes) -> dict[str, Any]:
    """For --json: `modules` holds each module's own part, `total` the sum."""

    def row(one: Row) -> dict[str, Any]:
        return {**asdict(one), "multiply_adds": one.multiply_adds}

    whole = {k: v for k, v in asdict(found).items() if k != "rows"}
    return {**whole, "total": row(found.total), "modules": [row(r) for r in found.rows]}


def parse_input(text: str) -> tuple[tuple[int, ...], torch.dtype | None]:
    """Shape and dtype of `100x8x64` or `100x8:int64`.

    Raises:
        SettingError: it is neither.
    """
    from undertow.cli.size import lengths

    shape, colon, name = text.partition(":")
    dtype = getattr(torch, name, None) if colon else None
    if colon and not isinstance(dtype, torch.dtype):
        raise SettingError(f"--input {text!r}: {name!r} is no dtype. Write float32, int64 and the like.")
    return lengths(shape), dtype


def _empty(shape: tuple[int, ...], dtype: torch.dtype | None) -> Any:
    return shape if dtype is None else torch.empty(shape, dtype=dtype, device="meta")


def _with_batch(inputs: list[Any], axis: int, batch: int) -> list[Any]:
    if any(not 0 <= axis < len(shape) for shape, _ in inputs):
        raise SettingError(f"--batch-axis {axis} is no axis of the input.")
    return [_empty((*shape[:axis], batch, *shape[axis + 1 :]), dtype) for shape, dtype in inputs]


def build(what: str) -> nn.Module:
    """The network that FILE.py:name is or makes; its weights take no memory where that can be had.

    Raises:
        SettingError: nothing of that name makes a network.
        CellError: the file cannot be imported.
    """
    file, _, name = what.partition(":")
    module = _module(file)
    thing = getattr(module, name, None)
    if isinstance(thing, nn.Module):
        return thing
    if not callable(thing):
        makers = [
            k
            for k, v in vars(module).items()
            if callable(v) and getattr(v, "__module__", "") == module.__name__
        ]
        raise SettingError(
            f"{file} has no function or class {name!r}. Write FILE.py:make_model; in it: {', '.join(makers) or 'none'}."
        )
    try:
        with torch.device("meta"):
            made = thing()
    except (
        RuntimeError,
        NotImplementedError,
        ValueError,
        TypeError,
    ):  # it needs numbers: it is made with them
        made = _made(what, thing)
    if not isinstance(made, nn.Module):
        raise SettingError(f"{what} gave {type(made).__name__}, not a torch.nn.Module.")
    return made


def _made(what: str, thing: Callable[[], Any]) -> Any:
    try:
        return thing()
    except (Exception, SystemExit) as error:
        raise SettingError(f"{what}() failed: {type(error).__name__}: {error}") from error


def _module(file: str) -> Any:
    path = Path(file)
    if not path.is_file():
        raise SettingError(f"There is no file {file!r}. Write FILE.py:make_model.")
    return catalog.load_file(path)


# ---- a deep net by its name


def names_net(what: str) -> bool:
    """Does a net of the catalogue, and no cell, have this name?

    Raises:
        SettingError: neither has it, and a net has one that is close.
    """
    if what in catalog.built_in() or ".py" in what:
        return False
    if not catalog_of_nets.is_net(what):
        cells = difflib.get_close_matches(what, catalog.built_in(), n=1, cutoff=0.75)
        if (near := catalog_of_nets.closest(what)) and not cells:
            raise SettingError(f"There is no cell and no net {what!r}. Did you mean {near}?")
        return False
    return True


def net(what: str, given: NetWords) -> int:
    """Print the sizes of a deep net."""
    high, wide, channels = image(given.input)
    check_classes(given.classes)
    if given.batch < 1:
        raise SettingError(f"--batch must be at least 1, got {given.batch}.")
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        network = catalog_of_nets.net(what, (channels, high, wide), given.classes, given.width)

    def sizes_at(batch: int) -> Sizes:
        return size(network, (batch, channels, high, wide), optimizer=given.optimizer)

    if given.memory is not None:
        return _fits(sizes_at, given)
    batch = _least(sizes_at) if given.batch == 1 else given.batch
    if batch > given.batch:
        say(f"{what} is sized with a batch of {batch}: batch norm cannot train on 1.")
    found = sizes_at(batch)
    if given.json:
        print_json(document(found))
    else:
        print_table([_shown(row) for row in found.with_children()], COLUMNS)
        print(summary(found))
    return 0


# ---- layers of a cell


def cell(what: str, given: CellWords) -> int:
    """Print the sizes of layers of a cell, by kernel and by eager loop."""
    if min(given.steps, given.batch, given.layers) < 1:
        raise SettingError("--steps, --batch and --layers must be at least 1.")
    if max(given.steps, given.batch, given.hidden, given.input_size) > LARGEST:
        raise SettingError(f"--steps, --batch, --hidden and --input-size must be at most {LARGEST:,}.")
    if given.memory is not None:
        return _fits(lambda n: _largest_at(what, given, n), given)
    found = {name: _by_engine(what, given, engine) for name, engine in ENGINES.items()}
    whole = found["kernel"][0]
    if given.json:
        print_json({
            "cell": what, "input_size": given.input_size, "hidden": given.hidden, "layers": given.layers,
            "batch": given.batch, "steps": given.steps, "parameters": whole.total.parameters,
            "weight_bytes": whole.total.weight_bytes, "gradient_bytes": whole.gradient_bytes,
            "optimizer": whole.optimizer, "optimizer_bytes": whole.optimizer_bytes,
            "engines": {name: [asdict(way) for way in walked] for name, (_, walked) in found.items()},
        })  # fmt: skip
        return 0
    total = whole.total
    plural = "s" if given.layers > 1 else ""
    print(
        f"{what}, {given.layers} layer{plural}, I {given.input_size}, H {given.hidden}, B {given.batch}: "
        f"{total.parameters:,} parameters, one bias a gate; weights {human(total.weight_bytes)}, "
        f"{whole.optimizer} {human(whole.optimizer_bytes)}"
    )
    rows = [_way(name, way) for name, (_, walked) in found.items() for way in walked]
    print_table(rows, ("engine", "walk", "kept", "forward_FLOPs", "backward_FLOPs"))
    print(f"T = {given.steps:,}. FLOPs of one pass over all steps. {COUNTED}")
    return 0


def _way(engine: str, way: Way) -> dict[str, Any]:
    return {
        "engine": engine,
        "walk": way.name,
        "kept": human(way.kept_bytes),
        "forward_FLOPs": f"{way.forward_flops:,}",
        "backward_FLOPs": f"{way.backward_flops:,}",
    }


def _by_engine(what: str, given: CellWords, engine: str) -> tuple[Sizes, tuple[Way, ...]]:
    layers = _layers(what, given, engine)

    def sizes_at(steps: int) -> Sizes:
        return size(layers, (steps, given.batch, given.input_size), optimizer=given.optimizer)

    states = sum(s.numel() * s.element_size() for c in layers.stack.cells for s in c.start(given.batch))
    return sizes_at(2), ways(sizes_at, given.steps, states)


def _largest_at(what: str, given: CellWords, number: int) -> Sizes:
    now = {
        "batch": replace(given, batch=number),
        "window": replace(given, steps=number),
        "hidden": replace(given, hidden=number),
    }[given.largest]
    layers = _layers(what, now, "auto")
    return size(layers, (now.steps, now.batch, now.input_size), optimizer=now.optimizer)


def _layers(what: str, given: CellWords, engine: str) -> Recurrent:
    kind = catalog.find(what)
    made = kind(given.input_size, given.hidden, **catalog.parse_settings(kind, given.cell_options))
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        return Recurrent(made, given.layers, engine=engine)


# ---- both


def _fits(sizes_at: Callable[[int], Sizes], given: Any) -> int:
    memory = parse_memory(given.memory)
    least = _least(sizes_at)
    found = largest(sizes_at, memory, least)
    if given.json:
        print_json(
            {
                "memory_bytes": memory,
                given.largest: found and found[0],
                "peak_bytes": found and found[1].peak_bytes,
            }
        )
    elif found is None:
        print(f"Not even a {given.largest} of {least} fits into {human(memory)}.")
    else:
        print(
            f"largest {given.largest} {found[0]:,}: training peaks at {human(found[1].peak_bytes)} of {human(memory)}"
        )
    return 0 if found else 1


def _least(sizes_at: Callable[[int], Sizes]) -> int:
    """1; or 2 where batch norm refuses to train on one value a channel, as it has no deviation."""
    try:
        sizes_at(1)
    except ShapeError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        return 2
    return 1


def human(count: int) -> str:
    """Bytes as a person reads them, in units of 1,024."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.4g} {unit}" if unit != "B" else f"{count} B"
        value /= 1024
    return f"{value:,.4g} TiB"
