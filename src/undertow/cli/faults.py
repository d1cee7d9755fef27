"""undertow faults [CODE]: what the doctor can name, and how it knows."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Annotated

import tyro

from undertow.cli.arguments import parse
from undertow.cli.output import Tables, print_json
from undertow.doctor.remedy import sentence
from undertow.doctor.rule import Rule, every_rule
from undertow.errors import SettingError
from undertow.report.table import print_table


@dataclass(frozen=True)
class Arguments:
    """Which fault."""

    code: Annotated[str | None, tyro.conf.Positional] = None
    """Its code, T101 say; without one all are listed."""
    json: bool = False
    """Print as JSON."""


def run(words: list[str]) -> int:
    """List them, or show the page of one."""
    given = parse(Arguments, words, "faults", "What can the doctor name, and how does it know?")
    if given.code is None:
        return _all(given.json)
    rule = _named(given.code)
    if given.json:
        print_json(_row(rule) | {"page": rule.page, "explains": list(rule.explains)})
        return 0
    print(f"{rule.code}  {rule.name}\n\n{rule.page}\n")
    print(
        "\n".join(
            f"{'Remedies:' if n == 0 else '         '} {sentence(r)}" for n, r in enumerate(rule.remedies)
        )
    )
    if rule.explains:
        print(f"\nIt causes, and stands before: {', '.join(rule.explains)}.")
    return 0


def _named(code: str) -> Rule:
    rules = {rule.code: rule for rule in every_rule()}
    if code.upper() in rules:
        return rules[code.upper()]
    close = difflib.get_close_matches(code.upper(), rules, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise SettingError(f"faults: there is no fault {code!r}.{hint} `undertow faults` lists all.")


def _all(as_json: bool) -> int:
    rows = [_row(rule) for rule in every_rule()]
    if as_json:
        print_json(rows)
        return 0
    print_table(rows, ["code", "name", "sign"], "D in depth · L loop and loss · T in time", Tables())
    return 0


def _row(rule: Rule) -> dict[str, str]:
    return {"code": rule.code, "name": rule.name, "sign": rule.page.splitlines()[0]}
