"""Measured steps as files: what is read is what was written, numbers that are none included."""

import json
import math

import pytest

from undertow.errors import RunError
from undertow.flow.records import Flow, NonFinite, Point, Time, Weight
from undertow.flow.store import keep, kept

RECORD = Flow(
    step=12,
    seconds=3.5,
    depth=(Point("readout", "Linear", 0, 6, 1.25, math.nan, None, 0.5),),
    weights=(Weight("nan", 6, math.inf, None, 0.25, 6),),
    time=(
        Time(
            "",
            0,
            1,
            "lstm",
            2,
            3,
            {"h": [0.5, -math.inf]},
            {"h": [1.0, 2.0]},
            {"forget": [0.5, 0.5]},
            [1.0, 0.1],
        ),
    ),
    clipped=0.5,
    non_finite=NonFinite("exp", "inf", "file.py:3", "forward", 12),
)


def same(a, b):
    return repr(a) == repr(b)


def test_what_is_read_is_what_was_written(tmp_path):
    folder = tmp_path / "flow"
    assert kept(folder) == []
    keep(folder, Flow(step=100, seconds=1.0))
    path = keep(folder, RECORD)
    assert path.name == "00000012.json"
    first, second = kept(folder)
    assert same(first, RECORD)
    assert second == Flow(step=100, seconds=1.0)
    json.loads(path.read_text(), parse_constant=pytest.fail)  # strict JSON: no bare NaN
    assert sorted(p.name for p in folder.iterdir()) == ["00000012.json", "00000100.json"]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{", "is damaged"),
        ('{"format": 1, "flow": {"step": "two"}}', "is damaged"),
        ('{"flow": {}}', "is damaged"),
        ('{"format": 2, "flow": {}}', "newer undertow"),
    ],
)
def test_damaged_and_newer_files_are_refused(tmp_path, text, match):
    (tmp_path / "00000001.json").write_text(text)
    with pytest.raises(RunError, match=match):
        kept(tmp_path)
