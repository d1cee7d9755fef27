"""From a row of scores to one token, inside a kernel: temperature, top-k, top-p, a random number.

A row lies in memory as n numbers, n a multiple of `lanes` (those of a Vec), -∞ beyond the last token. Nothing is
sorted: the k-th largest score, and the border of top-p, are found by halving the range of their bits.

    narrow_k   all but the k largest scores become -∞; of equals at the border the first stay
    weigh      exp((score - highest) / temperature)
    narrow_p   all but the fewest largest weights that hold the share p become 0; of equals the first stay
    pick       the token at which the sum of weights passes a random share of their total

Source of the random numbers: Philox4x32-10, Salmon et al. 2011. Each depends on seed, sequence and step alone, so what
is drawn for a sequence depends neither on its neighbours nor on the number of threads.
"""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from undertow.compiler.vector import at, exp, get, keep, largest, load, load_part, put, select, store, total
from undertow.compiler.vector_type import INT64

BLOCK = 8  # Vecs that are summed before their sum joins a double: no rounding piles up over 50,000 tokens
WORD = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
COOLEST = {
    32: 1e-30,
    64: 1e-300,
}  # a temperature that no longer differs from none, and whose inverse is a number

# Parts of the one function that calls them: no wrappers, no cache of their own; it is built in a third of the time.
WITHIN = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


# ---- the place of a number among all numbers of its type


@intrinsic
def place_of(typing: Any, number: Any) -> Any:
    """Where a float stands: its bits as a whole number, turned so that places are in the order of the numbers."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        width = ir.IntType(number.bitwidth)
        place = _turned(builder, width, builder.bitcast(arguments[0], width))
        return place if number.bitwidth == 64 else builder.sext(place, INT64)

    return types.int64(number), generate


@intrinsic
def number_at(typing: Any, place: Any, like: Any) -> Any:
    """The float that stands there, of the type that the pointer `like` points to."""
    kind = like.dtype

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        width = ir.IntType(kind.bitwidth)
        cut = arguments[0] if kind.bitwidth == 64 else builder.trunc(arguments[0], width)
        return builder.bitcast(_turned(builder, width, cut), context.get_value_type(kind))

    return kind(types.int64, like), generate


def _turned(builder: Any, width: Any, bits: Any) -> Any:
    """All bits but the sign turned over where it is negative; twice is not at all."""
    below = builder.icmp_signed("<", bits, width(0))
    return builder.select(below, builder.xor(bits, width((1 << (width.width - 1)) - 1)), bits)


# ---- over a row


@njit(**WITHIN)
def every(row, number):
    """A Vec, of the type of `row`, that holds `number` in every lane."""
    return keep(load_part(row, 0), 0, number)


@njit(**WITHIN)
def highest(scores, n, lanes):
    """The largest score; NaN where one is NaN."""
    best = every(scores, -inf)
    for j in range(0, n, lanes):
        x = load(at(scores, j))
        best = select((x > best) | (x != x), x, best)
    return largest(best)


@njit(**WITHIN)
def first_at(scores, n, number):
    """The first token that has this score."""
    j = 0
    while j + 1 < n and get(at(scores, j)) != number:
        j += 1
    return j


@njit(**WITHIN)
def block_sum(values, n, lanes):
    """The sum of at most BLOCK Vecs."""
    result = load(values)
    for j in range(lanes, n, lanes):
        result = result + load(at(values, j))
    return float(total(result))


@njit(**WITHIN)
def row_sum(values, n, lanes):
    """The sum of a row."""
    result, step = 0.0, BLOCK * lanes
    for j in range(0, n, step):
        result += block_sum(at(values, j), min(step, n - j), lanes)
    return result


@njit(**WITHIN)
def count_from(scores, n, border, lanes):
    """How many scores are at least `border`?"""
    one, none, wall = every(scores, 1.0), every(scores, 0.0), every(scores, border)
    result = none
    for j in range(0, n, lanes):
        result = result + select(load(at(scores, j)) >= wall, one, none)
    return int(total(result))


@njit(**WITHIN)
def mass_from(scores, weights, n, border, lanes):
    """What do the weights of all scores that are at least `border` come to?"""
    none, wall = every(scores, 0.0), every(scores, border)
    result, step = 0.0, BLOCK * lanes
    for first in range(0, n, step):
        part = none
        for j in range(first, min(first + step, n), lanes):
            part = part + select(load(at(scores, j)) >= wall, load(at(weights, j)), none)
        result += float(total(part))
    return result


@njit(**WITHIN)
def halfway(low, high):
    """Between two places; their sum may be too large for a number."""
    return (low >> 1) + (high >> 1) + (low & high & 1)


# ---- narrowing


@njit(**WITHIN)
def kth_largest(scores, n, k, top, lanes):
    """The k-th largest of n scores, the largest of which is `top`."""
    low, high = place_of(largest(every(scores, -inf))), place_of(top) + 1
    while True:
        middle = halfway(low, high)
        if middle == low:
            return number_at(low, scores)
        found = count_from(scores, n, number_at(middle, scores), lanes)
        if found >= k:
            low = middle
        else:
            high = middle


@njit(**WITHIN)
def narrow_k(scores, n, k, top, lanes):
    """Leave the k largest scores; the others become -∞."""
    border = kth_largest(scores, n, k, top, lanes)
    wall, none = every(scores, border), every(scores, -inf)
    left = count_from(scores, n, border, lanes) - k
    for j in range(0, n, lanes):
        x = load(at(scores, j))
        store(at(scores, j), select(x >= wall, x, none))
    j = n - 1
    while left > 0:  # equals at the border, the last of which go
        if get(at(scores, j)) == border:
            put(at(scores, j), -inf)
            left -= 1
        j -= 1


@njit(**WITHIN)
def narrow_p(scores, weights, n, p, top, lanes):
    """Leave the fewest largest weights that hold the share p; the others become 0. Returns their sum."""
    goal = p * row_sum(weights, n, lanes)
    low, high = place_of(largest(every(scores, -inf))), place_of(top) + 1
    middle = halfway(low, high)
    while middle != low:
        if mass_from(scores, weights, n, number_at(middle, scores), lanes) >= goal:
            low = middle
        else:
            high = middle
        middle = halfway(low, high)
    border = number_at(low, scores)
    mass = mass_from(scores, weights, n, number_at(low + 1, scores), lanes)
    wall, none = every(scores, border), every(scores, 0.0)
    for j in range(0, n, lanes):
        store(at(weights, j), select(load(at(scores, j)) >= wall, load(at(weights, j)), none))
    for j in range(n):  # equals at the border, as many of the first as are needed
        if get(at(scores, j)) == border:
            if mass < goal:
                mass += float(get(at(weights, j)))
            else:
                put(at(weights, j), 0.0)
    return row_sum(weights, n, lanes)


# ---- weighing and picking


@njit(**WITHIN)
def weigh(scores, weights, n, temperature, top, lanes):
    """exp((score - highest) / temperature) into `weights`. A score of +∞ outweighs every number."""
    peak, warmth, one = every(scores, top), every(scores, temperature), every(scores, 1.0)
    for j in range(0, n, lanes):
        x = load(at(scores, j))
        store(at(weights, j), select(x == peak, one, exp((x - peak) / warmth)))


@njit(**WITHIN)
def shares(scores, weights, n, temperature, k, p, top, lanes):
    """Weights of all tokens into `weights`, 0 for those left out; returns their sum."""
    if 0 < k < n:
        narrow_k(scores, n, k, top, lanes)
    weigh(scores, weights, n, temperature, top, lanes)
    if p < 1.0:
        return narrow_p(scores, weights, n, p, top, lanes)
    return row_sum(weights, n, lanes)


@njit(**WITHIN)
def pick(weights, n, goal, lanes):
    """The first token at which the sum of weights passes `goal`; never one whose weight is 0."""
    passed, step = 0.0, BLOCK * lanes
    for first in range(0, n, step):
        count = min(step, n - first)
        whole = block_sum(at(weights, first), count, lanes)
        if passed + whole <= goal:
            passed += whole
            continue
        for j in range(first, first + count):
            passed += float(get(at(weights, j)))
            if passed > goal:
                return j
    j = n - 1  # the goal is the total but for its last bits
    while j > 0 and get(at(weights, j)) == 0.0:
        j -= 1
    return j


@njit(**WITHIN)
def philox(seed, sequence, step):
    """Two random words of 32 bits for a seed, a sequence and a step."""
    key0, key1 = np.uint64(seed) & WORD, np.uint64(seed) >> HALF
    c0, c1 = np.uint64(step) & WORD, np.uint64(step) >> HALF
    c2, c3 = np.uint64(sequence) & WORD, np.uint64(sequence) >> HALF
    for _ in range(10):
        left, right = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = (right >> HALF) ^ c1 ^ key0, right & WORD, (left >> HALF) ^ c3 ^ key1, left & WORD
        key0, key1 = (key0 + np.uint64(0x9E3779B9)) & WORD, (key1 + np.uint64(0xBB67AE85)) & WORD
    return c0, c1, c2, c3


@njit(**WITHIN)
def uniform(seed, sequence, step):
    """A random number of 53 bits, at least 0 and below 1."""
    first, second, _, _ = philox(seed, sequence, step)
    return (float(first >> np.uint64(5)) * 67108864.0 + float(second >> np.uint64(6))) / 9007199254740992.0
