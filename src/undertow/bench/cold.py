"""How long until a cell's kernels are there, in this very process? Run by `undertow.bench.child`.

Nothing is loaded before the clock is read: torch, Numba and the rest are timed one by one.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any


def measure(job: dict[str, Any]) -> dict[str, float]:
    """Seconds of the imports, and of the first calls beyond what later calls take."""
    import_torch = _seconds(_torch)
    import_undertow = _seconds(lambda: __import__("undertow.bench.torch_layers"))
    side = _side(job)
    train, train_again = _seconds(side.train), min(_seconds(side.train) for _ in range(2))
    infer, infer_again = _seconds(side.infer), min(_seconds(side.infer) for _ in range(2))
    return {
        "import_torch_s": import_torch,
        "numba_loaded": "numba" in sys.modules,
        "import_undertow_s": import_undertow,
        "seconds": max(0.0, train - train_again) + max(0.0, infer - infer_again),
        "walk_s": train_again + infer_again,
    }


def _torch() -> None:
    """Torch, with what its first backward pass loads, whatever it goes through."""
    import torch

    (2 * torch.ones(1, requires_grad=True)).backward(torch.ones(1))  # type: ignore[no-untyped-call]


def _side(job: dict[str, Any]) -> Any:
    import torch

    from undertow.bench.named import find
    from undertow.bench.problem import pose
    from undertow.bench.shape import parse_shape
    from undertow.bench.torch_layers import kernel

    torch.set_num_threads(job["threads"])
    return kernel(pose(job["cell"], find(job["cell"]), parse_shape(job["shape"])))


def _seconds(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(sys.argv[1]))))
