"""An optimizer put back from plain tensors goes on as if it had never stopped."""

import pytest
import torch
from torch import nn

from undertow.errors import RunError
from undertow.training.optimizer import build_optimizer, optimizer_tensors, restore_optimizer, set_rate
from undertow.training.options import Training

OPTIMIZERS = pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam"},
        {"optimizer": "adam", "weight_decay": 0.1},
        {"optimizer": "sgd", "momentum": 0.9},
        {"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.1},
    ],
    ids=str,
)


def built(settings):
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))
    return model, build_optimizer(Training(learning_rate=0.1, **settings), model)


def step(model, optimizer, number):
    set_rate(optimizer, 0.1 / number)
    optimizer.zero_grad()
    model(torch.full((4, 3), float(number))).square().mean().backward()
    optimizer.step()


def values(model):
    return [parameter.detach().clone() for parameter in model.parameters()]


@OPTIMIZERS
@pytest.mark.parametrize("before", [0, 1, 3])
def test_two_steps_after_a_restore_equal_the_unbroken_ones(settings, before):
    model, optimizer = built(settings)
    for number in range(1, before + 1):
        step(model, optimizer, number)
    weights = {key: value.clone() for key, value in model.state_dict().items()}
    kept = {key: value.clone() for key, value in optimizer_tensors(optimizer).items()}
    other, fresh = built(settings)
    other.load_state_dict(weights)
    restore_optimizer(fresh, kept)
    for number in (before + 1, before + 2):
        step(model, optimizer, number)
        step(other, fresh, number)
        assert all(map(torch.equal, values(model), values(other)))


@OPTIMIZERS
def test_state_is_plain_named_tensors(settings):
    model, optimizer = built(settings)
    assert optimizer_tensors(optimizer) == {}
    step(model, optimizer, 1)
    kept = optimizer_tensors(optimizer)
    assert all(isinstance(value, torch.Tensor) for value in kept.values())
    moments = {"adam": 3, "sgd": 1 if settings.get("momentum") else 0}[settings["optimizer"]]
    assert len(kept) == moments * len(list(model.parameters()))


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_matrices_decay_and_vectors_do_not(optimizer):
    """With no gradient at all, only decay moves a weight: by 1 − lr·decay where it is decoupled or plain SGD."""
    model, made = built({"optimizer": optimizer, "weight_decay": 0.5})
    before = values(model)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    made.step()
    for old, new in zip(before, values(model), strict=True):
        torch.testing.assert_close(new, old * (0.95 if old.dim() == 2 else 1.0))


def test_state_of_another_model_is_refused():
    model, optimizer = built({"optimizer": "adam"})
    step(model, optimizer, 1)
    small = build_optimizer(Training(), nn.Linear(3, 2))
    with pytest.raises(RunError, match="another model"):
        restore_optimizer(small, optimizer_tensors(optimizer))


def test_weights_of_another_layout_go_on_as_if_unbroken():
    """Images are channels last; a checkpoint is row by row."""

    def made():
        torch.manual_seed(3)
        model = nn.Conv2d(3, 5, 3).to(memory_format=torch.channels_last)
        return model, build_optimizer(Training(learning_rate=0.1), model)

    def stepped(model, optimizer, number):
        torch.manual_seed(number)
        optimizer.zero_grad()
        model(torch.randn(2, 3, 6, 6)).square().mean().backward()
        optimizer.step()

    model, optimizer = made()
    stepped(model, optimizer, 1)
    weights = {key: value.clone() for key, value in model.state_dict().items()}
    kept = {key: value.contiguous().clone() for key, value in optimizer_tensors(optimizer).items()}
    other, fresh = made()
    other.load_state_dict(weights)
    restore_optimizer(fresh, kept)
    for number in (2, 3):
        stepped(model, optimizer, number)
        stepped(other, fresh, number)
    for mine, theirs in zip(values(model), values(other), strict=True):
        assert torch.equal(mine, theirs)
