"""The four penalties against slow twins, by hand, and by finite differences.

Letters: T time steps, B batch rows, I input features, H hidden units, δ the gradient ∂L/∂s.
"""

import numpy as np
import pytest
import torch
from slow_penalties import deltas, slow_jacobian, slow_omega, walk
from torch import nn
from torch.testing import assert_close

import undertow as ut
from undertow import cells
from undertow.errors import CellError, SettingError
from undertow.recurrent.recurrent import listening
from undertow.training.options import Training
from undertow.training.penalties import (
    identity,
    jacobian,
    needs_passages,
    omega,
    penalty,
    recurrent_matrices,
    spectral,
)

T, B, I, H = 6, 3, 2, 4  # noqa: E741 - the letters of the head
KINDS = [cells.RNN, cells.LSTM, cells.GRU, cells.PeepholeLSTM]
LENGTHS = torch.tensor([6, 2, 5])
WALKS = pytest.mark.parametrize(
    ("kind", "bidirectional", "lengths"),
    [(kind, both, lengths) for kind in KINDS for both in (False, True) for lengths in (None, LENGTHS)],
    ids=lambda value: (
        getattr(value, "__name__", None) or ("lengths" if isinstance(value, torch.Tensor) else str(value))
    ),
)


def layer_of(kind, hidden=H, **settings):
    layer = ut.Recurrent(kind(I, hidden), **settings).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return layer


def loss_of(y):
    """Some loss that looks at every step and row, differently."""
    return (y * torch.linspace(-1, 2, y.numel(), dtype=y.dtype).view_as(y)).sum() + y.square().sum()


def heard(layer, x, lengths=None):
    with listening(layer) as passages:
        y, _ = layer(x, lengths=lengths)
    return loss_of(y), passages


def walked_by_hand(layer, x, lengths):
    """Each direction's walk, and the δ of the whole loss: y is silent past a row's end."""
    walks = [walk(layer, x, lengths, number) for number in range(layer.stack.directions)]
    y = torch.cat([torch.stack([state[0] for state in one.states]) for one in walks], -1)
    if lengths is not None:
        y = torch.where((torch.arange(T)[:, None] < lengths)[..., None], y, 0.0)
    loss = loss_of(y)
    return walks, [deltas(one, loss) for one in walks[:1]] + [given_again(one) for one in walks[1:]], loss


def given_again(walked):
    return [
        [
            torch.cat([f.grad[b].flatten() if f.grad is not None else torch.zeros_like(f[b]) for f in state])
            for b in range(B)
        ]
        for state in walked.states
    ]


@WALKS
def test_taps_have_the_gradient_that_a_hand_written_loop_keeps(kind, bidirectional, lengths):
    layer, x = layer_of(kind, bidirectional=bidirectional), torch.randn(T, B, I).double()
    loss, passages = heard(layer, x, lengths)
    walks, given, by_hand = walked_by_hand(layer, x, lengths)
    assert_close(loss, by_hand)
    for passage, walked, delta in zip(passages, walks, given, strict=True):
        taps = torch.autograd.grad(loss, passage.taps, retain_graph=True, materialize_grads=True)
        assert_close(
            torch.cat([tap.flatten(2) for tap in taps], -1), torch.stack([torch.stack(row) for row in delta])
        )
        assert_close(passage.states[0], torch.stack([state[0] for state in walked.states]))


@WALKS
def test_omega_is_pascanu_s_formula(kind, bidirectional, lengths):
    layer, x = layer_of(kind, bidirectional=bidirectional), torch.randn(T, B, I).double()
    loss, passages = heard(layer, x, lengths)
    walks, given, _ = walked_by_hand(layer, x, lengths)
    twin = sum(slow_omega(one, delta, lengths) for one, delta in zip(walks, given, strict=True))
    assert_close(omega(loss, passages), twin)


def test_omega_of_a_vanilla_network_written_out():
    """J_t = diag(1 − h_t²) W, and δ_{t−1} = δ_t J_t where the loss looks at the last state alone."""
    layer, x = layer_of(cells.RNN), torch.randn(T, 1, I).double()
    with listening(layer) as passages:
        y, _ = layer(x)
    loss = y[-1].sum()
    w, h, delta, total = layer.weights(0).h.detach(), y.detach()[:, 0], torch.ones(H).double(), 0.0
    for t in reversed(range(T)):
        before = delta @ (torch.diag(1 - h[t] ** 2) @ w)
        total += float((before.norm() / delta.norm() - 1) ** 2)
        delta = before
    assert float(omega(loss, passages).detach()) == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("kind", [cells.RNN, cells.LSTM], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
def test_hutchinson_s_mean_is_the_frobenius_norm(kind, lengths):
    """Each of 4,000 copies of a row draws its own signs: their mean is within 4 standard errors of ‖J‖²_F."""
    layer, x = layer_of(kind), torch.randn(T, B, I).double()
    exact = float(slow_jacobian(walk(layer, x, lengths), lengths).detach())
    draws = []
    for _ in range(20):
        _, passages = heard(layer, x.repeat(1, 200, 1), None if lengths is None else lengths.repeat(200))
        draws.append(float(jacobian(passages).detach()))
    assert np.mean(draws) == pytest.approx(exact, abs=4 * np.std(draws, ddof=1) / len(draws) ** 0.5)
    assert np.std(draws) > 0
    assert np.mean(draws) == pytest.approx(exact, rel=0.03)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_jacobian_of_a_linear_step_is_known_without_error(bidirectional):
    """ReLU far above zero is linear: J = 3·I, signs do not matter, ‖J‖²_F = 9 H."""
    layer = layer_of(
        lambda size, hidden: cells.RNN(size, hidden, nonlinearity="relu"), bidirectional=bidirectional
    )
    with torch.no_grad():
        for number in range(layer.stack.directions):
            weights = layer.weights(number)
            weights.h.copy_(3 * torch.eye(H))
            weights.b.fill_(100)
    loss, passages = heard(layer, torch.rand(T, B, I).double(), LENGTHS)
    directions = layer.stack.directions
    assert float(jacobian(passages).detach()) == pytest.approx(9 * H * directions, rel=1e-12)
    assert float(omega(loss, passages).detach()) == pytest.approx(
        4 * 13 / 3 * directions, rel=1e-12
    )  # 13 steps of 3 rows


def test_layers_add_up():
    layer, x = layer_of(cells.GRU, layers=2), torch.randn(T, B, I).double()
    loss, passages = heard(layer, x)
    assert len(passages) == 2
    assert_close(omega(loss, passages), omega(loss, passages[:1]) + omega(loss, passages[1:]))


@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30])
def test_omega_does_not_depend_on_the_scale_of_the_loss(scale):
    layer, x = layer_of(cells.LSTM), torch.randn(T, B, I).double()
    loss, passages = heard(layer, x)
    assert_close(omega(scale * loss, passages), omega(loss, passages))


def test_omega_still_sees_a_gradient_that_has_almost_vanished():
    """In float32 the square of 0.3⁶⁰ is zero, its ratio from step to step still 0.3: this is what omega is for."""
    layer = ut.Recurrent(cells.RNN(I, H, nonlinearity="relu"))
    with torch.no_grad():
        layer.weights(0).h.copy_(0.3 * torch.eye(H))
        layer.weights(0).b.fill_(1)
    with listening(layer) as passages:
        y, _ = layer(torch.rand(60, B, I) * 0.01)
    assert float(omega(y[-1].sum(), passages).detach()) == pytest.approx(60 * 0.7**2, rel=1e-4)


@pytest.mark.parametrize("kind", [cells.RNN, cells.LSTM], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
def test_gradient_of_omega_with_states_and_δ_held(kind, lengths):
    """By central differences of the slow twin, whose states and δ stay those of the unchanged weights."""
    layer, x = layer_of(kind, hidden=3), torch.randn(T, B, I).double()
    loss, passages = heard(layer, x, lengths)
    (walked,), (given,), _ = walked_by_hand(layer, x, lengths)
    ours = torch.autograd.grad(omega(loss, passages), list(layer.parameters()), materialize_grads=True)
    assert_differences(layer, ours, lambda weights: slow_omega(walked, given, lengths, weights))


@pytest.mark.parametrize("kind", [cells.RNN, cells.LSTM], ids=lambda kind: kind.__name__)
def test_gradient_of_the_jacobian_with_states_held(kind):
    layer, x = layer_of(kind, hidden=3), torch.randn(T, B, I).double()
    walked = walk(layer, x)
    ours = [0.0] * len(list(layer.parameters()))
    draws = 30
    for _ in range(draws):
        _, passages = heard(layer, x.repeat(1, 100, 1))
        found = torch.autograd.grad(jacobian(passages), list(layer.parameters()), materialize_grads=True)
        ours = [total + gradient / draws for total, gradient in zip(ours, found, strict=True)]
    exact = torch.autograd.grad(slow_jacobian(walked), list(layer.parameters()), materialize_grads=True)
    for found, wanted in zip(ours, exact, strict=True):
        assert_close(found, wanted, rtol=0.1, atol=0.02 * float(max(g.abs().max() for g in exact)))
    assert_differences(layer, exact, lambda weights: slow_jacobian(walked, None, weights))


def assert_differences(layer, gradients, value, h=1e-6):
    """Along a random direction, the central difference equals ⟨gradient, direction⟩."""
    cell_weights = layer.weights(0)
    for _ in range(3):
        direction = [torch.randn_like(weight) for weight in cell_weights]
        moved = [
            float(
                value(
                    type(cell_weights)(
                        *(w + sign * h * d for w, d in zip(cell_weights, direction, strict=True))
                    )
                ).detach()
            )
            for sign in (1, -1)
        ]
        slope = sum(float((g * d).sum()) for g, d in zip(gradients, direction, strict=True))
        assert (moved[0] - moved[1]) / (2 * h) == pytest.approx(slope, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize(
    ("matrix", "from_identity", "radius"),
    [
        (2 * np.eye(3), 3.0, 1.0),
        (np.eye(4), 0.0, 0.0),
        (np.zeros((2, 2)), 2.0, 1.0),
        (np.array([[0.0, -1.5], [1.5, 0.0]]), 2 + 2 * 1.5**2, 0.25),  # eigenvalues ±1.5i
        (
            np.array([[0.5, 100.0], [0.0, -0.25]]),
            0.25 + 1e4 + 1.5625,
            0.25,
        ),  # far from normal: ‖W‖ says nothing of ρ
        (np.array([[-3.0]]), 16.0, 4.0),
    ],
)
def test_identity_and_spectral_by_hand(matrix, from_identity, radius):
    blocks = [torch.tensor(matrix)]
    assert float(identity(blocks)) == pytest.approx(from_identity, rel=1e-12)
    assert float(spectral(blocks)) == pytest.approx(radius, rel=1e-12, abs=1e-12)
    assert float(identity(2 * blocks)) == pytest.approx(2 * from_identity, rel=1e-12)


def test_spectral_as_numpy():
    for _ in range(20):
        matrix = torch.randn(5, 5).double()
        wanted = (np.abs(np.linalg.eigvals(matrix.numpy())).max() - 1) ** 2
        assert float(spectral([matrix])) == pytest.approx(wanted, rel=1e-10)


@pytest.mark.parametrize("measure", [identity, spectral], ids=lambda measure: measure.__name__)
def test_gradients_of_matrix_penalties_by_finite_differences(measure):
    matrices = [torch.randn(4, 4).double().requires_grad_() for _ in range(2)]
    assert torch.autograd.gradcheck(lambda *blocks: measure(blocks), matrices)


@pytest.mark.parametrize(
    ("kind", "settings", "blocks"),
    [
        (cells.RNN, {}, 1),
        (cells.LSTM, {}, 4),
        (cells.GRU, {}, 3),
        (cells.CoupledLSTM, {}, 3),
        (cells.RNN, {"layers": 3}, 3),
        (cells.LSTM, {"layers": 2, "bidirectional": True}, 16),
    ],
)
def test_every_recurrent_block_is_found(kind, settings, blocks):
    layer = ut.Recurrent(kind(I, H), **settings)
    found = recurrent_matrices(nn.Sequential(nn.Linear(H, H), layer))
    assert [tuple(matrix.shape) for matrix in found] == [(H, H)] * blocks
    assert_close(torch.cat(found[: layer.weights(0).h.shape[0] // H]), layer.weights(0).h)


def test_each_weight_multiplies_its_own_penalty():
    layer, x = layer_of(cells.RNN), torch.randn(T, B, I).double()
    loss, passages = heard(layer, x)
    blocks = recurrent_matrices(layer)
    signs = torch.get_rng_state()
    parts = {
        "omega": omega(loss, passages),
        "identity": identity(blocks),
        "spectral": spectral(blocks),
        "jacobian": 0,
    }
    torch.set_rng_state(signs)
    parts["jacobian"] = jacobian(passages)
    weights = {"omega": 0.5, "identity": 2.0, "spectral": 3.0, "jacobian": 7.0}
    for name, part in parts.items():
        torch.set_rng_state(signs)
        asked = Training(**{f"{name}_penalty": weights[name]})
        assert_close(penalty(asked, layer, loss, passages), weights[name] * part)
        assert needs_passages(asked) == (name in ("omega", "jacobian"))
    torch.set_rng_state(signs)
    whole = penalty(
        Training(**{f"{name}_penalty": value for name, value in weights.items()}), layer, loss, passages
    )
    assert_close(whole, sum(weights[name] * part for name, part in parts.items()))
    assert float(penalty(Training(), layer, loss, [])) == 0


@pytest.mark.parametrize("name", ["jacobian", "omega", "identity", "spectral"])
def test_descending_a_penalty_lowers_it(name):
    layer, x = layer_of(cells.RNN), torch.randn(T, B, I).double()

    def value():
        torch.manual_seed(1)
        loss, passages = heard(layer, x)
        return penalty(Training(**{f"{name}_penalty": 1.0}), layer, loss, passages)

    optimizer = torch.optim.SGD(layer.parameters(), lr=1e-3)
    before = value()
    for _ in range(20):
        optimizer.zero_grad()
        value().backward()
        optimizer.step()
    assert float(value().detach()) < 0.98 * float(before.detach())


def test_a_cell_without_a_square_recurrent_matrix_is_told(monkeypatch):
    """A vector of self-connections, as in IndRNN, or a matrix of another name."""
    layer = ut.Recurrent(cells.RNN(I, H))
    monkeypatch.setattr(cells.RNN, "recurrent", ("b",))
    with pytest.raises(SettingError, match="--identity-penalty and --spectral-penalty"):
        penalty(Training(identity_penalty=1.0), layer, torch.zeros(()), [])
    monkeypatch.setattr(cells.RNN, "recurrent", ("u",))
    with pytest.raises(CellError, match=r"RNN has no weight 'u'.*recurrent"):
        penalty(Training(spectral_penalty=1.0), layer, torch.zeros(()), [])


@pytest.mark.parametrize("name", ["omega_penalty", "jacobian_penalty"])
def test_a_network_without_steps_is_told(name):
    options = Training(**{name: 1.0})
    with pytest.raises(SettingError, match="this network has none"):
        penalty(options, nn.Linear(2, 2), torch.ones((), requires_grad=True), [])
