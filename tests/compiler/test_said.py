"""Two steps of one digest are the same step; what can read anything has none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import user_cells

import undertow as ut
from undertow import cells
from undertow.compiler.said import digest_of

CELL = """
from dataclasses import dataclass
from typing import NamedTuple
import math
import torch
from torch import Tensor
from torch.nn.functional import linear
import undertow as ut

FACTOR = 0.5
TABLE = (1.0, 2.0)

def helper(z, slope=1.5):
    return torch.tanh(slope * z) * TABLE[0]

def made(power):
    def curved(z):
        return z ** power
    return curved

curve = made(2)
steeper = made(3)
again = steeper

class Start(NamedTuple):
    h: Tensor

    def halved(self):
        return self.h / 2

@dataclass(frozen=True)
class Own(ut.Cell):
    rate: float = 0.25
    scale = 3.0
    State = Start

    class Weights(NamedTuple):
        x: Tensor
        h: Tensor

    def init(self):
        return self.Weights(torch.ones(self.hidden_size, self.input_size), torch.eye(self.hidden_size))

    @property
    def twice(self):
        return 2 * self.rate

    def step(self, x, state, w):
        z = linear(x, w.x) * FACTOR + linear(state.h, w.h) * math.pi
        curved = 0.01 * curve(z) + 0.001 * steeper(z) - again(z)
        return self.State(helper(z) * self.scale + self.twice * state.halved() + curved)
"""
CHANGES = {
    "a number in the step": ("0.01 *", "0.02 *"),
    "a global": ("FACTOR = 0.5", "FACTOR = 0.6"),
    "a part of a global": ("(1.0, 2.0)", "(1.0, 2.5)"),
    "a function it calls": ("torch.tanh(", "torch.sin("),
    "a default": ("slope=1.5", "slope=1.6"),
    "a variable around a function": ("made(2)", "made(4)"),
    "one around the same function again": ("made(3)", "made(5)"),
    "which of two functions of one code": ("again = steeper", "again = curve"),
    "an attribute of the class": ("scale = 3.0", "scale = 4.0"),
    "a property": ("2 * self.rate", "3 * self.rate"),
    "a setting": ("rate: float = 0.25", "rate: float = 0.3"),
    "a method of the state": ("self.h / 2", "self.h / 3"),
    "another function of torch": ("helper(z) *", "torch.relu(z) *"),
    "what a library calls it": ("math.pi", "math.e"),
    "an operator": ("z ** power", "z * power"),
}
UNKNOWN = {
    "a tensor": ("FACTOR = 0.5", "FACTOR = torch.ones(1)"),
    "an object": ("FACTOR = 0.5", "class F:\n    def __rmul__(self, z):\n        return z\nFACTOR = F()"),
    "a number with methods": ("FACTOR = 0.5", "class F(float):\n    pass\nFACTOR = F(0.5)"),
    "a module of one's own": ("FACTOR = 0.5", "import os as FACTOR"),
    "getattr": ("self.scale", "getattr(self, 'scale')"),
    "an import": ("    z = linear", "    import math as m\n        z = m.pi * linear"),
    "torch's own state": ("* FACTOR", "* float(torch.is_grad_enabled())"),
}


def cell_of(text):
    space = {"__name__": "somewhere"}
    exec(compile(text, "somewhere", "exec"), space)
    sys.modules.setdefault("somewhere", type(sys)("somewhere"))
    return space["Own"](3, 4)


def changed(pair):
    assert CELL.count(pair[0]) == 1
    return CELL.replace(*pair)


def test_the_same_text_says_the_same():
    assert digest_of(cell_of(CELL)) == digest_of(cell_of("\n\n# moved\n" + CELL)) is not None


@pytest.mark.parametrize("pair", CHANGES.values(), ids=list(CHANGES))
def test_another_text_says_another_thing(pair):
    other = digest_of(cell_of(changed(pair)))
    assert other is not None
    assert other != digest_of(cell_of(CELL))


@pytest.mark.parametrize("pair", UNKNOWN.values(), ids=list(UNKNOWN))
def test_what_may_read_anything_says_nothing_certain(pair):
    assert digest_of(cell_of(changed(pair))) is None


def test_an_attribute_set_by_hand_is_not_in_the_text():
    cell = cell_of(CELL)
    object.__setattr__(cell, "more", 1)
    assert digest_of(cell) is None


def test_cells_as_users_write_them_are_known():
    kinds = [k for k in vars(user_cells).values() if isinstance(k, type) and issubclass(k, ut.Cell)]
    known = [k for k in kinds if "step" in dir(k) and k.step is not ut.Cell.step and digest_of(k(3, 4))]
    assert len(known) >= 25


def test_a_subclass_of_our_cell_says_what_both_say():
    class Slow(cells.GRU):
        def step(self, x, state, w):
            new = super().step(x, state, w)
            return self.State(0.5 * new.h + 0.5 * state.h)

    assert digest_of(Slow(3, 4)) is not None
    assert digest_of(Slow(3, 4)) != digest_of(cells.GRU(3, 4))


def test_the_next_process_does_not_trace(tmp_path):
    script = """
import sys, torch, undertow as ut
from own_cell import Own
torch.manual_seed(0)
layer = ut.Recurrent(Own(3, 4), engine="numba")
y = layer(0.1 * torch.randn(5, 2, 3))[0]
y.sum().backward()
print("undertow.compiler.trace" in sys.modules, repr(float(y.detach().sum())))
"""

    def run(text):
        (tmp_path / "own_cell.py").write_text(text)
        environment = os.environ | {"UNDERTOW_CACHE": str(tmp_path / "cache")}
        environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), str(Path(ut.__file__).parent.parent)])
        done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    first, again, other = run(CELL), run("# moved\n" + CELL), run(changed(CHANGES["a global"]))
    assert (first[0], again[0], other[0]) == ("True", "False", "True")
    assert first[1] == again[1] != other[1]
    torch.testing.assert_close(float(first[1]), float(again[1]))
