"""What a checkpoint holds, and what is said of one that cannot be read."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from toy_task import fit, toy

from undertow.errors import RunError
from undertow.training.checkpoints import (
    Bench,
    Position,
    load_best,
    restore_last,
    save_best,
    save_last,
    spell,
)
from undertow.training.optimizer import build_optimizer
from undertow.training.options import Training
from undertow.training.run import create_run


@pytest.fixture(autouse=True)
def no_sync(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda handle: None)


@pytest.fixture
def run(tmp_path):
    return create_run(tmp_path / "run", {})


def bench(seed=0, average=False, **position):
    torch.manual_seed(seed)
    model = nn.Linear(3, 2)
    optimizer = build_optimizer(Training(), model)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    kept = {key: value + 1 for key, value in model.state_dict().items()} if average else {}
    return Bench(model, optimizer, kept, Position(**position), [torch.ones(2, 3), torch.zeros(4)])


@pytest.mark.parametrize("average", [False, True])
def test_round_trip(run, average):
    position = {"step": 12, "seconds": 3.25, "validations": 4, "best": 1 / 3, "best_step": 9, "stale": 2}
    before, after = bench(1, average, **position), bench(2, average)
    save_last(run, before)
    drawn = torch.rand(3)
    torch.manual_seed(99)
    assert restore_last(run, after)
    assert torch.equal(torch.rand(3), drawn)
    assert after.position == Position(**position)
    assert all(map(torch.equal, before.carried, after.carried))
    for was, now in [
        (before.model.state_dict(), after.model.state_dict()),
        (before.average, after.average),
    ]:
        assert was.keys() == now.keys()
        assert all(torch.equal(was[key], now[key]) for key in was)


def test_a_best_that_was_never_reached(run):
    save_last(run, bench())
    other = bench(3, step=4)
    restore_last(run, other)
    assert other.position == Position()


def test_nothing_there_yet(run):
    assert not restore_last(run, bench())
    with pytest.raises(RunError, match=r"holds no weights yet\. Train it with `undertow resume"):
        load_best(run, nn.Linear(3, 2))


def test_carried_tensors_may_be_views_and_the_same_tensor(run):
    """A cell may give one tensor as two fields of its state, or halves of one."""
    made = bench()
    whole = torch.arange(6.0).view(1, 6)
    made.carried = [whole, whole, *whole.chunk(2, dim=-1), whole.T]
    save_last(run, made)
    other = bench()
    restore_last(run, other)
    assert [state.tolist() for state in other.carried] == [state.tolist() for state in made.carried]


def test_best_holds_the_weights_to_use_and_no_state(run):
    made = bench(average=True, step=5)
    save_best(run, made)
    assert run.pointer("best") == spell(5) == "000000005"
    stored = load_file(run.path / "checkpoints" / "000000005.safetensors")
    assert all(torch.equal(stored[key], made.average[key]) for key in made.average)
    model = nn.Linear(3, 2)
    load_best(run, model)
    assert torch.equal(model.weight, made.average["weight"])


@pytest.mark.parametrize("file", ["000000020.safetensors", "000000020.state"])
@pytest.mark.parametrize("damage", ["missing", "empty", "short", "noise", "folder"])
def test_a_damaged_checkpoint_is_one_sentence(tmp_path, file, damage):
    task = toy()
    _, run = fit(tmp_path / "run", task)
    path = run.path / "checkpoints" / file
    data = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "missing":
        path.write_bytes({"empty": b"", "short": data[: len(data) // 2], "noise": b"\xff" * 64}[damage])
    sentence = (
        r"is missing\. Point `last`" if damage == "missing" else r"is damaged \(.*Restore it from a copy"
    )
    with pytest.raises(RunError, match=f"{file} {sentence}"):
        fit(run.path, toy())
    if file.endswith(".safetensors"):
        with pytest.raises(RunError, match=f"{file} {sentence}"):
            load_best(run, task.model)


@pytest.mark.parametrize("cut", [1, 7, 8, 9, 40, 300, -1])
def test_a_state_cut_short_anywhere_is_one_sentence(tmp_path, cut):
    _, run = fit(tmp_path / "run", toy())
    path = run.path / "checkpoints" / "000000020.state"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(RunError, match=r"state is damaged"):
        fit(run.path, toy())


def test_a_state_that_holds_something_else_is_one_sentence(tmp_path):
    _, run = fit(tmp_path / "run", toy())
    save_file({"x": torch.ones(2)}, run.path / "checkpoints" / "000000020.state")
    with pytest.raises(RunError, match=r"state is damaged"):
        fit(run.path, toy())


@pytest.mark.parametrize(
    "other", [nn.Linear(4, 2), nn.Linear(3, 2, bias=False), nn.Sequential(nn.Linear(3, 2))]
)
def test_weights_of_another_network_are_refused(tmp_path, other):
    _, run = fit(tmp_path / "run", toy())
    with pytest.raises(RunError, match=r"does not fit the network that config.json describes: .* should be"):
        load_best(run, other)
