"""Asks every rule, and puts what they say in order: a cause before what it causes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

from undertow.doctor.case import Case
from undertow.doctor.rule import Rule, every_rule
from undertow.doctor.verdict import Verdict


class DoctorWarning(UserWarning):
    """Something could not be looked at."""


def examine(case: Case) -> list[Verdict]:
    """What is wrong, the likeliest cause first; nothing where nothing is."""
    found = [_asked(rule, case) for rule in every_rule()]
    return ordered([v for v in found if v is not None], every_rule())


def _asked(rule: Rule, case: Case) -> Verdict | None:
    """A rule that fails on what nobody foresaw says so, and leaves the others their word."""
    try:
        return rule.ask(case)
    except Exception as error:  # noqa: BLE001
        warnings.warn(
            f"undertow: rule {rule.code} could not judge: {type(error).__name__}: {error}",
            DoctorWarning,
            stacklevel=2,
        )
        return None


def ordered(verdicts: Sequence[Verdict], rules: Sequence[Rule]) -> list[Verdict]:
    """Causes first, then what they explain, each by confidence; of two that are as sure, wrong wiring first."""
    explains = {rule.code: set(rule.explains) for rule in rules}
    wiring = {rule.code for rule in rules if rule.wiring}
    present = {v.code for v in verdicts}
    because = {
        v.code: tuple(
            sorted(code for code in present if v.code in explains[code] and code not in explains[v.code])
        )
        for v in verdicts
    }
    rows = sorted(
        verdicts,
        key=lambda v: (
            _depth(v.code, because),
            -v.confidence,
            v.code not in wiring,
            v.code,
        ),
    )
    return [replace(v, rank=n + 1, because_of=because[v.code]) for n, v in enumerate(rows)]


def _depth(code: str, because: dict[str, tuple[str, ...]], seen: frozenset[str] = frozenset()) -> int:
    """How many causes stand before it."""
    if code in seen:
        return 0
    return max((1 + _depth(cause, because, seen | {code}) for cause in because[code]), default=0)
