"""What autograd's graph tells, where the answer is known."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from undertow.doctor.seen.chains import chains_of
from undertow.doctor.seen.graph import Graph, reach
from undertow.doctor.seen.loops import asked_by_hand, read_by_steps
from undertow.doctor.seen.losses import losses_of
from undertow.doctor.seen.spoilt import singular_in

T, B, H = 12, 5, 6


def walked(w, cut=0):
    x, h = torch.randn(T, B, H), torch.zeros(B, H)
    for t in range(T):
        if cut and t % cut == 0:
            h = h.detach()
        h = x[t] + h @ w
    return x, h


def test_the_gain_of_a_linear_recurrence_is_its_power():
    w = (0.8 * torch.linalg.qr(torch.randn(H, H))[0]).requires_grad_()
    _, h = walked(w)
    (chain,) = chains_of(Graph(h.square().sum()), torch.Generator().manual_seed(0))
    assert chain.linear
    assert chain.gain == pytest.approx([0.8**k for k in range(len(chain.gain))], rel=1e-4)
    assert chain.steps == T


@pytest.mark.parametrize("cut", [1, 4])
def test_a_chain_is_as_long_as_its_window(cut):
    w = torch.randn(H, H, requires_grad=True)
    _, h = walked(w, cut)
    assert reach(Graph(h.sum())) == cut


@pytest.mark.parametrize("kind", ["RNN", "GRU"])
def test_layers_of_torch_are_chains_too(kind):
    layer = getattr(nn, kind)(3, H)
    y, _ = layer(torch.randn(T, B, 3))
    (chain,) = chains_of(Graph(y[-1].sum()), torch.Generator().manual_seed(0))
    assert chain.steps == T
    assert not chain.linear


def test_an_open_forget_gate_is_seen_open():
    cell = nn.LSTMCell(3, H)
    with torch.no_grad():
        cell.bias_ih[H : 2 * H] = 20.0
    h = c = torch.zeros(B, H)
    for _ in range(T):
        h, c = cell(torch.randn(B, 3), (h, c))
    (chain,) = chains_of(Graph(h.sum()), torch.Generator().manual_seed(0))
    assert min(chain.forget) > 0.999


def test_inputs_of_a_loop_over_raw_tensors_are_known():
    w, u = torch.randn(H, H, requires_grad=True), torch.randn(3, H, requires_grad=True)
    x, h = torch.randn(T, B, 3), torch.zeros(B, H)
    for t in range(T):
        h = torch.tanh(x[t] @ u + h @ w)
    read, carried = read_by_steps(Graph(h.sum()), 8)
    assert torch.equal(read, x)
    assert not carried


def over_steps(driven, w):
    h = torch.zeros(B, H)
    for one in driven:
        h = torch.tanh(one + h @ w)
    return h


@pytest.mark.parametrize("rows_first", [False, True])
def test_inputs_that_are_multiplied_before_the_loop_are_known(rows_first):
    w, u = torch.randn(H, H, requires_grad=True), torch.randn(3, H, requires_grad=True)
    x = torch.randn(T, B, 3)
    laid = x.transpose(0, 1).contiguous() if rows_first else x
    driven = laid @ u + 0.5
    read, _ = read_by_steps(Graph(over_steps(driven.unbind(1 if rows_first else 0), w).sum()), 8)
    assert torch.equal(read, x)


@pytest.mark.parametrize(
    "lost",
    [
        lambda out, y: ((out - y) ** 2).mean(),
        lambda out, y: (y - out).square().sum() / B,
        lambda out, y: (out - y).abs().mean(),
        lambda out, y: ((out - y) * (out - y)).mean() + 1.0,
    ],
)
@pytest.mark.parametrize("column", [False, True])
def test_the_target_of_a_loss_by_hand_is_what_was_taken_from_the_output(lost, column):
    w, u = torch.randn(H, H, requires_grad=True), torch.randn(3, H, requires_grad=True)
    out = torch.randn(H, 1, requires_grad=True) if column else torch.randn(H, requires_grad=True)
    level = torch.randn(1, requires_grad=True)
    h = over_steps((torch.randn(T, B, 3) @ u).unbind(), w)
    y = torch.randn(B, 1) if column else torch.randn(B)
    found = asked_by_hand(Graph(lost(h @ out + level, y)))
    torch.testing.assert_close(found, y)


def test_no_target_is_made_up_where_the_output_cannot_be_worked_out():
    """Of a column less a row, of two networks' outputs, of an output behind what autograd does not keep."""
    w = torch.randn(H, 1, requires_grad=True)
    x = torch.randn(B, H, requires_grad=True)
    assert asked_by_hand(Graph(((x @ w - torch.randn(B)) ** 2).mean())) is None
    assert asked_by_hand(Graph(((x @ w - x @ w * 2) ** 2).mean())) is None
    assert asked_by_hand(Graph(((torch.cumsum(x @ w, 0) - torch.randn(B, 1)) ** 2).mean())) is None


LOGITS = torch.randn(B, 4, requires_grad=True)
CLASSES = torch.randint(4, (B,))
COLUMN, ROW = torch.randn(B, 1, requires_grad=True), torch.randn(B)


@pytest.mark.parametrize(
    ("loss", "sign"),
    [
        (lambda: F.cross_entropy(LOGITS, CLASSES), 1),
        (lambda: -F.cross_entropy(LOGITS, CLASSES), -1),
        (lambda: 0.5 * F.mse_loss(COLUMN[:, 0], ROW) + 1, 1),
        (lambda: -2 * (COLUMN[:, 0] - ROW).square().mean(), -1),
        (lambda: 3 - ((ROW - COLUMN[:, 0]) ** 2).sum() / B, -1),
        (lambda: F.l1_loss(COLUMN[:, 0], ROW).neg().neg(), 1),
    ],
)
def test_the_sign_of_a_loss(loss, sign):
    assert [found.sign for found in losses_of(Graph(loss()))] == [sign]


@pytest.mark.parametrize(
    ("loss", "spread"),
    [
        (lambda: ((COLUMN - ROW) ** 2).mean(), True),
        (lambda: (ROW - COLUMN).abs().mean(), True),
        (lambda: F.mse_loss(COLUMN, ROW), True),
        (lambda: F.smooth_l1_loss(COLUMN, ROW), True),
        (lambda: F.mse_loss(COLUMN.mean(), torch.randn(8, 8)), True),
        (lambda: F.mse_loss(COLUMN[:, 0], ROW), False),
        (lambda: ((COLUMN - ROW[:, None]) ** 2).mean(), False),
        (lambda: ((COLUMN - COLUMN.T) ** 2).mean(), False),  # all pairs, and meant so
        (lambda: (torch.randn(B, 3, requires_grad=True) - 1).square().mean(), False),
    ],
)
@pytest.mark.filterwarnings("ignore:Using a target size")
def test_an_output_stretched_over_targets(loss, spread):
    assert any(found.spread is not None for found in losses_of(Graph(loss()))) is spread


@pytest.mark.parametrize(
    ("loss", "squashed"),
    [
        (lambda: F.cross_entropy(LOGITS.softmax(1), CLASSES), "softmax"),
        (lambda: F.nll_loss(LOGITS.softmax(1), CLASSES), "softmax"),
        (lambda: F.cross_entropy(LOGITS.sigmoid(), CLASSES), "sigmoid"),
        (lambda: F.binary_cross_entropy_with_logits(LOGITS.sigmoid(), torch.rand(B, 4)), "sigmoid"),
        (lambda: F.cross_entropy(LOGITS, CLASSES), ""),
        (lambda: F.nll_loss(LOGITS.log_softmax(1), CLASSES), ""),
        (lambda: F.cross_entropy(LOGITS.log_softmax(1), CLASSES), ""),  # the same twice: no harm
        (lambda: F.binary_cross_entropy(LOGITS.sigmoid(), torch.rand(B, 4)), ""),
    ],
)
def test_a_softmax_too_many(loss, squashed):
    assert losses_of(Graph(loss()))[0].squashed == squashed


@pytest.mark.parametrize(
    ("made", "op"),
    [
        (lambda z: z.sqrt(), "sqrt"),
        (lambda z: z**0.5, "pow"),
        (lambda z: 1 / z, None),
        (lambda z: (z + 1e-8).sqrt(), None),
        (lambda z: z.square(), None),
    ],
)
def test_where_a_slope_is_infinite(made, op):
    z = torch.zeros(3, requires_grad=True)
    found = singular_in(Graph(torch.where(z > 1, made(z * 1), 0.0).sum()), 0)
    assert (None if found is None else found.op) == op
