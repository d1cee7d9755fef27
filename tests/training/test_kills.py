"""A run that is stopped anywhere, by anything, and goes on, ends with the weights of a run never stopped.

Here on a task that takes a millisecond, at every step and at every write; `tests/tasks` has real networks.
"""

import signal
from pathlib import Path

import pytest
from toy_task import fit, toy, weights

from undertow.errors import StorageError
from undertow.training.run import Run

RECIPES = [
    {"optimizer": "adam"},
    {"optimizer": "adam", "average": 0.9, "weight_decay": 0.1},
    {"optimizer": "sgd", "momentum": 0.9, "decay": "linear"},
    {"optimizer": "sgd", "momentum": 0.0, "average": 0.5, "clip_value": 0.1},
]
EVERY = pytest.mark.parametrize("settings", RECIPES, ids=str)
STEPS = 11  # not a whole number of epochs
PATIENT = {"patience": 2, "verdicts": [4.0, 3.0, 3.5, 3.6, 0.0]}


class Killed(BaseException):
    """Nothing of ours catches it."""


@pytest.fixture(autouse=True)
def no_sync(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda handle: None)


def train(path, settings, trouble=None):
    settings = dict(settings)
    verdicts = settings.pop("verdicts", [])
    task = toy(trouble=trouble, verdicts=verdicts)
    if path.exists():  # validations seen by the earlier process
        run = Run(path)
        task.validated = len(
            [
                event
                for event in run.history.of("validation")
                if event["step"] <= int(run.pointer("last") or 0)
            ]
        )
    return fit(path, task, steps=STEPS, **settings)


def whole(run):
    assert not list(run.path.rglob("*.part"))
    looks = [(event["step"], event["nats_per_char"], event["best"]) for event in run.history.of("validation")]
    return weights(run), looks, run.history.of("end")[-1]["reason"]


@pytest.fixture
def unbroken(tmp_path):
    def made(settings):
        return whole(train(tmp_path / "unbroken", settings)[1])

    return made


@EVERY
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_politely_at_any_step(tmp_path, unbroken, settings, number):
    wanted = unbroken(settings)
    for at in range(1, STEPS):
        path = tmp_path / f"stopped-{at}"
        with pytest.raises(KeyboardInterrupt):
            train(path, settings, lambda n, at=at: signal.raise_signal(number) if n == at else None)
        assert whole(train(path, settings)[1]) == wanted, at


def test_stopped_at_every_step(tmp_path, unbroken):
    wanted = unbroken(RECIPES[1])
    for _ in range(STEPS - 1):
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "run", RECIPES[1], lambda _n: signal.raise_signal(signal.SIGINT))
    assert whole(train(tmp_path / "run", RECIPES[1])[1]) == wanted


@pytest.mark.parametrize("settings", [RECIPES[1], RECIPES[2] | PATIENT], ids=["budget", "patience"])
@pytest.mark.parametrize("instant", ["before", "after"])
def test_killed_at_any_write(tmp_path, unbroken, monkeypatch, settings, instant):
    """Right before and right after each file takes its place, until a run has no write left to be killed at."""
    wanted = unbroken(settings)
    rename = Path.replace
    for at in range(1, 100):
        written = []

        def replace(path, target, at=at, written=written):
            written.append(target)
            if len(written) == at and instant == "before":
                raise Killed
            moved = rename(path, target)
            if len(written) == at:
                raise Killed
            return moved

        path = tmp_path / f"killed-{at}"
        path.mkdir()
        (path / "config.json").write_text('{"format": 1}')
        (path / "checkpoints").mkdir()
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", replace)
            try:
                train(path, settings)
            except Killed:
                pass
            else:
                break
        assert whole(train(path, settings)[1]) == wanted, (at, written[-1])
    assert at > 15


def test_what_a_kill_left_half_written_is_cleared(tmp_path, unbroken):
    wanted = unbroken(RECIPES[0])
    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(path, RECIPES[0], lambda n: signal.raise_signal(signal.SIGINT) if n == 5 else None)
    (path / "checkpoints" / ".000000009.state.abc123.part").write_bytes(b"half")
    (path / ".last.abc123.part").write_bytes(b"half")
    assert whole(train(path, RECIPES[0])[1]) == wanted


@pytest.mark.parametrize("at", [1, 2, 5, 8])
def test_a_full_disk_stops_it_in_one_sentence_and_it_goes_on_when_there_is_room(
    tmp_path, unbroken, monkeypatch, at
):
    wanted = unbroken(RECIPES[0])
    rename, tried = Path.replace, []

    def full(path, target):
        tried.append(target)
        if len(tried) >= at:
            raise OSError(28, "No space left on device")
        return rename(path, target)

    path = tmp_path / "run"
    path.mkdir()
    (path / "config.json").write_text('{"format": 1}')
    (path / "checkpoints").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        for _ in range(2):  # and a second time, nothing freed yet
            with pytest.raises(StorageError, match="the disk is full: free some space"):
                train(path, RECIPES[0])
    assert not list(path.rglob("*.part"))
    assert whole(train(path, RECIPES[0])[1]) == wanted


@EVERY
def test_going_on_with_a_finished_run_changes_nothing(tmp_path, settings):
    _, run = train(tmp_path / "run", settings)
    before, files = whole(run), {path: path.read_bytes() for path in (run.path / "checkpoints").iterdir()}
    position, _ = train(run.path, settings, lambda _n: pytest.fail("a step was taken"))
    assert position.step == STEPS
    assert whole(run) == before
    assert {path: path.read_bytes() for path in (run.path / "checkpoints").iterdir()} == files
