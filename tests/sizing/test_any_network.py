"""Sizes against oracles: torch's own counter of operations, and what saved-tensor hooks see in a real run."""

import copy
import time

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import undertow as ut
from undertow.bench.sized_networks import B, CellLoop, F, H, RawLoop, T, Tagger, images, kept_by_hooks
from undertow.cells.catalog import built_in
from undertow.errors import SettingError, ShapeError
from undertow.sizing.size import size

sequence = torch.randn(T, B, F)
NETWORKS = {
    "linear": (nn.Linear(64, 32), torch.randn(8, 64)),
    "images": (images(), torch.randn(2, 3, 32, 32)),
    "rnn": (nn.RNN(F, H, 2), sequence),
    "gru": (nn.GRU(F, H, 2, bidirectional=True), sequence),
    "projected_lstm": (nn.LSTM(F, H, proj_size=8), sequence),
    "own_loop": (CellLoop(), sequence),
    "raw_parameters": (RawLoop(), sequence),
    "transformer": (nn.TransformerEncoderLayer(F, 4, 64), sequence),
    "eager_lstm": (ut.Recurrent(ut.cells.LSTM(F, H), layers=2, engine="eager"), sequence),
    "eager_gru": (ut.Recurrent(ut.cells.GRU(F, H), bidirectional=True, engine="eager"), sequence),
    "eager_layer_norm_lstm": (ut.Recurrent(ut.cells.LayerNormLSTM(F, H), engine="eager"), sequence),
    "lstm": (nn.LSTM(F, H), sequence),
    "stacked_lstm": (nn.LSTM(F, H, 3, bidirectional=True), sequence),
    "tagger": (Tagger(), torch.randint(0, 100, (T, B))),
}
ON_ONEDNN = ("lstm", "stacked_lstm", "tagger")


def first(result):
    return result[0] if isinstance(result, tuple) else result


def counted_by_torch(network, x):
    """Operations forward and backward, on the device meta."""
    network, x = network.to("meta"), x.to("meta")
    with FlopCounterMode(display=False) as counter:
        y = first(network(x))
        forward = counter.get_total_flops()
        y.sum().backward()
    return forward, counter.get_total_flops() - forward


def fresh(name):
    network, x = NETWORKS[name]
    return copy.deepcopy(network), x


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("name", NETWORKS)
def test_backward_keeps_what_hooks_see(name):
    network, x = fresh(name)
    assert size(network, x).total.kept_bytes == kept_by_hooks(network, x)


@pytest.mark.parametrize("name", [n for n in NETWORKS if n not in ON_ONEDNN])
def test_operations_are_torchs(name):
    network, x = fresh(name)
    total = size(network, x).total
    assert (total.forward_flops, total.backward_flops) == counted_by_torch(network, x)


def test_an_lstm_on_onednn_counts_every_gradient():
    """oneDNN computes the gradients of x and of the start whether they are asked for or not."""
    total = size(nn.LSTM(F, H), sequence).total
    assert total.forward_flops == 2 * T * B * 4 * H * (F + H)
    assert total.backward_flops == 2 * total.forward_flops
    forward, backward = counted_by_torch(nn.LSTM(F, H), sequence)
    assert total.forward_flops == forward
    assert total.backward_flops == backward + 2 * T * B * 4 * H * F + 2 * B * 4 * H * H


@pytest.mark.parametrize(
    "shape", [(1, 1, 3, 5), (7, 3, 40, 16), (30, 9, 5, 64), (3, 2, 300, 256), (2, 40, 1, 100)]
)
def test_what_onednn_keeps_at_any_size(shape):
    steps, batch, inputs, hidden = shape
    network, x = nn.LSTM(inputs, hidden), torch.randn(steps, batch, inputs)
    assert size(network, x).total.kept_bytes == kept_by_hooks(network, x)


def test_parameters_by_module_and_shared_ones_once():
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 3), nn.Linear(3, 4))
    network[2].weight = network[0].weight
    rows = {row.path: row for row in size(network, (2, 3)).rows}
    assert [rows[path].parameters for path in ("", "0", "1", "2")] == [0, 16, 15, 4]
    assert size(network, (2, 3)).total.parameters == sum(p.numel() for p in network.parameters())


def test_rows_tell_the_part_of_each_module():
    network = images()
    found = size(network, (2, 3, 32, 32))
    assert [row.kind for row in found.rows][:3] == ["Sequential", "Conv2d", "BatchNorm2d"]
    conv = found.rows[1]
    assert conv.output == ((2, 8, 32, 32),)
    assert conv.forward_flops == 2 * (2 * 32 * 32 * 8) * (3 * 3 * 3)
    assert conv.multiply_adds == conv.forward_flops // 2
    assert conv.backward_flops == conv.forward_flops  # no gradient of the image
    whole = next(iter(found.with_children()))
    assert whole.forward_flops == found.total.forward_flops


def test_an_embedding_takes_whole_numbers():
    assert size(Tagger(), (T, B)).total.kept_bytes == size(*fresh("tagger")).total.kept_bytes


def test_training_memory_of_a_linear_map():
    """Weights, two moments, x; at the end of backward y, the loss's gradient of y, and the gradients."""
    found = size(nn.Linear(100, 50, bias=False), (8, 100))
    weights, x, y = 4 * 5000, 4 * 800, 4 * 400
    assert (found.gradient_bytes, found.optimizer_bytes) == (weights, 2 * weights)
    assert found.total.kept_bytes == x
    assert found.peak_bytes >= 3 * weights + y + weights
    assert size(nn.Linear(100, 50), (8, 100), optimizer="sgd").optimizer_bytes == 0


def test_a_hundred_billion_parameters_on_a_laptop():
    with torch.device("meta"):
        network = nn.Sequential(*[nn.Linear(40_000, 40_000) for _ in range(63)])
    began = time.monotonic()
    found = size(network, (16, 40_000))
    assert found.total.parameters == 63 * 40_000 * 40_001
    assert time.monotonic() - began < 20


def test_nothing_is_changed():
    network, x = fresh("images")
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = torch.get_rng_state()
    size(network, x)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert all(p.grad is None for p in network.parameters())
    assert torch.equal(state, torch.get_rng_state())


def test_without_anything_to_train_only_forward_is_counted():
    network = nn.Linear(3, 4).requires_grad_(False)
    found = size(network, (2, 3))
    assert (found.total.backward_flops, found.total.kept_bytes, found.total.trained) == (0, 0, 0)


@pytest.mark.parametrize(
    "cell", [ut.cells.LSTM(F, H), ut.cells.GRU(F, H), ut.cells.PeepholeLSTM(F, H)], ids=str
)
def test_a_kernel_keeps_less_than_the_loop_and_multiplies_as_much(cell):
    kernel, loop = (size(ut.Recurrent(cell, engine=engine), (T, B, F)) for engine in ("numba", "eager"))
    assert kernel.total.forward_flops == loop.total.forward_flops
    assert kernel.total.kept_bytes < loop.total.kept_bytes
    of_start = 2 * B * cell.init().h.numel()
    assert kernel.total.backward_flops == loop.total.backward_flops + of_start  # the kernel's comes along


@pytest.mark.parametrize("engine", ["numba", "eager"])
@pytest.mark.parametrize("cell", [kind(F, H) for kind in built_in().values()], ids=str)
def test_either_engine_keeps_what_hooks_see(cell, engine):
    network, x = ut.Recurrent(cell, engine=engine), torch.randn(T, B, F)
    assert size(network, x).total.kept_bytes == kept_by_hooks(network, x)


# ---- at the door


def test_a_wrong_shape_is_refused():
    with pytest.raises(ShapeError, match=r"Linear does not take an input of shape \(2, 4\)"):
        size(nn.Linear(3, 4), (2, 4))


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(SettingError, match="no optimizer 'adamx'"):
        size(nn.Linear(3, 4), (2, 3), optimizer="adamx")


def test_a_network_that_looks_at_numbers_is_refused():
    class Choosy(nn.Linear):
        def forward(self, x):
            return super().forward(x) if x.sum() > 0 else x

    with pytest.raises(SettingError, match="looks at numbers"):
        size(Choosy(3, 3), (2, 3))


# ---- sequences of mixed lengths


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_a_packed_sequence_is_counted_as_torch_counts_it(kind):
    network = kind(F, H, 2)
    packed = nn.utils.rnn.pack_padded_sequence(sequence, [20, 13, 9, 4])
    rows = 20 + 13 + 9 + 4
    total = size(network, packed).total
    gates = {nn.RNN: 1, nn.GRU: 3, nn.LSTM: 4}[kind]
    assert total.multiply_adds == rows * gates * H * (F + H) + rows * gates * H * 2 * H
    assert total.kept_bytes == kept_by_hooks(network, packed)


def test_lengths_cost_what_whole_rows_cost():
    """Our engines walk every row to the longest one's end."""
    network = ut.Recurrent(ut.cells.GRU(F, H), engine="eager")
    lengths = torch.tensor([20, 13, 9, 4])
    assert (
        size(network, sequence, None, lengths).total.forward_flops
        == size(network, sequence).total.forward_flops
    )


def test_projections_are_counted():
    cell = ut.cells.ProjectedLSTM(F, H, projection=8)
    for engine in ("eager", "numba"):
        total = size(ut.Recurrent(cell, engine=engine), sequence).total
        assert total.multiply_adds == T * B * (4 * H * (F + 8) + H * 8)
