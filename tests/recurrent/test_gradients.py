"""Gradients of whole modules against finite differences: lengths, layers, directions, projection."""

import pytest
import torch
from torch.func import functional_call

from cases import CELLS, USER_CELLS, I, needing_gradient, normal

ROWS, STEPS = 3, 3
LENGTHS = torch.tensor([3, 1, 2])


def call_of(layer):
    """The module as a function of x, the first layer's start and its parameters."""
    names = [name for name, _ in layer.named_parameters()]
    kinds, fields = [cell.State for cell in layer.stack.cells], len(layer.cell.State._fields)

    def call(x, *tensors):
        split = fields * len(kinds)
        start = [kind(*tensors[n * fields : (n + 1) * fields]) for n, kind in enumerate(kinds)]
        parameters = dict(zip(names, tensors[split:], strict=True))
        y, last = functional_call(layer, parameters, (x,), {"start": start, "lengths": LENGTHS})
        return (y, *(field for state in last for field in state))

    return call


def inputs_of(layer):
    start = [normal(*field.shape) for cell in layer.stack.cells for field in cell.start(ROWS)]
    return needing_gradient(normal(STEPS, ROWS, I), start, [p.detach().clone() for p in layer.parameters()])


@pytest.mark.parametrize("case", CELLS + USER_CELLS, ids=str)
@pytest.mark.parametrize(
    "settings",
    [{}, {"layers": 2, "bidirectional": True}, {"layers": 2, "bidirectional": True, "projection": 2}],
    ids=["one layer", "two layers both ways", "projected"],
)
def test_module_gradients(case, settings):
    layer = case.module(**settings)
    assert torch.autograd.gradcheck(call_of(layer), inputs_of(layer), fast_mode=bool(settings))


@pytest.mark.parametrize("name", ["rnn_tanh", "lstm", "gru", "user_associative"])
def test_module_second_gradients(name):
    layer = next(c for c in CELLS + USER_CELLS if c.name == name).module()
    assert torch.autograd.gradgradcheck(call_of(layer), inputs_of(layer), fast_mode=True)
