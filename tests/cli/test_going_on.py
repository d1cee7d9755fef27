"""--go-on: a benchmark of hours, broken off, goes on after the rows that are kept."""

import json
from pathlib import Path

import pytest

from undertow.bench import patients, repairs
from undertow.bench.kept import continued, document, keep
from undertow.errors import DataError

PROGRAM = """
import argparse
import torch
FAULTS = ("zero_grad_before_step", "wrong_sign")
METRIC = (r"left: ([\\d.naif]+)", "lower")
"""
WORDS = ["treat", "--keep", "kept.json"]


def row(path, fault):
    return repairs.Row(
        path.stem, path.stem, fault, "L1", "lower", True, 1.0, 0.0, 0.0, "", 1, 1.0, 0.0, "", 1.0
    )


@pytest.fixture
def programs(tmp_path, monkeypatch):
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("apples", "pears"):
        (folder / f"{name}.py").write_text(PROGRAM)
    measured = []

    def one(path, rule, metric, wanted):
        if len(measured) == 3 and wanted.done == 0:
            raise KeyboardInterrupt
        measured.append((path.stem, rule.planted))
        return row(path, rule.planted)

    monkeypatch.setattr(repairs, "_row", one)
    return folder, measured


def test_it_begins_after_the_rows_that_are_there(undertow, programs):
    folder, measured = programs
    words = ("bench", "treat", "--programs", folder, "--keep", "kept.json")
    assert undertow(*words).status == 130
    assert len(json.loads(Path("kept.json").read_text())["rows"]) == 3
    answer = undertow(*words, "--go-on")
    assert "holds 3 rows" in answer.err
    assert answer.status == 0
    found = json.loads(Path("kept.json").read_text())
    assert found["finished"] is True
    assert [(r["program"], r["fault"]) for r in found["rows"]] == measured
    assert len(set(measured)) == 4
    assert undertow(*words, "--go-on").status == 0  # nothing is left to do
    assert len(measured) == 4


def test_without_a_file_it_begins(undertow, programs):
    folder, measured = programs
    measured.append(("none", "none"))  # so that nothing is broken off
    answer = undertow("bench", "treat", "--programs", folder, "--keep", "kept.json", "--go-on")
    assert answer.status == 130
    assert len(measured) == 3


def test_it_needs_a_file(undertow):
    answer = undertow("bench", "treat", "--go-on")
    assert answer.status == 2
    assert "--keep" in answer.err


@pytest.mark.parametrize(
    ("name", "other"), [("commit", "abc"), ("command", "undertow bench treat --seeds 9"), ("threads", 99)]
)
def test_rows_of_other_circumstances_are_not_gone_on_with(tmp_path, name, other):
    path, facts = tmp_path / "kept.json", document("treat", WORDS, busy=False)
    keep(path, facts | {name: other, "took_seconds": 1.0}, [])
    with pytest.raises(DataError, match=f"another {name}"):
        continued(path, facts)


def test_the_load_and_the_word_itself_do_not_matter(tmp_path):
    path, facts = tmp_path / "kept.json", document("treat", [*WORDS, "--go-on"], busy=False)
    keep(path, document("treat", WORDS, busy=False) | {"machine": facts["machine"] | {"load": [9.0]}}, [])
    assert continued(path, facts)["rows"] == []


def test_so_do_runs_of_the_doctor(tmp_path, monkeypatch):
    (tmp_path / "apples.py").write_text(PROGRAM)
    seen = []
    monkeypatch.setattr(patients, "_row", lambda run, codes: seen.append((run.fault, run.seed)) or told())
    every = list(patients.measure(patients.Wanted((str(tmp_path),), seeds=2), print))
    assert len(every) == 6
    seen.clear()
    list(patients.measure(patients.Wanted((str(tmp_path),), seeds=2, done=4), print))
    assert seen == [("", 0), ("", 1)]


def told():
    return type("Told", (), {"codes": (), "error": "", "met": True, "program": "", "fault": "", "seed": 0})()
