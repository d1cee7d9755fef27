"""What joins a step from outside."""

from __future__ import annotations

from dataclasses import dataclass

from undertow.unroll.chain import Course


@dataclass(frozen=True)
class Variation:
    """What joins the step from outside: each makes a kernel of its own."""

    state_mask: bool = False
    zoneout: bool = False
    lengths: bool = False
    inline: bool = False  # x comes step by step: what depends on it belongs to the kernel, too
    rounded: bool = False  # factors of matrix products are rounded to bfloat16; sums stay float32


def joins(course: Course) -> tuple[bool, bool, bool]:
    """What a course brings: a mask on the state, zoneout, lengths."""
    return course.state_mask is not None, course.zoneout is not None, course.lengths is not None
