"""Vectors as text: a word a line, then its values, as GloVe and word2vec have it (also .gz)."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from undertow.data.decode import lines
from undertow.data.tokens import is_word
from undertow.errors import DataError

LONGEST = 1 << 20  # characters in a line
AS_IT_IS, IN_LOWER_CASE = 2, 1  # how well a spelling fits a unit; 0 is not found


def read_text(file: Path, wanted: Sequence[str]) -> tuple[str, dict[int, NDArray[np.float32]]]:
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
        if is_word(unit):
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
