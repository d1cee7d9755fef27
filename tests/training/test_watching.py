"""A run's own watch: measured evenly, written as files, and without a trace in the weights."""

import math

import pytest
import torch
from toy_task import Log, fit, toy, weights

from undertow.flow.store import kept


def measured(run):
    return [record.step for record in kept(run.path / "flow")]


def test_measurements_are_spread_over_the_budget(tmp_path):
    _, run = fit(tmp_path / "a", toy(), steps=40, watch=4)
    assert measured(run) == [0, 10, 20, 30]
    (row,) = [w for w in kept(run.path / "flow")[0].weights if w.name == "weight"]
    assert row.gradient_norm > 0
    assert row.update_norm > 0
    _, run = fit(tmp_path / "b", toy(), steps=3, watch=25)
    assert measured(run) == [0, 1, 2]
    _, run = fit(tmp_path / "c", toy(), steps=10, watch=0)
    assert not (run.path / "flow").exists()


def test_watching_leaves_no_trace_in_the_weights(tmp_path):
    _, watched = fit(tmp_path / "a", toy(), watch=20)
    _, alone = fit(tmp_path / "b", toy(), watch=0)
    assert weights(watched) == weights(alone)


def test_a_resumed_run_goes_on_with_its_steps(tmp_path):
    def interrupt(number):
        if number == 13:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "a", toy(trouble=interrupt), watch=20, checkpoint_seconds=1e-9)
    _, run = fit(tmp_path / "a", toy(), watch=20)
    assert measured(run) == list(range(20))


def test_what_made_the_loss_no_number_is_said(tmp_path):
    class Root(torch.nn.Linear):
        calls = 0

        def forward(self, x):
            self.calls += self.training
            y = super().forward(x)
            return (y - y.amax() - 1).sqrt() if self.calls > 5 and self.training else y

    task, log = toy(), Log()
    task.model = Root(3, 2)
    position, run = fit(tmp_path / "a", task, display=log, watch=2)
    assert position.finished == "diverged"
    found = [r.non_finite for r in kept(run.path / "flow") if r.non_finite]
    assert [(f.op, f.phase, f.step) for f in found] == [("sqrt", "forward", 5)]
    assert found[0].where.startswith(__file__)
    assert any(f"came from sqrt (forward, {found[0].where})" in line for line in log.said)


def test_a_loss_that_is_none_by_itself_is_not_blamed_on_the_model(tmp_path):
    trouble = lambda number: math.nan if number == 4 else None  # noqa: E731
    log = Log()
    _, run = fit(tmp_path / "a", toy(trouble=trouble), display=log)
    found = [r.non_finite for r in kept(run.path / "flow") if r.non_finite]
    assert [f.phase for f in found] == ["loss"]
    assert not any("came from" in line for line in log.said)
