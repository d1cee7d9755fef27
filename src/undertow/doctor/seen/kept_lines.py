"""Torch keeps the line of every operation while steps are looked at closely, and when the script asks it to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.fx.traceback as fx_traceback

from undertow.doctor.seen.lines import stack
from undertow.doctor.seen.now import Now
from undertow.doctor.seen.patches import Patches

_set_anomaly = torch.set_anomaly_enabled


class KeptLines:
    """By torch's switch for anomalies, of which the script sees what it has set itself."""

    def __init__(self, now: Now) -> None:
        self._now = now
        self._asked = (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled())

    def put_on(self, patches: Patches) -> None:
        """Begin."""
        patches.replace(fx_traceback, "format_stack", self._stack)
        patches.replace(torch, "set_anomaly_enabled", self._set)
        patches.replace(torch, "is_anomaly_enabled", lambda _: lambda: self._asked[0])
        patches.replace(torch, "is_anomaly_check_nan_enabled", lambda _: lambda: self._asked[1])

    def set_back(self) -> None:
        """To what the script asked for last."""
        _set_anomaly(*self._asked)

    def look(self, closely: bool) -> None:
        """Keep them from now on, or no more."""
        on, checks = self._asked
        _set_anomaly(closely or on, checks and on if closely else checks)

    def _set(self, _: Callable[..., Any]) -> Callable[..., Any]:
        """What the script itself asks for is what it gets, and what it is told."""

        def asked(mode: bool, check_nan: bool = True) -> None:
            self._asked = (mode, check_nan)
            self.look(self._now.closely)

        return asked

    def _stack(self, torchs: Callable[[], list[str]]) -> Callable[[], list[str]]:
        """Of every operation in a step that is looked at closely; torch's own where it was the script that asked."""

        def kept() -> list[str]:
            asked = self._asked[0] or fx_traceback.has_preserved_node_meta()
            return torchs() if asked else stack()

        return kept
