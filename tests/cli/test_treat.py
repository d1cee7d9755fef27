"""undertow treat SCRIPT."""

import json
import textwrap

import pytest

from undertow.cli.main import main

SCRIPT = """
    import argparse
    import torch
    from torch import nn
    parser = argparse.ArgumentParser()
    parser.add_argument("--clear", action="store_true")
    given = parser.parse_args()
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for step in range(80):
        x = torch.randn(32, 4)
        loss = nn.functional.mse_loss(model(x), x.sum(1, keepdim=True))
        if given.clear:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        x = torch.randn(500, 4)
        spread = x.sum(1).var()
        share = 1 - nn.functional.mse_loss(model(x), x.sum(1, keepdim=True)) / spread
    print(f"explained {share:.4f} of it")
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "train.py"
    path.write_text(textwrap.dedent(SCRIPT))
    return path


def test_what_helped_is_recommended(script, capsys):
    status = main(
        ["treat", "--draws", "2", "--metric", "explained ([-0-9.]+)", "--goal", "higher", "train.py"]
    )
    told = capsys.readouterr()
    assert status == 0
    assert "L101 gradients accumulate" in told.out
    assert "zero grad" in told.out
    assert "helped: " in told.out
    assert "optimizer.zero_grad() before backward, once a step. It was tried" in told.out
    assert "remedy 1 of" in told.err
    page = script.with_name("treatment.html").read_text()
    assert "Score by remedy" in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_as_json(script, capsys):
    assert main(["treat", "--draws", "2", "--json", "--workers", "2", "train.py"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["verdicts"][0]["code"] == "L101"
    assert told["recommended"] == "zero grad"
    assert told["score"] == "the last loss that was taken without gradients"
    best = told["trials"][0]
    assert best["helped"]
    assert best["effect"]["low"] <= best["effect"]["mean"] <= best["effect"]["high"]
    assert len(best["scores"]) == len(told["control"]) == 2


def test_where_nothing_is_wrong_nothing_is_tried(script, capsys):
    assert main(["treat", "train.py", "--clear"]) == 0
    assert "Nothing was found to be wrong" in capsys.readouterr().out


def test_a_script_that_crashes_before_its_first_step_is_treated_too(script, capsys):
    text = script.read_text().replace("optimizer =", "model.requires_grad_(False)\noptimizer =")
    script.write_text(text)
    words = ["treat", "--draws", "2", "--metric", "explained ([-0-9.]+)", "--goal", "higher"]
    assert main([*words, "train.py", "--clear"]) == 0
    told = capsys.readouterr().out
    assert "D108" in told
    assert "helped: no score without it, 0." in told
    assert main([*words[:-1], "lower", "--metric", "nowhere ([0-9])", "train.py", "--clear"]) == 2
    assert "is nowhere in what it prints" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--goal", "up", "train.py"], "--goal must be lower or higher, got 'up'."),
        (["--draws", "0", "train.py"], "--draws must be at least 1, got 0."),
        (["--metric", "loss", "train.py"], "must hold a group around the number"),
        (["--metric", "(", "train.py"], "is no regular expression"),
        (["--metric", "accuracy ([0-9.]+)", "train.py"], "is nowhere in what it prints"),
        (["nothing.py"], "nothing.py: there is no such script."),
        (["print.py"], "no step of training was seen"),
        (["broken.py"], "SyntaxError"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_bad_input(script, capsys, words, message):
    script.with_name("print.py").write_text("print(1)")
    script.with_name("broken.py").write_text("for x in")
    assert main(["treat", *words]) == 2
    told = capsys.readouterr()
    assert message in told.err
    assert "Traceback" not in told.err
    assert not script.with_name("treatment.html").exists()
