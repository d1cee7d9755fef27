"""Writes the pages of docs that come from docstrings: faults, remedies, cells. `scripts/docs` runs it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from undertow.cells import catalog
from undertow.doctor.remedy import every_remedy
from undertow.doctor.rule import Rule, every_rule

FOLDER = Path(__file__).parent
FIELDS = ("Sign", "Harm", "Looks like it", "Remedy", "Sources", "Planted")
AREAS = {"D": "In depth", "L": "Loop and loss", "T": "In time"}
GENERATED = "<!-- From the docstrings of the code, by scripts/docs. -->"


def faults() -> Iterator[str]:
    """A page a rule."""
    yield "# Faults the doctor can name\n"
    yield (
        "What `undertow diagnose` looks for, as `undertow faults CODE` prints it. How it looks, how well it finds, "
        "and what it cannot tell: [the doctor](doctor.md).\n"
    )
    names = {rule.code: rule.name for rule in every_rule()}
    for area, title in AREAS.items():
        own = [rule for rule in every_rule() if rule.code[0] == area]
        yield f"## {title}\n"
        yield "| code | name | |\n|---|---|---|"
        yield from (f"| [{r.code}](#{_anchor(r)}) | {r.name} | {r.page.splitlines()[0]} |" for r in own)
        yield ""
        for rule in own:
            yield from _fault(rule, names)


def _fault(rule: Rule, names: dict[str, str]) -> Iterator[str]:
    yield f"### {rule.code} {rule.name}\n"
    said, *rest = rule.page.split("\n\n")
    yield f"{_flat(said)}\n"
    for block in rest:
        yield from (f"- {line}" for line in _fields(block))
        yield ""
    yield "What to do:\n"
    for name in rule.remedies:
        yield f"- [{name.replace('_', ' ')}](remedies.md#{name.replace('_', '-')}): {every_remedy()[name].says}"
    yield ""
    if rule.explains:
        after = ", ".join(f"{code} {names[code]}" for code in rule.explains)
        yield f"It causes, and is said before: {after}.\n"


def _anchor(rule: Rule) -> str:
    return f"{rule.code} {rule.name}".lower().replace(" ", "-")


def _fields(block: str) -> list[str]:
    """Its lines, those that go on put together; what a line begins with in bold."""
    found: list[str] = []
    for line in block.splitlines():
        name, colon, text = line.partition(":")
        if colon and name in FIELDS:
            found.append(f"**{name}**:{text}")
        else:
            found.append(f"{found.pop()} {line}" if found else line)
    return found


def _flat(text: str) -> str:
    return " ".join(text.split())


def remedies() -> Iterator[str]:
    """A page a remedy."""
    yield "# Remedies\n"
    yield (
        "What `undertow treat` lays on a running script, or, where only an edit can do it, shows. "
        "Where several strengths stand, each is a trial of its own.\n"
    )
    causes: dict[str, list[Rule]] = {}
    for rule in every_rule():
        for name in rule.remedies:
            causes.setdefault(name, []).append(rule)
    for name, remedy in every_remedy().items():
        yield f"## {name.replace('_', ' ')}\n"
        yield f"{remedy.says}\n"
        yield from (f"{_flat(part)}\n" for part in remedy.page.split("\n\n"))
        tried = "; ".join(remedy.called(strength) for strength in remedy.strengths)
        if remedy.apply is None:
            yield "Only a person can make this edit; it is shown, and not tried.\n"
        elif remedy.unit:
            yield f"Tried as: {tried}.\n"
        links = [f"[{rule.code} {rule.name}](faults.md#{_anchor(rule)})" for rule in causes.get(name, [])]
        yield f"For: {', '.join(links)}.\n"


def cells() -> Iterator[str]:
    """A page a cell."""
    yield "# Cells\n"
    yield (
        "Each is one step, in plain PyTorch, that is compiled for the whole sequence: `undertow.Recurrent(cell)`, "
        "`undertow train --cell NAME`. `undertow plan NAME` shows what becomes of it. A cell of your own is written "
        "the same way.\n"
    )
    for name, kind in catalog.built_in().items():
        page = sys.modules[kind.__module__].__doc__ or ""
        yield f"## {name}\n"
        yield f"```text\n{page.strip()}\n```\n"
        settings = ", ".join(f"`{key}={value}`" for key, value in catalog.settings_of(kind).items())
        yield f"State: {', '.join(kind.State._fields)}. Weights: {', '.join(kind.Weights._fields)}.\n"
        if settings:
            yield f"Settings: {settings}.\n"


PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "faults.md": faults,
    "remedies.md": remedies,
    "cells.md": cells,
}


def written(name: str) -> str:
    """What the page should hold."""
    return GENERATED + "\n\n" + "\n".join(PAGES[name]()).rstrip() + "\n"


if __name__ == "__main__":
    for name in PAGES:
        (FOLDER / name).write_text(written(name))
        print(f"docs/{name}")
