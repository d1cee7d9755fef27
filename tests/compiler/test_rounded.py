"""Products on the tile unit: as float32 products of factors that were rounded to bfloat16, and only when allowed."""

from array import array

import pytest
import torch
from agreement import problem, results, with_everything
from numba import njit
from torch.utils._python_dispatch import TorchDispatchMode

import undertow as ut
from cases import Case
from undertow import cells
from undertow.compiler.function import PLAIN, fused, prepare
from undertow.compiler.panels import PACK_ROUNDED
from undertow.compiler.precision import has_unit, products_in, resolved
from undertow.compiler.rounded import round_rows, rounded_part, tiles_begin, tiles_end
from undertow.compiler.rounded_product import rounded_product
from undertow.compiler.shards import Share
from undertow.compiler.tiles import SIDE, SPARE, packed_bytes, padded, rounded_room
from undertow.compiler.vector import pointer32
from undertow.unroll.chain import chain

aten = torch.ops.aten
tiles = pytest.mark.skipif(not has_unit(), reason="this processor has no tile unit")


def rounded(tensor):
    return tensor.bfloat16().to(tensor.dtype)


class RoundedProducts(TorchDispatchMode):
    """The plain twin: torch's own float32 products of rounded factors."""

    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        if op in (aten.mm.default, aten.addmm.default):
            args = (*args[:-2], *(rounded(a) for a in args[-2:]))
        return op(*args, **(kwargs or {}))


@njit(nogil=True)
def multiply(a, rows, b, c, spare, m, n, depth, part, parts):
    tiles_begin()
    round_rows(pointer32(a), depth, pointer32(rows), 0, m, depth)
    rounded_part(pointer32(rows), pointer32(b), pointer32(c), n, m, n, depth, pointer32(spare), part, parts)
    tiles_end()


@tiles
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("m", "depth", "n"),
    [
        (1, 1, 1),
        (1, 7, 5),
        (16, 32, 16),
        (15, 31, 17),
        (17, 33, 49),
        (31, 100, 16),
        (32, 64, 96),
        (67, 65, 300),
    ],
)
def test_a_product_is_that_of_rounded_factors(m, depth, n, turned):
    a, b = torch.randn(m, depth), torch.randn(depth, n)
    laid = b.T.contiguous().T if turned else b
    packed = torch.full((packed_bytes(depth, n),), 255, dtype=torch.uint8)
    call = [0, -(-n // SIDE), laid.data_ptr(), *laid.stride(), depth, n, packed.data_ptr(), SIDE]
    Share(PACK_ROUNDED.address).run(array("q", call), 1)
    room = torch.full((rounded_room(m, depth, 1),), float("nan"))
    spare = torch.full((SPARE,), float("nan"))
    beyond = 3.0
    for parts in (1, 2, 3):
        c = torch.full((m + 1, n), beyond)
        for part in range(parts):
            places = [t.data_ptr() for t in (a, room, packed, c, spare)]
            multiply(*places, m, n, depth, part, parts)
        wanted = rounded(a).double() @ rounded(b).double()
        torch.testing.assert_close(c[:m].double(), wanted, rtol=1e-5, atol=1e-5 * depth**0.5)
        assert (c[m] == beyond).all()  # nothing is written past the last row


@tiles
@pytest.mark.parametrize("turned", [(False, False), (False, True), (True, False), (True, True)])
@pytest.mark.parametrize(
    ("m", "depth", "n"),
    [(1, 1, 1), (5, 7, 3), (33, 65, 31), (100, 2100, 70), (17, 33, 300), (1100, 1030, 40)],
)
def test_a_whole_product_of_any_strides(m, depth, n, turned):
    a = torch.randn(depth, m).T if turned[0] else torch.randn(m, depth)
    b = torch.randn(n, depth).T if turned[1] else torch.randn(depth, n)
    wanted = rounded(a).double() @ rounded(b).double()
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            whole = torch.full((m + 1, n + 2), 3.0)  # into a part of something larger
            got = rounded_product(a, b, whole[:m, :n])
            torch.testing.assert_close(got.double(), wanted, rtol=1e-5, atol=1e-5 * depth**0.5)
            assert (whole[m] == 3.0).all()
            assert (whole[:, n:] == 3.0).all()
    finally:
        torch.set_num_threads(before)


@tiles
def test_a_row_without_numbers_spoils_no_other():
    a, b = torch.randn(5, 40), torch.randn(40, 20)
    a[2, 3], a[4, 0] = float("nan"), float("inf")
    packed = torch.empty(packed_bytes(40, 20), dtype=torch.uint8)
    call = [0, 2, b.data_ptr(), *b.stride(), 40, 20, packed.data_ptr(), SIDE]
    Share(PACK_ROUNDED.address).run(array("q", call), 1)
    room, spare, c = torch.zeros(rounded_room(5, 40, 1)), torch.zeros(SPARE), torch.zeros(5, 20)
    multiply(*(t.data_ptr() for t in (a, room, packed, c, spare)), 5, 20, 40, 0, 1)
    assert c[2].isnan().all()
    assert c[4].isinf().all()
    assert c[[0, 1, 3]].isfinite().all()


@tiles
@pytest.mark.parametrize(
    "kind", [cells.RNN, cells.LSTM, cells.GRU, cells.ResetBeforeGRU, cells.RecurrentHighway]
)
def test_a_walk_is_that_of_rounded_products(kind):
    cell = kind(33, 47)  # large enough for torch to round what lies outside the walk
    made = problem(Case("", cell), steps=3, batch=19, dtype=torch.float32)
    for one in (made, with_everything(made)):
        with products_in("bfloat16"):
            got = results(one, fused)
        plain = results(one, fused)
        with RoundedProducts():
            wanted = results(one, chain)
        for mine, twin, exact in zip(got, wanted, plain, strict=True):
            size = twin.norm().clamp(min=1e-3)
            assert (mine - twin).norm() <= 2e-3 * size  # a factor may fall to the other side of a rounding
            assert (mine - exact).norm() <= 0.1 * size
        assert any(not torch.equal(mine, exact) for mine, exact in zip(got, plain, strict=True))


@tiles
def test_a_team_rounds_as_one_thread_does():
    made = problem(Case("", cells.LSTM(20, 420)), steps=3, batch=11, dtype=torch.float32)
    before = torch.get_num_threads()
    found = []
    with products_in("bfloat16"):
        assert prepare(made.cell, made.x, made.weights, PLAIN).made.kernel("forward").wants_team(11, 2)
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            with products_in("bfloat16"):
                found.append(results(made, fused))
    finally:
        torch.set_num_threads(before)
    *pairs, bias = zip(*found, strict=True)
    assert all(torch.equal(one, two) for one, two in pairs)
    torch.testing.assert_close(*bias)  # its sum over rows is made in parts


def test_float64_and_those_who_did_not_ask_are_left_alone():
    for dtype in (torch.float32, torch.float64):
        made = problem(Case("", cells.LSTM(3, 5)), dtype=dtype)
        before = results(made, fused)
        if dtype is torch.float64:
            with products_in("bfloat16"):
                during = results(made, fused)
            assert all(torch.equal(a, b) for a, b in zip(before, during, strict=True))
        assert all(torch.equal(a, b) for a, b in zip(before, results(made, fused), strict=True))


def test_the_switch_is_torchs_own_and_is_set_back():
    switch = torch.backends.mkldnn.matmul
    before = switch.fp32_precision
    with products_in("bfloat16"):
        assert switch.fp32_precision == "bf16"
        with products_in("float32"):
            assert switch.fp32_precision == "ieee"
    assert switch.fp32_precision == before
    assert resolved("float32") == "float32"
    assert resolved("auto") == ("bfloat16" if has_unit() else "float32")


@tiles
def test_a_compiled_program_rounds_too():
    layer, x = ut.Recurrent(cells.LSTM(8, 32)), torch.randn(6, 16, 8)
    with products_in("bfloat16"):
        wanted = layer(x)[0]
        vmapped = torch.func.vmap(lambda rows: layer(rows)[0])(torch.stack([x, x]))
    torch.testing.assert_close(vmapped[1], wanted)
    assert not torch.equal(wanted, layer(x)[0])


def test_sizes():
    assert [padded(n) for n in (1, 32, 33)] == [32, 32, 64]
    assert packed_bytes(33, 17) == 2 * 64 * 32
    assert rounded_room(5, 40, 2) == 21 * 32 + 2 * SPARE
