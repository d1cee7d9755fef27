"""Pairs: texts and what each is translated to, out of a table or out of two files of lines."""

from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from undertow.data.columns import Role, Search
from undertow.data.decode import lines
from undertow.data.opening import open_table
from undertow.data.source import Format, Source, check_file, describe, format_meant
from undertow.data.table import Form, Row, Table, Wanted
from undertow.data.value import ROOM, checked_pair, remedy_of, too_long
from undertow.errors import DataError, SettingError

SOURCE = Role("source", ("source", "src"))

TARGET = Role("target", ("target", "tgt", "trg"))


@dataclass(frozen=True)
class PairLayout:
    """How a table, or two files, hold their pairs.

    Args:
        source: column of what is translated; None looks for a usual name.
        target: column of the translations; None looks for a usual name.
        header: the first row of CSV or TSV names the columns; else they are "1", "2", "3" and so on.
        format: None asks the file's ending; two files are read as lines.
        encoding: of the text formats; a UTF-8 byte order mark is dropped.
        max_length: characters a text of either side may have.
        skip_bad: count rows that cannot be used instead of stopping at the first.
    """

    source: str | None = None
    target: str | None = None
    header: bool = True
    format: Format | None = None
    encoding: str = "utf-8"
    max_length: int = 10_000
    skip_bad: bool = False


@dataclass(frozen=True)
class Pairs:
    """Distinct pairs of texts, and what was met on the way to them.

    Args:
        sources: what is translated, in the order of the file; a text may come with several translations.
        targets: the translations, one each.
        files: the table, or the file of the sources and the file of the targets.
        rows: rows or lines read, the header not counted: the sum of the pairs and of all below.
        duplicates: pairs met again and dropped.
        empty: pairs without a text on one side, or on both.
        skipped: rows that could not be used, dropped with `skip_bad`.
        columns: of a table, all of them; () for two files.
        chosen: the columns of the source and of the target; () for two files.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    files: tuple[Source, ...]
    rows: int
    duplicates: int
    empty: int
    skipped: int
    columns: tuple[str, ...]
    chosen: tuple[str, ...]


def side_to_split_by(pairs: Sequence[tuple[str, str]]) -> int:
    """Which side repeats more, 0 the source or 1 the target? All pairs of one such text belong into one part."""
    return min((0, 1), key=lambda side: len({pair[side] for pair in pairs}))


def read_pairs(paths: tuple[str | Path, ...], how: PairLayout | None = None) -> Pairs:
    """Which texts are translated, and to what?

    Space around a text is dropped; a line break inside a quoted value counts as a space.

    Args:
        paths: of one table; or of two files of lines, the line of one being the translation of the same
            line of the other. Text formats also as .gz.
        how: the table or the files are laid out; None looks for a header with usual names.

    Returns:
        The pairs in the order of the file, each once.

    Raises:
        DataError: a file, a column or a row cannot be used, the numbers of lines differ, or no pair is
            whole.
        SettingError: an unknown format or encoding, a limit below 1, or not one or two paths.
    """
    how = how or PairLayout()
    if how.max_length < 1:
        raise SettingError(f"--max-length must be at least 1, got {how.max_length}.")
    if len(paths) not in (1, 2):
        raise SettingError(
            f"pairs are read from one table or from two files of lines, got {len(paths)} files."
        )
    formats = [format_meant(path, how.format) for path in paths]
    for path in paths:
        check_file(path, encoding=how.encoding, format=how.format)
    table = _open_table(paths[0], how, formats[0]) if len(paths) == 1 else _open_lines(paths, how, formats)
    where = " and ".join(map(str, paths))
    kept: dict[tuple[str, str], None] = {}
    met: Counter[str] = Counter()
    names = SOURCE.word, TARGET.word
    with closing(table.rows):
        for row in table.rows:
            source, target, fault = checked_pair(row.values, row.fault, names, how.max_length)
            if fault and not how.skip_bad:
                remedy = remedy_of(fault, formats[0])
                raise DataError(f"{where}, {table.unit} {row.number:,}: {fault}. {remedy}")
            met["skipped" if fault else _keep(kept, (source, target))] += 1
    if not kept:
        raise DataError(_nothing(where, met))
    encoding = "utf-8" if formats[0] == "parquet" else how.encoding
    return Pairs(
        sources=tuple(source for source, _ in kept),
        targets=tuple(target for _, target in kept),
        files=tuple(
            describe(path, encoding=encoding, format=format)
            for path, format in zip(paths, formats, strict=True)
        ),
        rows=met.total(),
        duplicates=met["duplicates"],
        empty=met["empty"],
        skipped=met["skipped"],
        columns=table.columns,
        chosen=table.chosen,
    )


def _open_table(path: str | Path, how: PairLayout, format: str) -> Table:
    if format in ("lines", "trees"):
        raise DataError(
            f"{path} is read as {format}, and one file of pairs is a table. Say what it holds: --format tsv, "
            "csv, jsonl or parquet (with --no-header --source 1 --target 2 where the first row is data); or "
            "give two files of lines."
        )
    form = Form(format, how.encoding, how.header)

    def pick(columns: tuple[str, ...], strings: tuple[str, ...]) -> tuple[Wanted, ...]:
        return tuple(Wanted(name) for name in _pick(Path(path), columns, form, how))

    return open_table(path, pick, form)


def _pick(path: Path, columns: tuple[str, ...], form: Form, how: PairLayout) -> tuple[str, ...]:
    asked = how.source, how.target
    usual = any(role.is_usual(column) for role in (SOURCE, TARGET) for column in columns)
    if len(columns) == 2 and asked == (None, None) and not usual and not form.named_by_row:
        return columns
    return Search(path, columns, form, (SOURCE, TARGET), asked).found()


def _open_lines(paths: tuple[str | Path, ...], how: PairLayout, formats: list[str]) -> Table:
    for path, format in zip(paths, formats, strict=True):
        if format != "lines":
            raise DataError(
                f"{path} is read as {format}, and two files of pairs are files of lines. Give one table, or "
                "two files of lines (--format lines)."
            )
    if how.source is not None or how.target is not None:
        raise SettingError("Two files of lines have no columns. Leave --source and --target out.")
    return Table((), (), "line", _both(paths, how))


def _both(paths: tuple[str | Path, ...], how: PairLayout) -> Generator[Row, None, None]:
    """The lines of both files, side by side; at their end the numbers of them are compared."""
    streams = (lines(path, how.encoding, how.max_length + ROOM) for path in paths)
    counts = [0, 0]
    for pair in zip_longest(*streams):
        for side, line in enumerate(pair):
            counts[side] += line is not None
        if None not in pair:
            (number, source), (_, target) = pair
            long = [side.word for side, text in ((SOURCE, source), (TARGET, target)) if text is None]
            yield Row(number, (source, target), f"the {long[0]}: {too_long(how.max_length)}" if long else "")
    if counts[0] != counts[1]:
        raise DataError(
            f"{paths[0]} has {counts[0]:,} lines and {paths[1]} has {counts[1]:,}; a line of one is the "
            "translation of the same line of the other, so the numbers must be the same. Mend the longer "
            "one: is there a line too many, or a line broken in two?"
        )


def _keep(kept: dict[tuple[str, str], None], pair: tuple[str, str]) -> str:
    """Take the pair in if it is new; what became of it, as a count of `Pairs`."""
    if not all(pair):
        return "empty"
    if pair in kept:
        return "duplicates"
    kept[pair] = None
    return "kept"


def _nothing(where: str, met: Counter[str]) -> str:
    if not met.total():
        return f"{where}: there is no row below the header, or no row at all; pairs of texts are needed."
    return (
        f"{where}: no pair is whole; of {met.total():,} rows {met['empty']:,} have no text on one side, "
        f"and {met['skipped']:,} cannot be used and were skipped."
    )
