"""Numbers as people read them: 2,949 · 94 % · 1.95 · 3 min 20 s."""

import math
from collections.abc import Sequence
from typing import Any, TypeGuard

OTHER_LOSSES = {
    "example": ("simple_loss", "squared error of the noise that is told, of which saying nothing has 1")
}


def is_number(value: Any) -> TypeGuard[float]:
    """Is it a finite number (a lost loss is written as null or nan)?"""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def count(value: float) -> str:
    """2949 -> 2,949"""
    return f"{round(value):,}"


def nats(value: float) -> str:
    """1.9482 -> 1.95"""
    return f"{value:.2f}"


def share(value: float) -> str:
    """0.9423 -> 94 %; never rounds a trace to nothing nor a lack to everything."""
    percent = 100 * value
    if 0 < percent < 0.95 or 99.05 < percent < 100:
        rounded = min(max(round(percent, 1), 0.1), 99.9)
        return f"{rounded:.1f} %"
    return f"{percent:.0f} %"


def loss(value: float) -> str:
    """1.9482 -> 1.95; small ones by what can be told of them: 0.02514 -> 0.0251"""
    return nats(value) if abs(value) >= 0.2 else f"{value:.3g}"


def cut(names: Sequence[str], letters: int) -> dict[str, str]:
    """Each name in so few letters: cut at its end, or, where that makes two alike, at its beginning."""
    longer = [name for name in dict.fromkeys(names) if len(name) > letters]
    ends = {name: name[: letters - 1] + "…" for name in longer}
    if len(set(ends.values())) < len(ends):
        ends = {name: "…" + name[1 - letters :] for name in longer}
    return {name: ends.get(name, name) for name in names}


def a(unit: str) -> str:
    """a text, an image"""
    return f"an {unit}" if unit[0] in "aeiou" else f"a {unit}"


def loss_note(unit: str) -> str:
    """What a loss is, under its picture."""
    return OTHER_LOSSES[unit][1] if unit in OTHER_LOSSES else f"nats {a(unit)}: lower is better"


def nats_key(unit: str) -> str:
    """How records call nats a unit: character -> nats_per_char, text -> nats_per_text; what is no nats, by its name"""
    if unit in OTHER_LOSSES:
        return OTHER_LOSSES[unit][0]
    return "nats_per_char" if unit == "character" else f"nats_per_{unit}"


def baseline(name: str, unit: str) -> str:
    """Baselines of characters are tables of counts; others have names of their own."""
    return f"{name} table" if unit == "character" else name


def duration(seconds: float) -> str:
    """200 -> 3 min 20 s"""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {left} s" if left and minutes < 10 else f"{minutes} min"


def plural(number: float, noun: str) -> str:
    """1, "layer" -> 1 layer; 2 -> 2 layers"""
    return f"{count(number)} {noun}" if number == 1 else f"{count(number)} {noun}s"


def shape(dimensions: Any) -> str:
    """(1024, 64) -> 1024×64"""
    return "×".join(str(size) for size in dimensions)


def plain(value: Any) -> str:
    """Any value of a record as a few words."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(entry)}" for key, entry in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(plain(entry) for entry in value)
    return str(value)
