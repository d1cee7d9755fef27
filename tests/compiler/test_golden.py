"""Plans and generated source of three cells, word for word; `UNDERTOW_GOLDEN=write pytest tests/compiler/test_golden.py` writes it anew.

It is the same on every machine: registers are 64 bytes wide in the source, whatever they are in the processor.
"""  # noqa: E501

import os
from pathlib import Path

import pytest

from undertow import cells
from undertow.compiler.emit_numba import emit
from undertow.compiler.recurrence import compile_step
from undertow.compiler.show import describe
from undertow.compiler.variation import Variation

GOLDEN = Path(__file__).parent.parent / "golden" / "compiler"
CASES = {
    "gru": (cells.GRU(3, 5), Variation()),
    "peephole_lstm": (cells.PeepholeLSTM(3, 20), Variation(lengths=True)),
    "layer_norm_lstm": (cells.LayerNormLSTM(3, 5), Variation()),
}


def made_of(name):
    cell, how = CASES[name]
    return compile_step(cell, tuple(tuple(w.shape) for w in cell.init()), 32, how)


def is_as_it_was(text, file):
    if os.environ.get("UNDERTOW_GOLDEN") == "write":
        GOLDEN.mkdir(parents=True, exist_ok=True)
        (GOLDEN / file).write_text(text, encoding="utf-8")
    assert text == (GOLDEN / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CASES)
def test_plan_is_as_it_was(name):
    is_as_it_was(describe(made_of(name)), f"{name}.plan.txt")


@pytest.mark.parametrize("half", ["forward", "infer", "backward"])
@pytest.mark.parametrize("name", CASES)
def test_source_is_as_it_was(name, half):
    is_as_it_was(emit(made_of(name).plan, half, 32), f"{name}_{half}.py.txt")
