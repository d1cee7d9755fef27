"""How many parameters has a network? Counted without allocating, for every cell, and refused where too many."""

import time
from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

import undertow as ut
from undertow.cells import catalog
from undertow.errors import SettingError
from undertow.tasks.network import Network, build_network, count_parameters, describe_cell
from undertow.training.run import memory_bytes

OWN = '''
from dataclasses import dataclass
from typing import NamedTuple
import torch
from torch import Tensor
import undertow as ut

@dataclass(frozen=True)
class Careful(ut.Cell):
    """Its start looks at the numbers it has drawn, which no counting without numbers can do."""
    class State(NamedTuple):
        h: Tensor
    class Weights(NamedTuple):
        x: Tensor
        h: Tensor
    def init(self):
        h = torch.randn(self.hidden_size, self.hidden_size)
        while float(h.norm()) > 0.9:
            h = 0.9 * h
        return self.Weights(ut.init.glorot(self.hidden_size, self.input_size), h)
    def step(self, x, state, w):
        return self.State(torch.tanh(x @ w.x.T + state.h @ w.h.T))
'''


@pytest.fixture
def own(tmp_path):
    (tmp_path / "careful.py").write_text(OWN, encoding="utf-8")
    return f"{tmp_path / 'careful.py'}:Careful"


@pytest.mark.parametrize("cell", catalog.built_in())
@pytest.mark.parametrize("layers", [1, 2, 5])
def test_the_count_is_that_of_the_network(cell, layers):
    options = Network(cell=cell, hidden=7, layers=layers, embedding=5)
    assert count_parameters(options, 11) == sum(p.numel() for p in build_network(options, 11).parameters())


def test_a_cell_whose_start_looks_at_its_numbers_is_counted_too(own):
    options = Network(cell=own, hidden=7, layers=3, embedding=5)
    assert count_parameters(options, 11) == sum(p.numel() for p in build_network(options, 11).parameters())


def test_counting_draws_nothing(own):
    for cell in ("lstm", own):
        before = torch.get_rng_state()
        options = Network(cell=cell, hidden=7)
        count_parameters(options, 11)
        describe_cell(options)
        assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("hidden", [10**6, 10**7, 10**10, 10**15, 2**62, 2**63, 10**30])
@pytest.mark.parametrize("cell", ["lstm", "recurrent_highway", "own"])
def test_what_does_not_fit_is_refused_at_once(own, hidden, cell):
    began = time.monotonic()
    with pytest.raises(SettingError, match=r"Take a smaller --hidden, --layers or --embedding"):
        build_network(Network(cell=own if cell == "own" else cell, hidden=hidden), 30)
    assert time.monotonic() - began < 2


def test_the_sentence_says_how_much_is_needed_and_how_much_there_is():
    with pytest.raises(SettingError) as caught:
        build_network(Network(hidden=10**6), 30)
    there = f"{memory_bytes() / 2**30:.0f}"
    assert "12,000,294,001,950 parameters" in str(caught.value)  # 4H(H + 65) + 4H(2H + 1) + 30·64 + 30(H + 1)
    assert f"this machine has {there}" in str(caught.value)


@pytest.mark.parametrize("layers", [10**8, 10**18])
def test_layers_that_do_not_fit(layers):
    with pytest.raises(SettingError, match="Take a smaller"):
        build_network(Network(hidden=16, layers=layers), 30)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"hidden": 0}, "--hidden must be a whole number of at least 1, got 0"),
        ({"layers": 0}, "--layers must be a whole number of at least 1"),
        ({"embedding": -1}, "--embedding must be"),
        ({"dropout": 1.0}, "--dropout must be at least 0 and below 1"),
        ({"input_dropout": 1.0}, "--input-dropout must be at least 0 and below 1"),
        ({"variational": -0.1}, "--variational must be"),
        ({"zoneout": float("nan")}, "--zoneout must be"),
        ({"cell": "lstmm"}, "There is no cell 'lstmm'. Did you mean lstm?"),
        ({"cell_options": ("depth=3",)}, "lstm has no setting 'depth=3'"),
        (
            {"cell": "recurrent_highway", "cell_options": ("depth=x",)},
            "Setting depth of recurrent_highway is a int",
        ),
    ],
    ids=str,
)
def test_settings_out_of_range(wrong, sentence):
    with pytest.raises(SettingError, match=sentence):
        build_network(Network(**wrong), 30)


def test_a_cell_is_described_for_those_who_read_without_torch(own):
    record = describe_cell(Network(cell="peephole-lstm", hidden=4, embedding=3))
    assert record["name"] == "peephole_lstm"
    assert record["states"] == ["h", "c"]
    assert record["weights"] == [["x", [16, 3]], ["h", [16, 4]], ["b", [16]], ["p", [3, 4]]]
    assert record["upper_weights"][0] == ["x", [16, 4]]
    assert record["file_sha256"] is None
    mine = describe_cell(Network(cell=own, hidden=4, embedding=3))
    assert mine["name"] == "Careful"
    assert mine["summary"].startswith("Its start looks at the numbers")
    assert len(mine["file_sha256"]) == 64
    assert describe_cell(Network(cell=own.rpartition(":")[0], hidden=4, embedding=3)) == mine


@dataclass(frozen=True)
class Leaky(ut.Cell):
    """A cell in a test's own file."""

    class State(NamedTuple):
        h: Tensor

    class Weights(NamedTuple):
        x: Tensor
        h: Tensor

    def init(self):
        return self.Weights(
            ut.init.glorot(self.hidden_size, self.input_size), ut.init.orthogonal(self.hidden_size)
        )

    def step(self, x, state, w):
        return self.State(0.5 * state.h + 0.5 * torch.tanh(x @ w.x.T + state.h @ w.h.T))
