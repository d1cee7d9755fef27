"""Batch norm inside an LSTM: against its formula step by step, in training and in use."""

import pytest
import torch
from torch import nn

from undertow.errors import SettingError, ShapeError
from undertow.recurrent.batch_norm_lstm import BatchNormLSTM


@pytest.fixture
def layer():
    torch.manual_seed(0)
    made = BatchNormLSTM(3, 5, steps=4).double()
    for weight in made.parameters():
        nn.init.normal_(weight, std=0.5)
    return made


def over_batch(z, gain):
    return gain * (z - z.mean(0)) / (z.var(0, correction=0) + 1e-5).sqrt()


def by_hand(layer, x, normed):
    """The equations, with a norm that is handed in: name, z, gain, step."""
    h = c = torch.zeros(x.shape[1], 5, dtype=x.dtype)
    found = []
    for step in range(len(x)):
        gates = normed("x", x[step] @ layer.weight_x.T, layer.gain_x, step)
        gates = gates + normed("h", h @ layer.weight_h.T, layer.gain_h, step) + layer.bias
        i, f, g, o = gates.split(5, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * (normed("c", c, layer.gain_c, step) + layer.bias_c).tanh()
        found.append(h)
    return torch.stack(found), (h, c)


def test_training_is_the_formula_with_all_its_gradients(layer):
    x = torch.randn(6, 7, 3, dtype=torch.float64, requires_grad=True)
    y, (h, c) = layer(x)
    wanted, (last_h, last_c) = by_hand(layer, x, lambda _, z, gain, __: over_batch(z, gain))
    assert torch.allclose(y, wanted)
    assert torch.allclose(h, last_h)
    assert torch.allclose(c, last_c)
    inputs = [x, *layer.parameters()]
    for ours, theirs in zip(*(torch.autograd.grad(o.sin().sum(), inputs) for o in (y, wanted)), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-9)


def test_every_step_has_running_means_of_its_own(layer):
    x = torch.randn(6, 500, 3, dtype=torch.float64) + torch.arange(6).view(6, 1, 1)
    for _ in range(100):
        layer(x)
    from_x = x @ layer.weight_x.detach().T
    assert torch.allclose(layer.mean_x[:3], from_x[:3].mean(1), atol=1e-3)
    assert not torch.allclose(layer.mean_x[0], layer.mean_x[2], atol=0.1)
    layer.eval()
    y, _ = layer(x[:, :2])

    def kept(name, z, gain, step):
        at = min(step, 3)  # later steps use the last one's
        mean, variance = getattr(layer, f"mean_{name}")[at], getattr(layer, f"variance_{name}")[at]
        return gain * (z - mean) / (variance + 1e-5).sqrt()

    assert torch.allclose(y, by_hand(layer, x[:, :2], kept)[0])


def test_in_use_a_row_does_not_depend_on_those_beside_it(layer):
    x = torch.randn(5, 6, 3, dtype=torch.float64)
    together = layer(x)[0]
    assert not torch.allclose(together[:, :2], layer(x[:, :2])[0])  # in training it does
    layer.eval()
    assert torch.allclose(layer(x)[0][:, :1], layer(x[:, :1])[0])


def test_a_start_goes_on_where_the_walk_stopped(layer):
    layer.eval()
    layer.mean_x.copy_(layer.mean_x[:1].expand(4, -1))
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    whole, _ = layer(x)
    _, state = layer(x[:3])
    assert torch.allclose(layer(x[3:], state)[0], whole[3:])


def test_it_learns_which_of_two_steps_was_larger():
    """The rate falls to nothing, as it would in earnest: running means lag behind weights that still move."""
    torch.manual_seed(1)
    layer, readout = BatchNormLSTM(1, 12), nn.Linear(12, 1)
    optimizer = torch.optim.Adam([*layer.parameters(), *readout.parameters()], 0.02)
    falling = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, 400)
    for _ in range(400):
        x = torch.randn(4, 64, 1)
        loss = nn.functional.binary_cross_entropy_with_logits(
            readout(layer(x)[0][-1])[:, 0], (x[0] > x[1])[:, 0].float()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        falling.step()
    x = torch.randn(4, 1000, 1)
    layer.eval()
    right = ((readout(layer(x)[0][-1])[:, 0] > 0) == (x[0] > x[1])[:, 0]).float().mean()
    assert right > 0.95


def test_what_cannot_be(layer):
    with pytest.raises(ShapeError, match=r"\[T, B, 3\]"):
        layer(torch.zeros(2, 4))
    with pytest.raises(ShapeError, match="no variance to train on"):
        layer(torch.zeros(2, 1, 3, dtype=torch.float64))
    with pytest.raises(SettingError, match="steps"):
        BatchNormLSTM(2, 2, steps=0)
