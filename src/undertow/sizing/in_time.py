"""A recurrent network's memory by the number of steps: all at once, in windows, or with checkpoints in time.

    all at once     backward reads every step's values
    window K        truncated backpropagation: only the last K steps' values are kept, and no gradient goes further back
    checkpoints     the states of every S-th step are kept and the rest is computed again, S steps at a time; one more
                    forward pass, and the whole gradient (Chen et al. 2016; S = √T keeps least)

What a walk keeps grows by as much with every step, so it is measured at two lengths and drawn on to any.
Axes: T time steps, B batch rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isqrt

from undertow.sizing.sizes import Sizes

SHORT = (32, 64)  # lengths that are looked at
WINDOWS = (1024, 256, 64, 16)


@dataclass(frozen=True)
class Way:
    """One way to walk T steps, and what it costs a training step."""

    name: str
    steps: int
    kept_bytes: int
    forward_flops: int  # with what is computed again
    backward_flops: int


def ways(sizes_at: Callable[[int], Sizes], steps: int, state_bytes: int) -> tuple[Way, ...]:
    """What would training over `steps` keep and compute?

    Args:
        sizes_at: the network's sizes at a number of steps.
        steps: T.
        state_bytes: of all states after one step, the whole batch.
    """
    short, long = (sizes_at(n).total for n in SHORT)
    span = SHORT[1] - SHORT[0]

    def at(name: str, count: int) -> int:
        """A quantity at any number of steps, on the line through the two."""
        first, second = getattr(short, name), getattr(long, name)
        return int(first + (second - first) * (count - SHORT[0]) // span)

    forward, backward = at("forward_flops", steps), at("backward_flops", steps)
    found = [Way("all at once", steps, at("kept_bytes", steps), forward, backward)]
    found += [Way(f"window {k}", k, at("kept_bytes", k), forward, backward) for k in WINDOWS if k < steps]
    every = max(1, isqrt(steps))
    marks = -(-steps // every)
    kept = marks * state_bytes + at("kept_bytes", every)
    found.append(Way(f"checkpoint every {every}", steps, kept, 2 * forward, backward))
    return tuple(found)
