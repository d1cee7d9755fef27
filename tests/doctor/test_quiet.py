"""Healthy scripts in which something looks like a fault: nothing is said of them."""

from pathlib import Path

import pytest

from undertow.doctor.diagnosis import diagnose

SCRIPTS = sorted((Path(__file__).parent / "quiet").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_nothing_is_said(script):
    told = diagnose(script)
    assert not told.crash
    assert told.trained
    assert [(v.code, v.says) for v in told.verdicts] == []
