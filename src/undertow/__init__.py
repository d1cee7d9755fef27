"""undertow: write a recurrence once, train it, and see where its gradients go.

Names are loaded when first used, so that importing undertow does not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undertow import cells as cells
    from undertow.cells import init as init
    from undertow.cells.cell import Cell as Cell
    from undertow.doctor.diagnosis import examine as examine
    from undertow.doctor.treat import treat as treat
    from undertow.doctor.watching import watch as watch
    from undertow.errors import UndertowError as UndertowError
    from undertow.recurrent.compile import compile as compile
    from undertow.recurrent.recurrent import Recurrent as Recurrent
    from undertow.recurrent.torch_like import GRU as GRU
    from undertow.recurrent.torch_like import LSTM as LSTM
    from undertow.recurrent.torch_like import RNN as RNN
    from undertow.sizing.size import size as size
    from undertow.tasks.start import resume as resume
    from undertow.tasks.start import train as train
    from undertow.tasks.trained import load as load

__version__ = "0.1.0"

_HOMES = {
    "Cell": "undertow.cells.cell",
    "GRU": "undertow.recurrent.torch_like",
    "LSTM": "undertow.recurrent.torch_like",
    "RNN": "undertow.recurrent.torch_like",
    "Recurrent": "undertow.recurrent.recurrent",
    "UndertowError": "undertow.errors",
    "compile": "undertow.recurrent.compile",
    "examine": "undertow.doctor.diagnosis",
    "load": "undertow.tasks.trained",
    "resume": "undertow.tasks.start",
    "size": "undertow.sizing.size",
    "train": "undertow.tasks.start",
    "treat": "undertow.doctor.treat",
    "watch": "undertow.doctor.watching",
}
_MODULES = {"cells": "undertow.cells", "init": "undertow.cells.init"}

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Cell",
    "Recurrent",
    "UndertowError",
    "cells",
    "compile",
    "examine",
    "init",
    "load",
    "resume",
    "size",
    "train",
    "treat",
    "watch",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'undertow' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
