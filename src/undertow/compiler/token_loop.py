"""Token after token for one shard of sequences, in one compiled function: no Python a token.

    row of the embedding → cells, layer by layer → readout → draw → the next token

A layer is the `infer` kernel of its cell, called for one step by its address; its states lie in two buffers in turn,
exchanged between even and odd steps. A sequence that has ended gives its row to the last one that has not, and costs
nothing more.
"""

from __future__ import annotations

import hashlib
import pkgutil
from functools import lru_cache
from math import inf
from typing import Any

from llvmlite import ir
from numba import carray, njit, types
from numba.extending import intrinsic

from undertow.compiler.atomic import integers, take
from undertow.compiler.draw import WITHIN, first_at, highest, pick, shares, uniform
from undertow.compiler.machine_code import Stored
from undertow.compiler.tile import gemm
from undertow.compiler.token_records import FEED, FIELD, LAYER, SHARD
from undertow.compiler.vector import at, get, load, pointer32, pointer64, put, store
from undertow.compiler.vector_type import INT64

PARTS = (
    "draw",
    "token_loop",
    "token_records",
)  # the loop is made of these files, beside those of all kernels
INLINED = WITHIN | {"inline": "always"}  # called at one place: building it apart were for nothing
LAST_ROW = 10  # where the rows end, in a call as `undertow.compiler.token_shard.kernel_call` lays it out


@intrinsic
def _call(typing: Any, function: Any, argument: Any) -> Any:
    """Call the C function at an address with one whole number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [INT64]).as_pointer()
        builder.call(builder.inttoptr(arguments[0], kind), [arguments[1]])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def _memory(typing: Any, address: Any) -> Any:
    """An address as a pointer to anything."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.int64), generate


@intrinsic
def _numbers(typing: Any, like: Any, address: Any) -> Any:
    """An address as a pointer of the type of `like`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[1], context.get_value_type(like))

    return like(like, types.int64), generate


@njit(**INLINED)
def run_kernel(kernel, call, rows):
    """One step of one layer: no other place knows how a kernel is called."""
    numbers = integers(call)
    numbers[0] = 0
    numbers[LAST_ROW] = rows
    _call(kernel, call)


@njit(**INLINED)
def copy_row(source, target, width):
    """`width` numbers from one place to another."""
    for j in range(width):
        put(at(target, j), get(at(source, j)))


@njit(**INLINED)
def feed(shard, like):
    """Lay out what the first layer gets from each row's token."""
    current = integers(shard.current)
    for one in carray(_memory(shard.feed_table), shard.feeds, FEED):
        table, target = _numbers(like, one.table), _numbers(like, one.to)
        for row in range(shard.alive):
            copy_row(at(table, current[row] * one.width), at(target, row * one.width), one.width)


@njit(**INLINED)
def advance(shard, like, rows, lanes):
    """All layers, one step."""
    side = shard.step & 1
    for layer in carray(_memory(shard.layer_table), shard.layers, LAYER):
        run_kernel(layer.kernel, layer.call[side], rows)
        if layer.map:
            a, b, c = _numbers(like, layer.output[side]), _numbers(like, layer.map), _numbers(like, layer.to)
            gemm(a, layer.depth, 1, b, c, layer.width, rows, layer.width, layer.depth, 0, lanes)


@njit(**INLINED)
def read_out(shard, like, rows, lanes):
    """Scores of all rows; what lies beyond the last token becomes -∞."""
    a, b = _numbers(like, shard.output[shard.step & 1]), _numbers(like, shard.readout)
    scores, bias, n = _numbers(like, shard.scores), _numbers(like, shard.bias), shard.n
    gemm(a, shard.depth, 1, b, scores, n, rows, shard.tokens, shard.depth, 0, lanes)
    for row in range(shard.alive):
        for j in range(0, n, lanes):
            place = at(scores, row * n + j)
            store(place, load(place) + load(at(bias, j)))


@njit(**WITHIN)
def draw(shard, like, row, lanes):
    """The next token of one row, or -1 where its scores are no numbers."""
    scores = at(_numbers(like, shard.scores), row * shard.n)
    top = highest(scores, shard.n, lanes)
    if not top > -inf:
        return -1
    if shard.temperature == 0.0:
        return first_at(scores, shard.n, top)
    weights = _numbers(like, shard.weights)
    mass = shares(scores, weights, shard.n, shard.temperature, shard.top_k, shard.top_p, top, lanes)
    sequence = shard.skip + integers(shard.numbers)[row]
    return pick(weights, shard.n, mass * uniform(shard.seed, sequence, shard.step), lanes)


@njit(**INLINED)
def leave(shard, like, row):
    """A row's states after this step, for whoever goes on from here."""
    side, number = 1 - (shard.step & 1), integers(shard.numbers)[row]
    for field in carray(_memory(shard.field_table), shard.fields, FIELD):
        states, last = _numbers(like, field.buffer[side]), _numbers(like, field.last)
        copy_row(at(states, row * field.width), at(last, number * field.width), field.width)


@njit(**INLINED)
def close_up(shard, like, row):
    """A row is free: the last one that is alive takes it."""
    shard.alive -= 1
    other = shard.alive
    if row == other:
        return
    current, numbers = integers(shard.current), integers(shard.numbers)
    current[row], numbers[row] = current[other], numbers[other]
    side = 1 - (shard.step & 1)
    for field in carray(_memory(shard.field_table), shard.fields, FIELD):
        states = _numbers(like, field.buffer[side])
        copy_row(at(states, other * field.width), at(states, row * field.width), field.width)


@njit(**INLINED)
def say(shard, like, out, lanes):
    """One token for every row that is alive, backwards, so that a row which moves up has had its own."""
    current, numbers, given = integers(shard.current), integers(shard.numbers), integers(shard.given)
    past = shard.step - shard.begin
    for row in range(shard.alive - 1, -1, -1):
        token = given[past * shard.sequences + numbers[row]] if past < shard.given_steps else -1
        drawn = token < 0
        if drawn:
            token = draw(shard, like, row, lanes)
        if token < 0:
            shard.broken = numbers[row] if shard.broken < 0 else min(shard.broken, numbers[row])
            continue
        out[numbers[row]] = token
        current[row] = token
        if drawn and token == shard.stop:
            leave(shard, like, row)
            close_up(shard, like, row)


@njit(**INLINED)
def run_shard(address, like, lanes):
    """As many steps as are asked for, or until every sequence has ended."""
    shard = carray(_memory(address), 1, SHARD)[0]
    out = shard.out
    while shard.steps > 0 and shard.alive > 0:
        rows = -(-shard.alive // shard.tile) * shard.tile
        feed(shard, like)
        advance(shard, like, rows, lanes)
        if shard.step - shard.begin >= shard.quiet_steps:
            read_out(shard, like, rows, lanes)
        say(shard, like, integers(out), lanes)
        if shard.broken >= 0:
            break
        out += 8 * shard.sequences
        shard.step += 1
        shard.steps -= 1


@njit(**WITHIN)
def run_shards(address, like, lanes):
    """What a thread runs: shard after shard of a call, until none is left."""
    call = integers(address)  # next shard, shards, then the address of each
    while True:
        n = take(address)
        if n >= call[1]:
            break
        run_shard(call[2 + n], like, lanes)


def _speak32(address):
    run_shards(address, pointer32(0), 16)


def _speak64(address):
    run_shards(address, pointer64(0), 8)


@lru_cache
def token_loop(bits: int) -> Stored:
    """The loop for float32 (32) or float64 (64); its machine code goes when it goes."""
    files = [pkgutil.get_data("undertow.compiler", f"{name}.py") or b"" for name in PARTS]
    version = hashlib.sha256(b"\0".join(files)).hexdigest()[:16]
    return Stored.of(_speak32 if bits == 32 else _speak64, f"speak{bits}_{version}")
