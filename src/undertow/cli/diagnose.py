"""undertow diagnose SCRIPT: what is wrong with the training of any PyTorch script, which is run unedited."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from undertow.cli.arguments import parse, say
from undertow.cli.output import print_json
from undertow.cli.script_words import only_document, split, writable
from undertow.doctor.diagnosis import Diagnosis, diagnose
from undertow.doctor.remedy import sentence
from undertow.doctor.verdict import Verdict
from undertow.errors import UndertowError

ABOUT = "What is wrong with this training, and where? Options stand before the script; what follows it is its own."


@dataclass(frozen=True)
class Arguments:
    """Which script, and how long."""

    script: Annotated[str, tyro.conf.Positional]
    """A Python file that trains with PyTorch."""
    steps: int = 2000
    """Optimizer steps after which it is stopped, if nothing certain was found before. 0: run it to its end."""
    every: int = 20
    """Measure gradients each so many steps. 1: at every step."""
    out: str = "diagnosis.html"
    """The page with evidence and pictures."""
    json: bool = False
    """Print as JSON; what the script prints goes to stderr."""


def run(words: list[str]) -> int:
    """Diagnose; 0 where nothing was found, 1 where something severe was."""
    own, rest = split(words, Arguments)
    given = parse(Arguments, own, "diagnose", ABOUT)
    out = writable(given.out)
    with only_document(given.json):
        told = diagnose(Path(given.script), rest, given.steps or None, given.every)
    if given.json:
        print_json(told.document())
    else:
        print(text(told))
    say(_write(told, out))
    if told.stopped:
        return 130
    return 0 if told.healthy or not (told.severe or told.crash or not told.trained) else 1


def _write(told: Diagnosis, path: Path) -> str:
    try:
        from undertow.report.diagnosis import diagnosis_page
        from undertow.report.save import write_text
    except ImportError as missing:
        return f"No page: {missing.name} is missing (pip install 'undertow[report]')."
    try:
        write_text(path, diagnosis_page(told))
    except UndertowError as refused:  # what was found is said already
        return f"No page: {refused}"
    return f"The page: {path}"


def text(told: Diagnosis) -> str:
    """For people, the likeliest cause first."""
    head = f"{Path(told.script).name}: {told.steps:,} steps in {told.seconds:.1f} s. "
    if not told.verdicts:
        ended = f" The script ended with {told.crash}" if told.crash else ""
        return f"{head}{_nothing(told)}{ended}"
    count = len(told.verdicts)
    return "\n".join([f"{head}{count} verdict{'s' if count > 1 else ''}.", *map(_lines, told.verdicts)])


def _nothing(told: Diagnosis) -> str:
    if told.trained:
        return "Nothing was found."
    if told.children:
        return (
            f"No backward pass was seen here: the script started {told.children} processes, which are not listened "
            "to. Diagnose what they run, in one process."
        )
    return "No backward pass was seen: there is no training to judge."


def _lines(one: Verdict) -> str:
    because = f", because of {', '.join(one.because_of)}" if one.because_of else ""
    rows = [f"\n{one.rank}. {one.code} {one.name} ({one.confidence:.0%} sure{because})", f"   {one.says}"]
    rows += [f"   where:  {one.where}"] if str(one.where) else []
    rows += [f"   {'remedy:' if n == 0 else '    or:'} {sentence(r)}" for n, r in enumerate(one.remedies)]
    return "\n".join(rows)
