"""What joins a step from outside."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Variation:
    """What joins the step from outside: each makes a kernel of its own."""

    state_mask: bool = False
    zoneout: bool = False
    lengths: bool = False
    inline: bool = False  # x comes step by step: what depends on it belongs to the kernel, too
