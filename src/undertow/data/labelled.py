"""Labelled: texts and the label of each, out of a table of the user's or out of trees in brackets."""

from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from undertow.data.columns import Role, Search
from undertow.data.opening import open_table
from undertow.data.source import Format, Source, check_file, describe, format_meant
from undertow.data.table import Form, Row, Table, Wanted
from undertow.data.trees import Tree, rooted, sound_trees, trees
from undertow.data.value import checked_pair, remedy_of
from undertow.errors import DataError, SettingError

TEXT = Role(
    "text", ("text", "sentence", "message", "review", "content", "comment", "tweet", "title"), longest=True
)

LABEL = Role("label", ("label", "class", "category", "sentiment", "target", "rating", "score", "stars"))


@dataclass(frozen=True)
class Layout:
    """How a file holds its texts and labels.

    Args:
        text: column of the texts; None looks for a usual name.
        label: column of the labels; None looks for a usual name.
        header: the first row of CSV or TSV names the columns; else they are "1", "2", "3" and so on.
        format: None asks the file's ending; .ptb and .mrg are trees.
        encoding: of the text formats; a UTF-8 byte order mark is dropped.
        max_length: characters a text may have.
        skip_bad: count rows that cannot be used instead of stopping at the first.
        phrases: of trees, every subtree is a text with a label, not only the whole sentence.
        repeats: a text that is met again stays, as in a test part that others are scored on as well.
    """

    text: str | None = None
    label: str | None = None
    header: bool = True
    format: Format | None = None
    encoding: str = "utf-8"
    max_length: int = 10_000
    skip_bad: bool = False
    phrases: bool = False
    repeats: bool = False


@dataclass(frozen=True)
class Labelled:
    """Distinct texts with their labels, and what was met on the way to them.

    Args:
        texts: in the order of the file, each once; with `repeats` those met again follow.
        labels: of the texts, one each.
        source: the file; its column is that of the texts.
        rows: rows, lines or phrases read, the header not counted: the sum of the texts and of all below.
        duplicates: texts met again with the same label, dropped.
        conflicts: texts met again with another label, dropped; the first label stays.
        empty: rows without a text or without a label.
        skipped: rows that could not be used, dropped with `skip_bad`.
        columns: of a table, all of them; () for trees.
        chosen: the columns of the text and of the label; () for trees.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    source: Source
    rows: int
    duplicates: int
    conflicts: int
    empty: int
    skipped: int
    columns: tuple[str, ...]
    chosen: tuple[str, ...]


def read_labelled(path: str | Path, how: Layout | None = None) -> Labelled:
    """Which texts does this file hold, and what is the label of each?

    Space around a text or a label is dropped; a line break inside a quoted value counts as a space. A
    label is text, whatever it looks like: the number 3 is "3", 3.0 of JSON or Parquet as well.

    Args:
        path: of a table (.csv, .tsv, .jsonl, .ndjson, .parquet) or of trees (.ptb, .mrg); also .gz of all
            but Parquet.
        how: the file is laid out; None looks for a header with usual names.

    Returns:
        The texts in the order of the file, each once, and their labels.

    Raises:
        DataError: the file, a column or a row cannot be used, or there is no text with a label.
        SettingError: an unknown format or encoding, a limit below 1, or an option that does not go with
            the format.
    """
    how = how or Layout()
    if how.max_length < 1:
        raise SettingError(f"--max-length must be at least 1, got {how.max_length}.")
    format = format_meant(path, how.format)
    check_file(path, encoding=how.encoding, format=how.format)
    table = _open(path, how, format)
    kept: dict[str, str] = {}
    again: list[tuple[str, str]] = []
    met: Counter[str] = Counter()
    with closing(table.rows):
        for row in table.rows:
            text, label, fault = checked_pair(row.values, row.fault, ("text", "label"), how.max_length)
            if fault and not how.skip_bad:
                remedy = remedy_of(fault, format)
                raise DataError(f"{path}, {table.unit} {row.number:,}: {fault}. {remedy}")
            became = "skipped" if fault else _keep(kept, text, label)
            if how.repeats and became in ("duplicates", "conflicts"):
                again.append((text, label))
                became = "repeats"
            met[became] += 1
    if not kept:
        raise DataError(_nothing(path, met))
    if Form(format, header=how.header).named_by_row:
        _check_header(path, table, kept)
    encoding = "utf-8" if format == "parquet" else how.encoding
    column = table.chosen[0] if table.chosen else None
    return Labelled(
        texts=(*kept, *(text for text, _ in again)),
        labels=(*kept.values(), *(label for _, label in again)),
        source=describe(path, encoding=encoding, column=column, format=format),
        rows=met.total(),
        duplicates=met["duplicates"],
        conflicts=met["conflicts"],
        empty=met["empty"],
        skipped=met["skipped"],
        columns=table.columns,
        chosen=table.chosen,
    )


def _open(path: str | Path, how: Layout, format: str) -> Table:
    if format == "lines":
        raise DataError(
            f"{path} is read as lines of text, which have no labels. Say what it holds: --format tsv, csv, "
            "jsonl or parquet of a table (with --no-header where the first row is data), --format trees of "
            "trees in brackets."
        )
    if format != "trees" and how.phrases:
        raise SettingError(f"{path} is read as {format}; only trees have phrases. Leave --phrases out.")
    if format == "trees" and (how.text is not None or how.label is not None):
        raise SettingError(f"{path} is read as trees, which have no columns. Leave --text and --label out.")
    if format == "trees":
        return Table((), (), "line", _rows_of_trees(path, how))
    form = Form(format, how.encoding, how.header)

    def pick(columns: tuple[str, ...], strings: tuple[str, ...]) -> tuple[Wanted, ...]:
        text, label = Search(Path(path), columns, form, (TEXT, LABEL), (how.text, how.label)).found()
        return Wanted(text), Wanted(label, numbers=True)

    return open_table(path, pick, form)


def _rows_of_trees(path: str | Path, how: Layout) -> Generator[Row, None, None]:
    if how.skip_bad:
        found = sound_trees(path, encoding=how.encoding)
    else:
        found = ((tree.line, tree) for tree in trees(path, encoding=how.encoding))
    for line, tree in found:
        if tree is None:
            yield Row(line, (None, None), "not a tree in brackets")
        elif how.phrases:
            yield from (Row(line, values) for values in _phrases(tree, how.max_length))
        else:
            yield Row(line, (tree.text, rooted(tree).labels[-1]))


def _phrases(tree: Tree, max_length: int) -> Iterator[tuple[str, str]]:
    """Of every node its words and its label, the root first; no more of a long text than shows its fault."""
    texts: list[str] = []
    for word, children in zip(tree.words, tree.children, strict=True):
        texts.append((word or " ".join(texts[child] for child in children))[: max_length + 1])
    return zip(reversed(texts), reversed(rooted(tree).labels), strict=True)


def _keep(kept: dict[str, str], text: str, label: str) -> str:
    """Take the text in if it is new; what became of it, as a count of `Labelled`."""
    if not text or not label:
        return "empty"
    if text not in kept:
        kept[text] = label
        return "kept"
    return "duplicates" if kept[text] == label else "conflicts"


def _check_header(path: str | Path, table: Table, kept: dict[str, str]) -> None:
    text, label = table.chosen
    if TEXT.is_usual(text) or LABEL.is_usual(label) or label not in kept.values():
        return
    raise DataError(
        f"{path}: its first row calls the column of labels {label!r}, and {label!r} is a label of other rows: "
        "it seems to have no header. If that row is data, give --no-header and name the columns by number; "
        "else rename the column."
    )


def _nothing(path: str | Path, met: Counter[str]) -> str:
    if not met.total():
        return f"{path} holds no row below its header, or no row at all: texts with labels are needed."
    return (
        f"{path} holds no text with a label: of {met.total():,} rows {met['empty']:,} have no text or no label, "
        f"and {met['skipped']:,} cannot be used and were skipped."
    )
