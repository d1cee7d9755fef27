"""Every rule, on a program that has its fault and knows nothing of undertow; healthy ones, of which nothing is said.

All programs at all seeds are the business of `undertow bench doctor`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from undertow.doctor.rule import every_rule

SICK = Path(__file__).parents[1] / "sick"
CODES = {rule.planted: rule.code for rule in every_rule()}
PROGRAMS = {
    "vanishing_depth": "spirals_mlp",
    "exploding_depth": "spirals_mlp",
    "dead_units": "digits_conv",
    "input_scale": "blob_denoiser",
    "symmetry": "sensor_rows",
    "cut_graph": "digits_conv",
    "not_in_optimizer": "digits_conv",
    "frozen": "blob_denoiser",
    "no_zero_grad": "spirals_mlp",
    "zero_grad_before_step": "digits_conv",
    "step_too_large": "spirals_mlp",
    "step_too_small": "digits_conv",
    "loss_broadcast": "sensor_rows",
    "double_softmax": "spirals_mlp",
    "wrong_sign": "spirals_mlp",
    "bad_datum": "digits_conv",
    "nan_gradient_op": "sensor_rows",
    "no_signal": "name_origin",
    "clip_too_tight": "sensor_rows",
    "clip_after_step": "ledger_balance",
    "vanishing_time": "recall_rnn",
    "exploding_time": "recall_rnn",
    "forget_gate_shut": "lstmcell_password",
    "window_too_short": "stream_echo",
    "over_detached": "lstmcell_password",
    "graph_retained": "decay_sysid",
    "axes_swapped": "name_origin",
    "reads_padding": "name_origin",
    "state_leaks": "adding_irnn",
    "gate_saturation": "lstmcell_password",
    "parameter_sensitivity": "decay_sysid",
    "sees_future": "season_forecast",
}
HEALTHY = sorted(path.stem for path in SICK.glob("healthy_*.py"))


def diagnosed(folder, program, *own):
    words = [
        "-m",
        "undertow",
        "diagnose",
        "--json",
        "--out",
        folder / "page.html",
        SICK / f"{program}.py",
        *own,
    ]
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("fault", PROGRAMS)
def test_the_cause_stands_first(fault, tmp_path):
    told = diagnosed(tmp_path, PROGRAMS[fault], "--fault", fault)
    assert [v["code"] for v in told["verdicts"]][:1] == [CODES[fault]], told["verdicts"]


@pytest.mark.parametrize("program", HEALTHY)
def test_of_healthy_ones_nothing_is_said(program, tmp_path):
    told = diagnosed(tmp_path, program)
    assert told["verdicts"] == []
    assert told["healthy"]
