"""Correctness first: do two sides give the same outputs and gradients? Only then is either timed."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from undertow.bench.problem import IN_INFERENCE, Results

TOLERANCE = 1e-3  # of the largest number in a tensor, float32 over a thousand steps
AS_EXACT = 4.0  # where two float32 answers part, ours may be so many times as far from float64 as the other


def disagreement(got: Results, wanted: Results, exact: Callable[[], Results] | None = None) -> str:
    """In what do the sides differ, in one sentence; nothing where they agree.

    Args:
        got: of ours.
        wanted: of what it is compared with.
        exact: gives the float64 answer, which settles a difference: a chaotic cell may take two float32 loops apart.
    """
    missing = sorted(
        (set(got) ^ set(wanted)) - {IN_INFERENCE}
    )  # torch.compile would take minutes more for that
    if missing:
        return f"only one side gives {', '.join(missing)}"
    apart = [name for name in sorted(set(got) & set(wanted)) if _error(got[name], wanted[name]) > TOLERANCE]
    if apart and exact is not None:
        truth = exact()
        apart = [name for name in apart if _worse(got[name], wanted[name], truth[name])]
    if not apart:
        return ""
    name = max(apart, key=lambda each: _error(got[each], wanted[each]))
    return f"{name} differs by {_error(got[name], wanted[name]):.1e} of its size"


def _error(got: Tensor, wanted: Tensor) -> float:
    """The largest difference as a share of the largest number; a NaN is an infinite error."""
    difference = (got.double() - wanted.double().reshape(got.shape)).abs()
    if not difference.numel():
        return 0.0
    share = difference.max().item() / max(wanted.abs().max().item(), 1e-6)
    return share if share == share else float("inf")


def _worse(got: Tensor, wanted: Tensor, truth: Tensor) -> bool:
    return not _error(got, truth) <= max(AS_EXACT * _error(wanted, truth), TOLERANCE)
