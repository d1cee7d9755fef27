"""undertow sample, score, inspect and report of runs whose samples are no strings."""

import json

import numpy as np
import pytest

from undertow.report import report
from undertow.report.made_pictures import MOST
from undertow.tasks import made_scores
from undertow.tasks.gan import RECIPE
from undertow.tasks.keeping_samples import check_place, keep_samples
from undertow.tasks.subject import Subject

RING = [
    "--data",
    "ring",
    "--steps",
    "20",
    "--width",
    "8",
    "--batch",
    "16",
    "--validations",
    "2",
    "--out",
    "run",
]


@pytest.fixture
def ring(undertow, monkeypatch):
    monkeypatch.setattr(made_scores, "COUNT", {1: 300})
    answer = undertow("train", "gan", *RING, "--quiet")
    assert answer.status == 0, answer.err
    return answer


def test_from_training_to_report(ring, undertow, tmp_path):
    assert "modes covered" in ring.out
    assert "(real ones)" in ring.out
    assert undertow("score", "run").out == ring.out
    score = json.loads(undertow("score", "run", "--json").out)
    assert score["samples"]["modes"] == 8
    assert len(score["samples"]["by_class"]) == len(score["classes"]) == 8
    page = report.write_report(tmp_path / "run").read_text(encoding="utf-8")
    assert "What it makes" in page
    assert "nats a" not in page
    assert f"It covers {score['samples']['covered']} of 8 modes" in page
    figures = {file.stem for file in (tmp_path / "run" / "figures").iterdir()}
    assert {"loss", "made", "beside", "by_class"} <= figures


def test_points_are_printed_or_kept(ring, undertow, tmp_path):
    lines = undertow("sample", "run", "-n", 3, "--seed", 5).out.splitlines()
    points = np.array([[float(x) for x in line.split(",")] for line in lines])
    told = json.loads(undertow("sample", "run", "-n", 3, "--seed", 5, "--json").out)
    assert told["run"] == "run"
    assert np.array(told["samples"]) == pytest.approx(points, rel=1e-4)
    for name in ("points.csv", "points.npy", "points.png"):
        assert undertow("sample", "run", "-n", 3, "--seed", 5, "--out", name).out == f"{name}\n"
    assert np.loadtxt(tmp_path / "points.csv", delimiter=",", skiprows=1) == pytest.approx(points, rel=1e-4)
    assert np.load(tmp_path / "points.npy") == pytest.approx(points, rel=1e-4)
    assert (tmp_path / "points.png").read_bytes().startswith(b"\x89PNG")
    kept = undertow("sample", "run", "--out", "points.csv", "--json").out
    assert json.loads(kept) == {"run": "run", "out": "points.csv"}


def test_a_sheet_says_how_many_images_it_shows_and_overwrites_none(undertow, tmp_path, monkeypatch):
    known = Subject((1, 2, 2), ("a",))
    made = np.zeros((MOST + 1, 1, 2, 2), np.uint8)
    assert keep_samples(tmp_path / "few.png", made[:MOST], known) == ""
    assert keep_samples(tmp_path / "all.npy", made, known) == ""
    said = keep_samples(tmp_path / "many.png", made, known)
    assert "many.png shows the first 1,024 of 1,025 images; all go into --out FILE.npy" in said
    for name in ("samples.png", "samples-2.png", "samples-3.png"):
        place = check_place(RECIPE, known, None)
        assert str(place) == name
        place.write_bytes(b"kept")


def test_what_goes_wrong_is_said(ring, refused, names_run):
    assert "is of runs whose samples are strings" in refused("sample", "run", "--prefix", "a")
    assert "--out must end in .png or .npy or .csv" in refused("sample", "run", "--out", "points.jpg")
    assert "--out is of runs that make points or images" in refused("sample", names_run, "--out", "names.png")
    assert "Did you mean grid?" in refused("train", "gan", "--data", "girdd")
    assert "Did you mean grid?" in refused("inspect", "gan", "gird")


def test_a_mixture_is_inspected(undertow):
    told = json.loads(undertow("inspect", "gan", "ring", "--json").out)
    assert (told["shape"], told["parts"]["train"], len(told["modes"])) == ([2], 50_000, 8)
    assert undertow("inspect", "gan", "ring").status == 0
