"""Does `undertow treat` mend what is wrong? Programs with one planted fault each, against their healthy twins.

The gap is what the fault costs: the program's own score with it against without it. Repaired is a program of which the
recommended remedy gives back nine tenths of the gap. Beside it: as many remedies drawn at random from all that there
are, the best of them by the same score. Only faults count for which some remedy can be laid on from outside, and only
programs whose fault costs something.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from undertow.bench.patients import FOLDERS, SET, Wanted, constants, programs_in
from undertow.doctor.effect import LEAST, beyond
from undertow.doctor.plan import Plan
from undertow.doctor.remedy import every_remedy
from undertow.doctor.rule import Rule, every_rule
from undertow.doctor.score import Score, score_of
from undertow.doctor.treat import Treatment, treat
from undertow.doctor.verdict import Verdict
from undertow.doctor.ward import Arm, Ward
from undertow.errors import UndertowError

RECOVERED = 0.9  # of the gap
REPAIRED = 0.9  # of the programs: the bar
AT_LEAST = 3  # remedies drawn at random


@dataclass(frozen=True)
class Row:
    """One program with one fault."""

    folder: str
    program: str
    fault: str
    code: str
    goal: str
    named: bool  # was it said first?
    control: float  # scores: the mean over seeds; not a number where there was none
    twin: float
    treated: float | None
    remedy: str  # recommended; empty: none helped
    arms: int
    gap: float | None  # the share that is given back; None where the fault costs nothing
    at_random: float | None  # the same, by remedies drawn at random
    random_remedy: str
    seconds: float
    error: str = ""

    @property
    def counts(self) -> bool:
        """Does the fault cost something?"""
        return self.gap is not None

    @property
    def met(self) -> bool:
        """Is it repaired?"""
        return self.gap is None or self.gap >= RECOVERED


def measure(wanted: Wanted, tell: Callable[[str], None]) -> Iterator[Row]:
    """Every program with each of its faults that can be mended from outside.

    Raises:
        DataError: a folder holds no program.
    """
    for path, rule in list(_pairs(wanted))[wanted.done :]:
        row = _row(path, rule, constants(path)["METRIC"], wanted)
        tell(_line(row))
        yield row


def _pairs(wanted: Wanted) -> Iterator[tuple[Path, Rule]]:
    rules = {rule.planted: rule for rule in every_rule() if repairable(rule)}
    for folder in wanted.folders or FOLDERS:
        for path in programs_in(folder):
            for fault in constants(path).get("FAULTS", ()):
                if fault in rules and (not wanted.faults or fault in wanted.faults):
                    yield path, rules[fault]


def repairable(rule: Rule) -> bool:
    """Can one of its remedies be laid on from outside?"""
    return any(every_remedy()[name].apply is not None for name in rule.remedies)


def _line(row: Row) -> str:
    gap = (
        "costs nothing"
        if row.gap is None
        else f"{row.gap:.0%} given back, at random {row.at_random or 0:.0%}"
    )
    return f"{'ok  ' if row.met else 'MISS'} {row.program} {row.fault}: {row.remedy or 'no remedy'}, {gap} {row.error}"


def _row(path: Path, rule: Rule, metric: tuple[str, str], wanted: Wanted) -> Row:
    began = time.perf_counter()
    plan = Plan(metric[0], metric[1], wanted.seeds, "--seed", steps=0, workers=wanted.workers)
    arguments = ("--fault", rule.planted)
    told, error = None, ""
    try:
        told = treat(path, arguments, plan)
    except UndertowError as refused:
        error = str(refused)
    sick, healthy = Ward(str(path), arguments, plan), Ward(str(path), (), plan)
    draws = range(wanted.seeds)
    twins = sick.together([(healthy, Arm(), d) for d in draws])
    score = score_of(next(o for o in twins if o.output), plan, str(path))
    twin = [score.read(o) for o in twins]
    control = list(told.control) if told else []
    if len(control) < wanted.seeds:  # nothing was tried
        control = [score.read(o) for o in sick.together([(sick, Arm(), d) for d in draws])]
    drawn = _at_random(sick, score, max(AT_LEAST, len(told.trials) if told else 0), path.stem + rule.planted)
    return _judged(path, rule, (plan, told), (control, twin, drawn), error, time.perf_counter() - began)


def _at_random(ward: Ward, score: Score, count: int, name: str) -> list[tuple[str, list[float]]]:
    """So many remedies, whatever is wrong."""
    every = [
        Arm(_nothing(), r, s) for r in every_remedy().values() if r.apply is not None for s in r.strengths
    ]
    arms = random.Random(name).sample(every, count)
    draws = range(ward.plan.draws)
    outcomes = ward.together([(ward, arm, d) for arm in arms for d in draws])
    rows = [outcomes[n : n + len(draws)] for n in range(0, len(outcomes), len(draws))]
    return [(_called(arm), [score.read(o) for o in own]) for arm, own in zip(arms, rows, strict=True)]


def _called(arm: Arm) -> str:
    return arm.remedy.called(arm.strength) if arm.remedy else ""


def _nothing() -> dict[str, Any]:
    return asdict(Verdict("", "", 0.0, ""))


Numbers = tuple[list[float], list[float], list[tuple[str, list[float]]]]


def _judged(
    path: Path, rule: Rule, tried: tuple[Plan, Treatment | None], numbers: Numbers, error: str, seconds: float
) -> Row:
    (plan, told), (control, twin, drawn) = tried, numbers
    best = told.best if told else None
    every = [*control, *twin, *(best.scores if best else ()), *(x for _, row in drawn for x in row)]
    worst = beyond(every, plan.goal)
    sign = 1.0 if plan.goal == "lower" else -1.0

    def level(scores: Sequence[float]) -> float:
        return sign * mean(x if math.isfinite(x) else worst for x in scores)

    cost = level(control) - level(twin)
    counts = cost > LEAST * max(abs(level(control)), 1e-12)
    luck = min(drawn, key=lambda pair: level(pair[1]))
    return Row(
        str(path.parent),
        path.stem,
        rule.planted,
        rule.code,
        plan.goal,
        bool(told and told.verdicts and told.verdicts[0]["code"] == rule.code),
        sign * level(control),
        sign * level(twin),
        sign * level(best.scores) if best else None,
        best.called if best else "",
        len(told.trials) if told else 0,
        None if not counts else (level(control) - level(best.scores)) / cost if best else 0.0,
        None if not counts else max(0.0, (level(control) - level(luck[1])) / cost),
        luck[0],
        seconds,
        error,
    )


def tables(rows: Sequence[Row]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Together, what was missed, by fault."""
    halves = sorted({row.folder for row in rows}, key=lambda folder: folder == SET)
    title = f"Together; bar: {RECOVERED:.0%} of the gap given back in {REPAIRED:.0%}"
    return [
        (title, [_together(half, rows) for half in halves]),
        ("What was not repaired", [_shown(row) for row in rows if row.counts and not row.met]),
        *((f"By fault, {half}", _by_fault([r for r in rows if r.folder == half])) for half in halves),
    ]


def _together(half: str, rows: Sequence[Row]) -> dict[str, Any]:
    own = [row for row in rows if row.folder == half and row.counts]
    chance = [row.at_random is not None and row.at_random >= RECOVERED for row in own]
    return {
        "programs": half + (" (thresholds were set here)" if half == SET else ""),
        "that lose something": len(own),
        "repaired": f"{mean(row.met for row in own):.1%}" if own else "",
        "at random": f"{mean(chance):.1%}" if own else "",
        "gap given back": f"{mean(_within(row.gap) for row in own):.1%}" if own else "",
        "gap at random": f"{mean(_within(row.at_random) for row in own):.1%}" if own else "",
        "arms": f"{mean(row.arms for row in own):.1f}" if own else "",
    }


def _within(share: float | None) -> float:
    return min(1.0, max(0.0, share or 0.0))


def _shown(row: Row) -> dict[str, Any]:
    return {
        "program": row.program,
        "fault": row.fault,
        "named": "yes" if row.named else "no",
        "as it is": row.control,
        "treated": row.treated,
        "twin": row.twin,
        "remedy": row.remedy or row.error or "none helped",
    }


def _by_fault(rows: Sequence[Row]) -> list[dict[str, Any]]:
    found = []
    for code in sorted({row.code for row in rows}):
        own = [row for row in rows if row.code == code and row.counts]
        if own:
            found.append(
                {
                    "code": code,
                    "fault": own[0].fault.replace("_", " "),
                    "programs": len(own),
                    "repaired": f"{mean(row.met for row in own):.0%}",
                    "by": ", ".join(sorted({row.remedy for row in own if row.met and row.remedy})),
                }
            )
    return found
