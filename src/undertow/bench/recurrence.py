"""Is the compiled recurrence faster than what people use now, on this machine, forward and backward?

Correctness first: nothing is timed before outputs and gradients agree. Paired runs in one process, medians of ratios
with their 5-95 % range. A peer that fails is a row that says so; the others are measured all the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial

import torch

from undertow.bench import named
from undertow.bench.agree import disagreement
from undertow.bench.child import ChildError
from undertow.bench.compile_time import cold
from undertow.bench.machine import beside, gemm_gflops, read_gbytes
from undertow.bench.paired import paired
from undertow.bench.peers import PEERS, Match, Peer
from undertow.bench.problem import Problem, Side, pose
from undertow.bench.row import Row, judged, told
from undertow.bench.shape import Shape
from undertow.bench.work import bytes_read, flops, recurrent_bytes
from undertow.cells.cell import Cell
from undertow.errors import MissingExtraError, SettingError

Tell = Callable[[str], None]
PATIENT_THREADS = (
    "torch's threads wait for less long than by its default here, which makes its own layers slower at small sizes on "
    "a quiet machine: a ratio there is worth something only if it holds with --waiting default, too"
)


@dataclass(frozen=True)
class Wanted:
    """Which rows, and how long each may take. What is empty is chosen by the peers."""

    against: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    shapes: tuple[Shape, ...] = ()
    hidden: tuple[int, ...] = ()
    seconds: float = 1.0
    patient: bool = False


@dataclass(frozen=True)
class Job:
    """One cell against one peer at one shape."""

    name: str
    kind: type[Cell]
    against: str
    shape: Shape

    @property
    def peer(self) -> Peer:
        return PEERS[self.against]


def measure(wanted: Wanted, tell: Tell) -> Iterator[Row]:
    """Every row, as soon as it is there.

    Raises:
        SettingError: an unknown peer, cell or size; or nothing is left to be compared.
        MissingExtraError: a peer was asked for by name and is not installed.
    """
    work = jobs(wanted, tell)
    patient = os.environ.get("OMP_WAIT_POLICY", "").lower() == "passive" or "GOMP_SPINCOUNT" in os.environ
    if patient and torch.get_num_threads() > 1:
        tell(PATIENT_THREADS)
    for number, job in enumerate(work, 1):
        for row in compared(job, wanted):
            tell(f"{number} of {len(work)}  {told(row)}")
            yield row


def jobs(wanted: Wanted, tell: Tell) -> list[Job]:
    """What is to be done, checked as a whole before anything is measured."""
    for name in named.expand(wanted.cells):
        named.find(name)
    found: list[Job] = []
    for against in _peers(wanted, tell):
        peer = PEERS[against]
        for name in named.expand(wanted.cells or peer.cells):
            kind = named.find(name)
            refusal = peer.refuses(kind)
            if refusal:
                tell(f"{name} is not compared with {against}: {refusal}.")
                continue
            shapes = [
                s for s in wanted.shapes or peer.shapes if not wanted.hidden or s.hidden in wanted.hidden
            ]
            found += [Job(name, kind, against, shape) for shape in shapes]
    if not found:
        raise SettingError(
            "Nothing is left to be compared: no peer takes these cells, or no shape of the grid has these hidden "
            "units. Leave --cells, --hidden or --against out, or give a --shape."
        )
    return found


def compared(job: Job, wanted: Wanted) -> Iterator[Row]:
    """The rows of one job."""
    blank = Row(job.name, str(job.shape), job.against, "train")
    try:
        problem = pose(job.name, job.kind, job.shape, mixed=job.peer.mixed)
        reason = "" if wanted.patient else job.peer.too_long(problem)
        matches = [] if reason else job.peer.matches(problem)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other rows are measured
        yield replace(blank, error=_in_one_line(error))
        return
    if reason:
        yield replace(blank, error=reason)
    for match in matches:
        yield from _matched(replace(blank, way=match.way), problem, match, wanted.seconds)


def _matched(blank: Row, problem: Problem, match: Match, seconds: float) -> Iterator[Row]:
    """Both sides are built, compared, and timed."""
    blanks = [replace(blank, mode=mode) for mode in match.modes]
    try:
        ours = match.ours()
        found = ours.results()
    except Exception as error:  # noqa: BLE001 - a kernel that fails has lost
        yield from (replace(b, error=f"ours failed: {_in_one_line(error)}", met=False) for b in blanks)
        return
    try:
        base = match.base()
        if match.oracles is None:
            wrong = disagreement(found, base.results(), match.exact)
        else:
            wanted = [oracle().results() for oracle in match.oracles]
            wrong = disagreement(found, wanted[0], match.exact) or disagreement(base.results(), wanted[1])
        if wrong:
            yield from (replace(b, error=f"not timed, for {wrong}", met=False) for b in blanks)
            return
        for b in blanks:
            yield timed_row(b, problem, base, ours, seconds)
        if base.first_seconds is not None:
            yield compile_row(replace(blank, mode="compile"), base.first_seconds)
    except Exception as error:  # noqa: BLE001 - a peer may fail in any way; the run goes on
        yield replace(blank, error=f"{blank.against} failed: {_in_one_line(error)}")


def timed_row(row: Row, problem: Problem, base: Side, ours: Side, seconds: float) -> Row:
    """Paired times, and the two roofs measured beside them."""
    shape, size = problem.shape, recurrent_bytes(problem)
    with beside(gemm_gflops) as gemm, beside(_reading(shape, size)) as reading:
        times = paired(getattr(base, row.mode), getattr(ours, row.mode), seconds, gemm.once_more)
    speed = flops(problem, row.mode) / times.ours_ms / 1e6
    row = replace(row, **asdict(times), gflops=speed, gemm_gflops=gemm.speed, of_gemm=speed / gemm.speed)
    if reading.before:
        rate = bytes_read(problem, row.mode) / times.ours_ms / 1e6
        row = replace(row, gbytes=rate, read_gbytes=reading.speed, of_bandwidth=rate / reading.speed)
    return replace(row, **judged(row))


def compile_row(row: Row, base_seconds: float) -> Row:
    """How long until the first result: the base's first training call, and ours in a fresh process and cache."""
    try:
        ours = cold(row.cell, row.shape)
    except ChildError as error:
        return replace(row, error=f"ours failed: {error}", met=False)
    row = replace(row, base_ms=1e3 * base_seconds, ours_ms=1e3 * ours, ratio=base_seconds / ours)
    return replace(row, **judged(row))


def _reading(shape: Shape, size: int) -> Callable[[], list[float]]:
    """At batch 1 the weights are read for one row only, and reading them is what takes the time."""
    return partial(read_gbytes, size) if shape.batch == 1 and size else list


def _peers(wanted: Wanted, tell: Tell) -> list[str]:
    """Peers by name; by default all that are installed and quick."""
    for name in wanted.against:
        if name not in PEERS:
            raise SettingError(f"There is no peer {name!r}. Peers: {', '.join(PEERS)}.")
        if PEERS[name].missing():
            raise MissingExtraError(f"--against {name}: {PEERS[name].missing()}")
    if wanted.against:
        return list(dict.fromkeys(wanted.against))
    chosen = [name for name, peer in PEERS.items() if peer.by_default]
    for name in chosen:
        if PEERS[name].missing():
            tell(f"{name} is left out: {PEERS[name].missing()}")
    return [name for name in chosen if not PEERS[name].missing()]


def _in_one_line(error: BaseException) -> str:
    words = str(error).strip().splitlines()
    return f"{type(error).__name__}: {words[0]}" if words else type(error).__name__
