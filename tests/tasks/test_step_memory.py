"""What a step keeps of a batch is counted, and refused where it does not fit."""

import pytest
import torch
from small_pictures import halves
from torch import nn

import undertow as ut
from undertow.errors import SettingError
from undertow.nets.adversaries import Adversaries
from undertow.tasks.step_memory import check_step, kept_bytes, kept_in, rounded, without_memory
from undertow.wiring import adversarial


def test_kept_is_what_backward_needs():
    """A convolution keeps its input, tanh its output, and the layer above keeps that same output once more."""
    with torch.device("meta"):
        net = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.Tanh(), nn.Conv2d(5, 7, 3))
    images = without_memory(4, 3, 10, 8)
    assert kept_bytes(net, images) == 4 * (4 * 3 * 10 * 8 + 4 * 5 * 10 * 8)
    images.requires_grad_()
    assert kept_bytes(net[1], images) == 4 * 4 * 3 * 10 * 8
    assert kept_bytes(nn.Identity(), images) == 0


def test_a_critic_keeps_what_its_turn_with_the_penalty_on_its_slope_keeps():
    """Asked on tensors without memory, against one that is really taken."""
    real, made = torch.randn(2, 8, 1, 28, 28)

    def turn(critic, points):
        critic(torch.cat([points, points]))
        adversarial.gradient_penalty(critic, points)

    with torch.device("meta"):
        critic = Adversaries((1, 28, 28), 16, 8, "layer").critic
    told = kept_in(lambda: turn(critic, without_memory(8, 1, 28, 28)), critic)
    critic = Adversaries((1, 28, 28), 16, 8, "layer").critic
    taken = kept_in(lambda: turn(critic, adversarial.between(real, made)), critic)
    assert told == pytest.approx(taken, rel=0.02)


def test_maps_that_round_are_half_as_large():
    assert rounded(100, "float32") == 100
    assert rounded(100, "bfloat16") == 50


@pytest.mark.parametrize(
    ("recipe", "settings"),
    [
        ("images", {"net": "cnn"}),
        ("images", {"net": "densenet-22"}),
        ("gan", {"kind": "gan"}),
        ("gan", {"kind": "wgan-gp"}),
        ("diffusion", {"noise_steps": 10}),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(recipe, settings, tmp_path, monkeypatch):
    data = halves(tmp_path / "data", 200)
    monkeypatch.setattr("undertow.tasks.step_memory.memory_bytes", lambda: 1000)
    with pytest.raises(SettingError, match=r"images of 8x8 needs about .* smaller --batch"):
        ut.train(recipe, data=data, out=tmp_path / "run", minutes=0.01, **settings)
    assert not (tmp_path / "run").exists()


def test_a_batch_is_no_larger_than_what_there_is(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "undertow.tasks.images.check_step", lambda kept, rows, shape: asked.append((rows, shape))
    )
    data = halves(tmp_path / "data", 60)
    ut.train("images", data=data, out=tmp_path / "run", net="cnn", batch=10_000, epochs=1, doctor=False)
    ((rows, shape),) = asked
    assert 30 < rows < 60
    assert shape == (1, 8, 8)


def test_units_are_not_asked_about(tmp_path, monkeypatch):
    """They keep less than they weigh, and there may be ten thousand layers of them."""
    monkeypatch.setattr("undertow.tasks.step_memory.memory_bytes", lambda: 1)
    data = halves(tmp_path / "data", 60)
    ut.train("images", data=data, out=tmp_path / "run", net="mlp", epochs=1, doctor=False)


def test_without_a_number_nothing_is_refused(monkeypatch):
    monkeypatch.setattr("undertow.tasks.step_memory.memory_bytes", lambda: None)
    check_step(10**18, 64, (1, 8, 8))
