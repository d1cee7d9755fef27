"""LZW as the program `compress` writes it: codes that grow from 9 bits on, each a string that was met before.

Source: Welch 1984. Codes are written in groups of eight, so a group is padded wherever their width changes.
"""

CLEAR = 256  # the code that empties the table


def expanded(data: bytes, settings: int) -> bytes:
    """The bytes that were compressed.

    Args:
        data: codes alone, without the three bytes that begin a file of `compress`.
        settings: the third of these: the widest code in bits, and 128 where a code clears the table.

    Raises:
        ValueError: a code that nothing was said of.
    """
    widest, clears = settings & 31, bool(settings & 128)
    fresh = [bytes((value,)) for value in range(256)] + [b""] * clears
    table, out, last = fresh.copy(), bytearray(), b""
    at, group, width = (
        0,
        0,
        9,
    )  # in bits: where the code is, where codes of this width began, how wide they are
    while at + width <= 8 * len(data):
        code = int.from_bytes(data[at >> 3 : (at >> 3) + 4], "little") >> (at & 7) & ((1 << width) - 1)
        at += width
        if clears and code == CLEAR:
            table, last = fresh.copy(), b""
            at, width = _padded(at, group, width), 9
            group = at
            continue
        if code > len(table) or (code == len(table) and not last):
            raise ValueError("a part of it is damaged")
        met = table[code] if code < len(table) else last + last[:1]
        out += met
        if last and len(table) < 1 << widest:
            table.append(last + met[:1])
        last = met
        if len(table) == 1 << width and width < widest:
            at, width = _padded(at, group, width), width + 1
            group = at
    return bytes(out)


def _padded(at: int, group: int, width: int) -> int:
    """Where the group of eight codes ends."""
    return at + (group - at) % (8 * width)
