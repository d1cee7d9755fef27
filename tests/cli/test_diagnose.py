"""undertow diagnose and undertow faults, as a person calls them."""

import json
import subprocess
import sys

import pytest

SICK = """
import argparse
import torch
parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float, default=0.01)
rate = parser.parse_args().rate
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))
step = torch.optim.Adam(net.parameters(), lr=rate)
x = torch.randn(300, 4)
y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
for n in range(120):
    rows = torch.randint(300, (32,))
    step.zero_grad()
    loss = torch.nn.functional.cross_entropy(net(x[rows]){how}, y[rows])
    loss.backward()
    step.step()
print("done", loss.item())
"""


def undertow(*words, cwd):
    return subprocess.run(
        [sys.executable, "-m", "undertow", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=120,
    )


@pytest.fixture
def script(tmp_path):
    def write(how=""):
        path = tmp_path / "train.py"
        path.write_text(SICK.replace("{how}", how))
        return path

    return write


def test_a_healthy_script_ends_with_0(script, tmp_path):
    got = undertow("diagnose", script(), cwd=tmp_path)
    assert got.returncode == 0, got.stderr
    assert got.stdout.startswith("done ")  # the script's own words
    assert "train.py: 120 steps" in got.stdout
    assert "Nothing was found." in got.stdout


def test_threads_of_the_script_wait_as_they_do_under_python(script, tmp_path, monkeypatch):
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    path = script()
    path.write_text("import os; print(os.environ.get('GOMP_SPINCOUNT'))\n" + path.read_text())
    got = undertow("diagnose", path, cwd=tmp_path)
    assert got.stdout.startswith("None\n"), got.stderr


def test_a_sick_one_with_1_and_a_page(script, tmp_path):
    got = undertow("diagnose", "--out", "page.html", script(".softmax(1)"), cwd=tmp_path)
    assert got.returncode == 1, got.stderr
    assert "1. L106 double softmax" in got.stdout
    assert "train.py:15" in got.stdout
    assert "Give the loss what stands before the softmax" in got.stdout
    page = (tmp_path / "page.html").read_text()
    assert "double softmax (L106)" in page
    assert page.count("<img") >= 2


def test_json_is_all_of_stdout(script, tmp_path):
    got = undertow("diagnose", "--json", script(".softmax(1)"), "--rate", "0.02", cwd=tmp_path)
    told = json.loads(got.stdout)
    assert set(told) == {"script", "seconds", "steps", "verdicts", "healthy", "needed_lag", "crash"}
    assert not told["healthy"]
    first = told["verdicts"][0]
    assert (first["code"], first["rank"], first["because_of"]) == ("L106", 1, [])
    assert set(first["where"]) == {"module", "parameter", "file", "line", "steps"}
    assert first["where"]["line"] == 15
    assert "done " in got.stderr


def test_it_stops_after_so_many_steps(script, tmp_path):
    got = undertow("diagnose", "--steps", "30", "--json", script(), cwd=tmp_path)
    assert json.loads(got.stdout)["steps"] == 30
    assert "done " not in got.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["diagnose", "nowhere.py"], "nowhere.py: there is no such script."),
        (["diagnose", "broken.py"], "SyntaxError"),
        (["faults", "T999"], "there is no fault 'T999'"),
        (["diagnoze", "x.py"], "Did you mean diagnose?"),
    ],
)
def test_wrong_words_end_with_2(words, says, tmp_path):
    (tmp_path / "broken.py").write_text("def (:\n")
    got = undertow(*words, cwd=tmp_path)
    assert got.returncode == 2, got.stdout + got.stderr
    assert says in got.stderr
    assert "undertow/" not in got.stderr


def test_a_script_that_crashes_is_told_of_and_ends_with_1(tmp_path):
    (tmp_path / "crash.py").write_text("import torch\ntorch.ones(2) @ torch.ones(3)\n")
    got = undertow("diagnose", "crash.py", cwd=tmp_path)
    assert got.returncode == 1
    assert 'crash.py", line 2' in got.stderr
    assert "The script ended with RuntimeError" in got.stdout


def test_faults_are_listed_and_shown(tmp_path):
    assert len(json.loads(undertow("faults", "--json", cwd=tmp_path).stdout)) == 32
    page = undertow("faults", "t103", cwd=tmp_path).stdout
    assert page.startswith("T103  forget gate shut")
    assert "Jozefowicz" in page
