"""Decode: a file as a stream of characters, in bounded memory whatever the length of its lines.

Gzip is unpacked, a byte order mark is dropped, and CRLF and CR become LF. A byte that does not fit the
encoding is reported with its line.
"""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path

from undertow.errors import DataError, SettingError

CHUNK = 1 << 20  # bytes


def text_chunks(path: str | Path, encoding: str = "utf-8", *, size: int = CHUNK) -> Iterator[str]:
    """What characters does the file hold? Yields them in pieces.

    Args:
        path: a text file; .gz is unpacked.
        encoding: any name that Python knows.
        size: bytes read at a time.

    Yields:
        Pieces of text, none of them empty, line ends as LF; a CRLF cut by a border counts once.

    Raises:
        SettingError: an encoding nobody knows.
        DataError: a byte that the encoding does not allow, or damaged gzip.
    """
    decoder = io.IncrementalNewlineDecoder(_decoder(encoding), translate=True)
    seen = 0  # line ends so far
    for block, last in _blocks(Path(path), size):
        try:
            piece = decoder.decode(block, final=last)
        except UnicodeError as error:
            raise _undecodable(path, encoding, error, seen) from error
        seen += piece.count("\n")
        if piece:
            yield piece


def lines(path: str | Path, encoding: str, limit: int) -> Iterator[tuple[int, str | None]]:
    """What are the lines of the file? A longer one than `limit` is told before it is read to its end.

    Args:
        path: a text file; .gz is unpacked.
        encoding: any name that Python knows.
        limit: characters.

    Yields:
        The line's number from 1, and its text without the line end, or None when it passes the limit.
    """
    number, start, told = 1, "", False
    for chunk in text_chunks(path, encoding):
        *whole, rest = chunk.split("\n")
        for piece in whole:
            if not told:
                text = start + piece
                yield number, text if len(text) <= limit else None
            number, start, told = number + 1, "", False
        if not told:
            start += rest
            if len(start) > limit:
                yield number, None
                start, told = "", True
    if start:
        yield number, start


def _decoder(encoding: str) -> codecs.IncrementalDecoder:
    try:
        name = codecs.lookup(encoding).name
        "".encode(name)  # a codec such as base64 is known but does not speak of characters
    except LookupError as error:
        raise SettingError(
            f"--encoding {encoding} is unknown. Try utf-8, cp1252 (Western Windows), latin-1 or utf-16."
        ) from error
    return codecs.getincrementaldecoder("utf-8-sig" if name == "utf-8" else name)("strict")


def _blocks(path: Path, size: int) -> Iterator[tuple[bytes, bool]]:
    packed = path.suffix.lower() == ".gz"
    with gzip.open(path) if packed else path.open("rb") as file:
        while True:
            try:
                block = file.read(size)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise DataError(f"{path}: the gzip data are damaged or cut short ({error}).") from error
            except OSError as error:
                raise DataError(f"{path} cannot be read: {error.strerror}.") from error
            yield block, not block
            if not block:
                return


def _undecodable(path: str | Path, encoding: str, error: UnicodeError, seen: int) -> DataError:
    if not isinstance(error, UnicodeDecodeError):  # UTF-16 or -32 without its mark
        return DataError(f"{path} is not {encoding}: {error}. Try --encoding utf-16-le or --encoding utf-8.")
    before = error.object[: error.start].decode(encoding, "ignore")
    line = seen + 1 + before.replace("\r\n", "\n").replace("\r", "\n").count("\n")
    if encoding.lower().replace("_", "-") not in ("utf-8", "utf8"):
        remedy = "It may be --encoding utf-8."
    else:
        remedy = f"It may be --encoding {_guess(error.object)}; or save the file as UTF-8."
    byte = error.object[error.start]
    return DataError(f"{path}, line {line}: byte 0x{byte:02x} is not {encoding} ({error.reason}). {remedy}")


def _guess(block: bytes) -> str:
    try:
        block.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"
