"""Tokens: a text cut into units (characters, words or subwords), and the numbered table of those units.

Words: white space parts them, and punctuation comes off their edges. What belongs to a word stays in it:
"don't", "well-known", "U.S.", "3.5", "1,000". A text that was cut before, as treebanks are ("do n't"),
comes out as it is. Languages that write no spaces need characters or subwords.

Subwords: byte-pair encoding (Sennrich, Haddow & Birch 2016) inside of words; "▁" stands before a piece
that follows white space. The library `tokenizers` learns the merges; they are applied here without it.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from undertow.errors import DataError, MissingExtraError, SettingError

Units = Literal["characters", "words", "subwords"]
Merges = tuple[tuple[str, str], ...]

FORMAT = 2  # 1: without shapes; it is still written where there are none
END, UNKNOWN = "(end)", "(unknown)"  # no unit is called so: brackets come off a word
AT_END, STRANGE = 0, 1  # their numbers
START = "▁"  # of a piece that follows white space
SUBWORDS = 8192  # names, unless `most` says otherwise
LONGEST = 64  # characters that merges look at together; a longer word is cut
NUMBER = re.compile(r"\d+(?:[,.:]\d+)*")
REMEMBERED = 1 << 16  # words whose pieces are kept

ABBREVIATIONS = "mr|mrs|ms|dr|prof|st|jr|sr|vs|etc|inc|corp|ltd|co|bros|sept|al|ph\\.d"
CLITICS = "s|re|ve|ll|d|m|t|em|n['’]?|til|tis|twas|cause|bout|round|\\d+s?"


@dataclass(frozen=True)
class Tokens:
    """Units in the order of their numbers: 0 pads and ends, 1 stands for every unit that is not known.

    Args:
        units: characters, words or subwords.
        lower: upper case counts as lower case.
        names: the units, each once; the first two are `END` and `UNKNOWN`.
        merges: of subwords, which two pieces become one, the first learnt first.
        shapes: of words, one that is not known is read by its shape where that is known: every run of digits is one 0.
    """

    units: Units
    lower: bool
    names: tuple[str, ...]
    merges: Merges = ()
    shapes: bool = False

    @classmethod
    def of(
        cls,
        texts: Iterable[str],
        units: Units,
        lower: bool,
        least: int = 1,
        most: int | None = None,
        *,
        shapes: bool = False,
    ) -> "Tokens":
        """Which units do these texts use? The most frequent first, those as frequent by their spelling.

        Args:
            texts: to be learnt from.
            units: characters, words or subwords.
            lower: upper case counts as lower case.
            least: how often a unit (of subwords: a pair to be merged) must be seen.
            most: names in all, the first two included; for subwords 8,192 unless said.
            shapes: words that are met less often are known by their shape, where that is met so often.

        Returns:
            The table; the same for the same texts.

        Raises:
            SettingError: unknown units, least below 1, most below 3.
            MissingExtraError: subwords without the library tokenizers.
            DataError: no unit is left.
        """
        _check(units, least, most)
        if units == "subwords":
            found, merges = _learn(_marked(texts, lower), least, most or SUBWORDS)
        else:
            table = cls(units, lower, (END, UNKNOWN))
            seen = Counter(u for text in texts for u in table._units(text))
            found, merges = (
                _often(_with_shapes(seen, least) if shapes and units == "words" else seen, least),
                (),
            )
        if not found:
            raise DataError(f"no unit is seen {least} times or more: the texts hold no {units} to learn.")
        return cls(units, lower, (END, UNKNOWN, *found)[:most], merges, shapes and units == "words")

    @property
    def size(self) -> int:
        """How many indices are there, the first two included?"""
        return len(self.names)

    def encode(self, text: str) -> NDArray[np.int64]:
        """Which indices are the units of this text? 1 where a unit is not known; no end mark is added."""
        return np.array([self._number(unit) for unit in self._units(text)], dtype=np.int64)

    def row(self, text: str) -> NDArray[np.int64]:
        """What does a network read of this text? One unknown unit, where it has none."""
        ids = self.encode(text)
        return ids if len(ids) else np.array([STRANGE])

    def pieces(self, text: str) -> list[str]:
        """How does the text spell its units? One for each index of `encode`, in the case of the text."""
        if self.units == "subwords":
            return [piece for word in _words(text) for piece in self._cut(word)]
        return split_words(text, lower=False) if self.units == "words" else list(text)

    def decode(self, ids: Iterable[int]) -> str:
        """Which text do these indices spell? End marks are left out; words get one space between them.

        Raises:
            DataError: an index outside 0 to size - 1.
        """
        units = [self._name(int(index)) for index in ids if index]
        if self.units == "subwords":
            return "".join(units).replace(START, " ").strip()
        return (" " if self.units == "words" else "").join(units)

    def unknown(self, text: str) -> tuple[str, ...]:
        """Which units of this text are not known? Sorted, each once."""
        return tuple(sorted({unit for unit in self._units(text) if self._number(unit) == STRANGE}))

    def to_json(self) -> dict[str, Any]:
        """What has to be written down to have these units again?"""
        merges = [list(pair) for pair in self.merges]
        told = {"units": self.units, "lower": self.lower, "names": list(self.names), "merges": merges}
        return {"format": FORMAT, **told, "shapes": True} if self.shapes else {"format": 1, **told}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "Tokens":
        """Which units were written down? Subwords need no library to be applied.

        Raises:
            DataError: a newer format, or not such a table.
        """
        version = record.get("format")
        if isinstance(version, int) and version > FORMAT:
            raise DataError(
                f"units of text in format {version}: this undertow reads up to {FORMAT}. Update undertow."
            )
        units: Any = record.get("units")
        lower = record.get("lower")
        if version not in (1, FORMAT) or units not in get_args(Units) or not isinstance(lower, bool):
            raise DataError(
                'not a table of units: needs "format": 1 or 2, "units" (characters, words or subwords) and '
                '"lower", true or false.'
            )
        names = _read_names(record.get("names"))
        merges = _read_merges(record.get("merges"), units, names)
        return cls(units, lower, names, merges, record.get("shapes") is True)

    @cached_property
    def _table(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.names) if index > 1}

    @cached_property
    def _ranks(self) -> dict[tuple[str, str], int]:
        return {pair: rank for rank, pair in enumerate(self.merges)}

    @cached_property
    def _merged(self) -> dict[str, tuple[str, ...]]:
        return {}

    def _number(self, unit: str) -> int:
        table = self._table
        found = table.get(unit)
        if found is None and self.shapes:
            found = table.get(shape(unit))
        return STRANGE if found is None else found

    def _units(self, text: str) -> list[str]:
        if self.units == "characters":
            return list(_lower(text) if self.lower else text)
        return [_lower(piece) for piece in self.pieces(text)] if self.lower else self.pieces(text)

    def _cut(self, word: str) -> Iterator[str]:
        start, known = 0, self._merged
        seen = _lower(word) if self.lower else word
        if seen not in known:
            if len(known) == REMEMBERED:
                known.clear()
            known[seen] = _merge(seen, self._ranks)
        for piece in known[seen]:
            yield word[start : start + len(piece)]
            start += len(piece)

    def _name(self, index: int) -> str:
        if not 0 <= index < self.size:
            raise DataError(f"index {index} is not of these units, which have 0 to {self.size - 1}.")
        return self.names[index]


def is_word(unit: str) -> bool:
    """Does it stand in texts? Not so the end, and what is unknown."""
    return unit not in (END, UNKNOWN)


def shape(word: str) -> str:
    """How does a word look, whatever its numbers are? "£1,000" and "£50" are both "£0"."""
    return NUMBER.sub("0", word)


def most_frequent(units: Iterable[str], least: int) -> list[str]:
    """Which units are met so often? The most frequent first, those as frequent by their spelling."""
    return _often(Counter(units), least)


def _with_shapes(seen: Counter[str], least: int) -> Counter[str]:
    """Units that are met so often, and the shapes of those with digits that are not."""
    found: Counter[str] = Counter()
    for unit, times in seen.items():
        found[unit if times >= least else shape(unit)] += times
    return found


def _often(seen: Counter[str], least: int) -> list[str]:
    return sorted((unit for unit in seen if seen[unit] >= least), key=lambda unit: (-seen[unit], unit))


def split_words(text: str, lower: bool) -> list[str]:
    """Which words and marks does the text hold? Nothing but white space is left out.

    Args:
        text: of any script; one that was cut before comes out as it is.
        lower: whether words come in lower case.

    Returns:
        Words, numbers, marks (equal ones in a row as one) and emoticons, in the order of the text.
    """
    words = [match.group() for match in _pattern().finditer(text)]
    return [_lower(word) for word in words] if lower else words


def _lower(text: str) -> str:
    return text.replace("İ", "i").lower()  # the one letter whose lower case is two code points


@cache
def _pattern() -> re.Pattern[str]:
    marks = _marks()
    run = rf"[^\W_]+(?:[{marks}]+[^\W_]*)*"
    inner = r"(?:\\?/|['’.&@_‐‑\-]|(?<=\d)[,:٫٬](?=\d))"
    return re.compile(
        rf"""
        (?i:https?://|www\.)\S*[\w/]
        |-(?i:[lr][rcs]b)-                                        # a treebank's brackets
        |[:;=][-'^]?(?:[()\[\]]+|[/\\|*](?!\S)|[DPpOo](?!\w))|<3(?!\w)    # emoticons
        |(?<!\w)(?:(?:[^\W\d_]\.){{2,}}|(?i:{ABBREVIATIONS})\.)(?![\w.])
        |(?<!\S)[A-HJ-Z]\.(?=\s+[^\W\d_])                         # an initial, not the end of a sentence
        |(?<!\S)['’](?i:{CLITICS})(?!\w)
        |(?:(?<![\w.])\.(?=\d))?{run}(?:{inner}{run})*
        |[!?]{{2,}}|(?:\\[/*])+                                   # the second: a treebank's \\*\\*
        |(?P<same>(?!\s)[!-/:-@\[-`{{-~\u00a1-\u25ff\u3000-\u303f])(?P=same)*[{marks}]*
        |\S[{marks}]*(?:(?<=\u200d)[^\w\s][{marks}]*)*            # an emoji with what is joined to it
        """,
        re.VERBOSE,
    )


def _marks() -> str:
    """The inside of a character class: what changes the letter or sign before it."""
    points = [point for point in range(0x300, 0x1F000) if unicodedata.category(chr(point))[0] == "M"]
    return "".join(map(chr, points)) + "\u00ad\u200c\u200d\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef"


def _words(text: str) -> Iterator[str]:
    """Words as merges take them: marked where they follow white space, and not too long."""
    for match in _pattern().finditer(text):
        start = match.start()
        word = match.group() if start and not text[start - 1].isspace() else START + match.group()
        yield from (word[at : at + LONGEST] for at in range(0, len(word), LONGEST))


def _marked(texts: Iterable[str], lower: bool) -> Iterator[str]:
    for text in texts:
        whole = text.encode("utf-8", "replace").decode()  # a lone surrogate is no character to the library
        yield " ".join(_lower(word) if lower else word for word in _words(whole))


def _merge(word: str, ranks: dict[tuple[str, str], int]) -> tuple[str, ...]:
    """Which pieces are left when the two that were learnt first are merged, again and again?"""
    pieces, never = list(word), len(ranks)
    while len(pieces) > 1:
        found = [ranks.get(pair, never) for pair in pairwise(pieces)]
        best = min(found)
        if best == never:
            break
        at = found.index(best)
        pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]
    return tuple(pieces)


def _learn(lines: Iterable[str], least: int, most: int) -> tuple[list[str], Merges]:
    try:
        library = import_module("tokenizers")
    except ImportError as error:
        raise MissingExtraError(
            'units "subwords" are learnt by the library tokenizers, which is not installed. '
            'Install it with: pip install "undertow[text]"; or take words or characters.'
        ) from error
    learner = library.Tokenizer(library.models.BPE(unk_token=UNKNOWN))
    learner.pre_tokenizer = library.pre_tokenizers.WhitespaceSplit()
    trainer = library.trainers.BpeTrainer(
        vocab_size=most,
        min_frequency=least,
        special_tokens=[END, UNKNOWN],
        limit_alphabet=most - 2,
        show_progress=False,
    )
    learner.train_from_iterator(lines, trainer)
    numbers: dict[str, int] = learner.get_vocab()
    return sorted(numbers, key=numbers.__getitem__)[2:], _merges_of(learner.to_str())


def _merges_of(model: str) -> Merges:
    merges = json.loads(model)["model"]["merges"]
    pairs = (pair.split(" ") if isinstance(pair, str) else pair for pair in merges)  # text before 0.20.2
    return tuple((left, right) for left, right in pairs)


def _read_names(names: Any) -> tuple[str, ...]:
    if not isinstance(names, list) or names[:2] != [END, UNKNOWN]:
        raise DataError(
            f'not a table of units: "names" must be a list that begins with "{END}", "{UNKNOWN}".'
        )
    if not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
        raise DataError('not a table of units: its "names" must be distinct and none of them empty.')
    return tuple(names)


def _read_merges(merges: Any, units: str, names: tuple[str, ...]) -> Merges:
    if not isinstance(merges, list) or (merges and units != "subwords"):
        raise DataError('not a table of units: "merges" must be a list, and empty unless units are subwords.')
    known = set(names)
    for pair in merges:
        if not isinstance(pair, list) or len(pair) != 2 or not {*pair, "".join(pair)} <= known:
            raise DataError(
                f"not a table of units: the merge {pair!r} must be two names which make a third when joined."
            )
    return tuple((left, right) for left, right in merges)


def _check(units: str, least: int, most: int | None) -> None:
    if units not in get_args(Units):
        raise SettingError(f"units must be characters, words or subwords, got {units!r}.")
    if least < 1:
        raise SettingError(
            f"a unit must be seen at least once to be learnt; least must be 1 or more, got {least}."
        )
    if most is not None and most < 3:
        raise SettingError(
            f"most must be 3 or more, got {most}: two names are kept for the end and for unknown units."
        )
