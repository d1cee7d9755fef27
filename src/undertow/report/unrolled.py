"""The unrolled graph as a picture: a cell copied along time, its weights drawn once.

Bottom up: inputs, a row of cells for every layer and direction, outputs. The weights of a row are one
block at its left; a line in the row's colour leads from it to each copy, with a dot where it
branches, so that what is shared is seen to be shared.
"""

from itertools import pairwise

from matplotlib.figure import Figure

from undertow.report import style, words
from undertow.report.pen import PILL, Pen, maths, pill_width, shade
from undertow.report.unrolled_sheet import (
    EDGE,
    INPUTS,
    LANE,
    LINE,
    RAIL,
    REACH,
    SKEW,
    WAY,
    Row,
    Sheet,
    listed,
)
from undertow.report.unrolled_text import text_unrolled
from undertow.report.unrolling import Unrolled

__all__ = ["Unrolled", "draw_unrolled", "text_unrolled"]


def draw_unrolled(record: Unrolled) -> Figure:
    """The graph of a cell over time, with every weight drawn once and led to all its copies.

    More than 8 steps are drawn as the first 3, dots, and the last 2.
    """
    sheet = Sheet(record)
    pen = Pen(sheet.width, sheet.height)
    size = f"{words.plural(record.layers, 'layer')}, {words.plural(record.steps, 'step')}"
    size += ", both directions" * record.bidirectional + f", {record.of}" * bool(record.of)
    style.heading(pen.figure, f"{record.cell}, unrolled in time", size)
    for row in sheet.rows:
        _weights(pen, sheet, row)
        _cells(pen, sheet, row)
        _states(pen, sheet, row)
    for index, step in enumerate(sheet.columns):
        _column(pen, sheet, index, step)
    pen.text((EDGE, INPUTS), "the same weights\nat every step", color=style.MUTED, style="italic", ha="left")
    _time(pen, sheet)
    return pen.figure


def _weights(pen: Pen, sheet: Sheet, row: Row) -> None:
    """The row's block of weights and the line that leads from it to every copy."""
    rail, lines = row.bottom - RAIL, listed(sheet.record, row.layer)
    height = 0.38 + LINE * len(lines)
    top = rail - 0.12 + height
    pen.box((EDGE, rail - 0.12), (sheet.block, height), row.color, gid=f"block {row.name}")
    pen.text((EDGE + 0.14, top - 0.18), row.name, ha="left", weight="bold", color=shade(row.color))
    for index, line in enumerate(lines):
        weight = sheet.record.weights_of(row.layer)[index][0]
        place = (EDGE + 0.14, top - 0.18 - LINE * (index + 1))
        pen.text(place, line, ha="left", gid=f"weight {row.name} {weight}")
    taps = [sheet.edges(row, index)[0] + 0.15 for index, step in enumerate(sheet.columns) if step is not None]
    pen.line([(EDGE + sheet.block, rail), (taps[-1], rail)], row.color)
    for tap in taps:
        pen.line([(tap, rail), (tap, row.bottom)], row.color)
        pen.dot((tap, rail), row.color)


def _cells(pen: Pen, sheet: Sheet, row: Row) -> None:
    for index, step in enumerate(sheet.columns):
        left, right = sheet.edges(row, index)
        middle = ((left + right) / 2, row.bottom + sheet.cell[1] / 2)
        if step is None:
            pen.text(middle, "· · ·", size=style.TITLE, color=style.MUTED)
            continue
        pen.box((left, row.bottom), sheet.cell, row.color, gid=f"cell {row.name} step {step}")
        pen.text(middle, sheet.name, size=sheet.name_size, weight="bold", linespacing=1.2)


def _states(pen: Pen, sheet: Sheet, row: Row) -> None:
    """Each state its own arrow, from its start along all copies."""
    record, way = sheet.record, row.direction
    leave, enter = (1, 0) if way == 1 else (0, 1)
    path = list(range(len(sheet.columns)))[::way]
    passed = max(0.0, WAY + SKEW - sheet.cell[0] / 2) if record.bidirectional else 0.0
    first, last = sheet.edges(row, path[0])[enter], sheet.edges(row, path[-1])[leave]
    begin, end = (0, record.steps) if way == 1 else (record.steps + 1, 1)
    for lane, state in enumerate(record.states):
        height = row.bottom + sheet.cell[1] - 0.15 - LANE * (lane + 0.62)
        label = sheet.label(state, begin, row)
        pen.pill((first - way * (REACH + pill_width(label) / 2), height), label, dashed=True)
        pen.arrow((first - way * REACH, height), (first, height))
        for source, target in pairwise(path):
            start, stop = sheet.edges(row, source)[leave], sheet.edges(row, target)[enter]
            pen.arrow((start, height), (stop, height))
            step = record.carried(sheet.columns[source], sheet.columns[target], way)
            middle = (start + way * passed + stop) / 2 - way * 0.03
            pen.text((middle, height + 0.14), sheet.label(state, step, row))
        tip = last + way * (REACH + passed)
        pen.arrow((last, height), (tip, height))
        side = "left" if way == 1 else "right"
        pen.text((tip + way * 0.06, height), sheet.label(state, end, row), ha=side)


def _column(pen: Pen, sheet: Sheet, index: int, step: int | None) -> None:
    """One step from its input through every layer to its output."""
    middle, record = sheet.middles[index], sheet.record
    if step is None:
        for height in (INPUTS, sheet.outputs):
            pen.text((middle, height), "· · ·", size=style.TITLE, color=style.MUTED)
        return
    pen.pill((middle, INPUTS), maths(record.input_label, str(step)))
    pen.pill((middle, sheet.outputs), maths(record.output_label, str(step)))
    last = sheet.outputs - PILL / 2
    if not record.bidirectional:
        tops = [INPUTS + PILL / 2, *(row.bottom + sheet.cell[1] for row in sheet.rows)]
        for top, bottom in zip(tops, [*(row.bottom for row in sheet.rows), last], strict=True):
            pen.arrow((middle, top), (middle, bottom))
        return
    node = INPUTS
    for layer in range(1, record.layers + 1):
        _two_ways(pen, sheet, (middle, node), layer)
        node = _join(pen, sheet, middle, layer)


def _two_ways(pen: Pen, sheet: Sheet, node: tuple[float, float], layer: int) -> None:
    """Both directions of a layer read what is below them: one straight up, one round the other."""
    forward, backward = (row for row in sheet.rows if row.layer == layer)
    middle, height = node
    pen.arrow((middle, height), (middle, forward.bottom))
    side = middle + WAY
    pen.line([(middle, height), (side, height), (side, backward.bottom - 0.1)], style.INK, linewidth=1.1)
    pen.arrow((side, backward.bottom - 0.12), (side, backward.bottom))


def _join(pen: Pen, sheet: Sheet, middle: float, layer: int) -> float:
    """What both directions say is joined into one: the output, or the next layer's input."""
    forward, backward = (row.bottom + sheet.cell[1] for row in sheet.rows if row.layer == layer)
    node = next((row.bottom - RAIL - 0.2 for row in sheet.rows if row.layer == layer + 1), None)
    height = sheet.outputs if node is None else node
    side = middle - WAY
    pen.line([(side, forward), (side, height), (middle - 0.3, height)], style.INK, linewidth=1.1)
    if node is None:
        pen.arrow((middle - 0.32, height), (middle - PILL / 2, height))
        pen.arrow((middle, backward), (middle, height - PILL / 2))
        return height
    pen.line([(middle - 0.3, height), (middle, height), (middle, backward)], style.INK, linewidth=1.1)
    pen.dot((middle, height), style.INK)
    return height


def _time(pen: Pen, sheet: Sheet) -> None:
    left, right = sheet.middles[0] - PILL / 2, sheet.middles[-1] + PILL / 2
    pen.text((left, 0.2), "time", color=style.MUTED, size=style.SMALL, ha="left", va="center_baseline")
    if len(sheet.columns) > 1:
        pen.arrow((left + 0.45, 0.2), (right, 0.2), style.MUTED)
