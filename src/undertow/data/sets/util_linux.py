"""util-linux-locales: what the programs of util-linux say, in English and as it was translated.

English is the key and its translation the value of a .mo file. A message in the plural is a pair of its own; context
and repeated blanks, which line up columns in a terminal, are dropped.
"""

import gettext
import io
import re
from collections.abc import Iterator

from undertow.data.sets.debian_package import DebianPackage
from undertow.data.sets.forms import Table
from undertow.data.sets.record import Set

CONTEXT = "\x04"  # what ends it


def messages(catalogue: bytes) -> Iterator[tuple[str, str]]:
    """English and its translation."""
    held = gettext.GNUTranslations(io.BytesIO(catalogue))
    known: dict[str | tuple[str, int], str] = vars(held)["_catalog"]
    for key, said in known.items():
        english = key if isinstance(key, str) else key[0]
        if english:
            yield _line(english.rpartition(CONTEXT)[2]), _line(said)


def _line(message: str) -> str:
    return re.sub(r"[ \t\n\r]+", " ", message).strip(" ")


def _row(language: str, name: str, rows: int) -> Set:
    return Set(
        name=f"messages_en_{language}",
        about=f"messages of programs, English, {name}",
        suits="translate",
        options="",
        rows=rows,
        licence="GPL-2+",
        place=DebianPackage("util-linux-locales"),
        files=(f"usr/share/locale/{language}/LC_MESSAGES/util-linux.mo",),
        form=Table(("source", "target")),
        read=messages,
    )


SETS = (_row("fr", "French", 4_851), _row("de", "German", 4_830))
