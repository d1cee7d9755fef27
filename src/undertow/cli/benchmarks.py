"""The benchmarks, one row each: a name, a line of text, its options, and how it is measured and shown.

What a row needs is loaded when its benchmark is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from undertow.errors import SettingError

if TYPE_CHECKING:
    from undertow.bench import patients

Tell = Callable[[str], None]
Table = tuple[str, list[dict[str, Any]]]  # a title, and rows as a person reads them


@dataclass(frozen=True)
class Common:
    """What every benchmark takes."""

    threads: int = 0
    """Of torch and of the kernels; 0 leaves them as they are."""
    keep: str | None = None
    """Also write the result to this file, row by row, with machine and versions."""
    json: bool = False
    """Print as JSON, see docs/benchmarks.md."""
    busy: bool = False
    """Keep a second process busy beside the measurement."""
    waiting: Literal["default", "as-is", "active", "passive"] = "default"
    """How torch's threads wait for one another: by torch's own default, by the environment, or by OMP_WAIT_POLICY."""


@dataclass(frozen=True)
class Recurrence(Common):
    """What is compared, and how long."""

    against: tuple[str, ...] = ()
    """Peers: torch, packed, eager, jax, own, torch-compile. By default all installed ones but the last, which takes
    minutes a row."""
    cells: tuple[str, ...] = ()
    """Cells of `undertow cells`, or your own as FILE.py:Class or FILE.py:*. By default each peer's own choice."""
    hidden: tuple[str, ...] = ()
    """Only the shapes of the grid with these numbers of hidden units."""
    shape: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """One shape T,B,I,H in place of the grid; may be given more than once."""
    seconds: float = 1.0
    """For the pairs of each row."""
    patient: bool = False
    """Let torch.compile unroll sequences longer than 100 steps, too."""


@dataclass(frozen=True)
class Compile(Common):
    """Which cells, how long."""

    cells: tuple[str, ...] = ()
    """Cells of `undertow cells`, or your own as FILE.py:Class. By default seven of them."""
    steps: tuple[str, ...] = ()
    """Lengths of the first walk; by default 10, 10000, 100000."""


@dataclass(frozen=True)
class Memory(Common):
    """Which cells, which shapes."""

    cells: tuple[str, ...] = ()
    """Cells of `undertow cells`, or your own as FILE.py:Class. By default lstm, gru, rnn, peephole_lstm."""
    shape: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """A shape T,B,I,H; may be given more than once. By default (100, 32, 256, 256) and (100000, 1, 16, 32)."""


@dataclass(frozen=True)
class Sampling(Common):
    """How long."""

    seconds: float = 1.0
    """For the pairs of each row."""


@dataclass(frozen=True)
class Watching(Common):
    """Which networks, how long."""

    networks: tuple[str, ...] = ()
    """Of language model, classifier, resnet, mlp; by default all."""
    seconds: float = 10.0
    """For the pairs of each row."""


@dataclass(frozen=True)
class Patients(Common):
    """Which programs, how many seeds."""

    programs: tuple[str, ...] = ()
    """Folders of programs with planted faults; by default tests/sick, benchmarks/sick."""
    faults: tuple[str, ...] = ()
    """Only these, by the names of the programs' --fault; healthy is one."""
    seeds: int = 5
    """Of each program."""
    workers: int = 2
    """Runs at the same time, each on one thread."""
    go_on: bool = False
    """Begin after the rows that --keep's file holds of the same command, commit and machine."""
    done: tyro.conf.Suppress[int] = 0  # rows that are there


@dataclass(frozen=True)
class Repairs(Patients):
    """Which programs, how many seeds."""

    seeds: int = 3
    """Of each program."""


@dataclass(frozen=True)
class Overhead(Common):
    """Which scripts, how often."""

    scripts: str = ""
    """A folder of scripts; by default benchmarks/long."""
    pairs: int = 3
    """Runs of each by itself and diagnosed, in turn."""


@dataclass(frozen=True)
class Benchmark:
    """How one is measured and shown. A row of its result is a record with `met`; with `lost`, if it has two bars."""

    row: type[Any]
    measure: Callable[[Any, Tell], Iterable[Any]]
    tables: Callable[[Sequence[Any]], list[Table]]
    picture: Callable[[Sequence[Any]], Any] | None = None


@dataclass(frozen=True)
class Entry:
    """A row of the table."""

    text: str
    arguments: type[Common]
    load: Callable[[], Benchmark]


def _recurrence() -> Benchmark:
    from undertow.bench import recurrence, row
    from undertow.bench.shape import parse_shape

    def measure(given: Recurrence, tell: Tell) -> Iterable[row.Row]:
        wanted = recurrence.Wanted(
            against=words(given.against),
            cells=words(given.cells),
            shapes=tuple(parse_shape(text) for text in given.shape),
            hidden=numbers(given.hidden, "--hidden"),
            seconds=given.seconds,
            patient=given.patient,
        )
        return recurrence.measure(wanted, tell)

    return Benchmark(row.Row, measure, row.tables)


def _compile() -> Benchmark:
    from undertow.bench import compile_time

    def measure(given: Compile, tell: Tell) -> Iterable[compile_time.Row]:
        return compile_time.measure(words(given.cells), numbers(given.steps, "--steps"), tell)

    return Benchmark(compile_time.Row, measure, compile_time.tables)


def _memory() -> Benchmark:
    from undertow.bench import memory
    from undertow.bench.shape import parse_shape

    def measure(given: Memory, tell: Tell) -> Iterable[memory.Row]:
        return memory.measure(words(given.cells), tuple(parse_shape(text) for text in given.shape), tell)

    return Benchmark(memory.Row, measure, memory.tables)


def _sampling() -> Benchmark:
    from undertow.bench import sampling

    def tables(rows: Sequence[sampling.Row]) -> list[Table]:
        return [(sampling.TEXT, [sampling.shown(row) for row in rows])]

    return Benchmark(sampling.Row, lambda given, tell: sampling.measure(given.seconds, tell), tables)


def _watching() -> Benchmark:
    from undertow.bench import watching

    def measure(given: Watching, tell: Tell) -> Iterable[watching.Row]:
        return watching.measure(given.networks, given.seconds, tell)

    return Benchmark(watching.Row, measure, watching.tables)


def _patients() -> Benchmark:
    from undertow.bench import patients
    from undertow.bench.confusion import confusion

    def measure(given: Patients, tell: Tell) -> Iterable[patients.Row]:
        return patients.measure(_wanted(given), tell)

    return Benchmark(patients.Row, measure, patients.tables, confusion)


def _repairs() -> Benchmark:
    from undertow.bench import repairs

    def measure(given: Repairs, tell: Tell) -> Iterable[repairs.Row]:
        return repairs.measure(_wanted(given), tell)

    return Benchmark(repairs.Row, measure, repairs.tables)


def _overhead() -> Benchmark:
    from undertow.bench import overhead

    def measure(given: Overhead, tell: Tell) -> Iterable[overhead.Row]:
        if given.pairs < 1:
            raise SettingError(f"--pairs must be at least 1, got {given.pairs}.")
        return overhead.measure(given.scripts, given.pairs, tell)

    return Benchmark(overhead.Row, measure, overhead.tables)


def _wanted(given: Patients) -> patients.Wanted:
    from undertow.bench.patients import Wanted

    for name, value in (("--seeds", given.seeds), ("--workers", given.workers)):
        if value < 1:
            raise SettingError(f"{name} must be at least 1, got {value}.")
    if given.go_on and not given.keep:
        raise SettingError("--go-on needs --keep FILE: the result that it goes on with.")
    return Wanted(words(given.programs), words(given.faults), given.seeds, given.workers, given.done)


BENCHMARKS = {
    "recurrence": Entry(
        "compiled cells against torch.nn, packed sequences, the eager loop, torch.compile, JAX, our own LSTM",
        Recurrence,
        _recurrence,
    ),
    "compile": Entry("how long compiling a cell takes, cold and cached, at any length", Compile, _compile),
    "memory": Entry("peak memory of training over what must be kept for backward", Memory, _memory),
    "sampling": Entry("drawing characters, against a loop of torch.nn steps", Sampling, _sampling),
    "watch": Entry("what undertow.watch costs in training, in time and memory", Watching, _watching),
    "doctor": Entry(
        "whether `undertow diagnose` names what is wrong, on programs with planted faults",
        Patients,
        _patients,
    ),
    "diagnose": Entry("what `undertow diagnose` costs a script, in time", Overhead, _overhead),
    "treat": Entry(
        "whether `undertow treat` mends it, against the healthy twins and remedies drawn at random",
        Repairs,
        _repairs,
    ),
}


def words(given: Iterable[str]) -> tuple[str, ...]:
    """a,b c -> a, b, c"""
    return tuple(part.strip() for text in given for part in text.split(",") if part.strip())


def numbers(given: Iterable[str], option: str) -> tuple[int, ...]:
    """Whole numbers above zero, split at commas.

    Raises:
        SettingError: something else.
    """
    found = words(given)
    for text in found:
        if not (text.isascii() and text.isdigit() and 0 < int(text) < 10**9):
            raise SettingError(f"{option} takes whole numbers above zero, as in 64,128; got {text!r}.")
    return tuple(map(int, found))
