"""Forms: how rows become files: a table, lines of text, or files as they are."""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

BREAKS = re.compile(r"[\t\n\v\f\r]+")  # what a value of a table must not hold


@dataclass(frozen=True)
class Packed:
    """Files ready to be written: names below the place that is asked for ("" is the place itself), and bytes."""

    files: tuple[tuple[str, bytes], ...]
    rows: int


class Form(Protocol):
    """A way to write rows."""

    @property
    def ending(self) -> str:
        """Of the file's name; of a folder's, nothing."""

    def pack(self, rows: Iterable[tuple[Any, ...]]) -> Packed:
        """The rows as bytes; ValueError where a row does not fit."""


@dataclass(frozen=True)
class Table:
    """A table with a header; of TSV, a tab or a line break within a value becomes a space."""

    columns: tuple[str, ...]
    ending: Literal[".tsv", ".csv"] = ".tsv"

    def pack(self, rows: Iterable[tuple[Any, ...]]) -> Packed:
        """The header and the rows, in UTF-8."""
        text = io.StringIO()
        tabs = self.ending == ".tsv"
        if tabs:  # where a quote is a character like any other
            writer = csv.writer(
                text, "excel-tab", quoting=csv.QUOTE_NONE, quotechar=None, lineterminator="\n"
            )
        else:
            writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        count = 0
        for count, row in enumerate(rows, start=1):
            whole = len(row) - row.count(None)
            if not whole == len(row) == len(self.columns):
                raise ValueError(f"row {count:,} has {whole} values, {len(self.columns)} are expected")
            writer.writerow([BREAKS.sub(" ", str(value)) for value in row] if tabs else row)
        return Packed((("", text.getvalue().encode()),), count)


@dataclass(frozen=True)
class Lines:
    """One long text; a row is one line of it."""

    ending: str = ".txt"

    def pack(self, rows: Iterable[tuple[Any, ...]]) -> Packed:
        """The lines, in UTF-8."""
        lines = [line for (line,) in rows]
        return Packed((("", "".join(f"{line}\n" for line in lines).encode()),), len(lines))


@dataclass(frozen=True)
class Copies:
    """A folder of files as they are; of each its name, its bytes, and how many rows it adds to the set."""

    ending: str = ""

    def pack(self, rows: Iterable[tuple[Any, ...]]) -> Packed:
        """The files."""
        files = [*rows]
        return Packed(tuple((name, data) for name, data, _ in files), sum(added for *_, added in files))
