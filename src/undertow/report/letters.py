"""Letters that the usual font lacks, as those of Chinese, drawn by another one that is installed and has them."""

import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.font_manager import FontEntry, FontProperties
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

BOXES = "Last Resort"  # a font that has every letter, as an empty box
UPRIGHT = ("normal", 400)
UNDRAWN = ("Cc", "Cf")  # ends of lines, and marks of direction
SHOWN = 5  # letters that a warning names


class LettersWarning(UserWarning):
    """No font that is installed has some letters of a picture."""


@contextmanager
def drawn(figure: Figure) -> Iterator[None]:
    """While a figure is saved: every letter by a font that has it; said once where none does, not once a letter."""
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    lacking = {text: found for text in texts if (found := _lacking(text.get_text()))}
    fonts, left = _lenders(frozenset().union(*lacking.values()))
    for text in lacking:
        text.set_fontfamily([*text.get_fontfamily(), *fonts])
    if left:
        some = " ".join(map(chr, sorted(left)[:SHOWN]))
        said = f"no font on this machine has {some}: pictures show boxes there. Install one that does, such as Noto."
        warnings.warn(said, LettersWarning, stacklevel=4)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        yield


def _lacking(text: str) -> frozenset[int]:
    """What the usual font cannot draw."""
    if text.isascii():
        return frozenset()
    seen = frozenset(ord(c) for c in text if unicodedata.category(c) not in UNDRAWN)
    return seen - _letters(font_manager.findfont(FontProperties()))


@lru_cache
def _lenders(lacking: frozenset[int]) -> tuple[tuple[str, ...], frozenset[int]]:
    """Families that have these letters between them, the most useful first, and what none of them has."""
    if not lacking:
        return (), lacking
    entries = [
        e for e in font_manager.fontManager.ttflist if (e.style, e.weight) == UPRIGHT and BOXES not in e.name
    ]
    having = {e.name: found for e in entries if (found := lacking & _letters_of(e))}
    chosen: list[str] = []
    while having and lacking:
        best = max(having, key=lambda name: (len(having[name] & lacking), name))
        if not having[best] & lacking:
            break
        lacking -= having.pop(best)
        chosen.append(best)
    return tuple(chosen), lacking


def _letters_of(font: FontEntry) -> frozenset[int]:
    try:
        return _letters(font.fname)
    except (OSError, RuntimeError):  # listed, but gone or broken: it lends nothing
        return frozenset()


@lru_cache
def _letters(file: str) -> frozenset[int]:
    return frozenset(FT2Font(file).get_charmap())
