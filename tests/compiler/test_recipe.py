"""What tracing found, kept on disk: it comes back whole, for undertow's own cells alone."""

import os
import subprocess
import sys

import pytest
import torch
from agreement import BUILT_IN, case_named, problem

from undertow.compiler import recipe, recurrence
from undertow.compiler.function import fused
from undertow.compiler.variation import Variation

OWN = [c for c in BUILT_IN if type(c.cell).__module__.startswith("undertow.cells.")]
ONCE = """
import sys, torch, undertow
layer = undertow.Recurrent(undertow.cells.LSTM(5, 7), engine="numba")
layer(torch.ones(4, 3, 5))[0].sum().backward()
print("torch._dynamo" in sys.modules)
"""


@pytest.mark.parametrize("case", OWN, ids=lambda c: c.name)
@pytest.mark.parametrize("how", [Variation(), Variation(True, True, True)], ids=["plain", "joined"])
def test_a_recipe_comes_back_whole(case, how):
    shapes = tuple(tuple(w.shape) for w in case.weights())
    made = recurrence._compiled(case.cell, shapes, 64, how)
    kept = recurrence._recipe(made)
    assert recipe.decoded(recipe.encoded(kept)) == kept
    for part in (made.around.prologue, made.around.hoisted, made.around.pull, made.epilogue):
        again = recipe.program(recipe.module(recipe.program(part)))
        assert again == recipe.program(part)


@pytest.mark.parametrize("name", ["lstm", "gru", "layer_norm_lstm"])
def test_a_restored_cell_walks_the_same(name, tmp_path, monkeypatch):
    monkeypatch.setenv("UNDERTOW_CACHE", str(tmp_path))
    made = problem(case_named(name), steps=5, batch=3)
    inputs = [made.x, *made.start, *made.weights]
    results = []
    for _ in range(2):
        recurrence._attempted.cache_clear()
        found = made.walk(fused)
        results.append([*found, *torch.autograd.grad(sum(f.sum() for f in found), inputs, allow_unused=True)])
    assert list(tmp_path.glob("*/plan_*.code")), "nothing was kept"
    for a, b in zip(*results, strict=True):
        assert (a is None and b is None) or torch.equal(a, b)


def test_a_warm_process_needs_no_tracer(tmp_path):
    environment = os.environ | {"UNDERTOW_CACHE": str(tmp_path), "OMP_WAIT_POLICY": "passive"}
    said = [
        subprocess.run(
            [sys.executable, "-c", ONCE], env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()
        for _ in range(2)
    ]
    assert said == ["True", "False"]


def test_a_users_cell_is_kept_where_all_that_its_step_reads_is_known():
    lstm = type(case_named("lstm").cell)
    table = torch.ones(4)

    class Own(lstm):
        pass

    class Reading(lstm):
        def step(self, x, state, w):
            new = super().step(x, state, w)
            return self.State(new.h * table, new.c)

    paths = [recipe._path(kind(3, 4), ()) for kind in (lstm, Own, Reading)]
    assert None not in paths[:2]
    assert paths[0] != paths[1]
    assert paths[2] is None


def test_a_damaged_recipe_is_made_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("UNDERTOW_CACHE", str(tmp_path))
    made = problem(case_named("gru"), steps=3, batch=2)
    recurrence._attempted.cache_clear()
    wanted = made.walk(fused)
    (path,) = tmp_path.glob("*/plan_*.code")
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    recurrence._attempted.cache_clear()
    with pytest.warns(UserWarning, match="damaged"):
        found = made.walk(fused)
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))
    assert path.read_bytes() == whole
