"""Horizon, Jacobians and Lyapunov exponents against recurrences whose answers can be written down."""

import math

import pytest
import torch
from known_cells import orthogonal, with_matrix
from torch import nn

import undertow as ut
from undertow import cells, flow
from undertow.errors import SettingError, ShapeError


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_a_scaled_orthogonal_matrix_gives_its_rate_exactly(engine):
    (found,) = flow.horizon(
        with_matrix(0.9 * orthogonal(6), engine), torch.randn(80, 3, 6, dtype=torch.float64)
    )
    assert found.gain == pytest.approx([0.9**k for k in range(80)], rel=1e-9)
    assert found.rate == pytest.approx(0.9, rel=1e-9)
    assert found.steps == math.floor(math.log(0.01) / math.log(0.9))
    assert not found.beyond
    assert (found.cell, found.layer, found.direction, found.module) == ("linear", 0, 0, "")


@pytest.mark.parametrize("lag", [5, 10, 20, 50, 100, 200, 500])
def test_analytic_horizons_are_found(lag):
    rate = 0.01 ** (1 / lag)
    steps = 2 * lag
    (found,) = flow.horizon(with_matrix(rate * orthogonal(4).float()), torch.randn(steps, 2, 4))
    assert lag - 1 <= found.steps <= lag + 1
    (short,) = flow.horizon(with_matrix(rate * orthogonal(4).float()), torch.randn(max(3, lag // 2), 2, 4))
    assert short.beyond
    assert short.expected == pytest.approx(lag, abs=1 + 0.01 * lag)


def test_a_matrix_of_several_rates_gives_their_mean_square():
    rates = torch.tensor([0.5, 0.9, 1.0], dtype=torch.float64)
    (found,) = flow.horizon(
        with_matrix(rates.diag()), torch.randn(20, 500, 3, dtype=torch.float64), probes=20
    )
    wanted = [float((rates ** (2 * k)).mean().sqrt()) for k in range(20)]
    assert found.gain == pytest.approx(wanted, rel=0.03)
    assert found.beyond
    assert found.expected >= 19


def test_growth_is_no_end():
    (found,) = flow.horizon(with_matrix(1.1 * orthogonal(4)), torch.randn(30, 2, 4, dtype=torch.float64))
    assert found.rate == pytest.approx(1.1)
    assert found.expected == math.inf


def test_each_layer_and_direction_of_torchs_own():
    model = nn.Sequential(nn.Linear(3, 4), nn.LSTM(4, 5, num_layers=2, bidirectional=True))
    found = flow.horizon(model, torch.randn(12, 3, 3))
    assert [(f.module, f.layer, f.direction, f.cell) for f in found] == [
        ("1", layer, direction, "lstm") for layer in (0, 1) for direction in (0, 1)
    ]
    assert all(f.gain[0] == pytest.approx(1.0) for f in found)
    assert all(len(f.gain) == 12 for f in found)


def test_rows_of_different_lengths_are_counted_from_their_own_ends():
    layer = with_matrix(0.8 * orthogonal(4))
    x, lengths = torch.randn(9, 3, 4, dtype=torch.float64), torch.tensor([4, 9, 1])

    class Short(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, x):
            return self.layer(x, lengths=lengths)

    (found,) = flow.horizon(Short(), x)
    assert found.module == "layer"
    assert found.gain == pytest.approx([0.8**k for k in range(9)], rel=1e-9)


def test_jacobians_of_a_linear_recurrence_are_its_matrix():
    matrix = torch.randn(4, 4, dtype=torch.float64)
    (found,) = flow.jacobian(with_matrix(matrix), torch.randn(6, 2, 4, dtype=torch.float64))
    radius = float(torch.linalg.eigvals(matrix).abs().max())
    assert found.radius == pytest.approx([radius] * 6)
    assert found.norm == pytest.approx([float(torch.linalg.matrix_norm(matrix, 2))] * 6)
    powers = [torch.linalg.matrix_power(matrix, k) for k in found.lag]
    assert found.truth == pytest.approx([float(torch.linalg.matrix_norm(p, 2)) for p in powers], rel=1e-9)
    assert found.weights is None


def test_of_the_three_bounds_the_one_as_taught_is_none():
    """W = ½ I near zero: the truth is ½^k; as taught, ¼^k, which is below it."""
    layer = ut.Recurrent(cells.RNN(3, 4)).double()
    with torch.no_grad():
        layer.h_l0.copy_(0.5 * torch.eye(4))
        layer.x_l0.zero_()
    (found,) = flow.jacobian(layer, torch.randn(8, 1, 3, dtype=torch.float64))
    assert found.truth == pytest.approx([0.5**k for k in found.lag])
    assert found.product == pytest.approx([0.5**k for k in found.lag])
    assert found.weights == pytest.approx([0.5**k for k in found.lag])
    assert found.as_taught == pytest.approx([0.25**k for k in found.lag])


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_right_bounds_hold_for_the_vanilla_rnn(nonlinearity):
    layer = ut.Recurrent(cells.RNN(3, 6, nonlinearity=nonlinearity)).double()
    with torch.no_grad():
        layer.h_l0.copy_(torch.randn(6, 6) / 2)
    (found,) = flow.jacobian(layer, torch.randn(20, 2, 3, dtype=torch.float64), row=1)
    for truth, product, weights in zip(found.truth, found.product, found.weights, strict=True):
        assert truth <= product * (1 + 1e-9)
        assert product <= weights * (1 + 1e-9)


def test_an_lstm_whose_gates_are_pinned_carries_c_by_the_product_of_f():
    layer = ut.Recurrent(cells.LSTM(2, 3)).double()
    with torch.no_grad():
        for weight in layer.weights(0):
            weight.zero_()
        layer.b_l0[3:6] = math.log(4)  # f = 0.8
    (found,) = flow.jacobian(layer, torch.randn(10, 1, 2, dtype=torch.float64))
    assert found.radius == pytest.approx([0.8] * 10)
    (reach,) = flow.horizon(layer, torch.randn(10, 1, 2, dtype=torch.float64))
    # h_T = ½ tanh(c_T), c_T = 0.8^k c_{T-k}, and c stays 0: ∂h_T/∂c_{T-k} = ½ 0.8^k
    assert reach.gain[1:] == pytest.approx([0.5 * 0.8**k for k in range(1, 10)], rel=1e-9)


def test_lyapunov_exponents_of_a_diagonal_are_its_logarithms():
    rates = torch.tensor([0.3, 0.9, 1.2, 0.7], dtype=torch.float64)
    (found,) = flow.lyapunov(with_matrix(rates.diag()), torch.randn(50, 1, 4, dtype=torch.float64))
    assert found.exponents == pytest.approx(sorted(rates.log().tolist(), reverse=True))
    turned = orthogonal(4)
    mixed = with_matrix(turned @ rates.diag() @ turned.T)
    (found,) = flow.lyapunov(mixed, torch.randn(400, 1, 4, dtype=torch.float64), settle=100)
    assert found.exponents == pytest.approx(sorted(rates.log().tolist(), reverse=True), abs=1e-6)


def test_looking_leaves_everything_as_it_was():
    model = nn.Sequential(nn.Dropout(0.5), nn.GRU(3, 4))
    x = torch.randn(5, 2, 3)
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    flow.horizon(model, x)
    flow.jacobian(model, x)
    flow.lyapunov(model, x)
    assert torch.equal(torch.rand(2), wanted)
    assert all(p.grad is None for p in model.parameters())
    assert not model[1]._forward_hooks


def test_what_cannot_be_measured_is_refused():
    layer, x = with_matrix(orthogonal(3)), torch.randn(4, 2, 3, dtype=torch.float64)
    with pytest.raises(SettingError, match="floor must lie between 0 and 1"):
        flow.horizon(layer, x, floor=0.0)
    with pytest.raises(SettingError, match="probes must be at least 1"):
        flow.horizon(layer, x, probes=0)
    for look in (flow.horizon, flow.jacobian, flow.lyapunov):
        with pytest.raises(SettingError, match="No recurrent layer of Linear walked"):
            look(nn.Linear(3, 3).double(), x)
    with pytest.raises(SettingError, match="There is no row 2"):
        flow.jacobian(layer, x, row=2)
    with pytest.raises(SettingError, match="settle must be at least 0"):
        flow.lyapunov(layer, x, settle=4)
    with pytest.raises(ShapeError, match="has no past"):
        flow.horizon(layer, x[:1])
    with pytest.raises(ShapeError, match="at most 16,777,216 are looked at"):
        flow.jacobian(nn.GRU(2, 2100), torch.randn(4, 1, 2))
