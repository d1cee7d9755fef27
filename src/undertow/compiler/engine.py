"""Which engine walks: a kernel where the step has one, the eager loop where it has not, with one word of why."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from undertow.cells.cell import Cell
from undertow.errors import MissingExtraError, SettingError
from undertow.unroll.chain import Course, chain

ENGINES = ("auto", "eager", "numba")
OLDEST_NUMBA = (0, 60)


class EagerWarning(UserWarning):
    """A cell runs on the eager loop although a kernel was wanted."""


def walk(engine: str, cell: Cell, x: Tensor, start: Any, weights: Any, course: Course) -> tuple[Any, Any]:
    """The states after every step and after the last, as `undertow.unroll.chain.chain` gives them.

    Raises:
        SettingError: engine="numba" and this input cannot go through a kernel.
        MissingExtraError: engine="numba" and Numba is missing or too old.
    """
    if engine == "eager":
        return chain(cell, x, start, weights, course)
    reason = _unfit(x, start, weights, course)
    if reason:
        if engine == "numba":
            raise SettingError(f'engine="numba" cannot run this: {reason}. Use engine="auto" or "eager".')
        return chain(cell, x, start, weights, course)
    if engine == "auto" and x.shape[0] == 1:
        return chain(cell, x, start, weights, course)  # one step is not worth a kernel's set-up
    missing = numba_missing()
    if missing:
        if engine == "numba":
            raise MissingExtraError(missing)
        _warn_once(missing)
        return chain(cell, x, start, weights, course)
    from undertow.compiler.function import fused  # Numba is loaded only where it is used
    from undertow.compiler.read import NoRowError

    try:
        return fused(cell, x, start, weights, course)
    except NoRowError as error:
        if engine == "numba":
            raise SettingError(f"{type(cell).__name__} has no kernel: {error}.") from error
        _warn_once(
            f"{type(cell).__name__} runs on the eager loop, up to 10 times slower, because it has no kernel: {error}."
        )
        return chain(cell, x, start, weights, course)


def _unfit(x: Tensor, start: Any, weights: Any, course: Course) -> str:
    """Why this input cannot go through a kernel, or nothing."""
    if torch.compiler.is_compiling() or torch._C._functorch.peek_interpreter_stack() is not None:
        return "it is called under a transform (torch.compile, torch.export or torch.func)"
    tensors = [x, *start, *weights]
    if course.taps is not None:
        return "every state's gradient is asked for"
    if any(t.device.type != "cpu" for t in tensors):
        return "kernels run on the CPU, and a tensor is elsewhere"
    if x.dtype not in (torch.float32, torch.float64) or any(t.dtype != x.dtype for t in tensors):
        kinds = ", ".join(sorted({str(t.dtype) for t in tensors}))
        return f"kernels hold float32 or float64, all alike, and got {kinds}"
    if any(s.dim() != 2 for s in start):
        return "a state is not [B, n]"
    return "" if x.shape[1] else "the batch is empty"


@lru_cache(1)
def numba_missing() -> str:
    """A sentence where Numba is missing or too old, else nothing."""
    try:
        import numba
    except ImportError as error:
        return f"Kernels need Numba, which cannot be loaded ({error}). Install it with: pip install 'numba>=0.60'"
    if tuple(int(part) for part in numba.__version__.split(".")[:2]) < OLDEST_NUMBA:
        return f"Kernels need Numba 0.60 or newer, found {numba.__version__}. Upgrade: pip install --upgrade numba"
    return ""


@lru_cache(256)
def _warn_once(text: str) -> None:
    warnings.warn(text, EagerWarning, stacklevel=2)
