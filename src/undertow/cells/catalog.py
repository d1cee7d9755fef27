"""Which cells are there, by the name a person types?

A cell is found by its file: every module in this folder that defines a `Cell` is listed. A user's own cell is
named as `FILE.py:Class`.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import pkgutil
import re
import sys
from dataclasses import MISSING, fields
from pathlib import Path
from types import ModuleType
from typing import Any, TypeGuard

from undertow import cells
from undertow.cells.cell import Cell
from undertow.errors import CellError, SettingError, UndertowError

_TRUTH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def snake(name: str) -> str:
    """PeepholeLSTM → peephole_lstm."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def built_in() -> dict[str, type[Cell]]:
    """Every cell of this package by its snake_case name, in the order of the files."""
    found: dict[str, type[Cell]] = {}
    for info in pkgutil.iter_modules(cells.__path__):
        module = importlib.import_module(f"{cells.__name__}.{info.name}")
        for thing in vars(module).values():
            if _is_cell(thing) and thing.__module__ == module.__name__:
                found[snake(thing.__name__)] = thing
    return found


def find(name: str) -> type[Cell]:
    """The class behind `lstm`, `peephole-lstm` or `my_cell.py:MyCell`.

    Raises:
        SettingError: no such cell; names the closest.
        CellError: the file cannot be read or holds no such cell.
    """
    if ".py" in name:
        return _from_file(name)
    known = built_in()
    wanted = name.replace("-", "_").lower()
    if wanted in known:
        return known[wanted]
    close = difflib.get_close_matches(wanted, known, n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise SettingError(
        f"There is no cell {name!r}.{hint} Cells: {', '.join(known)}; or a class of your own as FILE.py:Class."
    )


def settings_of(kind: type[Cell]) -> dict[str, Any]:
    """A cell's own settings and their defaults (input and hidden size left out)."""
    own = [f for f in fields(kind) if f.name not in ("input_size", "hidden_size")]
    return {f.name: None if f.default is MISSING else f.default for f in own}


def parse_settings(kind: type[Cell], texts: tuple[str, ...]) -> dict[str, Any]:
    """Read `depth=5` and the like into the types of the cell's own settings.

    Raises:
        SettingError: no such setting, or a value of the wrong type.
    """
    known = settings_of(kind)
    result: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or name not in known:
            names = ", ".join(known) or "none"
            raise SettingError(
                f"{snake(kind.__name__)} has no setting {text!r}. Write name=value; its settings: {names}."
            )
        wanted = type(known[name])
        try:
            result[name] = _TRUTH[value.lower()] if wanted is bool else wanted(value)
        except (KeyError, TypeError, ValueError) as error:
            raise SettingError(
                f"Setting {name} of {snake(kind.__name__)} is a {wanted.__name__}, got {value!r}."
            ) from error
    return result


def _is_cell(thing: object) -> TypeGuard[type[Cell]]:
    return isinstance(thing, type) and issubclass(thing, Cell) and thing is not Cell


def _from_file(name: str) -> type[Cell]:
    file, _, wanted = name.partition(":")
    path = Path(file)
    if not path.is_file():
        raise CellError(f"There is no file {file!r} to read a cell from. Write FILE.py:Class.")
    found = {key: value for key, value in vars(load_file(path)).items() if _is_cell(value)}
    own = {key: value for key, value in found.items() if value.__module__ == _module_name(path)}
    if not wanted and len(own) == 1:
        return next(iter(own.values()))
    if wanted not in found:
        names = ", ".join(own) or "none"
        raise CellError(
            f"{file} holds no cell {wanted or '(unnamed)'!r}; cells in it: {names}. Write FILE.py:Class."
        )
    return found[wanted]


def _module_name(path: Path) -> str:
    return f"undertow_user_{path.stem}"


def load_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(_module_name(path), path)
    if spec is None or spec.loader is None:
        raise CellError(f"{path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up by name
    try:
        spec.loader.exec_module(module)
    except UndertowError:
        raise
    except (Exception, SystemExit) as error:
        line = _line_in(error, path)
        raise CellError(f"{path}{line} cannot be imported: {type(error).__name__}: {error}") from error
    return module


def _line_in(error: BaseException, path: Path) -> str:
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).resolve() == path.resolve():
        return f", line {error.lineno},"
    trace, line = error.__traceback__, ""
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).resolve() == path.resolve():
            line = f", line {trace.tb_lineno},"
        trace = trace.tb_next
    return line
