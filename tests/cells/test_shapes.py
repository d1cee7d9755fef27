"""The checks at the doors, and the errors that they raise."""

import math

import pytest
import torch

from undertow import errors, shapes
from undertow.errors import SettingError, ShapeError, UndertowError


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            torch.zeros(4, 3),
            "here: x must be [T, B, I], three axes, got shape (4, 3). Add a batch axis with x.unsqueeze(1).",
        ),
        (torch.zeros(4, 7, 3, 1), "here: x must be [T, B, I], three axes, got shape (4, 7, 3, 1)."),
        (
            torch.zeros(4, 7, 5),
            "here: x needs 3 features on its last axis, got shape (4, 7, 5). "
            "Build the cell with input_size=5, or move features last.",
        ),
        (torch.zeros(0, 7, 3), "here: x has no time step, shape (0, 7, 3). Give at least one."),
        (
            torch.zeros(4, 7, 3).long(),
            "here: x must hold floating point numbers, got torch.int64. Embed or convert it first.",
        ),
    ],
    ids=["two axes", "four axes", "features", "no step", "whole numbers"],
)
def test_a_sequence_that_does_not_fit(x, message):
    with pytest.raises(ShapeError) as told:
        shapes.check_sequence(x, 3, "here")
    assert str(told.value) == message


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([1, 2], "must be 3 whole numbers, one a row of the batch, got torch.int64 of shape (2,)."),
        ([[1, 2, 3]], "got torch.int64 of shape (1, 3)."),
        ([1.0, 2.0, 3.0], "got torch.float32 of shape (3,)."),
        ([0, 2, 5], "must lie from 0 to 4, the steps of x, got 0 to 5."),
        ([-1, 2, 4], "must lie from 0 to 4, the steps of x, got -1 to 4."),
    ],
    ids=["too few", "two axes", "fractions", "too long", "negative"],
)
def test_lengths_that_do_not_fit(lengths, message):
    with pytest.raises(ShapeError) as told:
        shapes.check_lengths(torch.tensor(lengths), 4, 3, "here")
    assert str(told.value).startswith("here: lengths must ")
    assert str(told.value).endswith(message)


def test_what_fits_passes():
    shapes.check_sequence(torch.zeros(1, 0, 3), 3, "here")
    shapes.check_lengths(torch.tensor([0, 4, 2]), 4, 3, "here")
    shapes.check_lengths(torch.tensor([], dtype=torch.int64), 4, 0, "here")
    shapes.check_size(1, "layers", "here")
    shapes.check_share(0.0, "dropout", "here")


@pytest.mark.parametrize("value", [0, -3, 1.0, True, "2", None])
def test_a_size_that_is_none(value):
    with pytest.raises(SettingError) as told:
        shapes.check_size(value, "layers", "here")
    assert str(told.value) == f"here: layers must be a whole number of at least 1, got {value!r}."


@pytest.mark.parametrize("value", [-0.1, 1.0, 1.5, math.nan, math.inf])
def test_a_share_that_is_none(value):
    with pytest.raises(SettingError) as told:
        shapes.check_share(value, "dropout", "here")
    assert str(told.value) == f"here: dropout must be at least 0 and below 1, got {value!r}."


def test_every_error_is_an_undertow_error_and_leaves_with_its_status():
    kinds = [thing for thing in vars(errors).values() if isinstance(thing, type)]
    assert all(issubclass(kind, UndertowError) for kind in kinds)
    leaving = {kind.__name__: kind.exit_code for kind in kinds if kind.exit_code != 2}
    assert leaving == {"DivergedError": 1}
