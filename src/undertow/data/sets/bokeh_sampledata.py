"""bokeh-sampledata: titles of films, and the chemical elements.

Before 2026.1 its films came from OMDb, whose licence forbids commercial use; since then they are Wikidata's.
"""

import csv
import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing

from undertow.data.sets.forms import Table
from undertow.data.sets.python_package import PythonPackage
from undertow.data.sets.record import Set


def titles(database: bytes) -> Iterator[tuple[str, int]]:
    """Each title once, with the first year that it is met in."""
    with closing(sqlite3.connect(":memory:")) as held:
        held.deserialize(database)
        yield from held.execute(
            "SELECT Title, MIN(Year) FROM omdb WHERE TRIM(Title) <> '' GROUP BY Title ORDER BY Title"
        )


def elements(table: bytes) -> Iterator[tuple[str, str, str]]:
    """Number, symbol and name."""
    for row in csv.DictReader(io.StringIO(table.decode())):
        yield row["atomic number"], row["symbol"], row["name"]


SETS = (
    Set(
        name="titles",
        about="titles of films, 1940-2014",
        suits="names",
        options="--column title",
        rows=16_863,
        licence="CC0-1.0 (Wikidata contributors)",
        place=PythonPackage("bokeh-sampledata", oldest="2026.1"),
        files=("bokeh_sampledata/_data/movies.db",),
        form=Table(("title", "year")),
        read=titles,
    ),
    Set(
        name="elements",
        about="the chemical elements",
        suits="names",
        options="--column name",
        rows=118,
        licence="public domain",
        place=PythonPackage("bokeh-sampledata"),
        files=("bokeh_sampledata/_data/elements.csv",),
        form=Table(("number", "symbol", "name")),
        read=elements,
    ),
)
