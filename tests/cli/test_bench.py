"""undertow bench: JSON, kept rows, Ctrl-C, wrong words."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from undertow.bench import recurrence
from undertow.bench.row import Row
from undertow.cli import bench
from undertow.cli.benchmarks import BENCHMARKS, numbers, words
from undertow.errors import SettingError

FACTS = {"benchmark", "command", "commit", "threads", "busy", "environment", "created", "versions", "machine"}
TINY = ["recurrence", "--against", "torch,eager", "--cells", "rnn", "--shape", "5,3,4,6", "--seconds", 0]


@pytest.fixture(autouse=True)
def quick_roofs(monkeypatch):
    monkeypatch.setattr(recurrence, "gemm_gflops", lambda: [100.0])


def test_recurrence(undertow):
    answer = undertow("bench", *TINY, "--json", "--keep", "kept.json")
    document = json.loads(answer.out)
    assert set(document) == FACTS | {"finished", "took_seconds", "rows"}
    assert document["finished"] is True
    assert [set(row) for row in document["rows"]] == [set(Row.__dataclass_fields__)] * 4
    assert {(row["against"], row["mode"]) for row in document["rows"]} == {
        (against, mode) for against in ("torch", "eager") for mode in ("infer", "train")
    }
    assert answer.status == int(any(row["met"] is False for row in document["rows"]))
    assert "1 of 2  rnn (5, 3, 4, 6) infer against torch: " in answer.err
    assert json.loads(Path("kept.json").read_text())["rows"] == document["rows"]
    shown = undertow("bench", "show", "kept.json")
    assert shown.status == answer.status
    assert "(5, 3, 4, 6)" in shown.out
    assert json.loads(undertow("bench", "show", "kept.json", "--json").out) == document


def test_more_than_one_shape(undertow):
    found = undertow("bench", *TINY, "--shape", "(2, 1, 3, 5)", "--json")
    assert {row["shape"] for row in json.loads(found.out)["rows"]} == {"(5, 3, 4, 6)", "(2, 1, 3, 5)"}


def test_ctrl_c_prints_and_keeps_what_is_there(undertow, monkeypatch):
    def measure(wanted, tell):
        yield Row("rnn", "(5, 3, 4, 6)", "torch", "train", ratio=2.0, bar=2.5, met=False)
        raise KeyboardInterrupt

    monkeypatch.setattr(recurrence, "measure", measure)
    answer = undertow("bench", *TINY, "--keep", "kept.json")
    assert answer.status == 130
    assert "NOT FINISHED" in answer.out
    assert "(5, 3, 4, 6)" in answer.out
    assert "Stopped." in answer.err
    kept = json.loads(Path("kept.json").read_text())
    assert (kept["finished"], len(kept["rows"])) == (False, 1)
    assert undertow("bench", "show", "kept.json").status == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["recurrance"], ["There is no benchmark 'recurrance'.", "Did you mean recurrence?"]),
        (["recurrence", "--against", "torhc"], ["There is no peer 'torhc'.", "Peers: torch, packed"]),
        (["recurrence", "--cells", "ltsm"], ["There is no cell 'ltsm'.", "Did you mean lstm?"]),
        (["recurrence", "--cells", "nowhere.py:*"], ["There is no file 'nowhere.py'"]),
        (["recurrence", "--hidden", "64,many"], ["--hidden takes whole numbers above zero", "'many'"]),
        (["recurrence", "--shape", "64"], ["--shape takes four whole numbers T,B,I,H", "'64'"]),
        (["recurrence", "--threads", "-1"], ["--threads must not be below zero"]),
        (["compile", "--steps", "0"], ["--steps takes whole numbers above zero", "'0'"]),
        (["compile", "--cells", "ltsm"], ["Did you mean lstm?"]),
        (["memory", "--cells", "ltsm"], ["Did you mean lstm?"]),
        (["show", "kept.json"], ["There is no file kept.json."]),
    ],
    ids=lambda value: " ".join(value),
)
def test_one_sentence(refused, tmp_path, given, told):
    err = refused("bench", *given)
    assert err.startswith("undertow: ")
    assert err.count("\n") == 1
    assert all(part in err for part in told)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_has_help(undertow, name):
    answer = undertow("bench", name, "--help")
    assert (answer.status, answer.err) == (0, "")
    assert "--keep" in answer.out
    assert name in undertow("bench").out


def test_lists_are_split_at_commas_and_spaces():
    assert words(("a,b", "c", " d , ")) == ("a", "b", "c", "d")
    assert numbers(("64,128",), "--hidden") == (64, 128)
    with pytest.raises(SettingError):
        numbers(("1.5",), "--hidden")


@pytest.mark.parametrize(("given", "left"), [("as-is", "active"), ("passive", "passive"), ("default", None)])
def test_how_threads_wait_is_set_before_torch_is_loaded(monkeypatch, given, left):
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    monkeypatch.setenv("GOMP_SPINCOUNT", "2000")
    bench._wait(given)
    assert os.environ.get("OMP_WAIT_POLICY") == left
    assert ("GOMP_SPINCOUNT" in os.environ) == (given == "as-is")
    loaded = "import sys, undertow.cli.bench; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True).stdout == "False\n"
