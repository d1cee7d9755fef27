"""Signs counted, not multiplied: bit for bit what float arithmetic of ±1 gives, whoever shares the work."""

import numpy as np
import pytest
import torch

from undertow.blocks.bits import packed
from undertow.compiler import sign_product as module
from undertow.compiler.sign_product import packed_signs, panels, sign_product

SIZES = [
    (1, 1, 1),
    (3, 65, 33),
    (7, 129, 10),
    (64, 1000, 77),
    (5, 64, 32),
    (9, 63, 31),
    (4, 128, 64),
    (1, 300, 200),
    (0, 5, 3),
]


def plain(x):
    return torch.where(x >= 0, 1.0, -1.0)


def signs(x, w, scale=None, shift=None):
    laid = panels(packed_signs(w))
    room = len(laid) * laid.shape[2]
    numbers = [torch.full((room,), value) for value in (1.0, 0.0)]
    for whole, given in zip(numbers, (scale, shift), strict=True):
        if given is not None:
            whole[: len(given)] = given
    return sign_product(packed_signs(x), laid, x.shape[1], *numbers)[:, : len(w)]


@pytest.mark.parametrize(("rows", "inputs", "outputs"), SIZES)
def test_counting_bits_is_multiplying_signs(rows, inputs, outputs):
    torch.manual_seed(rows + inputs)
    x, w = torch.randn(rows, inputs), torch.randn(outputs, inputs)
    w[0] = 0.0  # sign(0) is +1
    wanted = plain(x) @ plain(w).T
    assert torch.equal(signs(x, w), wanted)
    scale, shift = torch.rand(outputs), torch.randn(outputs)
    torch.testing.assert_close(signs(x, w, scale, shift), wanted * scale + shift)


@pytest.mark.parametrize("inputs", [1, 63, 64, 65, 200])
def test_words_are_the_bytes_of_the_plain_twin(inputs):
    x = torch.randn(5, inputs)
    x[0, 0], x[1, 0], x[2, 0], x[3, 0] = 0.0, -0.0, torch.nan, -torch.inf
    np.testing.assert_array_equal(packed_signs(x).numpy(), packed(x).numpy().view(np.int64))
    turned = torch.randn(inputs, 5).T
    np.testing.assert_array_equal(packed_signs(turned), packed_signs(turned.contiguous()))


@pytest.mark.parametrize(("rows", "outputs"), [(37, 40), (1, 300), (700, 40)])
def test_threads_share_the_work(monkeypatch, rows, outputs):
    for name in ("WORTH", "NUMBERS"):
        monkeypatch.setattr(module, name, 1)
    x, w = torch.randn(rows, 300), torch.randn(outputs, 300)
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3, 16):
            torch.set_num_threads(threads)
            assert torch.equal(signs(x, w), plain(x) @ plain(w).T)
    finally:
        torch.set_num_threads(before)
