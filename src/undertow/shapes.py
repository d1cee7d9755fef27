"""Axis letters, and the checks that public doors use.

Letters: T time steps, B batch rows, I input features, H hidden units, D directions, P projected units.
Time comes first everywhere: a sequence is [T, B, I].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.errors import SettingError, ShapeError

if TYPE_CHECKING:
    from torch import Tensor


def check_sequence(x: Tensor, features: int, where: str) -> None:
    """Refuse what is not [T, B, I] with I equal to `features` and at least one step.

    Raises:
        ShapeError: says what was got and what to do.
    """
    if not hasattr(x, "is_floating_point"):
        kind = type(x).__name__
        raise ShapeError(
            f"{where}: x must be a tensor [T, B, I], got {kind}. Make it one with torch.as_tensor."
        )
    shape = tuple(x.shape)
    if x.dim() != 3:
        hint = " Add a batch axis with x.unsqueeze(1)." if x.dim() == 2 else ""
        raise ShapeError(f"{where}: x must be [T, B, I], three axes, got shape {shape}.{hint}")
    if shape[-1] != features:
        raise ShapeError(
            f"{where}: x needs {features} features on its last axis, got shape {shape}. "
            f"Build the cell with input_size={shape[-1]}, or move features last."
        )
    if shape[0] == 0:
        raise ShapeError(f"{where}: x has no time step, shape {shape}. Give at least one.")
    if not x.is_floating_point():
        raise ShapeError(
            f"{where}: x must hold floating point numbers, got {x.dtype}. Embed or convert it first."
        )


def check_lengths(lengths: Tensor, steps: int, batch: int, where: str) -> None:
    """Refuse lengths that are not B whole numbers from 0 to T.

    Raises:
        ShapeError: says what was got and what to do.
    """
    if tuple(lengths.shape) != (batch,) or lengths.is_floating_point():
        raise ShapeError(
            f"{where}: lengths must be {batch} whole numbers, one a row of the batch, "
            f"got {lengths.dtype} of shape {tuple(lengths.shape)}."
        )
    from torch.compiler import is_compiling

    if is_compiling():
        return  # a traced program cannot look at values
    if batch and (int(lengths.min()) < 0 or int(lengths.max()) > steps):
        raise ShapeError(
            f"{where}: lengths must lie from 0 to {steps}, the steps of x, "
            f"got {int(lengths.min())} to {int(lengths.max())}."
        )


def check_size(value: int, name: str, where: str) -> None:
    """Refuse a size that is not a whole number of at least 1.

    Raises:
        SettingError: names the setting.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise SettingError(f"{where}: {name} must be a whole number of at least 1, got {value!r}.")


def check_share(value: float, name: str, where: str) -> None:
    """Refuse a probability outside [0, 1).

    Raises:
        SettingError: names the setting.
    """
    if not 0.0 <= value < 1.0:
        raise SettingError(f"{where}: {name} must be at least 0 and below 1, got {value!r}.")
