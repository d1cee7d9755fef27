"""--json prints one JSON document on stdout and nothing else; words go to stderr."""

import json
from dataclasses import replace

import pytest

from undertow.cells import catalog
from undertow.tasks.names import NamesTask

SCORE = {"recipe", "run", "data", "test", "validation", "baselines", "samples"}
TINY = ["--hidden", 8, "--layers", 1, "--embedding", 5, "--steps", 2, "--validations", 1]


@pytest.fixture
def document(undertow):
    def run(*words):
        answer = undertow(*words, "--json")
        assert answer.status == 0, answer.err
        assert answer.out.endswith("\n")
        return json.loads(answer.out), answer.err

    return run


def test_train_score_sample_resume(document, story, undertow):
    trained, words = document("train", "names", "--data", "elements", "--out", "run", *TINY)
    assert set(trained) == SCORE
    assert "Training" in words
    assert "undertow sample run" in words
    assert document("score", "run")[0] == trained
    assert document("resume", "run")[0] == trained
    assert document("resume", "run", "--quiet")[0] == trained
    drawn, _ = document("sample", "run", "-n", 3, "--prefix", "Ca", "--seed", 5)
    assert set(drawn) == {"run", "samples"}
    assert drawn["run"] == "run"
    assert len(drawn["samples"]) == 3
    assert all(sample.startswith("Ca") for sample in drawn["samples"])
    assert (
        undertow("sample", "run", "-n", 3, "--prefix", "Ca", "--seed", 5).out.splitlines() == drawn["samples"]
    )


def test_text(document, story):
    trained, _ = document(
        "train", "text", "--data", story, "--batch", 4, "--window", 20, "--out", "run", *TINY
    )
    assert set(trained) == SCORE
    assert document("score", "run")[0] == trained


def test_score_on_a_file(document, names_run, tmp_path):
    (tmp_path / "some.txt").write_text("Zinc\nGold\nŽ\n", encoding="utf-8")
    scored, _ = document("score", names_run, "--data", "some.txt", "--skip-bad")
    assert set(scored) == {"recipe", "run", "data", "test"}
    assert (scored["data"], scored["test"]["strings"], scored["test"]["skipped"]) == ("some.txt", 2, 1)
    assert set(document("score", names_run, "--data", "elements")[0]) == {"recipe", "run", "data", "test"}


def test_cells(document):
    rows, _ = document("cells", "--hidden", 10, "--input-size", 3)
    assert [row["cell"] for row in rows] == list(catalog.built_in())
    assert all(set(row) == {"cell", "summary", "states", "weights", "parameters", "settings"} for row in rows)
    assert next(row["parameters"] for row in rows if row["cell"] == "lstm") == 4 * 10 * (10 + 3 + 1)


def test_inspect(document, story):
    assert document("inspect", "names", "elements")[0]["kept"] == 118
    assert document("inspect", "text", story)[0]["kept"] == 2000


def test_without_json_it_is_for_people(undertow, names_run, story):
    for words in (
        ["score", names_run],
        ["cells"],
        ["inspect", "names", "elements"],
        ["inspect", "text", story],
    ):
        answer = undertow(*words)
        assert (answer.status, answer.err) == (0, "")
        assert len(answer.out.splitlines()) > 3


def test_report_and_draw_print_where_they_wrote(undertow, names_run, tmp_path):
    assert undertow("report", names_run).out == f"{names_run / 'report.html'}\n"
    answer = undertow("draw", "lstm", "--out", "lstm.png")
    assert (answer.status, answer.out) == (0, "lstm.png\n")
    assert (tmp_path / "lstm.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_that_diverges_leaves_with_1(undertow, monkeypatch):
    """Done, and the answer is no: one sentence, and no document."""
    truth = NamesTask.loss

    def loss(task, batch, carried):
        outcome = truth(task, batch, carried)
        return replace(outcome, loss=outcome.loss * float("inf"))

    monkeypatch.setattr(NamesTask, "loss", loss)
    answer = undertow("train", "names", "--data", "elements", "--out", "run", *TINY, "--json")
    assert (answer.status, answer.out) == (1, "")
    assert answer.err.splitlines()[-1].startswith(
        "undertow: Training stopped at step 0: the loss was no number"
    )
    assert "Traceback" not in answer.err


def test_a_score_that_is_no_number_is_said(undertow, names_run, tmp_path, monkeypatch):
    score = json.loads((names_run / "score.json").read_text())
    score["test"]["nats_per_char"] = score["validation"]["nats_per_char"] = None
    monkeypatch.setattr("undertow.cli.score.rescore", lambda _run: score)
    answer = undertow("score", names_run)
    assert answer.status == 0
    assert "no number" in answer.out
