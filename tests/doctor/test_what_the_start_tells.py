"""What the first steps tell, whatever the run makes good later: weights that are thrown, gradients that explode between
hidden layers, gates that stay shut."""

import textwrap

import pytest

import undertow as ut

LAYERS = """
    import sys

    import torch
    from torch import nn

    torch.manual_seed(0)
    act, gain, lr, steps = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    parts, width = [], 40
    for n in range(8):
        linear = nn.Linear(6 if n == 0 else width, width)
        nn.init.normal_(linear.weight, std=gain * (2 if act == "ReLU" else 1.4) ** 0.5 / linear.in_features**0.5)
        nn.init.zeros_(linear.bias)
        parts += [linear, getattr(nn, act)()]
    net = nn.Sequential(*parts, nn.Linear(width, 1))
    if act == "Tanh":
        nn.init.normal_(net[-1].weight, std=gain / width**0.5)
    opt = torch.optim.Adam(net.parameters(), lr=lr)
    for step in range(steps):
        x = torch.randn(64, 6)
        loss = nn.functional.mse_loss(net(x).squeeze(1), (x[:, 0] * x[:, 1]).sin() + x[:, 2])
        opt.zero_grad()
        loss.backward()
        opt.step()
"""
ORDERS = """
    import sys

    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.manual_seed(0)
    forget, lag = float(sys.argv[1]), 24
    lstm, read = nn.LSTM(2, 24, batch_first=True), nn.Linear(24, 1)
    with torch.no_grad():
        lstm.bias_ih_l0[24:48] = forget
        lstm.bias_hh_l0[24:48] = 0
    opt = torch.optim.Adam([*lstm.parameters(), *read.parameters()], 5e-3)
    for step in range(250):
        x = torch.randn(48, lag, 2)
        y = x[:, 0, 0] + x[:, lag // 2, 1] + x[:, -1, 0]
        loss = F.{loss}(read(lstm(x)[0][:, -1]).squeeze(1), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
"""


def said(tmp_path, script, *words):
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(script))
    return ut.examine(str(path), list(words)).verdicts


@pytest.mark.parametrize(("act", "gain"), [("Tanh", "3"), ("ReLU", "3")])
def test_gradients_that_explode_between_hidden_layers(tmp_path, act, gain):
    """Of units that saturate by a small factor a layer; of the first layer, which sees few inputs, by none."""
    first, *_ = said(tmp_path, LAYERS, act, gain, "1e-4", "200")
    assert first.code == "D102"
    assert first.evidence["factor_a_layer"] > 1.25


def test_ordinary_layers_do_not_explode(tmp_path):
    assert not said(tmp_path, LAYERS, "Tanh", "1", "1e-3", "300")


def test_a_first_step_that_throws_the_weights(tmp_path):
    """The loss leaps and comes down again, to what is not much better than always saying the same."""
    codes = [verdict.code for verdict in said(tmp_path, LAYERS, "ReLU", "1", "0.08", "300")]
    assert codes[0] == "L103"
    assert "D102" not in codes  # what weights are after such a step is no start


@pytest.mark.parametrize("loss", ["smooth_l1_loss", "huber_loss", "mse_loss"])
def test_a_gate_that_stays_shut_while_the_last_step_is_learned(tmp_path, loss):
    """How much is left to learn is known of every loss of numbers."""
    first, *_ = said(tmp_path, ORDERS.replace("{loss}", loss), "-4")
    assert first.code == "T103"
    assert first.evidence["open_at_end"] < 0.4
