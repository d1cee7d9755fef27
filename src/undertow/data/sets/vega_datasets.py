"""vega-datasets: the weather of Seattle, day by day."""

import csv
import io
from collections.abc import Iterator

from undertow.data.sets.forms import Table
from undertow.data.sets.python_package import PythonPackage
from undertow.data.sets.record import Set

COLUMNS = ("date", "precipitation", "temp_max", "temp_min", "wind", "weather")


def weather(table: bytes) -> Iterator[tuple[str, ...]]:
    """Date as 2012-01-01, millimetres, degrees Celsius, metres a second, and a word."""
    for row in csv.DictReader(io.StringIO(table.decode())):
        yield row["date"].replace("/", "-"), *(row[column] for column in COLUMNS[1:])


SETS = (
    Set(
        name="seattle_weather",
        about="daily weather, 2012-2015",
        suits="series",
        options="",
        rows=1_461,
        licence="public domain (NOAA)",
        place=PythonPackage("vega-datasets"),
        files=("vega_datasets/_data/seattle-weather.csv",),
        form=Table(COLUMNS, ".csv"),
        read=weather,
    ),
)
