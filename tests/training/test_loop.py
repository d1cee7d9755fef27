"""The loop on a task that takes a millisecond: when it looks, saves, stops, and what it leaves behind."""

import itertools
import signal
import threading
import types

import pytest
import torch
from toy_task import Log, fit, options, toy, weights

from undertow.errors import StorageError
from undertow.training import history, loop
from undertow.training.budget import Budget
from undertow.training.checkpoints import load_best
from undertow.training.loop import Judged
from undertow.training.optimizer import build_optimizer


@pytest.fixture(autouse=True)
def no_sync(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda handle: None)


class Clock:
    """In place of the module `time`: every look at it costs `tick` seconds."""

    def __init__(self, tick=0.0):
        self.now, self.tick = 0.0, tick

    def monotonic(self):
        self.now += self.tick
        return self.now


def looked_at(run):
    return [event["step"] for event in run.history.of("validation")]


def test_it_learns(tmp_path):
    position, run = fit(tmp_path / "run", task := toy(), steps=200, validations=10)
    assert position.finished == "budget"
    assert position.step == task.computed == 200
    nats = [event["nats_per_char"] for event in run.history.of("validation")]
    assert nats[-1] < nats[0] / 100
    assert position.best == min(nats)


@pytest.mark.parametrize(
    ("steps", "validations", "looks"),
    [
        (20, 5, [4, 8, 12, 16, 20]),
        (20, 1, [20]),
        (20, 3, [7, 14, 20]),
        (3, 50, [1, 2, 3]),
        (1, 1, [1]),
        (49, 49, list(range(1, 50))),
    ],
)
def test_validation_is_looked_at_evenly(tmp_path, steps, validations, looks):
    position, run = fit(tmp_path / "run", toy(), steps=steps, validations=validations)
    assert looked_at(run) == looks
    assert position.step == steps


def test_the_best_weights_are_kept(tmp_path):
    task = toy(verdicts=[5.0, 3.0, 4.0, 2.0, 2.0])
    position, run = fit(tmp_path / "run", task)
    assert (position.best, position.best_step) == (2.0, 16)
    assert [event["best"] for event in run.history.of("validation")] == [True, True, False, True, False]
    assert (run.pointer("best"), run.pointer("last")) == ("000000016", "000000020")
    load_best(run, task.model)
    torch.testing.assert_close(dict(task.model.state_dict()), dict(by_hand(steps=16).state_dict()))


def by_hand(steps):
    """The loop without the loop: the same batches, noise and rates, torch's own clipping."""
    wanted, task = options(), toy()
    model = task.model
    optimizer = build_optimizer(wanted, model)
    batches = itertools.chain.from_iterable(task.batches(epoch, 0) for epoch in itertools.count())
    for step, batch in zip(range(steps), batches, strict=False):
        for group in optimizer.param_groups:
            group["lr"] = loop.rate(wanted, step / 20)
        optimizer.zero_grad()
        task.loss(batch, []).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), wanted.clip_norm)
        optimizer.step()
    return model


@pytest.mark.parametrize(
    ("verdicts", "patience", "last_look"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 2, 3),
        ([3, 2, 1, 2, 0, 2, 2, 2, 2, 2], 3, 8),
        ([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], 1, 2),
        ([float("nan")] * 10, 4, 4),
        ([5, 4, 3, 2, 1, 0, -1, -2, -3, -4], 1, 10),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0, 10),
    ],
)
def test_patience(tmp_path, verdicts, patience, last_look):
    position, run = fit(tmp_path / "run", toy(verdicts=verdicts), validations=10, patience=patience)
    assert position.step == 2 * last_look
    assert position.finished == ("patience" if last_look < 10 else "budget")
    assert run.history.of("end")[0]["reason"] == position.finished


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("at", [1, 7])
def test_a_loss_that_is_no_number_stops_it_before_the_weights_are_touched(tmp_path, value, at):
    log = Log()
    task = toy(trouble=lambda number: value if number == at else None)
    position, run = fit(tmp_path / "run", task, display=log)
    assert position.finished == run.history.of("end")[0]["reason"] == "diverged"
    assert position.step == at - 1
    assert "The loss is no number any more" in log.said[0]
    load_best(run, task.model)
    assert all(torch.isfinite(value).all() for value in task.model.parameters())


def test_a_penalty_is_not_asked_about_a_loss_that_is_no_number(tmp_path, monkeypatch):
    """Its eigenvalues would raise."""
    monkeypatch.setattr(
        loop, "penalty", lambda _options, _model, loss, _passages: 1 / torch.isfinite(loss).long().item()
    )
    position, _ = fit(tmp_path / "run", toy(trouble=lambda number: float("nan") if number == 3 else None))
    assert position.finished == "diverged"


@pytest.mark.parametrize("look", [0.0, 5.0])
def test_minutes_are_wall_time_with_validation_included(tmp_path, monkeypatch, look):
    clock = Clock(tick=1.0)
    monkeypatch.setattr(loop, "time", clock)
    task = toy()
    truth = task.validate

    def slow():
        clock.now += look
        return truth()

    task.validate = slow
    position, run = fit(tmp_path / "run", task, budget=Budget(seconds=120), validations=4)
    assert position.finished == "budget"
    assert 120 <= position.seconds <= 120 + 10 + look
    assert position.seconds <= clock.now <= position.seconds + 10
    shares = [event["seconds"] / 120 for event in run.history.of("validation")]
    assert len(shares) == 4
    assert all(n / 4 <= share < n / 4 + 0.15 for n, share in enumerate(shares, start=1))


def test_a_budget_that_ends_a_hair_early_ends(tmp_path, monkeypatch):
    """At a share of 1 − 1e-12 the last validation is due; the step after it must still find the end."""
    shares = iter([0.0, 0.5, 1 - 1e-12, 1.0, 1.0])
    monkeypatch.setattr(Budget, "progress", lambda *_: next(shares))
    monkeypatch.setattr(loop._Trainer, "log", lambda *_: None)
    position, _ = fit(tmp_path / "run", toy(), validations=1, watch=0)
    assert position.finished == "budget"


def test_checkpoints_are_as_close_as_asked(tmp_path, monkeypatch):
    clock = Clock()
    saved = []
    monkeypatch.setattr(loop, "time", clock)
    monkeypatch.setattr(loop, "save_last", lambda run, bench: saved.append((bench.position.step, clock.now)))

    def slow(_number):
        clock.now += 1

    fit(tmp_path / "run", toy(trouble=slow), steps=40, validations=1, checkpoint_seconds=7.0)
    times = [now for _, now in saved]
    assert saved[0] == (0, 0.0)
    assert saved[-1] == (40, 40.0)
    assert all(after - before <= 8 for before, after in itertools.pairwise(times))
    assert len(saved) <= 9


def test_only_best_and_last_are_left(tmp_path):
    _, run = fit(tmp_path / "run", toy(verdicts=[3, 1, 2, 4, 5]))
    left = sorted(path.name for path in (run.path / "checkpoints").iterdir())
    assert left == ["000000008.safetensors", "000000020.safetensors", "000000020.state"]
    assert not list(run.path.rglob("*.part"))


def test_carried_state_begins_anew_each_epoch(tmp_path):
    task = toy()
    fit(tmp_path / "run", task, steps=10)
    assert task.carried_in == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]


def test_the_average_is_the_one_of_the_formula(tmp_path):
    """memory = min(asked, (1 + n) / (10 + n)) at step n; what is validated and kept is the average."""
    task = toy()
    walked, seen = [], []
    task.trouble = lambda _number: walked.append(task.model.weight.detach().double().clone())
    truth = task.validate
    task.validate = lambda: (seen.append(task.model.weight.detach().double().clone()), truth())[1]
    _, run = fit(tmp_path / "run", task, steps=20, validations=1, average=0.7)
    walked.append(task.model.weight.detach().double().clone())
    average = walked[0]
    for n, weight in enumerate(walked[1:]):
        memory = min(0.7, (1 + n) / (10 + n))
        average = memory * average + (1 - memory) * weight
    torch.testing.assert_close(seen[0], average, rtol=1e-5, atol=1e-6)
    load_best(run, task.model)
    torch.testing.assert_close(task.model.weight.detach().double(), average, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("setting", "limit"), [({"clip_norm": 0.01}, 0.01), ({"clip_norm": 0, "clip_value": 0.001}, 0.003)]
)
def test_no_step_is_longer_than_clipping_allows(tmp_path, setting, limit):
    """SGD moves by rate × gradient; 8 elements of at most 0.001 are shorter than 0.003."""
    task = toy()
    places = []
    task.trouble = lambda _number: places.append(
        torch.cat([p.detach().flatten() for p in task.model.parameters()])
    )
    _, run = fit(tmp_path / "run", task, optimizer="sgd", momentum=0.0, decay="none", warmup=0.0, **setting)
    moves = [float((after - before).norm()) for before, after in itertools.pairwise(places)]
    assert max(moves) <= 0.05 * limit * 1.0001
    assert run.history.of("step")[0]["clipped"] == (1.0 if setting["clip_norm"] else 0.0)
    assert run.history.of("step")[0]["gradient_norm"] > 1


def test_what_a_line_of_history_says(tmp_path):
    log = Log()
    task = toy()
    _, run = fit(tmp_path / "run", task, display=log)
    (start, step, *_), end = run.history.events, run.history.events[-1]
    assert start == {"event": "start", "step": 0}
    assert set(step) == {"event", "step", "epoch", "seconds", "loss", "learning_rate", "gradient_norm", "clipped",
                         "per_second"}  # fmt: skip
    assert step["epoch"] == 0.25
    assert (end["event"], end["step"], end["reason"]) == ("end", 20, "budget")
    assert [event["epoch"] for event in run.history.of("validation")] == [1, 2, 3, 4, 5]
    assert log.moments[0].step == 1
    assert log.moments[0].progress == 1 / 20
    assert log.moments[0].validation is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_the_step_finish_and_saves(tmp_path, number):
    log = Log()
    task = toy(trouble=lambda n: signal.raise_signal(number) if n == 7 else None)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "run", task, display=log)
    assert task.computed == 7
    assert (tmp_path / "run" / "last").read_text() == "000000007\n"
    assert log.closed == 1
    assert "undertow resume" in log.said[-1]


def test_a_second_signal_does_not_wait(tmp_path):
    reached = []

    def twice(_number):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        reached.append(True)

    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "run", toy(trouble=twice))
    assert not reached


def test_handlers_are_put_back(tmp_path):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    fit(tmp_path / "run", toy())
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_it_runs_in_a_thread_of_its_own(tmp_path):
    done = []
    thread = threading.Thread(target=lambda: done.append(fit(tmp_path / "run", toy())))
    thread.start()
    thread.join()
    assert done[0][0].finished == "budget"
    fit(tmp_path / "twin", toy())
    assert weights(done[0][1]) == weights(
        types.SimpleNamespace(path=tmp_path / "twin", pointer=done[0][1].pointer)
    )


@pytest.mark.parametrize(
    "error", [RuntimeError("a fault of the task"), OSError(28, "No space left on device")]
)
def test_display_and_history_are_closed_whatever_happens(tmp_path, error):
    log, kept = Log(), []

    def trouble(_number):
        raise error

    class Kept(loop.HistoryWriter):
        def __init__(self, path):
            super().__init__(path)
            kept.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "HistoryWriter", Kept)
        with pytest.raises(type(error)):
            fit(tmp_path / "run", toy(trouble=trouble), display=log)
    assert log.closed == 1
    assert kept[0]._file.closed


def test_the_display_is_closed_where_the_history_cannot_be(tmp_path, monkeypatch):
    log = Log()

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(history, "os", types.SimpleNamespace(fsync=full))
    with pytest.raises(StorageError, match="the disk is full"):
        fit(tmp_path / "run", toy(), display=log)
    assert log.closed == 1


def test_of_two_that_are_as_good_the_one_behind_tells(tmp_path, monkeypatch):
    task, behind = toy(), iter([0.5, 0.3, 0.4, 0.2])
    monkeypatch.setattr(task, "validate", lambda: Judged(0.25, {"nats_per_char": 1.0}, behind=next(behind)))
    position, run = fit(tmp_path / "run", task, steps=40, validations=4)
    assert [event["best"] for event in run.history.of("validation")] == [True, True, False, True]
    assert (position.best, position.best_behind, position.stale) == (0.25, 0.2, 0)
