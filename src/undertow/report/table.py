"""Rows of figures in the terminal, and a curve small enough for a line of progress."""

from collections.abc import Sequence
from typing import IO, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from undertow.report import words

BARS = "▁▂▃▄▅▆▇█"
WIDE = 160  # of a file, which has no edge to wrap at


def print_table(
    rows: Sequence[dict[str, Any]],
    columns: Sequence[str],
    title: str = "",
    file: IO[str] | Console | None = None,
) -> None:
    """Print the named columns of rows; a column of numbers stands right-aligned.

    Args:
        rows: what a row lacks is shown as a dash.
        columns: keys of the rows, in order; underscores are shown as spaces.
        title: over the table, none where empty.
        file: an open file or a console; standard output where None.
    """
    console = file if isinstance(file, Console) else Console(file=file)
    if not console.is_terminal:
        console.width = WIDE
    title_text = Text(title, style="bold") if title else None
    table = Table(title=title_text, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        told = [row[column] for row in rows if row.get(column) is not None]
        numbers = bool(told) and all(words.is_number(value) for value in told)
        head = Text(column.replace("_", " "))
        table.add_column(head, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_entry(row.get(column))) for column in columns))
    console.print(table)


def _entry(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else words.plain(value)


def sparkline(values: Sequence[float], width: int = 24) -> str:
    """A curve as one line of bars, lowest to highest; what is not a finite number is a gap."""
    stride = max(1.0, len(values) / width)
    shown = [values[int(index * stride)] for index in range(min(len(values), width))]
    finite = [value for value in shown if words.is_number(value)]
    if not finite:
        return ""
    low, span = min(finite), (max(finite) - min(finite)) or 1.0
    scale = (len(BARS) - 1) / span
    return "".join(BARS[round((value - low) * scale)] if words.is_number(value) else " " for value in shown)
