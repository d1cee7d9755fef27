"""undertow bench NAME: is it fast here, against what? undertow bench show FILE prints a kept result again."""

from __future__ import annotations

import difflib
import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from undertow.cli.arguments import parse, say
from undertow.cli.benchmarks import BENCHMARKS, Benchmark, Common, Patients
from undertow.cli.output import print_json
from undertow.errors import SettingError
from undertow.report.table import print_table

SHOW = "print a kept result again, what is lost first"
STOPPED = 130  # after Ctrl-C


@dataclass(frozen=True)
class Shown:
    """Which file."""

    file: Annotated[str, tyro.conf.Positional]
    """Written by --keep."""
    json: bool = False
    """Print as JSON."""
    picture: str | None = None
    """Draw it, too, into this PNG, where the benchmark has a picture."""


def run(words: list[str]) -> int:
    """Measure, print what is lost first; status 1 where a bar is missed."""
    if not words or words[0] in ("-h", "--help"):
        print("usage: undertow bench NAME [OPTIONS]\n")
        print("\n".join(f"  {name:<12} {text}" for name, text in _names().items()))
        return 0
    name = words[0]
    if name not in _names():
        close = difflib.get_close_matches(name, _names(), n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise SettingError(f"There is no benchmark {name!r}.{hint} Benchmarks: {', '.join(_names())}.")
    return _show(words[1:]) if name == "show" else _measure(name, words)


def _names() -> dict[str, str]:
    return {name: entry.text for name, entry in BENCHMARKS.items()} | {"show": SHOW}


def _measure(name: str, words: list[str]) -> int:
    entry = BENCHMARKS[name]
    given = parse(entry.arguments, words[1:], f"bench {name}", entry.text)
    if given.threads < 0:
        raise SettingError(f"--threads must not be below zero, got {given.threads}.")
    _wait(given.waiting)
    import torch

    from undertow.bench.kept import document

    if given.threads:
        torch.set_num_threads(given.threads)
    benchmark = entry.load()
    rows, facts = _collect(benchmark, given, document(name, words, given.busy))
    _print(benchmark, rows, facts, given.json)
    if not facts["finished"]:
        say("undertow: Stopped. The rows above are those that were measured.")
        return STOPPED
    return _status(rows)


def _wait(how: str) -> None:
    """Set how OpenMP's threads wait. They read it once, when torch is loaded, and so before that."""
    if how == "as-is":
        return
    os.environ.pop("GOMP_SPINCOUNT", None)
    if how == "default":
        os.environ.pop("OMP_WAIT_POLICY", None)
    else:
        os.environ["OMP_WAIT_POLICY"] = how


def _collect(benchmark: Benchmark, given: Common, facts: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Rows as they come, kept after each; and the facts, with whether all rows are there and how long they took."""
    from undertow.bench.busy import neighbour
    from undertow.bench.kept import keep

    rows, before = _earlier(benchmark, given, facts)
    if isinstance(given, Patients):
        given = replace(given, done=len(rows))
    begin = time.monotonic() - before

    def so_far(finished: bool) -> dict[str, Any]:
        now = facts | {"finished": finished, "took_seconds": round(time.monotonic() - begin, 1)}
        if given.keep:
            keep(Path(given.keep), now, rows)
        return now

    try:
        with neighbour(given.busy):
            for row in benchmark.measure(given, say):
                rows.append(row)
                so_far(finished=False)
        return rows, so_far(finished=True)
    except KeyboardInterrupt:
        return rows, so_far(finished=False)


def _earlier(benchmark: Benchmark, given: Common, facts: dict[str, Any]) -> tuple[list[Any], float]:
    """With --go-on, the rows of a run that was broken off, and the seconds it took."""
    from undertow.bench.kept import continued, rows_in

    if not isinstance(given, Patients) or not given.go_on or not given.keep or not Path(given.keep).exists():
        return [], 0.0
    path = Path(given.keep)
    found = continued(path, facts)
    rows = rows_in(found, benchmark.row, path)
    say(f"{path} holds {len(rows)} rows; going on after them.")
    return rows, float(found["took_seconds"])


def _show(words: list[str]) -> int:
    given = parse(Shown, words, "bench show", SHOW)
    from undertow.bench.kept import read, rows_in

    path = Path(given.file)
    found = read(path)
    if found["benchmark"] not in BENCHMARKS:
        raise SettingError(f"{path} holds a benchmark {found['benchmark']!r} that is not known here.")
    benchmark = BENCHMARKS[found["benchmark"]].load()
    rows = rows_in(found, benchmark.row, path)
    _print(benchmark, rows, {key: value for key, value in found.items() if key != "rows"}, given.json)
    if given.picture:
        _draw(benchmark, rows, Path(given.picture), found["benchmark"])
    return _status(rows)


def _draw(benchmark: Benchmark, rows: Sequence[Any], path: Path, name: str) -> None:
    from undertow.report.save import figure_png, write_bytes

    figure = benchmark.picture(rows) if benchmark.picture is not None else None
    if figure is None:
        raise SettingError(f"bench {name} has no picture of these rows.")
    write_bytes(path, figure_png(figure))
    say(f"The picture: {path}")


def _print(benchmark: Benchmark, rows: Sequence[Any], facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(facts | {"rows": [asdict(row) for row in rows]})
        return
    print(_circumstances(facts))
    for title, table in benchmark.tables(rows):
        if table:
            print()
            print_table(table, _columns(table), title, sys.stdout)


def _circumstances(facts: dict[str, Any]) -> str:
    """Where, when and with what, in a few lines."""
    machine, versions = facts["machine"], facts["versions"]
    caches = ", ".join(f"{name} {size}" for name, size in machine["caches"].items())
    settings = " ".join(f"{name}={value}" for name, value in facts["environment"].items())
    return "\n".join(
        [
            f"{facts['command']}   {facts['created']}, "
            f"{facts['took_seconds']:.0f} s{'' if facts['finished'] else ', NOT FINISHED'}",
            f"{machine['processor']}, {facts['threads']} threads of {machine['cores']} cores, {caches}, "
            f"{machine['instructions']}{', beside a busy process' if facts['busy'] else ''}",
            ", ".join(f"{name} {number}" for name, number in versions.items()),
            settings or "no setting of the environment",
        ]
    )


def _columns(table: Sequence[dict[str, Any]]) -> list[str]:
    """Those that hold something in any row."""
    return [name for name in table[0] if any(row.get(name) not in ("", None) for row in table)]


def _status(rows: Iterable[Any]) -> int:
    """1 where a bar is missed, or nothing was measured."""
    lost = [getattr(row, "lost", row.met is False) for row in rows]
    return 1 if any(lost) or not lost else 0
