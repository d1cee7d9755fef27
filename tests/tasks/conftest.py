"""Two tiny trained runs, made once, and what keeps the others quick."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_runs import one_thread, prose, trained

from undertow.tasks import names, start, text
from undertow.tasks.trained import Trained


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No pictures, no waiting for the disk, few samples; and a working folder of one's own."""
    monkeypatch.setattr(start, "write_report", lambda run: run / "report.html")
    monkeypatch.setattr("os.fsync", lambda handle: None)
    monkeypatch.setattr(names, "SAMPLES", 20)
    monkeypatch.setattr(text, "SAMPLE_LENGTH", 30)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text of 3,000 characters."""
    path = tmp_path_factory.mktemp("text") / "story.txt"
    path.write_text(prose(3000), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def names_run(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The elements; nothing is left out of the run folder."""
    with one_thread():
        return trained("names", tmp_path_factory.mktemp("runs") / "elements", data="elements", steps=60)


@pytest.fixture(scope="session")
def text_run(tmp_path_factory: pytest.TempPathFactory, story: Path) -> Trained:
    """The story; nothing is left out of the run folder."""
    with one_thread():
        out = tmp_path_factory.mktemp("runs") / "story"
        return trained("text", out, data=story, batch=4, window=20, steps=40)
