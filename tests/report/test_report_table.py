"""Tables and curves in the terminal."""

import io
import math

import pytest

from undertow.report.table import print_table, sparkline


def test_table_prints_every_row_as_it_is():
    file = io.StringIO()
    rows = [{"name": "bigram", "nats": 2.45}, {"name": "[bold]ours[/bold]", "nats": None}]
    print_table(rows, ["name", "nats"], "[scores]", file)
    lines = file.getvalue().splitlines()
    assert lines[0].rstrip() == "[scores]"
    assert lines[1].split() == ["name", "nats"]
    assert [line.split() for line in lines[-2:]] == [["bigram", "2.45"], ["[bold]ours[/bold]", "–"]]


@pytest.mark.parametrize(
    ("values", "line"),
    [([0, 7], "▁█"), ([1, 1, 1], "▁▁▁"), ([], ""), ([0, math.nan, 1], "▁ █"), ([math.inf], "")],
)
def test_sparkline(values, line):
    assert sparkline(values) == line


def test_sparkline_keeps_to_its_width():
    assert len(sparkline(range(1000), width=10)) == 10
