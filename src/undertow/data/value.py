"""Value: one string of a row, how it is cleaned, and what may be wrong with it."""

import re

MISREAD = {
    code: bytes([code]).decode("cp1252")
    for code in range(0x80, 0xA0)
    if code not in {0x81, 0x8D, 0x8F, 0x90, 0x9D}
}

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # every control character but tab, LF, CR

BREAKS = re.compile(r"[\r\n]+")

ROOM = 1 << 16  # characters of a line that may be blank space around a string


def cleaned(value: str | None) -> str:
    """Which string is meant? Space around it is dropped; a line break inside counts as a space."""
    return BREAKS.sub(" ", value.strip()) if value else ""


def restored(value: str) -> str:
    """Which message is meant? Of messages that were once read as Latin-1 and are none: U+0092 is ’, as in browsers."""
    return value.translate(MISREAD)


def fault_of(value: str, max_length: int) -> str:
    """What is wrong with this string? Too long, a control character, or nothing: an empty answer."""
    if len(value) > max_length:
        return too_long(max_length)
    found = CONTROL.search(value)
    return f"control character U+{ord(found[0]):04X} at character {found.start() + 1}" if found else ""


def checked_pair(
    values: tuple[str | None, ...], fault: str, names: tuple[str, str], max_length: int
) -> tuple[str, str, str]:
    """Which two strings does this row hold, and what is wrong with them? What is wrong with the row goes before."""
    first, second = (restored(cleaned(value)) for value in values)
    for name, value in zip(names, (first, second), strict=True):
        found = fault_of(value, max_length)
        fault = fault or (f"the {name}: {found}" if found else "")
    return first, second, fault


def too_long(max_length: int) -> str:
    """How is it said that a string is too long?"""
    return f"longer than {max_length:,} characters"


def remedy_of(fault: str, format: str = "lines") -> str:
    """What is to be done about a row that has this fault, in a file of this format?"""
    if "longer than" in fault:
        quote = "Is a quote opened and never closed? Else allow" if format == "csv" else "Allow"
        return f"{quote} it with --max-length, or leave such rows out with --skip-bad."
    if "control character" in fault:
        return "Is the encoding right (--encoding cp1252)? Else leave such rows out with --skip-bad."
    return "Mend it, or leave such rows out with --skip-bad."
