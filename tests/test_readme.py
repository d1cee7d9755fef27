"""What the README shows is what undertow does: its own cell trains, its Python runs."""

import re
import sys
from pathlib import Path

import pytest

import undertow as ut
from undertow.cells import catalog

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture
def own_cell(tmp_path):
    file = tmp_path / "my_cell.py"
    file.write_text(BLOCKS[1], encoding="utf-8")
    return f"{file}:MinimalGatedUnit"


def test_the_cell_of_the_readme_trains_and_samples(own_cell, tmp_path):
    run = ut.train(
        "names", data="elements", cell=own_cell, hidden=16, layers=1, steps=20, out=tmp_path / "run"
    )
    assert len(ut.load(run.path).sample(5)) == 5


def test_the_cell_of_the_readme_has_its_count_of_parameters(own_cell):
    layer = ut.Recurrent(catalog.find(own_cell)(3, 5))
    assert sum(p.numel() for p in layer.parameters()) == 2 * 5 * (3 + 5 + 1)


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    import torch

    code = BLOCKS[0].replace("minutes=1", "steps=20").replace("hidden=128", "hidden=8")
    names = {"x": torch.randn(4, 3, 64), "lengths": [4, 2, 1]}
    exec(compile(code, "README.md", "exec"), names)
    assert names["y"].shape == (4, 3, 256)
    assert "report.html" in capsys.readouterr().out


def test_every_verb_of_the_readme_exists():
    from undertow.cli.main import VERBS

    shell = "".join(re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL))
    told = set(re.findall(r"^undertow (\w+)", shell, flags=re.MULTILINE))
    assert told
    assert told <= set(VERBS)


def test_importing_undertow_does_not_import_torch():
    import subprocess

    code = "import sys, undertow, undertow.cli.main; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
