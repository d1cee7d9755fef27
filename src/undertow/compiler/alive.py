"""Which units are above zero anywhere? In one pass over memory."""

from __future__ import annotations

from array import array

from undertow.compiler.atomic import integers
from undertow.compiler.machine_code import Stored
from undertow.compiler.shards import share_of
from undertow.compiler.vector import at, get, largest, load_part, pointer32, put, select, spread32, store_part

LINE = 16  # numbers that are looked at together


def _share(address):
    call = integers(
        address
    )  # numbers, rows, distance of rows, units, places of a unit, the largest of each unit
    highest, units, places = pointer32(call[5]), call[3], call[4]
    for unit in range(units):
        put(at(highest, unit), 0.0)
    for row in range(call[1]):
        x = at(pointer32(call[0]), row * call[2])
        if places == 1:
            for unit in range(0, units, LINE):
                there = min(LINE, units - unit)
                numbers, most = load_part(at(x, unit), there), load_part(at(highest, unit), there)
                store_part(at(highest, unit), select(numbers > most, numbers, most), there)
        else:
            for unit in range(units):
                most = spread32(get(at(highest, unit)))
                for place in range(0, places, LINE):
                    numbers = load_part(at(x, unit * places + place), min(LINE, places - place))
                    most = select(numbers > most, numbers, most)
                put(at(highest, unit), largest(most))


_ALIVE = Stored.of(_share, "alive")


def highest(address: int, rows: int, pitch: int, units: int, places: int) -> array[float]:
    """The largest of each unit over all rows and places, or 0 where none is above it.

    Of float32 numbers [rows, units, places] at an address; rows lie `pitch` numbers apart, units and places without
    gaps.
    """
    found = array("f", bytes(4 * units))
    call = array("q", [address, rows, pitch, units, places, found.buffer_info()[0]])
    share_of(_ALIVE).alone(call.buffer_info()[0])
    return found
