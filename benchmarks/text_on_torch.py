"""How far does the recipe `text` come in equal time with undertow's kernels and with torch.nn.LSTM?

Every arm is a process of its own: same recipe, same first weights, same order of data, same minutes, one after the
other. Options that are not named here go to the recipe: --minutes 3 --hidden 512.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
import tyro
from _record import data_file, keep
from torch import nn

from undertow.bench.machine import gemm_gflops
from undertow.cells import LSTM
from undertow.compiler.precision import products_in, resolved
from undertow.recurrent.dropout import dropout
from undertow.tasks.text import RECIPE, TextOptions, nats
from undertow.training.budget import budget_of
from undertow.training.checkpoints import load_best
from undertow.training.display import Silent
from undertow.training.loop import Beside, fit
from undertow.training.run import create_run

ARMS = {  # layers, and precision of products
    "undertow": ("undertow", "auto"),
    "undertow, float32": ("undertow", "float32"),
    "torch.nn": ("torch", "auto"),
    "torch.nn, float32": ("torch", "float32"),
}


class TorchLayers(nn.Module):
    """torch.nn.LSTM in the place of Recurrent, with its weights."""

    def __init__(self, recurrent: nn.Module) -> None:
        super().__init__()
        self.cell, self.stack, self.output_size = recurrent.cell, recurrent.stack, recurrent.output_size
        layers, dropout = recurrent.stack.layers, recurrent.stack.dropout
        self.weight_drop = recurrent.stack.weight_drop
        inputs, hidden = recurrent.cell.input_size, recurrent.cell.hidden_size
        self.lstm = nn.LSTM(inputs, hidden, layers, dropout=dropout if layers > 1 else 0.0)
        with torch.no_grad():
            for layer in range(layers):
                weights = recurrent.weights(layer)
                for name, weight in (
                    ("weight_ih", weights.x),
                    ("weight_hh", weights.h),
                    ("bias_ih", weights.b),
                ):
                    getattr(self.lstm, f"{name}_l{layer}").copy_(weight)
                getattr(self.lstm, f"bias_hh_l{layer}").zero_()

    def forward(self, x, start=None, lengths=None):  # type: ignore[no-untyped-def]
        state = None if start is None else tuple(torch.stack(fields) for fields in zip(*start, strict=True))
        whole = self.lstm._flat_weights
        if self.training and self.weight_drop:
            pairs = zip(self.lstm._flat_weights_names, whole, strict=True)
            self.lstm._flat_weights = [self._thinned(name, weight) for name, weight in pairs]
        try:
            y, (h, c) = self.lstm(x, state)
        finally:
            self.lstm._flat_weights = whole
        return y, tuple(LSTM.State(*pair) for pair in zip(h.unbind(), c.unbind(), strict=True))

    def _thinned(self, name: str, weight: torch.Tensor) -> torch.Tensor:
        """With connections of the recurrence dropped for this walk, as the recipe does."""
        return dropout(weight, self.weight_drop) if name.startswith("weight_hh") else weight


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--arms", default=",".join(ARMS).replace(", ", " "), help="which, with commas between"
    )
    parser.add_argument("--arm", help=argparse.SUPPRESS)
    given, rest = parser.parse_known_args()
    if given.arm:
        options = tyro.cli(TextOptions, args=["--data", str(data_file("lm/tinyshakespeare.txt")), *rest])
        print(json.dumps(run_arm(given.arm, options)))
        return
    rows = []
    for arm in ARMS:
        if arm.replace(", ", " ") in given.arms.split(","):
            rows.append(in_a_process(arm, rest))
            print(json.dumps(rows[-1]), flush=True)
            keep(__doc__.splitlines()[0], rows, f"_{minutes(rest)}", threads=torch.get_num_threads())


def minutes(rest: list[str]) -> str:
    """What was asked for; the recipe's own budget has no minutes."""
    return rest[rest.index("--minutes") + 1] if "--minutes" in rest else "own"


def in_a_process(arm: str, rest: list[str]) -> dict[str, object]:
    """One arm, with the machine's speed before and after it."""
    before = max(gemm_gflops())
    command = [sys.executable, __file__, "--arm", arm, *rest]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return {**json.loads(done.stdout), "gemm_gflops": [round(before), round(max(gemm_gflops()))]}


def run_arm(arm: str, options: TextOptions) -> dict[str, object]:
    """Train one arm; its best weights on the validation part, read once in float32."""
    layers, precision = ARMS[arm]
    options = replace(options, precision=precision)
    torch.manual_seed(options.seed)
    job = RECIPE.prepare(options)
    options = job.options  # those that depend on the budget are chosen
    if layers == "torch":
        job.model.recurrent = TorchLayers(job.model.recurrent)
    torch.backends.mkldnn.rnn.fp32_precision = "bf16" if resolved(precision) == "bfloat16" else "ieee"
    with tempfile.TemporaryDirectory() as folder:
        run = create_run(Path(folder) / "run", {})
        with products_in(precision):
            fit(job.task, options, budget_of(options, job.task.steps_per_epoch, 4), run, Beside(Silent()))
        torch.backends.mkldnn.rnn.fp32_precision = "ieee"
        load_best(run, job.model)
        job.model.eval()
        events = [json.loads(line) for line in (run.path / "history.jsonl").read_text().splitlines()]
    speeds = sorted(e["per_second"] for e in events if "per_second" in e)
    return {
        "arm": arm,
        "products": resolved(precision),
        "nats_per_char": nats(job.model, job.task.held_out),
        "steps": events[-1]["step"],
        "seconds": events[-1]["seconds"],
        "chars_per_second": speeds[len(speeds) // 2],
        "parameters": sum(p.numel() for p in job.model.parameters()),
    }


if __name__ == "__main__":
    main()
