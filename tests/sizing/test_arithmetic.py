"""The arithmetic of layers against numbers worked by hand, and against torch."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from undertow.errors import SettingError
from undertow.sizing.arithmetic import binary, conv, densenet, linear, side


def test_the_first_layer_of_a_well_known_net():
    found = conv((224, 224, 3), filters=64, kernel=7, stride=2, padding=3)
    assert found["output"] == (112, 112, 64)
    assert found["parameters"] == 9_472
    assert found["parameter bytes"] == 37_888
    assert found["activation bytes"] == 3_211_264
    assert found.lines[0].worked == "⌊(224 + 2·3 − 7) / 2⌋ + 1 = ⌊223 / 2⌋ + 1 = ⌊111.5⌋ + 1"


def test_valid_and_same():
    assert conv((12, 12, 1), 1, 3, padding="valid")["output"] == (10, 10, 1)
    assert conv((12, 12, 1), 1, 3, padding="same")["output"] == (12, 12, 1)
    assert side(12, 3, 1, "same").before == 1
    uneven = side(12, 4, 1, "same")
    assert (uneven.before, uneven.after, uneven.length) == (1, 2, 12)


def test_a_convolution_against_a_linear_map():
    dense = linear((256, 256, 3), 512)["parameters"]
    small = conv((256, 256, 3), 64, 5)["parameters"]
    assert (dense, small) == (100_663_808, 4_864)
    assert round(dense / small) == 20_696


def test_a_dense_block():
    found = densenet((32, 32, 64), growth=12, layers=4)
    assert [found[f"layer {n} reads"] for n in (1, 2, 3, 4)] == [64, 76, 88, 100]
    assert found["block gives"] == 112
    assert found["joined bytes"] == 376 * 32 * 32 * 4
    assert found["transition parameters"] == 6_272 + 56 == 6_328
    assert found["output"] == (16, 16, 56)


def test_binary_weights():
    found = binary(10_000_000)
    assert (found["float32 bytes"], found["packed bytes"], found["ratio"]) == (40_000_000, 1_250_000, 32)


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 40), width=st.integers(1, 40), channels=st.integers(1, 4), filters=st.integers(1, 5),
    kernel=st.integers(1, 7), stride=st.integers(1, 4), padding=st.integers(0, 3),
)  # fmt: skip
def test_any_convolution_is_torchs(height, width, channels, filters, kernel, stride, padding):
    if min(height, width) + 2 * padding < kernel:
        with pytest.raises(SettingError, match="does not fit"):
            conv((height, width, channels), filters, kernel, stride, padding)
        return
    found = conv((height, width, channels), filters, kernel, stride, padding)
    layer = nn.Conv2d(channels, filters, kernel, stride, padding)
    y = layer(torch.zeros(1, channels, height, width))
    assert found["output"] == (y.shape[2], y.shape[3], filters)
    assert found["parameters"] == sum(p.numel() for p in layer.parameters())


@settings(max_examples=40, deadline=None)
@given(length=st.integers(1, 60), kernel=st.integers(1, 9), stride=st.integers(1, 5))
def test_same_gives_as_many_as_strides_fit(length, kernel, stride):
    found = side(length, kernel, stride, "same")
    assert found.length == -(-length // stride)
    assert 0 <= found.after - found.before <= 1


@pytest.mark.parametrize("wrong", [{"kernel": 0}, {"stride": 0}, {"filters": -1}, {"padding": -1}])
def test_sizes_that_are_none(wrong):
    with pytest.raises(SettingError):
        conv((8, 8, 3), **({"filters": 2, "kernel": 3} | wrong))
