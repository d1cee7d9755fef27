"""How a matrix lies for the processor's tile unit: sizes alone, for those who make room."""

from __future__ import annotations

SIDE = 16  # rows of a tile, and columns of float32
DEPTH = 32  # bfloat16 numbers of a tile's row
BLOCK = 1024  # bytes of a tile
SPARE = 4 * SIDE * SIDE  # numbers: where tiles that reach past the edge of a product are put first


def padded(depth: int) -> int:
    """Numbers of a rounded row: whole tiles."""
    return -(-depth // DEPTH) * DEPTH


def packed_bytes(depth: int, columns: int) -> int:
    """Bytes that the panels of a matrix take."""
    return -(-columns // SIDE) * padded(depth) * 2 * SIDE


def row_room(depth: int) -> int:
    """Numbers of float32 that a rounded row takes the room of."""
    return padded(depth) // 2


def rounded_room(rows: int, depth: int, parts: int) -> int:
    """Numbers of float32 that rounded rows take, up to whole tiles, and every thread's spare tiles behind them."""
    return (rows + SIDE) * row_room(depth) + parts * SPARE
