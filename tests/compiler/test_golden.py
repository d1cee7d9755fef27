"""The generated source of three cells, word for word; `UNDERTOW_GOLDEN=write pytest tests/compiler/test_golden.py` writes it anew.

It is the same on every machine: registers are 64 bytes wide in the source, whatever they are in the processor.
"""  # noqa: E501

import os
from pathlib import Path

import pytest

from undertow import cells
from undertow.compiler.emit_numba import emit
from undertow.compiler.function import compile_step
from undertow.compiler.trace import Variation

GOLDEN = Path(__file__).parent.parent / "golden" / "compiler"
CASES = {
    "gru": (cells.GRU(3, 5), Variation()),
    "peephole_lstm": (cells.PeepholeLSTM(3, 20), Variation(lengths=True)),
    "layer_norm_lstm": (cells.LayerNormLSTM(3, 5), Variation()),
}


@pytest.mark.parametrize("half", ["forward", "infer", "backward"])
@pytest.mark.parametrize("name", CASES)
def test_source_is_as_it_was(name, half):
    cell, how = CASES[name]
    made = compile_step(cell, tuple(tuple(w.shape) for w in cell.init()), 32, how)
    source = emit(made.plan, half, 32)
    file = GOLDEN / f"{name}_{half}.py.txt"
    if os.environ.get("UNDERTOW_GOLDEN") == "write":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source, encoding="utf-8")
    assert source == file.read_text(encoding="utf-8")
