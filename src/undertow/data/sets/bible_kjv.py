"""bible-kjv-text: the King James Bible of 1611, a verse a line.

Its file is a header, then windows of 65,536 characters, each compressed alone as the old `compress` does:

    4 bytes "EC02", 80 of a title, window size, number of windows, length of the header, where each window ends;
    3 bytes of `compress` (1f 9d, then its settings), which stand for all windows; the windows.
"""

import re
import struct
from collections.abc import Iterator
from itertools import pairwise

from undertow.data.sets.debian_package import DebianPackage
from undertow.data.sets.forms import Lines
from undertow.data.sets.lzw import expanded
from undertow.data.sets.record import Set

SIZES = struct.Struct(">4s80x3I")
VERSE = re.compile(r"[1-3]?[A-Za-z]+\d+:\d+ (.*)")  # after book, chapter and number


def verses(data: bytes) -> Iterator[tuple[str]]:
    """The verses, without book, chapter and number."""
    magic, size, count, header = SIZES.unpack_from(data)
    if magic != b"EC02" or data[header - 3 : header - 1] != b"\x1f\x9d":
        raise ValueError("it is not a text as the program `bible` reads it")
    ends = struct.unpack_from(f">{count}I", data, SIZES.size)
    windows = [expanded(data[start:end], data[header - 1]) for start, end in pairwise((header, *ends))]
    if ends[-1] != len(data) or any(len(window) != size for window in windows[:-1]):
        raise ValueError("a part of it was cut short")
    for line in b"".join(windows).decode("ascii").splitlines():
        if verse := VERSE.fullmatch(line):
            yield (verse[1],)


SETS = (
    Set(
        name="king_james",
        about="the King James Bible, a verse a line",
        suits="text",
        options="",
        rows=31_102,
        licence="public domain",
        place=DebianPackage("bible-kjv-text"),
        files=("usr/lib/bible.data",),
        form=Lines(),
        read=verses,
    ),
)
