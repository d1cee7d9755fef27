"""Cells by name and by file, settings from text, and what is said when they are not found."""

import textwrap
from dataclasses import dataclass

import pytest

import undertow as ut
from cases import H, I, MinimalGatedUnit
from undertow import cells
from undertow.cells import catalog
from undertow.errors import CellError, SettingError

NAMES = {
    "coupled_lstm": cells.CoupledLSTM,
    "gru": cells.GRU,
    "lstm": cells.LSTM,
    "peephole_lstm": cells.PeepholeLSTM,
    "projected_lstm": cells.ProjectedLSTM,
    "recurrent_highway": cells.RecurrentHighway,
    "reset_before_gru": cells.ResetBeforeGRU,
    "residual_rnn": cells.ResidualRNN,
    "rnn": cells.RNN,
}

LEAKY = """
    from dataclasses import dataclass
    from typing import NamedTuple

    import torch
    import undertow as ut
    from undertow.cells import LSTM


    @dataclass(frozen=True)
    class Leaky(ut.Cell):
        leak: float = 0.5

        class State(NamedTuple):
            h: torch.Tensor

        class Weights(NamedTuple):
            x: torch.Tensor
            h: torch.Tensor

        def init(self):
            return self.Weights(ut.init.glorot(self.hidden_size, self.input_size), ut.init.orthogonal(self.hidden_size))

        def step(self, x, state, w):
            new = torch.tanh(x @ w.x.T + state.h @ w.h.T)
            return self.State((1 - self.leak) * state.h + self.leak * new)
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Write text as a file of a user's, named relative to the folder one stands in."""
    monkeypatch.chdir(tmp_path)

    def write(text, name="my_cell.py"):
        (tmp_path / name).write_text(textwrap.dedent(text), encoding="utf-8")
        return name

    return write


def test_every_built_in_cell_has_its_name():
    assert {name: kind for name, kind in catalog.built_in().items() if name in NAMES} == NAMES
    assert [catalog.snake(kind.__name__) for kind in NAMES.values()] == list(NAMES)


@pytest.mark.parametrize("name", ["peephole_lstm", "peephole-lstm", "Peephole-LSTM", "PEEPHOLE_LSTM"])
def test_names_forgive_case_and_hyphens(name):
    assert catalog.find(name) is cells.PeepholeLSTM


@pytest.mark.parametrize(
    ("name", "closest"),
    [("lsmt", "lstm"), ("peephole", "peephole_lstm"), ("gruu", "gru"), ("residual-rn", "residual_rnn")],
)
def test_unknown_name_suggests_the_closest(name, closest):
    with pytest.raises(SettingError) as told:
        catalog.find(name)
    assert f"There is no cell {name!r}. Did you mean {closest}? Cells: " in str(told.value)
    assert str(told.value).endswith("; or a class of your own as FILE.py:Class.")


def test_a_name_like_no_other_suggests_none():
    with pytest.raises(SettingError) as told:
        catalog.find("quux")
    assert "Did you mean" not in str(told.value)
    assert "coupled_lstm, gru, ind_rnn, " in str(told.value)


def test_a_users_cell_is_found_in_its_file_and_runs(file):
    name = file(LEAKY)
    kind = catalog.find(f"{name}:Leaky")
    assert catalog.find(name) is not None  # one cell in the file needs no name
    assert catalog.settings_of(kind) == {"leak": 0.5}
    assert catalog.parse_settings(kind, ("leak=0.25",)) == {"leak": 0.25}
    assert ut.Recurrent(kind(I, H)).output_size == H


def test_a_cell_that_the_file_only_imports_can_be_named_but_is_not_meant_by_default(file):
    name = file(LEAKY)
    assert catalog.find(f"{name}:LSTM") is cells.LSTM
    assert catalog.find(name).__name__ == "Leaky"


def test_file_without_the_named_cell_lists_those_in_it(file):
    name = file(LEAKY)
    with pytest.raises(CellError) as told:
        catalog.find(f"{name}:Leeky")
    assert str(told.value) == "my_cell.py holds no cell 'Leeky'; cells in it: Leaky. Write FILE.py:Class."


def test_file_of_two_cells_wants_a_name(file):
    name = file(LEAKY + "\n\n    class Leakier(Leaky):\n        pass\n")
    with pytest.raises(CellError, match=r"holds no cell '\(unnamed\)'; cells in it: Leaky, Leakier\."):
        catalog.find(name)
    assert catalog.find(f"{name}:Leakier").__name__ == "Leakier"


def test_file_of_no_cell(file):
    with pytest.raises(CellError, match=r"holds no cell 'Any'; cells in it: none\."):
        catalog.find(file("x = 1\n") + ":Any")


def test_missing_file():
    with pytest.raises(CellError) as told:
        catalog.find("nowhere.py:Cell")
    assert str(told.value) == "There is no file 'nowhere.py' to read a cell from. Write FILE.py:Class."


@pytest.mark.parametrize("absolute", [False, True], ids=["relative", "absolute"])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 1\nclass Broken(:\n    pass\n", "line 2, cannot be imported: SyntaxError"),
        ("x = 1\n\ny = x / 0\n", "line 3, cannot be imported: ZeroDivisionError: division by zero"),
        ("def f():\n    raise ValueError('no')\n\nf()\n", "line 2, cannot be imported: ValueError: no"),
        ("import nowhere_to_be_found\n", "line 1, cannot be imported: ModuleNotFoundError"),
        ("raise SystemExit('bye')\n", "line 1, cannot be imported: SystemExit: bye"),
        ("import json\n\njson.loads('{')\n", "line 3, cannot be imported: JSONDecodeError"),
        ("\n\nexec(compile('a b', 'elsewhere.py', 'exec'))\n", "line 3, cannot be imported: SyntaxError"),
    ],
    ids=["syntax", "division", "in a function", "import", "exit", "raised deeper", "syntax of another text"],
)
def test_a_file_that_fails_is_told_with_its_line(file, tmp_path, text, told, absolute):
    name = file(text)
    path = str(tmp_path / name) if absolute else name
    with pytest.raises(CellError) as error:
        catalog.find(f"{path}:Broken")
    assert str(error.value).startswith(f"{path}, {told}")


def test_settings_are_read_into_their_own_types():
    assert catalog.settings_of(cells.RecurrentHighway) == {
        "depth": 3,
        "transform_bias": -2.0,
        "init_recurrent": "orthogonal",
    }
    texts = ("depth=5", "transform_bias=-1", "init_recurrent=identity")
    found = catalog.parse_settings(cells.RecurrentHighway, texts)
    assert found == {"depth": 5, "transform_bias": -1.0, "init_recurrent": "identity"}
    assert [type(value) for value in found.values()] == [int, float, str]
    assert cells.RecurrentHighway(I, H, **found).depth == 5
    assert catalog.parse_settings(cells.LSTM, ()) == {}


@dataclass(frozen=True)
class Switched(MinimalGatedUnit):
    on: bool = False


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", True), ("true", True), ("YES", True), ("0", False), ("False", False), ("no", False)],
)
def test_a_switch_is_read(text, value):
    assert catalog.parse_settings(Switched, (f"on={text}",)) == {"on": value}


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (
            cells.LSTM,
            "depth=5",
            "lstm has no setting 'depth=5'. Write name=value; its settings: forget_bias, chrono, ",
        ),
        (cells.LSTM, "chrono", "lstm has no setting 'chrono'. Write name=value"),
        (cells.LSTM, "hidden_size=9", "lstm has no setting 'hidden_size=9'."),
        (
            MinimalGatedUnit,
            "k=1",
            "minimal_gated_unit has no setting 'k=1'. Write name=value; its settings: none.",
        ),
        (cells.LSTM, "chrono=long", "Setting chrono of lstm is a int, got 'long'."),
        (cells.LSTM, "chrono=2.5", "Setting chrono of lstm is a int, got '2.5'."),
        (cells.LSTM, "forget_bias=", "Setting forget_bias of lstm is a float, got ''."),
        (Switched, "on=ture", "Setting on of switched is a bool, got 'ture'."),
    ],
)
def test_settings_that_cannot_be_read(kind, text, message):
    with pytest.raises(SettingError) as told:
        catalog.parse_settings(kind, (text,))
    assert message in str(told.value)
