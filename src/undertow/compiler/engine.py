"""Which engine walks: a kernel where the step has one, the eager loop where it has not, with one word of why."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

from undertow.cells.cell import Cell
from undertow.compiler.torch_marks import not_looked_into, seen_as_constant
from undertow.compiler.variation import joins
from undertow.errors import MissingExtraError, SettingError
from undertow.unroll.chain import Course, chain

ENGINES = ("auto", "eager", "numba")
OLDEST_NUMBA = (0, 60)
ELSEWHERE = "kernels run on the CPU, and a tensor is elsewhere"
NO_MEMORY, NO_ROWS = "a tensor is on the device meta", "the batch is empty"
SHAPE_ALONE = (NO_MEMORY, NO_ROWS)  # nothing is computed: no word of which engine does


def check_engine(engine: str, where: str = "") -> None:
    """Refuse a name that is none.

    Raises:
        SettingError: says where, and which there are.
    """
    if engine not in ENGINES:
        raise SettingError(f"{where}engine must be one of {', '.join(ENGINES)}, got {engine!r}.")


class EagerWarning(UserWarning):
    """A cell runs on the eager loop although a kernel was wanted."""


def walk(engine: str, cell: Cell, x: Tensor, start: Any, weights: Any, course: Course) -> tuple[Any, Any]:
    """The states after every step and after the last, as `undertow.unroll.chain.chain` gives them.

    Raises:
        SettingError: engine="numba" and this input cannot go through a kernel.
        MissingExtraError: engine="numba" and Numba is missing or too old.
    """
    if torch.is_autocast_enabled("cpu") and x.device.type == "cpu":
        return _without_autocast(engine, cell, x, start, weights, course)
    if engine == "eager":
        return chain(cell, x, start, weights, course)
    elsewhere, unheld = _called_from(engine, course), unfit([x, *start, *weights], start, x.shape[1])
    if elsewhere or unheld:
        say_unfit(engine, type(cell).__name__, elsewhere, unheld)
        return chain(cell, x, start, weights, course)
    if engine == "auto" and x.shape[0] == 1:
        return chain(cell, x, start, weights, course)  # one step is not worth a kernel's set-up
    missing = _missing()
    if missing:
        if engine == "numba":
            raise MissingExtraError(missing)
        warn_once(missing)
        return chain(cell, x, start, weights, course)
    if _transformed() or _without_memory(x):
        return _by_operator(engine, cell, x, start, weights, course)
    from undertow.compiler.function import fused  # Numba is loaded only where it is used
    from undertow.compiler.graph import NoRowError

    try:
        return fused(cell, x, start, weights, course)
    except NoRowError as error:
        return _refused(engine, str(error), cell, x, start, weights, course)
    except MissingExtraError as error:
        if engine == "numba":
            raise
        warn_once(str(error))
        return chain(cell, x, start, weights, course)


def _without_autocast(
    engine: str, cell: Cell, x: Tensor, start: Any, weights: Any, course: Course
) -> tuple[Any, Any]:
    """A recurrence adds rounding to rounding: under autocast it walks in its weights' dtype, on every engine."""
    kind = next((w.dtype for w in weights if w.is_floating_point()), torch.float32)
    with torch.autocast("cpu", enabled=False):
        same = [t.to(kind) if t.is_floating_point() else t for t in (x, *start)]
        return walk(engine, cell, same[0], cell.State(*same[1:]), weights, course)


def _by_operator(
    engine: str, cell: Cell, x: Tensor, start: Any, weights: Any, course: Course
) -> tuple[Any, Any]:
    from undertow.compiler import operator

    shapes = tuple(tuple(w.shape) for w in weights)
    name, why = operator.fit_constant(cell, shapes, x.dtype, joins(course))
    if name:
        return operator.walk(name, cell, x, start, weights, course)
    return _refused(engine, why, cell, x, start, weights, course)


def _refused(
    engine: str, why: str, cell: Cell, x: Tensor, start: Any, weights: Any, course: Course
) -> tuple[Any, Any]:
    if engine == "numba":
        raise SettingError(f"{type(cell).__name__} has no kernel: {why}.")
    warn_once(
        f"{type(cell).__name__} runs on the eager loop, up to 10 times slower, because it has no kernel: {why}."
    )
    return chain(cell, x, start, weights, course)


def _transformed() -> bool:
    """Does torch look on, so that the walk must be one operator?"""
    return torch.compiler.is_compiling() or torch._C._functorch.peek_interpreter_stack() is not None


def _without_memory(x: Tensor) -> bool:
    """Is it a tensor that has a shape alone, as where sizes are counted?"""
    return isinstance(x, FakeTensor)


def _differentiates_by_function() -> bool:
    """Is this within torch.func.grad, vjp or jvp, for which operators have no rule?"""
    stack = torch._C._functorch.get_interpreter_stack() or []
    return any(i.key() != torch._C._functorch.TransformType.Vmap for i in stack)


def _called_from(engine: str, course: Course) -> str:
    """Why no kernel can be called from where this is called, or nothing."""
    if torch.compiler.is_exporting() and engine == "auto":
        return "an exported program should run where undertow is not"
    if torch._C._get_tracing_state() is not None:  # by torch.jit.trace
        return "torch.jit.trace records operations of torch alone"
    if not torch.compiler.is_compiling() and _differentiates_by_function():
        return "it is called under torch.func.grad, vjp or jvp"
    return "every state's gradient is asked for" if course.taps is not None else ""


def unfit(tensors: Sequence[Tensor], states: Sequence[Tensor], rows: int) -> str:
    """Why kernels cannot hold these tensors, or nothing."""
    if any(t.is_meta for t in tensors):
        return NO_MEMORY
    if any(not t.is_cpu for t in tensors):
        return ELSEWHERE
    kinds = {t.dtype for t in tensors}
    if len(kinds) > 1 or not kinds <= {torch.float32, torch.float64}:
        return f"kernels hold float32 or float64, all alike, and got {', '.join(sorted(map(str, kinds)))}"
    if any(s.dim() != 2 for s in states):
        return "a state is not [B, n]"
    return "" if rows else NO_ROWS


def say_unfit(engine: str, name: str, elsewhere: str, unheld: str) -> None:
    """Refuse, where a kernel was asked for; else one word, where the tensors are what does not fit.

    Raises:
        SettingError: engine="numba".
    """
    if engine == "numba":
        raise SettingError(
            f'engine="numba" cannot run this: {elsewhere or unheld}. Use engine="auto" or "eager".'
        )
    if not elsewhere and unheld not in SHAPE_ALONE:
        warn_once(f"{name} runs on the eager loop: {unheld}.")


@seen_as_constant
def _missing() -> str:
    return numba_missing()


@lru_cache(1)
def numba_missing() -> str:
    """A sentence where Numba is missing or too old, else nothing. It is not loaded for that: that takes a while."""
    if importlib.util.find_spec("numba") is None:
        return "Kernels need Numba, which is not installed. Install it with: pip install 'numba>=0.60'"
    version = importlib.metadata.version("numba")
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_NUMBA:
        return f"Kernels need Numba 0.60 or newer, found {version}. Upgrade: pip install --upgrade numba"
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        return "Kernels need Numba to compile, and NUMBA_DISABLE_JIT tells it not to. Unset it."
    return ""


@not_looked_into
def warn_once(text: str) -> None:
    _warn(text)


@lru_cache(256)
def _warn(text: str) -> None:
    warnings.warn(text, EagerWarning, stacklevel=2)
