"""How much memory does training take at its peak, in this very process? Run by `undertow.bench.child`.

The kernel sees two steps of T = 2 first, so that libraries, machine code and threads are there before the clock of
memory starts; then the inputs are made and three training steps run.
"""

from __future__ import annotations

import gc
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from undertow.bench.named import find
from undertow.bench.problem import Problem, pose
from undertow.bench.shape import Shape, parse_shape
from undertow.bench.torch_layers import kernel
from undertow.cells.cell import Cell, output_size
from undertow.recurrent.compile import compile

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
NUMBER = 4  # bytes


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Bytes at the peak beyond what was there before, and bytes of each thing that must be kept."""
    torch.set_num_threads(job["threads"])
    kind, shape = find(job["cell"]), parse_shape(job["shape"])
    _train(job["cell"], kind, replace(shape, steps=2), times=2)
    gc.collect()
    CLEAR.write_text("5")  # from here on, the peak is counted anew
    before = resident_bytes("VmRSS")
    problem = _train(job["cell"], kind, shape, times=3)
    return {"peak_bytes": resident_bytes("VmHWM") - before, "parts": parts(problem)}


def parts(problem: Problem) -> dict[str, int]:
    """Bytes that training must hold at once, whatever runs it.

    Input, states and what the plan keeps for backward; the gradients of y, of x and of what is computed from x before
    the loop, each once; the gradients of weights.
    """
    plan = compile(problem.cell, build=False).made.plan
    walked = NUMBER * problem.shape.steps * problem.shape.batch
    return {
        "x": walked * problem.shape.inputs,
        "states": walked * sum(plan.states),
        "kept": walked * sum(plan.saved),
        "dy": walked * output_size(problem.cell),
        "dx": walked * problem.shape.inputs,
        "gradients before the loop": walked * sum(plan.sequences),
        "weight gradients": NUMBER * sum(w.numel() for w in problem.weights),
    }


def _train(name: str, kind: type[Cell], shape: Shape, times: int) -> Problem:
    problem = pose(name, kind, shape)
    side = kernel(problem)
    for _ in range(times):
        side.train()
    return problem


def resident_bytes(field: str) -> int:
    """A line of the system's account of this process."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return 1024 * int(line.split()[1])


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(sys.argv[1]))))
