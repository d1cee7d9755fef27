"""Opening: a table of any format, at the columns that are picked."""

from collections.abc import Callable
from pathlib import Path

from undertow.data.csv_table import open_csv
from undertow.data.json_table import open_json_lines
from undertow.data.parquet_table import open_parquet
from undertow.data.table import Form, Pick, Table
from undertow.errors import SettingError

Opener = Callable[[Path, Pick, Form], Table]

OPENERS: dict[str, Opener] = {
    "csv": open_csv,
    "tsv": open_csv,
    "jsonl": open_json_lines,
    "parquet": open_parquet,
}


def open_table(path: str | Path, pick: Pick, form: Form) -> Table:
    """Which rows do these columns of the table hold?

    Args:
        path: a file that passed `check_file`.
        pick: of the columns, and of those that hold strings, the ones to read.
        form: how the bytes are taken; its format is a key of `OPENERS`.

    Returns:
        The table, open at its first row.

    Raises:
        DataError: no such column, a choice to be made, or no such table.
        SettingError: no header is said of a format that always names its columns.
    """
    if not form.header and form.format in ("jsonl", "parquet"):
        raise SettingError(
            f"{path} is read as {form.format}, which names its columns itself. Leave --no-header out."
        )
    return OPENERS[form.format](Path(path), pick, form)
