"""Source: which file was read, and the checks at its door.

A file is looked at once before it is read: missing, a folder, empty, unreadable and binary files are
turned away with a sentence that says what to do.
"""

import difflib
import gzip
import hashlib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from undertow.errors import DataError, SettingError

Format = Literal["csv", "tsv", "jsonl", "parquet", "trees", "lines"]

FORMATS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}

TREES = (".ptb", ".mrg")  # endings of trees in brackets, where labels are asked for

HEAD = 1 << 16  # bytes looked at to tell text from anything else

SIGNATURES = {
    b"PAR1": "a Parquet file; give it the ending .parquet",
    b"PK\x03\x04": "a zip archive or a spreadsheet; unpack it, or save the sheet as CSV",
    b"%PDF": "a PDF; save its text as plain text",
    b"\x1f\x8b": "a file compressed with gzip; give it the ending .gz",
    b"BZh": "a file compressed with bzip2; unpack it",
    b"\xfd7zXZ": "a file compressed with xz; unpack it",
}


@dataclass(frozen=True)
class Source:
    """Which bytes were read, and how.

    Args:
        path: as the user gave it.
        format: lines, csv, tsv, jsonl, parquet or trees.
        column: of a table, the column that was read; None for plain text.
        encoding: of the characters; utf-8 for Parquet.
        sha256: of the file's bytes as they lie on the disk, hexadecimal.
        bytes: length of the file.
    """

    path: str
    format: str
    column: str | None
    encoding: str
    sha256: str
    bytes: int


def format_of(path: str | Path) -> str:
    """Which format does the file's ending stand for? A final .gz is looked through; else "lines"."""
    return FORMATS.get(_ending(path), "lines")


def format_meant(path: str | Path, asked: str | None) -> str:
    """Which format is the file to be read in, where it may be trees as well?

    Args:
        path: of the file; its ending says the format where none is asked for.
        asked: a `Format`, whatever the ending.

    Returns:
        The format; "trees" for .ptb and .mrg, else as `format_of`.

    Raises:
        SettingError: no such format.
    """
    if asked is None:
        return "trees" if _ending(path) in TREES else format_of(path)
    if asked not in get_args(Format):
        raise SettingError(f"--format {asked} is unknown. Take one of {', '.join(get_args(Format))}.")
    return asked


def check_file(
    path: str | Path, *, encoding: str = "utf-8", known: Iterable[str] = (), format: str | None = None
) -> Path:
    """Can this file be read at all?

    Args:
        path: of the file.
        encoding: only utf-16 and utf-32 may hold zero bytes.
        known: names that would have been taken in place of a path, for the error.
        format: that it is to be read in; None asks the ending whether it is Parquet.

    Returns:
        The path.

    Raises:
        DataError: missing, a folder, not a regular file, empty, unreadable or binary.
    """
    path = check_exists(path, known)
    head = _head(path)
    if not head:
        raise DataError(f"{path} is empty (0 bytes).")
    parquet = path.suffix.lower() == ".parquet" if format is None else format == "parquet"
    if parquet and not head.startswith(b"PAR1"):
        said = "ends in .parquet" if format is None else "is to be read as Parquet"
        raise DataError(f"{path} {said} but is not Parquet (it does not begin with PAR1).")
    if not parquet:
        _check_text(path, head, encoding)
    return path


def check_exists(path: str | Path, known: Iterable[str] = ()) -> Path:
    """Is there such a file?

    Args:
        path: of the file.
        known: names that would have been taken in place of a path, for the error.

    Raises:
        DataError: missing, a folder, or not a regular file.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(_missing(path, tuple(known)))
    if path.is_dir():
        raise DataError(f"{path} is a folder; a file is needed. Name one file in it.")
    if not path.is_file():
        raise DataError(f"{path} is a device or a pipe; it is read twice, so save it to a file first.")
    return path


def describe(
    path: str | Path, *, encoding: str, column: str | None = None, format: str | None = None
) -> Source:
    """What exactly was read? Streams the file once for its SHA-256.

    Args:
        path: a file that passed `check_file`.
        encoding: that it was read with.
        column: of a table.
        format: that it was read in; None says what the ending stands for.

    Returns:
        The `Source`.
    """
    with Path(path).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
    return Source(str(path), format or format_of(path), column, encoding, digest, size)


def _ending(path: str | Path) -> str:
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _missing(path: Path, known: tuple[str, ...]) -> str:
    folder = path.parent
    beside = sorted(item.name for item in folder.iterdir()) if folder.is_dir() else []
    close = difflib.get_close_matches(path.name, [*beside, *known], n=3)
    told = f"{path} does not exist."
    if not folder.is_dir():
        told += f" Its folder {folder} does not exist either."
    if close:
        told += f" Close to it: {', '.join(close)}."
    if known:
        told += f" Sets that come with undertow: {', '.join(known)}."
    return told


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
        if path.suffix.lower() != ".gz" or not head:
            return head
        with gzip.open(path) as file:
            return file.read(HEAD)
    except gzip.BadGzipFile as error:
        raise DataError(
            f"{path} ends in .gz but is not compressed with gzip; take the .gz off its name."
        ) from error
    except (EOFError, zlib.error) as error:
        raise DataError(f"{path}: the gzip data are damaged or cut short ({error}).") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Check its permissions.") from error


def _check_text(path: Path, head: bytes, encoding: str) -> None:
    for signature, told in SIGNATURES.items():
        if head.startswith(signature):
            raise DataError(f"{path} is not text; it looks like {told}.")
    wide = encoding.lower().replace("_", "-").startswith(("utf-16", "utf16", "utf-32", "utf32"))
    if not wide and head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path} begins with the mark of UTF-16; read it with --encoding utf-16.")
    if not wide and b"\0" in head:
        raise DataError(
            f"{path} is binary: byte {head.index(0)} is zero, which text never holds. "
            "Text, CSV, TSV, JSON lines and Parquet are read; UTF-16 text needs --encoding utf-16."
        )
