"""Vectors: what others have learnt about words, as a row of numbers for each unit of ours.

Read are GloVe and word2vec text (also .gz), and the token table of a transformer: a safetensors file with
its WordPiece vocabulary beside it, a folder that holds both, or an installed package that does. A file is
streamed and only the rows that are asked for are kept. Pickles are not read: loading one runs its code.

Sources: word2vec, Mikolov et al. 2013; GloVe, Pennington, Socher & Manning 2014; WordPiece and the way
its words are cut, Devlin et al. 2019.
"""

import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from undertow.data.decode import lines, text_chunks
from undertow.data.source import Source, check_file, describe
from undertow.data.tokens import END, UNKNOWN
from undertow.errors import DataError

LONGEST = 1 << 20  # characters in a line of text vectors
BLOCK = 4096  # rows of a table read at a time
LEVELS = 3  # of folders looked into, one in the other
REFUSED = (".bin", ".ckpt", ".joblib", ".kv", ".npy", ".npz", ".pickle", ".pkl", ".pt", ".pth")
TOKEN_TABLE = "embeddings.word_embeddings.weight"
TYPES = ("F16", "BF16", "F32", "F64")
VOCABULARIES = ("vocab.txt", "tokenizer.json")

AS_IT_IS, IN_LOWER_CASE = 2, 1  # how well a spelling fits a unit; 0 is not found


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
    looked = sum(_sought(unit) for unit in wanted)
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
    if isinstance(place, _PieceTable):
        return place.file, "safetensors", _read_table(place, wanted)
    return place, *_read_text(place, wanted)


def where(path: str | Path) -> Path | None:
    """The file that holds these vectors; None where there is none any more."""
    try:
        place = _place(Path(path))
    except DataError:
        return None
    return place.file if isinstance(place, _PieceTable) else place


@dataclass(frozen=True)
class _PieceTable:
    """One row for each token of a WordPiece vocabulary: the file, the tensor's name, the tokens' rows."""

    file: Path
    tensor: str
    tokens: dict[str, int]

    def rows(self, unit: str) -> list[int]:
        """Which rows stand for this unit? Its own, else those of its pieces; none where a part has none."""
        for spelling in (unit, unit.lower()):
            if spelling in self.tokens:
                return [self.tokens[spelling]]
        parts = [self._pieces(word) for word in _bert_words(self._plain(unit))]
        return [row for part in parts for row in part] if all(parts) else []

    def _pieces(self, word: str) -> list[int]:
        """The longest token that the word begins with, then again for what is left of it."""
        rows: list[int] = []
        start, end = 0, len(word)
        while start < end:
            row = self.tokens.get(("##" if start else "") + word[start:end])
            if row is None:
                end -= 1
            else:
                rows.append(row)
                start, end = end, len(word)
        return rows if start == len(word) else []

    def _plain(self, unit: str) -> str:
        unit = "".join(c for c in unit if c.isspace() or unicodedata.category(c)[0] != "C")
        unit = _unaccented(unit) if self._without_accents else unit
        return unit.lower() if self._uncased else unit

    @cached_property
    def _uncased(self) -> bool:
        return all(token == token.lower() for token in self.tokens if token[:1] != "[")

    @cached_property
    def _without_accents(self) -> bool:
        return self._uncased and all(token == _unaccented(token) for token in self.tokens)


def _place(path: Path) -> Path | _PieceTable:
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
        return _piece_table(path)
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


def _in_folders(path: Path, folders: Iterable[Path]) -> _PieceTable:
    for folder in folders:
        files = sorted(folder.glob("*.safetensors"))
        if files and any((folder / name).is_file() for name in VOCABULARIES):
            return _piece_table(*files)
    raise DataError(
        f"{path} holds no vectors that can be read: a folder or a package needs a .safetensors file and, beside "
        f"it, {' or '.join(VOCABULARIES)}. Of text vectors, name the file."
    )


def _piece_table(*files: Path) -> _PieceTable:
    """The first of these files, of one folder, that has a row for each token of the vocabulary beside it."""
    tokens = _vocabulary(files[0])
    size = max(tokens.values()) + 1
    for file in files:
        try:
            with safe_open(file, framework="numpy") as tensors:
                slices = {name: tensors.get_slice(name) for name in tensors.keys()}  # noqa: SIM118
                shapes = {
                    name: part.get_shape() for name, part in slices.items() if part.get_dtype() in TYPES
                }
        except (SafetensorError, OSError) as error:
            raise DataError(f"{file} cannot be read as safetensors ({error}).") from error
        name = _token_table({name: shape[0] for name, shape in shapes.items() if len(shape) == 2}, size)
        if name is not None:
            return _PieceTable(file, name, tokens)
    raise DataError(
        f"{files[0]} has no token table: a tensor of {size} rows, one for each token of the vocabulary "
        f"beside it, of type {', '.join(TYPES)}. Do the two belong together?"
    )


def _token_table(rows: dict[str, int], size: int) -> str | None:
    named = [name for name in rows if name.endswith(TOKEN_TABLE) and rows[name] >= size]  # it may be padded
    exact = [name for name in rows if rows[name] == size]
    embedding = [name for name in exact if "embed" in name.lower()]
    return next(iter(named or embedding or exact), None)


def _vocabulary(file: Path) -> dict[str, int]:
    """Each token's row, from the vocabulary beside the file."""
    listed, described = (file.parent / name for name in VOCABULARIES)
    if listed.is_file():
        text = "".join(text_chunks(check_file(listed)))
        return {token: row for row, token in enumerate(text.removesuffix("\n").split("\n"))}
    if not described.is_file():
        raise DataError(
            f"{file} needs its vocabulary beside it: {' or '.join(VOCABULARIES)}, to name its rows."
        )
    try:
        record: dict[str, Any] = json.loads("".join(text_chunks(check_file(described))))
        kind, pieces = record["model"].get("type", "WordPiece"), record["model"].get("vocab")
        added = {token["content"]: token["id"] for token in record.get("added_tokens", [])}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{described} is not the description of a tokenizer ({error!r}).") from error
    if kind != "WordPiece":
        raise DataError(f"{described} holds a vocabulary of type {kind}; WordPiece alone is read.")
    if not isinstance(pieces, dict) or not pieces or any(type(row) is not int for row in pieces.values()):
        raise DataError(f"{described} holds no vocabulary: its model needs a row for each token.")
    tokens: dict[str, int] = added | pieces
    return tokens


def _read_table(table: _PieceTable, wanted: Sequence[str]) -> dict[int, NDArray[np.float32]]:
    parts = {index: table.rows(unit) for index, unit in enumerate(wanted) if _sought(unit)}
    needed = np.array(sorted({row for rows in parts.values() for row in rows}), dtype=np.int64)
    if not len(needed):
        return {}
    kept = np.concatenate(list(_blocks(table, needed)))
    if not np.isfinite(kept).all():
        raise DataError(f"{table.file}: the tensor {table.tensor} holds values that are not finite numbers.")
    places = {index: np.searchsorted(needed, rows) for index, rows in parts.items() if rows}
    return {index: kept[place].mean(axis=0) for index, place in places.items()}


def _blocks(table: _PieceTable, needed: NDArray[np.int64]) -> Iterator[NDArray[np.float32]]:
    """The needed rows, in their order; NumPy has no BF16, so torch reads it."""
    with safe_open(table.file, framework="numpy") as tensors:
        brief = tensors.get_slice(table.tensor).get_dtype() == "BF16"
    with safe_open(table.file, framework="pt" if brief else "numpy") as tensors:
        rows = tensors.get_slice(table.tensor)
        end = rows.get_shape()[0]
        for start in np.unique(needed // BLOCK) * BLOCK:
            block = rows[start : min(start + BLOCK, end)]
            with np.errstate(over="ignore"):
                block = block.float().numpy() if brief else block.astype(np.float32)
            yield block[needed[(needed >= start) & (needed < start + BLOCK)] - start]


def _read_text(file: Path, wanted: Sequence[str]) -> tuple[str, dict[int, NDArray[np.float32]]]:
    numbered = _lines(file)
    number, text = next(numbered)
    fields = text.split()
    headed = len(fields) == 2 and all(field.isdecimal() for field in fields)
    dimension = int(fields[1]) if headed else len(fields) - 1
    if not headed:
        _values(text.partition(" ")[2], f"{file}, line {number}")
        numbered = chain([(number, text)], numbered)
    count, rows = _collect(file, numbered, dimension, wanted)
    if headed and count != int(fields[0]):
        raise DataError(
            f"{file} is not whole: its first line promises {fields[0]} words, but {count} follow. "
            "Fetch it again, or correct that line."
        )
    return "word2vec" if headed else "glove", rows


def _collect(
    file: Path, numbered: Iterable[tuple[int, str]], dimension: int, wanted: Sequence[str]
) -> tuple[int, dict[int, NDArray[np.float32]]]:
    """How many words are there, and which rows have the units? The first of equal words counts."""
    spellings = _spellings(wanted)
    fits: dict[int, int] = {}
    rows: dict[int, NDArray[np.float32]] = {}
    count = 0
    for number, text in numbered:
        word, values = _parts(text, dimension, f"{file}, line {number}")
        for index, fit in spellings.get(word, ()):
            if fit > fits.get(index, 0):
                rows[index], fits[index] = _values(values, f"{file}, line {number}"), fit
        count += 1
    return count, rows


def _spellings(wanted: Sequence[str]) -> dict[str, list[tuple[int, int]]]:
    """Which units look for a spelling, and how well would it fit them?"""
    found: dict[str, list[tuple[int, int]]] = {}
    for index, unit in enumerate(wanted):
        if _sought(unit):
            for spelling, fit in {unit.lower(): IN_LOWER_CASE, unit: AS_IT_IS}.items():
                found.setdefault(spelling, []).append((index, fit))
    return found


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    for number, text in lines(file, "utf-8", LONGEST):
        if text is None:
            raise DataError(
                f"{file}, line {number} is longer than {LONGEST} characters; word vectors have one word a line."
            )
        text = text.replace("\t", " ").rstrip(" ")
        if text:
            yield number, text


def _parts(text: str, dimension: int, where: str) -> tuple[str, str]:
    """The word and its values, as text. A word may hold spaces, but not be followed by more numbers."""
    spaces = text.count(" ")
    if spaces == dimension and spaces:
        word, _, values = text.partition(" ")
        return word, values
    *words, values = text.split(" ", max(spaces - dimension, 0) + 1)
    if spaces < dimension or not dimension or all(map(_is_number, words[1:])):
        raise DataError(
            f"{where}: {dimension} values are needed after the word, as in the lines before, got {spaces}. "
            "Correct or remove that line."
        )
    return " ".join(words).rstrip(" "), values


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _values(text: str, where: str) -> NDArray[np.float32]:
    try:
        with np.errstate(over="ignore"):
            row = np.array(text.split(" "), dtype=np.float32)
    except ValueError as error:
        raise DataError(f"{where}: a value is not a number ({error}). Is this a file of vectors?") from error
    if not np.isfinite(row).all():
        raise DataError(f"{where}: a value is not a finite number. Correct or remove that line.")
    return row


def _sought(unit: str) -> bool:
    return unit not in (END, UNKNOWN)


def _unaccented(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")


def _bert_words(text: str) -> list[str]:
    """BERT's own words: every punctuation mark and every Chinese character stands alone."""
    return "".join(f" {c} " if _stands_alone(c) else c for c in text).split()


def _stands_alone(character: str) -> bool:
    if character.isascii():
        return character.isprintable() and not character.isalnum() and character != " "
    name = unicodedata.name(character, "")
    return unicodedata.category(character)[0] == "P" or name.startswith("CJK UNIFIED IDEOGRAPH")
