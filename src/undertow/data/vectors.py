"""Vectors: what others have learnt about words, as a row of numbers for each unit of ours.

Read are GloVe and word2vec text (also .gz), and the token table of a transformer: a safetensors file with
its WordPiece vocabulary beside it, a folder that holds both, or an installed package that does. A file is
streamed and only the rows that are asked for are kept. Pickles are not read: loading one runs its code.

Sources: word2vec, Mikolov et al. 2013; GloVe, Pennington, Socher & Manning 2014; WordPiece and the way
its words are cut, Devlin et al. 2019.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from undertow.data.source import Source, check_file, describe
from undertow.data.tokens import is_word
from undertow.data.vectors_pieces import VOCABULARIES, PieceTable, piece_table, read_table
from undertow.data.vectors_text import read_text
from undertow.errors import DataError

LEVELS = 3  # of folders looked into, one in the other
REFUSED = (".bin", ".ckpt", ".joblib", ".kv", ".npy", ".npz", ".pickle", ".pkl", ".pt", ".pth")


@dataclass(frozen=True, eq=False)
class Vectors:
    """A row for each unit, in the order they were asked for.

    Args:
        table: [N, D], float32; zeros where the unit is not known.
        known: [N], which units were found.
        covered: share of the units that were found; `END` and `UNKNOWN` are not looked for or counted.
        source: the file; its format is glove, word2vec or safetensors.
    """

    table: NDArray[np.float32]
    known: NDArray[np.bool_]
    covered: float
    source: Source

    @property
    def dimension(self) -> int:
        """How many numbers has a row?"""
        return int(self.table.shape[1])


def read_vectors(path: str | Path, wanted: Sequence[str]) -> Vectors:
    """Which vectors do these units have there? A unit is looked for as it is, then in lower case.

    A unit that a WordPiece table lacks gets the mean of its pieces' rows, if all of it has pieces.

    Args:
        path: text vectors, a safetensors file beside its vocabulary, or a folder or an installed package
            that holds these two.
        wanted: units, as `Tokens.names` lists them; whole words, not subwords.

    Returns:
        A row for each unit.

    Raises:
        DataError: missing, a pickle, not vectors, a line with another number of values or one that is not
            a finite number, or no unit is known.
    """
    file, form, rows = _found(path, wanted)
    looked = sum(is_word(unit) for unit in wanted)
    if not rows:
        raise DataError(
            f"{file}: none of the {looked} units has a vector there. Are they words, and of the same language?"
        )
    table = np.zeros((len(wanted), len(next(iter(rows.values())))), dtype=np.float32)
    table[list(rows)] = list(rows.values())
    known = np.zeros(len(wanted), dtype=np.bool_)
    known[list(rows)] = True
    return Vectors(table, known, len(rows) / looked, replace(describe(file, encoding="utf-8"), format=form))


def look_up(path: str | Path, wanted: Sequence[str]) -> dict[int, NDArray[np.float32]]:
    """Which of these units have a vector there? By their place in `wanted`; perhaps none.

    Raises:
        DataError: as of `read_vectors`, but for units that are not known.
    """
    return _found(path, wanted)[2]


def _found(path: str | Path, wanted: Sequence[str]) -> tuple[Path, str, dict[int, NDArray[np.float32]]]:
    """The file, its format, and the rows of the units that it knows."""
    place = _place(Path(path))
    if isinstance(place, PieceTable):
        return place.file, "safetensors", read_table(place, wanted)
    return place, *read_text(place, wanted)


def where(path: str | Path) -> Path | None:
    """The file that holds these vectors; None where there is none any more."""
    try:
        place = _place(Path(path))
    except DataError:
        return None
    return place.file if isinstance(place, PieceTable) else place


def _place(path: Path) -> Path | PieceTable:
    """The text file or the table that is meant by a file, a folder or a package's name."""
    if path.is_dir():
        return _in_folders(path, _folders(path, LEVELS))
    if not path.exists():
        folders = _of_package(path)
        if not folders:
            raise _missing(path)
        return _in_folders(path, folders)
    _refuse_pickle(path)
    if path.suffix == ".safetensors":
        return piece_table(path)
    return check_file(path)


def _refuse_pickle(path: Path) -> None:
    name = Path(path.name.lower().removesuffix(".gz"))
    if name.suffix in REFUSED:
        raise DataError(
            f"{path} is not read: files that end in {name.suffix} may hold a pickle, which runs code when it "
            "is loaded. Save the vectors as safetensors with vocab.txt beside them, or as text: one word a "
            "line, then its values."
        )


def _folders(folder: Path, levels: int) -> Iterator[Path]:
    yield folder
    if levels > 1:
        for inner in sorted(item for item in folder.iterdir() if item.is_dir()):
            yield from _folders(inner, levels - 1)


def _of_package(path: Path) -> list[Path]:
    """The folders of an installed package, by its distribution's or its module's name; nothing is imported."""
    name, module = str(path), str(path).replace("-", "_")
    if not name.translate(dict.fromkeys(map(ord, "-_."))).isalnum():
        return []
    with suppress(PackageNotFoundError):
        files = distribution(name).files or []
        found = {Path(str(file.locate())).parent for file in files if file.suffix == ".safetensors"}
        if found:
            return sorted(found)
    spec = find_spec(module) if module.isidentifier() and not module.startswith("__") else None
    places = (spec and spec.submodule_search_locations) or []
    return [folder for place in places for folder in _folders(Path(place), LEVELS)]


def _missing(path: Path) -> DataError:
    try:
        check_file(path)
    except DataError as error:
        return DataError(f"{error} No package of that name is installed either.")
    return DataError(f"{path} came into being while it was looked for; try again.")


def _in_folders(path: Path, folders: Iterable[Path]) -> PieceTable:
    for folder in folders:
        files = sorted(folder.glob("*.safetensors"))
        if files and any((folder / name).is_file() for name in VOCABULARIES):
            return piece_table(*files)
    raise DataError(
        f"{path} holds no vectors that can be read: a folder or a package needs a .safetensors file and, beside "
        f"it, {' or '.join(VOCABULARIES)}. Of text vectors, name the file."
    )
