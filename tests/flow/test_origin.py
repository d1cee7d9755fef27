"""The first number that was none is traced to its operation, module and line."""

import inspect
import math

import pytest
import torch
from torch import nn

import undertow as ut
from undertow import cells


class Fails(nn.Module):
    """Good until `broken`; then one of several operations goes wrong."""

    def __init__(self, how):
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)
        self.how, self.broken = how, False

    def forward(self, x):
        z = self.norm(torch.tanh(self.first(x)))
        if self.broken:
            z = getattr(self, self.how)(z)
        return self.last(z)

    def root(self, z):
        return z.sqrt() * 2

    def overflow(self, z):
        big = (z * 1e4).exp()
        return big - big

    def slope(self, z):
        return (z - z).abs().sqrt() + z

    def masked(self, z):
        return torch.softmax(z.masked_fill(z < 1e9, -math.inf), -1)


def line_of(method, text):
    lines, first = inspect.getsourcelines(method)
    return first + next(n for n, line in enumerate(lines) if text in line)


def trained(model, make, every=50, steps=6, loss=lambda y: y.square().mean()):
    """Six steps, broken at the fifth; the records."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with ut.watch(model, every=every) as seen:
        for step in range(steps):
            model.broken = step == 4
            optimizer.zero_grad()
            loss(model(make(step))).backward()
            optimizer.step()
    return seen.records


@pytest.mark.parametrize("every", [1, 50])
@pytest.mark.parametrize(
    ("how", "op", "text", "phase"),
    [
        ("root", "sqrt", "z.sqrt()", "forward"),
        ("overflow", "exp", ".exp()", "forward"),
        ("slope", "SqrtBackward0", ".sqrt()", "backward"),
        ("masked", "_softmax", "torch.softmax", "forward"),
    ],
)
def test_the_operation_and_its_line_are_named(how, op, text, phase, every):
    model = Fails(how)
    records = trained(model, lambda _: torch.randn(8, 4), every=every)
    (found,) = [r.non_finite for r in records if r.non_finite]
    assert (found.op, found.phase, found.module, found.step) == (op, phase, "", 4)
    file, _, line = found.where.rpartition(":")
    assert file == __file__
    assert int(line) == line_of(getattr(Fails, how), text)


def test_a_step_of_a_cell_is_named_by_its_own_line():
    class Exploding(cells.RNN):
        def step(self, x, state, w):
            return self.State((super().step(x, state, w).h * 100).exp())

    model = nn.Sequential(ut.Recurrent(Exploding(3, 4)))
    model.broken = False
    records = trained(model, lambda _: torch.ones(9, 2, 3) * 9, loss=lambda y: y[0].square().mean())
    found = records[0].non_finite
    assert (found.op, found.phase, found.module) == ("exp", "forward", "0")
    assert int(found.where.rpartition(":")[2]) == line_of(Exploding.step, ".exp()")


def test_input_loss_and_update_are_told_apart():
    whole = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1))
    spoilt = lambda step: torch.full((8, 4), math.nan) if step == 4 else torch.randn(8, 4)  # noqa: E731
    assert trained(whole, spoilt)[-1].non_finite.phase == "input"
    whole = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1))
    found = trained(whole, lambda _: torch.randn(8, 4), loss=lambda y: (y - y.detach()).sqrt().sum())
    assert (found[0].non_finite.phase, found[0].non_finite.op) == ("loss", "loss")
    whole = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 1))
    optimizer = torch.optim.SGD(whole.parameters(), lr=1e38)
    with ut.watch(whole) as seen:
        for _ in range(4):
            optimizer.zero_grad()
            (whole(torch.randn(8, 4)) * 1e3).square().sum().backward()
            optimizer.step()
    phases = [r.non_finite.phase for r in seen.records if r.non_finite]
    assert phases == ["update"]


def test_looking_changes_nothing():
    torch.manual_seed(3)
    model = Fails("slope")
    twin = Fails("slope")
    twin.load_state_dict(model.state_dict())
    make = lambda step: torch.full((8, 4), float(step)) + torch.arange(32.0).view(8, 4)  # noqa: E731
    trained(model, make, steps=5)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1)
    for step in range(5):
        twin.broken = step == 4
        optimizer.zero_grad()
        twin(make(step)).square().mean().backward()
        optimizer.step()
    for (name, ours), theirs in zip(model.state_dict().items(), twin.state_dict().values(), strict=True):
        assert torch.equal(ours.nan_to_num(7.0), theirs.nan_to_num(7.0)), name


def test_steps_are_counted_where_no_optimizer_is():
    model = nn.Linear(3, 1)
    with ut.watch(model, every=1) as seen:
        for _ in range(4):
            model(torch.ones(5, 3)).sum().backward()
            with torch.no_grad():
                for p in model.parameters():
                    p -= 0.1 * p.grad
                    p.grad = None
    assert [r.step for r in seen.records] == [0, 1, 2, 3]
    row = next(w for w in seen.records[0].weights if w.name == "weight")
    assert row.gradient_norm == pytest.approx(5 * math.sqrt(3))
    assert row.update_norm == pytest.approx(0.5 * math.sqrt(3), rel=1e-5)


def test_accumulated_gradients_are_one_step():
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with ut.watch(model, every=1) as seen:
        for _ in range(2):
            for _ in range(3):
                model(torch.ones(5, 3)).sum().backward()
            optimizer.step()
            optimizer.zero_grad()
    assert [r.step for r in seen.records] == [0, 1]
    row = next(w for w in seen.records[0].weights if w.name == "weight")
    assert row.gradient_norm == pytest.approx(15 * math.sqrt(3))
    assert [p.call for p in seen.records[0].depth] == [0, 1, 2]
