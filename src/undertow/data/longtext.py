"""Long text: a whole file as one array of characters, in the fewest bytes that hold them.

Two passes over the file: the first learns which characters there are, the second numbers them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undertow.data.decode import text_chunks
from undertow.data.source import Source, check_file, describe, format_of
from undertow.data.vocabulary import Vocabulary, code_points, describe_character
from undertow.errors import DataError, SettingError

CHUNK = 1 << 22  # bytes of the file held at a time

LEAST = 1000  # characters that can be trained on
LEAST_KNOWN = 2  # characters that can be scored with a given vocabulary


@dataclass(frozen=True, eq=False)
class Text:
    """One long text: its characters as indices, the vocabulary they count in, and its file."""

    ids: NDArray[Any]
    vocabulary: Vocabulary
    source: Source


def read_text(path: str | Path, *, encoding: str = "utf-8", vocabulary: Vocabulary | None = None) -> Text:
    """Which characters does this text hold, in order?

    Line ends are LF, whatever the file has; a UTF-8 byte order mark is dropped; .gz is unpacked. Memory
    is one, two or four bytes a character, whatever the length of the lines.

    Args:
        path: of a plain text.
        encoding: of its characters.
        vocabulary: to number them with, such as a trained model's; None makes one of the text, without
            an end mark.

    Returns:
        The text; `ids` is uint8, uint16 or uint32, as the vocabulary needs.

    Raises:
        DataError: a file that cannot be used, fewer than 1,000 characters (2 with a given vocabulary), or
            characters that the given vocabulary does not have.
        SettingError: an unknown encoding.
    """
    check_file(path, encoding=encoding)
    if format_of(path) != "lines":
        raise DataError(
            f"{path} is a table ({format_of(path)}), and one long plain text is needed. "
            "Strings of a table are trained with `undertow train names --column NAME`."
        )
    used, length = _survey(path, encoding)
    least = LEAST if vocabulary is None else LEAST_KNOWN
    if length < least:
        raise DataError(f"{path} has {length:,} characters; a text needs at least {least:,}.")
    known = Vocabulary(tuple(map(chr, used)), end=False) if vocabulary is None else vocabulary
    if known.unknown("".join(map(chr, used))):
        raise DataError(_strange(path, encoding, known))
    ids = np.empty(length, dtype=np.min_scalar_type(known.size - 1))
    at = 0
    for chunk in _chunks(path, encoding):
        ids[at : at + len(chunk)] = known.encode(chunk)
        at += len(chunk)
    return Text(ids, known, describe(path, encoding=encoding))


def split_tail(ids: NDArray[Any], share: float = 0.1) -> tuple[NDArray[Any], NDArray[Any]]:
    """Which part is trained on, and which, at the end of the text, is validation?

    Args:
        ids: of the whole text.
        share: of validation, above 0 and below 1.

    Returns:
        Train and validation, views of `ids`; the cut is at (1 - share) of the length, rounded down.

    Raises:
        SettingError: a share that leaves one of them empty.
    """
    cut = int(len(ids) * (1 - share))
    if not 0 < cut < len(ids):
        raise SettingError(
            f"a validation share of {share} leaves nothing on one side of {len(ids):,} characters."
        )
    return ids[:cut], ids[cut:]


def _chunks(path: str | Path, encoding: str) -> Iterator[str]:
    return text_chunks(path, encoding, size=CHUNK)


def _survey(path: str | Path, encoding: str) -> tuple[list[int], int]:
    seen = np.zeros(0x110000, dtype=np.bool_)
    length = 0
    for chunk in _chunks(path, encoding):
        seen[code_points(chunk)] = True
        length += len(chunk)
        if seen[0]:
            raise DataError(f"{path} is binary: it holds a zero character, which text never does.")
    return [int(code) for code in np.flatnonzero(seen)], length


def _strange(path: str | Path, encoding: str, vocabulary: Vocabulary) -> str:
    first, line, count = "", 0, 0
    ends = 1
    for chunk in _chunks(path, encoding):
        strange = ~np.isin(code_points(chunk), code_points("".join(vocabulary.characters)))
        if not first and strange.any():
            at = int(np.argmax(strange))
            first, line = chunk[at], ends + chunk.count("\n", 0, at)
        ends += chunk.count("\n")
        count += int(strange.sum())
    close = vocabulary.close(first)
    hint = f" Close to it and known: {' '.join(close)}." if close else ""
    return (
        f"{path}, line {line:,}: {describe_character(first)} is not among the {len(vocabulary.characters)} "
        f"characters that the model was trained on; {count:,} characters of the text are not.{hint}"
    )
