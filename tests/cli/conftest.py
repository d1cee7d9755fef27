"""The command line in this process, and two tiny runs to use it on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

import undertow as ut
from undertow.cli.main import main
from undertow.tasks import names, start, text

TINY = {"hidden": 8, "layers": 1, "embedding": 5, "steps": 12, "validations": 3}


@dataclass(frozen=True)
class Answer:
    """What a command left."""

    status: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Nets this small only wait for a second one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def undertow(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Answer]:
    """`undertow WORDS` in an empty working folder, without pictures, and without waiting for the disk."""
    monkeypatch.setattr(start, "write_report", lambda run: run / "report.html")
    monkeypatch.setattr("os.fsync", lambda handle: None)
    monkeypatch.setattr(names, "SAMPLES", 20)
    monkeypatch.setattr(text, "SAMPLE_LENGTH", 30)
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> Answer:
        capsys.readouterr()
        try:
            status = main([str(word) for word in words])
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 0
        told = capsys.readouterr()
        return Answer(status, told.out, told.err)

    return run


@pytest.fixture
def refused(undertow: Callable[..., Answer], tmp_path: Path) -> Callable[..., str]:
    """A command that leaves with 2, one sentence on stderr, nothing on stdout and nothing half written."""

    def run(*words: object) -> str:
        answer = undertow(*words)
        assert answer.status == 2, answer
        assert answer.out == ""
        assert "Traceback" not in answer.err
        assert not list(tmp_path.rglob("*.part"))
        return answer.err

    return run


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text of 2,000 characters."""
    path = tmp_path_factory.mktemp("text") / "story.txt"
    path.write_text(("grain by grain the sea takes the land. " * 60)[:2000], encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def names_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the elements."""
    return _trained("names", tmp_path_factory.mktemp("runs") / "elements", data="elements")


@pytest.fixture(scope="session")
def text_run(tmp_path_factory: pytest.TempPathFactory, story: Path) -> Path:
    """A run of the story."""
    return _trained("text", tmp_path_factory.mktemp("runs") / "story", data=story, batch=4, window=20)


def _trained(recipe: str, out: Path, **options: Any) -> Path:
    with pytest.MonkeyPatch.context() as patch:  # the pictures take longer than the training
        patch.setattr(start, "write_report", lambda run: run / "report.html")
        return ut.train(recipe, out=out, **TINY, **options).path
