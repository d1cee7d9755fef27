"""Where gradients flow, in depth and in time: what is measured. Judging is the doctor's.

Names are loaded when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undertow.flow.attribution import attribute as attribute
    from undertow.flow.jacobians import jacobian as jacobian
    from undertow.flow.reach import horizon as horizon
    from undertow.flow.spectrum import lyapunov as lyapunov
    from undertow.flow.watch import watch as watch

_HOMES = {
    "attribute": "undertow.flow.attribution",
    "horizon": "undertow.flow.reach",
    "jacobian": "undertow.flow.jacobians",
    "lyapunov": "undertow.flow.spectrum",
    "watch": "undertow.flow.watch",
}

__all__ = ["attribute", "horizon", "jacobian", "lyapunov", "watch"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
