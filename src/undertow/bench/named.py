"""Which cells are meant: one of the package, a user's cell beside this file, FILE.py:Class, or FILE.py:* for all?"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

from undertow.bench import user_cells
from undertow.cells import catalog
from undertow.cells.cell import Cell
from undertow.errors import CellError

USERS: dict[str, type[Cell]] = {
    catalog.snake(thing.__name__): thing
    for thing in vars(user_cells).values()
    if isinstance(thing, type) and issubclass(thing, Cell) and thing.__module__ == user_cells.__name__
}


def find(name: str) -> type[Cell]:
    """The class behind a name.

    Raises:
        SettingError, CellError: no such cell.
    """
    plain = name.replace("-", "_").lower()
    return USERS[plain] if plain in USERS else catalog.find(name)


def expand(names: Iterable[str]) -> list[str]:
    """The names, where FILE.py:* stands for every cell of the file that has a step of its own.

    Raises:
        CellError: the file cannot be read, or holds no cell.
    """
    found: list[str] = []
    for name in names:
        file, _, wanted = name.partition(":")
        found += [f"{file}:{each}" for each in _cells_in(Path(file))] if wanted == "*" else [name]
    return found


def _cells_in(path: Path) -> list[str]:
    if not path.is_file():
        raise CellError(f"There is no file {str(path)!r} to read cells from. Write FILE.py:*.")
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError) as error:
        raise CellError(f"{path} is not a Python file that can be read: {error}.") from error
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    names = [c.name for c in classes if any(getattr(part, "name", "") == "step" for part in c.body)]
    if not names:
        raise CellError(f"{path} holds no class with a step.")
    return names
