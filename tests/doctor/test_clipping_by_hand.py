"""Clipping that a script does by hand is heard; what else scales gradients is not taken for it."""

import io
import textwrap
from contextlib import redirect_stdout

import pytest
import torch

from undertow.doctor.case import Case
from undertow.doctor.diagnosis import diagnose
from undertow.doctor.script import run
from undertow.doctor.seen.scaled import Noted, Scaled, clips

SCRIPT = """
    import torch
    from torch import nn
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 1))
    parameters = list(net.parameters())
    opt = torch.optim.SGD(parameters, lr=0.02)
    scaler = torch.amp.GradScaler("cpu", init_scale=64.0, enabled={scaled})

    def clip(limit):
        norm = torch.sqrt(sum((p.grad ** 2).sum() for p in parameters))
        if norm > limit:
            for p in parameters:
                {how}

    for step in range(120):
        opt.zero_grad()
        for part in range({parts}):
            x = torch.randn(32, 6) * (1 + step % 3)
            loss = nn.functional.mse_loss(net(x), 5 * x.sum(1, keepdim=True))
            scaler.scale(loss).backward()
        {before}
        scaler.step(opt)
        scaler.update()
        {after}
"""
IN_PLACE, ANEW = "p.grad.mul_(limit / norm)", "p.grad = p.grad * (limit / norm)"


def heard(tmp_path, how=IN_PLACE, before="pass", after="pass", scaled=False, parts=1):
    path = tmp_path / "train.py"
    path.write_text(
        textwrap.dedent(SCRIPT).format(how=how, before=before, after=after, scaled=scaled, parts=parts)
    )
    with redirect_stdout(io.StringIO()):
        case: Case = run(path, (), lambda seen: False)
    assert not case.crash
    return case.clips


@pytest.mark.parametrize("how", [IN_PLACE, ANEW])
def test_before_the_step(tmp_path, how):
    found = heard(tmp_path, how, before="clip(0.7)")
    assert len(found) >= 20
    assert not any(c.late for c in found)
    assert all(c.limit == pytest.approx(0.7, rel=1e-4) for c in found)
    assert all(float(c.norm) > 0.7 for c in found)


def test_after_it(tmp_path):
    found = heard(tmp_path, after="clip(0.7)")
    assert len(found) >= 20
    assert all(c.late for c in found)
    assert found[0].limit == pytest.approx(0.7, rel=1e-4)


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"scaled": True},  # a loss scaler
        {"parts": 3, "before": "[p.grad.div_(3) for p in parameters]"},  # the mean of passes
        {"before": "[p.grad.add_(p.detach(), alpha=0.01) for p in parameters]"},  # decay
        {"before": "[p.grad.add_(0.01 * torch.randn_like(p)) for p in parameters]"},  # noise
    ],
    ids=["nothing", "scaler", "mean", "decay", "noise"],
)
def test_what_is_no_clipping(tmp_path, other):
    assert heard(tmp_path, **other) == []


def test_torchs_own_is_counted_once(tmp_path):
    found = heard(tmp_path, before="torch.nn.utils.clip_grad_norm_(parameters, 0.7)")
    assert len(found) == 120


def test_the_verdicts(tmp_path, capsys):
    def said(before, after):
        path = tmp_path / "train.py"
        path.write_text(
            textwrap.dedent(SCRIPT).format(how=IN_PLACE, before=before, after=after, scaled=False, parts=1)
        )
        return [v.code for v in diagnose(path).verdicts]

    assert said("pass", "clip(0.7)")[:1] == ["L112"]
    assert said("clip(1e-4)", "pass")[:1] == ["L111"]
    assert said("clip(5.0)", "pass") == []


def test_a_multiple_is_told_and_nothing_else():
    weight = torch.zeros(3, 5, requires_grad=True)
    weight.grad = torch.randn(3, 5)
    noted = Noted.of([weight])
    assert noted.now() is None
    weight.grad *= 0.25
    assert noted.now() == pytest.approx(0.25)
    weight.grad = None
    assert noted.since() == pytest.approx(0.25)
    assert noted.now() is None
    noted.gradients[0][0, 0] += 1.0
    assert noted.since() is None


def test_clipping_leaves_one_length_of_many():
    assert clips([Scaled(f, 1.0) for f in (0.5, 0.1, 0.9)])
    assert not clips([Scaled(0.5, length) for length in (1.0, 2.0, 3.0)])
    assert not clips([Scaled(0.5, 1.0)] * 9)
    assert not clips([Scaled(0.5, 1.0), Scaled(0.1, 1.0)])
