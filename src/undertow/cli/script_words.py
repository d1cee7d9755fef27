"""The words of a command whose last one is somebody's script: ours before it, the script's own after it."""

from __future__ import annotations

from dataclasses import fields


def split(words: list[str], kind: type) -> tuple[list[str], list[str]]:
    """Our words, the script among them, and the script's own; `kind` is the dataclass of our options."""
    valued = {f"--{f.name.replace('_', '-')}" for f in fields(kind) if f.type not in ("bool", bool)}
    for number, word in enumerate(words):
        if not word.startswith("-") and not (number and words[number - 1] in valued):
            return words[: number + 1], words[number + 1 :]
    return words, []
