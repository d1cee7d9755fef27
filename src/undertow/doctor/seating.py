"""Which axis of the inputs is rows of a batch and which is time: by what the data show, and by what the network
walks."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from undertow.doctor.seen.batches import Call, first_tensor

LIKE = 0.6  # of the squares by which what lies far apart differs


def batch_axis(calls: Sequence[Call], batch_sizes: Sequence[int]) -> int | None:
    """By targets of one a row, by the loader's batch size, by the axis that differs from call to call."""
    shapes = [
        (x.shape, c.target) for c in calls if (x := first_tensor(c.arguments)) is not None and x.dim() >= 2
    ]
    if not shapes:
        return None
    votes = [vote for shape, target in shapes if (vote := _by_target(shape[:2], target)) is not None]
    with_target = sum(target is not None for _, target in shapes)
    if 2 * len(votes) > with_target:  # of some a length may fit by chance
        return max(set(votes), key=votes.count)
    for size in batch_sizes:
        fits = [axis for axis in (0, 1) if sum(shape[axis] == size for shape, _ in shapes) * 2 > len(shapes)]
        if len(fits) == 1:
            return fits[0]
    alike = [
        axis for axis in (0, 1) if _neighbours_alike([c for c in calls if c.target is not None][:4], axis)
    ]
    if len(alike) == 1:
        return 1 - alike[0]
    varied = [axis for axis in (0, 1) if len({shape[axis] for shape, _ in shapes}) > 1]
    return varied[0] if len(varied) == 1 and len(shapes) > 2 else None


def _by_target(shape: Sequence[int], target: Tensor | None) -> int | None:
    """A target that is no longer than one axis has one a row."""
    if target is None or target.dim() == 0 or shape[0] == shape[1]:
        return None
    if (
        target.numel() % (shape[0] * shape[1]) == 0
        and target.dim() != 1
        and target.shape[0] in shape
        and target.shape[1] in shape
    ):
        return None  # one a step: says nothing
    return next((axis for axis in (0, 1) if target.shape[0] == shape[axis]), None)


def _neighbours_alike(calls: Sequence[Call], axis: int) -> bool:
    """Along time, what comes next is like what is there, or is the target; rows of a batch are not alike so."""
    told = [
        _alike(x, c.target, axis)
        for c in calls
        if (x := first_tensor(c.arguments)) is not None and x.dim() >= 2
    ]
    return bool(told) and all(told)


def _alike(x: Tensor, target: Tensor | None, axis: int) -> bool:
    steps = x.shape[axis]
    if steps < 4 or x.shape[1 - axis] < 4:
        return False
    if not x.is_floating_point():
        if target is None or target.is_floating_point() or target.numel() != x.numel():
            return False
        y = target.reshape(x.shape)
        return float((y.narrow(axis, 0, steps - 1) == x.narrow(axis, 1, steps - 1)).double().mean()) > 0.95
    z = x.double()
    near = (z.narrow(axis, 1, steps - 1) - z.narrow(axis, 0, steps - 1)).square().mean()
    far = (z - z.roll(steps // 2, axis)).square().mean()
    across = (z - z.roll(1, 1 - axis)).square().mean()
    return bool(near < LIKE * far) and bool(near < LIKE * across)
