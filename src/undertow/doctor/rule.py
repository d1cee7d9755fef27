"""What a rule is, and which there are: one file each in `rules`.

A rule's file holds `RULE`; its docstring is the page that `undertow faults CODE` prints.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module

from undertow.doctor import rules
from undertow.doctor.case import Case
from undertow.doctor.verdict import Verdict


@dataclass(frozen=True)
class Rule:
    """One fault that can be told."""

    code: str
    name: str
    judge: Callable[[Case], Verdict | None]
    remedies: tuple[str, ...]
    explains: tuple[str, ...] = ()  # codes of what it causes: they stand behind it
    wiring: bool = (
        False  # something else is computed than was meant: what is learned then is not what was asked for
    )
    page: str = ""
    planted: str = ""  # what its file, and a program that has it, call it

    def ask(self, case: Case) -> Verdict | None:
        """Its verdict, with its name on it."""
        found = self.judge(case)
        if found is None:
            return None
        return replace(found, code=self.code, name=self.name, remedies=found.remedies or self.remedies)


@lru_cache(1)
def every_rule() -> tuple[Rule, ...]:
    """By code."""
    names = sorted(info.name for info in pkgutil.iter_modules(rules.__path__))
    modules = [import_module(f"{rules.__name__}.{name}") for name in names]
    pairs = zip(names, modules, strict=True)
    found = [replace(m.RULE, page=(m.__doc__ or "").strip(), planted=name) for name, m in pairs]
    return tuple(sorted(found, key=lambda rule: rule.code))
