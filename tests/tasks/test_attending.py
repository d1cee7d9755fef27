"""The doctor beside our own training: it changes no weight, is silent where all is well, and can end a run."""

import json
import random

import pytest

import undertow as ut
from undertow.report.report import write_report

SMALL = {"hidden": 24, "embedding": 8, "layers": 1, "batch": 16, "steps": 420, "validations": 6}


@pytest.fixture
def text(tmp_path):
    """Words of a small language, each after a comma."""
    draw = random.Random(3)
    words = ["".join(draw.choices("abcdef", k=draw.randint(3, 6))) for _ in range(60)]
    path = tmp_path / "words.txt"
    path.write_text(", ".join(draw.choice(words) for _ in range(4000)))
    return path


def trained(path, out, **options):
    return ut.train("text", data=path, out=out, window=20, **{**SMALL, **options})


def test_the_same_weights_with_and_without(text, tmp_path):
    with_it, without = (trained(text, tmp_path / str(on), doctor=on) for on in (True, False))
    stores = [sorted(run.path.glob("checkpoints/*.safetensors")) for run in (with_it, without)]
    assert [p.name for p in stores[0]] == [p.name for p in stores[1]]
    assert stores[0]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(*stores, strict=True))
    assert not with_it.path.joinpath("verdicts.jsonl").exists()


def test_a_severe_verdict_ends_the_run_where_that_is_asked_for(text, tmp_path):
    run = trained(
        text,
        tmp_path / "run",
        optimizer="sgd",
        learning_rate=30.0,
        clip_norm=0,
        stop_on="severe",
        validations=12,
    )
    told = [json.loads(line) for line in run.path.joinpath("verdicts.jsonl").read_text().splitlines()]
    assert told[0]["code"] == "L103"
    assert told[0]["step"] >= 200
    assert run.history.of("end")[-1]["reason"] == "doctor"
    assert run.history.of("end")[-1]["step"] < SMALL["steps"]
    page = write_report(run.path).read_text()
    assert "What the doctor said" in page
    assert "step too large" in page


def test_without_that_it_is_said_and_training_goes_on(text, tmp_path):
    run = trained(text, tmp_path / "run", optimizer="sgd", learning_rate=30.0, clip_norm=0)
    codes = [v["code"] for v in run.verdicts]
    assert "L103" in codes
    assert len(set(codes)) == len(codes)
    assert run.history.of("end")[-1]["reason"] == "budget"
