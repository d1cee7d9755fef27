"""Dropped connections of the recurrence: which weights, how many, for how long, and with what gradient."""

import pytest
import torch
from torch import nn

import undertow as ut
from undertow import cells
from undertow.cells import catalog
from undertow.errors import CellError
from undertow.recurrent.weight_drop import recurrent_weights, thinned

T, B, H = 6, 3, 16


def walked(layer, x, seed=3):
    torch.manual_seed(seed)
    return layer(x)[0]


def test_only_weights_of_the_state_are_dropped_and_the_mean_is_kept():
    cell = cells.LSTM(300, 300)
    weights = cell.init()._replace(h=torch.ones(1200, 300))
    torch.manual_seed(0)
    thin = thinned(cell, weights, 0.4)
    assert thin.x is weights.x
    assert thin.b is weights.b
    torch.testing.assert_close(thin.h.unique(), torch.tensor([0, 1 / 0.6]), rtol=1e-4, atol=0)
    count, spread = thin.h.numel(), (0.4 / 0.6) ** 0.5
    assert thin.h.mean().item() == pytest.approx(1, abs=4 * spread / count**0.5)


def test_one_draw_for_all_steps_and_all_rows():
    """A walk with dropped weights is the walk of a layer that has the thinned weights for good."""
    layer = ut.Recurrent(cells.RNN(H, H), weight_drop=0.5)
    x = torch.randn(T, B, H)
    y = walked(layer, x)
    torch.manual_seed(3)
    fixed = ut.Recurrent(cells.RNN(H, H))
    torch.manual_seed(3)
    thin = thinned(layer.cell, layer.weights(0), 0.5)
    with torch.no_grad():
        for name, value in thin._asdict().items():
            getattr(fixed, f"{name}_l0").copy_(value)
    torch.testing.assert_close(y, fixed(x)[0])


def test_two_walks_and_two_layers_draw_anew():
    layer = ut.Recurrent(cells.RNN(H, H), layers=2, weight_drop=0.5)
    x = torch.randn(T, B, H)
    assert not torch.equal(walked(layer, x, 1), walked(layer, x, 2))
    drawn = [thinned(cell, layer.weights(n), 0.5).h == 0 for n, cell in enumerate(layer.stack.cells)]
    assert not torch.equal(*drawn)


def test_nothing_is_dropped_outside_training():
    layer = ut.Recurrent(cells.LSTM(H, H), weight_drop=0.5).eval()
    plain = ut.Recurrent(cells.LSTM(H, H)).eval()
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(T, B, H)
    assert torch.equal(layer(x)[0], plain(x)[0])


@pytest.mark.parametrize("kind", [cells.LSTM, cells.GRU, cells.RNN], ids=lambda kind: kind.__name__)
def test_the_kernel_equals_the_loop_in_outputs_and_gradients(kind):
    layer = ut.Recurrent(kind(H, H), layers=2, weight_drop=0.3)
    x = torch.randn(T, B, H)
    found = {}
    for engine in ("numba", "eager"):
        layer.set_engine(engine)
        layer.zero_grad()
        y = walked(layer, x)
        y.square().sum().backward()
        found[engine] = [y, *(p.grad.clone() for p in layer.parameters())]
    for ours, plain in zip(*found.values(), strict=True):
        torch.testing.assert_close(ours, plain, rtol=2e-4, atol=2e-5)


def test_a_dropped_weight_has_no_gradient():
    layer = ut.Recurrent(cells.RNN(H, H), weight_drop=0.5)
    x = torch.randn(T, B, H)
    walked(layer, x).sum().backward()
    torch.manual_seed(3)
    dropped = thinned(layer.cell, layer.weights(0), 0.5).h == 0
    assert dropped.any()
    assert not layer.h_l0.grad[dropped].any()


@pytest.mark.parametrize("name", sorted(catalog.built_in()))
def test_every_cell_of_the_catalogue_says_which_weights_those_are(name):
    cell = catalog.find(name)(H, H)
    weights = cell.init()
    assert recurrent_weights(cell, weights).keys() == set(cell.recurrent)


def test_a_cell_that_names_no_weight_is_told_at_the_door():
    class Odd(cells.RNN):
        recurrent = ("u",)

    with pytest.raises(CellError, match="has no weight 'u', which its `recurrent` names"):
        ut.Recurrent(Odd(H, H), weight_drop=0.1)
    assert isinstance(ut.Recurrent(Odd(H, H)), nn.Module)
